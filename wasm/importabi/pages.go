package importabi

import (
	"io"

	"nextquill/core/fault"
)

// pageSize is what is read of a file at a time. Readers of archives ask for a few kilobytes at a
// time, and each request to a browser takes a fraction of a millisecond.
const pageSize = 1 << 19

// pages keeps the latest parts of files that were read.
type pages struct {
	host Host
	kept [4]page
	next int // the one to replace
}

type page struct {
	file  int
	start int64
	data  []byte // empty: the page is not in use
}

// pageReader reads a file through the pages.
type pageReader struct {
	pages *pages
	file  int
	name  string
	size  int64
}

// ReadAt implements io.ReaderAt.
func (r pageReader) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, fault.New(fault.Internal, "file", "offset", "%d is negative", offset)
	}
	for n < len(p) {
		if offset >= r.size {
			return n, io.EOF
		}
		data, err := r.pages.at(r.file, offset-offset%pageSize, r.size)
		if err != nil {
			return n, fault.New(fault.Storage, r.name, "", "cannot be read").WithCause(err).
				WithRemedy("check that it still exists, and choose it again")
		}
		inside := int(offset % pageSize)
		if inside >= len(data) {
			return n, fault.New(fault.Storage, r.name, "", "is shorter than it was").
				WithRemedy("choose it again when no program writes to it")
		}
		k := copy(p[n:], data[inside:])
		n, offset = n+k, offset+int64(k)
	}
	return n, nil
}

// at returns the page that starts at an offset.
func (c *pages) at(file int, start, size int64) ([]byte, error) {
	for _, k := range c.kept {
		if len(k.data) > 0 && k.file == file && k.start == start {
			return k.data, nil
		}
	}
	k := &c.kept[c.next]
	c.next = (c.next + 1) % len(c.kept)
	buffer := k.data[:0]
	k.data = nil
	want := int(min(pageSize, size-start))
	if cap(buffer) < want {
		buffer = make([]byte, want)
	}
	buffer = buffer[:want]
	n, err := c.host.ReadAt(file, buffer, start)
	if err != nil && err != io.EOF {
		return nil, err
	}
	*k = page{file: file, start: start, data: buffer[:n]}
	if n < want {
		k.data = nil // the file is shorter than it was: read it again if asked again
	}
	return buffer[:n], nil
}
