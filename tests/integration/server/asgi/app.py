"""A FastAPI app that answers in every way the tests need."""

import asyncio
import os

import statsd
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse

app = FastAPI()
stats = statsd.StatsClient("localhost", int(os.environ["ROCK_STATSD_PORT"]))


@app.get("/")
async def hello():
    return PlainTextResponse("hello")


@app.get("/count")
async def count():
    stats.incr("my_counter")
    return PlainTextResponse("counted")


@app.get("/slow")
async def slow(s: float):
    await asyncio.sleep(s)
    return PlainTextResponse("slow")


@app.get("/raise")
async def fail():
    raise RuntimeError("on purpose")


@app.get("/stream")
async def stream():
    async def parts():
        for part in range(3):
            yield str(part)

    return StreamingResponse(parts())


def create_app():
    return app
