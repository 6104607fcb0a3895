"""The nodes for a step that draws: its model, its conditioning, its sampler."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy import prompt_dialect
from studio.imports.comfy.prompt_graph_builder import NodeOutput, PromptGraphBuilder, output
from studio.models.card import ModelCard
from studio.parameters.sampler_names import comfyui
from studio.parameters.sampling import Sampling
from studio.parameters.types import OWN_SAMPLER
from studio.pictures import clip_skip
from studio.prompts import grammar, wildcards
from studio.prompts.lora import Lora

FAMILIES: Final = {
    "sd1": "EmptyLatentImage",
    "sd2": "EmptyLatentImage",
    "sdxl": "EmptyLatentImage",
    "sd3": "EmptySD3LatentImage",
    "flux1": "EmptySD3LatentImage",
}
"""The families that can be exported, and the node for their empty latents."""
_OWN: Final = {
    "DDIM": "DDIM",
    "EulerDiscrete": "Euler",
    "EulerAncestralDiscrete": "Euler a",
    "FlowMatchEulerDiscrete": "Euler",
    "DPMSolverMultistep": "DPM++ 2M",
    "UniPCMultistep": "UniPC",
    "LCM": "LCM",
}
_SHOWN: Final = {
    "pose": "openpose",
    "depth": "depth",
    "scribble": "hed/pidi/scribble/ted",
    "edges": "canny/lineart/anime_lineart/mlsd",
    "normals": "normal",
    "segments": "segment",
    "tile": "tile",
    "repaint": "repaint",
}

StepValues = Mapping[str, Any]


@dataclass(frozen=True)
class ExportGuide:
    """What guides a step: LoRAs, a VAE's file, embeddings with their words and files, pictures to follow."""

    loras: tuple[Lora, ...] = ()
    vae: str = ""
    words: tuple[tuple[str, str], ...] = ()
    followed: tuple[tuple[NodeOutput, StepValues], ...] = ()


