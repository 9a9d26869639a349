// Package importer turns the files that people have into the texts of one person.
//
//	Read, ReadFS   import a file or a folder
//	ReadFiles      reads several files; Import.Result then chooses the person's texts, repeatedly
//	Result         the person's texts, the senders, and what was left out and why
//
// It reads chats, mailboxes, tables, notes, documents and archives of social networks. Where a
// file has several senders, only the texts of the chosen ones (Options.Me) become items; the
// messages of the others become context ("to", "in reply to"). It uses no operating system calls,
// so it also compiles for js and wasip1. The exchange format of the items is JSONL, see
// history.WriteJSONL.
package importer

import (
	"io"
	"io/fs"
	"strings"
	"time"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// Options of an import.
type Options struct {
	// Me are the names or addresses of the person. Case is ignored. Empty: the only sender, or, if
	// there are several, no choice (see Result.Choose).
	Me []string
	// TextColumn is the column of a table, or the key of a JSON object, that has the text. Empty:
	// the first of a list of usual names, such as text, body and content.
	TextColumn string
	// TextColumns are such columns of single files, by the name of the file. They have precedence.
	TextColumns map[string]string
	Limits      Limits
}

// textColumn is the column with the text of a file, or "" for the usual names.
func (o Options) textColumn(f file) string {
	if name := o.TextColumns[f.name]; name != "" {
		return name
	}
	return o.TextColumn
}

// Limits bound what an import reads and keeps. A zero field means its default.
type Limits struct {
	File     int64 // bytes of one file after decompression, except a mailbox; default 256 MiB
	Total    int64 // bytes of all files after decompression; default 8 GiB
	Mail     int   // bytes of one message in a mailbox; the rest is skipped; default 32 MiB
	Text     int   // bytes of one text; default 2 MiB
	Texts    int64 // bytes of all texts; default 48 MiB for items, and 256 MiB with other senders
	Items    int   // items; the newest are kept; default 100 000
	Messages int   // messages of all senders; default 1 000 000
	Files    int   // files of a folder or an archive; default 200 000
}

func (l Limits) orDefault() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set64(&l.File, 256<<20)
	set64(&l.Total, 8<<30)
	set64(&l.Texts, 48<<20)
	set(&l.Mail, 32<<20)
	set(&l.Text, 2<<20)
	set(&l.Items, 100_000)
	set(&l.Messages, 1_000_000)
	set(&l.Files, 200_000)
	return l
}

// Result is what an import found.
type Result struct {
	Senders []Sender       `json:"senders"`       // of chats and mail, most messages first
	Choose  bool           `json:"choose"`        // several senders, none chosen: Items has texts without one
	Items   []history.Item `json:"-"`             // in the order of the files, with ids
	LeftOut []LeftOut      `json:"left_out"`      // most frequent first
	Notes   []LeftOut      `json:"notes"`         // imported with a change, such as without a time
	From    time.Time      `json:"from,omitzero"` // time of the oldest item; zero if no item has a time
	To      time.Time      `json:"to,omitzero"`   // time of the newest item

	Failed []error `json:"-"` // of ReadFiles: one fault for each named file that cannot be imported
	Tables []Table `json:"-"` // of ReadFiles: without a column of a usual name
}

// Table are files without a column, or a key of JSON objects, that has a usual name for the text.
// One of their columns must be chosen with Options.TextColumns.
type Table struct {
	Files   []string // with the same columns
	Columns []string // in the order of the first file
}

// Sender is one person or address that wrote messages.
type Sender struct {
	Name    string `json:"name"`    // as the files spell it; may be empty if Address is set
	Address string `json:"address"` // of mail, in lower case
	Count   int    `json:"count"`   // messages with a text of their own
	Sample  string `json:"sample"`  // one line of one message
	Likely  bool   `json:"likely"`  // the sender that is probably the person who exported the files
	Chosen  bool   `json:"chosen"`  // the texts of this sender are in Items
}

// Label is "Name <address>", or the part that is known.
func (s Sender) Label() string {
	switch {
	case s.Address == "":
		return s.Name
	case s.Name == "" || s.Name == s.Address:
		return s.Address
	}
	return s.Name + " <" + s.Address + ">"
}

// ID is the value of Options.Me that selects the sender: the name or the address.
func (s Sender) ID() string {
	if s.Address != "" {
		return s.Address
	}
	return s.Name
}

// LeftOut counts what was left out, or changed, for one reason.
type LeftOut struct {
	Reason string   `json:"reason"`
	Count  int      `json:"count"`
	Places []string `json:"places"` // the first few places: a file, or a file and a line
}

// Read imports one file of size bytes. The name is used for messages and, with the content, to
// recognize the format; modified is the time of a plain text.
func Read(r io.ReaderAt, size int64, name string, modified time.Time, o Options) (Result, error) {
	in := newInput(o)
	f := file{name: name, size: size, modified: fileTime(modified), open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(r, 0, size)), nil
	}, at: r}
	f.named = true
	if err := in.files([]file{f}); err != nil {
		return Result{}, err
	}
	return in.result(name)
}

// ReadFS imports a folder and its subfolders. The name of the folder is used for messages. Names
// that start with a dot are skipped. Files that cannot be imported are listed in Result.LeftOut.
func ReadFS(fsys fs.FS, name string, o Options) (Result, error) {
	in := newInput(o)
	files, err := in.walk(fsys, name)
	if err != nil {
		return Result{}, err
	}
	if err := in.files(files); err != nil {
		return Result{}, err
	}
	return in.result(name)
}

// File is a file that a person has chosen, or that is in a folder of theirs.
type File struct {
	// Name has a slash if the file is in a folder; files in folders that have no text format are
	// left out without an error. Names that start with a dot are skipped, but not the folder's own.
	Name     string
	Size     int64
	Modified time.Time
	At       io.ReaderAt
}

// Import is the content of files, before the choice of the person.
type Import struct {
	in   *input
	name string
}

// ReadFiles reads files together, such as those that a person drops on a page. A file that cannot
// be imported does not stop the others; see Result.Failed. An error means that nothing was read.
func ReadFiles(list []File, o Options) (*Import, error) {
	in := newInput(o)
	in.collect = true
	if len(list) > in.lim.Files {
		return nil, fault.New(fault.TooLarge, "files", "", "there are too many files").WithLimit("%d", in.lim.Files).
			WithRemedy("import a part of them")
	}
	var files []file
	for _, one := range list {
		_, inner, inFolder := strings.Cut(one.Name, "/")
		if inFolder && hidden(inner) {
			continue
		}
		files = append(files, file{name: one.Name, size: one.Size, modified: fileTime(one.Modified), at: one.At,
			named: !inFolder, open: func() (io.ReadCloser, error) {
				return io.NopCloser(io.NewSectionReader(one.At, 0, one.Size)), nil
			}})
	}
	name := "files"
	if len(files) == 1 {
		name = files[0].name
	}
	return &Import{in, name}, in.files(files)
}

// Result chooses the texts of the person, as Options.Me does. It may be called again with other
// names. The error says that there is no text, or no such sender; Result then says why.
func (i *Import) Result(me []string) (Result, error) {
	o := i.in.o
	o.Me = me
	r, err := i.in.builder.result(o, i.name)
	r.Failed, r.Tables = i.in.failed, i.in.openTables()
	return r, err
}
