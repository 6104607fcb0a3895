"""``/v1/images/edits`` and ``/v1/images/variations``: pictures from a picture, sent as a multipart form.

See https://platform.openai.com/docs/api-reference/images/createEdit and createVariation.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from PIL import Image
from starlette.datastructures import UploadFile

from studio.errors import InputError
from studio.parameters.types import Size
from studio.server.api import compat, openai, start_pictures
from studio.server.api.jobs import Served
from studio.steps.vary import STRENGTH
from studio.ui import uploads

router = APIRouter(prefix="/v1", tags=["OpenAI"])

_EDITED: Final = (
    *openai.SHARED, "prompt", "quality", "background", "input_fidelity", "moderation", "output_format",
    "output_compression", "partial_images", "stream",
)  # fmt: skip
_FILES: Final = ("image", "mask")


@router.post("/images/edits")
async def edits(session: Served, request: Request) -> dict[str, Any]:
    """Edit a picture by a prompt: where the mask is transparent, else where the picture is, else everywhere."""
    fields, files = await _form(request, _EDITED)
    output = session.settings.output

    def read() -> compat.CompatJob:
        image = _opened(files, "image")
        mask = _mask(_opened(files, "mask") if "mask" in files else image)
        found = {"prompt": openai.required(fields, "prompt"), **openai.values(fields, session.library)}
        if "mask" not in files and mask.getbbox() is None:  # nothing is transparent
            given = {"image": start_pictures.kept(_sized(image, fields), output), **_size(fields)}
            return compat.CompatJob(uploads.workflow("image-to-image"), found | given, openai.warnings(fields))
        start_pictures.check_mask(mask, image)
        opaque = image if "mask" in files else image.convert("RGB")  # the area to repaint is not transparent
        given = {
            name: start_pictures.kept(_sized(one, fields), output) for name, one in (("image", opaque), ("mask", mask))
        }
        return compat.CompatJob(uploads.workflow("inpaint"), found | given, openai.warnings(fields))

    return await openai.answer(fields, read, session, request)


@router.post("/images/variations")
async def variations(session: Served, request: Request) -> dict[str, Any]:
    """Generate variations of a picture, without a prompt."""
    fields, files = await _form(request, openai.SHARED)

    def read() -> compat.CompatJob:
        image = start_pictures.kept(_sized(_opened(files, "image"), fields), session.settings.output)
        found = {
            "prompt": "",
            "image": image,
            "strength": STRENGTH["strong"],
            **_size(fields),
            **openai.values(fields, session.library),
        }
        return compat.CompatJob(uploads.workflow("image-to-image"), found, openai.warnings(fields))

    return await openai.answer(fields, read, session, request)


async def _form(request: Request, known: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields of a form, and the bytes of its files; raises InputError for a field that is unknown or repeated."""
    fields, files = dict[str, Any](), dict[str, bytes]()
    async with request.form() as form:
        for key, value in form.multi_items():
            name = key.removesuffix("[]")
            compat.refuse_unknown({name: value}, [*known, *_FILES])
            if name in files or name in fields:
                raise InputError.about(name, "give only one; several cannot be combined")
            if name in _FILES and isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                fields[name] = value
    return {**fields, **_number(fields, "n")}, files


def _number(fields: Mapping[str, Any], name: str) -> dict[str, int]:
    """A whole number, which a form contains as text."""
    if fields.get(name) in (None, ""):
        return {}
    try:
        return {name: int(fields[name])}
    except (TypeError, ValueError):
        raise InputError.about(name, f"give a whole number, not '{fields[name]}'") from None


def _opened(files: Mapping[str, bytes], name: str) -> Image.Image:
    """The picture in a file; raises InputError if it is missing."""
    if name not in files:
        raise InputError.about(name, "is required: a picture file")
    return start_pictures.read_file(files[name], name)


def _mask(image: Image.Image) -> Image.Image:
    """A mask that is white where a picture is transparent."""
    return image.convert("RGBA").getchannel("A").point(lambda level: 255 - level)


def _sized(image: Image.Image, fields: Mapping[str, Any]) -> Image.Image:
    """The picture, scaled and cropped to the requested size."""
    return start_pictures.covering(image, Size.parse(size["size"])) if (size := _size(fields)) else image


def _size(fields: Mapping[str, Any]) -> dict[str, str]:
    """The requested size, if any; raises InputError if it is not a size."""
    if fields.get("size") in openai.UNSET:
        return {}
    try:
        return {"size": str(Size.parse(fields["size"]))}
    except ValueError as error:
        raise InputError.about("size", str(error)) from None
