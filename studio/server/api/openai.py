"""``/v1``: OpenAI's images API, for its clients with another ``base_url``.

The names of OpenAI's models mean the studio's default model. See
https://platform.openai.com/docs/api-reference/images/create.
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.library import Library
from studio.runtime.session import Session
from studio.server.api import compat
from studio.server.api.jobs import Served
from studio.server.api.strict import StrictRoute
from studio.server.guard import PAGE
from studio.ui import uploads
from studio.ui.uploads import picture_id

router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=StrictRoute)

SHARED: Final = ("model", "n", "size", "response_format", "user")
"""The fields of all requests."""
_FIELDS: Final = (
    *SHARED, "prompt", "quality", "style", "background", "moderation", "output_format", "output_compression",
    "partial_images", "stream",
)  # fmt: skip
FIELD_NAMES: Final = MappingProxyType({"count": "n"})
UNSET: Final = (None, "", "auto")
_OPENAI_MODELS: Final = ("dall-e", "gpt-image", "chatgpt-image")
_QUALITY: Final = MappingProxyType({"low": 0.5, "medium": 1.0, "standard": 1.0, "high": 1.5, "hd": 1.5})
"""The number of steps, relative to the model's default."""
_MAX_STEPS: Final = 150
_UNSERVED: Final = (
    ("stream", (False,), "streaming is not supported; leave it out"),
    ("style", ("vivid",), "styles are not supported; describe the style in the prompt"),
    ("background", ("opaque",), "pictures are always opaque"),
    ("output_format", ("png",), "pictures are always png"),
    ("output_compression", (100,), "pictures are always png, which is lossless"),
    ("input_fidelity", ("low",), "it is fixed; give a mask to keep a part of the picture"),
)
_NO_EFFECT: Final = ("moderation", "partial_images")


@router.post("/images/generations")
async def generations(fields: dict[str, Any], session: Served, request: Request) -> dict[str, Any]:
    """Generate pictures from a prompt."""
    compat.refuse_unknown(fields, list(_FIELDS))

    def read() -> compat.CompatJob:
        found = {"prompt": required(fields, "prompt"), **values(fields, session.library)}
        if fields.get("size") not in UNSET:
            found["size"] = fields["size"]
        return compat.CompatJob(uploads.workflow("text-to-image"), found, warnings(fields))

    return await answer(fields, read, session, request)


@router.get("/models")
def models(session: Served) -> dict[str, Any]:
    """The models."""
    names = session.library.models.names()
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "studio"} for name in names]
    return {"object": "list", "data": data}


async def answer(
    fields: Mapping[str, Any], read: Callable[[], compat.CompatJob], session: Session, request: Request
) -> dict[str, Any]:
    """Run the job that ``read`` makes, and return its pictures in the requested format."""
    response_format = _response_format(fields)
    result = await compat.make(session, read, FIELD_NAMES)
    if response_format == "url":
        data = [{"url": _address(request, session, one.path)} for one in result.pictures]
    else:
        data = [{"b64_json": await run_in_threadpool(compat.encoded, one.path)} for one in result.pictures]
    return {"created": int(time.time()), "data": data, "warnings": result.warnings}


def values(fields: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """Model, count and steps by the names of a workflow's inputs.

    Raises InputError about a field that is wrong, or that would change the picture and is not supported.
    """
    for name, accepted, why in _UNSERVED:
        if fields.get(name) not in (*UNSET, *accepted):
            raise InputError.about(name, why)
    model = _model(fields.get("model"), library)
    found = {"model": model, "count": fields.get("n") or 1}
    if fields.get("quality") in UNSET:
        return found
    if (share := _QUALITY.get(str(fields["quality"]))) is None:
        raise InputError.about("quality", f"{', '.join(_QUALITY)} or auto, not '{fields['quality']}'")
    steps = round(library.models.find(model).defaults.steps * share)
    return found | {"steps": min(max(steps, 1), _MAX_STEPS)}


def warnings(fields: Mapping[str, Any]) -> list[str]:
    """The fields of a request that have no effect."""
    return [f"{name} has no effect; ignored" for name in _NO_EFFECT if fields.get(name) not in (*UNSET, 0)]


def required(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a field; raises InputError if it is missing."""
    if not fields.get(name):
        raise InputError.about(name, "is required")
    return fields[name]


def _model(name: Any, library: Library) -> str:
    if not name or str(name).startswith(_OPENAI_MODELS):
        return library.models.names()[0]
    try:
        library.check_name("model", name)
    except InputError as error:
        raise InputError.about("model", str(error)) from None
    return str(name)


def _response_format(fields: Mapping[str, Any]) -> str:
    """ "url" or "b64_json", which is the only format of OpenAI's newer models."""
    form = fields.get("response_format") or ("b64_json" if "image" in str(fields.get("model")) else "url")
    if form not in ("url", "b64_json"):
        raise InputError.about("response_format", f"'url' or 'b64_json', not '{form}'")
    return str(form)


def _address(request: Request, session: Session, path: Any) -> str:
    """A URL for a picture that works without a token for a while."""
    signed, picture = request.app.state.signed, picture_id(session.settings.output, path)
    if signed is None or picture is None:
        raise InputError.about("response_format", "this server has no URLs for pictures; use 'b64_json'")
    root = request.scope["root_path"].partition(PAGE)[0]  # without the secret key of a page
    return f"{request.url.scheme}://{request.url.netloc}{root}{signed.of(picture)}"
