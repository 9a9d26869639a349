package weights

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// File names of a model's weights in transformers.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

const (
	maxIndex  = 64 << 20
	maxShards = 4096
)

// OpenDir opens the weights of a model folder: model.safetensors, or the shards that
// model.safetensors.index.json names.
func OpenDir(ctx context.Context, store blob.Store, dir string) (*File, error) {
	f, err := Open(ctx, store, blob.Join(dir, SingleName))
	if !errors.Is(err, blob.ErrNotExist) {
		return f, err
	}
	f, err = OpenSharded(ctx, store, blob.Join(dir, IndexName))
	if errors.Is(err, blob.ErrNotExist) && errors.Is(err,
		&fault.Error{Kind: fault.Missing, Where: blob.Join(dir, IndexName)}) {
		return nil, fault.New(fault.Missing, dir, "", "holds neither %s nor %s", SingleName, IndexName).
			WithCause(blob.ErrNotExist).WithRemedy("use a model folder with safetensors files")
	}
	return f, err
}

// OpenSharded opens the shards that an index names. It checks that index and shards list the same
// tensors.
func OpenSharded(ctx context.Context, store blob.Store, index string) (*File, error) {
	data, err := blob.ReadAll(ctx, store, index, maxIndex)
	if err != nil {
		return nil, err
	}
	shardOf, err := readIndex(index, data)
	if err != nil {
		return nil, err
	}
	shards := slices.Compact(slices.Sorted(maps.Values(shardOf)))
	if len(shards) > maxShards {
		return nil, fault.New(fault.TooLarge, index, "weight_map", "names %d shards", len(shards)).
			WithLimit("%d", maxShards)
	}
	dir := ""
	if i := strings.LastIndexByte(index, '/'); i >= 0 {
		dir = index[:i]
	}
	f := &File{store: store, name: index, byName: map[string]int{}}
	for _, shard := range shards {
		part, err := Open(ctx, store, blob.Join(dir, shard))
		if errors.Is(err, blob.ErrNotExist) {
			return nil, fault.New(fault.Missing, index, "weight_map", "names the shard %s, which is missing",
				fault.Quote(shard)).
				WithCause(err).WithRemedy("download the missing shard")
		}
		if err != nil {
			return nil, err
		}
		for _, t := range part.tensors {
			if shardOf[t.Name] != shard {
				return nil, fault.New(fault.Mismatch, t.Blob, t.Field(),
					"is in this shard, but the index %s places it elsewhere", index).
					WithRemedy("download the index and the shards from the same source")
			}
			f.byName[t.Name] = len(f.tensors)
			f.tensors = append(f.tensors, t)
		}
	}
	for name, shard := range shardOf {
		if _, ok := f.byName[name]; !ok {
			return nil, fault.New(fault.Mismatch, index, "weight_map",
				"places tensor %s in %s, which does not contain it",
				fault.Quote(name), fault.Quote(shard)).
				WithRemedy("download the index and the shards from the same source")
		}
	}
	return f, nil
}

// readIndex returns the shard name of each tensor.
func readIndex(index string, data []byte) (map[string]string, error) {
	shardOf := map[string]string{}
	r := jsonx.NewReader(data)
	err := r.Object(func(k string) error {
		if k != "weight_map" {
			return r.Skip()
		}
		return r.Object(func(tensor string) error {
			shard, err := r.String()
			if err != nil {
				return err
			}
			if _, twice := shardOf[tensor]; twice {
				return fault.New(fault.Malformed, index, "weight_map", "names tensor %s twice", fault.Quote(tensor))
			}
			if len(shardOf) == maxTensors {
				return fault.New(fault.TooLarge, index, "weight_map", "too many tensors").WithLimit("%d", maxTensors)
			}
			// A shard must be in the folder of its index. A path could point anywhere in the store.
			if blob.CheckName(shard) != nil || strings.Contains(shard, "/") {
				return fault.New(fault.OutOfRange, index, "weight_map",
					"names the shard %s, which is not a plain file name",
					fault.Quote(shard))
			}
			shardOf[tensor] = shard
			return nil
		})
	})
	if err == nil {
		err = r.End()
	}
	if err != nil && fault.KindOf(err) == "" {
		err = fault.New(fault.Malformed, index, "", "is not a valid weight index").WithCause(err).
			WithRemedy(downloadAgain)
	}
	if err == nil && len(shardOf) == 0 {
		err = fault.New(fault.Missing, index, "weight_map", "names no tensors").WithRemedy(downloadAgain)
	}
	return shardOf, err
}
