"""How tensors of LoRA files are named: the end of a name says what the tensor is to its module.

Sources: kohya's sd-scripts (``networks/lora.py``, ``oft.py``), LyCORIS (``lycoris/modules``), peft
(``tuners/*/layer.py``, ``utils/save_and_load.py``), diffusers (``loaders/lora_conversion_utils.py``) and ComfyUI
(``comfy/weight_adapter``), read for their formats.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

SHARED: Final = ""
"""The form of what can belong to several forms: alpha and DoRA's magnitudes."""

_LORA: Final = {
    "up": "lora_up.weight lora_B.weight lora.up.weight lora_linear_layer.up.weight",
    "down": "lora_down.weight lora_A.weight lora.down.weight lora_linear_layer.down.weight",
    "mid": "lora_mid.weight",
    "up_bias": "lora_B.bias",
}
_OFT_PARTS: Final = {f"blocks_{n}": f"oft_blocks.{n}" for n in range(4)}
"""Of kohya's ``networks/oft_flux.py``: query, key, value and the feed-forward part of one module."""
_ENDS: Final = {
    SHARED: {"alpha": "alpha", "dora_scale": "dora_scale lora_magnitude_vector lora_magnitude_vector.weight"},
    "lora": _LORA,
    "loha": {role: f"hada_{role}" for role in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    "lokr": {role: f"lokr_{role}" for role in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    "oft": {"blocks": "oft_blocks oft_diag", "rescale": "rescale"} | _OFT_PARTS,
    "ia3": {"weight": "weight", "on_input": "on_input"},
    "glora": {role: f"{role}.weight" for role in ("a1", "a2", "b1", "b2")},
    "full": {"diff": "diff", "diff_b": "diff_b"},
    "norm": {"w_norm": "w_norm", "b_norm": "b_norm"},
}
FORMS: Final = tuple(form for form in _ENDS if form)
"""LoRA (LoCon where it has a ``mid``, DoRA where it has a ``dora_scale``), LyCORIS' forms, and whole differences."""

ENDS: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {
    tuple(end.split(".")): (form, role)
    for form, ends in _ENDS.items()
    for role, texts in ends.items()
    for end in texts.split()
}
"""The last parts of a tensor's name: form and role."""

_WHOLE: Final = {  # sets of roles, one of which a form must have
    "lora": ({"up", "down"},),
    "loha": ({"w1_a", "w1_b", "w2_a", "w2_b"},),
    "lokr": tuple({*first, *second} for first in ({"w1"}, {"w1_a", "w1_b"}) for second in ({"w2"}, {"w2_a", "w2_b"})),
    "oft": ({"blocks"}, {"blocks_0"}),
    "ia3": ({"weight", "on_input"},),
    "glora": ({"a1", "a2", "b1", "b2"},),
    "full": ({"diff"}, {"diff_b"}),
    "norm": ({"w_norm"}, {"b_norm"}),
}
_COMMON: Final = frozenset({SHARED, "ia3", "glora"})  # whose tensors' names end as others' do
_BEGINS: Final = ("lora_unet_", "lora_te", "lora_transformer_", "lycoris_", "oft_unet_", "bundle_emb.")
_PAIRS: Final = {"loha": ({"t1", "t2"},), "lokr": ({"w1_a", "w1_b"}, {"w2_a", "w2_b"})}  # there together or not at all
_VECTORS: Final = frozenset({"rescale", "up_bias"})
_MATRICES: Final = frozenset({"lora", "loha", "lokr", "oft", "glora"})
_ADAPTER: Final = re.compile(r"\.(lora_A|lora_B|lora_magnitude_vector)\.(?!(?:weight|bias)$)[^.]+")
_PROCESSOR: Final = re.compile(r"(?:\.processor)?\.(\w+)_lora\.(up|down)\.weight")
_XLABS: Final = re.compile(r"(.*double_blocks\.\d+)\.processor\.(qkv|proj)_lora([12])\.(up|down)\.weight")
"""As XLabs' x-flux names what belongs to a block's two streams (``src/flux/modules/layers.py``): picture, then text."""


class Told(NamedTuple):
    """What the name of a tensor tells: the module, the form of the change, and the tensor's role in it."""

    target: str
    form: str
    role: str


def told(name: str) -> Told | None:
    """Read a tensor's name; None where it has no end known here."""
    if found := _XLABS.fullmatch(name):
        return Told(f"{found[1]}.{('img', 'txt')[int(found[3]) - 1]}_attn.{found[2]}", "lora", found[4])
    if found := _PROCESSOR.search(name):
        return Told(f"{name[: found.start()]}.{found[1]}", "lora", found[2])
    parts = _ADAPTER.sub(r".\1", name).split(".")
    for length in (3, 2, 1):
        if length < len(parts) and (known := ENDS.get(tuple(parts[-length:]))):
            return Told(".".join(parts[:-length]), *known)
    return None


def can_be(form: str, role: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape can play the role at all: none is empty, and matrices have two sides."""
    return min(shape, default=1) > 0 and (len(shape) > 1 or form not in _MATRICES or role in _VECTORS)


def is_mark(name: str) -> bool:
    """Whether a tensor of this name is found in LoRA files only."""
    return name.startswith(_BEGINS) or ((known := told(name)) is not None and known.form not in _COMMON)


def complete(form: str, roles: Collection[str]) -> bool:
    """Whether these roles are all that a change of this form needs."""
    paired = all(len(pair & {*roles}) in {0, len(pair)} for pair in _PAIRS.get(form, ()))
    return paired and any(need <= {*roles} for need in _WHOLE[form])
