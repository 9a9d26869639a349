package importabi

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/importer"
)

// Host is what a session needs of the other side.
type Host interface {
	// ReadAt reads a part of a file, like io.ReaderAt.
	ReadAt(file int, p []byte, offset int64) (int, error)
	// Emit takes a message.
	Emit(message []byte) error
}

// Session serves the requests of one import.
type Session struct {
	host   Host
	read   *importer.Import // nil before the first request
	limits importer.Limits
}

// NewSession starts a session. Zero limits are the defaults of the importer.
func NewSession(host Host, limits importer.Limits) *Session {
	return &Session{host: host, limits: limits}
}

// oneBuild is the remedy for a request that no host of this version makes.
const oneBuild = "serve the module and the scripts of one build"

// batch is the approximate size of a message with items, in bytes of their texts and contexts.
const batch = 1 << 20

// Serve answers a request. The error is one of the host.
func (s *Session) Serve(request []byte) error {
	found, items, err := s.serve(request)
	if err != nil {
		return s.emit(ImportMessage{Result: &ImportResult{Error: faultOf(err)}})
	}
	var part []ImportedItem
	size := 0
	for i, it := range items {
		part = append(part, it)
		if size += sizeOf(it); size >= batch || i == len(items)-1 {
			if err := s.emit(ImportMessage{Items: part}); err != nil {
				return err
			}
			part, size = part[:0], 0
		}
	}
	return s.emit(ImportMessage{Result: &found})
}

// sizeOf is the approximate size of an item in a message, in bytes. Many short texts may have long
// contexts.
func sizeOf(it ImportedItem) int {
	size := 100 + len(it.ID) + len(it.Text)
	for _, f := range it.Context {
		size += 25 + len(f.Name) + len(f.Value)
	}
	return size
}

func (s *Session) emit(m ImportMessage) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return err
	}
	return s.host.Emit(b.Bytes())
}

func (s *Session) serve(raw []byte) (ImportResult, []ImportedItem, error) {
	var r ImportRequest
	if len(raw) > MaxRequest {
		return ImportResult{}, nil, fault.New(fault.TooLarge, "request", "", "%d bytes", len(raw)).
			WithLimit("%d bytes", MaxRequest).WithRemedy("import fewer files at a time")
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return ImportResult{}, nil, fault.New(fault.Malformed, "request", "", "is not a request in JSON").
			WithCause(err).WithRemedy(oneBuild)
	}
	switch r.Method {
	case MethodRead:
		if err := s.readFiles(r); err != nil {
			return ImportResult{}, nil, err
		}
	case MethodChoose:
		if s.read == nil {
			return ImportResult{}, nil, fault.New(fault.Missing, "request", "method", "no file is read").
				WithRemedy("read files first")
		}
	default:
		return ImportResult{}, nil, fault.New(fault.Unsupported, "request", "method", "%s is unknown",
			fault.Quote(r.Method)).WithRemedy(oneBuild)
	}
	result, err := s.read.Result(r.Me)
	found, items := resultOf(result)
	if err != nil {
		found.Error = faultOf(err)
	}
	return found, items, nil
}

func (s *Session) readFiles(r ImportRequest) error {
	s.read = nil
	columns := map[string]string{}
	for _, c := range r.TextColumns {
		columns[c.File] = c.Column
	}
	pages := &pages{host: s.host}
	var files []importer.File
	for i, f := range r.Files {
		if f.Size < 0 || f.Name == "" {
			return fault.New(fault.Malformed, "request", "files", "file %d has no name or a negative size", i).
				WithRemedy(oneBuild)
		}
		one := importer.File{Name: f.Name, Size: f.Size, At: pageReader{pages, i, f.Name, f.Size}}
		if f.Modified != 0 {
			one.Modified = time.UnixMilli(f.Modified).UTC()
			if y := one.Modified.Year(); y < 1 || y > 9999 {
				one.Modified = time.Time{}
			}
		}
		files = append(files, one)
	}
	read, err := importer.ReadFiles(files, importer.Options{TextColumn: r.TextColumn, TextColumns: columns,
		Limits: s.limits})
	if err == nil {
		s.read = read
	}
	return err
}

func resultOf(r importer.Result) (ImportResult, []ImportedItem) {
	found := ImportResult{Choose: r.Choose, From: timeOf(r.From), To: timeOf(r.To), LeftOut: remarks(r.LeftOut),
		Notes: remarks(r.Notes)}
	for _, s := range r.Senders {
		found.Senders = append(found.Senders, ImportSender{ID: s.ID(), Name: s.Name, Address: s.Address,
			Count: s.Count, Sample: s.Sample, Likely: s.Likely, Chosen: s.Chosen})
	}
	for _, t := range r.Tables {
		found.Tables = append(found.Tables, ImportTable(t))
	}
	for _, err := range r.Failed {
		found.Failed = append(found.Failed, *faultOf(err))
	}
	if r.Choose {
		found.From, found.To = "", ""
		return found, nil
	}
	found.Texts = len(r.Items)
	items := make([]ImportedItem, len(r.Items))
	for i, it := range r.Items {
		context := make([]api.Field, len(it.Context))
		for k, f := range it.Context {
			context[k] = api.Field{Name: f.Name, Value: f.Value}
		}
		items[i] = ImportedItem{ID: it.ID, Context: context, Text: it.Text, Time: timeOf(it.Time)}
	}
	return found, items
}

func faultOf(err error) *ImportFault {
	var f *fault.Error
	if !errors.As(err, &f) {
		return &ImportFault{Kind: string(fault.Internal), Detail: err.Error()}
	}
	return &ImportFault{Kind: string(f.Kind), Where: f.Where, Field: f.Field, Detail: f.Detail, Limit: f.Limit,
		Remedy: f.Remedy}
}

func remarks(list []importer.LeftOut) []ImportRemark {
	out := make([]ImportRemark, len(list))
	for i, l := range list {
		out[i] = ImportRemark(l)
	}
	return out
}

// timeOf formats a time like JavaScript's toISOString.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
