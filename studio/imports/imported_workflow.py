"""The result of an import: a workflow with values, its local files, and everything that was not imported."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from studio.errors import InputError
from studio.imports.imported_settings import Asset, SkippedSetting
from studio.library import Library
from studio.pictures import clip_skip
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_CHOOSE: Final = "the model that was used is not here or not named, and no other is used instead; choose one"
_KINDS: Final = {"lora": "LoRA", "vae": "VAE", "controlnet": "ControlNet"}
_ADD: Final = {
    "model": "to add it: studio models add FILE",
    "lora": "to add it, put its file into the folder of parts, or: studio models add FOLDER",
}


@dataclass(frozen=True)
class MatchedAsset:
    """An asset and the name of the local file that is used for it; ``sure`` means that a hash agrees."""

    asset: Asset
    name: str
    sure: bool


@dataclass(frozen=True)
class MissingAsset:
    """An asset without a local file, and why."""

    asset: Asset
    why: str

    def __str__(self) -> str:
        """ "model dreamshaper_8 (879db523c3)"."""
        hashes = ", ".join(text[:24] for text in self.asset.hashes)
        return f"{_KINDS.get(self.asset.kind, self.asset.kind)} {self.asset.name}" + (f" ({hashes})" if hashes else "")

    @property
    def advice(self) -> str:
        """How to add it."""
        return _ADD.get(self.asset.kind, "to add it, put it into the folder of parts")


@dataclass(frozen=True)
class ImportedWorkflow:
    """A workflow with values that it accepts, and everything that was not imported.

    ``models_to_choose`` are the inputs for a model that the user must choose, as the one that was used is missing or
    not named: no other model is ever used in its place without asking. ``clip_skip`` is the tool's clip skip by input,
    while the model that it depends on is not chosen. ``definition`` is the content of a workflow file if the picture
    came with a workflow of its own.
    """

    tool: str
    workflow: Workflow
    values: Mapping[str, Any]
    matched: tuple[MatchedAsset, ...] = ()
    missing: tuple[MissingAsset, ...] = ()
    skipped: tuple[SkippedSetting, ...] = ()
    models_to_choose: tuple[str, ...] = ()
    clip_skip: Mapping[str, int] = field(default_factory=dict)
    definition: Mapping[str, Any] | None = None

    @property
    def form_values(self) -> dict[str, Any]:
        """The values for a form; None for a model that must be chosen."""
        return {**dict.fromkeys(self.models_to_choose), **self.values}

    @property
    def missing_essentials(self) -> tuple[MissingAsset, ...]:
        """The missing files with most influence on the picture: models and LoRAs."""
        return tuple(one for one in self.missing if one.asset.kind in ("model", "lora"))

    @property
    def matched_by_name(self) -> tuple[MatchedAsset, ...]:
        """The assets that were matched only by name."""
        return tuple(one for one in self.matched if not one.sure)

    def job(self, values: Mapping[str, Any], library: Library) -> Job:
        """The job, with other values for some inputs.

        Raises InputError if a value is wrong or missing, for example a model that must be chosen.
        """
        if wrong := {name: _CHOOSE for name in self.models_to_choose if not values.get(name)}:
            raise InputError(f"'{next(iter(wrong))}' is required: {_CHOOSE}", wrong)
        skips = dict[str, int]()
        if self.models_to_choose and self.clip_skip:
            skips, _ = clip_skips(self.tool, self.clip_skip, values[self.models_to_choose[0]], library)
        return Job.of(self.workflow, {**self.values, **skips, **values}, library)

    def messages(self) -> list[str]:
        """Lines for people: what was matched by name, what is missing, what was skipped."""
        lines = [f"{one.asset.kind} {one.asset.name}: '{one.name}' is used, matched only by name"
                 for one in self.matched_by_name]  # fmt: skip
        lines += [f"{one}: {one.why}; {one.advice}" for one in self.missing]
        if self.models_to_choose:
            lines.append(_CHOOSE)
        return [*lines, *map(str, self.skipped)]

    def data(self) -> dict[str, Any]:
        """Everything except the values, as JSON."""
        return {
            "tool": self.tool,
            "workflow": self.workflow.name,
            "taken": [{**asdict(one.asset), "as": one.name, "sure": one.sure} for one in self.matched],
            "missing": [{**asdict(one.asset), "why": one.why, "advice": one.advice} for one in self.missing],
            "left": [asdict(one) for one in self.skipped],
            "asks": list(self.models_to_choose),
        }


def clip_skips(
    tool: str, numbers: Mapping[str, int], model: str, library: Library
) -> tuple[dict[str, int], dict[str, str]]:
    """Each input's clip skip as the studio counts it, and the reason for those that cannot be converted.

    It is converted for a model here or, if ``model`` is "", for any model.
    """
    values, reasons = dict[str, int](), dict[str, str]()
    for name, number in numbers.items():
        try:
            values[name] = clip_skip.to_studio(number, tool, library.models.find(model).family.name if model else "")
        except ValueError as error:
            reasons[name] = str(error)
    return values, reasons
