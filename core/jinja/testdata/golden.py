"""Renders small templates with jinja2, configured as in transformers, and stores the results.

    python golden.py        # from this folder; needs transformers and jinja2

A case is a template, its variables, and either its text or the fact that it fails. `unsupported` lists
templates that jinja2 renders and core/jinja rejects.
"""
import datetime
import json
import pathlib
import random

from transformers.utils import chat_template_utils as ctu

here = pathlib.Path(__file__).parent

MESSAGES = [
    {"role": "system", "content": " be  kind \n"}, {"role": "user", "content": "Hi 'you' \"there\""}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello, 世界 🎉!"},
    {"role": "user", "content": ""}, {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [True, None, 1.5, "é\n"]}}}]},
    {"role": "tool", "content": "42", "name": "f"}]
VARS = {"messages": MESSAGES, "bos_token": "<s>", "eos_token": "</s>", "tools": None, "documents": None, "add_generation_prompt": True,
        "n": 7, "x": 2.5, "s": "Hello World", "yes": True, "no": False, "names": ["b", "a", "c"], "d": {"one": 1, "two": "2", "items": 3}, "empty": [],
        "spaced": "  a b\tc  ", "uni": "e\u0301ǆ straße İ", "keyed": [{"k": 1, "v": "x"}, {"k": 2}, {"k": 3, "v": "z"}]}

