"""Errors as ``application/problem+json`` (RFC 9457), and in OpenAI's own shape where its clients ask."""

from http import HTTPStatus
from typing import Any


def document(path: str, status: int, detail: str, field: str | None = None) -> tuple[dict[str, Any], str]:
    """What a request for ``path`` is told of an error, with the field it is about, and the media type of that."""
    if path.startswith("/v1/"):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": detail, "type": kind, "param": field or None, "code": None}}, "application/json"
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return body | {"detail": detail} | ({"field": field} if field else {}), "application/problem+json"
