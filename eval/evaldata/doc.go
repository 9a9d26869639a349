// Package evaldata reads data sets of many writers for `nextquill eval`, and splits each writer's
// texts by time.
//
//	Read    a file or several: plain JSONL, Amazon reviews, LaMP, LongLaMP
//	Choose  training, validation and test texts of N writers
//
// Nothing is left out silently. A text or a writer that cannot be used is counted with its reason
// and a first example (Dropped). A file that is damaged, or of another format, is a fault. Equal
// texts never stand on both sides of a split.
package evaldata

import (
	"time"

	"nextquill/core/history"
)

// Format is the layout of a data set.
type Format string

// The formats. Auto chooses by the first record.
const (
	Auto     Format = "auto"
	JSONL    Format = "jsonl"    // {"user": …, "items": […]} or one text a line with a "user" field
	Amazon   Format = "amazon"   // Amazon Reviews 2018 and 2023, and {user_id, profile, data} made of them
	LaMP     Format = "lamp"     // questions with profiles; the outputs are in a second file
	LongLaMP Format = "longlamp" // questions with profiles and outputs
)

// Formats lists the formats.
func Formats() []Format { return []Format{Auto, JSONL, Amazon, LaMP, LongLaMP} }

// Writer is one person's texts.
type Writer struct {
	ID    string
	Items []history.Item // texts to split by time, in the order of the data set
	Fixed []history.Item // test texts, where the data set names them
}

// Dropped counts what was left out or changed for one reason.
type Dropped struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	First  string `json:"first"`            // where it was first: "critics.jsonl: line 3"
	Kept   bool   `json:"kept,omitempty"`   // the text is used, with a change
	Writer bool   `json:"writer,omitempty"` // counts writers, not texts
}

// Set is a data set.
type Set struct {
	Format  Format
	Writers []Writer
	Dropped []Dropped
}

// Options say how to read a data set. The zero value detects the format.
type Options struct {
	Format Format
	// Facts names a file with facts about the subjects of the texts, such as the metadata of Amazon
	// products: its fields join a text's context by their common id.
	Facts string
	// Outputs names the file with the outputs of LaMP questions; "" means the one beside them.
	Outputs string
	// Fields selects the context fields and their order; nil means all.
	Fields []string
	Limits Limits
}

// Limits bound what is read. A zero field means its default.
type Limits struct {
	File    int64 // bytes of a file after decompression; default 2 GiB
	Record  int   // bytes of one record; default 16 MiB
	Texts   int   // texts in all; default 1,000,000
	Writers int   // default 200,000
	Text    int   // bytes of one text; longer ones are left out; default 32 KiB
	Field   int   // bytes of one context field; longer ones are shortened; default 1,000
}

func (l Limits) orDefault() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.File <= 0 {
		l.File = 2 << 30
	}
	set(&l.Record, 16<<20)
	set(&l.Texts, 1_000_000)
	set(&l.Writers, 200_000)
	set(&l.Text, 32<<10)
	set(&l.Field, 1_000)
	return l
}

// The reasons for leaving out a text or a writer.
const (
	noUser       = "no user"
	noText       = "no text"
	noReference  = "no reference text"
	longText     = "text too long"
	wrongDate    = "the date is not a date"
	noDate       = "no date, but the writer's other texts have one"
	duplicate    = "same text again"
	nestedField  = "a context field is an object"
	tooMany      = "too many context fields"
	shortened    = "a context field was shortened"
	noFacts      = "no facts about the subject"
	laterThan    = "later than the writer's test texts"
	atTest       = "equal to a test text"
	fewTexts     = "too few texts"
	notChosen    = "not drawn"
	moreThanUsed = "older than the texts that are used"
)

// tally counts reasons in the order of their first occurrence.
type tally struct {
	list  []Dropped
	index map[string]int
}

func (t *tally) add(reason, where string, kept, writer bool) { t.addN(1, reason, where, kept, writer) }

func (t *tally) addN(n int, reason, where string, kept, writer bool) {
	if n == 0 {
		return
	}
	if t.index == nil {
		t.index = map[string]int{}
	}
	i, ok := t.index[reason]
	if !ok {
		i = len(t.list)
		t.index[reason] = i
		t.list = append(t.list, Dropped{Reason: reason, First: where, Kept: kept, Writer: writer})
	}
	t.list[i].Count += n
}

// timed reports whether an item has a time.
func timed(t time.Time) bool { return !t.IsZero() }