EXPRESSIONS = """
1+2*3 | -2**2 | 2**-1 | 7//2 | -7//2 | -7%3 | 7%-3 | 7/2 | 6/2 | 7.5//2 | -7.5%2 | 1e3 | 1_000 | 10**15 | 0.1+0.2 | 1e16 | 1e-5 | 123456789.123 | 1e22 | 5e-324 | 2**10
1 < 2 < 3 | 1 < 2 > 3 | 1 == 1.0 | true == 1 | "a" < "b" | "a" == "a" == "a" | none == none | [1,2] == [1,2] | (1,2) == [1,2] | {"a":1} == {"a":1.0} | 3 != 3
not true | not not 1 | true and "x" or "y" | false or 0 or "" | none and 1 | 1 and 2 and 3 | "" or "z"
"a" ~ 1 ~ none ~ true ~ 2.0 | "a" + "b" * 3 | 3 * "ab" | [1] + [2] | "x" "y" 'z' | "a" ~ "b" + "c" | 1 ~ 2 + 3
n if yes else x | n if no | n if no else s if yes else x | (n if no) is defined | "a" if n > 3 and x else "b"
"ell" in s | "z" not in s | "one" in d | 1 in [1,2] | "b" in names | not "b" in names | none in [none] | missing in names | "x" in missing
s[0] | s[-1] | s[1:3] | s[::-1] | s[:-1] | s[-3:] | s[100:] | s[::2] | s[5:1:-2] | s[-100:3] | uni[::-1] | names[::-1] | names[0] | names[-1] | names[1:] | names[5] | names[:-5:-1] | messages[1:][0].role | s[99] | names["a"] | n[0]
d.one | d["two"] | d.three | d.three is defined | d["items"] | d.items is callable | d.get("x") | d.get("x", 5) | d.get("one") | d | d.keys() | d.values() | d.items() | messages[0]["role"] | messages[4].tool_calls[0].function.name | messages[4].tool_calls[0]["function"]["arguments"]
missing | missing.attr | missing["x"] | missing is undefined | missing|default("q") | missing|length | missing or "m" | missing == missing | missing == 1 | missing + 1 | missing() | none.x | none.x.y | missing ~ "s" | missing|upper | missing|trim | missing[1:]
s|upper | s|lower | s|length | s|title | "hello wORLD-foo (bar"|title | "hELLO"|capitalize | spaced|trim | "xxaxx"|trim("x") | s|replace("l", "L") | s|replace("l","L",1) | s|first | s|last | s|list | s|reverse | s|string | n|string ~ 1 | names|join | names|join(", ") | names|reverse|list | names|first | names|last | empty|first | d|length | d|list | d|items|list | none|default(1) | ""|default("e") | ""|default("e", true) | none|d("e", boolean=true) | "12"|int | "x"|int | "x"|int(9) | "1.9"|int | 3.99|int | -3.99|int | true|int | "1.5"|float | "q"|float | "q"|float(2) | -5|abs | (-5)|abs | (-2.5)|abs | none|trim | none|string | true|upper | n|length | spaced|trim|upper|length
messages|map(attribute="role")|list | messages|map(attribute="role")|join(",") | keyed|selectattr("v")|list | keyed|selectattr("v", "defined")|map(attribute="k")|list | keyed|rejectattr("v", "undefined")|list|length | keyed|selectattr("k", "equalto", 2)|list | keyed|selectattr("k", "gt", 1)|map(attribute="k")|join("-") | names|map("upper")|list | [0,1,2]|select|list | [0,1,2,3]|select("odd")|list | [0,1,2,3]|reject("even")|list | messages|selectattr("role", "eq", "user")|list|length | keyed|map(attribute="v", default="-")|join | messages|map(attribute="content.x")|list|length | names|join(attribute="x") | [0,1,2,3]|select("divisibleby", 3)|list | names|select("in", ["a","c"])|list | d|attr("keys") is defined
d|tojson | messages[4]|tojson | names|tojson | "é<>&'\\"\\\\\\n\\t\\x01\\x7f"|tojson | "é🎉"|tojson(ensure_ascii=true) | d|tojson(indent=2) | messages[4].tool_calls|tojson(indent=4) | []|tojson(indent=2) | {}|tojson | [[],{}]|tojson(indent=1) | 1.0|tojson | none|tojson | true|tojson | 1e30|tojson | missing|tojson | (1,2)|tojson | d|tojson(separators=(",", ":")) | d|tojson(none, 2)
n is odd | n is even | n is divisibleby 7 | n is divisibleby(3) | n is number | x is float | n is integer | true is integer | true is number | s is string | d is mapping | names is mapping | names is sequence | d is sequence | s is iterable | n is iterable | none is none | n is not none | missing is defined | missing is not defined | s is defined and n is defined | yes is true | no is false | 1 is true | yes is boolean | n is eq 7 | n is equalto(7) | n is ne 7 | n is gt 3 | n is lt(3) | n is ge 7 | n is le 6 | "a" is in names | s is upper | "ABC" is upper | "abc1" is lower | "" is lower | missing is sequence | missing is iterable | range is callable | n is callable | -1 is odd
s.upper() | s.lower() | spaced.strip() | spaced.lstrip() | spaced.rstrip() | "xxaxyx".strip("xy") | "\\n\\na\\n".lstrip("\\n") | s.split() | s.split("o") | s.split("o", 1) | " a  b c ".split(none, 1) | " a  b  c ".split(maxsplit=1) | "a,b,,c".split(",") | "".split(",") | "".split() | "a.b.c".rsplit(".", 1) | s.startswith("Hell") | s.endswith("d") | s.startswith(("x","H")) | s.endswith("") | "a\\nb\\r\\nc\\x0bd\\u2028e".splitlines() | s.replace("o", "0") | s.replace("o", "0", 1) | s.replace("", "-") | s.find("o") | s.find("zz") | uni.find("s") | s.count("l") | "-".join(names) | s.title() | "they're bill's"|title | "they're bill's".title() | "hELLO wORLD".capitalize() | "12".isdigit() | "1a".isdigit() | "ab".isalpha() | "a1".isalnum() | " ".isspace() | "".isspace() | "abc".removeprefix("a") | "abc".removesuffix("bc") | messages[2].content.split("</think>")[-1].lstrip("\\n") | messages[2]["content"].split("</think>")[0].split("<think>")[-1].strip() | s.nothing | s.nothing is defined | s["upper"]()
[1, 2, "a'b", 'q"q', "b'\\"", none, 1.0, [true]] | (1,) | () | {"a": [1], "b": {"c": none}} | "é\\n\\t\\\\ \\x00 \\u200b \\U0001F600"|list | ["é\\u200b\\x00\\x7f\\xa0🎉\\n"] | [missing]
range(3)|list | range(2,5)|list | range(5,0,-2)|list | range(0)|list | dict(a=1, b="x") | dict(d, c=3)|length | "\\x41\\u00e9\\101\\q\\'" | "tab\\there" | '\\"' | 'it\\'s'
raise_exception("no") | none + 1 | 1 + "a" | "a" + 1 | [1] + "a" | 1 < "a" | none < 1 | 1 // 0 | 1 % 0 | 1 / 0 | none[1:] | s() | d.one() | n.foo.bar | {}["x"] | {}.x.y | "a" in 5 | 1 in "a" | "x" * -1 | loop | 1 if 2 | names.0 | names.0.1 | 5|list | none|list | none|length
-n | +n | -s | - 3 | -n|abs | -x.y | not n is odd | n is odd or no | n - -1 | 2 - 1 - 1 | 2 ** 3 ** 2 | 100 // 7 // 2 | 1 - 1 ~ 2 | (1, 2)[0] | [1,2][1] | {"a": 1}.a | {"a": 1}["a"] | "abc"[1] | ("a" ~ "b")|upper | ["a"]|join|upper | "%s" ~ 1 | yes|string|lower
""".strip().split("\n")

TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ m.role }}\n{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if loop.nextitem }};{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}/{{ loop.length }}{{ m.content }}|{% else %}none{% endfor %}",
    "{% for m in empty %}x{% else %}nothing{% endfor %}", "{% for m in missing %}x{% else %}nothing{% endfor %}", "{% for c in s %}{{ c }}-{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items if k != 'one' %}{{ k }}={{ v }};{% endfor %}", "{% for a, b in [(1,2),[3,4],'xy'] %}{{ a }}{{ b }} {% endfor %}", "{% for a, b in [1] %}{% endfor %}",
    "{% set a = 1 %}{% for i in [1,2] %}{{ a }}{% set a = i + 10 %}{{ a }} {% endfor %}{{ a }}", "{% for i in [1,2] %}{{ q }}{% set q = i %}{{ q }};{% endfor %}{{ q }}",
    "{% set ns = namespace(a=1, b='x') %}{% for i in [1,2,3] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}", "{% set ns = namespace() %}{% set ns.x = [1] %}{{ ns.x }}", "{% set ns = namespace({'a': 5}) %}{{ ns.a }}{{ ns['a'] }}",
    "{% set d.x = 1 %}", "{% set q.x = 1 %}", "{% if yes %}{% set inner = 'in' %}{% endif %}{{ inner }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set t = 1, 2 %}{{ t }}", "{% set x %} body {{ n }}{% endset %}[{{ x }}]", "{% set x | trim | upper %} body {% endset %}[{{ x }}]",
    "{% set x %}{% set y = 3 %}{% endset %}{{ y }}", "{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}{% if n == 8 %}a{% elif n == 7 %}b{% else %}c{% endif %}{% if no %}a{% elif no %}b{% else %}c{% endif %}{% if no %}x{% endif %}",
    "{% with a = 1, b = n %}{{ a + b }}{% set c = 2 %}{% endwith %}{{ a }}{{ c }}", "{% generation %}{{ n }}{% set g = 1 %}{% endgeneration %}{{ g }}", "{% raw %}{{ not }} {% if %}{% endraw %}x", "{% raw -%}  a  {%- endraw %}  b", "{%- raw %}\n a {% endraw +%}\n b",
    "{% for i in range(6) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in [1,2,3,4] %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}", "{% for i in [1,2] %}{% for j in [1,2] %}{{ loop.depth }}{{ loop.depth0 }}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }}{{ loop.depth }};{% endfor %}",
    "{% for i in [1,2] %}{% set outer = loop %}{% for j in [1] %}{{ outer.index }}{% endfor %}{% endfor %}", "{% for i in [3] %}{{ i }}{% endfor %}{{ i }}", "{% for messages in [1] %}{{ messages }}{% endfor %}{{ messages|length }}", "{% for x in [1,2,3] if x is odd %}{{ x }}{% endfor %}{{ x }}", "{% for i in [1] if loop %}{% endfor %}",
    "a{# comment #}b{#- c -#} d {#+ e +#}\nf\n  {# g #}\nh {#{# i #}", "{{ '{{' }}{{ '%}' }}{{ \"#}\" }}", "{{- n -}}  {{ n }}\n{{ n }}\n", "  {{ n }}  \n  {%- if yes -%}  \n x \n {%- endif -%}\n y", "{%+ if yes %} a {%+ endif %}", "  {%+ if yes +%}\n a \n {%+ endif +%}\n b", "x\r\n{% if yes %}\r\ny\r{% endif %}\r\nz\r\n", "\n\n{{ n }}\n\n", "{{ n }}\n{% if yes %}\n{% endif %}\n",
    "{{ {'a': {'b': 1}}.a.b }}{{ [[1,2],[3]][0][1] }}", "{{ {'a': 1,} }}{{ [1,] }}{{ (1,) }}", "{{ 1, 2 }}", "{{ }}", "{% if %}{% endif %}", "{% endif %}", "{% if yes %}", "{% for x in %}{% endfor %}", "{{ n", "{{ 'a }}", "{# x", "{% frobnicate %}", "{{ (1 }}", "{{ [1) }}", "{{ a b }}", "{{ n|nofilter }}", "{{ n is notest }}", "{% else %}", "{% for loop in x %}{% endfor %}", "{% set 1 = 2 %}", "{{ 1 is odd is even }}", "{{ $ }}", "{{ 'a\\\nb' }}", "{% if yes %}{% endfor %}", "{{ 'a' if }}", "{{ f(a=1, 2) }}", "{% break %}", "{{ \"\\x4\" }}", "{% set a = 1 %}{% set a = a + 1 %}{{ a }}",
    "{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {{- index ~ message.role }}\n{%- endfor %}", "{% if not tools is defined %}a{% endif %}{% if tools is none %}b{% endif %}{% if tools %}c{% endif %}{% if not(s.startswith('H') and s.endswith('x')) %}d{% endif %}",
    "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%A %B %-d, %y %H:%M:%S %p %I %j %% %-H %-M') }}", "{{ strftime_now is defined }}", "{% if (messages[0].role == 'user') != (n % 2 == 0) %}a{% else %}b{% endif %}", "{{ messages[0]['content'] | trim + 'x' }}{{ 'a' + s | trim + 'b' }}", "{{ s.split('o')[0] ~ s.split('o')|length }}",
    "{% for a in [1,2,3] %}{{ a }}{% if not loop.last %}, {% endif %}{% endfor %}", "{%for a in names%}{{a}}{%endfor%}", "{%- set x = 1 -%}\n\n  {{- x -}}  \n\n{%- set y = 2 %}\n{{ y }}", "{{ messages | length }}{{messages|last|tojson}}", "{{ d.items }}"[:0] + "{{ d['items'] + 1 }}", "{{ ' ' }}x{{ '\n' }}\n{{- '  y' }}", "{{ s\n|\nupper }}", "{% if\nyes\n%}\nq{% endif %}", "é{{ n }}ü\u00a0\n\u2003{%- if yes %} ok{% endif %}",
]

