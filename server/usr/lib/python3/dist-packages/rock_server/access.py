"""The access log as JSON: one object per line, for a collector to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from rock_metrics.logger import status_code


class JsonAccess:
    """A mixin for Gunicorn's logger: what it says about requests becomes JSON.

    A format string can't do it: nothing escapes what a client sends.
    """

    access_log: Any

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """Log one answered request."""
        self.access_log.info("%s", json.dumps(entry(resp, environ, request_time)))


def entry(resp: Any, environ: Mapping[str, Any], request_time: timedelta) -> dict[str, object]:
    """Return the members of one line; ``duration`` is in seconds, ``size`` in bytes."""
    return {
        # Ubuntu 22.04 has Python 3.10, and no datetime.UTC.
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),  # noqa: UP017
        "client": environ.get("REMOTE_ADDR"),
        "method": environ.get("REQUEST_METHOD"),
        "target": environ.get("RAW_URI"),
        "protocol": environ.get("SERVER_PROTOCOL"),
        "status": status_code(resp),
        "size": getattr(resp, "sent", None),
        "duration": round(request_time.total_seconds(), 6),
        "referer": environ.get("HTTP_REFERER"),
        "user_agent": environ.get("HTTP_USER_AGENT"),
    }
