package eval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/method"
)

// ID names a cell.
type ID struct {
	Method  string        `json:"method"`
	Regime  method.Regime `json:"regime"`
	Control string        `json:"control,omitempty"` // Shuffled or ""
	User    string        `json:"user"`
}

// Shuffled is the control in which the prompts of the test texts have another user's history.
const Shuffled = "shuffled"

// line is one line of results.jsonl. Kind says which of the other fields it has.
type line struct {
	Kind     string    `json:"kind"` // "settings", "shared", "cell" or "identify"
	Settings *Settings `json:"settings,omitempty"`
	*ID
	Texts    string       `json:"texts,omitempty"`  // digest of the user's texts
	Others   string       `json:"others,omitempty"` // digest of the other users' texts that the cell depends on
	Folder   string       `json:"folder,omitempty"` // of what users share
	Seconds  float64      `json:"seconds,omitempty"`
	Cell     *method.Cell `json:"cell,omitempty"`
	Identify *Identify    `json:"identify,omitempty"`
}

// Identify has the losses of a user's test texts under the adapters of several users.
type Identify struct {
	Candidates []string     `json:"candidates"` // users, in the order of Losses
	Losses     [][]*float64 `json:"losses"`     // by candidate and test text, in nats; null if a text does not fit
}

// Results is the file of finished cells.
type Results struct {
	path     string
	file     *os.File
	cells    map[ID]line
	shared   map[ID]line
	identify map[ID]line
}

// OpenResults opens results.jsonl, or creates it. A last line that was cut off by the end of the
// process is removed. The error is a fault: Mismatch if the results have other settings, Malformed
// if the file is damaged, or Storage.
func OpenResults(path string, s Settings) (*Results, error) {
	r := &Results{path: path, cells: map[ID]line{}, shared: map[ID]line{}, identify: map[ID]line{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, storage(path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, storage(path, err)
	}
	r.file = file
	found, end, err := r.read()
	if err == nil && found != nil {
		if diff := difference(*found, s); diff != "" {
			err = otherSettings(path, diff)
		}
	}
	if err == nil {
		if err = file.Truncate(end); err != nil {
			err = storage(path, err)
		}
	}
	if err == nil && found == nil {
		err = r.append(line{Kind: "settings", Settings: &s})
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return r, nil
}

// Peek reads the results of a folder without changing anything; none if the file does not exist.
func Peek(path string, s Settings) (*Results, error) {
	r := &Results{path: path, cells: map[ID]line{}, shared: map[ID]line{}, identify: map[ID]line{}}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, storage(path, err)
	}
	defer file.Close()
	r.file = file
	found, _, err := r.read()
	if err == nil && found != nil {
		if diff := difference(*found, s); diff != "" {
			err = otherSettings(path, diff)
		}
	}
	r.file = nil
	return r, err
}

// Close closes the file.
func (r *Results) Close() error { return r.file.Close() }

// maxLine bounds a line of the results: a cell with thousands of test texts.
const maxLine = 256 << 20

// read reads the lines, and returns the settings and the end of the last complete line.
func (r *Results) read() (settings *Settings, end int64, err error) {
	b := bufio.NewReaderSize(io.LimitReader(r.file, 16<<30), 1<<16)
	for n := 1; ; n++ {
		raw, err := b.ReadBytes('\n')
		if err == io.EOF {
			return settings, end, nil // without a line break at its end, the line is not complete
		}
		if err != nil {
			return nil, 0, storage(r.path, err)
		}
		where := fmt.Sprintf("line %d", n)
		if len(raw) > maxLine {
			return nil, 0, fault.New(fault.TooLarge, r.path, where, "is too long").WithLimit("%d bytes", maxLine)
		}
		var l line
		err = json.Unmarshal(bytes.TrimSpace(raw), &l)
		switch {
		case err != nil || (n == 1) != (l.Kind == "settings") || l.Kind == "settings" && l.Settings == nil,
			l.Kind == "cell" && (l.Cell == nil || l.ID == nil), l.Kind == "identify" && (l.Identify == nil ||
				l.ID == nil),
			l.Kind == "shared" && l.ID == nil:
			return nil, 0, fault.New(fault.Malformed, r.path, where, "is not a result").WithCause(err).
				WithRemedy("give another folder with --out, or delete the file")
		}
		if l.Kind == "settings" {
			settings = l.Settings
		} else if l.Kind == "cell" || l.Kind == "identify" || l.Kind == "shared" {
			r.keep(l)
		}
		end += int64(len(raw))
	}
}

func (r *Results) keep(l line) {
	switch l.Kind {
	case "cell":
		r.cells[*l.ID] = l
	case "shared":
		r.shared[*l.ID] = l
	case "identify":
		r.identify[*l.ID] = l
	}
}

// append adds a line with one write, and waits until it is on the disk.
func (r *Results) append(l line) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fault.New(fault.NaN, r.path, "", "a result cannot be written").WithCause(err)
	}
	if _, err := r.file.Write(append(raw, '\n')); err != nil {
		return storage(r.path, err)
	}
	if err := r.file.Sync(); err != nil {
		return storage(r.path, err)
	}
	if l.Kind != "settings" {
		r.keep(l)
	}
	return nil
}

func storage(path string, err error) error {
	return fault.New(fault.Storage, path, "", "cannot be written").WithCause(err).
		WithRemedy("check the folder's permissions and the free space")
}

// digest identifies the texts of users.
func digest(users ...method.User) string {
	h := sha256.New()
	for _, u := range users {
		fmt.Fprintf(h, "%d:%s", len(u.ID), u.ID)
		for _, part := range [][]history.Item{u.Train, u.Validation, u.Test} {
			fmt.Fprintf(h, "%d;", len(part))
			_ = history.WriteJSONL(h, part) // a hash cannot fail
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
