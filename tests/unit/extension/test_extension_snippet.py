"""Templates that are rendered without Jinja2 come out as with it."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import jinja2
import pytest

from rockery.extension import load_definition, names
from rockery.extension.snippet import plain

VALUES: dict[str, Any] = {
    "text": "a <b> & 'c' \"d\"",
    "empty": "",
    "listed": ["x", "<y>"],
    "mapped": {"b": 1, "a": {"ü": None}},
    "nothing": None,
    "yes": True,
    "no": False,
}

REFERENCE = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
)
REFERENCE.policies["json.dumps_kwargs"] = {"sort_keys": False}


@pytest.mark.parametrize("name", names())
def test_ours_need_no_jinja(name: str) -> None:
    snippet = load_definition(name).snippet
    for truth, first in product((True, False), repeat=2):
        values: dict[str, Any] = {
            "first": first,
            "shared_app": "/flask/app",
            "server_variable": "OUR_SERVER" if truth else "",
            "entrypoint": "app:app",
            "pythonpath": "/flask/app/src" if truth else "",
            "worker": "sync",
            "bare": truth,
            "organize": {"app.py": "flask/app/app.py"},
            "excludes": ["-x", "it's <odd> & 'so'"],
            "dependencies": {"plugin": "uv"},
            "server": {"plugin": "python"} if truth else None,
        }
        assert plain(snippet, values) == REFERENCE.from_string(snippet).render(values)


PIECES = [
    "a", " ", "  ", "\n", "\n\n", "\t", "key: ", "{{ text }}", "{{text}}", "{{ text | tojson }}",
    "{{ listed|tojson }}", "{{ mapped | tojson }}", "{{ nothing | tojson }}", "{{- text }}",
    "{{ text -}}", "{{- empty -}}", "{% if yes %}", "{% if no %}", "{%- if listed %}",
    "{% if not empty -%}", "{% else %}", "{%- else -%}", "{% endif %}", "{%- endif %}",
    "{% endif -%}", "{{ 'x' if yes else \"y\" }}", "{{ 'x' if no else 'it''s' }}", "{# c #}",
    "{% for x in listed %}", "{% endfor %}", "{{ text.upper() }}", "}}", "{{", "%}",
    "{%+ if yes %}",
    "{{ missing }}", "{{ yes }}", "{{ 1 }}", "\r\n", "{% if text == 'a' %}", "{% raw %}",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_what_is_rendered_plainly_is_what_jinja_renders(seed: int) -> None:
    chance = random.Random(seed)
    rendered = 0
    for _ in range(400):
        usual = PIECES if chance.random() < 0.2 else PIECES[:27]
        template = "".join(chance.choice(usual) for _ in range(chance.randint(1, 10)))
        text = plain(template, VALUES)
        if text is not None:
            rendered += 1
            assert text == REFERENCE.from_string(template).render(VALUES), repr(template)
    assert rendered > 20
