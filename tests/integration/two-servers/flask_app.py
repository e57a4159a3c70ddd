"""The Flask app."""

from pathlib import Path

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return f"flask from {Path.cwd()}, hook: {app.config.get('HOOK')}"
