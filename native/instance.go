package native

/*
#include <stdint.h>

// The structures of wgpu.h that the call below needs, as in the version that the binding contains.
// Another Go module cannot include its header.
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

// newInstance creates a wgpu instance on the supported backends. GL is not one of them: its loader
// prints to stderr on machines without a display.
//
// It replaces wgpu.CreateInstance, which passes memory from malloc and sets only some of its
// fields. From the second device on this memory is not zero, and wgpu aborts the process.
func newInstance() *wgpu.Instance {
	quietWithoutDisplay()
	backends := wgpu.InstanceBackendVulkan | wgpu.InstanceBackendMetal | wgpu.InstanceBackendDX12
	ref := C.create_instance(C.uint32_t(backends))
	// wgpu.Instance is a struct of this one pointer.
	return (*wgpu.Instance)(unsafe.Pointer(&struct{ ref unsafe.Pointer }{ref}))
}

// quietWithoutDisplay turns Mesa's device selection layer off if no display server runs: the layer
// would look for one and print an error. It stays on if the user has configured it.
func quietWithoutDisplay() {
	for _, name := range []string{
		"XDG_RUNTIME_DIR", "WAYLAND_DISPLAY", "DISPLAY", "MESA_VK_DEVICE_SELECT", "NODEVICE_SELECT",
	} {
		if os.Getenv(name) != "" {
			return
		}
	}
	_ = os.Setenv("NODEVICE_SELECT", "1")
}
