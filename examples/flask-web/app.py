"""A small web site: settings from the environment, a template, static files."""

import os

from dotenv import load_dotenv
from flask import Flask, render_template, request

load_dotenv()

app = Flask(__name__)


@app.route("/")
def index() -> str:
    return render_template(
        "index.html",
        message=os.environ.get("MESSAGE", "Hello"),
        environment=os.environ.get("ENV", "development"),
        visitor=request.remote_addr,
    )


@app.route("/status")
def status() -> dict[str, str]:
    return {"status": "ok"}
