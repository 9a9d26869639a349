// Command evalwriters writes the data set of `make eval`: texts of three writers that may be
// passed on and that the embedded model was not trained on, one text a line.
//
//	go run ./cmd/evalwriters build/eval/writers.jsonl
//
// Ambrose Bierce is the sample writer. The two books are testdata of Go modules, which the go
// command downloads and verifies:
//
//	Isaac Newton, Opticks, 4th edition (1730)   github.com/andybalholm/brotli, of go.mod
//	Mark Twain, The Adventures of Tom Sawyer (1876)   github.com/dsnet/compress v0.0.1
//
// The copyright of both has expired.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"nextquill/core/history"
	"nextquill/samples"
)

// book is a text file in a Go module.
type book struct {
	writer, work string
	module, file string
	sha256       string
	start, end   string // the first and the last paragraph of the work begin so
}

var books = []book{
	{"Isaac Newton", "Opticks", "github.com/andybalholm/brotli@v1.2.0", "testdata/Isaac.Newton-Opticks.txt",
		"d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd", "My Design in this Book", ""},
	{"Mark Twain", "The Adventures of Tom Sawyer", "github.com/dsnet/compress@v0.0.1", "testdata/twain.txt",
		"b55ba30f33a37191ce2778b8b60c205abf50b07232e551b59000bb38c7b8f5a6", "The old lady pulled her spectacles",
		"So endeth this chronicle"},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: evalwriters FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "evalwriters:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	var out bytes.Buffer
	if err := bierce(&out); err != nil {
		return err
	}
	for _, b := range books {
		text, err := b.read()
		if err != nil {
			return err
		}
		items := b.items(text)
		if len(items) < 200 {
			return fmt.Errorf("%s has only %d usable texts", b.work, len(items))
		}
		for _, it := range items {
			if err := json.NewEncoder(&out).Encode(it); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// line is a text in the format of the data set.
type line struct {
	User    string `json:"user"`
	Context any    `json:"context"`
	Text    string `json:"text"`
	Time    string `json:"time,omitempty"`
}

// bierce writes the texts of the sample writer, in their order.
func bierce(w io.Writer) error {
	for _, name := range []string{"history.jsonl", "heldout.jsonl"} {
		f, err := samples.Bierce().Open(name)
		if err != nil {
			return err
		}
		items, err := history.ReadJSONL(f, name, history.Limits{})
		f.Close()
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := json.NewEncoder(w).Encode(line{"Ambrose Bierce", ordered(it.Context), it.Text,
				it.Time.Format("2006-01-02")}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ordered encodes fields as an object in their order.
func ordered(fields []history.Field) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(f.Name) // a string always encodes
		value, _ := json.Marshal(f.Value)
		fmt.Fprintf(&b, "%s:%s", name, value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// read downloads the module with the go command, which checks it against the checksum database, and
// reads the file.
func (b book) read() (string, error) {
	goCommand := os.Getenv("GO")
	if goCommand == "" {
		goCommand = "go"
	}
	cmd := exec.Command(goCommand, "mod", "download", "-json", b.module)
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(raw, &module); err != nil || jsonErr != nil || module.Dir == "" {
		return "", fmt.Errorf("%s cannot be downloaded: %v %s", b.module, err, module.Error)
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, filepath.FromSlash(b.file)))
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != b.sha256 {
		return "", fmt.Errorf("%s: %s has another content than expected: %x", b.module, b.file, sum)
	}
	return string(text), nil
}

// The length of a usable text in words, as of the sample writer's texts.
const minWords, maxWords = 8, 70

// maxBefore bounds the context, in bytes.
const maxBefore = 240

var (
	blank    = regexp.MustCompile(`\n[ \t]*\n`)
	sentence = regexp.MustCompile(`[.!?]["')]*\s+`)
	complete = regexp.MustCompile(`[.!?]["')]*$`)
)

// pieces divides a paragraph at the ends of sentences, so that each has at most maxWords if
// possible.
func pieces(p string) []string {
	var out []string
	start, words := 0, 0
	ends := append(sentence.FindAllStringIndex(p, -1), []int{len(p), len(p)})
	at := 0
	for _, end := range ends {
		n := len(strings.Fields(p[at:end[1]]))
		if words > 0 && words+n > maxWords {
			out = append(out, strings.TrimSpace(p[start:at]))
			start, words = at, 0
		}
		words += n
		at = end[1]
	}
	return append(out, strings.TrimSpace(p[start:]))
}

// items are paragraphs of running text, or parts of long ones, in the order of the book. The
// context is the work and the sentence before.
func (b book) items(text string) []line {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var out []line
	before, inside := "", false
	for _, p := range blank.Split(text, -1) {
		indented := strings.HasPrefix(strings.Trim(p, "\n"), "  ") // verse, headings and tables
		p = strings.Join(strings.Fields(strings.ReplaceAll(p, "_", "")), " ")
		inside = inside || strings.HasPrefix(p, b.start)
		if b.end != "" && strings.HasPrefix(p, b.end) {
			break
		}
		if !inside || indented || !complete.MatchString(p) || strings.ContainsAny(p, "[|{") {
			continue
		}
		for _, piece := range pieces(p) {
			if n := len(strings.Fields(piece)); n >= minWords && n <= maxWords && before != "" {
				context := ordered([]history.Field{{Name: "work", Value: b.work}, {Name: "before", Value: before}})
				out = append(out, line{User: b.writer, Context: context, Text: piece})
			}
			before = last(piece)
		}
	}
	return out
}

// last is the last sentence of a paragraph, or its end if that is long.
func last(p string) string {
	s := p
	for _, at := range sentence.FindAllStringIndex(p, -1) {
		s = p[at[1]:]
	}
	if len(s) > maxBefore {
		s = s[len(s)-maxBefore:]
		if _, rest, ok := strings.Cut(s, " "); ok {
			s = rest
		}
	}
	return s
}
