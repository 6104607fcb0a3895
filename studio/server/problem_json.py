"""Errors as ``application/problem+json`` (RFC 9457), or in OpenAI's format for its clients."""

from http import HTTPStatus
from typing import Any


def document(path: str, status: int, detail: str, field: str | None = None) -> tuple[dict[str, Any], str]:
    """The body and the media type of an error response to a request for ``path``."""
    if path.startswith("/v1/"):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": detail, "type": kind, "param": field or None, "code": None}}, "application/json"
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return body | {"detail": detail} | ({"field": field} if field else {}), "application/problem+json"
