package prose

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"

	"nextquill/core/history"
)

// Bounds of the front matter that is parsed.
const (
	maxHead      = 256 << 10 // bytes
	maxHeadLines = 2000
)

var keyLine = regexp.MustCompile(`^["']?[\p{L}\p{N}_][^:\n]{0,100}:(?:\s|$)`)

// yamlFields reads the keys of YAML in their order. Lists are joined with commas. YAML that is not
// valid is read line by line. ok is false if no line is a key.
func yamlFields(head string) (fields []history.Field, ok bool) {
	keys := false
	for line := range strings.SplitSeq(head, "\n") {
		keys = keys || keyLine.MatchString(line)
	}
	if !keys || len(head) > maxHead {
		return nil, false
	}
	var doc yaml.Node
	if yaml.Unmarshal([]byte(head), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return looseFields(head), true
	}
	// The nodes are read as they are written: aliases are not expanded, numbers and dates keep
	// their spelling.
	var loose []history.Field
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		value := yamlValue(top[i+1])
		if top[i+1].Kind == yaml.MappingNode { // a template's {{date}} is a mapping in YAML
			if loose == nil {
				loose = looseFields(head)
			}
			for _, f := range loose {
				if f.Name == top[i].Value && strings.HasPrefix(f.Value, "{{") {
					value = f.Value
				}
			}
		}
		fields = append(fields, history.Field{Name: top[i].Value, Value: value})
	}
	return fields, true
}

func yamlValue(n *yaml.Node) string {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return ""
		}
		return n.Value
	case yaml.SequenceNode:
		var parts []string
		for _, c := range n.Content {
			if v := yamlValue(c); v != "" && len(parts) < 100 {
				parts = append(parts, v)
			}
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

// jsonFields reads a JSON object at the start of a text, which a line break ends. Objects in it are
// skipped.
func jsonFields(text string) (fields []history.Field, body string, ok bool) {
	d := json.NewDecoder(strings.NewReader(text[:min(len(text), maxHead)]))
	var head json.RawMessage
	if d.Decode(&head) != nil {
		return nil, "", false
	}
	body = text[d.InputOffset():]
	line, _, _ := strings.Cut(body, "\n")
	var doc yaml.Node // JSON is YAML, whose nodes keep the order
	if strings.TrimSpace(line) != "" || yaml.Unmarshal(head, &doc) != nil || len(doc.Content) == 0 {
		return nil, "", false
	}
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		fields = append(fields, history.Field{Name: top[i].Value, Value: yamlValue(top[i+1])})
	}
	return fields, body, len(fields) > 0
}

// looseFields reads the lines "key: value" of a head that is not valid YAML.
func looseFields(head string) (fields []history.Field) {
	for line := range strings.SplitSeq(head, "\n") {
		if !keyLine.MatchString(line) {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		fields = append(fields, history.Field{Name: strings.Trim(key, `"' `), Value: strings.Trim(value, `"' `)})
	}
	return fields
}

// tomlFields reads the keys of TOML in their order. Tables are skipped.
func tomlFields(head string) (fields []history.Field, ok bool) {
	if len(head) > maxHead {
		return nil, false
	}
	values := map[string]any{}
	meta, err := toml.Decode(head, &values)
	if err != nil {
		return nil, false
	}
	for _, key := range meta.Keys() {
		if len(key) == 1 {
			fields = append(fields, history.Field{Name: key[0], Value: tomlValue(values[key[0]])})
		}
	}
	return fields, len(fields) > 0
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case time.Time:
		switch v.Location().String() { // toml gives local times the zone of this machine
		case "date-local":
			return v.Format(time.DateOnly)
		case "datetime-local":
			return v.Format("2006-01-02T15:04:05.999999999")
		case "time-local":
			return v.Format("15:04:05.999999999")
		}
		return v.Format(time.RFC3339Nano)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, tomlValue(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any, []map[string]any:
		return ""
	}
	return fmt.Sprint(v)
}
