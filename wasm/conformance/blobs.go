package conformance

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

var blobCases = []testCase{
	{"blob: written, sized, read, replaced, deleted", func(t *test) {
		name := folder + "dir/é.bin"
		for _, n := range []int{0, 1, 5, 70000, 3} {
			data := pattern(n)
			t.must(t.env.Blobs.Write(t, name, data))
			size, err := t.env.Blobs.Size(t, name)
			t.must(err)
			t.check(size == int64(n), "size %d, not %d", size, n)
			got, err := blob.ReadAll(t, t.env.Blobs, name, size)
			t.must(err)
			t.check(bytes.Equal(got, data), "%d bytes came back changed", n)
		}
		t.must(t.env.Blobs.Delete(t, name))
		_, err := t.env.Blobs.Size(t, name)
		t.check(errors.Is(err, blob.ErrNotExist), "after Delete: %v", err)
		t.must(t.env.Blobs.Delete(t, name))
	}},
	{"blob: ranges", func(t *test) {
		name := folder + "ranges"
		t.must(t.env.Blobs.Write(t, name, []byte("hello")))
		p := make([]byte, 3)
		t.must(t.env.Blobs.ReadAt(t, name, p, 1))
		t.check(string(p) == "ell", "got %q", p)
		t.must(t.env.Blobs.ReadAt(t, name, nil, 5))
		for _, off := range []int64{3, 6, -1, 1 << 52} {
			t.refused(t.env.Blobs.ReadAt(t, name, p, off), "a range", fault.OutOfRange)
		}
	}},
	{"blob: a missing blob", func(t *test) {
		name := folder + "nothing"
		_, err := t.env.Blobs.Size(t, name)
		t.refused(err, "size", fault.Missing)
		t.check(errors.Is(err, blob.ErrNotExist), "the cause is lost: %v", err)
		t.check(strings.Contains(err.Error(), name), "the name is lost: %v", err)
		t.refused(t.env.Blobs.ReadAt(t, name, nil, 0), "read", fault.Missing)
		b := t.buffer(4)
		t.refused(t.gpu.Load(t, name, 0, 4, b, 0), "load", fault.Missing)
	}},
	{"blob: names that lead outside", func(t *test) {
		for _, name := range []string{
			"", "/a", "../a", "a//b", "a/../b", `a\b`, "C:a", "a\x00b", strings.Repeat("x", 5000),
		} {
			t.check(t.env.Blobs.Write(t, name, nil) != nil, "%q was accepted", name)
		}
	}},
	{"blob: lists are sorted and by prefix", func(t *test) {
		for _, name := range []string{"b", "a/2", "a/10", "a.x"} {
			t.must(t.env.Blobs.Write(t, folder+name, nil))
		}
		names, err := t.env.Blobs.List(t, folder+"a")
		t.must(err)
		t.check(slices.Equal(names, []string{folder + "a.x", folder + "a/10", folder + "a/2"}), "got %q", names)
		names, err = t.env.Blobs.List(t, folder+"zzz")
		t.must(err)
		t.check(len(names) == 0, "got %q", names)
	}},
	{"blob: 9 MiB", func(t *test) {
		data := pattern(9<<20 + 1)
		t.must(t.env.Blobs.Write(t, folder+"big", data))
		got, err := blob.ReadAll(t, t.env.Blobs, folder+"big", 16<<20)
		t.must(err)
		t.check(bytes.Equal(got, data), "the bytes differ")
	}},
	{"blob: to the GPU", func(t *test) {
		data := pattern(5<<20 + 2)
		t.must(t.env.Blobs.Write(t, folder+"weights", data))
		words := len(data)/4 + 1
		b := t.buffer(words + 8)
		t.must(t.gpu.Load(t, folder+"weights", 0, len(data), b, 16))
		got := t.words(b, 0, words+8)
		t.check(bytes.Equal(got[16:16+len(data)], data), "the bytes differ")
		t.check(bytes.Count(got[16+len(data):], []byte{0}) == 16+2, "it wrote past the end")
		t.must(t.gpu.Load(t, folder+"weights", 3, 8, b, 0))
		t.check(bytes.Equal(t.words(b, 0, 2), data[3:11]), "an odd offset in the blob gives other bytes")
	}},
	{"blob: to the GPU, out of range", func(t *test) {
		t.must(t.env.Blobs.Write(t, folder+"short", []byte("12345678")))
		b := t.buffer(4)
		t.refused(t.gpu.Load(t, folder+"short", 4, 8, b, 0), "past the blob", fault.OutOfRange)
		t.refused(t.gpu.Load(t, folder+"short", 0, 8, b, 12), "past the buffer", fault.Device)
		t.refused(t.gpu.Load(t, folder+"short", 0, 8, badHandle, 0), "no buffer", fault.Device)
		t.refused(t.gpu.Load(t, folder+"short", 0, 4, b, 2), "misaligned", fault.Device)
	}},
	{"blob: to the GPU keeps the order of the queue", func(t *test) {
		t.must(t.env.Blobs.Write(t, folder+"order", []byte("newvalue")))
		a, b := t.buffer(4), t.buffer(4)
		t.gpu.Write(a, 0, []byte("oldvalue"))
		t.gpu.Copy(a, 0, b, 0, 8)
		t.must(t.gpu.Load(t, folder+"order", 0, 8, a, 0))
		t.gpu.Copy(a, 0, b, 8, 8)
		t.check(string(t.words(b, 0, 4)) == "oldvaluenewvalue", "got %q", t.words(b, 0, 4))
	}},
}
