"""Gunicorn's settings in this rock.

Stronger than these: GUNICORN_CMD_ARGS and the command line. What isn't here (workers,
their temporary folder, the logger) is chosen by rock-gunicorn when it starts.
"""

bind = ["0.0.0.0:8000"]
chdir = "/flask/app"
statsd_host = "localhost:9125"
