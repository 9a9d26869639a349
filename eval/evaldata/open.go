package evaldata

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"

	"nextquill/core/fault"
)

// open opens a file, and decompresses it if it is in gzip.
func open(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Missing, path, "", "the file does not exist").WithRemedy("check the path")
	case err != nil:
		return nil, fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).
			WithRemedy("check the file's permissions")
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Unsupported, path, "", "is not a file").WithRemedy("name a file of the data set")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Storage, path, "", "cannot be read").WithCause(err).
			WithRemedy("check the file's permissions")
	}
	b := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := b.Peek(2); string(magic) != "\x1f\x8b" {
		return readCloser{b, f}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		f.Close()
		return nil, damaged(path, err)
	}
	return readCloser{z, f}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

func damaged(path string, err error) error {
	return fault.New(fault.Malformed, path, "", "is not readable to its end").WithCause(err).
		WithRemedy("download the file again, and check its size")
}

// bounded fails when a file, or a record of it, exceeds its limit.
type bounded struct {
	r      io.Reader
	path   string
	left   int64 // of the file
	record int   // bytes since the start of the record
	limit  int   // of a record; 0 is none
	err    error // the first error, which json.Decoder may wrap or hide
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.record += n
	switch {
	case b.left < 0:
		err = fault.New(fault.TooLarge, b.path, "", "the file is too large").
			WithRemedy("use a part of it, for example one category or the first lines")
	case b.limit > 0 && b.record > b.limit:
		err = tooLong(b.path, b.limit)
	case err != nil && err != io.EOF && fault.KindOf(err) == "":
		err = damaged(b.path, err)
	}
	if err != nil && err != io.EOF {
		b.err = err
		return 0, err
	}
	return n, err
}

func tooLong(where string, limit int) error {
	return fault.New(fault.TooLarge, where, "", "a record is too long").WithLimit("%d bytes", limit).
		WithRemedy("check the format of the data set, or remove the record")
}
