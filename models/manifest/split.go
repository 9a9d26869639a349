package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Splitter writes one file of a model as shards and computes their hashes. A file that fits in one
// shard keeps its name.
type Splitter struct {
	path   string
	limit  int64
	create func(name string) (io.WriteCloser, error)

	out       io.WriteCloser // the current shard
	remaining int64          // remaining bytes of the current shard
	piece     hash.Hash
	whole     hash.Hash
	shards    []Shard
	size      int64
}

// NewSplitter starts a file of size bytes in shards of at most limit bytes. create opens a shard by
// its name, such as "model.gguf.002".
func NewSplitter(path string, size, limit int64, create func(name string) (io.WriteCloser, error)) *Splitter {
	s := &Splitter{path: path, limit: limit, create: create, whole: sha256.New()}
	if size <= limit {
		s.limit = 0
	}
	return s
}

// Write implements io.Writer.
func (s *Splitter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if s.out == nil {
			if err := s.open(); err != nil {
				return n, err
			}
		}
		part := p
		if s.limit > 0 {
			part = p[:min(int64(len(p)), s.remaining)]
		}
		k, err := s.out.Write(part)
		s.piece.Write(part[:k])
		s.whole.Write(part[:k])
		s.size += int64(k)
		s.remaining -= int64(k)
		s.shards[len(s.shards)-1].Size += int64(k)
		n += k
		if err != nil {
			return n, err
		}
		if p = p[k:]; s.limit > 0 && s.remaining == 0 {
			if err := s.closeShard(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (s *Splitter) open() (err error) {
	name := s.path
	if s.limit > 0 {
		name = fmt.Sprintf("%s.%03d", s.path, len(s.shards))
	}
	if s.out, err = s.create(name); err != nil {
		return err
	}
	s.piece, s.remaining = sha256.New(), s.limit
	s.shards = append(s.shards, Shard{URL: name})
	return nil
}

func (s *Splitter) closeShard() error {
	s.shards[len(s.shards)-1].SHA256 = hex.EncodeToString(s.piece.Sum(nil))
	out := s.out
	s.out = nil
	return out.Close()
}

// Close completes the file and returns its manifest entry.
func (s *Splitter) Close() (File, error) {
	if s.out == nil && len(s.shards) == 0 { // an empty file has one shard
		if err := s.open(); err != nil {
			return File{}, err
		}
	}
	if s.out != nil {
		if err := s.closeShard(); err != nil {
			return File{}, err
		}
	}
	f := File{Path: s.path, Size: s.size, SHA256: hex.EncodeToString(s.whole.Sum(nil))}
	if s.limit > 0 {
		f.Shards = s.shards
	}
	return f, nil
}

// Abort closes the current shard after a failure.
func (s *Splitter) Abort() {
	if s.out != nil {
		_ = s.out.Close()
	}
}
