"""From what another tool says of a picture to a job here: its models and LoRAs are found, and what is not is named."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from studio.diffusion.samplers import scheduler
from studio.errors import InputError, WorkflowError
from studio.families import Family
from studio.files import strict_json
from studio.imports import asset_matching, formats
from studio.imports.asset_matching import Found
from studio.imports.asset_rename import renamed
from studio.imports.imported_settings import Asset, Foreign, Left
from studio.imports.metadata_extract import carried
from studio.imports.settings_mapping import fitted
from studio.models import library
from studio.parameters.types import OWN_SAMPLER, PARTS
from studio.pictures import clip_skip
from studio.pictures.picture import Picture
from studio.prompts.lora import Lora
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_PLAIN, _IMPORTED = "text-to-image", "imported"
_LIKE: Final = {"edit": "image-to-image", "inpaint": "inpaint", "outpaint": "outpaint", "instruct": "instruct"}
"""The workflow that does the like of another's first step that draws; else the plain one."""
_CHOOSE: Final = "the model that this was made with is not here or not named, and no other is used instead; choose one"
_KINDS: Final = {"lora": "LoRA", "vae": "VAE", "controlnet": "ControlNet"}
_ADD: Final = {
    "model": "to add it: studio models add FILE",
    "lora": "to add it, put its file into the folder of parts, or: studio models add FOLDER",
}


@dataclass(frozen=True)
class Taken:
    """An asset and the name of the file here that is used for it; ``sure`` says that a hash agrees."""

    asset: Asset
    name: str
    sure: bool


@dataclass(frozen=True)
class Missing:
    """An asset that is not here, and why nothing is used in its place."""

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
class Imported:
    """A workflow with values that it takes, and all that is not among them by name.

    ``asks`` are the inputs for a model that has to be chosen, as the one that was used is missing or was not named: no
    other model is ever used in its place unasked. ``clip_skip`` is what the tool says of clip skip, by its inputs,
    while the model, on which it depends, is not chosen. ``definition`` is the content of a workflow file where the
    picture came with a workflow of its own.
    """

    tool: str
    workflow: Workflow
    values: Mapping[str, Any]
    taken: tuple[Taken, ...] = ()
    missing: tuple[Missing, ...] = ()
    left: tuple[Left, ...] = ()
    asks: tuple[str, ...] = ()
    clip_skip: Mapping[str, int] = field(default_factory=dict)
    definition: Mapping[str, Any] | None = None

    @property
    def form_values(self) -> dict[str, Any]:
        """The values for a form; None for a model that has to be chosen."""
        return {**dict.fromkeys(self.asks), **self.values}

    @property
    def lacks(self) -> tuple[Missing, ...]:
        """What is missing that decides most how a picture looks: models and LoRAs."""
        return tuple(one for one in self.missing if one.asset.kind in ("model", "lora"))

    def job(self, values: Mapping[str, Any]) -> Job:
        """The job, with other values for some inputs.

        Raises InputError where one is wrong or needed, a model that has to be chosen among them.
        """
        if wrong := {name: _CHOOSE for name in self.asks if not values.get(name)}:
            raise InputError(f"'{next(iter(wrong))}' is required: {_CHOOSE}", wrong)
        skips = _clip_skips(self.tool, self.clip_skip, values[self.asks[0]])[0] if self.asks and self.clip_skip else {}
        return Job.of(self.workflow, {**self.values, **skips, **values})

    @property
    def trusted(self) -> tuple[Taken, ...]:
        """What was taken for its name alone."""
        return tuple(one for one in self.taken if not one.sure)

    def said(self) -> list[str]:
        """Lines for people: what was taken on trust, what is missing, what was left out."""
        lines = [f"{one.asset.kind} {one.asset.name}: '{one.name}' is used, for its name alone" for one in self.trusted]
        lines += [f"{one}: {one.why}; {one.advice}" for one in self.missing]
        if self.asks:
            lines.append(_CHOOSE)
        return [*lines, *map(str, self.left)]

    def data(self) -> dict[str, Any]:
        """All of it but the values, as JSON."""
        return {
            "tool": self.tool,
            "workflow": self.workflow.name,
            "taken": [{**asdict(one.asset), "as": one.name, "sure": one.sure} for one in self.taken],
            "missing": [{**asdict(one.asset), "why": one.why, "advice": one.advice} for one in self.missing],
            "left": [asdict(one) for one in self.left],
            "asks": list(self.asks),
        }


