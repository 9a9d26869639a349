package host

import (
	"context"
	"encoding/binary"
	"encoding/json"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
)

// args are the arguments of an import on wazero's stack. The upper half of an i32 is undefined.
type args []uint64

func (a args) u32(i int) uint32 { return uint32(a[i]) }
func (a args) i64(i int) int64  { return int64(a[i]) }

// operation is what an asynchronous import asks for. It runs after the guest has parked, and
// returns the reply.
type operation func(ctx context.Context) (reply []byte, err error)

// imports are the synchronous functions, asyncs the asynchronous ones. Their arguments come from
// the guest and are not trusted.
var imports = map[string]func(h *Host, m memory, a args) (abi.Status, error){
	"gpu_info":   (*Host).gpuInfo,
	"gpu_submit": (*Host).gpuSubmit,
	"emit":       (*Host).emit,
	"respond":    (*Host).respond,
	"reply_read": (*Host).replyRead,
}

var asyncs = map[string]func(h *Host, m memory, a args) (operation, error){
	"gpu_wait":    (*Host).gpuWait,
	"gpu_read":    (*Host).gpuRead,
	"blob_size":   (*Host).blobSize,
	"blob_read":   (*Host).blobRead,
	"blob_write":  (*Host).blobWrite,
	"blob_delete": (*Host).blobDelete,
	"blob_list":   (*Host).blobList,
	"blob_to_gpu": (*Host).blobToGPU,
	"yield":       (*Host).yield,
}

// provideImports instantiates both import modules. checkModule restricts WASI to abi.WASI. There
// are no files, arguments and environment variables.
func (h *Host) provideImports(ctx context.Context) error {
	wasi := h.runtime.NewHostModuleBuilder(abi.WASIModule)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(wasi)
	if _, err := wasi.Instantiate(ctx); err != nil {
		return err
	}
	b := h.runtime.NewHostModuleBuilder(abi.Module)
	for _, f := range abi.Imports {
		b.NewFunctionBuilder().
			WithGoModuleFunction(h.importFunc(f), valueTypes(f.Params), valueTypes(f.Results)).
			Export(f.Name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

func (h *Host) importFunc(f abi.Func) api.GoModuleFunc {
	serve := imports[f.Name]
	if f.Async {
		start := asyncs[f.Name]
		token := len(f.Params) - 1
		serve = func(h *Host, m memory, a args) (abi.Status, error) {
			if h.call.pending != nil {
				return 0, misuse(f.Name, "called while another operation is pending")
			}
			op, err := start(h, m, a)
			if err != nil {
				return 0, err
			}
			h.call.pending, h.call.token = op, a.u32(token)
			return abi.OK, nil
		}
	}
	return func(_ context.Context, m api.Module, stack []uint64) {
		status, err := serve(h, memory{m.Memory()}, stack)
		if err != nil {
			status = h.refuse(err)
		}
		stack[0] = api.EncodeI32(int32(status))
	}
}

// refuse makes err the reply, and returns the status for it.
func (h *Host) refuse(err error) abi.Status {
	raw, jerr := json.Marshal(rpc.EncodeError(err))
	if jerr != nil { // cannot happen: it has strings only
		raw = []byte(`{"message":"unknown"}`)
	}
	h.call.reply = raw
	return abi.Failed
}

func misuse(function, detail string) error {
	return fault.New(fault.Malformed, "guest", function, "%s", detail).WithRemedy("the guest is broken: build it again")
}

func (h *Host) gpuInfo(memory, args) (abi.Status, error) {
	raw, err := json.Marshal(h.device.Info())
	if err != nil {
		return 0, err
	}
	h.call.reply = raw
	return abi.Status(len(raw)), nil
}

func (h *Host) gpuSubmit(m memory, a args) (abi.Status, error) {
	raw, err := m.view("gpu_submit", a.u32(0), a.u32(1), abi.MaxBatch)
	if err != nil {
		return 0, err
	}
	defer h.batch.Reset() // its data is part of guest memory
	if err := abi.Decode(raw, &h.batch); err != nil {
		return 0, err
	}
	return abi.OK, h.device.Submit(&h.batch)
}

func (h *Host) emit(m memory, a args) (abi.Status, error) {
	raw, err := m.copy("emit", a.u32(0), a.u32(1), abi.MaxMessage)
	if err != nil {
		return 0, err
	}
	name, err := rpc.EventName(raw)
	if err != nil {
		return 0, err
	}
	if h.call.onEvent != nil {
		h.call.onEvent(name, raw)
	}
	return abi.OK, nil
}

func (h *Host) respond(m memory, a args) (abi.Status, error) {
	raw, err := m.copy("respond", a.u32(0), a.u32(1), abi.MaxMessage)
	if err != nil {
		return 0, err
	}
	h.call.response = raw
	return abi.OK, nil
}

// replyRead copies the reply if there is room for it, and returns its length.
func (h *Host) replyRead(m memory, a args) (abi.Status, error) {
	reply := h.call.reply
	if int64(a.u32(1)) >= int64(len(reply)) {
		dst, err := m.view("reply_read", a.u32(0), uint32(len(reply)), abi.MaxMessage)
		if err != nil {
			return 0, err
		}
		copy(dst, reply)
	}
	return abi.Status(len(reply)), nil
}

func (h *Host) gpuWait(_ memory, a args) (operation, error) {
	unfinished := int(a.u32(0))
	return func(ctx context.Context) ([]byte, error) { return nil, h.device.Wait(ctx, unfinished) }, nil
}

func (h *Host) gpuRead(m memory, a args) (operation, error) {
	buffer, off, ptr, size := gpu.Buffer(a.u32(0)), a.i64(1), a.u32(2), a.u32(3)
	if _, err := m.view("gpu_read", ptr, size, maxTransfer); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		dst, err := m.view("gpu_read", ptr, size, maxTransfer)
		if err != nil {
			return nil, err
		}
		return nil, h.device.Read(ctx, buffer, int(off), dst)
	}, nil
}

func (h *Host) blobSize(m memory, a args) (operation, error) {
	name, err := m.name("blob_size", a.u32(0), a.u32(1))
	return func(ctx context.Context) ([]byte, error) {
		size, err := h.blobs.Size(ctx, name)
		return binary.LittleEndian.AppendUint64(nil, uint64(size)), err
	}, err
}

func (h *Host) blobRead(m memory, a args) (operation, error) {
	name, err := m.name("blob_read", a.u32(0), a.u32(1))
	if err != nil {
		return nil, err
	}
	off, ptr, size := a.i64(2), a.u32(3), a.u32(4)
	if _, err := m.view("blob_read", ptr, size, maxTransfer); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		dst, err := m.view("blob_read", ptr, size, maxTransfer)
		if err != nil {
			return nil, err
		}
		return nil, h.blobs.ReadAt(ctx, name, dst, off)
	}, nil
}

func (h *Host) blobWrite(m memory, a args) (operation, error) {
	name, err := m.name("blob_write", a.u32(0), a.u32(1))
	if err != nil {
		return nil, err
	}
	ptr, size := a.u32(2), a.u32(3)
	if _, err := m.view("blob_write", ptr, size, maxTransfer); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		src, err := m.view("blob_write", ptr, size, maxTransfer)
		if err != nil {
			return nil, err
		}
		return nil, h.blobs.Write(ctx, name, src)
	}, nil
}

