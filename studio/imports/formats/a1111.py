"""The ``parameters`` text of A1111, Forge, SD.Next and Civitai: their settings as ours.

Keys after ``modules/processing.py`` and ``modules/infotext_utils.py`` of A1111, the same of Forge and SD.Next, and
Civitai's ``automatic.metadata.ts``. What is not said there is what A1111 takes: noise of the graphics card, clip skip
1, the schedule "Automatic". ``record.infotext`` is the grammar, ``record.extranets`` reads LoRAs and hashes, and
``record.parameters_text`` writes the same of our pictures.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from studio.imports import extranets
from studio.imports.a1111_fields import SIZE_OF_FIRST, number, second_pass
from studio.imports.imported_settings import Foreign, Left
from studio.imports.json_validators import is_json, seed, whole
from studio.imports.metadata_extract import Carried
from studio.imports.prompt_dialects import comfy, literal, plain
from studio.imports.settings_mapping import fitted, shown
from studio.imports.unsupported import reason
from studio.parameters.sampler_names import canonical, without_schedule
from studio.parameters.signature import parameters
from studio.pictures.infotext import Infotext
from studio.plugins import find
from studio.workflow.workflow import Workflow

TOOL: Final = "A1111"

_CARRIERS: Final = ("parameters", "exif:UserComment", "comment", "stealth", "sidecar", "exif:ImageDescription")
_PLAIN: Final = {"Steps": "steps", "Seed": "seed", "Size": "size"}
_CALLED: Final = {
    "prompt": "Prompt", "negative_prompt": "Negative prompt", "steps": "Steps", "seed": "Seed", "size": "Size",
    "sampler": "Sampler", "guidance": "CFG scale", "strength": "Denoising strength",
    "factor": "Hires upscale",
}  # fmt: skip
_MASKED: Final = ("Mask blur", "Mask mode", "Masked content", "Inpaint area", "Masked area padding")
_HIRES: Final = ("Hires upscale", "Hires resize", SIZE_OF_FIRST)
_SHORT: Final = re.compile(r"[^\n]{0,60}")
_NUMBERED: Final = re.compile(r"v?\d|f\d|neo|[0-9a-f]{7,40}$")
_FORGE: Final = re.compile(r"f\d|neo")
_AUTOMATIC: Final = re.compile(r"A1111( v?1\.(9|\d\d)\b.*)?|Forge.*")  # who means "Automatic" by no schedule
_LIKE_COMFYUI: Final = ("ComfyUI", "Fooocus", "Krita")
"""Who reads prompts as ComfyUI does, AND and square brackets as plain words, and draws noise on the CPU."""
_LONGEST: Final = 80  # letters of a sampler's name


def read(carried: Carried) -> Foreign | None:
    """The settings of a picture of A1111's or of one that writes as it does."""
    for place in _CARRIERS:
        text = carried.texts.get(place, "").strip()
        if text and not is_json(text):
            info = Infotext.parse(text)
            if info.settings or place == "parameters":
                return _Reading(info, carried.texts.get("postprocessing", "")).foreign()
    return None


