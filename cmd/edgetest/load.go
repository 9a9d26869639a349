package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"nextquill/edge/workerd"
)

// load sends requests over several connections, one in three for a range, and compares every byte.
func load(ctx context.Context, f *fixture) (string, error) {
	contents := map[string][]byte{}
	for name := range f.manifest {
		data, err := os.ReadFile(filepath.Join(f.dist, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		contents[name] = data
	}
	names := slices.Sorted(maps.Keys(contents))
	requests := make(chan int)
	errs := make([]error, f.options.Connections)
	times := make([][]time.Duration, f.options.Connections)
	began := time.Now()
	var group sync.WaitGroup
	for c := range f.options.Connections {
		group.Go(func() {
			for i := range requests {
				if errs[c] != nil {
					continue
				}
				start := time.Now()
				errs[c] = loadOne(ctx, f, names, contents, i)
				times[c] = append(times[c], time.Since(start))
			}
		})
	}
	for i := range f.options.Requests {
		requests <- i
	}
	close(requests)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return fmt.Sprintf("%d requests over %d connections in %.1f s, no wrong byte; median %d ms, 99th percentile %d ms",
		len(all), f.options.Connections, time.Since(began).Seconds(),
		all[len(all)/2].Milliseconds(), all[len(all)*99/100].Milliseconds()), nil
}

func loadOne(ctx context.Context, f *fixture, names []string, contents map[string][]byte, i int) error {
	rng := rand.New(rand.NewPCG(uint64(i), 3))
	name := names[rng.IntN(len(names))]
	data := contents[name]
	if i%3 == 0 && len(data) > 2 {
		from := rng.IntN(len(data) - 1)
		to := from + rng.IntN(len(data)-from)
		a, err := ask(ctx, "GET", f.worker.URL+"/"+name, "Range", fmt.Sprintf("bytes=%d-%d", from, to))
		if err != nil {
			return err
		}
		if a.status != 206 || !bytes.Equal(a.body, data[from:to+1]) {
			return fmt.Errorf("%s, bytes %d to %d: status %d, %d bytes", name, from, to, a.status, len(a.body))
		}
		return nil
	}
	accept := []string{"identity", "gzip", "br"}[rng.IntN(3)]
	a, err := ask(ctx, "GET", f.worker.URL+"/"+name, "Accept-Encoding", accept)
	if err != nil {
		return err
	}
	plain, err := a.plainBody()
	if err != nil {
		return err
	}
	if a.status != 200 || !bytes.Equal(plain, data) {
		return fmt.Errorf("%s (%s): status %d, %d bytes, not %d", name, accept, a.status, len(plain), len(data))
	}
	return nil
}

// latency compares the time of one request at a time with a Worker in JavaScript, in turns.
func latency(ctx context.Context, f *fixture) (string, error) {
	const perRound = 40
	name := "/lib/element.js"
	var goTimes, plainTimes []time.Duration
	for range f.options.Rounds {
		for _, side := range []struct {
			worker *workerd.Worker
			times  *[]time.Duration
		}{{f.worker, &goTimes}, {f.plain, &plainTimes}} {
			for range perRound {
				start := time.Now()
				a, err := ask(ctx, "GET", side.worker.URL+name)
				if err != nil || a.status != 200 {
					return "", fmt.Errorf("%s: status %d, %w", side.worker.URL, a.status, err)
				}
				*side.times = append(*side.times, time.Since(start))
			}
		}
	}
	slices.Sort(goTimes)
	slices.Sort(plainTimes)
	g, p := goTimes[len(goTimes)/2], plainTimes[len(plainTimes)/2]
	return fmt.Sprintf("median of %d: Go %.1f ms, JavaScript %.1f ms, ratio %.1f",
		len(goTimes), g.Seconds()*1e3, p.Seconds()*1e3, float64(g)/float64(p)), nil
}
