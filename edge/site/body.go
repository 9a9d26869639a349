package site

import (
	"context"
	"errors"
	"io"
)

// body is a stored file as an io.ReadSeeker. It opens the file at the first read after a seek, so that
// a range reads its own bytes only.
type body struct {
	ctx    context.Context
	source Source
	name   string
	size   int64
	offset int64
	open   io.ReadCloser
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.offset >= b.size {
		return 0, io.EOF
	}
	if b.open == nil {
		open, err := b.source.Open(b.ctx, b.name, b.offset)
		if err != nil {
			return 0, err
		}
		b.open = open
	}
	n, err := b.open.Read(p[:min(int64(len(p)), b.size-b.offset)])
	b.offset += int64(n)
	if errors.Is(err, io.EOF) && b.offset < b.size {
		err = io.ErrUnexpectedEOF // the stored file is shorter than its manifest says
	}
	return n, err
}

// Seek implements io.Seeker.
func (b *body) Seek(offset int64, whence int) (int64, error) {
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
func (b *body) Close() error {
	if b.open == nil {
		return nil
	}
	err := b.open.Close()
	b.open = nil
	return err
}
