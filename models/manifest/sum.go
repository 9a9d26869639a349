package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// window is the number of bytes read at a time.
const window = 1 << 20

// Sum returns the SHA-256 of data in hexadecimal.
func Sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// SumRange returns the SHA-256 of a range of a blob in hexadecimal. onBytes receives the number of
// bytes of each read; it may be nil.
func SumRange(ctx context.Context, store blob.Store, name string, from, size int64, onBytes func(int64)) (string,
	error) {
	h := sha256.New()
	buf := make([]byte, min(size, window))
	for size > 0 {
		p := buf[:min(size, window)]
		if err := store.ReadAt(ctx, name, p, from); err != nil {
			return "", err
		}
		h.Write(p)
		from, size = from+int64(len(p)), size-int64(len(p))
		if onBytes != nil {
			onBytes(int64(len(p)))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Of returns a manifest of files in a store.
func Of(ctx context.Context, name string, store blob.Store, paths []string, onBytes func(int64)) (Manifest, error) {
	m := Manifest{Name: name, Version: Version}
	for _, path := range paths {
		size, err := store.Size(ctx, path)
		if err != nil {
			return m, err
		}
		sum, err := SumRange(ctx, store, path, 0, size, onBytes)
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, File{Path: path, Size: size, SHA256: sum})
	}
	return m, m.check(name)
}

// Check reads a file of a model and compares size and SHA-256 with the manifest. It returns a
// fault.Mismatch if they differ.
func (f File) Check(ctx context.Context, store blob.Store, onBytes func(int64)) error {
	const remedy = "get the model again; correct files are kept"
	size, err := store.Size(ctx, f.Path)
	if err != nil {
		return err
	}
	if size != f.Size {
		return fault.New(fault.Mismatch, f.Path, "", "has %d bytes, but its manifest says %d", size, f.Size).
			WithRemedy(remedy)
	}
	sum, err := SumRange(ctx, store, f.Path, 0, size, onBytes)
	if err == nil && sum != f.SHA256 {
		err = fault.New(fault.Mismatch, f.Path, "", "was altered: its SHA-256 is %s, but its manifest says %s", sum,
			f.SHA256).WithRemedy(remedy)
	}
	return err
}