func (h *Host) blobDelete(m memory, a args) (operation, error) {
	name, err := m.name("blob_delete", a.u32(0), a.u32(1))
	return func(ctx context.Context) ([]byte, error) { return nil, h.blobs.Delete(ctx, name) }, err
}

func (h *Host) blobList(m memory, a args) (operation, error) {
	prefix, err := m.copy("blob_list", a.u32(0), a.u32(1), abi.MaxNameArg)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		names, err := h.blobs.List(ctx, string(prefix))
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(append([]string{}, names...)) // [], never null
		if err == nil && len(raw) > abi.MaxMessage {
			err = fault.New(fault.TooLarge, "blob_list", "", "a list of %d bytes", len(raw)).
				WithLimit("%d", abi.MaxMessage).WithRemedy("use a longer prefix")
		}
		return raw, err
	}, nil
}

func (h *Host) blobToGPU(m memory, a args) (operation, error) {
	name, err := m.name("blob_to_gpu", a.u32(0), a.u32(1))
	if err != nil {
		return nil, err
	}
	off, n, buffer, dst := a.i64(2), a.i64(3), gpu.Buffer(a.u32(4)), a.i64(5)
	if off < 0 || n < 0 || dst < 0 || n > maxBuffer || dst > maxBuffer {
		return nil, misuse("blob_to_gpu", "an offset or size is out of range")
	}
	return func(ctx context.Context) ([]byte, error) {
		return nil, h.device.Load(ctx, name, off, int(n), buffer, int(dst))
	}, nil
}

// maxBuffer is larger than any buffer and small enough that sums do not overflow.
const maxBuffer = 1 << 40

func (h *Host) yield(memory, args) (operation, error) {
	return func(ctx context.Context) ([]byte, error) { return nil, blob.Cancelled(ctx) }, nil
}
