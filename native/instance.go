package native

/*
#include <stdint.h>

// The structures of wgpu.h that the call below needs, as in the wgpu that the
// binding carries; that header is not in reach of another module.
typedef struct {
	const void *next;
	uint32_t    type;
} chained;

typedef struct {
	chained     chain;
	uint32_t    backends;
	uint32_t    flags;
	uint32_t    dx12_compiler;
	uint32_t    gles3_minor_version;
	const char *dxil_path;
	const char *dxc_path;
} instance_extras;

typedef struct {
	const chained *next;
} instance_descriptor;

extern void *wgpuCreateInstance(const instance_descriptor *);

static void *create_instance(uint32_t backends) {
	instance_extras extras = {.chain = {.type = 0x00030006}, .backends = backends};
	instance_descriptor descriptor = {.next = &extras.chain};
	return wgpuCreateInstance(&descriptor);
}
*/
import "C"

import (
	"os"
	"unsafe"

	"github.com/cogentcore/webgpu/wgpu"
)

// newInstance makes a wgpu instance on the backends that we run on. Not GL: its
// loader prints to stderr on machines without a display.
//
// wgpu.CreateInstance passes memory from malloc of which it sets only some
// fields, so wgpu aborts the process when that memory was used before, which it
// was from the second device on. This passes zeros instead.
func newInstance() *wgpu.Instance {
	quietWithoutDisplay()
	ref := C.create_instance(C.uint32_t(wgpu.InstanceBackendVulkan | wgpu.InstanceBackendMetal | wgpu.InstanceBackendDX12))
	// wgpu.Instance is a struct of this one pointer.
	return (*wgpu.Instance)(unsafe.Pointer(&struct{ ref unsafe.Pointer }{ref}))
}

// quietWithoutDisplay turns off Mesa's device-selection layer where no display
// server runs: it would look for one, and complain on stderr. A person who
// steers that layer keeps it.
func quietWithoutDisplay() {
	for _, name := range []string{"XDG_RUNTIME_DIR", "WAYLAND_DISPLAY", "DISPLAY", "MESA_VK_DEVICE_SELECT", "NODEVICE_SELECT"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	_ = os.Setenv("NODEVICE_SELECT", "1")
}
