"""Large projects, each with one thing in it thousands of times; no file is over 1 MB."""

from __future__ import annotations

from mutation import Files

_MEGABYTE = 1_000_000

_HEAD = (
    "name: demo\nsummary: A demo\ndescription: A demo\nversion: '0.1'\nbase: bare\n"
    "build-base: debian@12\nplatforms:\n  amd64:\nextensions:\n  - flask-framework\n"
)
_APP = "from flask import Flask\n\napp = Flask(__name__)\n"
_FAST = _HEAD.replace("flask-", "fastapi-")

_YAML = {
    "sequence": "parts: [" + "1," * 400_000 + "]",
    "many-keys": "".join(f"k{i}: 1\n" for i in range(80_000)),
    "many-parts": "parts:\n" + "".join(f"  p{i}: {{plugin: nil}}\n" for i in range(30_000)),
    "many-services": "services:\n"
    + "".join(f"  s{i}: {{override: replace, command: x}}\n" for i in range(20_000)),
    "spaces": "title: " + " " * 900_000 + "b\n",
    "deep-flow": "parts: " + "[" * 400_000,
    "deep-block": "".join(" " * (i % 700) + f"a{i}:\n" for i in range(2_000)),
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}' if i else '*a'] * 9)}]\n" for i in range(12)),
    "merges": "a0: &m0 {k: 1}\n"
    + "".join(f"a{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}]}}\n" for i in range(1, 9_000)),
    "quotes": "title: " + '"' * 900_000,
    "long-text": "description2: |\n" + "  x\n" * 240_000,
    "many-primes": "parts:\n  flask-framework/install-app:\n    prime:\n"
    + "".join(f"      - flask/app/f{i}\n" for i in range(40_000)),
    "globs": "parts:\n  flask-framework/install-app:\n    prime:\n"
    + "".join(f"      - flask/app/{'**/' * 20}*{i}\n" for i in range(8_000)),
    "star-glob": "parts:\n  flask-framework/install-app:\n    prime: [flask/app/"
    + "*a" * 30_000
    + "]\n",
    "many-packages": "parts:\n  flask-framework/dependencies:\n    python-packages: ["
    + ", ".join(f"p{i}" for i in range(60_000))
    + "]\n",
    "many-extensions": "",
}

_REQUIREMENTS = {
    "lines": "".join(f"package-{i}==1.{i}\n" for i in range(45_000)),
    "continued": "flask \\\n" * 120_000,
    "one-line": "flask" + "x" * 900_000,
    "extras": "flask[" + "a," * 400_000 + "b]\n",
    "hashes": "flask==3 \\\n"
    + "    --hash=sha256:"
    + "0" * 64
    + " \\\n" * 1
    + ("    --hash=sha256:" + "0" * 64 + " \\\n") * 10_000,
    "markers": "flask; " + "(" * 300_000 + "python_version>'3'" + ")" * 300_000 + "\n",
    "and-markers": "flask; " + " and ".join(["python_version > '3'"] * 40_000) + "\n",
    "versions": "flask" + ",".join(f">={i}" for i in range(120_000)) + "\n",
    "comments": "# x\n" * 240_000,
    "includes": "-r requirements.txt\n" * 45_000,
    "urls": "".join(f"p{i} @ https://example.com/p{i}-1-py3-none-any.whl\n" for i in range(17_000)),
    "bare-urls": "git+https://example.com/x\n" * 38_000,
    "bad": "=>\n" * 250_000,
    "spaces": "flask" + " " * 900_000 + "#\n",
    "dots": "flask==" + "1." * 400_000 + "1\n",
    "zeros": b"\x00" * 900_000,
    "utf-16": "flask\n".encode("utf-16") * 60_000,
    "latin": b"# coding: latin-1\n" + b"\xe9\n" * 400_000,
}

