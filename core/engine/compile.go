package engine

import (
	"context"
	"time"

	"nextquill/core/api"
)

// compileSpan is how long the device may compile without an event.
const compileSpan = 250 * time.Millisecond

// maxUnseen is the largest number of pipelines that compile between two waits.
const maxUnseen = 16

// watchCompile emits progress events of the stage "compile" while plans compile during a call. The
// returned function ends that. It waits for the device, because some devices accept a pipeline at
// once and compile it later.
func (env *Env) watchCompile(ctx context.Context) func() {
	if env.GPU == nil {
		return func() {}
	}
	told, unseen, most := env.Now(), 0, 1
	env.GPU.OnCompile = func(done, total int) error {
		if unseen++; unseen < most && done < total {
			return nil
		}
		begun := env.Now()
		if err := env.GPU.Wait(ctx); err != nil {
			return err
		}
		now := env.Now()
		// The next wait is after as many pipelines as take half of the span.
		each := max(now.Sub(begun)/time.Duration(unseen), time.Microsecond)
		unseen, most = 0, int(min(max(compileSpan/2/each, 1), maxUnseen))
		if now.Sub(told) < compileSpan {
			return nil
		}
		told = now
		return env.Emit(api.ProgressEvent{Event: api.EventProgress, Stage: api.StageCompile, Done: float64(done),
			Total: total})
	}
	return func() { env.GPU.OnCompile = nil }
}
