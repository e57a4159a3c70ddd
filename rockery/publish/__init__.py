"""Where images go: a ``.rock`` archive, a Docker engine."""
