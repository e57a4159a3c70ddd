from __future__ import annotations

import re
import subprocess
import sys

from rockery import libyaml


def test_yaml_reads_the_same_with_its_own_reader() -> None:
    text = "a: 1.5\nb: [0x1f, 2001-01-01, null, true, ~, 'ü', 12:30]\n"
    yaml = libyaml.yaml
    assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, yaml.CSafeLoader)
    assert yaml.safe_load(yaml.safe_dump({"a": ["1", 1, None]})) == {"a": ["1", 1, None]}
    assert type(re.compile("a")) is re.Pattern


def test_what_no_printable_text_is_stays_refused() -> None:
    code = (
        "from rockery.libyaml import yaml\n"
        "try:\n    yaml.load('a: \\x07', yaml.SafeLoader)\n"
        "except yaml.reader.ReaderError: print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "refused\n", run.stderr
