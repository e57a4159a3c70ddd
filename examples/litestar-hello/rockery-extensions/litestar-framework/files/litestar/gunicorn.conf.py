"""Gunicorn's settings in this rock; the rest is chosen by rock-gunicorn when it starts."""

bind = ["0.0.0.0:8000"]
chdir = "/litestar/app"
statsd_host = "localhost:9125"
