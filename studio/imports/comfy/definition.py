"""Converts sampler passes to a workflow: one of ours if it does the same, else a definition with our steps."""

from collections.abc import Mapping
from typing import Any, Final

from studio.imports.comfy.conditioning import ComfyConditioning, ConditionedPrompt
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.guides import guide
from studio.imports.comfy.image_nodes import ImageSource, Pair, within
from studio.imports.comfy.sampling import SamplerPass
from studio.imports.comfy.workflow_builder import WorkflowBuilder
from studio.imports.imported_settings import ImportedSettings

_NAMES: Final = {"generate": "draw", "refine": "draw", "edit": "change", "inpaint": "redraw", "outpaint": "extend",
                 "instruct": "change"}  # fmt: skip
_OURS: Final = {("generate",): "text-to-image", ("edit",): "image-to-image", ("inpaint",): "inpaint",
                ("outpaint",): "outpaint"}  # fmt: skip
_CHANGES: Final = ("edit", "inpaint", "outpaint", "instruct")
_LARGER: Final = (1.25, 2.0)


def imported_settings(tool: str, reader: GraphReader, passes: list[SamplerPass], last: ImageSource) -> ImportedSettings:
    """The passes, and what is done to the picture of the last one, as imported settings."""
    builder, size, before = WorkflowBuilder(reader), None, ""
    if not passes:
        return _enlarged(tool, builder, last)
    for n, one in enumerate(passes):
        became = passes[n + 1].source if n + 1 < len(passes) else last
        size = _target(reader, one, size)
        before = _add(builder, one, became.decoder or last.decoder, size, before, passes[0])
    _finish(builder, last, size, before)
    _seed(builder, passes)
    values, assets = builder.values, tuple(builder.assets)
    if name := _ours(builder):
        return ImportedSettings(tool, name, None, values, assets, reader.skipped, builder.clip_skip)
    if factor := _hires(builder, passes):
        own = {key: value for key, value in values.items() if not key.startswith("again_")}
        return ImportedSettings(
            tool, "hires", None, own | {"factor": factor}, assets, reader.skipped, _once(builder.clip_skip)
        )
    definition = {"title": "From ComfyUI", "inputs": builder.inputs, "steps": builder.steps}
    return ImportedSettings(tool, "comfyui", definition, values, assets, reader.skipped, builder.clip_skip)


def picture_size(passes: list[SamplerPass], last: ImageSource) -> Pair | None:
    """Width and height of the saved picture, None if the graph does not say."""
    size: Pair | None = None
    for one in passes:
        size = _size(one.source, size)
    return _size(last, size) if last.scaled else size


def _size(of: ImageSource, before: Pair | None) -> Pair | None:
    if of.size or of.drawn is None or before is None or of.unsized:
        return None if of.unsized else of.size
    if of.area:
        return within(of.area, before)
    return round(before[0] * of.factor / 8) * 8, round(before[1] * of.factor / 8) * 8


def _target(reader: GraphReader, one: SamplerPass, before: Pair | None) -> Pair | None:
    """Width and height of a pass' picture; if the graph changes them to unknown ones, that is listed."""
    size = _size(one.source, before)
    if size is None and one.source.scaled:
        whose = "another one that is unknown" if one.source.drawn else "the start picture's"
        reader.skip(f"size of {one.node}", "", f"it depends on {whose}; set the size")
    return size


def _use(one: SamplerPass) -> str:
    if one.positive.edited:
        return "instruct"
    if one.source.mask is not None:
        return "outpaint" if one.source.mask.pad else "inpaint"
    if one.source.drawn or one.source.file:
        return "edit"
    return "refine" if one.refiner else "generate"


def _add(
    builder: WorkflowBuilder, one: SamplerPass, decoder: Node | None, size: Pair | None, before: str, first: SamplerPass
) -> str:
    """Add the step of a pass and the steps of its guides; returns the step's name."""
    use, prefix = _use(one), "again_" if before else ""
    if one.model.name:
        builder.asset("model", one.model.name)
    guide_step = guide(builder, one, decoder, size)
    step = builder.step("again" if before else _NAMES[use], use, {"guide": guide_step})
    _pictures(builder, one, use, step, before)
    _prompts(builder, one, step, prefix, first if before else None)
    _settings(builder, one, use, step, prefix, size)
    _models(builder, one, use, step, prefix, first if before else None)
    return step


def _models(
    builder: WorkflowBuilder, one: SamplerPass, use: str, step: str, prefix: str, first: SamplerPass | None
) -> None:
    """The model of a pass, and its refiner; a later pass with the same model shares the first's input."""
    if use == "refine":
        builder.choose("refiner", step, "refiner", builder.asset("model", one.refiner), {"more": True})
    if first and first.model.name == one.model.name:
        builder.steps[step]["model"] = "$model"
    else:
        builder.choose(
            f"{prefix}model", step, "model", one.model.name or None, {"more": True, **_labelled(prefix, "model")}
        )


