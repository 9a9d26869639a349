package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// TestNumbersOfFlags gives each numeric flag of each command values that are out of its range. All
// are refused before the command starts, with the name of the flag.
func TestNumbersOfFlags(t *testing.T) {
	parser, err := kong.New(&cli{}, settings()...)
	require.NoError(t, err)
	// A seed may be any number, and the sizes have checks of their own.
	others := []string{"seed", "memory", "shard"}
	seen := map[string]bool{}
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		command, ok := node.(*kong.Node)
		if !ok || len(command.Children) > 0 {
			return next(nil)
		}
		for _, flag := range command.Flags {
			typ := flag.Target.Type()
			if typ.Kind() == reflect.Pointer {
				typ = typ.Elem()
			}
			isNumber := typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Float64
			parameter := flag.Tag.Get("api")
			if !isNumber || slices.Contains(others, flag.Name) {
				require.Empty(t, parameter, flag.Name)
				continue
			}
			require.NotEmpty(t, parameter, "%s --%s needs the tag api", command.FullPath(), flag.Name)
			seen[flag.Name] = true
			r := rangeOf(parameter)
			values := []string{fmt.Sprint(int64(r.Min) - 1), fmt.Sprint(uint64(r.Max)*2 + 2)}
			if typ.Kind() == reflect.Float64 {
				values = append(values, "nan", "inf", "-inf", "1e300", fmt.Sprint(r.Min-1e-7))
			}
			for _, v := range values {
				args := append(strings.Fields(command.FullPath())[1:], "--"+flag.Name+"="+v)
				if command.Name == "step" {
					args = append(args, "--batch=b.json", "--options=o.json")
				}
				r := invoke(t, t.Context(), &fakeEngine{}, args...)
				require.Equal(t, exitUsage, r.code, "%v: %s", args, r.stderr)
				require.Contains(t, r.stderr, "--"+flag.Name+": ")
				require.Empty(t, r.engine.calls)
			}
		}
		return next(nil)
	})
	require.NoError(t, err)
	for _, name := range []string{"lr", "alpha", "rank", "epochs", "k", "top-p", "max-tokens", "heldout", "repeats"} {
		require.True(t, seen[name], name)
	}
}
