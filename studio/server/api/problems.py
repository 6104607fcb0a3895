"""Errors as ``application/problem+json`` (RFC 9457), with the field that is wrong."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from studio.errors import InputError, OutputError, StudioError
from studio.server.problem_json import document


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, which can also hold text that is not valid Unicode, such as some file names; NaN becomes null."""

    def render(self, content: Any) -> bytes:
        try:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
        except ValueError:
            return json.dumps(_finite(content), allow_nan=False, separators=(",", ":")).encode("ascii")


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.add_exception_handler(StudioError, _studio)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problem(request: Request, status: int, detail: str, field: str | None = None) -> JSONResponse:
    """A problem document; in OpenAI's format for its clients."""
    body, kind = document(request.url.path, status, detail, field)
    return AsciiJSONResponse(body, status, media_type=kind)


async def _studio(request: Request, error: Exception) -> JSONResponse:
    """422: the request is wrong. 503: a disk or the queue cannot be written at the moment. 500: everything else."""
    status = 422 if isinstance(error, InputError) else 503 if isinstance(error, OutputError) else 500
    return problem(request, status, str(error), next(iter(getattr(error, "wrong", ())), None))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    return problem(request, 422, *_first(cast(RequestValidationError, error).errors()[0]))


async def _http(request: Request, error: Exception) -> JSONResponse:
    http_error = cast(HTTPException, error)
    return problem(request, http_error.status_code, str(http_error.detail))


def _first(error: Mapping[str, Any]) -> tuple[str, str]:
    """The message and the field of a pydantic error."""
    place = () if error["type"] == "json_invalid" else error["loc"]  # then ``loc`` is a position in the text
    field = ".".join(str(part) for part in place if part not in ("body", "query", "path"))
    return (f"{field}: {error['msg']}" if field else str(error["msg"])), field
