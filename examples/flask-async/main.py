"""A Flask app whose requests spend their time waiting."""

import time

from flask import Flask

#: How long ``/wait`` takes, in seconds.
WAIT = 2


def create_app() -> Flask:
    app = Flask(__name__)

    @app.route("/")
    def hello() -> str:
        return "Hello, async world!\n"

    @app.route("/wait")
    def wait() -> str:
        time.sleep(WAIT)
        return f"waited {WAIT} s\n"

    return app