_PYTHON = {
    # Of the size that is still converted.
    "flask-views": "from flask import *\n"
    + "".join(
        f"@app.route('/{i}')\ndef f{i}(): return jsonify(request.args), 200\n" for i in range(1_900)
    ),
    "flask-uses": "from flask import request\n" + "request.args\n" * 10_000,
    "names": "a\n" * 400_000,
    "assignments": "a=1\n" * 240_000,
    "calls": "app=f()\n" * 120_000,
    "sum": "app=" + "1+" * 400_000 + "1",
    "tuple": "app=" + "a," * 400_000,
    "text": 'app="' + "x" * 900_000 + '"',
    "branches": "if a:\n b=1\nelse:\n c=2\n" * 40_000,
    "functions": "def f(): return g()\n" * 45_000,
    "imports": "from app import app as app\n" * 35_000,
    "applications": "".join(f"a{i}=Flask()\n" for i in range(60_000)),
    "parentheses": "app=" + "(" * 450_000 + ")" * 450_000,
    "nested": "".join(" " * i + "if x:\n" for i in range(1_200)),
    "elifs": "if x: pass\n" + "elif x: pass\n" * 70_000,
    "tries": "try:\n app=1\nexcept A:\n pass\n" * 25_000,
    "attributes": "app=a" + ".b" * 400_000,
    "calls-in-calls": "app=" + "f(" * 300_000 + ")" * 300_000,
    "lambdas": "app=" + "lambda:" * 120_000 + "1",
    "f-strings": "app=f'" + "{x}" * 200_000 + "'",
    "decorators": "@a\n" * 300_000 + "def app(): pass\n",
    "comments": "#\n" * 450_000,
    "back-slashes": "app=\\\n" * 150_000,
    "digits": "app=" + "9" * 900_000,
    "arguments": "def create_app(" + ",".join(f"a{i}=1" for i in range(80_000)) + "): pass\n",
    "chain": "".join(f"a{i + 1} = a{i}\n" for i in range(45_000)) + "app = a45000\n",
    "chain-back": "".join(f"a{i} = a{i + 1}\n" for i in range(45_000)) + "app = a0\n",
    "classes": "".join(f"class C{i + 1}(C{i}): pass\n" for i in range(25_000)) + "app=C25000()\n",
    "with": "with a as b:\n app=1\n" * 40_000,
    "match": "match a:\n" + " case 1: app=1\n" * 50_000,
    "comparison": "app=" + "a<" * 400_000 + "a",
    "not": "app=" + "not " * 220_000 + "a",
    "zeros": b"\x00" * 900_000,
    "stars": "from x import *\n" * 60_000,
    "global": "def f():\n global app\n app=1\n" * 25_000,
}

_TOML = {
    "tables": "".join(f"[a{i}]\n" for i in range(90_000)),
    "dependencies": '[project]\nname="demo"\nversion="1"\ndependencies=['
    + ",".join(f'"p{i}"' for i in range(90_000))
    + "]\n",
    "nested": "a = " + "[" * 400_000,
    "dotted": "a" + ".b" * 300_000 + " = 1\n",
    "groups": "[dependency-groups]\n"
    + "".join(f'g{i + 1} = [{{include-group = "g{i}"}}]\n' for i in range(20_000)),
    "group-fan": "[dependency-groups]\ng0 = ['flask']\n"
    + "".join(
        f'g{i + 1} = [{{include-group = "g{i}"}}, {{include-group = "g{i}"}}]\n' for i in range(40)
    )
    + '[project]\nname="demo"\nversion="1"\ndependencies=["flask"]\n',
    "group-loop": '[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]\n',
    "extras": '[project]\nname="demo"\nversion="1"\ndependencies=["demo[a0]"]\n'
    "[project.optional-dependencies]\n"
    + "".join(f'a{i} = ["demo[a{i + 1}]", "demo[a{i + 1}]"]\n' for i in range(60)),
    "quotes": "a = '''" + "'" * 900_000,
    "python": '[project]\nname="demo"\nversion="1"\nrequires-python="'
    + ",".join([">=3"] * 150_000)
    + '"\n',
}

_UV = (
    'version = 1\nrequires-python = ">=3.11"\n'
    '[[package]]\nname = "demo"\nversion = "1"\nsource = {{ virtual = "." }}\n'
    'dependencies = [{{ name = "p0" }}, {{ name = "flask" }}]\n{}'
)
_PROJECT = b'[project]\nname="demo"\nversion="1"\ndependencies=["flask"]\n'