MACROS = [
    "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m('a') }}{{ m(x=2) }}{{ m() }}{{ m(missing) }}", "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(b=7) }}{{ m(c=1, a=2, b=3) }}",
    "{% macro m(a=b, b=1) %}[{{ a }}{{ b }}]{% endmacro %}{{ m() }}{{ m(b=4) }}{{ m(1) }}", "{% set b = 9 %}{% macro m(a=b, b=1) %}[{{ a }}{{ b }}]{% endmacro %}{{ m() }}{{ m(b=4) }}", "{% macro m(a=n, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", "{% macro m(a) %}{% endmacro %}{{ m(a=1, a=2) }}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro m(a,) %}{% endmacro %}", "{% macro m(1) %}{% endmacro %}", "{% macro m() %}", "{% macro m() %}{% endmacro m %}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m() }}{{ m(1) }}{{ m(1, 2, 3) }}{{ m(b=2) }}{{ m(1, a=5, c=6) }}", "{% macro m(a) %}{{ varargs|join(',') }}{% endmacro %}{{ m(1, 2, 3) }}", "{% macro m(a) %}{{ varargs|join(',') }}{% endmacro %}{{ m(1, b=3) }}", "{% macro m(a) %}{% for k, v in kwargs.items() %}{{ k }}={{ v }};{% endfor %}{% endmacro %}{{ m(1, x=2, y=3) }}", "{% macro m(a) %}{% if no %}{{ kwargs }}{% endif %}{{ a }}{% endmacro %}{{ m(1, x=2) }}", "{% macro m(a=varargs) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% set y = 1 %}{% macro m() %}{{ y }}{% endmacro %}{% set y = 2 %}{{ m() }}", "{% macro m() %}{{ y }}{% endmacro %}{% set y = 2 %}{{ m() }}", "{% macro m() %}{% set y = 5 %}{{ y }}{% endmacro %}{% set y = 1 %}{{ m() }}{{ y }}", "{% macro m() %}{% set ns.a = ns.a + 1 %}{% endmacro %}{% set ns = namespace(a=0) %}{{ m() }}{{ m() }}{{ ns.a }}", "{% macro m(messages) %}{{ messages }}{% endmacro %}{{ m(1) }}{{ messages|length }}", "{% macro m() %}{{ messages|length }}{{ bos_token }}{% endmacro %}{{ m() }}",
    "{% for i in [1,2] %}{% macro m() %}{{ i }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}", "{% if yes %}{% macro m() %}x{% endmacro %}{% endif %}{{ m() }}", "{% if no %}{% macro m() %}x{% endmacro %}{% endif %}{{ m is defined }}", "{{ m is defined }}{% macro m() %}x{% endmacro %}{{ m is defined }}{{ m is callable }}", "{{ m() }}{% macro m() %}x{% endmacro %}", "{% for i in [1,2] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% with z = 3 %}{% macro m() %}{{ z }}{% endmacro %}{{ m() }}{% endwith %}{{ z }}",
    "{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro a(k) %}{{ 'a' }}{% if k %}{{ b(k - 1) }}{% endif %}{% endmacro %}{% macro b(k) %}{{ 'b' }}{% if k %}{{ a(k - 1) }}{% endif %}{% endmacro %}{{ a(4) }}", "{% macro tree(v) %}{% if v is mapping %}{ {%- for k, w in v.items() %}{{ k }}:{{ tree(w) }}{% if not loop.last %},{% endif %}{% endfor -%} }{% elif v is string or v is not iterable %}{{ v }}{% else %}[{% for w in v %}{{ tree(w) }};{% endfor %}]{% endif %}{% endmacro %}{{ tree(messages[4]) }}", "{% macro outer(x) %}{% macro inner(y) %}{{ x }}{{ y }}{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer('o') }}{{ inner is defined }}",
    "{% macro m() %} a {% endmacro %}[{{ m() }}][{{ m()|trim }}][{{ m() ~ 1 }}][{{ m() + 'x' }}][{{ m()|length }}][{{ m() == ' a ' }}][{{ m().strip() }}]{% set v = m() %}[{{ v }}]{% set w %}{{ m() }}{% endset %}[{{ w }}]", "{%- macro m(x) -%}\n  {{- x -}}\n{%- endmacro -%}\n\n{{ m(1) }}\n {%+ macro q() +%}\n b\n{% endmacro %}\n{{ q() }}", "{% macro m(c, f=false) %}{% if c is string %}{{ c }}{% elif c is iterable and c is not mapping %}{% for i in c %}{% if 'text' in i %}{{ i.text }}{% elif f %}{{ raise_exception('no') }}{% else %}<img>{% endif %}{% endfor %}{% elif c is none or c is undefined %}{{ '' }}{% else %}{{ raise_exception('type') }}{% endif %}{% endmacro %}{% for m2 in messages %}{{ m2.role }}: {{ m(m2.content)|trim }}\n{% endfor %}{{ m([{'text': 'a'}, {'x': 1}]) }}{{ m(none, true) }}",
    "{% macro m() %}{{ raise_exception('inside') }}{% endmacro %}{{ m() }}", "{% macro range(n) %}mine{% endmacro %}{{ range(1) }}", "{% macro m(a) %}{{ a() }}{% endmacro %}{% macro q() %}q{% endmacro %}{{ m(q) }}", "{% set ns = namespace() %}{% macro m() %}{{ n }}{% endmacro %}{% set ns.f = m %}{{ ns.f() }}", "{% set m = 3 %}{% macro m() %}x{% endmacro %}{{ m() }}{% set m = 4 %}{{ m }}", "{% macro type_of(s) %}{% set basic = {'string': 'str', 'integer': 'int'} %}{% if basic[s.type] is defined %}{{ basic[s.type] }}{% elif s.type == 'array' %}{{ 'list[' ~ type_of(s['items']) ~ ']' }}{% elif s.type is iterable %}{{ 'Union[' ~ s.type|join(',') ~ ']' }}{% else %}Any{% endif %}{% endmacro %}{{ type_of({'type': 'array', 'items': {'type': 'string'}}) }}{{ type_of({'type': ['string', 'null']}) }}{{ type_of({}) }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}", "{% set (a, b,) = [1, 2] %}{{ a }}{{ b }}", "{% set (a) = 1 %}{{ a }}", "{% set (a, b) = [1] %}", "{% set (a, b = 1 %}", "{% for (a, b) in [(1, 2), [3, 4]] %}{{ a }}{{ b }};{% endfor %}", "{% for (k, v) in d.items() %}{{ k }}{{ v }}{% endfor %}", "{% set (ns.a, b) = 1, 2 %}", "{% if no %}{{ s|wordcount }}{{ s is sameas s }}{% endif %}x",
]

