package host

import (
	"io"
	"os"
	"path/filepath"

	"nextquill/core/blob"
	"nextquill/core/gpu"
)

// Config says what a guest gets. It is immutable: each With method returns a changed copy.
type Config struct {
	guest    []byte
	blobs    blob.Store
	device   gpu.Device
	cacheDir string
	log      io.Writer
	memory   int64
}

// NewConfig returns the defaults: an empty store in memory, this machine's best GPU, the user's
// cache directory for compiled code, stderr for the guest's messages, and a memory limit of 4 GiB.
func NewConfig() Config {
	c := Config{blobs: &blob.Mem{}, log: os.Stderr, memory: 4 << 30}
	if dir, err := os.UserCacheDir(); err == nil {
		c.cacheDir = filepath.Join(dir, "nextquill", "guest")
	}
	return c
}

// WithGuest sets the WASM module of the guest; see LoadGuest.
func (c Config) WithGuest(wasm []byte) Config {
	c.guest = wasm
	return c
}

// WithBlobs sets the store of the guest. The guest can reach no other storage.
func (c Config) WithBlobs(s blob.Store) Config {
	c.blobs = s
	return c
}

// WithDevice sets the device, instead of opening this machine's GPU. The caller closes it.
func (c Config) WithDevice(d gpu.Device) Config {
	c.device = d
	return c
}

// WithCacheDir sets the directory for compiled code. If it is empty, each Open compiles the guest,
// which takes seconds.
func (c Config) WithCacheDir(dir string) Config {
	c.cacheDir = dir
	return c
}

// WithLog sets the writer for the guest's stdout and stderr.
func (c Config) WithLog(w io.Writer) Config {
	c.log = w
	return c
}

// WithMemoryLimit limits the guest's memory, in bytes.
func (c Config) WithMemoryLimit(n int64) Config {
	c.memory = n
	return c
}