def _pictures(builder: WorkflowBuilder, one: SamplerPass, use: str, step: str, before: str) -> None:
    """The start picture and mask."""
    if before and use in _CHANGES:
        builder.steps[step]["image"] = f"${before}"
    elif use in _CHANGES:
        sources = one.positive.edited or (one.source,)
        for extra in sources[1:]:
            builder.reader.skip("image", extra.file, "only one picture can be edited here")
        name = builder.expose("image", step, "image")
        builder.reader.skip(name, sources[0].file, "a start picture; choose it")
    mask = one.source.mask
    if use == "inpaint" and mask is not None:
        builder.reader.skip(builder.expose("mask", step, "mask"), mask.file, "a mask; choose it")
    if use == "outpaint" and mask and mask.pad:
        for name, pixels in zip(("left", "above", "right", "below"), mask.pad, strict=True):
            builder.expose(name, step, name, pixels)


def _prompts(builder: WorkflowBuilder, one: SamplerPass, step: str, prefix: str, first: SamplerPass | None) -> None:
    """The prompt and the negative prompt; a later pass with the same ones shares the first's inputs."""
    for name, given in (("prompt", one.positive), ("negative_prompt", one.negative)):
        text = _text(builder, given, name)
        if given.unknown:
            builder.reader.skip(name, text, "unsupported nodes make at least part of it; write it")
            builder.expose(f"{prefix}{name}", step, name, None, _about(name, prefix))
            continue
        if name == "negative_prompt" and text and one.cfg == 1:
            builder.reader.skip(name, text, "it has no effect with a cfg of 1")
            text = ""
        if first and name in builder.inputs and text == builder.values.get(name, ""):
            builder.steps[step][name] = f"${name}"
        else:
            value = text or (None if name == "negative_prompt" else "")
            builder.expose(f"{prefix}{name}", step, name, value, _about(name, prefix))


def _about(name: str, prefix: str) -> dict[str, Any]:
    return {**({"more": True} if name == "negative_prompt" else {}), **_labelled(prefix, name)}


def _labelled(prefix: str, name: str) -> dict[str, Any]:
    return {"label": f"{name.replace('_', ' ').capitalize()} of a later pass"} if prefix else {}


def _text(builder: WorkflowBuilder, given: ComfyConditioning, name: str) -> str:
    entries = [entry for entry in given.entries if entry.box is None and entry.mask is None]
    if name == "prompt":
        if not given.entries and not given.zeroed and not given.unknown:
            builder.reader.skip(name, "", "it is unknown; write it")
        return _combined(builder, entries)
    for entry in entries:
        if (entry.start, entry.end) != (0, 1):
            builder.reader.skip(
                name, entry.text, f"it only applies from {entry.start:g} to {entry.end:g} of the steps there"
            )
    if len(entries) > 1:
        builder.reader.skip(name, "; ".join(entry.text for entry in entries), "several prompts there; joined here")
    return ", ".join(entry.text for entry in entries)


def _combined(builder: WorkflowBuilder, entries: list[ConditionedPrompt]) -> str:
    """Several prompts for the whole picture as one: scheduled if one follows the other, else joined with AND."""
    spans = [(entry.start, entry.end) for entry in entries]
    if len(spans) == 2 and spans == [(0, when := spans[0][1]), (when, 1)] and 0 < when < 1:
        return f"[{entries[0].text}:{entries[1].text}:{when:g}]"
    for entry in entries:
        if (entry.start, entry.end) != (0, 1):
            builder.reader.skip(
                "prompt", entry.text, f"it applies from {entry.start:g} to {entry.end:g} of the steps there"
            )
    if len(entries) < 2:
        return "".join(entry.text for entry in entries)
    whole = sum(abs(entry.weight) for entry in entries) or 1.0
    return " AND ".join(f"{entry.text} :{round(entry.weight / whole, 4):g}" for entry in entries)


