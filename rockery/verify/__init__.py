"""Whether a rock's application can be imported, found out before the rock is published.

Importing it is a matter of :mod:`rockery.verify.importing`, which is imported where it comes to
that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rockery.verify.application import Application, applications
from rockery.verify.outcome import Verdict

if TYPE_CHECKING:
    from rockery.verify.importing import verify as verify

__all__ = ["Application", "Verdict", "applications", "verify"]


def __getattr__(name: str) -> Any:
    if name != "verify":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rockery.verify.importing import verify

    return verify
