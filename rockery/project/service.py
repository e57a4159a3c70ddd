"""Services and checks of ``rockcraft.yaml``, as Pebble's layer specification has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from rockery.project.value import Duration, Model, Text, TextByName, Texts, _mapping

Action = Literal["restart", "shutdown", "ignore", "success-shutdown", "failure-shutdown"]
Override = Literal["replace", "merge"]
Startup = Literal["enabled", "disabled"]


class Service(Model):
    """One service; ``override`` is required in a file that is complete."""

    override: Override | None = None
    summary: Text | None = None
    description: Text | None = None
    command: Text | None = None
    startup: Startup | None = None
    after: Texts = ()
    before: Texts = ()
    requires: Texts = ()
    environment: TextByName = Field(default_factory=dict)
    user: Text | None = None
    user_id: int | None = None
    group: Text | None = None
    group_id: int | None = None
    working_dir: Text | None = None
    on_success: Action | None = None
    on_failure: Action | None = None
    on_check_failure: Annotated[dict[str, Action], BeforeValidator(_mapping)] = Field(
        default_factory=dict
    )
    backoff_delay: Duration | None = None
    backoff_factor: float | None = None
    backoff_limit: Duration | None = None
    kill_delay: Duration | None = None


class HttpCheck(Model):
    """Passes when the URL answers with a status of 20x."""

    url: Text
    headers: TextByName = Field(default_factory=dict)


class TcpCheck(Model):
    """Passes when the port accepts a connection."""

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Text = "localhost"


class ExecCheck(Model):
    """Passes when the command exits with 0."""

    command: Text
    service_context: Text | None = None
    environment: TextByName = Field(default_factory=dict)
    user: Text | None = None
    user_id: int | None = None
    group: Text | None = None
    group_id: int | None = None
    working_dir: Text | None = None


class Check(Model):
    """One health check: exactly one of ``http``, ``tcp`` and ``exec``."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"not": {"required": ["http", "tcp"]}},
                {"not": {"required": ["http", "exec"]}},
                {"not": {"required": ["tcp", "exec"]}},
            ]
        }
    )

    override: Override | None = None
    level: Literal["alive", "ready"] | None = None
    startup: Startup | None = None
    period: Duration | None = None
    timeout: Duration | None = None
    threshold: Annotated[int, Field(ge=1)] | None = None
    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: ExecCheck | None = None

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        given = [
            name for name in ("http", "tcp", "exec") if isinstance(value, dict) and name in value
        ]
        if len(given) > 1:
            raise ValueError(
                f"needs one of 'http', 'tcp' and 'exec', and has {' and '.join(given)}"
            )
        return value
