package wgsl_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/wgsl"
)

var update = flag.Bool("update", false, "write the golden files again")

func testdata(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join("testdata", name+".wgsl"))
	return string(text), err
}

// texts is a source of templates that are given as text.
func texts(files map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		text, ok := files[name]
		if !ok {
			return "", errors.New("no such template")
		}
		return text, nil
	}
}

func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.wgsl")
	require.NoError(t, err)
	ran := 0
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".wgsl")
		text, err := testdata(name)
		require.NoError(t, err)
		first, _, _ := strings.Cut(text, "\n")
		list, ok := strings.CutPrefix(first, "// values: ")
		if !ok {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			values := wgsl.Values{}
			for _, word := range strings.Fields(list) {
				key, value, _ := strings.Cut(word, "=")
				values[key], err = strconv.Atoi(value)
				require.NoError(t, err)
			}
			got, err := wgsl.Expand(testdata, name, values)
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".want")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
	require.Greater(t, ran, 3)
}

// Every error names the file and the line that it is about.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a\n{NAME}", `main.wgsl:2: unknown name "NAME" in expression "NAME"`},
		{"//#if NAME\n//#endif", `main.wgsl:1: unknown name "NAME" in expression "NAME"`},
		{"//#if 0\n//#elif NAME\n//#endif", `main.wgsl:2: unknown name "NAME" in expression "NAME"`},
		{"//#if\n//#endif", `main.wgsl:1: expression "" ends where a value is expected`},
		{"\n//#if 1\na", `main.wgsl:2: //#if without //#endif`},
		{"//#if 1\n//#for i 2\n//#endif", `main.wgsl:2: //#for without //#endfor`},
		{"//#for i 2\n//#if 1\n//#endfor\n//#endif", `main.wgsl:2: //#if without //#endif`},
		{"//#if 1\n//#endfor\n//#endif", `main.wgsl:2: //#endfor without //#for`},
		{"//#for i 2", `main.wgsl:1: //#for without //#endfor`},
		{"//#for i\n//#endfor", `main.wgsl:1: //#for needs a name and an expression, not "i"`},
		{"//#for 3 2\n//#endfor", `main.wgsl:1: //#for needs a name and an expression, not "3 2"`},
		{"//#for A 2\n//#endfor", `main.wgsl:1: //#for: the name "A" already has a value`},
		{"//#for i 2\n//#for i 2\n//#endfor\n//#endfor", `main.wgsl:2: //#for: the name "i" already has a value`},
		{"//#let A 2", `main.wgsl:1: //#let: the name "A" already has a value`},
		{"//#let B", `main.wgsl:1: //#let needs a name and an expression, not "B"`},
		{"//#endif", `main.wgsl:1: //#endif without //#if`},
		{"//#else", `main.wgsl:1: //#else without //#if`},
		{"//#endfor", `main.wgsl:1: //#endfor without //#for`},
		{"//#if 1\n//#else\n//#else\n//#endif", `main.wgsl:3: //#else after //#else`},
		{"//#if 1\n//#else A\n//#endif", `main.wgsl:2: //#else takes no expression, not "A"`},
		{"//#unless A", `main.wgsl:1: unknown directive //#unless`},
		{"//#", `main.wgsl:1: unknown directive //#`},
		{"//#include two words", `main.wgsl:1: //#include needs the name of a file, not "two words"`},
		{"//#include missing", `missing.wgsl: no such template`},
		{"//#include broken", `broken.wgsl:2: unknown name "NAME" in expression "NAME"`},
		{"//#include main", `main.wgsl: included in a cycle, or nested too deeply`},
		{"//#for i 1000\n//#for j 1000\n//#endfor\n//#endfor", `main.wgsl:2: loops take more than 262144 turns`},
		{"{1/0}", `main.wgsl:1: division by zero in expression "1/0"`},
		{"{1%(A-7)}", `main.wgsl:1: division by zero in expression "1%(A-7)"`},
		{"{(1}", `main.wgsl:1: missing ) in expression "(1"`},
		{"{1)}", `main.wgsl:1: unexpected ")" in expression "1)"`},
		{"{1+}", `main.wgsl:1: expression "1+" ends where a value is expected`},
		{"{1*/2}", `main.wgsl:1: unexpected "/2" in expression "1*/2"`},
		{"//#if 1 2\n//#endif", `main.wgsl:1: unexpected "2" in expression "1 2"`},
		{"{99999999999}", `main.wgsl:1: "99999999999" in expression "99999999999" is no 32-bit decimal number`},
		{"{3x}", `main.wgsl:1: "3x" in expression "3x" is no 32-bit decimal number`},
		{"{" + strings.Repeat("(", 100) + "}", "is nested too deeply"},
	} {
		_, err := wgsl.Expand(texts(map[string]string{"main": c.text, "broken": "x\n{NAME}\n"}), "main",
			wgsl.Values{"A": 7})
		var placed *wgsl.Error
		require.ErrorAs(t, err, &placed, c.text)
		require.ErrorContains(t, err, c.want, c.text)
	}
}

// The key of values tells two expansions of one file apart.
func TestKey(t *testing.T) {
	require.Empty(t, wgsl.Values(nil).Key())
	require.Empty(t, wgsl.Values{}.Key())
	require.Equal(t, "(A=1,B=-2,C=0)", wgsl.Values{"B": -2, "C": 0, "A": 1}.Key())
}

func FuzzExpand(f *testing.F) {
	names, err := filepath.Glob("testdata/*.wgsl")
	require.NoError(f, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text), 3)
	}
	f.Add("//#for i A\n{7*3/2+-(i)}\n//#endfor", 4)
	f.Fuzz(func(t *testing.T, text string, a int) {
		source := texts(map[string]string{"main": text, "shape": "{A}", "binding": "//#let B A"})
		values := wgsl.Values{"A": a}
		got, err := wgsl.Expand(source, "main", values)
		if err != nil {
			var placed *wgsl.Error
			require.ErrorAs(t, err, &placed)
			return
		}
		again, err := wgsl.Expand(source, "main", values)
		require.NoError(t, err)
		require.Equal(t, got, again)
		if !strings.Contains(text, "//#") && !strings.Contains(text, "{") {
			require.Equal(t, strings.TrimSuffix(text, "\n")+"\n", got, "a file without directives stays as it is")
		}
	})
}
