// Command genapi writes web/api.gen.ts, which the TypeScript of web/ uses. It is generated from Go:
// the parameters, results and events of the methods with decoders that check every field, the
// names of presets, formats and fault kinds, the constants of the ABI, limits and defaults.
package main

import (
	"fmt"
	"os"
)

//go:generate go run . ../..

// Output is the generated file, from the root of the repository.
const Output = "web/api.gen.ts"

// Command regenerates it.
const Command = "go generate ./web/genapi"

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "genapi:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	text, err := generate(root)
	if err != nil {
		return err
	}
	return os.WriteFile(root+"/"+Output, text, 0o644)
}