class _Reading:
    """One text while it is read: ``rest`` are the settings that nothing has taken yet, so that none can be lost."""

    def __init__(self, info: Infotext, finished: str) -> None:
        self.rest = dict(info.settings)
        self.left = list(_twice(info))
        self.left += [Left("postprocessing", shown(finished), reason("Postprocess"))] if finished else []
        self.called = dict(_CALLED)
        self.nets = extranets.read(info.prompt, self.rest)
        self.values: dict[str, Any] = {}
        self.clip_skip: dict[str, int] = {}
        self.info = info

    def foreign(self) -> Foreign:
        tool = self._tool()
        self._prompts(tool)
        workflow = self._workflow()
        self._numbers()
        self._guidance()
        self._sampler(tool)
        self._noise(tool)
        left = [
            *self.left,
            *self.nets.left,
            *(Left(key, shown(value), reason(key)) for key, value in self.rest.items()),
        ]
        values, unfit = fitted(Workflow.builtin(workflow), self.values, self.called)
        return Foreign(tool, workflow, None, values, self.nets.assets, (*unfit, *left), self.clip_skip)

    def _prompts(self, tool: str) -> None:
        """Both prompts, by the grammar of who wrote them; plain words where a weight is beyond all bounds."""
        dialect = comfy.ours if tool.startswith(_LIKE_COMFYUI) else literal
        for name, text in (("prompt", self.nets.prompt), ("negative_prompt", self.info.negative)):
            try:
                said = dialect(text)
            except ValueError as error:
                said = plain(text)
                self.leave(_CALLED[name], f"{error}; its words are taken as they are, without weights", text)
            self.values |= {name: said} if said or name == "prompt" else {}

    def take(self, key: str) -> str:
        """A setting's value, "" where there is none; from now on it is dealt with."""
        return self.rest.pop(key, "")

    def leave(self, key: str, why: str, value: str = "") -> None:
        """Name what finds no place here."""
        self.left.append(Left(key, shown(self.rest.pop(key, value)), why))

    def _tool(self) -> str:
        """Which program wrote it, with its version."""
        app, version = self.rest.get("App", ""), self.rest.get("Version", "")
        if not _SHORT.fullmatch(app) or not _SHORT.fullmatch(version):
            return TOOL
        self.rest = {key: value for key, value in self.rest.items() if key not in ("App", "Version")}
        if version and not app and not _NUMBERED.match(version):
            return version  # another program that calls itself so: "ComfyUI", "studio 0.4"
        forge = "Forge" if _FORGE.match(version) else TOOL
        return f"{app or ('Civitai' if self.nets.civitai else forge)} {version}".strip()

    def _workflow(self) -> str:
        """The workflow that does the same; what it needs besides is not in the file."""
        if any(key in self.rest for key in _HIRES) and self._second_pass():
            return "hires"
        if strength := self.take("Denoising strength"):
            self.values["strength"] = number(strength)
            masked = any(key in self.rest for key in _MASKED)
            self.leave("Init image", "the picture it began with is not in the file; choose it again")
            if masked:
                self.leave("Mask", "the mask is not in the file; paint it again")
            return "inpaint" if masked else "image-to-image"
        if self.rest.get("Tiling") == "True":
            self.take("Tiling")
            return "seamless-pattern"
        return "text-to-image"

    def _second_pass(self) -> bool:
        """Take what is said of a larger second pass; False where it cannot be told that there is one."""
        key, factor = second_pass(self.rest)
        least, most = parameters(find("steps", "hires").run)["factor"].bounds
        if (least or 0) <= factor <= (most or 0):
            self.values["factor"] = factor
            size = self.take(key)
            self.rest |= {"Size": size} if key == SIZE_OF_FIRST else {}
        if factor and (strength := self.take("Denoising strength")):
            self.values["strength"] = number(strength)
        for again, same in (("Hires steps", "Steps"), ("Hires sampler", "Sampler"), ("Hires CFG Scale", "CFG scale")):
            if factor and self.rest.get(again) in ("0", self.rest.get(same)):
                self.take(again)
        return factor > 0

    def _numbers(self) -> None:
        for key, name in _PLAIN.items():
            if value := self.take(key):
                self._put(name, key, value)
        for key in ("Clip skip", "CLiP-skip"):  # the second one is SD.Next's
            if (skip := self.take(key)) and self.nets.flux:
                self.leave(key, "Flux has none; Civitai writes one all the same", skip)
            elif skip:
                self._put("clip_skip", key, skip)

    def _put(self, name: str, key: str, value: str) -> None:
        try:
            if name == "clip_skip":
                self.clip_skip = {name: whole(value)}
            else:
                self.values[name] = seed(number(value)) if name == "seed" else number(value)
        except ValueError as error:
            self.leave(key, str(error), value)

    def _guidance(self) -> None:
        distilled, scale = self.take("Distilled CFG Scale"), self.take("CFG scale")
        if distilled or scale:
            self.values["guidance"] = number(distilled or scale)
        if distilled:
            self.called["guidance"] = "Distilled CFG Scale"
        if distilled and scale:
            self.leave("CFG scale", "the distilled one is what the model is told; there is no second one here", scale)

    def _sampler(self, tool: str) -> None:
        name, schedule = self.take("Sampler"), self.take("Schedule type")
        if name == "Undefined":
            self.leave("Sampler", "Civitai does not say which; the model's own is used", name)
        elif name and name != "Default":  # SD.Next's word for the model's own
            self._named(name, schedule, "Automatic" if _AUTOMATIC.fullmatch(tool) else "")
            return
        if schedule:
            self.leave("Schedule type", reason("Schedule type"), schedule)

    def _named(self, name: str, schedule: str, usual: str) -> None:
        if len(name) + len(schedule) > _LONGEST:
            self.leave("Sampler", "there is no such sampler here", f"{name} {schedule}".strip())
            return
        try:
            self.values["sampler"] = canonical(name, schedule or usual)
        except ValueError as error:
            if (alone := without_schedule(name, schedule)) is None:
                self.leave("Sampler", str(error), f"{name} {schedule}".strip())
            else:
                self.values["sampler"] = alone
                self.leave("Schedule type", f"'{alone}' goes by its own here", schedule or name)
            return
        if not schedule and self.values["sampler"] != canonical(name):
            why = f"nothing is said of it, and then A1111 takes this one: '{self.values['sampler']}'"
            self.leave("Schedule type", why, usual)

    def _noise(self, tool: str) -> None:
        usual = "CPU" if tool.startswith((*_LIKE_COMFYUI, "studio")) else "GPU, as nothing else is said"
        source = self.take("RNG") or usual
        if source != "CPU":  # drawn on the CPU here too
            why = "noise is drawn on the CPU here, so the picture will be alike in kind, not the same"
            self.leave("RNG", why, source)


def _twice(info: Infotext) -> Iterator[Left]:
    """Settings that come again with another value, before the last one, which counts."""
    last = dict(info.settings)
    return (
        Left(key, shown(value), "it is said again, and the last one counts")
        for key, value in info.settings
        if last[key] != value
    )
