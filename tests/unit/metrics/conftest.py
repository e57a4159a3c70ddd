"""What runs in the rock is no part of the package: its folders go on the path here."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
for folder in (ROOT / "server", ROOT / "statsd-exporter/rock"):
    sys.path.insert(0, str(folder / "usr/lib/python3/dist-packages"))
