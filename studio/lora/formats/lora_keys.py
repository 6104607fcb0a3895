"""How the tensors of a LoRA are named, for reading and for writing.

A key has three parts: a prefix for the component, the module, and a suffix that says what the tensor is to the module.
kohya's naming has underscores in place of the dots of a module, "lora_unet_mid_block_attn_to_q.lora_down.weight";
PEFT's keeps them, "unet.mid_block.attn.to_q.lora_A.weight".

Sources for the names: kohya's sd-scripts (``networks/lora.py``, ``oft.py``), LyCORIS (``lycoris/modules``), peft
(``tuners/*/layer.py``, ``utils/save_and_load.py``), diffusers (``loaders/lora_conversion_utils.py``) and ComfyUI
(``comfy/weight_adapter``).
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

DENOISERS: Final = ("unet", "transformer")
TEXT_ENCODERS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3")
PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "lora_unet_": DENOISERS,
    "lora_transformer_": DENOISERS,
    "oft_unet_": DENOISERS,
    "lycoris_": (*DENOISERS, *TEXT_ENCODERS),
    "lora_te_": ("text_encoder",),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    "lora_te3_": ("text_encoder_3", "text_encoder_2"),  # T5, which is the second where there are only two
    "model.diffusion_model.": DENOISERS,
    "diffusion_model.": DENOISERS,
    "transformer.": DENOISERS,
    "unet.": DENOISERS,
    "text_encoders.clip_l.transformer.": ("text_encoder",),  # ComfyUI's
    "text_encoders.clip_g.transformer.": ("text_encoder_2",),
    "text_encoders.t5xxl.transformer.": ("text_encoder_3", "text_encoder_2"),
    "text_encoder.": ("text_encoder",),
    "text_encoder_2.": ("text_encoder_2",),
    "text_encoder_3.": ("text_encoder_3",),
    "clip_l.": ("text_encoder",),  # the Open Model Initiative's
    "clip_g.": ("text_encoder_2",),
    "t5.": ("text_encoder_3", "text_encoder_2"),
    "": (*DENOISERS, *TEXT_ENCODERS),
}
"""Prefix of a key → the components that its module may belong to, in the order in which they are tried."""

BUNDLED_EMBEDDING: Final = "bundle_emb"
"""The prefix of textual inversions that are stored in the same file."""

KOHYA: Final = {"up": "lora_up.weight", "down": "lora_down.weight"}
PEFT: Final = {"up": "lora_B.weight", "down": "lora_A.weight"}
"""The suffixes of plain LoRA; those of other tensors are the same in both namings."""

SHARED: Final = ""
"""In place of an algorithm: tensors that several algorithms have, alpha and DoRA's magnitudes."""

