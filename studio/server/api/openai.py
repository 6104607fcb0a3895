"""``/v1``: the shape of OpenAI's images API, so that its clients work here with another ``base_url``.

A model of OpenAI's own stands for the studio's default. Shapes after
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
"""Fields of all requests."""
_FIELDS: Final = (
    *SHARED, "prompt", "quality", "style", "background", "moderation", "output_format", "output_compression",
    "partial_images", "stream",
)  # fmt: skip
THEIRS: Final = MappingProxyType({"count": "n"})
IDLE: Final = (None, "", "auto")
_THEIR_MODELS: Final = ("dall-e", "gpt-image", "chatgpt-image")
_QUALITY: Final = MappingProxyType({"low": 0.5, "medium": 1.0, "standard": 1.0, "high": 1.5, "hd": 1.5})
"""How many of the model's own steps are made."""
_MOST_STEPS: Final = 150
_UNSERVED: Final = (
    ("stream", (False,), "pictures are sent whole; leave it out"),
    ("style", ("vivid",), "the prompt alone says how a picture looks; write it there"),
    ("background", ("opaque",), "pictures are opaque here"),
    ("output_format", ("png",), "pictures are png here"),
    ("output_compression", (100,), "pictures are png here, which loses nothing"),
    ("input_fidelity", ("low",), "how much of a picture is kept is fixed here; give a mask to keep a part"),
)
_NO_EFFECT: Final = ("moderation", "partial_images")


@router.post("/images/generations")
async def generations(asked: dict[str, Any], session: Served, request: Request) -> dict[str, Any]:
    """Pictures from words."""
    compat.refuse_strangers(asked, list(_FIELDS))

    def read() -> compat.Wanted:
        found = {"prompt": required(asked, "prompt"), **values(asked, session.library)}
        if asked.get("size") not in IDLE:
            found["size"] = asked["size"]
        return compat.Wanted(uploads.workflow("text-to-image"), found, warnings(asked))

    return await answer(asked, read, session, request)


@router.get("/models")
def models(session: Served) -> dict[str, Any]:
    """The models."""
    names = session.library.models.names()
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "studio"} for name in names]
    return {"object": "list", "data": data}


async def answer(
    asked: Mapping[str, Any], read: Callable[[], compat.Wanted], session: Session, request: Request
) -> dict[str, Any]:
    """The pictures of the job that ``read`` makes, as the client wants them."""
    form = _response_format(asked)
    made = await compat.make(session, read, THEIRS)
    if form == "url":
        data = [{"url": _address(request, session, one.path)} for one in made.pictures]
    else:
        data = [{"b64_json": await run_in_threadpool(compat.encoded, one.path)} for one in made.pictures]
    return {"created": int(time.time()), "data": data, "warnings": made.warnings}


def values(asked: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """Model, number and steps by the names of our inputs; raises InputError that names the field.

    What would change the picture and cannot be done here is refused too.
    """
    for name, idle, why in _UNSERVED:
        if asked.get(name) not in (*IDLE, *idle):
            raise InputError.about(name, why)
    model = _model(asked.get("model"), library)
    found = {"model": model, "count": asked.get("n") or 1}
    if asked.get("quality") in IDLE:
        return found
    if (share := _QUALITY.get(str(asked["quality"]))) is None:
        raise InputError.about("quality", f"{', '.join(_QUALITY)} or auto, not '{asked['quality']}'")
    steps = round(library.models.find(model).defaults.steps * share)
    return found | {"steps": min(max(steps, 1), _MOST_STEPS)}


def warnings(asked: Mapping[str, Any]) -> list[str]:
    """What a request asks that changes no picture here."""
    return [f"{name} has no effect here; ignored" for name in _NO_EFFECT if asked.get(name) not in (*IDLE, 0)]


def required(asked: Mapping[str, Any], name: str) -> Any:
    """A field's value; raises InputError where there is none."""
    if not asked.get(name):
        raise InputError.about(name, "is required")
    return asked[name]


def _model(name: Any, library: Library) -> str:
    if not name or str(name).startswith(_THEIR_MODELS):
        return library.models.names()[0]
    try:
        library.check_name("model", name)
    except InputError as error:
        raise InputError.about("model", str(error)) from None
    return str(name)


def _response_format(asked: Mapping[str, Any]) -> str:
    """ "url" or "b64_json", which OpenAI's newer models always answer with."""
    form = asked.get("response_format") or ("b64_json" if "image" in str(asked.get("model")) else "url")
    if form not in ("url", "b64_json"):
        raise InputError.about("response_format", f"'url' or 'b64_json', not '{form}'")
    return str(form)


def _address(request: Request, session: Session, path: Any) -> str:
    """Where a picture can be fetched for a while, by whoever is given the address."""
    signed, picture = request.app.state.signed, picture_id(session.settings.output, path)
    if signed is None or picture is None:
        raise InputError.about("response_format", "no addresses are given out here; ask for 'b64_json'")
    root = request.scope["root_path"].partition(PAGE)[0]  # without the key of the page that asks
    return f"{request.url.scheme}://{request.url.netloc}{root}{signed.of(picture)}"
