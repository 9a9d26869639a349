//go:build wasip1

package guestmain

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"runtime"
	"unsafe"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/wasm/abi"
)

// blobs is the host's store of blobs.
type blobs struct{}

// named awaits an operation on a blob. It checks the name first, because the host might not.
func named(ctx context.Context, name string, start func(p unsafe.Pointer, size, token uint32) int32) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	if err := blob.CheckName(name); err != nil {
		return err
	}
	_, err := withText(name, start)
	return err
}

// withText awaits an operation that takes a string, and returns its status.
func withText(s string, start func(p unsafe.Pointer, size, token uint32) int32) (abi.Status, error) {
	raw := []byte(s)
	status, err := await(func(token uint32) abi.Status {
		return abi.Status(start(pointer(raw), uint32(len(raw)), token))
	})
	runtime.KeepAlive(raw)
	return status, err
}

// Size implements blob.Store.
func (blobs) Size(ctx context.Context, name string) (int64, error) {
	if err := named(ctx, name, blobSize); err != nil {
		return 0, err
	}
	raw, err := reply(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(raw)), nil
}

// ReadAt implements blob.Store. The host writes into p itself.
func (blobs) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	err := named(ctx, name, func(n unsafe.Pointer, size, token uint32) int32 {
		return blobRead(n, size, off, pointer(p), uint32(len(p)), token)
	})
	runtime.KeepAlive(p)
	return err
}

// Write implements blob.Store. The host reads data before it resumes.
func (blobs) Write(ctx context.Context, name string, data []byte) error {
	err := named(ctx, name, func(n unsafe.Pointer, size, token uint32) int32 {
		return blobWrite(n, size, pointer(data), uint32(len(data)), token)
	})
	runtime.KeepAlive(data)
	return err
}

// Delete implements blob.Store.
func (blobs) Delete(ctx context.Context, name string) error { return named(ctx, name, blobDelete) }

// List implements blob.Store.
func (blobs) List(ctx context.Context, prefix string) ([]string, error) {
	if err := blob.Cancelled(ctx); err != nil {
		return nil, err
	}
	if len(prefix) > blob.MaxName {
		return nil, nil // no name is that long
	}
	n, err := withText(prefix, blobList)
	if err != nil {
		return nil, err
	}
	raw, err := reply(n)
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return nil, fault.New(fault.Malformed, "host", "blob_list", "not a JSON list of names").WithCause(err)
	}
	return names, nil
}
