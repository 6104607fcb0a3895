"""``/v1``: the shape of OpenAI's images API, so that its clients work here with another ``base_url``.

A model of OpenAI's own stands for the studio's default. Shapes after
https://platform.openai.com/docs/api-reference/images/create.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.models import library
from studio.surfaces.api import foreign, views
from studio.surfaces.api.jobs import Served

router = APIRouter(prefix="/v1", tags=["OpenAI"])

_SUPPORTED: Final = ("prompt", "model", "n", "size", "response_format", "output_format")
_UNSUPPORTED: Final = ("background", "moderation", "output_compression", "partial_images", "quality", "style", "user")
_IDLE: Final = (None, "auto")
_THEIRS: Final = ("dall-e", "gpt-image", "chatgpt-image")


@router.post("/images/generations")
async def generations(asked: dict[str, Any], session: Served, request: Request) -> dict[str, Any]:
    """Pictures from words."""
    foreign.refuse_strangers(asked, [*_SUPPORTED, *_UNSUPPORTED, "stream"])
    form = _response_format(asked)
    made = await foreign.make(session, "text-to-image", values(asked), warnings(asked), {"count": "n"})
    output = session.settings.output
    if form == "url":
        base = str(request.base_url).rstrip("/")
        data = [{"url": f"{base}{views.picture(one, output)['url']}"} for one in made.pictures]
    else:
        data = [{"b64_json": await run_in_threadpool(foreign.encoded, one.path)} for one in made.pictures]
    return {"created": int(time.time()), "data": data, "warnings": made.warnings}


@router.get("/models")
def models() -> dict[str, Any]:
    """The models."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "studio"} for name in library.names()]
    return {"object": "list", "data": data}


def values(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A request's values by the names of our inputs; raises InputError that names the field."""
    found = {"prompt": _required(asked, "prompt"), "count": asked.get("n") or 1}
    if asked.get("size") not in _IDLE:
        found["size"] = asked["size"]
    if not str(asked.get("model") or _THEIRS[0]).startswith(_THEIRS):
        found["model"] = asked["model"]
    return found


def warnings(asked: Mapping[str, Any]) -> list[str]:
    """What a request asks that has no counterpart here."""
    return [f"{name} is not supported; ignored" for name in _UNSUPPORTED if asked.get(name) not in _IDLE]


def _required(asked: Mapping[str, Any], name: str) -> Any:
    if not asked.get(name):
        raise InputError.about(name, "is needed; give it a value")
    return asked[name]


def _response_format(asked: Mapping[str, Any]) -> str:
    """ "url" or "b64_json", which OpenAI's newer models always answer with."""
    if asked.get("stream"):
        raise InputError.about("stream", "pictures are sent whole; leave it out")
    if asked.get("output_format") not in (None, "png"):
        raise InputError.about("output_format", "pictures are png here")
    form = asked.get("response_format") or ("b64_json" if "image" in str(asked.get("model")) else "url")
    if form not in ("url", "b64_json"):
        raise InputError.about("response_format", f"'url' or 'b64_json', not '{form}'")
    return str(form)


def error(detail: str, field: str | None, status: int) -> dict[str, Any]:
    """An error in OpenAI's own shape."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": detail, "type": kind, "param": field or None, "code": None}}
