package manifest

// Bounds are the limits on a manifest of unknown origin that every reader applies. Size is in bytes
// of JSON, Path and Name are in characters.
type Bounds struct {
	Version int `json:"version"`
	Size    int `json:"size"`
	Files   int `json:"files"`
	Path    int `json:"path"`
	Name    int `json:"name"`
}

// DefaultBounds returns the limits of this package.
func DefaultBounds() Bounds {
	return Bounds{Version: Version, Size: maxBytes, Files: maxFiles, Path: maxPath, Name: maxName}
}
