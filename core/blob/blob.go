// Package blob defines the storage that the core uses: named byte strings, the blobs. A blob is
// read in ranges of bytes, and is only replaced completely.
//
// A host supplies the Store: files in a directory, OPFS in the browser, memory in tests. Names are
// relative slash paths that CheckName accepts, so that a name from a model file or a page cannot
// reach outside the store.
package blob

import (
	"context"
	"io/fs"
	"strings"
	"unicode/utf8"

	"nextquill/core/fault"
)

// ErrNotExist is wrapped by every error about a blob that does not exist (fault.Missing).
var ErrNotExist = fs.ErrNotExist

// MaxName bounds the bytes of a name. It is the smallest limit of a path element among the
// supported file systems.
const MaxName = 255

// TempPrefix starts the last element of the names that a file-backed store uses for unfinished
// writes. It is not allowed in names of blobs.
const TempPrefix = ".tmp-"

// Store holds named blobs. Implementations are safe for concurrent use. Errors are *fault.Error:
// Missing (which wraps ErrNotExist), OutOfRange for a range past the end, Storage for failures of
// the medium.
type Store interface {
	// Size returns the length of a blob in bytes.
	Size(ctx context.Context, name string) (int64, error)
	// ReadAt fills p with the bytes from offset off. It fills all of p or returns an error.
	ReadAt(ctx context.Context, name string, p []byte, off int64) error
	// Write replaces the blob atomically: after a crash or an error at any time, the name holds the
	// previous bytes or the new ones, never a mixture.
	Write(ctx context.Context, name string, data []byte) error
	// Delete removes the blob. It is not an error if the blob does not exist.
	Delete(ctx context.Context, name string) error
	// List returns the names that start with prefix, sorted. The prefix is plain text and need not
	// end at a slash.
	List(ctx context.Context, prefix string) ([]string, error)
}

// CheckName accepts relative slash paths of at most MaxName bytes. They are valid UTF-8 without
// control characters, backslashes or colons (drive letters, alternate streams). No element is
// empty, "." or "..", or starts with TempPrefix.
func CheckName(name string) error {
	const remedy = `use a relative path such as "models/base/model.safetensors"`
	if name == "" {
		return fault.New(fault.OutOfRange, "", "blob name", "empty").WithRemedy(remedy)
	}
	if len(name) > MaxName {
		return fault.New(fault.TooLarge, "", "blob name", "%s", fault.Quote(name)).
			WithLimit("%d bytes", MaxName).
			WithRemedy(remedy)
	}
	bad := func(why string) error {
		return fault.New(fault.OutOfRange, "", "blob name", "%s %s", fault.Quote(name), why).WithRemedy(remedy)
	}
	if !utf8.ValidString(name) {
		return bad("is not valid UTF-8")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == ':' }) {
		return bad("holds a control character, a backslash or a colon")
	}
	for el := range strings.SplitSeq(name, "/") {
		switch {
		case el == "":
			return bad("is absolute or has an empty element")
		case el == "." || el == "..":
			return bad("has an element " + el)
		case strings.HasPrefix(el, TempPrefix):
			return bad("has an element reserved for unfinished writes")
		}
	}
	return nil
}

// Join joins a folder and a name inside it. The folder may be empty, meaning the store's root.
func Join(dir, name string) string {
	dir = strings.Trim(dir, "/")
	if dir == "" || dir == "." {
		return name
	}
	return dir + "/" + name
}

// NotExist is the error that a Store returns for a blob that does not exist.
func NotExist(name string) error {
	return fault.New(fault.Missing, name, "", "not found").WithCause(ErrNotExist)
}

// CheckRange is the error that a Store returns if [off, off+n) is not inside a blob of size bytes,
// else nil.
func CheckRange(name string, n int, off, size int64) error {
	if off < 0 || off > size || int64(n) > size-off {
		return fault.New(fault.OutOfRange, name, "", "bytes [%d, +%d) lie outside its %d bytes", off, n, size).
			WithRemedy("the file is truncated, or was changed while it was read: get it again")
	}
	return nil
}

// ReadAll reads a complete blob of at most limit bytes.
func ReadAll(ctx context.Context, s Store, name string, limit int64) ([]byte, error) {
	size, err := s.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fault.New(fault.TooLarge, name, "", "%d bytes", size).WithLimit("%d bytes", limit).
			WithRemedy("check that this is the right file")
	}
	p := make([]byte, size)
	if err := s.ReadAt(ctx, name, p, 0); err != nil {
		return nil, err
	}
	return p, nil
}

// Cancelled returns fault.Cancelled if ctx is done, else nil.
func Cancelled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Cancelled, "", "", "stopped").WithCause(err)
	}
	return nil
}
