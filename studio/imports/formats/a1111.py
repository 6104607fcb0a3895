"""The ``parameters`` text of A1111, Forge, SD.Next and Civitai.

Keys after ``modules/processing.py`` and ``modules/infotext_utils.py`` of A1111, the same files of Forge and SD.Next,
and Civitai's ``automatic.metadata.ts``. Missing settings have A1111's defaults: noise from the GPU, clip skip 1, the
schedule "Automatic". ``pictures.infotext`` has the grammar, ``imports.extranets`` reads LoRAs and hashes, and
``pictures.parameters_text`` writes this text for our pictures.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from studio.imports import extranets
from studio.imports.a1111_fields import number, second_pass
from studio.imports.imported_settings import ImportedSettings, SkippedSetting
from studio.imports.json_validators import integer, is_json, seed
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.prompt_dialects import comfy, escape, escape_wildcards
from studio.imports.settings_mapping import fit_to_workflow, shown
from studio.imports.unsupported import reason
from studio.parameters.sampler_names import SCHEDULES, canonical, without_schedule
from studio.parameters.signature import parameters
from studio.pictures import a1111_keys as keys
from studio.pictures.infotext import Infotext
from studio.plugins import find
from studio.workflow.workflow import Workflow

TOOL: Final = "A1111"

_CARRIERS: Final = ("parameters", "exif:UserComment", "comment", "stealth", "sidecar", "exif:ImageDescription")
_MASKED: Final = ("Mask blur", "Mask mode", "Masked content", "Inpaint area", "Masked area padding")
_HIRES: Final = (keys.HIRES_UPSCALE, keys.HIRES_RESIZE, keys.FIRST_PASS_SIZE)
_REPEATED: Final = {
    keys.HIRES_STEPS: keys.STEPS,
    keys.HIRES_SAMPLER: keys.SAMPLER,
    keys.HIRES_CFG_SCALE: keys.CFG_SCALE,
}
"""Settings of a second pass that may repeat those of the first."""
_SHORT: Final = re.compile(r"[^\n]{0,60}")
_NUMBERED: Final = re.compile(r"v?\d|f\d|neo|[0-9a-f]{7,40}$")
_FORGE: Final = re.compile(r"f\d|neo")
_AUTOMATIC: Final = re.compile(r"A1111( v?1\.(9|\d\d)\b.*)?|Forge.*")  # where no schedule means "Automatic"
_LIKE_COMFYUI: Final = ("ComfyUI", "Fooocus", "Krita")
"""Tools with ComfyUI's prompts, where AND and square brackets are plain words, and with noise from the CPU."""
_LONGEST: Final = 80  # letters in a sampler's name


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings in a picture of A1111, or of a tool that writes the same text."""
    for place in _CARRIERS:
        text = metadata.texts.get(place, "").strip()
        if text and not is_json(text):
            info = Infotext.parse(text)
            if info.settings or place == "parameters":
                return _InfotextReader(info, metadata.texts.get("postprocessing", "")).result()
    return None


class _InfotextReader:
    """Reads one text; ``rest`` are the settings that nothing has used yet, so that none is lost."""

    def __init__(self, info: Infotext, finished: str) -> None:
        self.rest = dict(info.settings)
        self.skipped = list(_repeated(info))
        self.skipped += [SkippedSetting("postprocessing", shown(finished), reason("Postprocess"))] if finished else []
        self.called = dict(keys.INPUTS)
        self.networks = extranets.read(info.prompt, self.rest)
        self.values: dict[str, Any] = {}
        self.clip_skip: dict[str, int] = {}
        self.info = info

    def result(self) -> ImportedSettings:
        tool = self._tool()
        self._prompts(tool)
        workflow = self._workflow()
        self._numbers()
        self._guidance()
        self._sampler(tool)
        self._eta()
        self._noise(tool)
        skipped = [
            *self.skipped,
            *self.networks.skipped,
            *(SkippedSetting(key, shown(value), reason(key)) for key, value in self.rest.items()),
        ]
        values, unfit = fit_to_workflow(Workflow.builtin(workflow), self.values, self.called)
        return ImportedSettings(tool, workflow, None, values, self.networks.assets, (*unfit, *skipped), self.clip_skip)

    def _prompts(self, tool: str) -> None:
        """Convert both prompts from the grammar of the tool; plain words if a weight is out of bounds."""
        dialect = comfy.to_studio if tool.startswith(_LIKE_COMFYUI) else escape_wildcards
        for name, text in (("prompt", self.networks.prompt), ("negative_prompt", self.info.negative)):
            try:
                converted = dialect(text)
            except ValueError as error:
                converted = escape(text)
                self.skip(keys.INPUTS[name], f"{error}; its words are used without weights", text)
            self.values |= {name: converted} if converted or name == "prompt" else {}

    def take(self, key: str) -> str:
        """Remove a setting and return its value, "" if there is none."""
        return self.rest.pop(key, "")

    def skip(self, key: str, why: str, value: str = "") -> None:
        """List a setting that has no equivalent here."""
        self.skipped.append(SkippedSetting(key, shown(self.rest.pop(key, value)), why))

    def _tool(self) -> str:
        """The program that wrote the text, with its version."""
        app, version = self.rest.get("App", ""), self.rest.get(keys.VERSION, "")
        if not _SHORT.fullmatch(app) or not _SHORT.fullmatch(version):
            return TOOL
        self.rest = {key: value for key, value in self.rest.items() if key not in ("App", keys.VERSION)}
        if version and not app and not _NUMBERED.match(version):
            return version  # another program that names itself: "ComfyUI", "studio 0.4"
        forge = "Forge" if _FORGE.match(version) else TOOL
        return f"{app or ('Civitai' if self.networks.civitai else forge)} {version}".strip()

    def _workflow(self) -> str:
        """The workflow that does the same; the pictures that it needs are not in the file."""
        if any(key in self.rest for key in _HIRES) and self._second_pass():
            return "hires"
        if strength := self.take(keys.DENOISING_STRENGTH):
            self.values["strength"] = number(strength)
            masked = any(key in self.rest for key in _MASKED)
            self.skip("Init image", "the start picture is not in the file; choose it again")
            if masked:
                self.skip("Mask", "the mask is not in the file; paint it again")
            return "inpaint" if masked else "image-to-image"
        if self.rest.get(keys.TILING) == "True":
            self.take(keys.TILING)
            return "seamless-pattern"
        return "text-to-image"

    def _second_pass(self) -> bool:
        """Read the settings of a second pass; False if there is none, or its size is not known."""
        key, factor = second_pass(self.rest)
        least, most = parameters(find("steps", "hires").run)["factor"].bounds
        if (least or 0) <= factor <= (most or 0):
            self.values["factor"] = factor
            size = self.take(key)
            self.rest |= {keys.SIZE: size} if key == keys.FIRST_PASS_SIZE else {}
        if factor and (strength := self.take(keys.DENOISING_STRENGTH)):
            self.values["strength"] = number(strength)
        for again, same in _REPEATED.items():
            if factor and self.rest.get(again) in ("0", self.rest.get(same)):
                self.take(again)
        return factor > 0

    def _numbers(self) -> None:
        for name in ("steps", "seed", "size"):
            if value := self.take(keys.INPUTS[name]):
                self._put(name, keys.INPUTS[name], value)
        for key in (keys.CLIP_SKIP, "CLiP-skip"):  # the second spelling is SD.Next's
            if (skip := self.take(key)) and self.networks.flux:
                self.skip(key, "Flux has none, though Civitai writes one", skip)
            elif skip:
                self._put("clip_skip", key, skip)

    def _put(self, name: str, key: str, value: str) -> None:
        try:
            if name == "clip_skip":
                self.clip_skip = {name: integer(value)}
            else:
                self.values[name] = seed(number(value)) if name == "seed" else number(value)
        except ValueError as error:
            self.skip(key, str(error), value)

    def _guidance(self) -> None:
        distilled, scale = self.take(keys.DISTILLED_CFG_SCALE), self.take(keys.CFG_SCALE)
        if distilled or scale:
            self.values["guidance"] = number(distilled or scale)
        if distilled:
            self.called["guidance"] = keys.DISTILLED_CFG_SCALE
        if distilled and scale:
            self.skip(keys.CFG_SCALE, "the model uses the distilled one; there is no second one here", scale)

    def _sampler(self, tool: str) -> None:
        name, schedule = self.take(keys.SAMPLER), self.take(keys.SCHEDULE_TYPE)
        if name == "Undefined":
            self.skip(keys.SAMPLER, "Civitai does not name it; the model's own is used", name)
        elif name and name != "Default":  # SD.Next's word for the model's own
            self._named(name, schedule, "Automatic" if _AUTOMATIC.fullmatch(tool) else "")
            return
        if schedule:
            self.skip(keys.SCHEDULE_TYPE, reason(keys.SCHEDULE_TYPE), schedule)

    def _named(self, name: str, schedule: str, usual: str) -> None:
        if len(name) + len(schedule) > _LONGEST:
            self.skip(keys.SAMPLER, "there is no such sampler here", f"{name} {schedule}".strip())
            return
        try:
            self.values["sampler"] = canonical(name, schedule or usual)
        except ValueError as error:
            if (alone := without_schedule(name, schedule)) is None:
                self.skip(keys.SAMPLER, str(error), f"{name} {schedule}".strip())
            else:
                self.values["sampler"] = alone
                self.skip(keys.SCHEDULE_TYPE, f"'{alone}' has its own schedule here", schedule or _schedule_in(name))
            return
        if not schedule and self.values["sampler"] != canonical(name):
            why = f"it is not in the text, so A1111 used its default: '{self.values['sampler']}'"
            self.skip(keys.SCHEDULE_TYPE, why, usual)

    def _eta(self) -> None:
        """Read eta: A1111 writes "Eta DDIM" for DDIM, and before its version 1.6 "Eta" for all samplers."""
        if eta_key := keys.ETA_OF.get(self.values.get("sampler", "")):
            for key in (keys.ETA, eta_key):
                if value := self.take(key):
                    self.values["eta"], self.called["eta"] = number(value), key

    def _noise(self, tool: str) -> None:
        usual = "CPU" if tool.startswith((*_LIKE_COMFYUI, "studio")) else "GPU, the default"
        source = self.take(keys.RNG) or usual
        if source != "CPU":  # the same as here
            why = "noise is generated on the CPU here, so the picture will be similar, not the same"
            self.skip(keys.RNG, why, source)


def _schedule_in(name: str) -> str:
    """The schedule at the end of a sampler's name, as in "Euler a Karras"."""
    endings = sorted(SCHEDULES.values(), key=len, reverse=True)
    return next((label for label in endings if name.casefold().endswith(label.casefold())), name.rsplit(maxsplit=1)[-1])


def _repeated(info: Infotext) -> Iterator[SkippedSetting]:
    """Settings that occur again with another value; the last one counts."""
    last = dict(info.settings)
    return (
        SkippedSetting(key, shown(value), "it is in the text twice, and the last one counts")
        for key, value in info.settings
        if last[key] != value
    )
