package tokenizer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/internal/sorted"
)

// The files beside tokenizer.json that declare further tokens. transformers reads the last two only
// if the first has no added_tokens_decoder.
const (
	ConfigName     = "tokenizer_config.json"
	specialMapName = "special_tokens_map.json"
	addedName      = "added_tokens.json"
)

const maxConfigFile = 16 << 20 // bytes; some files list every added token

// namedTokens are the fields with one token each, in the order in which transformers adds those
// that the vocabulary lacks.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// declared are the tokens of a model that its tokenizer.json may lack, and the settings that
// override those of the file.
type declared struct {
	where  string
	tokens []Added // ID is that of the file, or -1
	addBOS *bool   // add_bos_token, if it is set
	bos    string  // bos_token, or ""
}

// readDeclared reads the files beside tokenizer.json.
func readDeclared(ctx context.Context, store blob.Store, dir string) (*declared, error) {
	d := &declared{where: blob.Join(dir, ConfigName)}
	config, err := readJSONFields(ctx, store, d.where)
	if err != nil {
		return nil, err
	}
	if err := d.readFlag(config); err != nil {
		return nil, err
	}
	list := config["added_tokens_decoder"]
	if list != nil && string(list) != "null" {
		err = d.readDecoder(list)
	} else {
		err = d.readOldFiles(ctx, store, dir, config)
	}
	if err != nil {
		return nil, err
	}
	return d, d.readNamed(config)
}

// readJSONFields reads the fields of a JSON object, or nil if there is no such file.
func readJSONFields(ctx context.Context, store blob.Store, name string) (map[string]json.RawMessage, error) {
	data, err := blob.ReadAll(ctx, store, name, maxConfigFile)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil, fault.New(fault.Malformed, name, "", "is not a JSON object").WithRemedy(downloadAgain)
	}
	return fields, nil
}

func (d *declared) malformed(field string) error {
	return fault.New(fault.Malformed, d.where, field, "has an unexpected type").WithRemedy(downloadAgain)
}

func (d *declared) readFlag(config map[string]json.RawMessage) error {
	if raw := config["add_bos_token"]; raw != nil && json.Unmarshal(raw, &d.addBOS) != nil {
		return d.malformed("add_bos_token")
	}
	return nil
}

// readDecoder reads added_tokens_decoder, an object of tokens by id.
func (d *declared) readDecoder(raw json.RawMessage) error {
	const field = "added_tokens_decoder"
	var byID map[string]json.RawMessage
	if json.Unmarshal(raw, &byID) != nil {
		return d.malformed(field)
	}
	for id, raw := range byID {
		n, err := strconv.ParseUint(id, 10, 31)
		if err != nil {
			return d.malformed(field + "[" + fault.Quote(id) + "]")
		}
		a, err := d.token(field+"["+fault.Quote(id)+"]", raw, false)
		if err != nil {
			return err
		}
		a.ID = int32(n)
		d.tokens = append(d.tokens, a)
	}
	sorted.By(d.tokens, func(a, b *Added) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// readOldFiles reads the tokens of files from before added_tokens_decoder.
func (d *declared) readOldFiles(ctx context.Context, store blob.Store, dir string,
	config map[string]json.RawMessage) error {
	added, err := readJSONFields(ctx, store, blob.Join(dir, addedName))
	if err != nil {
		return err
	}
	for content, raw := range added {
		var id int32
		if json.Unmarshal(raw, &id) != nil || id < 0 {
			return fault.New(fault.Malformed, blob.Join(dir, addedName), fault.Quote(content), "is no id").
				WithRemedy(downloadAgain)
		}
		d.tokens = append(d.tokens, Added{ID: id, Content: content, Normalized: true})
	}
	sorted.By(d.tokens, func(a, b *Added) int { return cmp.Compare(a.ID, b.ID) })
	special, err := readJSONFields(ctx, store, blob.Join(dir, specialMapName))
	for name, raw := range special {
		if config != nil && config[name] == nil {
			config[name] = raw
		}
	}
	if config == nil && err == nil {
		return d.readNamed(special)
	}
	return err
}

// readNamed reads the tokens with a role and the lists of further special tokens.
func (d *declared) readNamed(config map[string]json.RawMessage) error {
	for _, name := range namedTokens {
		raw := config[name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		a, err := d.token(name, raw, true)
		if err != nil {
			return err
		}
		if name == "bos_token" {
			d.bos = a.Content
		}
		d.tokens = append(d.tokens, a)
	}
	for _, name := range []string{"additional_special_tokens", "extra_special_tokens"} {
		raw := config[name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			var byName map[string]json.RawMessage
			if json.Unmarshal(raw, &byName) != nil {
				return d.malformed(name)
			}
			for _, key := range slices.Sorted(maps.Keys(byName)) {
				list = append(list, byName[key])
			}
		}
		for _, one := range list {
			a, err := d.token(name, one, true)
			if err != nil {
				return err
			}
			d.tokens = append(d.tokens, a)
		}
	}
	return nil
}

// token reads a token: its text, or an object with its properties.
func (d *declared) token(field string, raw json.RawMessage, special bool) (Added, error) {
	a := Added{ID: -1, Special: special}
	if json.Unmarshal(raw, &a.Content) == nil {
		return a, nil
	}
	var object struct {
		Content    *string `json:"content"`
		Special    *bool   `json:"special"`
		SingleWord bool    `json:"single_word"`
		LStrip     bool    `json:"lstrip"`
		RStrip     bool    `json:"rstrip"`
		Normalized *bool   `json:"normalized"`
	}
	if json.Unmarshal(raw, &object) != nil || object.Content == nil {
		return a, d.malformed(field)
	}
	a.Content, a.SingleWord, a.LStrip, a.RStrip = *object.Content, object.SingleWord, object.LStrip, object.RStrip
	if object.Special != nil {
		a.Special = *object.Special || special
	}
	a.Normalized = !a.Special
	if object.Normalized != nil {
		a.Normalized = *object.Normalized
	}
	return a, nil
}

// declare adds the declared tokens that tokenizer.json lacks: their ids follow those of the file,
// as in transformers. A declared id must be the one that the token gets.
func (l *loader) declare(d *declared) error {
	known := map[string]int32{}
	next := int32(0)
	for spelled, id := range l.vocab {
		known[spelled] = id
		next = max(next, id+1)
	}
	isAdded := map[string]bool{}
	for _, a := range l.t.added {
		known[a.Content] = a.ID
		isAdded[a.Content] = true
		next = max(next, a.ID+1)
	}
	where := loader{where: d.where}
	for _, a := range d.tokens {
		field := "token " + fault.Quote(a.Content)
		id, ok := known[a.Content]
		if !ok {
			id = next
			if int(next) > len(known) {
				return where.fault(fault.Unsupported, field, "is not in %s, whose ids have gaps", FileName).
					WithRemedy("save the tokenizer with transformers, which writes all tokens to %s", FileName)
			}
		}
		if a.ID >= 0 && a.ID != id {
			return where.fault(fault.Mismatch, field, "is declared with the id %d, but %s gives it %d", a.ID,
				FileName, id).
				WithRemedy("use both files of the model from the same source")
		}
		if err := where.checkToken(func() string { return field }, a.Content, int64(id)); err != nil {
			return err
		}
		if isAdded[a.Content] {
			continue
		}
		a.ID, isAdded[a.Content], known[a.Content] = id, true, id
		l.t.added = append(l.t.added, a)
		next = max(next, id+1)
	}
	l.t.addBOS = d.addBOS
	if id, ok := known[d.bos]; ok && d.bos != "" {
		l.t.bos = id
	}
	return nil
}
