"""``/v1/images/edits`` and ``/v1/images/variations``: pictures from a picture, which comes as a form with files.

Shapes after https://platform.openai.com/docs/api-reference/images/createEdit and createVariation.
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
    """A picture changed by words: where the mask, or else the picture itself, is transparent, or else all of it."""
    asked, files = await _form(request, _EDITED)
    output = session.settings.output

    def read() -> compat.Wanted:
        image = _opened(files, "image")
        mask = _mask(_opened(files, "mask") if "mask" in files else image)
        found = {"prompt": openai.required(asked, "prompt"), **openai.values(asked, session.library)}
        if "mask" not in files and mask.getbbox() is None:  # nowhere transparent
            given = {"image": start_pictures.kept(_sized(image, asked), output), **_size(asked)}
            return compat.Wanted(uploads.workflow("image-to-image"), found | given, openai.warnings(asked))
        start_pictures.check_mask(mask, image)
        seen = image if "mask" in files else image.convert("RGB")  # what is to be drawn anew is not seen through
        given = {
            name: start_pictures.kept(_sized(one, asked), output) for name, one in (("image", seen), ("mask", mask))
        }
        return compat.Wanted(uploads.workflow("inpaint"), found | given, openai.warnings(asked))

    return await openai.answer(asked, read, session, request)


@router.post("/images/variations")
async def variations(session: Served, request: Request) -> dict[str, Any]:
    """Pictures like one, without words."""
    asked, files = await _form(request, openai.SHARED)

    def read() -> compat.Wanted:
        image = start_pictures.kept(_sized(_opened(files, "image"), asked), session.settings.output)
        found = {
            "prompt": "",
            "image": image,
            "strength": STRENGTH["strong"],
            **_size(asked),
            **openai.values(asked, session.library),
        }
        return compat.Wanted(uploads.workflow("image-to-image"), found, openai.warnings(asked))

    return await openai.answer(asked, read, session, request)


async def _form(request: Request, known: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The fields of a form, and its files' bytes; raises InputError for a field that is not known, or comes twice."""
    asked, files = dict[str, Any](), dict[str, bytes]()
    async with request.form() as form:
        for key, value in form.multi_items():
            name = key.removesuffix("[]")
            compat.refuse_strangers({name: value}, [*known, *_FILES])
            if name in files or name in asked:
                raise InputError.about(name, "give one; several are not put together here")
            if name in _FILES and isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                asked[name] = value
    return {**asked, **_number(asked, "n")}, files


def _number(asked: Mapping[str, Any], name: str) -> dict[str, int]:
    """A whole number, which a form has as text."""
    if asked.get(name) in (None, ""):
        return {}
    try:
        return {name: int(asked[name])}
    except (TypeError, ValueError):
        raise InputError.about(name, f"give a whole number, not '{asked[name]}'") from None


def _opened(files: Mapping[str, bytes], name: str) -> Image.Image:
    """A file's picture; raises InputError about it where there is none."""
    if name not in files:
        raise InputError.about(name, "is required: a picture's file")
    return start_pictures.read_file(files[name], name)


def _mask(of: Image.Image) -> Image.Image:
    """White where a picture is transparent."""
    return of.convert("RGBA").getchannel("A").point(lambda level: 255 - level)


def _sized(image: Image.Image, asked: Mapping[str, Any]) -> Image.Image:
    """The picture, cut to the shape that is asked for and of that size."""
    return start_pictures.covering(image, Size.parse(size["size"])) if (size := _size(asked)) else image


def _size(asked: Mapping[str, Any]) -> dict[str, str]:
    """The size, if one is asked for; raises InputError where it is none."""
    if asked.get("size") in openai.IDLE:
        return {}
    try:
        return {"size": str(Size.parse(asked["size"]))}
    except ValueError as error:
        raise InputError.about("size", str(error)) from None
