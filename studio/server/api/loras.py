"""``/api/loras``: the installed LoRAs and their previews."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from studio.errors import InputError
from studio.galleries import thumbnails
from studio.plugins import unknown
from studio.server.api.jobs import Served
from studio.ui import lora_picker

router = APIRouter(prefix="/api", tags=["LoRA"])
_EDGE = 320


@router.get("/loras")
def loras(session: Served, model: str = "") -> list[dict[str, Any]]:
    """The LoRAs; with a model's name, those that fit it first, and the reason why each of the others does not."""
    known = session.library.models.names() if model else []
    if model and model not in known:
        raise InputError.about("model", unknown("model", model, known))
    return [one.about | {"preview": _address(one)} for one in lora_picker.options(model, session.library)]


def _address(one: lora_picker.LoraOption) -> str | None:
    return f"/api/loras/{quote(one.about['name'], safe='')}/preview" if one.preview else None


@router.get("/loras/{name:path}/preview", response_class=Response)
def preview(name: str, session: Served) -> Response:
    """A LoRA's preview picture as a small JPEG."""
    if (path := lora_picker.preview(name, session.library)) is None:
        raise HTTPException(404, "there is no such preview")
    try:
        jpeg = thumbnails.jpeg(path, _EDGE)
    except InputError:
        raise HTTPException(404, "the preview cannot be read") from None
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})
