"""A FastAPI app that waits, fails to start, or takes memory."""

import asyncio
import os
import tempfile

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

BREAK = os.environ.get("BREAK")
if BREAK == "import":
    raise ImportError("no module, on purpose")
if BREAK == "memory":
    taken = b"x" * 300_000_000
if BREAK == "exit":
    raise SystemExit("no settings, on purpose")

app = FastAPI(default_response_class=PlainTextResponse)


@app.get("/")
async def hello():
    return "hello"


@app.get("/slow")
async def slow(s: float):
    await asyncio.sleep(s)
    return "slow"


@app.get("/temporary")
def temporary():
    with tempfile.TemporaryFile() as file:
        return str(file.write(b"x" * 1000))


@app.get("/unready")
async def unready():
    return PlainTextResponse("not yet", 503)


@app.get("/pid")
async def pid():
    return str(os.getpid())
