package tokenizer

import (
	"encoding/json"
	"math"
	"slices"

	"golang.org/x/text/unicode/norm"

	"nextquill/core/fault"
)

// component is any step of the file's pipeline.
type component struct {
	Type             string            `json:"type"`
	Normalizers      []json.RawMessage `json:"normalizers"`
	Pretokenizers    []json.RawMessage `json:"pretokenizers"`
	Decoders         []json.RawMessage `json:"decoders"`
	AddPrefixSpace   *bool             `json:"add_prefix_space"`
	UseRegex         *bool             `json:"use_regex"`
	IndividualDigits bool              `json:"individual_digits"`
	Pattern          struct {
		String *string
		Regex  *string
	} `json:"pattern"`
	Behavior behavior `json:"behavior"`
	Invert   bool     `json:"invert"`
	// Fields of Prepend, Replace, Strip and Metaspace.
	Prepend     string  `json:"prepend"`
	Content     string  `json:"content"`
	Start       int     `json:"start"`
	Stop        int     `json:"stop"`
	Replacement string  `json:"replacement"`
	Scheme      *string `json:"prepend_scheme"`
	Split       *bool   `json:"split"`
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// steps calls step for a component, or for each part of a Sequence. depth is the remaining nesting
// depth.
func (l *loader) steps(field string, raw json.RawMessage, depth int, step func(c component) error) error {
	var c component
	if err := json.Unmarshal(raw, &c); err != nil || c.Type == "" {
		return l.fault(fault.Malformed, field, "is not a pipeline step").WithCause(err).WithRemedy(downloadAgain)
	}
	if c.Type != "Sequence" {
		return step(c)
	}
	parts := slices.Concat(c.Normalizers, c.Pretokenizers, c.Decoders)
	if len(parts) > maxStages || depth == 0 {
		return l.fault(fault.TooLarge, field, "has too many steps").WithLimit("%d", maxStages)
	}
	for _, part := range parts {
		if err := l.steps(field, part, depth-1, step); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) buildNormalizer() error {
	if isNull(l.normalizer) {
		return nil
	}
	forms := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
	return l.steps("normalizer", l.normalizer, 2, func(c component) error {
		var n normalizer
		form, ok := forms[c.Type]
		switch {
		case ok:
			n = normalForm{form}
		case c.Type == "Prepend" && c.Prepend == spaceMark:
			n = prepend{}
		case c.Type == "Replace" && c.isReplace(" ", spaceMark):
			n = markSpaces{}
		default:
			return l.fault(fault.Unsupported, "normalizer", "is %s", fault.Quote(c.Type)).
				WithRemedy("use a model whose normalizer is null, a Unicode normal form or Llama 2's")
		}
		l.t.normalizers = append(l.t.normalizers, n)
		return nil
	})
}

// isReplace reports whether a step replaces one plain string by another.
func (c component) isReplace(old, new string) bool {
	return c.Pattern.String != nil && *c.Pattern.String == old && c.Content == new
}

// byteLevel reports whether the pre-tokenizer has the step ByteLevel.
func (l *loader) byteLevel() bool {
	found := false
	_ = !isNull(l.pre) && l.steps("pre_tokenizer", l.pre, 2, func(c component) error {
		found = found || c.Type == "ByteLevel"
		return nil
	}) == nil // buildStages reports the error
	return found
}

func (l *loader) buildStages() error {
	const field = "pre_tokenizer"
	const remedy = "use a byte-level BPE model, whose pre_tokenizer is ByteLevel or ends with it"
	if l.t.bpe.characters {
		return l.buildMetaspace()
	}
	if isNull(l.pre) {
		return l.fault(fault.Unsupported, field, "is null").WithRemedy(remedy)
	}
	closed := false
	err := l.steps(field, l.pre, 2, func(c component) error {
		if closed {
			return l.fault(fault.Unsupported, field, "has %s after ByteLevel", fault.Quote(c.Type)).WithRemedy(remedy)
		}
		if len(l.t.stages) == maxStages {
			return l.fault(fault.TooLarge, field, "has too many steps").WithLimit("%d", maxStages)
		}
		var s stage
		switch c.Type {
		case "ByteLevel":
			if c.AddPrefixSpace == nil {
				return l.fault(fault.Missing, field, "ByteLevel has no add_prefix_space").WithRemedy(downloadAgain)
			}
			s = byteLevel{*c.AddPrefixSpace, c.UseRegex == nil || *c.UseRegex}
			closed = true
		case "Digits":
			s = digits{c.IndividualDigits}
		case "Split":
			var err error
			if s, err = l.patternSplit(c); err != nil {
				return err
			}
		default:
			return l.fault(fault.Unsupported, field, "has the step %s", fault.Quote(c.Type)).WithRemedy(remedy)
		}
		l.t.stages = append(l.t.stages, s)
		return nil
	})
	if err == nil && !closed {
		err = l.fault(fault.Unsupported, field, "has no ByteLevel").WithRemedy(remedy)
	}
	return err
}

func (l *loader) patternSplit(c component) (stage, error) {
	const field = "pre_tokenizer"
	s := patternSplit{behavior: c.Behavior, invert: c.Invert}
	switch c.Behavior {
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
	default:
		return nil, l.fault(fault.Unsupported, field, "Split has the behavior %s", fault.Quote(string(c.Behavior))).
			WithRemedy(downloadAgain)
	}
	switch {
	case c.Pattern.String != nil:
		s.finder = literal(*c.Pattern.String)
	case c.Pattern.Regex == nil:
		return nil, l.fault(fault.Missing, field, "Split has no pattern").WithRemedy(downloadAgain)
	case len(*c.Pattern.Regex) > maxPattern:
		return nil, l.fault(fault.TooLarge, field, "Split has a pattern of %d bytes", len(*c.Pattern.Regex)).
			WithLimit("%d", maxPattern)
	default:
		f, err := compile(*c.Pattern.Regex)
		if err != nil {
			return nil, l.fault(fault.Unsupported, field, "Split has the pattern %s", fault.Quote(*c.Pattern.Regex)).
				WithCause(err).
				WithRemedy("use a model with a common pattern (GPT-2, Qwen, Llama 3)")
		}
		s.finder = f
	}
	return s, nil
}

// buildMetaspace reads the pre-tokenizer of a model with byte_fallback: null or Metaspace.
func (l *loader) buildMetaspace() error {
	const field = "pre_tokenizer"
	const remedy = "use a byte-level BPE model, or one whose pre_tokenizer is null or Metaspace"
	if !isNull(l.pre) {
		err := l.steps(field, l.pre, 2, func(c component) error {
			if c.Type != "Metaspace" || l.t.metaspace != nil || c.Replacement != spaceMark {
				return l.fault(fault.Unsupported, field, "has the step %s", fault.Quote(c.Type)).WithRemedy(remedy)
			}
			m := metaspace{scheme: prependAlways, split: c.Split == nil || *c.Split}
			switch {
			case c.Scheme != nil:
				m.scheme = *c.Scheme
			case c.AddPrefixSpace != nil && !*c.AddPrefixSpace: // files from before prepend_scheme
				m.scheme = prependNever
			}
			if m.scheme != prependAlways && m.scheme != prependFirst && m.scheme != prependNever {
				return l.fault(fault.Unsupported, field, "Metaspace has the prepend_scheme %s", fault.Quote(m.scheme)).
					WithRemedy(downloadAgain)
			}
			l.t.metaspace = &m
			return nil
		})
		if err != nil {
			return err
		}
	}
	l.cutAtMarks()
	return nil
}

// cutAtMarks splits texts before spaces if Metaspace requires it or if it does not change the
// result.
func (l *loader) cutAtMarks() {
	if m := l.t.metaspace; m != nil && m.split {
		l.t.stages = []stage{beforeMarks{}}
	} else if l.t.wordwise() {
		l.t.stages = []stage{beforeMarks{runs: true}}
	}
}

// buildDecoder reads the decoder. Byte-level tokens decode to their bytes. SentencePiece tokens do
// too, after the mark is replaced by a space, but a space that encoding put before the text may
// have to be removed.
func (l *loader) buildDecoder() error {
	want := "ByteLevel"
	if l.t.bpe.characters {
		want = "Metaspace, or Replace, ByteFallback, Fuse and Strip"
	}
	refuse := func(is string) error {
		return l.fault(fault.Unsupported, "decoder", "is %s", is).WithRemedy("use a model whose decoder is %s", want)
	}
	if isNull(l.decoder) {
		return refuse("null")
	}
	return l.steps("decoder", l.decoder, 2, func(c component) error {
		ok := c.Type == "ByteLevel" && !l.t.bpe.characters
		if l.t.bpe.characters {
			switch c.Type {
			case "Replace":
				ok = c.isReplace(spaceMark, " ")
			case "ByteFallback", "Fuse":
				ok = true
			case "Strip":
				ok = c.Content == " " && c.Start <= 1 && c.Stop == 0
				l.t.dropsSpace = c.Start == 1
			case "Metaspace":
				ok = c.Replacement == spaceMark
				l.t.dropsSpace = c.Scheme == nil || *c.Scheme != prependNever
			}
		}
		if !ok {
			return refuse(fault.Quote(c.Type))
		}
		return nil
	})
}

// postProcessor is a step of the post-processor.
type postProcessor struct {
	Type       string          `json:"type"`
	Processors []postProcessor `json:"processors"`
	// Single is the template of a text: special tokens and the text itself, "A".
	Single []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		}
		Sequence *struct{ ID string }
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens"`
	CLS json.RawMessage `json:"cls"` // ["<s>", 1]
}

// buildPost reads the tokens that the post-processor puts before a text. Those after a text are not
// used: the layout of prompts ends texts itself.
func (l *loader) buildPost() error {
	if isNull(l.post) {
		return nil
	}
	malformed := func() error {
		return l.fault(fault.Malformed, "post_processor", "is not a post-processor").WithRemedy(downloadAgain)
	}
	var p postProcessor
	if json.Unmarshal(l.post, &p) != nil || p.Type == "" {
		return malformed()
	}
	steps := []postProcessor{p}
	if p.Type == "Sequence" {
		steps = p.Processors
	}
	for _, s := range steps {
		switch s.Type {
		case "ByteLevel":
		case "TemplateProcessing":
			for _, part := range s.Single {
				if part.SpecialToken == nil {
					break
				}
				l.t.begin = append(l.t.begin, s.SpecialTokens[part.SpecialToken.ID].IDs...)
			}
		case "RobertaProcessing", "BertProcessing":
			var cls []any
			if json.Unmarshal(s.CLS, &cls) != nil || len(cls) != 2 {
				return malformed()
			}
			id, ok := cls[1].(float64)
			if !ok || id != math.Trunc(id) || math.Abs(id) > maxTokens {
				return malformed()
			}
			l.t.begin = append(l.t.begin, int32(id))
		default:
			return l.fault(fault.Unsupported, "post_processor", "has the step %s", fault.Quote(s.Type)).
				WithRemedy("use a model whose post_processor is ByteLevel or TemplateProcessing")
		}
	}
	for _, id := range l.t.begin {
		if id < 0 || int(id) >= len(l.t.tokens) {
			return l.fault(fault.OutOfRange, "post_processor", "has the token id %d", id).
				WithLimit("0 to %d", len(l.t.tokens)-1).WithRemedy(downloadAgain)
		}
	}
	return nil
}
