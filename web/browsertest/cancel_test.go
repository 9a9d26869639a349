package browsertest_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/samples"
)

// served are the files of the test's server: the golden files, the embedded model in model/ and the
// texts of the sample author in sample/.
type served struct{ golden fs.FS }

// Open implements fs.FS.
func (s served) Open(name string) (fs.File, error) {
	if file, ok := strings.CutPrefix(name, "model/"); ok {
		return models.DefaultFS().Open(file)
	}
	if file, ok := strings.CutPrefix(name, "sample/"); ok {
		return samples.Bierce().Open(file)
	}
	return s.golden.Open(name)
}

var servedFiles = served{os.DirFS(oracle)}

// cancelTraining cancels a run of the embedded model three times at random moments, and resumes it.
// Each cancellation is answered within 2 s, and the adapter is that of an unbroken run, bit for
// bit.
func (b *hostPage) cancelTraining(t *testing.T) {
	b.open(t, nil)
	names := []string{"sample/history.jsonl"}
	files, err := fs.ReadDir(models.DefaultFS(), ".")
	require.NoError(t, err)
	for _, f := range files {
		names = append(names, "model/"+f.Name())
	}
	require.NoError(t, b.CallHarness(t.Context(), nil, "put", names))
	texts := 4
	if !b.cpu {
		texts = 2 // a CPU that runs the variants for GPUs needs much longer for a step
	}
	p := api.PersonalizeParams{
		Model: "model", Source: api.Source{History: "sample/history.jsonl", MaxItems: new(texts)},
		Preset:   "nextquill-code",
		Training: api.Training{Epochs: new(1.0), BatchSize: new(1), CheckpointEvery: new(1)}, Out: "unbroken",
	}
	begun := time.Now()
	require.NoError(t, b.Call(t.Context(), api.MethodPersonalize, p, nil, nil))
	want := b.readBlob(t, p.Out+"/adapter_model.safetensors")
	unbroken := time.Since(begun) / 2 // without compiling
	t.Logf("the run takes about %v without compiling", unbroken)

	p.Out, p.Resume = "cancelled", true
	for n := 0; n < 3; {
		after := time.Duration(rand.Float64() * float64(unbroken))
		ctx, cancel := context.WithCancel(t.Context())
		at := make(chan time.Time, 1)
		timer := time.AfterFunc(after, func() {
			at <- time.Now()
			cancel()
		})
		err := b.Call(ctx, api.MethodPersonalize, p, nil, nil)
		timer.Stop()
		cancel()
		if err == nil {
			continue
		}
		require.ErrorIs(t, err, fault.Cancelled)
		answered := time.Since(<-at)
		t.Logf("cancelled after %v, answered in %v", after, answered)
		require.Less(t, answered, 2*time.Second)
		n++
	}
	require.NoError(t, b.Call(t.Context(), api.MethodPersonalize, p, nil, nil))
	require.Equal(t, want, b.readBlob(t, p.Out+"/adapter_model.safetensors"))
	b.requireNothingLeft(t)
}