@dataclass(frozen=True)
class SamplerNodes:
    """A step's parameters, and the nodes that load its model with LoRAs and VAE."""

    builder: PromptGraphBuilder
    values: StepValues
    seed: int
    card: ModelCard
    guide: ExportGuide
    model: NodeOutput
    clip: NodeOutput
    vae: NodeOutput

    @classmethod
    def of(cls, builder: PromptGraphBuilder, values: StepValues, guide: ExportGuide, seed: int) -> "SamplerNodes":
        """Add the loaders to the graph. Raises InputError for a family that cannot be exported."""
        card: ModelCard = values["model"]
        if (family := card.family.name) not in FAMILIES:
            raise InputError(
                f"models of {family} ('{card.name}') cannot be exported, only those of {', '.join(FAMILIES)}"
            )
        loader = builder.add("CheckpointLoaderSimple", {"ckpt_name": _checkpoint(builder, card)})
        model, clip = loader, output(loader, 1)
        for lora in (*guide.loras, *grammar.loras(values["prompt"])):
            model, clip = _with_lora(builder, lora, model, clip)
        if (skip := values["clip_skip"]) > 1:
            clip = builder.add("CLIPSetLastLayer", {"clip": clip, "stop_at_clip_layer": _layer(skip, family)})
        vae = builder.add("VAELoader", {"vae_name": file(guide.vae)}) if guide.vae else output(loader, 2)
        return cls(builder, values, seed, card, guide, model, clip, vae)

    def empty(self, width: int, height: int) -> NodeOutput:
        """Empty latents."""
        return self.builder.add(FAMILIES[self.card.family.name], {"width": width, "height": height, "batch_size": 1})

    def encoded(self, picture: NodeOutput) -> NodeOutput:
        """A picture's latents."""
        return self.builder.add("VAEEncode", {"pixels": picture, "vae": self.vae})

    def drawn(self, latents: NodeOutput, strength: float | None = None) -> NodeOutput:
        """The picture sampled from latents with ``strength``; None for pure noise."""
        settled = self.card.request("", Sampling(steps=self.values["steps"], guidance=self.values["guidance"]))
        sampler, scheduler = self._sampler()
        run, denoise = _run(settled.steps, strength)
        positive, negative, cfg = self._guided(settled.guidance)
        sampled = {
            "model": self.model,
            "seed": self.seed,
            "steps": run,
            "cfg": cfg,
            "sampler_name": sampler,
            "scheduler": scheduler,
            "positive": positive,
            "negative": negative,
            "latent_image": latents,
            "denoise": denoise,
        }
        return self.builder.add("VAEDecode", {"samples": self.builder.add("KSampler", sampled), "vae": self.vae})

    def _guided(self, guidance: float) -> tuple[NodeOutput, NodeOutput, float]:
        """The positive and negative conditioning, and "cfg". FLUX.1's guidance is distilled."""
        positive, negative = (self._encoded_prompt(self.values[name]) for name in ("prompt", "negative_prompt"))
        if self.card.family.name == "flux1":
            distilled, guidance = (1.0, guidance) if self.values["negative_prompt"] else (guidance, 1.0)
            positive = self.builder.add("FluxGuidance", {"conditioning": positive, "guidance": distilled})
        for picture, followed in self.guide.followed:
            positive = self._following(positive, negative, picture, followed)
            negative = output(positive, 1)
        return positive, negative, guidance

    def _encoded_prompt(self, text: str) -> NodeOutput:
        """A prompt's conditioning: its sections encoded separately and concatenated."""
        if found := wildcards.first(grammar.without_loras(text)):
            raise InputError(
                f"'{found}' in the prompt is a random choice; export a picture, whose prompt has it filled in"
            )
        sections = [self._section(one) for one in prompt_dialect.to_comfyui(grammar.without_loras(text))]
        first, *others = sections
        for other in others:
            first = self.builder.add("ConditioningConcat", {"conditioning_to": first, "conditioning_from": other})
        return first

    def _section(self, text: str) -> NodeOutput:
        for word, name in self.guide.words:
            named = f"embedding:{PurePath(name).name.removesuffix('.safetensors')}".replace("\\", "")
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", named, text)
        return self.builder.add("CLIPTextEncode", {"clip": self.clip, "text": text})

    def _sampler(self) -> tuple[str, str]:
        name = self.values["sampler"]
        if name == OWN_SAMPLER:
            name = _OWN.get(self.card.sampler, name)
            self.builder.note(f"the model's own sampler is exported as {name}")
        if (found := comfyui(name)) is None:
            raise InputError(f"ComfyUI has no equivalent of the sampler '{name}'; use another, for example Euler")
        return found

    def _following(
        self, positive: NodeOutput, negative: NodeOutput, picture: NodeOutput, followed: StepValues
    ) -> NodeOutput:
        net = self.builder.add("ControlNetLoader", {"control_net_name": file(followed["controlnet"])})
        if (shows := followed["shows"]) != "as trained":
            if shows not in _SHOWN:
                raise InputError(f"ComfyUI has no equivalent of shows={shows}; it cannot be exported")
            net = self.builder.add("SetUnionControlNetType", {"control_net": net, "type": _SHOWN[shows]})
        applied = {
            "positive": positive,
            "negative": negative,
            "control_net": net,
            "image": picture,
            "strength": followed["weight"],
            "start_percent": followed["start"],
            "end_percent": followed["end"],
            "vae": self.vae,
        }
        return self.builder.add("ControlNetApplyAdvanced", applied)


def file(name: str) -> str:
    """The name of a LoRA's or another adapter's file in ComfyUI's folders."""
    own = PurePath(name).name
    return own if own.endswith((".safetensors", ".pt", ".bin")) else f"{own}.safetensors"


def _layer(skip: int, family: str) -> int:
    try:
        return -clip_skip.from_studio(skip, "ComfyUI", family)
    except ValueError as error:
        raise InputError(f"{error}; set clip skip to 1") from None


def _checkpoint(builder: PromptGraphBuilder, card: ModelCard) -> str:
    if card.path.is_file():
        return card.path.name
    builder.note(f"ComfyUI loads a model from one file; save it there as '{card.name}.safetensors', or choose another")
    return f"{card.name}.safetensors"


def _with_lora(
    builder: PromptGraphBuilder, lora: Lora, model: NodeOutput, clip: NodeOutput
) -> tuple[NodeOutput, NodeOutput]:
    """Model and text encoder with a LoRA."""
    if (lora.start, lora.end) != (0, 1) or lora.blocks:
        raise InputError(f"ComfyUI has no equivalent of the steps and blocks of '{lora}'; set only its weight")
    text = lora.weight if lora.text is None else lora.text
    named = {"lora_name": file(lora.part), "strength_model": lora.weight, "strength_clip": text}
    lora_nodes = builder.add("LoraLoader", {"model": model, "clip": clip, **named})
    return lora_nodes, output(lora_nodes, 1)


def _run(steps: int, strength: float | None) -> tuple[int, float]:
    """How many steps run, and the "denoise" with which ComfyUI gets the same schedule."""
    if strength is None or (run := int(steps * strength)) >= steps:
        return steps, 1.0
    run = max(1, run)
    near = [strength, *(round(run / steps + n / 10_000, 4) for n in (0, -1, 1))]
    return run, next((share for share in near if 0 < share < 1 and int(run / share) == steps), strength)