_OFT_PARTS: Final = {f"blocks_{n}": f"oft_blocks.{n}" for n in range(4)}
"""kohya's ``networks/oft_flux.py`` has one for each of query, key, value and the feed-forward part of one module."""
_SUFFIXES: Final = {  # algorithm → kind of tensor → its suffixes, separated by spaces
    SHARED: {"alpha": "alpha", "dora_scale": "dora_scale lora_magnitude_vector lora_magnitude_vector.weight"},
    "lora": {
        "up": f"{KOHYA['up']} {PEFT['up']} lora.up.weight lora_linear_layer.up.weight",
        "down": f"{KOHYA['down']} {PEFT['down']} lora.down.weight lora_linear_layer.down.weight",
        "mid": "lora_mid.weight",
        "up_bias": "lora_B.bias",
    },
    "loha": {kind: f"hada_{kind}" for kind in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    "lokr": {kind: f"lokr_{kind}" for kind in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    "oft": {"blocks": "oft_blocks oft_diag", "rescale": "rescale"} | _OFT_PARTS,
    "ia3": {"weight": "weight", "on_input": "on_input"},
    "glora": {kind: f"{kind}.weight" for kind in ("a1", "a2", "b1", "b2")},
    "full": {"diff": "diff", "diff_b": "diff_b"},
    "norm": {"w_norm": "w_norm", "b_norm": "b_norm"},
}
ALGORITHMS: Final = tuple(algorithm for algorithm in _SUFFIXES if algorithm)
"""LoRA (LoCon with a ``mid``, DoRA with a ``dora_scale``), LyCORIS' algorithms, and full differences."""

SUFFIXES: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {
    tuple(suffix.split(".")): (algorithm, kind)
    for algorithm, kinds in _SUFFIXES.items()
    for kind, suffixes in kinds.items()
    for suffix in suffixes.split()
}
"""The parts of a suffix → algorithm and kind of tensor."""

_AMBIGUOUS: Final = frozenset({SHARED, "ia3", "glora"})  # their suffixes are found in files of other kinds too
_LORA_PREFIXES: Final = (
    "lora_unet_", "lora_te", "lora_transformer_", "lycoris_", "oft_unet_", f"{BUNDLED_EMBEDDING}.",
)  # fmt: skip
_ADAPTER_NAME: Final = re.compile(r"\.(lora_A|lora_B|lora_magnitude_vector)\.(?!(?:weight|bias)$)[^.]+")
_PROCESSOR: Final = re.compile(r"(?:\.processor)?\.(\w+)_lora\.(up|down)\.weight")
_XLABS: Final = re.compile(r"(.*double_blocks\.\d+)\.processor\.(qkv|proj)_lora([12])\.(up|down)\.weight")
"""XLabs' x-flux numbers the two streams of a block (``src/flux/modules/layers.py``): picture, then text."""
_CLIP_MODULES: Final = ("encoder.layers.", "embeddings.", "final_layer_norm")  # all that CLIP has in ``text_model``

Namer = Callable[[str, str, str], str]
"""A component, a module and a kind of tensor ("up", "down", "alpha", "diff" …) → the key."""


class LoraKey(NamedTuple):
    """What a key says: the module as the file names it, the algorithm, and what the tensor is in it ("up", "down")."""

    target: str
    algorithm: str
    kind: str


def parse_key(key: str) -> LoraKey | None:
    """Read a key; None where its suffix is not known."""
    if found := _XLABS.fullmatch(key):
        return LoraKey(f"{found[1]}.{('img', 'txt')[int(found[3]) - 1]}_attn.{found[2]}", "lora", found[4])
    if found := _PROCESSOR.search(key):
        return LoraKey(f"{key[: found.start()]}.{found[1]}", "lora", found[2])
    parts = _ADAPTER_NAME.sub(r".\1", key).split(".")
    for length in (3, 2, 1):
        if length < len(parts) and (known := SUFFIXES.get(tuple(parts[-length:]))):
            return LoraKey(".".join(parts[:-length]), *known)
    return None


def is_lora_key(key: str) -> bool:
    """Whether only LoRA files have a key like this."""
    return key.startswith(_LORA_PREFIXES) or (
        (known := parse_key(key)) is not None and known.algorithm not in _AMBIGUOUS
    )


def namer(components: Collection[str]) -> Namer:
    """The naming to write a LoRA in, for a model with these components.

    For a U-Net that is kohya's, which A1111, ComfyUI and diffusers read. For a transformer kohya's naming has the
    module names of the model's authors, with fused projections, and not every program reads it, so PEFT's is used.
    """
    return kohya_namer(components) if "unet" in components else peft_key


def kohya_namer(components: Collection[str]) -> Namer:
    """kohya's naming, which numbers the text encoders where there are several."""
    first = "lora_te1_" if "text_encoder_2" in components else "lora_te_"
    prefixes = {**dict.fromkeys(DENOISERS, "lora_unet_"), "text_encoder": first, "text_encoder_2": "lora_te2_"}

    def kohya_key(component: str, module: str, kind: str) -> str:
        return f"{prefixes[component]}{_in_text_model(component, module).replace('.', '_')}.{KOHYA.get(kind, kind)}"

    return kohya_key


def peft_key(component: str, module: str, kind: str) -> str:
    """PEFT's naming, as diffusers saves it."""
    return f"{component}.{_in_text_model(component, module)}.{PEFT.get(kind, kind)}"


def like(keys: Collection[str], target: str, kind: str) -> str:
    """The key of another tensor of the same module, in the naming of the ``keys`` that it has."""
    suffixes = PEFT if any(".lora_A" in key for key in keys) else KOHYA
    return f"{target}.{suffixes.get(kind, kind)}"


def _in_text_model(component: str, module: str) -> str:
    inside = component.startswith("text_encoder") and module.startswith(_CLIP_MODULES)
    return f"text_model.{module}" if inside else module
