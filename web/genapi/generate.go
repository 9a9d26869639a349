package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/history"
	"nextquill/core/weights"
	"nextquill/models/manifest"
	"nextquill/wasm/abi"
	"nextquill/wasm/importabi"
)

const header = `// Code generated from the Go types by web/genapi. DO NOT EDIT. To regenerate: ` + Command + `
//
// Parameters are sent as they are, so their fields are named as in JSON. Results and events are
// decoded: every field is checked, and named in camel case.

import { boolean, integer, list, literal, number, optional, record, string, type Decoder } from "./decode.js";
`

// methods are those that the module calls.
var methods = []string{
	api.MethodLoad, api.MethodUnload, api.MethodPersonalize, api.MethodEvaluate, api.MethodWrite, api.MethodExplain,
	api.MethodEstimate,
}

// events are those that these methods emit, as Go types by their names.
func events() []api.Event {
	return slices.DeleteFunc(api.Events(), func(e api.Event) bool {
		return !slices.ContainsFunc(api.Methods(), func(m api.Method) bool {
			return slices.Contains(methods, m.Name) && slices.Contains(m.Events, e.Name)
		})
	})
}

// writer collects the lines of the output.
type writer struct {
	b       strings.Builder
	sources map[string]*source
	root    string
	done    map[string]bool // "params T" or "result T"
	err     error
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// comment writes a Go comment as one of TypeScript.
func (w *writer) comment(indent, text string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "*/", "*\u200b/"))
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	if len(lines) == 1 {
		w.line("%s/** %s */", indent, text)
		return
	}
	w.line("%s/**", indent)
	for _, l := range lines {
		w.line("%s", strings.TrimRight(indent+" * "+l, " "))
	}
	w.line("%s */", indent)
}

// source reads a folder of the repository, once.
func (w *writer) source(dir string) *source {
	s := w.sources[dir]
	if s == nil {
		var err error
		if s, err = parseSource(w.root + "/" + dir); err != nil {
			w.fail("%w", err)
			s = &source{}
		}
		w.sources[dir] = s
	}
	return s
}

// doc is the comment of a type or field of t's package.
func (w *writer) doc(t reflect.Type, key string) string {
	return w.source(strings.TrimPrefix(t.PkgPath(), "nextquill/")).docs[key]
}

// value writes a constant as JSON. Its type is that of the literal.
func (w *writer) value(doc, name string, v any) {
	w.constant(doc, name, " as const", v)
}

// typedValue writes a constant of a TypeScript type as JSON.
func (w *writer) typedValue(doc, name, typ string, v any) {
	w.constant(doc, name+": "+typ, "", v)
}

func (w *writer) constant(doc, declared, suffix string, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		w.fail("%s: %w", declared, err)
	}
	w.line("")
	w.comment("", doc)
	w.line("export const %s = %s%s;", declared, text, suffix)
}

// union writes a type of several texts. With list it also writes their list, of this name.
func (w *writer) union(doc, name, list string, values []string) {
	var quoted []string
	for _, v := range values {
		if slices.Contains(quoted, strconv.Quote(v)) {
			w.fail("%s has %q twice", name, v)
		}
		quoted = append(quoted, strconv.Quote(v))
	}
	w.line("")
	w.comment("", doc)
	if one := strings.Join(quoted, " | "); len(one) < 90 {
		w.line("export type %s = %s;", name, one)
	} else {
		w.line("export type %s =\n  | %s;", name, strings.Join(quoted, "\n  | "))
	}
	if list != "" {
		w.line("\nexport const %s: readonly %s[] = [%s];", list, name, strings.Join(quoted, ", "))
	}
}

func generate(root string) ([]byte, error) {
	w := &writer{root: root, sources: map[string]*source{}, done: map[string]bool{}}
	w.line("%s", header)
	w.enums()
	w.values()
	w.abi()
	w.messages()
	w.imports()
	return []byte(w.b.String()), w.err
}

