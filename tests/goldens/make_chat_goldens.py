#!/usr/bin/env python3
"""Makes chat.json.gz: chat templates rendered by jinja2, set up by transformers itself.

    python3 tests/goldens/make_chat_goldens.py FOLDER_OF_LLAMA_CPP    # .../llama-cpp-python-0.3.36/vendor/llama.cpp

Needs transformers and jinja2. Three sets: the templates that come with llama.cpp's source (only their names and outputs
are written), those of chat_templates/, and small ones that each probe one rule of the language. "refused" marks what
jinja2 renders and Headscope says that it does not support.
"""

import datetime
import gzip
import json
import pathlib
import sys

import transformers.utils.chat_template_utils as hf

HERE = pathlib.Path(__file__).parent
NOW = 1753000000  # 2025-07-20 08:26:40 UTC
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


hf.datetime = Clock


def message(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = [
    ([message("user", "Who wrote Faust?")], True),
    ([message("system", "Answer briefly."), message("user", "Who wrote Faust?")], True),
    (
        [
            message("user", "Who wrote Faust?"),
            message("assistant", "Goethe."),
            message("user", "And when?"),
        ],
        True,
    ),
    ([message("user", " \n Größe 世界 🙂 {{ 7*7 }} \"a\" 'b' <|x|> \\n\n\n")], True),
    (
        [
            message("system", "  Be kind. "),
            message("user", "Hello "),
            message("assistant", " <think>\nhm\n</think>\n\nHi\n"),
        ],
        False,
    ),
]

# One rule each. After "!!": what Headscope refuses although jinja2 renders it.
PROBES = r"""
a{% if true %}b{% endif %}
  {% if true %}b{% endif %}
x  {% if true %}b{% endif %}  y
x{#- c -#}   y
  {{- 'a' -}}   b
{{ none }} {{ true }} {{ 1 }} {{ 1.0 }} {{ 2 }}
{{ 1e3 }} !!
{{ [1, 'a', none, 1.5, "it's", (1, 2)] }}
{{ (1,) }} !!
{{ () }} !!
{{ {'a': 1, 'b': [true]} }}
{{ "tab\there" }}|{{ ['tab\t', 'q"', "b\\"] }}
{{ undefined_name }}|{{ undefined_name is defined }}|{{ undefined_name | default('d') }}
{{ undefined_name.attribute }}
{{ none.attribute }}|{{ none.attribute is defined }}
{{ none.attribute.more }}
{{ 'a' + none }}
{{ 'a' ~ none ~ 1 ~ true ~ undefined_name }}
{{ 'a' + undefined_name }}
{{ 1 + 2 * 3 - 4 }} {{ 7 / 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 * 'ab' }} {{ [1] * 2 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 1 + 'a' }}
{{ 0.1 + 0.2 }} {{ 10000000000000000.0 }} {{ 0.00001 }} {{ 100.0 }}
{{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 'a' }} {{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1} }} {{ none == undefined_name }}
{{ 1 < 2 }} {{ 'a' < 'b' }} {{ 2 >= 2.0 }}
{{ 1 < 'a' }}
{{ 'a' in 'abc' }} {{ 1 in [1] }} {{ 'k' in {'k': 1} }} {{ 'x' not in ['x'] }} {{ 'a' in undefined_name }}
{{ 1 in 'abc' }}
{{ 'Größe'[1] }} {{ 'Größe'[2] }} {{ 'Größe'[-1] }} {{ 'Größe'[9] is defined }} {{ 'Größe'[1:4] }} {{ 'Größe'[::-1] }} {{ 'Größe' | length }}
{{ [1,2,3,4][1:] }} {{ [1,2,3,4][:-1] }} {{ [1,2,3,4][::2] }} {{ [1,2,3,4][::-1] }} {{ [1,2,3][5:] }} {{ [1,2,3][-2:] }} {{ (1,2,3)[1:] }}
{{ [1,2,3].0 }} {{ {'a': {'b': 5}}.a.b }} {{ {'a': 5}['a'] }} {{ {'items': 5}['items'] }}
{{ {'items': 5}.items() | list }}
{% for x in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}
{% for x in [1,2,3] %}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %}
{% for x in [] %}a{% else %}empty{% endfor %}
{% for x in [1,2,3,4] if x % 2 == 0 %}{{ x }}{{ loop.index }}{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }};{% endfor %}
{% for k in {'x': 1, 'y': 2} %}{{ k }}{% endfor %}{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}
{% for c in 'abc' %}{{ c }}.{% endfor %}
{% for x in undefined_name %}a{% else %}none{% endfor %}
{% for x in none %}a{% endfor %}
{% for x in [1,2,3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in [1,2,3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% else %}never{% endfor %}
{% for x in [1] %}{% continue %}{% else %}never{% endfor %}
{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}
{% for i in [1,2] %}{% if i == 1 %}{% set y = 'leaks' %}{% endif %}{{ y is defined }}{% endfor %}
{% set ns = namespace(n=0) %}{% for i in [1,2,3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}
{% set d = {'a': 1} %}{% set d.a = 2 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set x %}block {{ 1 + 1 }}{% endset %}[{{ x }}]
{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(b=7, a=8) }} {{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}
{% macro m() %}{{ x }}{% endmacro %}{% set x = 3 %}{{ m() }}{% for x in [9] %}{{ m() }}{% endfor %}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %} !!
{% filter upper %}abc{{ 1 }}{% endfilter %}
{% raw %}{{ a }}{% endraw %} !!
{{ 'a' if true }} [{{ 'a' if false }}] {{ 'a' if false else 'b' if false else 'c' }}
{{ true and 'x' }} {{ '' or 'y' }} {{ not true }} {{ not '' }} {{ none or 0 }}
{{ 1 is number }} {{ true is number }} {{ 'a' is string }} {{ {} is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ [] is iterable }} {{ none is none }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is true }}
{{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ 2 is eq 2 }} {{ 'a' is in ['a'] }} {{ 'A' is upper }} {{ 'a' is lower }} {{ 1 is not string }} {{ range is callable }}
{{ 4 is divisibleby 0 }}
{{ '  a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'a\n'.strip() }}|{{ '  x ' | trim }}|{{ 'abc' | trim('c') }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'a</t>b'.split('</t>')[-1] }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.find('c') }} {{ 'aXb'.lower() }} {{ 'straße'.upper() }} {{ 'ab cd'.capitalize() }} {{ '-'.join(['a', 'b']) }} {{ 'a{}c{}'.format(1, 'z') }} {{ 'x1'.isdigit() }}{{ '12'.isdigit() }} {{ 'aa'.count('a') }}
{{ 'abc'.zfill(5) }} !!
{{ 'ab cd'.title() }} !!
{{ 'ab cd' | title }} !!
{{ 'ab' | center(6) }} !!
{{ '%s' % 'a' }} !!
{{ 'a' | nonsense }}
{{ 'abc'.nonsense() }}
{{ 'abc'.__class__ }} !!
{{ [].append(1) }}
{{ {'a': 1}.get('a') }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get('b', 2) }} {{ {'a': 1, 'b': 2}.keys() | list }} {{ {'a': 1}.values() | list }}
{{ ['b', 'A', 'c'] | sort }} {{ [3, 1, 2] | sort(reverse=true) }} {{ [{'n': 2}, {'n': 1}] | sort(attribute='n') }} {{ ['b', 'A'] | sort(case_sensitive=true) }}
{{ {'b': 1, 'A': 2} | dictsort }} {{ {'b': 1, 'A': 2} | dictsort(by='value') }}
{{ [1, 2, 1] | unique | list }} {{ [1, 2] | reverse | list }} {{ 'abc' | reverse }} {{ [1, 5, 2] | max }} {{ [1, 5, 2] | min }} {{ [1, 2] | sum }} {{ [] | max is defined }}
{{ [1, 2] | join('-') }} {{ [{'a': 1}, {'a': 2}] | join(', ', attribute='a') }} {{ ['x', none] | join }}
{{ [{'a': {'b': 1}}, {'a': {'b': 2}}] | map(attribute='a.b') | list }} {{ ['a', 'b'] | map('upper') | list }} {{ [{'a': 1}, {}] | map(attribute='a', default=0) | list }}
{{ [{'r': 'u'}, {'r': 's'}] | selectattr('r', 'equalto', 'u') | list }} {{ [{'r': 'u'}, {}] | selectattr('r') | list }} {{ [1, none, 2] | reject('none') | list }} {{ [0, 1] | select | list }} {{ [{'r': 1}, {'r': 2}] | rejectattr('r', 'eq', 1) | list }}
{% set g = [1, 2] | select %}{{ g | list }}{{ g | list }}
{{ [1, 2] | select }} !!
{{ [1, 2] | select | length }}
{{ [1, 2] | first }} {{ [1, 2] | last }} {{ 'abc' | first }} {{ [] | first }}
{{ '3' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 3.9 | int }} {{ '3.7' | int }} {{ '2.5' | float }} {{ -3 | abs }} {{ 1 | string + 'a' }} {{ [1] | string }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}
{{ {'a': [1, 2.5, none, true, "é\"\n\u00e9"]} | tojson }} !!
{{ {'a': [1, 2.5, none, true, "é\"\n\\"], 'e': [], 'f': {}} | tojson }}
{{ {'b': [1, {'c': 2}], 'a': 'é🙂'} | tojson(indent=2) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ {'a': [1, 2]} | tojson(separators=(',', ':')) }} {{ 'é🙂' | tojson(ensure_ascii=true) }}
{{ undefined_name | tojson }}
{{ 'a' | safe }} {{ ('a' | tojson | safe) ~ 'b' }} {{ 'a' | upper | lower }}
{{ ('<' | safe) + '>' }} !!
{{ '<' | escape }} !!
{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(4, 0, -2) | list }} {{ range(0) | list }}
{{ range(1000000) }}
{{ raise_exception('no system role') }}
{{ strftime_now('%d %b %Y %H:%M') }}
{{ dict(a=1, b=2) }} {{ dict([('x', 1)]) }}
{{ loop }}
{{ messages[0]['role'] }} {{ messages[-1].content }} {{ messages | length }} {{ tools is none }} {{ tools is defined }} {{ add_generation_prompt }} {{ bos_token }}
{{ messages[1:] | length }} {{ messages[5] is defined }} {{ messages[0].nothing is defined }}
{{ pad_token is defined }} {{ enable_thinking is defined and enable_thinking }}
{{ 'x' is defined and 'y' }} {{ (1, 2) }} {{ 'a' 'b' }}
{{ 1 + 1 ~ 'a' }}
{{ 'a' ~ 1 + 1 }}
{{ 1 ~ 2 + 3 }}
{{ (1 + 2) ~ 3 }} {{ 'a' + 'b' ~ 3 }} {{ [1 + 1] ~ 2 }} {{ (1 < 2) == true }}
{{ 1 + 2 ~ 3 }}
{{ 1 < 2 < 3 }} !!
{{ 3 > 2 > 1 }} !!
{{ 'a' == 'a' == true }} !!
{{ -1 | abs }} {{ - 1 + 3 }} {{ 2 - -1 }}
{{ 7 // 2 }} {{ 2 ** 3 }} !!
{{ {1: 'a', 'b': 2}[1] }} {{ {1: 'a', true: 'b'} }} {{ {0: 1} | tojson }} {{ {2: 1}.get(2) }} {{ 2 in {2: 1} }}
{{ {1.5: 2} }} !!
{{ cycler('a', 'b').next() }} !!
{% with a = 1 %}{{ a }}{% endwith %} !!
{% generation %}x{% endgeneration %}y
{% if false %}{{ 'a' | center(9) }}{% endif %}fine
{{ ['a'] + ['b'] }} {{ ('a', 'b') + ('c', 'd') }}
{{ ['a'] + ('b', 'c') }}
{{ 9223372036854775807 + 1 }} !!
{{ 'x' * 3 }}{{ 'x' * 0 }}{{ 'x' * -1 }}|
{% break %}
{% if %}
{{ a b }}
{{ 'unclosed }}
{% for x in [1] %}
{% endif %}
{{ }}
{# unclosed
{{ [1, 2 }}
{%+ if true %}x{% endif %} !!
{{ 'x' + 'y' | upper }} {{ ('x' + 'y') | upper }} {{ not 'a' in 'abc' }} {{ 'a' not in 'abc' and true }}
{% if 'a' in 'abc' and 1 == 1 or false %}yes{% elif true %}no{% else %}never{% endif %}
{% set x = namespace(a=[]) %}{% set x.a = x.a + ['q'] %}{{ x.a }}
{% set x = namespace() %}{{ x.missing is defined }}
{{ namespace(a=1) }} !!
{{ "a" "b" 'c' }}
{{ 'a\x41' }} !!
{{ (messages | map(attribute='role') | list) == ['user'] }}
{{ messages | selectattr('role', 'equalto', 'system') | list | length }}
{{ 5 | default(3) }} {{ none | default(3) }} {{ none | default(3, true) }} {{ '' | default('e', boolean=true) }}
{{ 'abc' | replace('b', 'x') }} {{ 15 | replace('1', 'x') }} {{ 'Ab' | lower }} {{ 12 | upper }} {{ 'aB c' | capitalize }}
{{ none | length }}
{{ 3.0 | int }} {{ 3 | float }} {{ 1000000 * 1000000 }} {{ 3 * 1.5 }} {{ 5.0 }}
{{ {'a': none} }} {{ [undefined_name] }}
{{ 'a' != 'b' }} {{ 1 != 1 }} {{ [1] != [2] }}
{{ true + true }} {{ -true }}
{% set x = 'a' if true else 'b' %}{{ x }}{% if x == 'a' -%}   y   {%- endif %}
""".strip("\n")


def probes():
    """Every line of PROBES, and templates of several lines."""
    multi = [
        "{%- if true %}\n  a\n{%- endif %}\n   {# comment #}\nb\n",
        "{{ 'line1\nline2' }}",
        "\n  {% if true %}\nx\n  {% endif %}\n\ny\n\n",
        "\n{% if true %}a{% endif %}",
        "\n\n  {%- if true %} a{% endif %}",
        "   {{ 1 }}\n",
        "a\r\nb\rc\n{% if true %}\r\nd{% endif %}",
        "{{ 1 }}\n{{ 2 }}\n",
        "{% set x = 1 %}\n\n  {{ x }}",
        "{#- c -#}\n\nx",
        "  {# c #}\nx",
        "x {# c #}\ny",
        "{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\n",
        "{% for i in [1,2] -%}\n  {{ i }}\n{%- endfor %}\n",
        "{%- macro m(x) -%}\n  [{{ x }}]\n{%- endmacro -%}\n{{ m(1) }}\n{{ m(2) }}",
        "é{% if true %}x{% endif %}",
        "\t{% if true %}x{% endif %}\t\n y",
    ]
    for line in PROBES.split("\n"):
        refused = line.endswith(" !!")
        yield (line[:-3] if refused else line), refused
    for text in multi:
        yield text, False


def render(template, messages, prompt):
    try:
        out = hf.render_jinja_template(
            conversations=[messages], chat_template=template, add_generation_prompt=prompt, **TOKENS
        )
        return {"text": out[0][0]}
    except Exception as problem:  # every failure of a template is a golden of its own
        return {"error": f"{type(problem).__name__}: {problem}"[:200]}


def all_conversations(template):
    return [render(template, messages, prompt) for messages, prompt in CONVERSATIONS]


def main():
    llama = pathlib.Path(sys.argv[1]) / "models" / "templates"
    golden = {
        "now": NOW,
        "tokens": TOKENS,
        "conversations": [
            {"messages": messages, "add_generation_prompt": prompt} for messages, prompt in CONVERSATIONS
        ],
        "llama_cpp": {
            path.name: all_conversations(path.read_text(encoding="utf-8")) for path in sorted(llama.glob("*.jinja"))
        },
        "families": {
            path.name: all_conversations(path.read_text(encoding="utf-8"))
            for path in sorted((HERE / "chat_templates").glob("*.jinja"))
        },
        "probes": [
            {"template": template, "refused": refused, **render(template, *CONVERSATIONS[0])}
            for template, refused in probes()
        ],
    }
    text = json.dumps(golden, ensure_ascii=False, indent=0)
    with gzip.GzipFile(HERE / "chat.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


main()
