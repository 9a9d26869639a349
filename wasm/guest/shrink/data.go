package shrink

// minGap is the number of zeros from which two segments are smaller than one after compression.
const minGap = 64

// maxMemory bounds the memory image: Go's data has a few MiB.
const maxMemory = 1 << 28

// memory returns the initial memory that the data segments describe.
func (m *module) memory() ([]byte, error) {
	s, err := m.find(dataSection)
	if err != nil {
		return nil, err
	}
	r := &reader{b: s.body}
	var image []byte
	for range r.count() {
		flags, op := r.byte(), r.byte()
		at := r.signed()
		stop := r.byte()
		data := r.bytes(r.count())
		if r.err != nil {
			return nil, r.err
		}
		size := at + int64(len(data))
		if flags != 0 || op != opI32Const || stop != opEnd || at < 0 || size > maxMemory {
			return nil, malformed("data segment at %d with %d bytes, flags %d", at, len(data), flags)
		}
		if missing := int(size) - len(image); missing > 0 {
			image = append(image, make([]byte, missing)...)
		}
		copy(image[at:], data)
	}
	return image, r.err
}

// setMemory writes an image as data segments.
func (m *module) setMemory(image []byte) error {
	s, err := m.find(dataSection)
	if err != nil {
		return err
	}
	var segments []byte
	n := 0
	for at := 0; at < len(image); {
		if image[at] == 0 {
			at++
			continue
		}
		end, zeros := at, 0 // end is behind the last byte that is not zero
		for i := at; i < len(image) && zeros < minGap; i++ {
			if zeros++; image[i] != 0 {
				end, zeros = i+1, 0
			}
		}
		segments = append(segments, 0, opI32Const)
		segments = append(signed(segments, int64(at)), opEnd)
		segments = append(unsigned(segments, uint64(end-at)), image[at:end]...)
		n++
		at = end
	}
	s.body = append(unsigned(nil, uint64(n)), segments...)
	return nil
}
