package site

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// ManifestName is the file that lists a site's files. `make site` writes it.
const ManifestName = "manifest.json"

// MaxManifest bounds its bytes.
const MaxManifest = 4 << 20

// Manifest lists a site's files by path.
type Manifest map[string]File

var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseManifest reads the manifest that `make site` writes, and adds the manifest itself, under the
// SHA-256 that the caller has computed.
func ParseManifest(data []byte, sha256 string) (Manifest, error) {
	var listed struct {
		Files []struct {
			Path   string `json:"path"`
			Size   int64  `json:"size"`
			SHA256 string `json:"sha256"`
			Brotli int64  `json:"brotli"`
			Gzip   int64  `json:"gzip"`
		} `json:"files"`
	}
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", ManifestName, len(data), MaxManifest)
	}
	if err := json.Unmarshal(data, &listed); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	m := Manifest{ManifestName: {Path: ManifestName, Size: int64(len(data)), SHA256: sha256}}
	for _, f := range listed.Files {
		if !fs.ValidPath(f.Path) || f.Size < 0 || f.Brotli < 0 || f.Gzip < 0 || !sha256Pattern.MatchString(f.SHA256) {
			return nil, fmt.Errorf("%s: the entry of %q is not valid", ManifestName, f.Path)
		}
		file := File{Path: f.Path, Size: f.Size, SHA256: f.SHA256, Immutable: strings.HasPrefix(f.Path, "assets/")}
		if f.Brotli > 0 {
			file.Encodings = append(file.Encodings, Encoding{"br", ".br", f.Brotli})
		}
		if f.Gzip > 0 {
			file.Encodings = append(file.Encodings, Encoding{"gzip", ".gz", f.Gzip})
		}
		m[f.Path] = file
	}
	return m, nil
}
