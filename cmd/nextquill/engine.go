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

// openEngine starts a session: the guest under wazero, which is the file that ships, or the same core in this process.
func openEngine(ctx context.Context, g globals, store blob.Store, log io.Writer) (engine, error) {
	if g.Engine == "native" {
		return openNative(store, log)
	}
	guest, err := host.LoadGuest(g.Wasm)
	if err != nil {
		return nil, err
	}
	// Starting is not to be cancelled half way: a host that is closed as a whole leaves nothing behind.
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
	return rpc.Local(e.Serve(jobs.Methods(e), diag.Methods(e)))
}

func (e nativeEngine) Close() error {
	release(e.Client, e.log)
	e.device.Close()
	return nil
}

// release frees what the session holds on the GPU. A buffer that a method left behind is a defect worth a line; it does not
// undo what the command did, so it is no error. Neither is a guest that can no longer answer: its failure was reported.
func release(c api.Client, log io.Writer) {
	var r api.ReleaseResult
	if err := c.Call(context.Background(), "release", nil, &r, nil); err == nil && len(r.Leaked) > 0 {
		fmt.Fprintf(log, "nextquill: %d GPU buffers were left behind: %v\n", len(r.Leaked), r.Leaked)
	}
}
