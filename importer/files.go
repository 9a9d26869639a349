package importer

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"nextquill/core/fault"
)

// file is one file of a folder or an archive.
type file struct {
	name     string // for messages
	size     int64  // declared; -1 if unknown
	modified time.Time
	open     func() (io.ReadCloser, error)
	at       io.ReaderAt // for archives; nil if the file must be read into memory first
	archived bool        // is part of an archive
	named    bool        // was named itself, not only its folder or archive: its faults are shown
}

func (f file) base() string { return path.Base(strings.ReplaceAll(f.name, `\`, "/")) }
func (f file) dir() string  { return path.Dir(strings.ReplaceAll(f.name, `\`, "/")) }
func (f file) ext() string  { return strings.ToLower(path.Ext(f.base())) }

// title is the name of a file without folder and extension, for the context of chats.
func (f file) title() string { return strings.TrimSuffix(f.base(), path.Ext(f.base())) }

// input is the state of one import.
type input struct {
	builder
	o        Options
	collect  bool             // faults of named files are collected; else they end the import
	failed   []error          // such faults
	tables   []table          // without a text column, if collect is set
	read     int64            // bytes read so far
	names    map[string]names // people of a Slack export, by folder
	bots     map[string]bool  // the ids of its bots
	accounts map[string]bool  // ids of the person's accounts, from account.js of a Twitter archive
}

// names maps ids to people's names.
type names map[string]string

func newInput(o Options) *input {
	o.Limits = o.Limits.orDefault()
	in := &input{o: o, names: map[string]names{}, bots: map[string]bool{}, accounts: map[string]bool{}}
	in.builder.lim = o.Limits
	return in
}

// walk lists the files of a folder.
func (in *input) walk(fsys fs.FS, name string) ([]file, error) {
	var out []file
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		place := path.Join(name, p)
		if err != nil {
			if p == "." {
				return err
			}
			in.leave("cannot be read", place)
			return nil
		}
		if d.Name() != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "__MACOSX" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if !d.Type().IsRegular() {
			in.leave("a link or a special file", place)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			in.leave("cannot be read", place)
			return nil
		}
		if len(out) == in.lim.Files {
			return fault.New(fault.TooLarge, name, "", "the folder has too many files").WithLimit("%d", in.lim.Files).
				WithRemedy("import a subfolder")
		}
		f := file{name: place, size: info.Size(), modified: fileTime(info.ModTime()),
			open: func() (io.ReadCloser, error) { return fsys.Open(p) }}
		out = append(out, f)
		return nil
	})
	if err != nil && fault.KindOf(err) == "" {
		kind := fault.Storage
		if errors.Is(err, fs.ErrNotExist) {
			kind = fault.Missing
		}
		err = fault.New(kind, name, "", "cannot be read").WithCause(err)
	}
	return out, err
}

// fileTime rounds a modification time to milliseconds. Browsers know no more, and the id of a text
// depends on its time.
func fileTime(t time.Time) time.Time { return t.Truncate(time.Millisecond) }

// files imports a list of files. Archives are imported in place.
func (in *input) files(list []file) error {
	in.lookUp(list)
	for _, f := range list {
		err := in.file(f)
		if err == nil {
			continue
		}
		stop := errors.Is(err, errStop)
		switch {
		case stop && (f.archived || !in.collect), f.named && !in.collect:
			return err
		case f.named && len(in.failed) < maxFailed:
			in.fail(f, err)
		default:
			in.leaveFault(err, f.name)
		}
		if stop {
			return nil
		}
	}
	return nil
}

// maxFailed bounds the faults of named files. Further ones are counted as left out.
const maxFailed = 100

// fail lists the fault of a named file. A missing column is a question instead.
func (in *input) fail(f file, err error) {
	if in.first == nil {
		in.first = err
	}
	asked := func(t table) bool { return t.file == f.name }
	if !slices.ContainsFunc(in.tables, asked) {
		in.failed = append(in.failed, err)
	}
}

// errStop is the cause of a fault that ends the complete import.
var errStop = errors.New("import stopped")

// readAll reads a file within the limits.
func (in *input) readAll(f file) ([]byte, error) {
	if f.size > in.lim.File {
		return nil, tooLarge(f, in.lim.File)
	}
	r, err := in.reader(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, in.lim.File+1))
	if err != nil {
		return nil, unreadable(f, err)
	}
	if int64(len(data)) > in.lim.File {
		return nil, tooLarge(f, in.lim.File)
	}
	return data, nil
}

// reader opens a file and counts what is read towards the total limit.
func (in *input) reader(f file) (io.ReadCloser, error) {
	r, err := f.open()
	if err != nil {
		return nil, unreadable(f, err)
	}
	return &countedFile{r, in, f}, nil
}

type countedFile struct {
	io.ReadCloser
	in *input
	f  file
}

func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.in.read += int64(n); c.in.read > c.in.lim.Total {
		return 0, fault.New(fault.TooLarge, c.f.name, "", "the files are too large together").
			WithLimit("%d bytes", c.in.lim.Total).WithRemedy("import fewer files").WithCause(errStop)
	}
	return n, err
}

func tooLarge(f file, limit int64) error {
	return fault.New(fault.TooLarge, f.name, "", "the file is too large").WithLimit("%d bytes", limit).
		WithRemedy("split it into several files")
}

func unreadable(f file, err error) error {
	if fault.KindOf(err) != "" {
		return err
	}
	return fault.New(fault.Storage, f.name, "", "cannot be read").WithCause(err).
		WithRemedy("check that the file is complete")
}

// archive imports the files of a zip archive. Nothing is extracted before its format is known to
// have texts, and each file is read within the limits, whatever size the archive declares.
func (in *input) archive(f file) error {
	if f.archived {
		return fault.New(fault.Unsupported, f.name, "", "an archive inside an archive is not read").
			WithRemedy("extract the inner archive first")
	}
	r, err := in.openZip(f)
	if err != nil {
		return err
	}
	if len(r.File) > in.lim.Files {
		return fault.New(fault.TooLarge, f.name, "", "the archive has too many files").WithLimit("%d", in.lim.Files).
			WithRemedy("extract it and import a part")
	}
	var list []file
	for _, z := range r.File {
		if z.FileInfo().IsDir() || hidden(z.Name) {
			continue
		}
		inner := file{name: path.Join(f.name, z.Name), size: -1, modified: z.Modified, open: z.Open, archived: true}
		if z.Modified.Year() < 1990 { // archives without times have one about 1980
			inner.modified = time.Time{}
		}
		if !z.Mode().IsRegular() {
			in.leave("a link or a special file", inner.name)
			continue
		}
		if z.Flags&1 != 0 {
			in.leave("the archive is encrypted", inner.name)
			continue
		}
		list = append(list, inner)
	}
	return in.files(list)
}

func (in *input) openZip(f file) (*zip.Reader, error) {
	at, size := f.at, f.size
	if at == nil {
		data, err := in.readAll(f)
		if err != nil {
			return nil, err
		}
		at, size = bytes.NewReader(data), int64(len(data))
	}
	r, err := zip.NewReader(at, size)
	if err != nil {
		return nil, fault.New(fault.Malformed, f.name, "", "is not a complete zip archive").WithCause(err).
			WithRemedy("download or export it again")
	}
	return r, nil
}

// hidden reports whether a part of a path starts with a dot, or belongs to macOS.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." || part == "__MACOSX" {
			return true
		}
	}
	return false
}
