"""Bearer tokens: JSON Web Tokens, signed with HS256, good for a day."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta, timezone

import jwt

from serving.errors import ServiceError
from serving.schemas import Credentials, Token
from serving.settings import Settings

LIFETIME = timedelta(hours=24)

_ALGORITHM = "HS256"


def login(credentials: Credentials, settings: Settings) -> Token:
    """Return a token for who knows the password.

    Raises:
        ServiceError: with status 401, where the user or the password is another.
    """
    # Both are compared to their end, whatever the first one gives: time tells nothing.
    same = [
        hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
        for given, wanted in (
            (credentials.username, settings.username),
            (credentials.password, settings.password),
        )
    ]
    if not all(same):
        raise ServiceError(401, "wrong_credentials", "the user name or the password is wrong")
    now = datetime.now(timezone.utc)  # noqa: UP017 - Ubuntu 22.04 has Python 3.10
    claims = {"sub": credentials.username, "iat": now, "exp": now + LIFETIME}
    token = jwt.encode(claims, settings.secret, algorithm=_ALGORITHM)
    return Token(access_token=token, expires_in=int(LIFETIME.total_seconds()))


def verify(header: str | None, settings: Settings) -> str:
    """Return the user of an ``Authorization`` header.

    Raises:
        ServiceError: with status 401, where the token is missing, expired or no good.
    """
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ServiceError(401, "missing_token", "send a token: Authorization: Bearer …")
    try:
        claims = jwt.decode(
            token.strip(),
            settings.secret,
            algorithms=[_ALGORITHM],
            options={"require": ["exp", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise ServiceError(401, "expired_token", "the token has expired: log in again") from error
    except jwt.InvalidTokenError as error:
        raise ServiceError(401, "invalid_token", "the token is not one of ours") from error
    return str(claims["sub"])
