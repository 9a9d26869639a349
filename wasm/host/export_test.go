package host

import "context"

// Export runs an export of the guest without Call.
func (h *Host) Export(name string, params ...uint64) (int32, error) {
	results, err := h.runtime.Module("guest").ExportedFunction(name).Call(context.Background(), params...)
	if err != nil || len(results) == 0 {
		return 0, err
	}
	return int32(uint32(results[0])), nil
}

// Poke writes into guest memory.
func (h *Host) Poke(ptr uint32, s string) { h.guest.memory.WriteString(ptr, s) }

// TakeToken removes the pending operation and returns its token.
func (h *Host) TakeToken() uint64 {
	h.call.pending = nil
	return uint64(h.call.token)
}

// MemorySize returns the size of guest memory in bytes.
func (h *Host) MemorySize() uint32 { return h.guest.memory.Size() }