UNSUPPORTED = [
    "{% macro m(x) %}{{ caller() if caller }}{{ x }}{% endmacro %}{% call m(1) %}c{% endcall %}", "{% macro m(x) %}{% endmacro %}{{ m.name }}", "{% macro m(x) %}{% endmacro %}{{ m }}", "{% set (a, b), c = (1, 2), 3 %}", "{{ s|tojson|safe }}", "{% set () = [] %}", "{% filter upper %}x{% endfilter %}", "{% call m() %}{% endcall %}", "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% block b %}{% endblock %}", "{% autoescape true %}{% endautoescape %}",
    "{% for x in [] recursive %}{% endfor %}", "\n\n  {{ s|wordcount }}", "{{ s|safe }}", "{{ n is sameas n }}", "{{ '%s' % 1 }}", "{{ '{}'.format(1) }}", "{{ s.swapcase() }}", "{{ names.append(1) }}", "{{ d.update({}) }}", "{{ 2**64 }}", "{{ 99999999999999999999 }}", "{{ 0x10 }}", "{{ '\\N{DASH}' }}", "{{ {1: 2} }}",
    "{{ range(*[1,2]) }}", "{{ joiner(', ') }}", "{{ strftime_now('%U') }}", "{{ s.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ d|tojson(sort_keys=true) }}", "{{ [1]*3 }}", "{{ 'ß'|upper }}", "{{ loop.changed }}"[:0] + "{% for i in [1] %}{{ loop.changed(1) }}{% endfor %}", "{{ range }}", "{{ names|sort }}",
]


