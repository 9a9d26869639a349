// Command parity compares core/tokenizer with reference tokenizers on a corpus that scripts/parity
// makes: the ids of documents and conversations, and the result of decoding. With -long it also
// measures that the time is proportional to the length of a text.
//
//	go run ./cmd/parity [-long] build/parity
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"nextquill/core/blob"
	"nextquill/core/chat"
	"nextquill/core/tokenizer"
)

var long = flag.Bool("long", false, "also time texts of 50 MB; takes minutes")

func main() {
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go run ./cmd/parity [-long] DIR; scripts/parity makes DIR")
		os.Exit(2)
	}
	wrong, err := run(context.Background(), flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) (wrong int, err error) {
	corpus, err := readList(filepath.Join(dir, "corpus.bin"), 1)
	if err != nil {
		return 0, err
	}
	docs := make([]string, len(corpus))
	for i, d := range corpus {
		docs[i] = string(d)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		n, err := compare(ctx, dir, e.Name(), docs)
		if err != nil {
			return wrong, err
		}
		wrong += n
	}
	return wrong, nil
}

// compare checks one tokenizer and prints a line about it.
func compare(ctx context.Context, dir, name string, docs []string) (wrong int, err error) {
	store := blob.FromFS(os.DirFS(dir))
	tok, err := tokenizer.LoadModel(ctx, store, name)
	if err != nil {
		return 0, err
	}
	want, err := readList(filepath.Join(dir, name, "ids.bin"), 4)
	if err != nil {
		return 0, err
	}
	if len(want) != len(docs) {
		return 0, fmt.Errorf("%s: ids of %d documents, but the corpus has %d: run scripts/parity again",
			name, len(want), len(docs))
	}
	tokens, size := 0, 0
	began := time.Now()
	for i, doc := range docs {
		ids := tok.EncodeWithSpecials(doc)
		tokens += len(ids)
		size += len(doc)
		if !slices.Equal(ids, words(want[i])) {
			wrong++
			report(tok, name, i, ids, words(want[i]))
		}
	}
	speed := float64(size) / 1e6 / time.Since(began).Seconds()
	lost := roundTrips(tok, docs)
	chats, off, err := conversations(ctx, store, dir, name, tok)
	if err != nil {
		return 0, err
	}
	fmt.Printf("%-14s %5.1f MB  %8d tokens  %d of %d documents differ  %d of %d conversations differ  "+
		"%d decode differently  %.1f MB/s\n",
		name, float64(size)/1e6, tokens, wrong, len(docs), off, chats, lost, speed)
	if *long {
		growth(tok, docs)
	}
	return wrong + off + lost, nil
}

// report shows the place of the first difference.
func report(tok *tokenizer.Tokenizer, name string, doc int, got, want []int32) {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	around := func(ids []int32) string {
		return tok.Decode(ids[max(0, min(i-4, len(ids))):min(len(ids), i+6)])
	}
	fmt.Printf("%s: document %d, token %d:\n  ours      %q\n  reference %q\n",
		name, doc, i, around(got), around(want))
}

// roundTrips counts texts that change when they are encoded and decoded. Half of them are not valid
// UTF-8. Two changes are correct: to a canonically equal text, if the model uses a normal form, and
// the loss of bytes for which the model has no token (SmolLM2 lacks all bytes that UTF-8 does not
// use, and some more).
func roundTrips(tok *tokenizer.Tokenizer, docs []string) (lost int) {
	rng := rand.New(rand.NewPCG(1, 2))
	var missing []string
	for _, b := range tok.MissingBytes() {
		missing = append(missing, string([]byte{b}), "")
	}
	kept, spaced := strings.NewReplacer(missing...), strings.NewReplacer("▁", " ")
	for _, doc := range docs {
		broken := []byte(doc)
		for range len(broken) / 100 {
			broken[rng.IntN(len(broken))] = byte(rng.IntN(256))
		}
		for _, text := range []string{doc, string(broken)} {
			back := tok.Decode(tok.Encode(text))
			if back != text && back != kept.Replace(text) && back != spaced.Replace(text) && !canonical(back, text) {
				lost++
			}
		}
	}
	return lost
}

// canonical reports whether two texts are equal after decomposition, in any order of marks:
// norm.NFD orders at most 30 in a row, and inserts U+034F there.
func canonical(a, b string) bool {
	apart := func(s string) string {
		chars := []rune(strings.ReplaceAll(norm.NFD.String(s), "\u034f", ""))
		for i, j := 0, 0; i < len(chars); i = j {
			for j = i + 1; j < len(chars) && unicode.Is(unicode.M, chars[j]); j++ {
			}
			first := i // the text may begin with marks
			if !unicode.Is(unicode.M, chars[i]) {
				first++
			}
			slices.Sort(chars[first:j])
		}
		return string(chars)
	}
	return apart(a) == apart(b)
}

// conversations counts the conversations, and those whose ids differ from those of transformers.
func conversations(
	ctx context.Context, store blob.Store, dir, name string, tok *tokenizer.Tokenizer,
) (all, off int, err error) {
	t, err := chat.Load(ctx, store, name)
	if t == nil || err != nil {
		return 0, 0, err
	}
	data, err := os.ReadFile(filepath.Join(dir, name, "chats.json"))
	if err != nil {
		return 0, 0, err
	}
	var cases []struct {
		Turns  [][2]string
		Prompt bool
		IDs    []int32
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		return 0, 0, err
	}
	for _, c := range cases {
		var turns []chat.Message
		for _, turn := range c.Turns {
			turns = append(turns, chat.Message{Role: turn[0], Content: turn[1]})
		}
		text, err := t.Render(turns, chat.Options{Prompt: c.Prompt, Now: time.Now})
		if err != nil {
			return 0, 0, err
		}
		if ids := tok.EncodeWithSpecials(text); !slices.Equal(ids, c.IDs) {
			off++
			report(tok, name+" chat", off, ids, c.IDs)
		}
	}
	return len(cases), off, nil
}

// growth prints the time for a text and for a single word of 50 MB each, and its ratio to the time
// for 5 MB.
func growth(tok *tokenizer.Tokenizer, docs []string) {
	const n = 50 << 20
	for _, of := range []struct{ what, unit string }{{"text", strings.Join(docs, "")}, {"one word", "a"}} {
		var seconds [2]float64
		for i, n := range []int{n / 10, n} {
			text := strings.Repeat(of.unit, n/len(of.unit)+1)[:n]
			began := time.Now()
			tok.Encode(text)
			seconds[i] = time.Since(began).Seconds()
		}
		fmt.Printf("%14s 50 MB of %s take %.1f s, %.1f times as long as 5 MB\n",
			"", of.what, seconds[1], seconds[1]/seconds[0])
	}
}

// readList reads a list of parity.py: the number of entries; then each entry as the number of its
// words and the words, of width bytes each.
func readList(path string, width int) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; run scripts/parity", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var n uint32
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return nil, err
	}
	var out [][]byte
	for range n {
		var size uint32
		if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
			return nil, err
		}
		data := make([]byte, int(size)*width)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func words(b []byte) []int32 {
	out := make([]int32, len(b)/4)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}