def _settings(builder: WorkflowBuilder, one: SamplerPass, use: str, step: str, prefix: str, size: Pair | None) -> None:
    """The sampling inputs with the graph's values."""
    if use in ("edit", "inpaint", "outpaint"):
        name = "strength" if "strength" not in builder.inputs else f"{prefix}strength"
        builder.expose(name, step, "strength", one.strength, {} if use == "edit" else {"more": True})
    elif one.strength is not None and one.strength < 1:
        builder.reader.skip(f"denoise of {one.node}", one.strength, "it starts from pure noise here")
    if use == "refine":
        builder.expose("at", step, "at", round(one.hand_over, 4))
    elif one.refiner:
        builder.reader.skip(
            f"model after {one.node}", one.refiner, "only pictures from text alone can have a refiner here"
        )
    given: Mapping[str, Any] = {
        "size": size and f"{size[0]}x{size[1]}",
        "steps": one.steps,
        "guidance": one.guidance,
        "sampler": one.sampler,
        "clip_skip": None,
    }
    for name, value in given.items():
        if name != "size" or use not in ("inpaint", "outpaint"):
            exposed = builder.expose(f"{prefix}{name}", step, name, value, {"more": True, **_labelled(prefix, name)})
            if name == "clip_skip" and one.positive.clip_skip is not None:
                builder.clip_skip[exposed] = one.positive.clip_skip


def _finish(builder: WorkflowBuilder, last: ImageSource, size: Pair | None, before: str) -> None:
    """What is done to the picture after the last pass."""
    if last.upscaler:
        given = {
            "image": f"${before}",
            "guide": builder.steps[before]["guide"],
            "model": "$again_model" if "again_model" in builder.inputs else "$model",
        }
        builder.expose("factor", builder.step("enlarge", "upscale", given), "factor", _times(builder, last, size))
    elif last.scaled:
        shown = f"{last.size[0]}x{last.size[1]}" if last.size else f"{last.factor:g} times"
        builder.reader.skip("size of the finished picture", shown, "the picture is not resized at the end here")


def _times(builder: WorkflowBuilder, last: ImageSource, size: Pair | None) -> int:
    """How many times an upscaler model enlarges the picture; listed, as it is done differently here."""
    builder.asset("upscaler", last.upscaler)
    wanted = last.size[0] / size[0] if last.size and size else last.factor
    factor = 2 if wanted < 3 else 4
    why = f"pictures are enlarged {factor} times here, and refined in tiles by the model itself"
    builder.reader.skip("upscaler", last.upscaler, why)
    return factor


def _enlarged(tool: str, builder: WorkflowBuilder, last: ImageSource) -> ImportedSettings:
    """A picture from a file that is only enlarged."""
    factor = _times(builder, last, None)
    builder.reader.skip("image", last.file, "a start picture; choose it")
    return ImportedSettings(tool, "upscale", None, {"factor": factor}, tuple(builder.assets), builder.reader.skipped)


def _seed(builder: WorkflowBuilder, passes: list[SamplerPass]) -> None:
    seeds = [one.seed for one in passes if one.seed is not None]
    builder.values.update({"seed": seeds[0]} if seeds else {})
    for one in passes[1:]:
        if one.seed is not None and one.seed != seeds[0]:
            builder.reader.skip(f"seed of {one.node}", one.seed, f"all passes use the seed {seeds[0]} here")
    if (count := passes[0].source.count) > 1:
        builder.reader.skip("batch_size", count, "the first picture has this seed, the others the next ones")
        builder.values["count"] = min(count, 1000)


def _ours(builder: WorkflowBuilder) -> str:
    """The name of our workflow that does the same, "" if there is none."""
    style, *rest = builder.steps.values()
    if style["use"] != "lora":
        return ""
    return _OURS.get(tuple(step["use"] for step in rest), "")


def _once(clip_skip: Mapping[str, int]) -> dict[str, int]:
    """Without the clip skip of a second pass, if it is the same as the first's."""
    first = clip_skip.get("clip_skip")
    return {name: skip for name, skip in clip_skip.items() if name == "clip_skip" or skip != first}


def _hires(builder: WorkflowBuilder, passes: list[SamplerPass]) -> float | None:
    """The factor of a second pass, if the two passes differ only in size and strength."""
    uses, values = [step["use"] for step in builder.steps.values()], builder.values
    if uses != ["lora", "generate", "edit"] or passes[0].model != passes[1].model:
        return None
    differ = [name for name in ("steps", "guidance", "sampler") if values.get(f"again_{name}") != values.get(name)]
    if differ or "again_prompt" in builder.inputs or "again_negative_prompt" in builder.inputs:
        return None
    small, large = values.get("size"), values.get("again_size")
    return _factor(small, large) if small and large else None


def _factor(before: str, after: str) -> float | None:
    """The factor between two sizes, if it is the same for both sides and the step allows it."""
    small, large = ([int(side) for side in size.split("x")] for size in (before, after))
    factor = round(large[0] / small[0], 4)
    fits = all(round(side * factor / 8) * 8 == wanted for side, wanted in zip(small, large, strict=True))
    return factor if fits and _LARGER[0] <= factor <= _LARGER[1] else None
