"""Run the command line as ``python -m rockery``."""

from rockery.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
