package host

import (
	"bytes"

	"github.com/tetratelabs/wazero/api"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/wasm/abi"
)

// memory is the guest's memory. Growing replaces it, so a view is valid only until the guest runs.
type memory struct{ api.Memory }

// maxTransfer limits one read or write of guest memory to the largest memory.
const maxTransfer = 1<<32 - 1

// view returns size bytes of guest memory from ptr on, after checking the range and the limit.
func (m memory) view(function string, ptr, size uint32, limit int64) ([]byte, error) {
	if int64(size) > limit {
		return nil, fault.New(fault.TooLarge, "guest", function, "%d bytes", size).WithLimit("%d bytes", limit)
	}
	if size == 0 {
		return nil, nil
	}
	p, ok := m.Read(ptr, size)
	if !ok || ptr == 0 {
		return nil, fault.New(fault.OutOfRange, "guest", function,
			"%d bytes at %#x are outside its memory of %d", size, ptr, m.Size()).
			WithRemedy("the guest is broken: build it again")
	}
	return p, nil
}

// copy returns a copy of a view.
func (m memory) copy(function string, ptr, size uint32, limit int64) ([]byte, error) {
	p, err := m.view(function, ptr, size, limit)
	return bytes.Clone(p), err
}

// name reads and checks the name of a blob.
func (m memory) name(function string, ptr, size uint32) (string, error) {
	p, err := m.view(function, ptr, size, abi.MaxNameArg)
	if err != nil {
		return "", err
	}
	name := string(p)
	return name, blob.CheckName(name)
}
