"""What a server answers when it can't do what it is asked."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from serving.schemas import problems


class ServiceError(Exception):
    """An answer with an error status; ``error`` is a word for programs."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail = status, error, detail

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the status."""
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}

    @property
    def body(self) -> dict[str, Any]:
        """The answer, in the shape of :class:`serving.schemas.Error`."""
        return {"error": self.error, "detail": self.detail}


def invalid(found: list[Any]) -> dict[str, Any]:
    """Return the answer to a request that pydantic found fault with."""
    return {"error": "invalid_request", "detail": problems(found)}


def of_status(status: int) -> dict[str, Any]:
    """Return the answer to what a framework refuses by itself, such as an unknown path."""
    phrase = HTTPStatus(status).phrase
    return {
        "error": phrase.lower().replace(" ", "_"),
        "detail": HTTPStatus(status).description or phrase,
    }