_LOCKS: dict[str, tuple[str, str]] = {
    "uv-many": (
        "uv.lock",
        _UV.format(
            "".join(
                f'[[package]]\nname = "p{i}"\nversion = "1"\n'
                f'source = {{ registry = "https://example.com/simple" }}\n'
                for i in range(10_000)
            )
        ),
    ),
    "uv-chain": (
        "uv.lock",
        _UV.format(
            "".join(
                f'[[package]]\nname = "p{i}"\nversion = "1"\nsource = {{ virtual = "x" }}\n'
                f'dependencies = [{{ name = "p{i + 1}" }}]\n'
                for i in range(9_000)
            )
        ),
    ),
    "uv-diamonds": (
        "uv.lock",
        _UV.format(
            "".join(
                f'[[package]]\nname = "p{i}"\nversion = "1"\nsource = {{ virtual = "x" }}\n'
                'dependencies = [{ name = "p%d" }, { name = "p%d", extra = ["x"] }]\n'
                % (i + 1, i + 1)
                + "[package.optional-dependencies]\n"
                f'x = [{{ name = "p{i + 1}", extra = ["x"] }}]\n'
                for i in range(4_000)
            )
        ),
    ),
    "uv-loop": (
        "uv.lock",
        _UV.format(
            '[[package]]\nname = "p0"\nversion = "1"\nsource = { virtual = "x" }\n'
            'dependencies = [{ name = "p0" }, { name = "demo" }]\n'
        ),
    ),
    "uv-tables": ("uv.lock", "[[package]]\n" * 70_000),
    "poetry": (
        "poetry.lock",
        "".join(f'[[package]]\nname = "p{i}"\nversion = "1"\n' for i in range(24_000)),
    ),
    "pylock": (
        "pylock.toml",
        'lock-version = "1.0"\ncreated-by = "x"\n'
        + "".join(f'[[packages]]\nname = "p{i}"\nversion = "1"\n' for i in range(22_000)),
    ),
    "pipfile": (
        "Pipfile.lock",
        '{"_meta": {}, "default": {'
        + ",".join(f'"p{i}": {{"version": "==1"}}' for i in range(30_000))
        + "}}",
    ),
    "pipfile-deep": ("Pipfile.lock", '{"default": ' + "[" * 500_000),
    "pipfile-digits": (
        "Pipfile.lock",
        '{"default": {"flask": {"version": ' + "9" * 900_000 + "}}}",
    ),
}

_OTHERS = {
    "ignore-lines": (".rockignore", "".join(f"**/a{i}*b\n" for i in range(70_000))),
    "ignore-stars": (".rockignore", "*a" * 400_000),
    "ignore-double-stars": (".rockignore", "**/" * 300_000 + "x\n"),
    "ignore-brackets": (".rockignore", "[" * 900_000),
    "procfile": ("Procfile", "web: gunicorn a:b\n" * 50_000),
    "procfile-line": ("Procfile", "web: gunicorn " + "a" * 900_000),
    "procfile-colons": ("Procfile", "web: gunicorn " + "a.b:" * 220_000),
    "dockerfile": ("Dockerfile", "RUN gunicorn \\\n" * 60_000),
    "dockerfile-words": ("Dockerfile", 'CMD ["gunicorn", ' + '"a", ' * 170_000),
    "flaskenv": (".flaskenv", "FLASK_APP=x\n" * 80_000),
    "flaskenv-spaces": (".flaskenv", "FLASK_APP = " + " " * 900_000 + "x"),
    "compose": ("compose.yaml", "a: gunicorn x:y\n" * 60_000),
    "script": ("boot.sh", "gunicorn " * 110_000),
    "python-version": (".python-version", "3." + "9" * 900_000),
    "runtime": ("runtime.txt", "python-" * 140_000),
    "setup-cfg": ("setup.cfg", "[options]\ninstall_requires =\n" + "    flask\n" * 90_000),
    "package-json": ("package.json", '{"scripts": ' * 70_000),
    "env": (".env", "A=" * 450_000),
    "extension": (
        "rockery-extensions/flask-framework/extension.yaml",
        "summary: x\nsnippet: |\n" + "  {{ name }}\n" * 80_000,
    ),
}


def projects() -> dict[str, Files]:
    """Return each hostile project by its name."""
    made: dict[str, Files] = {}

    def add(name: str, **changed: bytes | str) -> None:
        files: dict[str, bytes | str] = {
            "rockcraft.yaml": _HEAD,
            "requirements.txt": "flask\n",
            "app.py": _APP,
        }
        files |= changed
        made[name] = {
            file: (content.encode() if isinstance(content, str) else content)[:_MEGABYTE]
            for file, content in files.items()
        }

    for name, text in _YAML.items():
        add(f"yaml-{name}", **{"rockcraft.yaml": _HEAD + text})
    add("yaml-all-extensions", **{"rockcraft.yaml": _HEAD + "  - flask-framework\n" * 30_000})
    for name, content in _REQUIREMENTS.items():
        add(f"requirements-{name}", **{"requirements.txt": content})
    for name, content in _PYTHON.items():
        add(f"python-{name}", **{"app.py": content})
        if name in ("applications", "functions", "chain", "imports"):
            add(f"fastapi-{name}", **{"rockcraft.yaml": _FAST, "main.py": content, "app.py": ""})
    for name, content in _TOML.items():
        add(f"toml-{name}", **{"pyproject.toml": content})
    for name, (file, content) in _LOCKS.items():
        add(f"lock-{name}", **{"pyproject.toml": _PROJECT, file: content})
        del made[f"lock-{name}"]["requirements.txt"]
    for name, (file, content) in _OTHERS.items():
        add(f"other-{name}", **{file: content})
    add("other-many-modules", **{f"m{i}.py": "x = 1\n" * 20 for i in range(1_000)})
    add("other-large-modules", **{f"m{i}.py": "a=1\n" * 24_000 for i in range(10)})
    return made