var enumDocs = map[string]string{
	"Base":          "The formats of a base model's weights on the GPU.",
	"Decay":         "The shapes of the learning rate's decay.",
	"Preset":        "The training objectives, the default first.",
	"RetrievalKind": "How the items of a prompt are retrieved.",
	"Template":      "How prompts are laid out.",
}

func (w *writer) enums() {
	for _, e := range api.Enums() {
		list := ""
		switch e.Name {
		case "Stage", "Stopped", "Why", "Role": // fields of results, which callers only show
			continue
		case "Retrieval": // the name of a struct, too
			e.Name = "RetrievalKind"
		case "Preset":
			list = "presets"
			slices.SortStableFunc(e.Values, func(a, b string) int { return rank(a) - rank(b) })
		}
		doc, ok := enumDocs[e.Name]
		if !ok {
			w.fail("no comment for %s", e.Name)
		}
		w.union(doc, e.Name, list, e.Values)
	}
	kinds := append(w.source("core/fault").values("Kind"), "busy") // the module adds this one
	w.union("What sort of error a fault is. \"internal\" is a bug in NextQuill; \"busy\" means that another\n"+
		"tab or call is working.", "FaultKind", "", kinds)
}

// rank puts the default preset first.
func rank(preset string) int {
	if preset == api.ModuleDefaults().Preset {
		return 0
	}
	return 1
}

func (w *writer) values() {
	w.value("The lower bounds of |DCE| of the four shades of a token.", "shadeLevels", causal.ShadeLevels())
	phases := map[string][]api.Phase{}
	for _, preset := range causal.Presets() {
		o, err := causal.Preset(preset)
		if err != nil {
			w.fail("%w", err)
		}
		phases[preset] = api.Phases(preset, o)
	}
	w.typedValue("The phases of a run with each preset; see core/api.", "phases",
		"Readonly<Record<Preset, readonly Phase[]>>", phases)
	w.value("The defaults of the module; see core/api.", "defaults", api.ModuleDefaults())
	w.value("What numbers of requests may be, by Go type and JSON name; see core/api.", "ranges", ranges())
	w.value("The architectures of GGUF files that the core reads; see core/weights.", "ggufArchitectures",
		weights.GGUFArchitectures())
	w.value("The longest name of a blob, in bytes of UTF-8.", "maxBlobName", blob.MaxName)
	w.value("The limits on items; see core/history.", "itemLimits", history.DefaultBounds())
	w.value("The limits on a model's manifest; see models/manifest.", "manifestLimits", manifest.DefaultBounds())
}

func (w *writer) abi() {
	w.line("\n// The ABI between guest and host; see wasm/abi/README.md.")
	w.value("Checked when a guest starts.", "abiVersion", abi.Version)
	w.value("The guest's import module.", "abiModule", abi.Module)
	w.value("The other import module.", "wasiModule", abi.WASIModule)
	w.value("The functions of wasiModule that a guest may import.", "wasiNames", abi.WASI)
	w.value("The functions of abiModule.", "importNames", names(abi.Imports))
	exports := append([]string{"_initialize"}, names(abi.Exports)...)
	w.value("The functions that a guest exports.", "exportNames", exports)
	w.value("What call and resume return. A negative value is a status.", "State",
		map[string]abi.State{"done": abi.Done, "parked": abi.Parked})
	w.value("The status of a failed import or operation. The reply then is an ErrorInfo.", "statusFailed", abi.Failed)
	texts := map[abi.Status]string{}
	for s := abi.Failed - 1; s.String() != abi.Status(-1<<30).String(); s-- {
		texts[s] = s.String()
	}
	w.typedValue("The statuses below statusFailed.", "statusTexts", "Readonly<Record<number, string>>", texts)
	w.value("The largest command batch, in bytes.", "maxBatch", abi.MaxBatch)
	w.value("The most commands in a batch.", "maxCommands", abi.MaxCommands)
	w.value("The most bindings of a pipeline or bind group.", "maxBindings", abi.MaxBindings)
	w.value("The largest request, response, event or reply, in bytes.", "maxMessage", abi.MaxMessage)
	w.value("The longest name that crosses the ABI, in bytes.", "maxNameArg", abi.MaxNameArg)
	w.value("The numbers of the commands.", "Op", map[string]gpu.Op{
		"createBuffer": gpu.OpCreateBuffer, "destroyBuffer": gpu.OpDestroyBuffer, "writeBuffer": gpu.OpWriteBuffer,
		"clearBuffer": gpu.OpClearBuffer, "copyBuffer": gpu.OpCopyBuffer, "createPipeline": gpu.OpCreatePipeline,
		"destroyPipeline": gpu.OpDestroyPipeline, "createBindGroup": gpu.OpCreateBindGroup,
		"destroyBindGroup": gpu.OpDestroyBindGroup, "dispatch": gpu.OpDispatch,
	})
	w.value("How a buffer is used.", "Usage", map[string]gpu.Usage{"storage": gpu.Storage, "uniform": gpu.Uniform})
	w.value("How a shader uses a binding.", "Access",
		map[string]gpu.Access{"uniform": gpu.ReadUniform, "read": gpu.ReadStorage, "write": gpu.WriteStorage})
	w.line("export type Access = (typeof Access)[keyof typeof Access];")
}