def whitespace(n, seed):
    """Returns templates that consist of tags, signs and white space."""
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        parts, opened = [], 0
        for _ in range(rng.randint(3, 12)):
            parts.append("".join(rng.choice(["", " ", "  ", "\n", "\n ", "\t", "a", "b\n", "\r\n", " c"]) for _ in range(rng.randint(0, 3))))
            l, r = rng.choice(["", "", "-", "+"]), rng.choice(["", "", "-"])
            kind = rng.randint(0, 4)
            if kind == 0:
                parts.append("{{%s n %s}}" % (l if l != "+" else "", r))
            elif kind == 1:
                parts.append("{#%s c %s#}" % (l, rng.choice([r, "+"])))
            elif kind == 2 or not opened:
                parts.append("{%%%s if yes %s%%}" % (l, rng.choice([r, "+"])))
                opened += 1
            elif kind == 3:
                parts.append("{%%%s set q = 1 %s%%}" % (l, r))
            else:
                parts.append("{%%%s endif %s%%}" % (l, r))
                opened -= 1
        parts.append("{% endif %}\n" * opened)
        out.append("".join(parts))
    return out


NOW = datetime.datetime(2024, 7, 6, 5, 4, 3)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


ctu.datetime = Clock


def render(template):
    try:
        return {"template": template, "text": ctu._compile_jinja_template(template).render(**VARS)}
    except Exception:
        return {"template": template, "fails": True}


expressions = [e.strip() for line in EXPRESSIONS for e in line.split(" | ")]
cases = [render(t) for t in ["{{ %s }}" % e for e in expressions] + TEMPLATES + MACROS + whitespace(150, 4)]
lines = lambda rows: "[\n" + ",\n".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in rows) + "\n]\n"
(here / "cases.json").write_text('{"vars":%s,\n"cases":%s,"unsupported":%s}\n' % (json.dumps(VARS, ensure_ascii=False), lines(cases), lines(UNSUPPORTED)))
print(len(cases), "cases,", sum("fails" in c for c in cases), "of which fail")
