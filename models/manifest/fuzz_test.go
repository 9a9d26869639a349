package manifest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"nextquill/models/manifest"
)

// FuzzParse checks what the store relies on: every path of an accepted manifest is unique and
// inside the folder, sizes add up, and the encoded manifest is accepted again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(one(good(`"a"`))))
	f.Add([]byte(one(good(`"a/b"`) + `,"shards":[{"url":"x","size":1,"sha256":"` + sum +
		`"},{"url":"y","size":2,"sha256":"` + sum + `"}]`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Parse("m", data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, file := range m.Files {
			path := strings.ToLower(file.Path)
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) || seen[path] || path == manifest.FileName {
				t.Fatalf("accepted the path %q", file.Path)
			}
			seen[path] = true
			n := int64(0)
			for _, p := range file.Pieces() {
				n += p.Size
			}
			if n != file.Size || n < 0 {
				t.Fatalf("%d bytes of %d", n, file.Size)
			}
		}
		if _, err := manifest.Parse("m", m.Encode()); err != nil {
			t.Fatal(err)
		}
	})
}
