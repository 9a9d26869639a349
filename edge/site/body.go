package site

import (
	"context"
	"errors"
	"io"
)

// Body is a stored file as an io.ReadSeeker. It opens the file at the first read after a seek, so
// that a range reads its own bytes only.
type Body struct {
	ctx    context.Context
	source Source
	name   string
	size   int64
	offset int64
	open   io.ReadCloser
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.offset >= b.size {
		return 0, io.EOF
	}
	open, err := b.Stored()
	if err != nil {
		return 0, err
	}
	n, err := open.Read(p[:min(int64(len(p)), b.size-b.offset)])
	b.offset += int64(n)
	if errors.Is(err, io.EOF) && b.offset < b.size {
		err = io.ErrUnexpectedEOF // the stored file is shorter than its manifest says
	}
	return n, err
}

// Remaining is the bytes from the current offset to the end.
func (b *Body) Remaining() int64 { return b.size - b.offset }

// Stored opens the stored file at the current offset, for a host that can send it without reading
// it here.
func (b *Body) Stored() (io.ReadCloser, error) {
	if b.open == nil {
		open, err := b.source.Open(b.ctx, b.name, b.offset)
		if err != nil {
			return nil, err
		}
		b.open = open
	}
	return b.open, nil
}

// Seek implements io.Seeker.
func (b *Body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.offset
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, errors.New("site: a seek before the start")
	}
	if offset != b.offset {
		b.Close()
		b.offset = offset
	}
	return offset, nil
}

// Close closes the stored file.
func (b *Body) Close() error {
	if b.open == nil {
		return nil
	}
	err := b.open.Close()
	b.open = nil
	return err
}
