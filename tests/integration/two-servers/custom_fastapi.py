"""What the FastAPI app is given before it serves."""

from typing import Any


def init_app(app: Any) -> None:
    """Leave a mark."""
    app.state.hook = "custom_fastapi"
