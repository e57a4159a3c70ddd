import contextlib

from flask import Flask

with contextlib.suppress(OSError):
    app = Flask(__name__)
