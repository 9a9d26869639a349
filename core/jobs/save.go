package jobs

import (
	"context"
	"errors"
	"slices"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/chat"
	"nextquill/core/datastore"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	"nextquill/core/train"
	"nextquill/core/weights"
)

// save writes the adapter, or the model if all weights trained. The checkpoints are deleted unless
// the request keeps them.
func (j *personalizeJob) save(ctx context.Context) error {
	p, store := &j.request, j.env.Blobs
	write := j.saveAdapter
	if p.Full {
		write = j.saveModel
	}
	j.env.ForgetFolder(p.Out)
	if err := write(ctx); err != nil || p.KeepCheckpoint {
		return err
	}
	return train.Checkpoints{Store: store, Dir: p.Out}.Delete(ctx)
}

// saveAdapter writes the adapter in PEFT's format.
func (j *personalizeJob) saveAdapter(ctx context.Context) error {
	a, err := j.model.Adapter(ctx)
	if err != nil {
		return err
	}
	a.BaseModel = j.baseName
	a.Provenance = weights.Provenance{Template: j.data.Template.Name, Base: j.model.Base()}
	slices.Sort(a.Targets)
	if err := j.saveDatastore(ctx, datastore.Digest(a)); err != nil {
		return err
	}
	return weights.WriteAdapter(ctx, j.env.Blobs, j.request.Out, a)
}

// saveDatastore writes the datastore of the writer's own samples, or removes that of an earlier
// adapter in the folder.
func (j *personalizeJob) saveDatastore(ctx context.Context, digest string) error {
	p := &j.request
	name := blob.Join(p.Out, datastore.FileName)
	if p.Datastore == nil {
		return j.env.Blobs.Delete(ctx, name)
	}
	samples, skip, left := newest(j.samples.Samples[:j.own])
	d, err := rememberSamples(ctx, j.env, j.model.Model, samples, skip, *p.Datastore, digest)
	if err != nil {
		return err
	}
	j.remembered = &api.RememberResult{Entries: len(d.Tokens), Left: left}
	if p.Datastore.Fit {
		if j.remembered.Fitted, err = fitShare(ctx, j.env, j.model.Model, d, j.heldout); err != nil {
			return err
		}
	}
	j.remembered.Share = d.Share
	return datastore.Write(ctx, j.env.Blobs, name, d)
}

// maxModelFile bounds each of the model files that are copied, in bytes.
const maxModelFile = 64 << 20

// modelFile is a file of a model folder that training does not change.
type modelFile struct {
	name     string
	required bool
}

// modelFiles lists those files. The config is the last, so that a folder with a config is complete.
func modelFiles() []modelFile {
	return []modelFile{
		{weights.GenerationName, false}, {chat.ConfigName, false}, {chat.TemplateName, false},
		{tokenizer.FileName, true}, {weights.ConfigName, true},
	}
}

// checkModelFiles refuses, before training, a model that saveModel could not write: a GGUF file has
// none of the required files.
func checkModelFiles(ctx context.Context, store blob.Store, dir string) error {
	for _, f := range modelFiles() {
		if !f.required {
			continue
		}
		if _, err := store.Size(ctx, blob.Join(dir, f.name)); err != nil {
			return fault.New(fault.Unsupported, dir, f.name, "is needed to save all weights").WithCause(err).
				WithRemedy("train an adapter, or start from a folder with %s and %s",
					weights.ConfigName, tokenizer.FileName)
		}
	}
	return nil
}

// saveModel writes a model folder, the weights first.
func (j *personalizeJob) saveModel(ctx context.Context) error {
	p, store := &j.request, j.env.Blobs
	tensors, err := j.model.Weights(ctx)
	if err != nil {
		return err
	}
	weightsFile := blob.Join(p.Out, weights.SingleName)
	if err := weights.Write(ctx, store, weightsFile, tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	for _, f := range modelFiles() {
		raw, err := blob.ReadAll(ctx, store, blob.Join(p.Model, f.name), maxModelFile)
		if errors.Is(err, blob.ErrNotExist) && !f.required {
			continue
		}
		if err != nil {
			return err
		}
		if f.name == weights.ConfigName && !j.model.Config.TieEmbeddings {
			if raw, err = weights.ConfigWithDType(blob.Join(p.Model, f.name), raw, j.model.Config, ""); err != nil {
				return err
			}
		}
		if err := store.Write(ctx, blob.Join(p.Out, f.name), raw); err != nil {
			return err
		}
	}
	return nil
}
