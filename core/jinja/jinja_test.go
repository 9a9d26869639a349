package jinja

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

// goldens are jinja2's results, written by testdata/golden.py.
type goldens struct {
	Vars  json.RawMessage
	Cases []struct {
		Template, Text string
		Fails          bool
	}
	Unsupported []string
}

func readGoldens(t testing.TB) (g goldens, vars Vars) {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	d := json.NewDecoder(bytes.NewReader(g.Vars))
	d.UseNumber()
	vars = Vars(fromJSON(t, d).(*Dict).values)
	return g, vars
}

// fromJSON keeps the order of keys.
func fromJSON(t testing.TB, d *json.Decoder) value {
	t.Helper()
	tok, err := d.Token()
	require.NoError(t, err)
	switch v := tok.(type) {
	case json.Delim:
		if v == '[' {
			l := NewList()
			for d.More() {
				l.items = append(l.items, fromJSON(t, d))
			}
			_, err = d.Token()
			require.NoError(t, err)
			return l
		}
		dict := NewDict()
		for d.More() {
			key, err := d.Token()
			require.NoError(t, err)
			dict.Set(key.(string), fromJSON(t, d))
		}
		_, err = d.Token()
		require.NoError(t, err)
		return dict
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		require.NoError(t, err)
		return f
	}
	return tok
}

func clock() time.Time { return time.Date(2024, 7, 6, 5, 4, 3, 0, time.UTC) }

func TestTextMatchesReference(t *testing.T) {
	g, vars := readGoldens(t)
	require.Greater(t, len(g.Cases), 500)
	for _, c := range g.Cases {
		tmpl, err := Parse("t", c.Template)
		text := ""
		if err == nil {
			text, err = tmpl.Render(vars, clock)
		}
		if c.Fails {
			require.Error(t, err, "%s\n%q", c.Template, text)
			require.NotEmpty(t, fault.KindOf(err))
			continue
		}
		require.NoError(t, err, "%s", c.Template)
		require.Equal(t, c.Text, text, "%q", c.Template)
	}
}

func TestUnsupportedConstructsAreNamed(t *testing.T) {
	g, vars := readGoldens(t)
	for _, source := range g.Unsupported {
		tmpl, err := Parse("t", source)
		if err == nil {
			_, err = tmpl.Render(vars, clock)
		}
		require.Equal(t, fault.Unsupported, fault.KindOf(err), "%s: %v", source, err)
		require.ErrorContains(t, err, "t: line ")
	}
	odd, err := Parse("m/chat_template.jinja", "a\n\n  {{ s|wordcount }}")
	require.NoError(t, err)
	_, err = odd.Render(vars, clock)
	require.EqualError(t, err,
		`m/chat_template.jinja: line 3, column 8: the filter "wordcount"; use the plain template, or a chat `+
			`template without it`)
	tmpl, err := Parse("t", "{{ raise_exception('no ' ~ 1) }}")
	require.NoError(t, err)
	_, err = tmpl.Render(nil, nil)
	require.ErrorContains(t, err, `the template rejects the conversation: "no 1"`)
}