def brought(path: Path, *, shipped: bool = False) -> Job | Imported:
    """What a file brings: the job of a picture of the studio's or of a job file, or what another tool says in it.

    With ``shipped`` only for workflows that came with the studio. Raises InputError where it brings nothing of the
    kind, or cannot be read.
    """
    said = carried(path)
    if "studio" in said.texts:
        return Picture(path).job
    if _is_job(said.texts.get("json", "")):
        return Job.from_json(said.texts["json"])
    if (foreign := formats.read_from(said)) is None:
        raise InputError(f"'{path}' has no settings that the studio can read")
    return imported(foreign, shipped=shipped)


def _is_job(text: str) -> bool:
    try:
        content = strict_json.loads(text) if text else None
    except ValueError:
        return False
    return isinstance(content, dict) and {"workflow", "definition", "values", "seed"} <= set(content)


def imported(foreign: Foreign, *, shipped: bool = False) -> Imported:
    """Find the assets, by hash and then by name, and put them where the workflow takes them."""
    found = [(asset, asset_matching.find(asset.kind, asset.name, asset.hashes)) for asset in foreign.assets]
    there = tuple(Taken(asset, one.name, one.sure) for asset, one in found if one.name)
    missing = tuple(Missing(asset, _why(asset, one)) for asset, one in found if not one.name)
    model = next((one.name for one in there if one.asset.kind == "model"), "")
    skips, unclear = _clip_skips(foreign.tool, foreign.clip_skip, model)
    foreign = _with_clip_skip(foreign, skips)
    if foreign.definition is None:
        ready = _plain(foreign, there)
    elif shipped:
        title = str(foreign.definition.get("title", ""))
        unused = Left("Workflow", title, "it is used from a file; studio import writes one")
        ready = _plain(replace(foreign, workflow=_like(foreign.definition)), there, (unused,))
    else:
        ready = _defined(foreign, there, missing)
    asks = tuple(name for name in _models(ready.workflow) if name not in ready.values)
    why = (Left(name, str(foreign.clip_skip[name]), reason) for name, reason in unclear.items())
    left = (*foreign.left, *ready.left, *why)
    undecided = {name: foreign.clip_skip[name] for name in unclear if not model}
    return replace(ready, tool=foreign.tool, missing=missing, left=left, asks=asks, clip_skip=undecided)


def _with_clip_skip(foreign: Foreign, skips: Mapping[str, int]) -> Foreign:
    """With clip skips as they are counted here among the values, and the defaults of its definition."""
    if not foreign.definition:
        return replace(foreign, values={**foreign.values, **skips})
    inputs = dict(foreign.definition["inputs"])
    for name, skip in skips.items():
        spec = inputs[name] if isinstance(inputs[name], dict) else {"of": inputs[name]}
        inputs[name] = {**spec, "default": skip}
    definition = {**foreign.definition, "inputs": inputs}
    return replace(foreign, values={**foreign.values, **skips}, definition=definition)


def _clip_skips(tool: str, said: Mapping[str, int], model: str) -> tuple[dict[str, int], dict[str, str]]:
    """What each input's clip skip is with a model, or with any model where it is ""; and the others with the reason."""
    values, left = dict[str, int](), dict[str, str]()
    for name, skip in said.items():
        try:
            values[name] = clip_skip.ours(skip, tool, library.find(model).family.name if model else "")
        except ValueError as error:
            left[name] = str(error)
    return values, left


def _like(definition: Mapping[str, Any]) -> str:
    uses = [step.get("use") for step in definition.get("steps", {}).values()]
    drawing = next((use for use in uses if use in (*_LIKE, "generate", "refine")), "")
    return _LIKE.get(drawing, _PLAIN)


def _models(workflow: Workflow) -> list[str]:
    """The inputs for models, without those for which the workflow itself names one."""
    named = [
        name for name, spec in workflow.definition.inputs.items() if "default" in getattr(spec, "model_fields_set", ())
    ]
    return [name for name, of in workflow.inputs().items() if of.kind.name == "model" and name not in named]


