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
	"nextquill/core/selftest"
	"nextquill/native"
	"nextquill/wasm/host"
)

// openEngine starts the core: the shipped WASM guest under wazero, or the same code in this
// process.
func openEngine(ctx context.Context, g globals, store blob.Store, log io.Writer) (engine, error) {
	if g.Engine == "native" {
		return openNative(store, log)
	}
	guest, err := host.LoadGuest(g.Wasm)
	if err != nil {
		return nil, err
	}
	// The start cannot be cancelled, so that a host is always closed completely.
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
	return rpc.Local(e.NewServer(jobs.Methods(e), diag.Methods(e), selftest.Methods(e)))
}

func (e nativeEngine) Close() error {
	release(e.Client, e.log)
	e.device.Close()
	return nil
}

// release frees the core's GPU memory. A leaked buffer is a bug, but it does not invalidate the
// command's result, so it is only logged. Errors of a guest that no longer responds are ignored,
// because its failure was reported.
func release(c api.Client, log io.Writer) {
	var r api.ReleaseResult
	if err := c.Call(context.Background(), api.MethodRelease, nil, &r, nil); err == nil && len(r.Leaked) > 0 {
		fmt.Fprintf(log, "nextquill: %d GPU buffers leaked: %v\n", len(r.Leaked), r.Leaked)
	}
}