// imports writes the interface of the import module.
func (w *writer) imports() {
	w.line("\n// The interface of the import module; see wasm/importabi.")
	w.value("Checked when an import module starts.", "importVersion", importabi.Version)
	w.value("The import module's own import module.", "importModule", importabi.Module)
	w.value("The functions of importModule.", "importModuleImports", names(importabi.Imports))
	exports := append([]string{"_initialize"}, names(importabi.Exports)...)
	w.value("The functions that an import module exports.", "importModuleExports", exports)
	w.value("The status of an import or export that failed.", "importFailed", importabi.Failed)
	w.value("The largest request, in bytes.", "maxImportRequest", importabi.MaxRequest)
	w.value("The largest message, in bytes.", "maxImportMessage", importabi.MaxMessage)
	w.value("The most bytes of a file that the module may ask for at a time.", "maxImportRead", importabi.MaxRead)
	w.params(reflect.TypeFor[importabi.ImportRequest]())
	w.result(reflect.TypeFor[importabi.ImportMessage](), "")
}

func names(functions []abi.Func) []string {
	var out []string
	for _, f := range functions {
		out = append(out, f.Name)
	}
	return out
}

func (w *writer) messages() {
	w.line("\n// Messages.")
	w.params(reflect.TypeFor[api.Phase]())
	w.params(reflect.TypeFor[gpu.Info]())
	w.params(reflect.TypeFor[api.ErrorInfo]())
	for _, e := range events() {
		w.result(reflect.TypeOf(e.Value), e.Name)
	}
	w.line("\n/** The decoders of the events, by name. */\nexport const decodeEvent = {")
	for _, e := range events() {
		w.line("  %s: decode%s,", e.Name, reflect.TypeOf(e.Value).Name())
	}
	w.line("} as const;")
	var signatures, decoders strings.Builder
	for _, m := range api.Methods() {
		if !slices.Contains(methods, m.Name) {
			continue
		}
		params, result := "Record<string, never>", reflect.TypeOf(m.Result)
		if m.Params != nil {
			w.params(reflect.TypeOf(m.Params))
			params = nameOf(reflect.TypeOf(m.Params))
		}
		w.result(result, "")
		fmt.Fprintf(&signatures, "  %s: { params: %s; result: %s };\n", m.Name, params, nameOf(result))
		fmt.Fprintf(&decoders, "  %s: decode%s,\n", m.Name, nameOf(result))
	}
	w.line("\n/** The methods that the module calls. */\nexport interface Methods {\n%s}", signatures.String())
	w.line("\n/** The decoders of their results. */")
	w.line("export const decodeResult: { readonly [M in keyof Methods]: Decoder<Methods[M][\"result\"]> } = {")
	w.line("%s};", decoders.String())
}
