"""The families' tables of names against what diffusers' own readers of single files do, row by row."""

import pytest
import torch
from diffusers.loaders import single_file_utils as readers

from studio import plugins
from studio.models.loras.places import Atlas
from tests.families import tiny


def flux1():
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(num_layers=1, num_single_layers=1, guidance_embeds=True)


def chroma():
    from diffusers import ChromaTransformer2DModel

    return ChromaTransformer2DModel(num_layers=1, num_single_layers=1, approximator_layers=1)


MODELS = {  # of true width where diffusers' reader takes it for granted
    "sd3": (tiny.sd3, readers.convert_sd3_transformer_checkpoint_to_diffusers),
    "sd3-medium": (tiny.sd3_medium, readers.convert_sd3_transformer_checkpoint_to_diffusers),
    "flux1": (flux1, readers.convert_flux_transformer_checkpoint_to_diffusers),
    "flux2": (tiny.flux2, readers.convert_flux2_transformer_checkpoint_to_diffusers),
    "chroma": (chroma, readers.convert_chroma_transformer_checkpoint_to_diffusers),
    "z_image": (tiny.z_image, readers.convert_z_image_transformer_checkpoint_to_diffusers),
}


def numbered(places, state, end, numbers):
    """The makers' tensor, its rows numbered, and what becomes of it in diffusers' modules."""
    ours = {place.module: state.get(f"{place.module}.{end}") for place in places}
    if any(tensor is None for tensor in ours.values()):
        return None, {}
    rows = sum(tensor.shape[0] for tensor in ours.values())
    ones = (1,) * (next(iter(ours.values())).ndim - 1)
    theirs = torch.tensor([next(numbers) for _ in range(rows)], dtype=torch.float32).reshape(rows, *ones)
    parts = {}
    for place in places:
        part = theirs if place.rows is None else theirs[slice(*place.rows)]
        parts.setdefault(place.module, []).append((place.into or (0, 0), part))
    return theirs, {
        f"{module}.{end}": torch.cat([part for _, part in sorted(found, key=lambda each: each[0])])
        for module, found in parts.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_every_row_goes_where_diffusers_puts_it(name):
    build, read = MODELS[name]
    family = plugins.find("families", name.partition("-")[0]).FAMILY
    with torch.device("meta"):
        built = build() if name in {"flux1", "chroma"} else None
    state = dict((built or build().transformer).named_parameters())
    atlas = Atlas.of({"transformer": {key: tuple(tensor.shape) for key, tensor in state.items()}}, family)
    modules = dict.fromkeys(key.rpartition(".")[0] for key in state if "." in key)
    makers = dict.fromkeys(part.name for module in modules for part in family.names.by_makers(module) or ())
    unnamed = {module for module in modules if not family.names.by_makers(module)}
    numbers = iter(range(10**6))
    theirs, ours = {}, {}
    for maker in [*makers, *unnamed]:
        for end in ("weight", "bias"):
            tensor, parts = numbered(atlas.find(f"diffusion_model.{maker}"), state, end, numbers)
            if tensor is not None:
                theirs[f"{maker}.{'scale' if 'norm' in maker and name[:4] in {'flux', 'chro'} else end}"] = tensor
                ours |= parts
    theirs |= {key: torch.zeros(1) for key in ("pos_embed",) if name.startswith("sd3")}
    read_by_diffusers = read(theirs)
    read_by_diffusers.pop("pos_embed.pos_embed", None)
    assert read_by_diffusers.keys() == ours.keys()
    for key, tensor in ours.items():
        assert torch.equal(read_by_diffusers[key], tensor), key
