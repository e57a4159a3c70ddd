"""What the environment says.

===================  ==================================================================
``API_USERNAME``     who may ask for a token
``API_PASSWORD``     and with which password
``SECRET_KEY``       what tokens are signed with, 32 characters and more
``APP_MODE``         ``development`` has defaults for these three; else there are none
``CORS_ORIGINS``     which web pages may ask, separated by commas
``MODEL_FILE``       the model; else ``model.joblib`` beside the apps
``CACHE_SIZE``       how many predictions each worker remembers; 1024
``MICRO_BATCH``      how many waiting requests FastAPI predicts in one call; 32, 1 is none
``REFERENCE_URL``    the service that ``GET /reference`` asks
===================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SHORTEST_KEY = 32

_DEVELOPMENT = {
    "API_USERNAME": "developer",
    "API_PASSWORD": "only-for-development",
    "SECRET_KEY": "a-secret-that-is-for-development-only",
}


class SettingsError(RuntimeError):
    """A setting is missing or can't be used."""


@dataclass(frozen=True)
class Settings:
    """The settings of one server."""

    username: str
    password: str
    secret: str
    origins: tuple[str, ...]
    model: Path
    cache_size: int
    micro_batch: int
    reference_url: str


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: naming the variable.
    """
    if environ.get("APP_MODE") == "development":
        environ = {**_DEVELOPMENT, **environ}
    for name in _DEVELOPMENT:
        if not environ.get(name):
            raise SettingsError(f"{name} is not set, and only APP_MODE=development has a default")
    if len(environ["SECRET_KEY"]) < _SHORTEST_KEY:
        raise SettingsError(f"SECRET_KEY has fewer than {_SHORTEST_KEY} characters")
    origins = (text.strip() for text in environ.get("CORS_ORIGINS", "").split(","))
    beside = Path(__file__).parents[1] / "model.joblib"
    return Settings(
        username=environ["API_USERNAME"],
        password=environ["API_PASSWORD"],
        secret=environ["SECRET_KEY"],
        origins=tuple(filter(None, origins)),
        model=Path(environ.get("MODEL_FILE") or beside),
        cache_size=_number(environ, "CACHE_SIZE", 1024),
        micro_batch=_number(environ, "MICRO_BATCH", 32),
        reference_url=environ.get("REFERENCE_URL", ""),
    )


def _number(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environ.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit() and int(text)):
        raise SettingsError(f"{name} is {text!r}, and no whole number above 0")
    return int(text)
