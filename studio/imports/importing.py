"""Imports the settings of other tools: finds their models and LoRAs here, and makes a workflow with values."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from studio.diffusion.samplers import scheduler
from studio.errors import InputError, WorkflowError
from studio.families import Family
from studio.files import strict_json
from studio.imports import asset_matching, formats
from studio.imports.asset_matching import AssetMatch
from studio.imports.asset_rename import rename_assets
from studio.imports.imported_settings import Asset, ImportedSettings, SkippedSetting
from studio.imports.imported_workflow import ImportedWorkflow, MatchedAsset, MissingAsset, clip_skips
from studio.imports.metadata_extract import extract_metadata
from studio.imports.settings_mapping import fit_to_workflow
from studio.library import Library
from studio.parameters.types import OWN_SAMPLER, PARTS
from studio.pictures.picture import Picture
from studio.prompts.lora import Lora
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_DEFAULT, _IMPORTED = "text-to-image", "imported"
_WORKFLOW_OF: Final = {"edit": "image-to-image", "inpaint": "inpaint", "outpaint": "outpaint", "instruct": "instruct"}
"""Our workflow that is closest to an imported one, by its first step that draws; text-to-image for all other steps."""


def import_file(path: Path, library: Library, *, shipped: bool = False) -> Job | ImportedWorkflow:
    """The job in one of our pictures or in a job file, or the imported settings of another tool.

    With ``shipped`` only workflows that come with the studio are used. Raises InputError if the file has no settings or
    cannot be read.
    """
    metadata = extract_metadata(path)
    if "studio" in metadata.texts:
        return Picture(path).job
    if _is_job(metadata.texts.get("json", "")):
        return Job.from_json(metadata.texts["json"])
    if (settings := formats.read_metadata(metadata)) is None:
        raise InputError(f"'{path}' has no settings that the studio can read")
    return import_settings(settings, library, shipped=shipped)


def _is_job(text: str) -> bool:
    try:
        content = strict_json.loads(text) if text else None
    except ValueError:
        return False
    return isinstance(content, dict) and {"workflow", "definition", "values", "seed"} <= set(content)


def import_settings(settings: ImportedSettings, library: Library, *, shipped: bool = False) -> ImportedWorkflow:
    """Match the assets with local files, and set the inputs of the workflow that take them."""
    matches = [(asset, asset_matching.find(library, asset.kind, asset.name, asset.hashes)) for asset in settings.assets]
    matched = tuple(MatchedAsset(asset, match.name, match.sure) for asset, match in matches if match.name)
    missing = tuple(MissingAsset(asset, _why(asset, match)) for asset, match in matches if not match.name)
    model = next((one.name for one in matched if one.asset.kind == "model"), "")
    skips, unclear = clip_skips(settings.tool, settings.clip_skip, model, library)
    ready = _with_workflow(_with_clip_skip(settings, skips), library, matched, missing, shipped=shipped)
    not_converted = (SkippedSetting(name, str(settings.clip_skip[name]), why) for name, why in unclear.items())
    return replace(
        ready,
        tool=settings.tool,
        missing=missing,
        skipped=(*settings.skipped, *ready.skipped, *not_converted),
        models_to_choose=tuple(name for name in _model_inputs(ready.workflow) if name not in ready.values),
        clip_skip={name: settings.clip_skip[name] for name in unclear if not model},
    )


def _with_workflow(
    settings: ImportedSettings,
    library: Library,
    matched: tuple[MatchedAsset, ...],
    missing: tuple[MissingAsset, ...],
    *,
    shipped: bool,
) -> ImportedWorkflow:
    """One of our workflows, or the one in the settings' definition unless only ``shipped`` ones are wanted."""
    if settings.definition is None:
        return _our_workflow(settings, library, matched)
    if not shipped:
        return _own_workflow(settings, library, matched, missing)
    title = str(settings.definition.get("title", ""))
    unused = SkippedSetting("Workflow", title, "it can only be used from a file; 'studio import' writes one")
    return _our_workflow(replace(settings, workflow=_closest(settings.definition)), library, matched, (unused,))


def _with_clip_skip(settings: ImportedSettings, skips: Mapping[str, int]) -> ImportedSettings:
    """With converted clip skips in the values, and in the defaults of the definition."""
    if not settings.definition:
        return replace(settings, values={**settings.values, **skips})
    inputs = dict(settings.definition["inputs"])
    for name, skip in skips.items():
        spec = inputs[name] if isinstance(inputs[name], dict) else {"of": inputs[name]}
        inputs[name] = {**spec, "default": skip}
    definition = {**settings.definition, "inputs": inputs}
    return replace(settings, values={**settings.values, **skips}, definition=definition)


def _closest(definition: Mapping[str, Any]) -> str:
    uses = [step.get("use") for step in definition.get("steps", {}).values()]
    drawing = next((use for use in uses if use in (*_WORKFLOW_OF, "generate", "refine")), "")
    return _WORKFLOW_OF.get(drawing, _DEFAULT)


