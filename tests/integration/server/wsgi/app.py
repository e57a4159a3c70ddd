"""A Flask app that answers in every way the tests need."""

import os
import time

import statsd
from flask import Flask, Response, request

app = Flask(__name__)
stats = statsd.StatsClient("localhost", int(os.environ["ROCK_STATSD_PORT"]))


@app.get("/")
def hello():
    return "hello"


@app.get("/count")
def count():
    stats.incr("my_counter")
    return "counted"


@app.get("/slow")
def slow():
    time.sleep(float(request.args["s"]))
    return "slow"


@app.get("/raise")
def fail():
    raise RuntimeError("on purpose")


@app.get("/stream")
def stream():
    return Response(str(part) for part in range(3))


def create_app():
    return app
