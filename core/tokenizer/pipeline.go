package tokenizer

import (
	"encoding/json"
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
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// steps calls step for a component, or for each part of a Sequence. depth counts down: sequences can nest.
func (l *loader) steps(field string, raw json.RawMessage, depth int, step func(c component) error) error {
	var c component
	if err := json.Unmarshal(raw, &c); err != nil || c.Type == "" {
		return l.fault(fault.Malformed, field, "is no pipeline step").WithCause(err).WithRemedy(fetchAgain)
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
		form, ok := forms[c.Type]
		if !ok {
			return l.fault(fault.Unsupported, "normalizer", "is %s", fault.Quote(c.Type)).
				WithRemedy("use a model whose normalizer is null or a Unicode normal form")
		}
		l.t.normalizers = append(l.t.normalizers, normalizer{form})
		return nil
	})
}

func (l *loader) buildStages() error {
	const field = "pre_tokenizer"
	const remedy = "use a model of byte-level BPE, whose pre_tokenizer is ByteLevel or ends in it"
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
				return l.fault(fault.Missing, field, "ByteLevel has no add_prefix_space").WithRemedy(fetchAgain)
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
		return nil, l.fault(fault.Unsupported, field, "Split has the behavior %s", fault.Quote(string(c.Behavior))).WithRemedy(fetchAgain)
	}
	switch {
	case c.Pattern.String != nil:
		s.finder = literal(*c.Pattern.String)
	case c.Pattern.Regex == nil:
		return nil, l.fault(fault.Missing, field, "Split has no pattern").WithRemedy(fetchAgain)
	case len(*c.Pattern.Regex) > maxPattern:
		return nil, l.fault(fault.TooLarge, field, "Split has a pattern of %d bytes", len(*c.Pattern.Regex)).WithLimit("%d", maxPattern)
	default:
		f, err := compile(*c.Pattern.Regex)
		if err != nil {
			return nil, l.fault(fault.Unsupported, field, "Split has the pattern %s", fault.Quote(*c.Pattern.Regex)).WithCause(err).
				WithRemedy("use a model with a common pattern (GPT-2, Qwen, Llama 3)")
		}
		s.finder = f
	}
	return s, nil
}

func (l *loader) checkDecoder() error {
	const remedy = "use a model of byte-level BPE, whose decoder is ByteLevel"
	if isNull(l.decoder) {
		return l.fault(fault.Unsupported, "decoder", "is null").WithRemedy(remedy)
	}
	return l.steps("decoder", l.decoder, 2, func(c component) error {
		if c.Type != "ByteLevel" {
			return l.fault(fault.Unsupported, "decoder", "is %s", fault.Quote(c.Type)).WithRemedy(remedy)
		}
		return nil
	})
}
