"""A1111's global settings, set once by a client or for a single request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from studio.errors import InputError
from studio.imports.a1111_fields import SETTINGS, unsupported_fields
from studio.library import Library
from studio.plugins import unknown
from studio.server.api.jobs import Served
from studio.server.api.strict import StrictRoute

router = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"], route_class=StrictRoute)

MODEL: Final = "sd_model_checkpoint"
CLIP_SKIP: Final = "CLIP_stop_at_last_layers"
_VAE, _MODULES = "sd_vae", "forge_additional_modules"
_MODEL_VAE: Final = (None, "", "None", "none", "Automatic", "automatic")
_SERVED: Final = (MODEL, _VAE, CLIP_SKIP, _MODULES)


@dataclass(frozen=True)
class A1111Settings:
    """The settings that the studio supports: a model, a VAE ("" for the model's own), and A1111's clip skip."""

    model: str
    vae: str = ""
    clip_skip: int = 1
    ignored: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, settings: Mapping[str, Any], library: Library, within: str = "") -> "A1111Settings":
        """Read settings by A1111's names; raises InputError for one that is wrong or not supported.

        ``within`` is put before the names in the error: "override_settings.".
        """
        try:
            for name, why in unsupported_fields(settings, SETTINGS):
                raise InputError.about(name, why)
            ignored = (name for name in settings if name not in _SERVED and name not in SETTINGS)
            return cls(
                _model(settings.get(MODEL), library),
                _vae(settings, library),
                _clip_skip(settings.get(CLIP_SKIP)),
                tuple(ignored),
            )
        except InputError as error:
            raise InputError(
                f"{within}{error}", {f"{within}{name}": why for name, why in error.wrong.items()}
            ) from None


async def chosen(request: Request) -> dict[str, Any]:
    """The settings that clients have set."""
    kept: dict[str, Any] = request.app.state.a1111_settings
    return kept


Chosen = Annotated[dict[str, Any], Depends(chosen)]


@router.get("/options")
def options(kept: Chosen, session: Served) -> dict[str, Any]:
    """The settings; ``sd_model_checkpoint`` is the default model of requests."""
    now = A1111Settings.read(kept, session.library)
    return {
        "samples_format": "png",
        "sd_checkpoint_hash": "",
        "randn_source": "CPU",
        "emphasis": "No norm",
        **kept,
        MODEL: now.model,
        _VAE: now.vae or "Automatic",
        CLIP_SKIP: now.clip_skip,
    }


@router.post("/options")
def set_options(changes: dict[str, Any], kept: Chosen, session: Served) -> None:
    """Change settings until the studio ends. Those without an effect are ignored."""
    now = A1111Settings.read({**kept, **changes}, session.library)
    kept |= {name: value for name, value in changes.items() if name not in now.ignored}


def _model(name: Any, library: Library) -> str:
    """The name of a model, given A1111's title: "dreamshaper_8.safetensors [879db523c3]"."""
    if not name:
        return next(iter(library.models.names()), "")
    return _named(MODEL, "model", name, library.models.names())


def _vae(settings: Mapping[str, Any], library: Library) -> str:
    """The VAE, which Forge lists among its additional modules, like text encoders."""
    modules = settings.get(_MODULES) or []
    if not isinstance(modules, list) or len(modules) > 1:
        raise InputError.about(_MODULES, "only one VAE is supported; text encoders come with the model")
    if modules:
        return _named(_MODULES, "vae", modules[0], library.adapters.names("vae"))
    name = settings.get(_VAE)
    return "" if name in _MODEL_VAE else _named(_VAE, "vae", name, library.adapters.names("vae"))


def _named(field: str, kind: str, name: Any, known: list[str]) -> str:
    """The name in ``known`` that matches ``name``, with or without folder, suffix and hash."""
    if not isinstance(name, str):
        raise InputError.about(field, f"give a name, not {name!r}")
    bare = name.partition(" [")[0]
    ends = {bare, bare.removesuffix(".safetensors"), PurePosixPath(PureWindowsPath(bare).as_posix()).name}
    for one in known:
        if one in ends or one.removesuffix(".safetensors") in ends:
            return one
    raise InputError.about(field, unknown(kind, name, known))


def _clip_skip(value: Any) -> int:
    try:
        return int(value or 1)
    except (TypeError, ValueError):
        raise InputError.about(CLIP_SKIP, f"give a whole number, not {value!r}") from None
