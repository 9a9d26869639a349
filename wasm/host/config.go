package host

import (
	"io"
	"os"
	"path/filepath"

	"nextquill/core/blob"
	"nextquill/core/gpu"
)

// Config says what a guest gets. It is immutable: each With returns a changed
// copy.
type Config struct {
	guest    []byte
	blobs    blob.Store
	device   gpu.Device
	cacheDir string
	log      io.Writer
	memory   int64
}

// NewConfig has an empty store in memory, this machine's best adapter, the
// user's cache directory for compiled code, stderr for the guest's messages, and
// 4 GiB as the most memory that the guest may take.
func NewConfig() Config {
	c := Config{blobs: &blob.Mem{}, log: os.Stderr, memory: 4 << 30}
	if dir, err := os.UserCacheDir(); err == nil {
		c.cacheDir = filepath.Join(dir, "nextquill", "guest")
	}
	return c
}

// WithGuest sets the guest's WASM; see LoadGuest.
func (c Config) WithGuest(wasm []byte) Config {
	c.guest = wasm
	return c
}

// WithBlobs sets the only storage that the guest sees.
func (c Config) WithBlobs(s blob.Store) Config {
	c.blobs = s
	return c
}

// WithDevice runs on d, which stays the caller's to close, instead of opening
// this machine's adapter.
func (c Config) WithDevice(d gpu.Device) Config {
	c.device = d
	return c
}

// WithCacheDir sets where compiled code is kept; empty keeps none, and each Open
// compiles for seconds.
func (c Config) WithCacheDir(dir string) Config {
	c.cacheDir = dir
	return c
}

// WithLog sets where the guest's stdout and stderr go.
func (c Config) WithLog(w io.Writer) Config {
	c.log = w
	return c
}

// WithMemoryLimit bounds the guest's memory in bytes.
func (c Config) WithMemoryLimit(n int64) Config {
	c.memory = n
	return c
}
