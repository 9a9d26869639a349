package host

import (
	"bytes"

	"github.com/tetratelabs/wazero/api"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/wasm/abi"
)

// memory is the guest's memory. Growing replaces it, so views are taken when
// they are used and never kept while the guest runs.
type memory struct{ api.Memory }

// maxTransfer bounds one read or write of guest memory: a memory has no more.
const maxTransfer = 1<<32 - 1

// view gives size bytes from ptr on, having checked them against the guest's
// memory and a limit. Writing to it writes guest memory.
func (m memory) view(function string, ptr, size uint32, limit int64) ([]byte, error) {
	if int64(size) > limit {
		return nil, fault.New(fault.TooLarge, "guest", function, "%d bytes", size).WithLimit("%d bytes", limit)
	}
	if size == 0 {
		return nil, nil
	}
	p, ok := m.Read(ptr, size)
	if !ok || ptr == 0 {
		return nil, fault.New(fault.OutOfRange, "guest", function, "%d bytes at %#x lie outside its memory of %d", size, ptr, m.Size()).
			WithRemedy("the guest is broken: build it again")
	}
	return p, nil
}

// copy is a view that outlives the import.
func (m memory) copy(function string, ptr, size uint32, limit int64) ([]byte, error) {
	p, err := m.view(function, ptr, size, limit)
	return bytes.Clone(p), err
}

// name reads the name of a blob. It is checked again here: the guest's own check
// protects nobody from the guest.
func (m memory) name(function string, ptr, size uint32) (string, error) {
	p, err := m.view(function, ptr, size, abi.MaxNameArg)
	if err != nil {
		return "", err
	}
	name := string(p)
	return name, blob.CheckName(name)
}
