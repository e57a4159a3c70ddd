"""The smallest Flask app that also counts something of its own."""

import statsd
from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello() -> str:
    return "Hello, world!\n"


@app.route("/count")
def count() -> str:
    statsd.StatsClient("localhost", 9125).incr("my_counter")
    return "counted\n"
