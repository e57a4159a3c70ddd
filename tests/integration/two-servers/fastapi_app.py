"""The FastAPI app."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
def index() -> str:
    return f"fastapi from {Path.cwd()}, hook: {getattr(app.state, 'hook', None)}"