def _why(asset: Asset, found: Found) -> str:
    strange = next((text.partition(":")[0] for text in asset.hashes if ":" in text), "")
    return f"{found.why} (its {strange} hash cannot be compared)" if strange else found.why


def _plain(foreign: Foreign, there: tuple[Taken, ...], left: tuple[Left, ...] = ()) -> Imported:
    """One of our workflows, with its values and what is here of the assets."""
    workflow = Workflow.load(foreign.workflow)
    values, used = _placed(workflow, there)
    fit, unfit = fitted(workflow, {**foreign.values, **values})
    suited, unsuited = _suited(workflow, fit)
    idle = (Left(one.asset.kind, one.asset.name, _idle(one, workflow)) for one in there if one not in used)
    return Imported(foreign.tool, workflow, suited, used, left=(*left, *unfit, *unsuited, *idle))


def _placed(workflow: Workflow, there: tuple[Taken, ...]) -> tuple[dict[str, Any], tuple[Taken, ...]]:
    """Values for the workflow's inputs of models and LoRAs, and what of the assets is in them."""
    values, used = dict[str, Any](), list[Taken]()
    for name, parameter in workflow.inputs().items():
        kind = "lora" if parameter.kind.name == "loras" else parameter.kind.name
        fit = [one for one in there if one.asset.kind == kind and one not in used and (kind != "lora" or _lora(one))]
        if fit and (kind == "lora" or kind in ("model", *PARTS)):
            used += fit if kind == "lora" else fit[:1]
            values[name] = [_lora(one) for one in fit] if kind == "lora" else fit[0].name
    return values, tuple(used)


def _lora(one: Taken) -> str:
    """A LoRA as it is asked for; "" where its weights are beyond what may be."""
    try:
        return str(Lora(one.name, one.asset.weight, one.asset.text))
    except InputError:
        return ""


def _idle(one: Taken, workflow: Workflow) -> str:
    if one.asset.kind == "lora" and not _lora(one):
        return "its weight is beyond what may be asked here"
    return f"it is here as '{one.name}', and the workflow '{workflow.name}' takes no {one.asset.kind} besides"


def _suited(workflow: Workflow, values: dict[str, Any]) -> tuple[dict[str, Any], tuple[Left, ...]]:
    """The values without those that the model, which was found, has nothing for."""
    model = next((values.get(name) for name, of in workflow.inputs().items() if of.kind.name == "model"), None)
    if not model:
        return values, ()
    why = unsuited(values, library.find(model).family)
    left = tuple(Left(name, str(values[name]), told) for name, told in why.items())
    return {name: value for name, value in values.items() if name not in why}, left


def unsuited(values: Mapping[str, Any], family: Family) -> dict[str, str]:
    """The inputs among ``values`` that a family of models has nothing for, and why."""
    able = family.capabilities
    lacks = {"negative_prompt": not able.negative_prompt, "guidance": not able.guidance_argument}
    why = {name: f"{family.title} has none" for name in values if lacks.get(name)}
    try:
        scheduler.check_name(values.get("sampler", OWN_SAMPLER), family.capabilities.noise)
    except InputError as error:
        why["sampler"] = str(error)
    return why


def _defined(foreign: Foreign, there: tuple[Taken, ...], missing: tuple[Missing, ...]) -> Imported:
    """The workflow that came along, by the names of what is here.

    Where something is missing that it cannot do without, it is only written down, and the plain workflow takes what it
    can of the values.
    """
    names = {(one.asset.kind, one.asset.name): one.name for one in there}
    names |= {(one.asset.kind, one.asset.name): "" for one in missing}
    definition = renamed(foreign.definition or {}, names)
    try:
        workflow = Workflow.of(_IMPORTED, definition)
    except WorkflowError as error:
        left = Left("Workflow", str(definition.get("title", "")), f"it cannot be used as it is: {error}")
        return replace(_plain(replace(foreign, workflow=_like(definition)), there, (left,)), definition=definition)
    fit, unfit = fitted(workflow, foreign.values)
    return Imported(foreign.tool, workflow, fit, there, left=unfit, definition=definition)
