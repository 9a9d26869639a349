package jinja

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

// attacks are templates that exceed a limit, and the message that must result.
var attacks = []struct{ name, source, message string }{
	{"long", strings.Repeat("a", maxSource+1), "the template has 262145 bytes"},
	{"deep-brackets", "{{ " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000) + " }}", "nested too deeply"},
	{"deep-lists", "{{ " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + " }}", "nested too deeply"},
	{"deep-not", "{{ " + strings.Repeat("not ", 50000) + "x }}", "nested too deeply"},
	{"deep-minus", "{{ " + strings.Repeat("- ", 50000) + "1 }}", "nested too deeply"},
	{"deep-else", "{{ " + strings.Repeat("1 if 0 else ", 5000) + "1 }}", "nested too deeply"},
	{"deep-if", strings.Repeat("{% if 1 %}", 5000), "nested too deeply"},
	{"deep-for", strings.Repeat("{% for x in y %}", 5000), "nested too deeply"},
	{"deep-subscripts", "{{ x" + strings.Repeat("[x", 5000) + strings.Repeat("]", 5000) + " }}", "nested too deeply"},
	{"chain-attributes", "{{ x" + strings.Repeat(".x", 100000) + " }}", "too many operators in a row"},
	{"chain-plus", "{{ 1" + strings.Repeat("+1", 100000) + " }}", "too many operators in a row"},
	{"chain-and", "{{ 1" + strings.Repeat(" and 1", 40000) + " }}", "too many operators in a row"},
	{"chain-filters", "{{ 1" + strings.Repeat("|abs", 40000) + " }}", "too many operators in a row"},
	{"chain-if", "{{ 1" + strings.Repeat(" if 1", 40000) + " }}", "too many operators in a row"},
	{"laughs", `{% set ns = namespace(x="lol") %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`,
		"produces too much text"},
	{"laughs-list", `{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`,
		"runs for too long"},
	{"laughs-filter",
		`{% set ns = namespace(x="ll") %}{% for i in range(99) %}{% set ns.x = ns.x|replace("l", ns.x) %}{% endfor %}`,
		"produces too much text"},
	{"laughs-join",
		`{% set ns = namespace(x="ll") %}{% for i in range(99) %}{% set ns.x = ns.x|join(ns.x) %}{% endfor %}`,
		"produces too much text"},
	{"laughs-body",
		`{% set ns = namespace(x="l") %}{% for i in range(99) %}{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% ` +
			`set ns.x = y %}{% endfor %}`, "produces too much text"},
	{"laughs-json", `{% set ns = namespace(x="\\") %}{% for i in range(99) %}{% set ns.x = ns.x|tojson %}{% endfor %}`,
		"produces too much text"},
	{"laughs-indent", `{{ [1]|tojson(indent="x" * 60000000) }}{{ [1,[1,[1]]]|tojson(indent="x" * 60000000) }}`,
		"produces too much text"},
	{"loops", `{% for i in range(100000) %}{% for j in range(100000) %}{% for k in range(100000) %}{% endfor ` +
		`%}{% endfor %}{% endfor %}`, "runs for too long"},
	{"loops-free", `{% set r = range(100000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}`,
		"runs for too long"},
	{"macro-forever", `{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}`, "macros call each other too deeply"},
	{"macro-tree", `{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(99) }}`,
		"runs for too long"},
	{"macro-laughs", `{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% else %}{{ "l" * 100000 }}{% endif %}` +
		`{% endmacro %}{{ m(40) }}`, "produces too much text"},
	{"macro-default", `{% macro m(a=m()) %}{% endmacro %}{{ m() }}`, "macros call each other too deeply"},
	{"macro-nest", strings.Repeat("{% macro m() %}", 5000), "nested too deeply"},
	{"macro-deep", `{% macro m(n) %}` + strings.Repeat("{% if 1 %}", 30) + "{{ " + strings.Repeat("[", 25) + "m(n)" +
		strings.Repeat("]", 25) + " }}" + strings.Repeat("{% endif %}", 30) + `{% endmacro %}{{ m(1) }}`,
		"macros call each other too deeply"},
	{"range", `{% for i in range(100001) %}{% endfor %}`, "the range is too long"},
	{"range-end", `{% for i in range(9223372036854775806, 9223372036854775807, 5) %}{% endfor %}`, "more than 64 bits"},
	{"repeat", `{{ "x" * 10000000000 }}`, "produces too much text"},
	{"power", `{{ 1 ** 9223372036854775807 }}{{ (-1) ** 9223372036854775807 }}`, "runs for too long"},
	{"scan", `{% set s = "a" * 30000000 %}{% for i in range(100000) %}{% if "b" in s %}{% endif %}{% endfor %}`,
		"runs for too long"},
	{"nest-print",
		`{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}`,
		"nested too deeply"},
	{"nest-json",
		`{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ` +
			`ns.x|tojson }}`, "nested too deeply"},
	{"nest-equal",
		`{% set a = namespace(x=[]) %}{% set b = namespace(x=[]) %}{% for i in range(1000) %}{% set a.x = [a.x] ` +
			`%}{% set b.x = [b.x] %}{% endfor %}{{ a.x == b.x }}`, "nested too deeply"},
	{"slice-step",
		`{{ "abc"[::-9223372036854775807 - 1] }}{{ "abc"[-9223372036854775807 - ` +
			`1:9223372036854775807:9223372036854775807] }}{{ 1/0 }}`, "division by zero"},
	{"split", `{% set s = "a" * 5000000 %}{{ s.split("a")|length }}`, "produces too much text"},
	{"characters", `{{ ("a" * 10000000)|list|length }}`, "produces too much text"},
}

func TestAttacks(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			tmpl, err := Parse(a.name, a.source)
			if err == nil {
				_, err = tmpl.Render(Vars{"y": NewList(int64(1))}, nil)
			}
			require.ErrorContains(t, err, a.message)
			require.NotEmpty(t, fault.KindOf(err))
			require.Less(t, len(err.Error()), 300)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(400<<20))
			require.Less(t, time.Since(begun), 10*time.Second)
		})
	}
}

// FuzzTemplate checks that any template gives text or a typed fault.
func FuzzTemplate(f *testing.F) {
	g, vars := readGoldens(f)
	for _, c := range g.Cases {
		f.Add(c.Template)
	}
	for _, source := range g.Unsupported {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse("t", source)
		if err == nil {
			_, err = tmpl.Render(vars, clock)
		}
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "t: ")
		}
	})
}
