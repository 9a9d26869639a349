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
	"nextquill/models/manifest"
)

const (
	// libPrefix begins the names of versioned folders: lib@0.1.0/ has the same files as lib/ had in
	// release 0.1.0. A folder next to model/, so that the element finds its default model from
	// there.
	libPrefix = "lib@"
	// integrityName lists the Subresource Integrity values of a folder's scripts.
	integrityName = "integrity.json"
	// modelsFolder has models that `make site MODEL=NAME` or `model convert` added. It is no part
	// of the manifest: each model has its own.
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

// keepModels moves the folder models/, and other folders with a converted model that the new site
// does not have.
func keepModels(from, to string) error {
	found, _, err := convertedModels(from)
	if err != nil {
		return err
	}
	for _, folder := range found {
		target := filepath.Join(to, folder)
		if _, err := os.Stat(target); err == nil {
			continue // the embedded model, which each site has
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(from, folder), target); err != nil {
			return err
		}
	}
	return nil
}

// convertedModels returns the folder models/, if there is one, and other folders with a manifest
// that describes a model. others are the files outside of them.
func convertedModels(dir string) (folders, others []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) && name == dir {
			return filepath.SkipDir
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			others = append(others, relative)
		case relative == modelsFolder || relative != "." && isModel(name):
			folders = append(folders, relative)
			return filepath.SkipDir
		}
		return nil
	})
	return folders, others, err
}

// isModel reports whether a folder has a manifest that describes a model.
func isModel(folder string) bool {
	data, err := os.ReadFile(filepath.Join(folder, manifest.FileName))
	if err != nil {
		return false
	}
	_, err = manifest.Parse(folder, data)
	return err == nil
}
