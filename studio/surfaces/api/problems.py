"""Errors as ``application/problem+json`` (RFC 9457), with the field they are about."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from studio.errors import InputError, StudioError
from studio.surfaces.api import openai
from studio.surfaces.api.responses import AnyTextResponse


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.add_exception_handler(StudioError, _studio)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problem(request: Request, status: int, detail: str, field: str | None = None) -> AnyTextResponse:
    """One problem; in OpenAI's own shape where its client is the one that asks."""
    if request.url.path.startswith("/v1/"):
        return AnyTextResponse(openai.error(detail, field, status), status)
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": detail} | ({"field": field} if field else {})
    return AnyTextResponse(body, status, media_type="application/problem+json")


async def _studio(request: Request, error: Exception) -> AnyTextResponse:
    status = 422 if isinstance(error, InputError) else 500
    return problem(request, status, str(error), next(iter(getattr(error, "wrong", ())), None))


async def _invalid(request: Request, error: Exception) -> AnyTextResponse:
    return problem(request, 422, *_first(cast(RequestValidationError, error).errors()[0]))


async def _http(request: Request, error: Exception) -> AnyTextResponse:
    refused = cast(HTTPException, error)
    return problem(request, refused.status_code, str(refused.detail))


def _first(error: Mapping[str, Any]) -> tuple[str, str]:
    """The words and the field of one of pydantic's errors."""
    field = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    return (f"{field}: {error['msg']}" if field else str(error["msg"])), field
