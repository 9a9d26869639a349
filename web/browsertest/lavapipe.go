package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"

	"nextquill/core/fault"
)

//go:embed lavapipe/layer.c
var layerSource []byte

// OpenLavapipe is Open with WebGPU on llvmpipe, Mesa's software driver. Unlike SwiftShader it has
// shader-f16, and pages see it as a GPU, not as a CPU. lavapipe/layer.c explains how. dir is an
// empty folder for the layer.
func OpenLavapipe(ctx context.Context, url, dir string, dawnFeatures ...string) (*Browser, error) {
	env, err := lavapipe(ctx, dir)
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.Env(env...),
		// Chromium has to draw through Vulkan too: otherwise it finds no GPU but SwiftShader.
		chromedp.Flag("enable-features", "Vulkan"),
		chromedp.Flag("use-angle", "vulkan"),
		chromedp.Flag("disable-vulkan-surface", true),
		chromedp.Flag("use-webgpu-adapter", "default"),
		chromedp.Flag("ignore-gpu-blocklist", true),
	}
	return openGPU(ctx, url, dawnFeatures, options...)
}

// lavapipe builds the layer and returns the environment variables that load it and the driver.
func lavapipe(ctx context.Context, dir string) ([]string, error) {
	driver, err := lavapipeDriver()
	if err != nil {
		return nil, err
	}
	cc, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err != nil {
		return nil, fmt.Errorf("go env CC: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	source, library := filepath.Join(dir, "layer.c"), filepath.Join(dir, "layer.so")
	if err := os.WriteFile(source, layerSource, 0o600); err != nil {
		return nil, err
	}
	build := exec.CommandContext(
		ctx,
		strings.TrimSpace(string(cc)),
		"-O1",
		"-Wall",
		"-Werror",
		"-shared",
		"-fPIC",
		"-fvisibility=hidden",
		"-o",
		library,
		source,
	)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fault.New(fault.Missing, "lavapipe/layer.c", "", "%s", out).
			WithRemedy("install a C compiler and Vulkan's headers: apt-get install gcc libc6-dev libvulkan-dev").
			WithCause(err)
	}
	const name = "VK_LAYER_NEXTQUILL_lavapipe"
	manifest, err := json.Marshal(map[string]any{
		"file_format_version": "1.1.2",
		"layer": map[string]string{
			"name": name, "type": "GLOBAL", "library_path": library,
			"api_version": "1.3.0", "implementation_version": "1",
			"description": "makes llvmpipe an adapter that Chromium takes",
		},
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "layer.json"), manifest, 0o600); err != nil {
		return nil, err
	}
	return []string{
		"VK_DRIVER_FILES=" + driver,
		"VK_ICD_FILENAMES=" + driver,
		"VK_LAYER_PATH=" + dir,
		"VK_INSTANCE_LAYERS=" + name,
	}, nil
}

// lavapipeDriver returns the manifest of Mesa's software driver for the Vulkan loader.
func lavapipeDriver() (string, error) {
	drivers, err := filepath.Glob("/usr/share/vulkan/icd.d/lvp_icd.*json")
	if err != nil || len(drivers) == 0 {
		return "", fault.New(fault.Missing, "lavapipe", "", "no lvp_icd.*json in /usr/share/vulkan/icd.d").
			WithRemedy("install Mesa's software driver: apt-get install mesa-vulkan-drivers")
	}
	return drivers[0], nil
}
