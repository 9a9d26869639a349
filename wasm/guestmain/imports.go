//go:build wasip1

package guestmain

import "unsafe"

// The imports of wasm/abi. Arguments that point to Go memory are unsafe.Pointers instead of
// integers, so that they escape to the heap, which does not move.

//go:wasmimport nextquill gpu_info
func gpuInfo() int32

//go:wasmimport nextquill gpu_submit
func gpuSubmit(batch unsafe.Pointer, size uint32) int32

//go:wasmimport nextquill gpu_wait
func gpuWait(unfinished uint32, token uint32) int32

//go:wasmimport nextquill gpu_read
func gpuRead(buffer uint32, offset int64, dst unsafe.Pointer, size uint32, token uint32) int32

//go:wasmimport nextquill blob_size
func blobSize(name unsafe.Pointer, nameSize uint32, token uint32) int32

//go:wasmimport nextquill blob_read
func blobRead(name unsafe.Pointer, nameSize uint32, offset int64, dst unsafe.Pointer, size uint32, token uint32) int32

//go:wasmimport nextquill blob_write
func blobWrite(name unsafe.Pointer, nameSize uint32, src unsafe.Pointer, size uint32, token uint32) int32

//go:wasmimport nextquill blob_delete
func blobDelete(name unsafe.Pointer, nameSize uint32, token uint32) int32

//go:wasmimport nextquill blob_list
func blobList(prefix unsafe.Pointer, prefixSize uint32, token uint32) int32

//go:wasmimport nextquill blob_to_gpu
func blobToGPU(name unsafe.Pointer, nameSize uint32, offset, size int64, buffer uint32, dst int64, token uint32) int32

//go:wasmimport nextquill yield
func yieldToHost(token uint32) int32

//go:wasmimport nextquill emit
func emit(event unsafe.Pointer, size uint32) int32

//go:wasmimport nextquill respond
func respond(response unsafe.Pointer, size uint32) int32

//go:wasmimport nextquill reply_read
func replyRead(dst unsafe.Pointer, size uint32) int32
