// Package example is the example at the top of the page: a text that the model was not trained on,
// with the effect of the writer's earlier texts on each word, and two drafts. cmd/pageexample
// computes it with a real run and writes it to File. cmd/buildwasm renders it into index.html, so
// that it is visible before any script, model or GPU is ready.
package example

import (
	"bytes"
	"encoding/json"
	"math"
	"unicode"
	"unicode/utf8"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// File is the stored example, relative to the root of the repository. Command makes it.
const (
	File    = "web/page/example.json"
	Command = "go run ./cmd/pageexample"
)

// MaxBytes bounds File.
const MaxBytes = 32 << 10

// Example is the content of File.
type Example struct {
	Made   Made   `json:"made"`
	Writer string `json:"writer"`
	Unseen Unseen `json:"unseen"`
	// Context says what the text and the drafts are about.
	Context []api.Field `json:"context"`
	Words   []Word      `json:"words"`
	// Earlier are the texts that were in the prompt, oldest first.
	Earlier []string `json:"earlier"`
	Plain   string   `json:"plain"` // the draft of the base model, without history
	You     string   `json:"you"`   // the draft of the personalized model
}

// Made says which run made an example.
type Made struct {
	Command string  `json:"command"`
	Device  string  `json:"device"`
	Model   string  `json:"model_sha256"`   // of the weights of the base model
	Adapter string  `json:"adapter_sha256"` // of the weights of the adapter
	Preset  string  `json:"preset"`
	Epochs  float64 `json:"epochs"`
	Texts   int     `json:"texts"` // that the adapter was trained on
	Seed    uint64  `json:"seed"`  // of training
	// DraftSeed is the seed of both drafts: the first whose personalized draft repeats no longer
	// word.
	DraftSeed uint64 `json:"draft_seed"`
}

// Unseen is the test on the held-out texts, in nats per token.
type Unseen struct {
	Texts  int     `json:"texts"`
	Tokens int     `json:"tokens"`
	Before float64 `json:"before"` // the base model without history
	After  float64 `json:"after"`  // the personalized model with history
}

// Times is how many times as likely a token is after learning, as the geometric mean.
func (u Unseen) Times() float64 { return math.Exp(u.Before - u.After) }

// Word is a word or a punctuation mark of the text, with the white space before it.
type Word struct {
	Text string `json:"text"`
	// With and Without are its probabilities with and without the earlier texts in the prompt.
	With    float64 `json:"with"`
	Without float64 `json:"without"`
	// Times says for each of the earlier texts how many times as likely it makes the word.
	Times []float64 `json:"times"`
}

// DCE is the data-side causal effect of the earlier texts on the word.
func (w Word) DCE() float64 { return w.With - w.Without }

// Words joins the tokens of a text to words, as web/ui/words.ts does. The end of the text is left
// out.
func Words(tokens []api.TokenCause) []Word {
	type sums struct {
		text          string
		with, without float64
		influence     []float64
	}
	var all []sums
	for _, t := range tokens {
		if t.Text == "⏎" {
			continue
		}
		first, _ := utf8.DecodeRuneInString(t.Text)
		if n := len(all); n > 0 && inWord(first) {
			if last, _ := utf8.DecodeLastRuneInString(all[n-1].text); inWord(last) {
				w := &all[n-1]
				w.text += t.Text
				w.with += t.LogpWith
				w.without += t.LogpWithout
				for i, v := range t.Influence {
					w.influence[i] += v
				}
				continue
			}
		}
		all = append(all, sums{t.Text, t.LogpWith, t.LogpWithout, append([]float64{}, t.Influence...)})
	}
	words := make([]Word, len(all))
	for i, w := range all {
		words[i] = Word{Text: w.text, With: digits(math.Exp(w.with)), Without: digits(math.Exp(w.without)),
			Times: make([]float64, len(w.influence))}
		for k, v := range w.influence {
			words[i].Times[k] = digits(math.Exp(v))
		}
	}
	return words
}

func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N) || r == '\'' || r == '’'
}

// digits rounds to three significant digits.
func digits(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	if unit < 1 {
		inverse := math.Round(1 / unit)
		return math.Round(v*inverse) / inverse
	}
	return math.Round(v/unit) * unit
}

// Encode returns the content of File.
func (e Example) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	w.SetIndent("", " ")
	err := w.Encode(e)
	return b.Bytes(), err
}

// Decode reads the content of File.
func Decode(data []byte) (Example, error) {
	var e Example
	if len(data) > MaxBytes {
		return e, fault.New(fault.TooLarge, File, "", "%d bytes", len(data)).WithLimit("%d bytes", MaxBytes).
			WithRemedy("make it again: " + Command)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, wrong("", "%v", err)
	}
	return e, e.check()
}

func (e Example) check() error {
	switch {
	case e.Made.Command == "" || e.Made.Device == "" || len(e.Made.Model) != 64 || len(e.Made.Adapter) != 64 ||
		e.Made.Texts < 1:
		return wrong("made", "it does not say which run made it")
	case e.Writer == "" || len(e.Context) == 0 || len(e.Words) == 0 || len(e.Earlier) == 0:
		return wrong("", "it has no writer, context, words or earlier texts")
	case e.Plain == "" || e.You == "":
		return wrong("", "a draft is missing")
	case e.Unseen.Texts < 1 || !positive(e.Unseen.Before) || !positive(e.Unseen.After):
		return wrong("unseen", "it has no test")
	}
	for i, w := range e.Words {
		if w.Text == "" || !share(w.With) || !share(w.Without) || len(w.Times) != len(e.Earlier) {
			return wrong("words", "word %d is not complete", i)
		}
		for _, t := range w.Times {
			if !positive(t) {
				return wrong("words", "word %d has the ratio %v", i, t)
			}
		}
	}
	return nil
}

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func share(p float64) bool { return p >= 0 && p <= 1 }

func wrong(field, format string, args ...any) error {
	return fault.New(fault.Malformed, File, field, format, args...).WithRemedy("make it again: " + Command)
}
