package evaldata

import (
	"crypto/sha256"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

// Read reads the files of a data set. The error is a fault: Missing, Storage, Malformed, TooLarge,
// Unsupported (another format or a task without a text), or Mismatch (questions and outputs).
func Read(paths []string, o Options) (Set, error) {
	o.Limits = o.Limits.orDefault()
	b := &builder{Options: o, index: map[string]int{}, have: map[[sha256.Size]byte]bool{}}
	if o.Facts != "" {
		if err := b.readFacts(o.Facts); err != nil {
			return Set{}, err
		}
	}
	for _, path := range paths {
		if err := b.readFile(path); err != nil {
			return Set{}, err
		}
	}
	if len(b.writers) == 0 {
		why := "has no texts"
		for _, d := range b.tally.list {
			why += "; " + d.Reason + ": " + count(d.Count)
		}
		return Set{}, fault.New(fault.Missing, strings.Join(paths, ", "), "", "%s", why).
			WithRemedy("check the file and its format (--format)")
	}
	return Set{Format: b.Format, Writers: b.clean(), Dropped: b.tally.list}, nil
}

// builder collects the writers of a data set.
type builder struct {
	Options
	writers []Writer
	index   map[string]int             // position of a writer by id
	facts   map[string]record          // facts by the id of the subject
	golds   map[string]string          // LaMP's outputs by question
	have    map[[sha256.Size]byte]bool // which writer has which text, by a digest
	texts   int
	tally   tally
}

// readFile reads one file in the format that is set, or in that of its first record.
func (b *builder) readFile(path string) error {
	if b.Format == "" {
		b.Format = Auto
	}
	prepared := false
	return each(path, b.Limits, func(r record) error {
		if b.Format == Auto {
			var err error
			if b.Format, err = detect(r); err != nil {
				return err
			}
		}
		if b.Format == LaMP && !prepared {
			prepared = true
			if err := b.readOutputs(path); err != nil {
				return err
			}
		}
		switch b.Format {
		case JSONL:
			return b.jsonl(r)
		case Amazon:
			return b.amazon(r)
		case LaMP, LongLaMP:
			return b.question(r)
		}
		return fault.New(fault.Unsupported, "--format", "", "%s is not known", fault.Quote(string(b.Format))).
			WithRemedy("use one of: %s", formatNames())
	})
}

func formatNames() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// detect finds the format of a record by its fields.
func detect(r record) (Format, error) {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := r.get(name); !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("input", "profile", "output"):
		return LongLaMP, nil
	case has("input", "profile"):
		return LaMP, nil
	case has("reviewerID"), has("user_id", "asin"), has("user_id", "parent_asin"), has("user_id", "profile", "data"):
		return Amazon, nil
	case has("user"):
		return JSONL, nil
	}
	return "", fault.New(fault.Unsupported, r.where, "", "is in no known format").
		WithRemedy(`use JSONL with "user" and "text" fields, or choose the format with --format`)
}

// entry is one text with the data that its reader found.
type entry struct {
	user    string
	text    string
	context []history.Field
	time    string
	fixed   bool // the data set uses it as a test text
	where   string
}

// add checks an entry and adds it to its writer.
func (b *builder) add(e entry) error {
	drop := func(reason string) error {
		b.tally.add(reason, e.where, false, false)
		return nil
	}
	e.text = strings.TrimSpace(strings.ReplaceAll(e.text, "\r\n", "\n"))
	missing := noText
	if e.fixed {
		missing = noReference
	}
	switch {
	case strings.TrimSpace(e.user) == "":
		return drop(noUser)
	case e.text == "":
		return drop(missing)
	case len(e.text) > b.Limits.Text:
		return drop(longText)
	case b.Fields == nil && len(e.context) > history.MaxFields:
		return drop(tooMany)
	}
	it := history.Item{Text: e.text}
	if e.time != "" {
		var ok bool
		if it.Time, ok = prose.ParseTime(e.time); !ok {
			return drop(wrongDate)
		}
	}
	for _, f := range b.choose(e.context) {
		if f.Value = strings.Join(strings.Fields(f.Value), " "); f.Value == "" {
			continue
		}
		if len(f.Value) > b.Limits.Field {
			f.Value = prose.Cut(f.Value, b.Limits.Field)
			b.tally.add(shortened, e.where, true, false)
		}
		it.Context = append(it.Context, f)
	}
	if b.texts++; b.texts > b.Limits.Texts {
		return fault.New(fault.TooLarge, e.where, "", "too many texts").WithLimit("%d", b.Limits.Texts).
			WithRemedy("use a part of the data set")
	}
	w := b.writer(e.user)
	if w < 0 {
		return fault.New(fault.TooLarge, e.where, "", "too many writers").WithLimit("%d", b.Limits.Writers).
			WithRemedy("use a part of the data set")
	}
	text := normal(e.text)
	key := e.user + "\x00" + string(text[:])
	if e.fixed {
		key += "\x00fixed" // atTest handles equal texts in the profile
	}
	sum := sha256.Sum256([]byte(key))
	if b.have[sum] {
		return drop(duplicate)
	}
	b.have[sum] = true
	if e.fixed {
		b.writers[w].Fixed = append(b.writers[w].Fixed, it)
	} else {
		b.writers[w].Items = append(b.writers[w].Items, it)
	}
	return nil
}

// writer returns the position of a writer, or -1 if there are too many.
func (b *builder) writer(id string) int {
	if i, ok := b.index[id]; ok {
		return i
	}
	if len(b.writers) == b.Limits.Writers {
		return -1
	}
	b.index[id] = len(b.writers)
	b.writers = append(b.writers, Writer{ID: id})
	return len(b.writers) - 1
}

// choose selects the context fields that the options name, in their order.
func (b *builder) choose(context []history.Field) []history.Field {
	if b.Fields == nil {
		return context
	}
	var out []history.Field
	for _, name := range b.Fields {
		for _, f := range context {
			if f.Name == name {
				out = append(out, f)
			}
		}
	}
	return out
}

// normal is the form in which two texts are compared: copies in the sense of the core, and besides
// texts that differ in case.
func normal(text string) history.Digest { return history.TextDigest(strings.ToLower(text)) }

// clean removes texts without a date from writers whose other texts have one: their place in the
// order is unknown. Where no text has a date, the order of the data set stands.
func (b *builder) clean() []Writer {
	for i := range b.writers {
		w := &b.writers[i]
		n := 0
		for _, it := range w.Items {
			if timed(it.Time) {
				n++
			}
		}
		if n == 0 || n == len(w.Items) {
			continue
		}
		kept := w.Items[:0]
		for _, it := range w.Items {
			if timed(it.Time) {
				kept = append(kept, it)
			}
		}
		b.tally.addN(len(w.Items)-n, noDate, "writer "+fault.Quote(w.ID), false, false)
		w.Items = kept
	}
	return b.writers
}
