package main

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"nextquill/core/fault"
)

const (
	// libPrefix begins the names of versioned folders: lib@0.1.0/ has the same files as lib/ had in
	// release 0.1.0. A folder next to model/, so that the element finds its default model from
	// there.
	libPrefix = "lib@"
	// integrityName lists the Subresource Integrity values of a folder's scripts.
	integrityName = "integrity.json"
	// modelsFolder has models that `make site MODEL=NAME` added. It is no part of the manifest:
	// each model has its own.
	modelsFolder = "models"
)

// versions copies the files of lib/ that pages load to a versioned folder, and lists their
// Subresource Integrity values.
func (s *site) versions() error {
	var p struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(s.files["lib/package.json"], &p); err != nil {
		return err
	}
	values := map[string]string{}
	for _, name := range sorted(s.files) {
		file, found := strings.CutPrefix(name, "lib/")
		if ext := path.Ext(file); !found || ext != ".js" && ext != ".wasm" {
			continue
		}
		values[file] = integrity(s.files[name])
		s.add(libPrefix+p.Version+"/"+file, s.files[name])
	}
	text, err := json.MarshalIndent(map[string]any{"version": p.Version, "integrity": values}, "", "  ")
	if err != nil {
		return err
	}
	s.lib(integrityName, append(text, '\n'))
	s.add(libPrefix+p.Version+"/"+integrityName, append(text, '\n'))
	return nil
}

// integrity is the Subresource Integrity value of a file.
func integrity(data []byte) string {
	h := sha512.Sum384(data)
	return "sha384-" + base64.StdEncoding.EncodeToString(h[:])
}

// keepVersions adds the versioned folders of other releases that out has, so that pages that load
// them continue to work.
func (s *site) keepVersions(out string) error {
	text, err := os.ReadFile(filepath.Join(out, marker))
	if err != nil {
		return nil // there is no site yet
	}
	var m siteManifest
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	current := map[string]bool{}
	for name := range s.files {
		current[strings.SplitN(name, "/", 2)[0]] = true
	}
	for _, f := range m.Files {
		folder, _, _ := strings.Cut(f.Path, "/")
		if !strings.HasPrefix(folder, libPrefix) || current[folder] || !fs.ValidPath(f.Path) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(f.Path)))
		if err != nil || sum(data) != f.SHA256 {
			return fault.New(fault.Mismatch, f.Path, "", "a file of an earlier release is damaged").WithCause(err).
				WithRemedy("restore it, or remove %s", filepath.Join(out, folder))
		}
		s.add(f.Path, data)
	}
	return nil
}

// replaceSite puts the folder fresh in the place of out, and moves the models of the old site to
// it. An interruption loses no models: recoverSite completes what was begun.
func replaceSite(out, fresh string) error {
	old := out + ".old"
	if err := os.Rename(out, old); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(fresh, out); err != nil {
		return err
	}
	if err := keepModels(old, out); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// recoverSite completes a replaceSite that was interrupted.
func recoverSite(out string) error {
	old := out + ".old"
	if _, err := os.Stat(old); err != nil {
		return nil
	}
	if _, err := os.Stat(out); os.IsNotExist(err) {
		return os.Rename(old, out)
	}
	if err := keepModels(old, out); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

func keepModels(from, to string) error {
	err := os.Rename(filepath.Join(from, modelsFolder), filepath.Join(to, modelsFolder))
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
