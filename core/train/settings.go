package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"nextquill/core/fault"
)

// settings are the settings of a run and the shape of the adapter that it trains, by name. A
// checkpoint records them, so that resuming can name the one that differs.
func settings(s Setup) map[string]string {
	out := map[string]string{}
	flatten(out, "", asJSON(s.Config))
	for name, v := range out {
		if short, ok := strings.CutPrefix(name, "adam_w."); ok { // as in requests
			delete(out, name)
			out[short] = v
		}
	}
	if a := s.Model.Active(); a != nil {
		shape := a.Shape()
		targets := slices.Sorted(slices.Values(shape.Targets))
		out["rank"], out["alpha"] = fmt.Sprint(shape.Rank), fmt.Sprint(shape.Alpha)
		out["targets"] = strings.Join(targets, ",") + shape.TargetPattern
		out["use_rslora"] = fmt.Sprint(shape.RSLoRA)
	}
	return out
}

// asJSON is a value as encoding/json decodes it.
func asJSON(v any) (out any) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic(err) // plain structs always encode
	}
	return out
}

// flatten writes the members of nested objects, with names such as "objective.delta" and
// "batch_size".
func flatten(out map[string]string, name string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		text := fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			text = strconv.FormatFloat(f, 'g', -1, 64)
		}
		out[name] = text
		return
	}
	for key, inner := range object {
		key = underscored(key)
		if name != "" {
			key = name + "." + key
		}
		flatten(out, key, inner)
	}
}

// underscored is a Go name as JSON spells it: BatchSize is batch_size, LR is lr.
func underscored(name string) string {
	var b strings.Builder
	var before rune
	for _, c := range name {
		if unicode.IsUpper(c) && unicode.IsLower(before) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
		before = c
	}
	return b.String()
}

// settingsThatDiffer names each setting that is not the same, with both values.
func settingsThatDiffer(saved, now map[string]string) []string {
	both := maps.Clone(saved)
	maps.Copy(both, now)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if saved[name] != now[name] {
			out = append(out, fmt.Sprintf("%s (saved %s, now %s)", plain(name), shown(saved, name), shown(now, name)))
		}
	}
	return out
}

// plain quotes text from a checkpoint, unless it is a short list of names or numbers.
func plain(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_.,+-0123456789") == "" && text != "" && len(text) < 80 {
		return text
	}
	return fault.Quote(text)
}

// shown is a setting as messages show it.
func shown(settings map[string]string, name string) string {
	v, ok := settings[name]
	if !ok {
		return "none"
	}
	return plain(v)
}
