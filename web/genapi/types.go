package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/gpu"
)

// unions are the string fields that take the values of a TypeScript type.
var unions = map[string]string{
	"Loading.Base": "Base", "Inference.Template": "Template", "PersonalizeParams.Template": "Template",
	"PersonalizeParams.Preset": "Preset", "Phase.Preset": "Preset", "EstimateParams.Preset": "Preset",
	"Retrieval.Kind": "RetrievalKind", "Training.Decay": "Decay",
}

// field is one field of a message. Those of embedded structs count as the message's own, as in
// JSON.
type field struct {
	json, typ string // typ is in Go: "Type.Field"
	omit      bool   // JSON may lack it
	t         reflect.Type
	doc       string
}

func (w *writer) fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			out = append(out, w.fields(f.Type)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		key := t.Name() + "." + f.Name
		// Comments start with the Go name, which TypeScript does not have.
		doc := w.doc(t, key)
		if rest, ok := strings.CutPrefix(doc, f.Name+" "); ok && !strings.HasPrefix(rest, "and ") {
			this := "This "
			if strings.HasPrefix(rest, "are ") {
				this = "These "
			}
			doc = this + rest
		}
		omit := strings.Contains(options, "omitempty")
		out = append(out, field{json: name, typ: key, omit: omit, t: f.Type, doc: doc})
	}
	return out
}

// ranges are the ranges of the numbers in what callers set.
func ranges() map[string]map[string]api.Range {
	out := map[string]map[string]api.Range{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[api.LoRA](), reflect.TypeFor[api.Sampling](), reflect.TypeFor[api.Source](),
		reflect.TypeFor[api.Training](),
	} {
		out[t.Name()] = map[string]api.Range{}
		for i := range t.NumField() {
			if r, ok := api.RangeOf(t.Field(i)); ok {
				name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
				out[t.Name()][name] = r
			}
		}
	}
	return out
}

// params writes the interface of a message that TypeScript sends. Its fields are named as in JSON.
func (w *writer) params(t reflect.Type) {
	fields, written := w.begin(t, "params", w.params)
	if written {
		return
	}
	w.line("export interface %s {", nameOf(t))
	for _, f := range fields {
		w.comment("  ", f.doc)
		if f.omit {
			w.line("  %s?: %s | undefined;", f.json, strings.TrimSuffix(w.typeOf(f), " | undefined"))
		} else {
			w.line("  %s: %s;", f.json, w.typeOf(f))
		}
	}
	w.line("}")
}

// result writes the interface of a message that the guest sends, and its decoder. Its fields are in
// camel case. A field that JSON may lack then has its zero value, or is undefined for a pointer.
// event is the name of an event, else "".
func (w *writer) result(t reflect.Type, event string) {
	if w.done["result "+t.Name()] {
		return
	}
	fields, written := w.begin(t, "result", func(t reflect.Type) { w.result(t, "") })
	if !written {
		w.line("export interface %s {", nameOf(t))
		for _, f := range fields {
			if f.json == "event" {
				w.line("  event: %q;", event)
				continue
			}
			w.comment("  ", f.doc)
			w.line("  %s: %s;", camel(f.json), w.typeOf(f))
		}
		w.line("}")
	}
	name := nameOf(t)
	w.line("")
	w.line("export const decode%s: Decoder<%s> = /* @__PURE__ */ record<%s>({", name, name, name)
	for _, f := range fields {
		decoder := decoderOf(f.t)
		if f.json == "event" {
			decoder = fmt.Sprintf("/* @__PURE__ */ literal(%q)", event)
		} else if f.omit {
			decoder = fmt.Sprintf("/* @__PURE__ */ optional(%s, %s)", decoder, zeroOf(f.t))
		}
		w.line("  %s: %s,", camel(f.json), decoder)
	}
	w.line("});")
}

// begin writes what goes before a struct: the structs that it needs, then its comment. written
// tells that its interface is there already; one that is both sent and received has one spelling of
// its fields.
func (w *writer) begin(t reflect.Type, role string, nested func(reflect.Type)) (fields []field, written bool) {
	written = w.done["params "+t.Name()] || w.done["result "+t.Name()]
	w.done[role+" "+t.Name()] = true
	fields = w.fields(t)
	for _, f := range fields {
		if w.done["params "+t.Name()] && w.done["result "+t.Name()] && (f.omit || camel(f.json) != f.json) {
			w.fail("%s is both sent and received: its field %s would need two spellings", t, f.json)
		}
		inner := f.t
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != t {
			nested(inner)
		}
	}
	if !written {
		w.line("")
		w.comment("", w.doc(t, t.Name()))
	}
	return fields, written
}

// typeOf is a field's type in TypeScript.
func (w *writer) typeOf(f field) string {
	if union, ok := unions[f.typ]; ok {
		return union
	}
	return w.typeScript(f.t)
}

func (w *writer) typeScript(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return "number"
	case reflect.Slice:
		return w.typeScript(t.Elem()) + "[]"
	case reflect.Pointer:
		return w.typeScript(t.Elem()) + " | undefined"
	case reflect.Struct:
		return nameOf(t)
	}
	w.fail("no TypeScript type for %s", t)
	return ""
}

func decoderOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return fmt.Sprintf("/* @__PURE__ */ list(%s)", decoderOf(t.Elem()))
	case reflect.Pointer:
		return decoderOf(t.Elem())
	case reflect.Struct:
		return "decode" + nameOf(t)
	}
	return "integer"
}

func zeroOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return `""`
	case reflect.Bool:
		return "false"
	case reflect.Slice:
		return "[]"
	case reflect.Pointer, reflect.Struct:
		return "undefined"
	}
	return "0"
}

// nameOf is a struct's name in TypeScript.
func nameOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[gpu.Info]():
		return "DeviceInfo"
	case reflect.TypeFor[causal.Options]():
		return "ObjectiveOptions"
	}
	return t.Name()
}

var underscore = regexp.MustCompile(`_[a-z]`)

func camel(name string) string {
	return underscore.ReplaceAllStringFunc(name, func(s string) string { return strings.ToUpper(s[1:]) })
}