def _model_inputs(workflow: Workflow) -> list[str]:
    """The inputs for models, without those with a default in the workflow itself."""
    specs = workflow.definition.inputs.items()
    named = [name for name, spec in specs if "default" in getattr(spec, "model_fields_set", ())]
    return [name for name, of in workflow.inputs().items() if of.kind.name == "model" and name not in named]


def _why(asset: Asset, match: AssetMatch) -> str:
    other_kind = next((text.partition(":")[0] for text in asset.hashes if ":" in text), "")
    return f"{match.why} (its {other_kind} hash cannot be compared)" if other_kind else match.why


def _our_workflow(
    settings: ImportedSettings,
    library: Library,
    matched: tuple[MatchedAsset, ...],
    skipped: tuple[SkippedSetting, ...] = (),
) -> ImportedWorkflow:
    """One of our workflows, with its values and the matched assets."""
    workflow = Workflow.builtin(settings.workflow)
    asset_values, used = _asset_values(workflow, matched)
    fit, unfit = fit_to_workflow(workflow, {**settings.values, **asset_values})
    values, unsupported = _for_model(workflow, fit, library)
    unused = (
        SkippedSetting(one.asset.kind, one.asset.name, _why_unused(one, workflow)) for one in matched if one not in used
    )
    return ImportedWorkflow(settings.tool, workflow, values, used, skipped=(*skipped, *unfit, *unsupported, *unused))


def _asset_values(
    workflow: Workflow, matched: tuple[MatchedAsset, ...]
) -> tuple[dict[str, Any], tuple[MatchedAsset, ...]]:
    """Values for the workflow's inputs of models and LoRAs, and the assets in them."""
    values, used = dict[str, Any](), list[MatchedAsset]()
    for name, parameter in workflow.inputs().items():
        kind = "lora" if parameter.kind.name == "loras" else parameter.kind.name
        fit = [one for one in matched if one.asset.kind == kind and one not in used and (kind != "lora" or _lora(one))]
        if fit and (kind == "lora" or kind in ("model", *PARTS)):
            used += fit if kind == "lora" else fit[:1]
            values[name] = [_lora(one) for one in fit] if kind == "lora" else fit[0].name
    return values, tuple(used)


def _lora(one: MatchedAsset) -> str:
    """A LoRA as text; "" if its weights are out of bounds."""
    try:
        return str(Lora(one.name, one.asset.weight, one.asset.text))
    except InputError:
        return ""


def _why_unused(one: MatchedAsset, workflow: Workflow) -> str:
    if one.asset.kind == "lora" and not _lora(one):
        return "its weight is out of bounds here"
    return f"it is here as '{one.name}', but the workflow '{workflow.name}' has no input for this {one.asset.kind}"


def _for_model(
    workflow: Workflow, values: dict[str, Any], library: Library
) -> tuple[dict[str, Any], tuple[SkippedSetting, ...]]:
    """The values without those that the matched model does not support."""
    model = next((values.get(name) for name, of in workflow.inputs().items() if of.kind.name == "model"), None)
    if not model:
        return values, ()
    reasons = unsupported_inputs(values, library.models.find(model).family)
    skipped = tuple(SkippedSetting(name, str(values[name]), why) for name, why in reasons.items())
    return {name: value for name, value in values.items() if name not in reasons}, skipped


def unsupported_inputs(values: Mapping[str, Any], family: Family) -> dict[str, str]:
    """The inputs among ``values`` that a model family does not support, and why."""
    able = family.capabilities
    lacks = {"negative_prompt": not able.negative_prompt, "guidance": not able.guidance_argument}
    reasons = {name: f"{family.title} has none" for name in values if lacks.get(name)}
    try:
        scheduler.check_name(values.get("sampler", OWN_SAMPLER), family.capabilities.noise)
    except InputError as error:
        reasons["sampler"] = str(error)
        reasons |= {"eta": "it belongs to the sampler, which is not used"} if "eta" in values else {}
    return reasons


def _own_workflow(
    settings: ImportedSettings,
    library: Library,
    matched: tuple[MatchedAsset, ...],
    missing: tuple[MissingAsset, ...],
) -> ImportedWorkflow:
    """The workflow in the settings' definition, with the local names of assets.

    If it cannot be used, as something essential is missing, the closest of our workflows gets the values, and the
    definition is only returned for a file.
    """
    names = {(one.asset.kind, one.asset.name): one.name for one in matched}
    names |= {(one.asset.kind, one.asset.name): "" for one in missing}
    definition = rename_assets(settings.definition or {}, names)
    try:
        workflow = Workflow.of(_IMPORTED, definition, library)
    except WorkflowError as error:
        unused = SkippedSetting("Workflow", str(definition.get("title", "")), f"it cannot be used as it is: {error}")
        closest = replace(settings, workflow=_closest(definition))
        return replace(_our_workflow(closest, library, matched, (unused,)), definition=definition)
    fit, unfit = fit_to_workflow(workflow, settings.values)
    return ImportedWorkflow(settings.tool, workflow, fit, matched, skipped=unfit, definition=definition)
