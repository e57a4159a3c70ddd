"""What the Flask app is given before it serves."""

import os
from typing import Any


def init_app(app: Any) -> None:
    """Leave a mark."""
    if os.environ.get("LICENCE") == "expired":
        raise ValueError("the licence has expired")
    app.config["HOOK"] = "custom_flask"
