package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"

	"nextquill/web/bundle"
)

// benchPage adds bench.html, which measures a visitor's device with the test guest. Only this page
// loads these files. It comes after scripts, whose worker it uses.
func (s *site) benchPage(guest string) error {
	wasm, err := os.ReadFile(guest)
	if err != nil {
		return err
	}
	model := slices.DeleteFunc(sorted(s.files), func(name string) bool { return !strings.HasPrefix(name, "model/") })
	assets, err := json.Marshal(map[string]any{
		"worker": s.hashed["worker.js"], "guest": s.addHashed("nextquill-test.wasm", wasm), "sha256": sum(wasm),
		"model": model,
	})
	if err != nil {
		return err
	}
	var script, style bundle.Bundle
	if script, err = s.bundle("bench/main.ts", map[string]string{"ASSETS": string(assets)}); err != nil {
		return err
	}
	if style, err = s.bundle("bench/bench.css", nil); err != nil {
		return err
	}
	return s.document("web/bench/bench.html", "bench.html", map[string]string{
		"web/bench/main.ts":   s.addHashed("bench.js", script.JS),
		"web/bench/bench.css": s.addHashed("bench.css", style.CSS),
	})
}
