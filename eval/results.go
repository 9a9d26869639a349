package eval

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

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
	Kind     string    `json:"kind"` // one of the kinds below
	Settings *Settings `json:"settings,omitempty"`
	*ID
	Texts    string       `json:"texts,omitempty"`  // digest of the user's texts
	Others   string       `json:"others,omitempty"` // digest of the other users' texts that the cell depends on
	Folder   string       `json:"folder,omitempty"` // of what users share
	Seconds  float64      `json:"seconds,omitempty"`
	Cell     *method.Cell `json:"cell,omitempty"`
	Identify *Identify    `json:"identify,omitempty"`
}

// The kinds of lines.
const (
	kindSettings = "settings" // the first line
	kindShared   = "shared"
	kindCell     = "cell"
	kindIdentify = "identify"
)

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
	identify map[identified]line
	lock     *flock.Flock // nil if the file is only read
}

// identified names an identification: a cell, and the candidates by their digest.
type identified struct {
	ID
	candidates string
}

func newResults(path string) *Results {
	return &Results{path: path, cells: map[ID]line{}, shared: map[ID]line{}, identify: map[identified]line{}}
}

// OpenResults opens results.jsonl, or creates it, and locks its folder until Close. It removes a
// last line that is not complete, because the process ended. The error is a fault: Mismatch if the
// results have other settings, Malformed if the file is damaged or is no file of results, and
// Storage if it cannot be written or another process writes to the folder. A file that is refused
// is not changed.
func OpenResults(path string, s Settings) (*Results, error) {
	r := newResults(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, storage(path, err)
	}
	var err error
	if r.lock, err = lock(filepath.Join(filepath.Dir(path), LockFile)); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		r.lock.Close()
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
		err = r.append(line{Kind: kindSettings, Settings: &s})
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Peek reads the results of a folder without changing anything; none if the file does not exist.
func Peek(path string, s Settings) (*Results, error) {
	r := newResults(path)
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

// Close closes the file and unlocks the folder.
func (r *Results) Close() error { return errors.Join(r.file.Close(), r.lock.Close()) }

// maxLine bounds a line of the results: a cell with thousands of test texts.
const maxLine = 256 << 20

// read reads the lines, and returns the settings and the end of the last complete line.
func (r *Results) read() (settings *Settings, end int64, err error) {
	b := bufio.NewReaderSize(r.file, 1<<16)
	for n := 1; ; n++ {
		raw, complete, err := readLine(b, maxLine)
		where := fmt.Sprintf("line %d", n)
		switch {
		case errors.Is(err, errLongLine):
			return nil, 0, fault.New(fault.TooLarge, r.path, where, "is too long").WithLimit("%d bytes", maxLine).
				WithRemedy(otherFolder)
		case err != nil:
			return nil, 0, storage(r.path, err)
		case !complete && !beginsLine(raw, n):
			return nil, 0, fault.New(fault.Malformed, r.path, where, "is not a result").WithRemedy(otherFolder)
		case !complete:
			return settings, end, nil
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil || (n == 1) != (l.Kind == kindSettings) || !l.valid() {
			return nil, 0, fault.New(fault.Malformed, r.path, where, "is not a result").WithCause(err).
				WithRemedy(otherFolder)
		}
		if l.Kind == kindSettings {
			settings = l.Settings
		}
		r.keep(l)
		end += int64(len(raw))
	}
}

// otherFolder is the remedy for a file that is no file of results.
const otherFolder = "give another folder with --out, or delete the file"

var errLongLine = errors.New("the line is too long")

// readLine reads a line with its line break. complete is false if the file ends without one. A line
// of more than limit bytes gives errLongLine; no more than that is kept in memory.
func readLine(b *bufio.Reader, limit int) (raw []byte, complete bool, err error) {
	for {
		part, err := b.ReadSlice('\n')
		if len(raw)+len(part) > limit {
			return nil, false, errLongLine
		}
		raw = append(raw, part...)
		switch {
		case err == nil:
			return raw, true, nil
		case err == io.EOF:
			return raw, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

// beginsLine tells whether raw may be the beginning of line n that a process wrote until it ended.
// After a loss of power a file may end with zeros instead.
func beginsLine(raw []byte, n int) bool {
	begin := `{"kind":"`
	if n == 1 {
		begin += kindSettings + `",`
	}
	text := strings.TrimRight(string(raw), "\x00")
	return strings.HasPrefix(text, begin) || strings.HasPrefix(begin, text)
}

// valid reports whether a line has the fields of its kind.
func (l line) valid() bool {
	switch l.Kind {
	case kindSettings:
		return l.Settings != nil
	case kindShared:
		return l.ID != nil
	case kindCell:
		return l.ID != nil && l.Cell != nil
	case kindIdentify:
		return l.ID != nil && l.Identify != nil && len(l.Identify.Candidates) == len(l.Identify.Losses)
	}
	return false
}

func (r *Results) keep(l line) {
	switch l.Kind {
	case kindCell:
		r.cells[*l.ID] = l
	case kindShared:
		r.shared[*l.ID] = l
	case kindIdentify:
		r.identify[identified{*l.ID, l.Others}] = l
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
	r.keep(l)
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
