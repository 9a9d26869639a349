package shrink

// minGap is the run of zeros from which on two segments are smaller than one, once compressed.
const minGap = 64

// maxMemory bounds the image: Go's data is a few MiB.
const maxMemory = 1 << 28

// Instructions of a segment's offset.
const (
	i32Const = 0x41
	end      = 0x0b
)

// memory lays the data segments out as they will lie in memory.
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
		if flags != 0 || op != i32Const || stop != end || at < 0 || at+int64(len(data)) > maxMemory {
			return nil, malformed("a data segment at %d of %d bytes, flags %d", at, len(data), flags)
		}
		if missing := int(at) + len(data) - len(image); missing > 0 {
			image = append(image, make([]byte, missing)...)
		}
		copy(image[at:], data)
	}
	return image, r.err
}

// setMemory writes an image as segments.
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
		last, zeros := at, 0 // the last byte that is not zero, and the zeros behind it
		for i := at; i < len(image) && zeros < minGap; i++ {
			if zeros++; image[i] != 0 {
				last, zeros = i, 0
			}
		}
		segments = append(segments, 0, i32Const)
		segments = append(signed(segments, int64(at)), end)
		segments = append(unsigned(segments, uint64(last+1-at)), image[at:last+1]...)
		n++
		at = last + 1
	}
	s.body = append(unsigned(nil, uint64(n)), segments...)
	return nil
}
