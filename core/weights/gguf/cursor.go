package gguf

import (
	"context"
	"encoding/binary"
	"math"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// window is how much of the header is read at a time.
const window = 256 << 10

// cursor reads the header from front to back. The first thing wrong is kept in err, and every later question answers a zero
// value, so that a reader can be written straight down; no length is believed before it is held against what is left.
type cursor struct {
	ctx   context.Context
	store blob.Store
	name  string
	field string // what is being read, for messages
	size  int64  // of the file
	at    int64  // the next byte
	buf   []byte // the bytes from at on that are in memory
	err   error
}

func (c *cursor) fail(kind fault.Kind, format string, args ...any) *fault.Error {
	e := fault.New(kind, c.name, c.field, format, args...)
	if c.err == nil {
		c.err = e
	}
	return e
}

// left is how many bytes of header can still follow.
func (c *cursor) left() uint64 { return uint64(min(c.size, maxHeader) - c.at) }

// take returns the next n bytes, valid until the next call, or nil.
func (c *cursor) take(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > c.left() {
		if c.size > maxHeader {
			c.fail(fault.TooLarge, "lies past the first bytes of the file, where a header ends").WithLimit("%d bytes", maxHeader)
		} else {
			c.fail(fault.Malformed, "needs %d bytes at byte %d, the file has %d", n, c.at, c.size).WithRemedy(fetchAgain)
		}
		return nil
	}
	if n > uint64(len(c.buf)) {
		c.buf = make([]byte, min(max(n, window), c.left()))
		if c.err = c.store.ReadAt(c.ctx, c.name, c.buf, c.at); c.err != nil {
			return nil
		}
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
		c.fail(fault.TooLarge, "%s is %d bytes long", what, n).WithLimit("%d bytes", limit).WithRemedy(fetchAgain)
	}
	return string(c.take(n))
}

// count reads how many things of at least size bytes follow.
func (c *cursor) count(what string, size, limit uint64) int {
	n := c.u64()
	switch {
	case c.err != nil:
		return 0
	case n > limit:
		c.fail(fault.TooLarge, "%d %s", n, what).WithLimit("%d", limit).WithRemedy(fetchAgain)
		return 0
	case n > c.left()/size:
		c.fail(fault.Malformed, "%d %s cannot lie in the %d bytes that are left", n, what, c.left()).WithRemedy(fetchAgain)
		return 0
	}
	return int(n)
}

func (c *cursor) f32() float64 { return float64(math.Float32frombits(c.u32())) }

func (c *cursor) f64() float64 { return math.Float64frombits(c.u64()) }
