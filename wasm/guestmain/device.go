//go:build wasip1

package guestmain

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"unsafe"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
)

// device is the host's GPU.
type device struct {
	info    *gpu.Info
	encoder abi.Encoder
}

// Info implements gpu.Device. A description that cannot be read gives the zero Info, whose limits
// no kernel fits.
func (d *device) Info() gpu.Info {
	if d.info == nil {
		d.info = new(gpu.Info)
		if n := abi.Status(gpuInfo()); n > 0 {
			if raw, err := reply(n); err == nil {
				_ = json.Unmarshal(raw, d.info)
			}
		}
	}
	return *d.info
}

// Submit implements gpu.Device.
func (d *device) Submit(b *gpu.Batch) error {
	for part := range d.encoder.Parts(b) {
		if s := abi.Status(gpuSubmit(pointer(part), uint32(len(part)))); s < 0 {
			return lastFault(s)
		}
	}
	return nil
}

// Read implements gpu.Device. The host writes into dst itself.
func (d *device) Read(ctx context.Context, buf gpu.Buffer, off int, dst []byte) error {
	err := persist(ctx, func(token uint32) abi.Status {
		return abi.Status(gpuRead(uint32(buf), int64(off), pointer(dst), uint32(len(dst)), token))
	})
	runtime.KeepAlive(dst)
	return err
}

// Wait implements gpu.Device.
func (d *device) Wait(ctx context.Context, unfinished int) error {
	return persist(ctx, func(token uint32) abi.Status { return abi.Status(gpuWait(uint32(unfinished), token)) })
}

// persist awaits an operation. A host that cancels the call also aborts the operation. If ctx is
// not cancelled by that, because the caller must finish its work, the operation starts once more.
func persist(ctx context.Context, start func(token uint32) abi.Status) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	_, err := await(start)
	if errors.Is(err, fault.Cancelled) && ctx.Err() == nil {
		_, err = await(start)
	}
	return err
}

// Load implements gpu.Device.
func (d *device) Load(ctx context.Context, name string, src int64, n int, buf gpu.Buffer, dst int) error {
	return named(ctx, name, func(p unsafe.Pointer, size, token uint32) int32 {
		return blobToGPU(p, size, src, int64(n), uint32(buf), int64(dst), token)
	})
}

// yield lets the host process pending work.
func yield(ctx context.Context) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	_, err := await(func(token uint32) abi.Status { return abi.Status(yieldToHost(token)) })
	return err
}

// emitEvent hands the host an event.
func emitEvent(event any) error {
	raw, err := json.Marshal(event)
	if err != nil {
		return fault.New(fault.Internal, "event", "", "cannot be encoded as JSON").WithCause(err)
	}
	if s := abi.Status(emit(pointer(raw), uint32(len(raw)))); s < 0 {
		return lastFault(s)
	}
	return nil
}

// respondWith hands the host the response. If the host refuses it, because it is too long, the
// refusal becomes the response.
func respondWith(response []byte) {
	s := abi.Status(respond(pointer(response), uint32(len(response))))
	if s >= 0 {
		return
	}
	short := rpc.EncodeResponse(nil, lastFault(s))
	respond(pointer(short), uint32(len(short)))
}

// reply copies the n bytes of the host's reply.
func reply(n abi.Status) ([]byte, error) {
	if n > abi.MaxMessage {
		return nil, fault.New(fault.TooLarge, "host", "reply", "%d bytes", n).WithLimit("%d bytes", abi.MaxMessage)
	}
	raw := make([]byte, n)
	if got := abi.Status(replyRead(pointer(raw), uint32(n))); got != n {
		return nil, fault.New(fault.Internal, "host", "reply", "has %d bytes instead of %d", got, n)
	}
	return raw, nil
}

// lastFault returns the error of a negative status.
func lastFault(s abi.Status) error {
	if s == abi.Failed {
		raw, err := reply(abi.Status(replyRead(nil, 0)))
		var info api.ErrorInfo
		if err == nil {
			err = json.Unmarshal(raw, &info)
		}
		if err == nil {
			if rebuilt := rpc.DecodeError(&info); rebuilt != nil {
				return rebuilt
			}
		}
	}
	return fault.New(fault.Internal, "host", "", "failed without a reason (status %d)", s)
}

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
