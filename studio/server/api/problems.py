"""Errors as ``application/problem+json`` (RFC 9457), with the field they are about."""

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


class Json(JSONResponse):
    """JSON in ASCII: text that is not Unicode, as the name of a file may be, is told as it is, and NaN as null."""

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
    """One problem; in OpenAI's own shape where its client is the one that asks."""
    body, kind = document(request.url.path, status, detail, field)
    return Json(body, status, media_type=kind)


async def _studio(request: Request, error: Exception) -> JSONResponse:
    """422: what was asked is wrong. 503: a disk or the queue takes nothing just now, and later may. 500: all else."""
    status = 422 if isinstance(error, InputError) else 503 if isinstance(error, OutputError) else 500
    return problem(request, status, str(error), next(iter(getattr(error, "wrong", ())), None))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    return problem(request, 422, *_first(cast(RequestValidationError, error).errors()[0]))


async def _http(request: Request, error: Exception) -> JSONResponse:
    refused = cast(HTTPException, error)
    return problem(request, refused.status_code, str(refused.detail))


def _first(error: Mapping[str, Any]) -> tuple[str, str]:
    """The words and the field of one of pydantic's errors."""
    place = () if error["type"] == "json_invalid" else error["loc"]  # then it is a place in the text
    field = ".".join(str(part) for part in place if part not in ("body", "query", "path"))
    return (f"{field}: {error['msg']}" if field else str(error["msg"])), field
