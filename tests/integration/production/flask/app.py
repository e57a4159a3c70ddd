"""A Flask app that waits, fails to start, or takes memory."""

import os
import tempfile
import time

from flask import Flask, request

BREAK = os.environ.get("BREAK")
if BREAK == "import":
    raise ImportError("no module, on purpose")
if BREAK == "memory":
    taken = b"x" * 300_000_000
if BREAK == "exit":
    raise SystemExit("no settings, on purpose")

app = Flask(__name__)


@app.get("/")
def hello():
    return "hello"


@app.get("/slow")
def slow():
    time.sleep(float(request.args["s"]))
    return "slow"


@app.get("/temporary")
def temporary():
    with tempfile.TemporaryFile() as file:
        return str(file.write(b"x" * 1000))


@app.get("/unready")
def unready():
    return "not yet", 503


@app.get("/pid")
def pid():
    return str(os.getpid())
