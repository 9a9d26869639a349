package gguf

import (
	"context"
	"encoding/binary"
	"math"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// window is the number of header bytes read at a time.
const window = 256 << 10

// cursor reads the header from front to back. It keeps the first error in err; later reads then
// return zero values. Every length is checked against the remaining bytes before it is used.
type cursor struct {
	ctx   context.Context
	store blob.Store
	name  string
	field string // the part being read, for error messages
	size  int64  // of the file
	at    int64  // the next byte
	buf   string // the bytes from at on that are in memory
	err   error
}

func (c *cursor) fail(kind fault.Kind, format string, args ...any) *fault.Error {
	e := fault.New(kind, c.name, c.field, format, args...)
	if c.err == nil {
		c.err = e
	}
	return e
}

// left is the maximum number of header bytes that can follow.
func (c *cursor) left() uint64 { return uint64(min(c.size, maxHeader) - c.at) }

// take returns the next n bytes, or "" after an error. They are part of a window: a header has up
// to a million strings, and allocating each would take longer than reading them.
func (c *cursor) take(n uint64) string {
	if c.err != nil {
		return ""
	}
	if n > c.left() {
		if c.size > maxHeader {
			c.fail(fault.TooLarge, "is beyond the maximum header size").WithLimit("%d bytes", maxHeader)
		} else {
			c.fail(fault.Malformed, "needs %d bytes at byte %d, but the file has %d", n, c.at, c.size).
				WithRemedy(downloadAgain)
		}
		return ""
	}
	if n > uint64(len(c.buf)) {
		next := make([]byte, min(max(n, window), c.left()))
		if c.err = c.store.ReadAt(c.ctx, c.name, next, c.at); c.err != nil {
			return ""
		}
		c.buf = string(next)
	}
	p := c.buf[:n]
	c.buf = c.buf[n:]
	c.at += int64(n)
	return p
}

// number reads a little-endian number of 1, 2, 4 or 8 bytes.
func (c *cursor) number(bytes int) uint64 {
	var word [8]byte
	copy(word[:], c.take(uint64(bytes)))
	return binary.LittleEndian.Uint64(word[:])
}

func (c *cursor) u32() uint32 { return uint32(c.number(4)) }

func (c *cursor) u64() uint64 { return c.number(8) }

// text reads a string of at most limit bytes.
func (c *cursor) text(what string, limit uint64) string {
	n := c.u64()
	if c.err == nil && n > limit {
		c.fail(fault.TooLarge, "%s is %d bytes long", what, n).WithLimit("%d bytes", limit).WithRemedy(downloadAgain)
	}
	return c.take(n)
}

// count reads the number of items that follow, each at least size bytes long.
func (c *cursor) count(what string, size, limit uint64) int {
	n := c.u64()
	switch {
	case c.err != nil:
		return 0
	case n > limit:
		c.fail(fault.TooLarge, "%d %s", n, what).WithLimit("%d", limit).WithRemedy(downloadAgain)
		return 0
	case n > c.left()/size:
		c.fail(fault.Malformed, "%d %s do not fit in the remaining %d bytes", n, what, c.left()).
			WithRemedy(downloadAgain)
		return 0
	}
	return int(n)
}

func (c *cursor) f32() float64 { return float64(math.Float32frombits(c.u32())) }

func (c *cursor) f64() float64 { return math.Float64frombits(c.u64()) }
