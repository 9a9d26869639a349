package main

import (
	"context"
	"fmt"
	"io"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/diag"
	coreengine "nextquill/core/engine"
	"nextquill/core/gpu"
	"nextquill/core/jobs"
	"nextquill/core/rpc"
	"nextquill/native"
	"nextquill/wasm/host"
)

// openEngine opens the core: the guest under wazero, which is the file that ships, or the same code
// in this process.
func openEngine(ctx context.Context, g globals, store blob.Store, log io.Writer) (engine, error) {
	if g.Engine == "native" {
		return openNative(store, log)
	}
	guest, err := host.LoadGuest(g.Wasm)
	if err != nil {
		return nil, err
	}
	// Starting cannot be cancelled half way: only a host that started can be closed cleanly.
	h, err := host.Open(context.WithoutCancel(ctx), host.NewConfig().WithGuest(guest).WithBlobs(store).WithLog(log))
	if err != nil {
		return nil, err
	}
	return wazeroEngine{h, log}, nil
}

type wazeroEngine struct {
	*host.Host
	log io.Writer
}

func (e wazeroEngine) Close() error {
	release(e.Host, e.log)
	return e.Host.Close()
}

type nativeEngine struct {
	api.Client
	device *native.Device
	log    io.Writer
}

func openNative(store blob.Store, log io.Writer) (engine, error) {
	device, err := native.Open(store)
	if err != nil {
		return nil, err
	}
	return nativeEngine{localClient(device, store), device, log}, nil
}

// localClient returns a client of the core in this process, on a device.
func localClient(device gpu.Device, store blob.Store) api.Client {
	e := coreengine.New(coreengine.Host{GPU: gpu.NewContext(device), Blobs: store})
	return rpc.Local(e.NewServer(jobs.Methods(e), diag.Methods(e)))
}

func (e nativeEngine) Close() error {
	release(e.Client, e.log)
	e.device.Close()
	return nil
}

// release frees what the core holds on the GPU. Buffers that a method failed to free are a defect
// and logged, but they do not fail the command, whose result is complete. A guest that no longer
// answers is ignored: its failure was reported before.
func release(c api.Client, log io.Writer) {
	var r api.ReleaseResult
	if err := c.Call(context.Background(), api.MethodRelease, nil, &r, nil); err == nil && len(r.Leaked) > 0 {
		fmt.Fprintf(log, "nextquill: %d GPU buffers were not freed: %v\n", len(r.Leaked), r.Leaked)
	}
}
