"""The families' tables of names against what diffusers' own readers of single files do, row by row."""

from itertools import count

import pytest
import torch
from diffusers.loaders import single_file_utils as readers

from studio import plugins
from studio.lora.formats.key_mapping import ModuleIndex
from tests.families import tiny
from tests.lora import files


def flux1():
    """Of true width, which diffusers' reader takes for granted."""
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(num_layers=1, num_single_layers=1, guidance_embeds=True)


def chroma():
    from diffusers import ChromaTransformer2DModel

    return ChromaTransformer2DModel(num_layers=1, num_single_layers=1, approximator_layers=1)


def small(name):
    return lambda: tiny.BUILDERS[name]().transformer


MODELS = [
    ("sd3", small("sd3"), readers.convert_sd3_transformer_checkpoint_to_diffusers),
    ("sd3", small("sd3_medium"), readers.convert_sd3_transformer_checkpoint_to_diffusers),
    ("flux1", flux1, readers.convert_flux_transformer_checkpoint_to_diffusers),
    ("flux2", small("flux2"), readers.convert_flux2_transformer_checkpoint_to_diffusers),
    ("chroma", chroma, readers.convert_chroma_transformer_checkpoint_to_diffusers),
    ("z_image", small("z_image"), readers.convert_z_image_transformer_checkpoint_to_diffusers),
]


def numbered(shapes):
    """A tensor for each shape, one column wide, all rows of all numbered."""
    numbers = count()
    rows = {name: torch.tensor([float(next(numbers)) for _ in range(shape[0])]) for name, shape in shapes.items()}
    return {name: row.reshape(-1, *(1 for _ in shapes[name][1:])) for name, row in rows.items()}


def placed(theirs, atlas):
    """The makers' tensors as our places have them in diffusers' modules."""
    ours = {}
    for name, tensor in theirs.items():
        module, _, end = name.rpartition(".")
        for place in atlas.find(f"diffusion_model.{module}"):
            part = tensor if place.source_rows is None else tensor[slice(*place.source_rows)]
            key = f"{place.module}.{end.replace('scale', 'weight')}"
            ours.setdefault(key, []).append((place.target_rows or (0, 0), part))
    return {
        key: torch.cat([part for _, part in sorted(parts, key=lambda each: each[0])]) for key, parts in ours.items()
    }


@pytest.mark.parametrize(("name", "build", "read"), MODELS)
def test_every_row_goes_where_diffusers_puts_it(name, build, read):
    family = plugins.find("families", name).FAMILY
    with torch.device("meta"):
        shapes = files.shapes(build())
    unlisted = {
        key: shape
        for key, shape in shapes.items()
        if not family.detection.state_dict_keys.to_original(key.rpartition(".")[0])
    }
    scales = {key.replace("norms.0.weight", "norms.0.scale"): shape for key, shape in unlisted.items()}  # as Chroma's
    theirs = numbered(files.makers(shapes, family.detection.state_dict_keys) | scales)
    ours = placed(theirs, ModuleIndex.of({"transformer": shapes}, family))
    read_by_diffusers = read(theirs | ({"pos_embed": torch.zeros(1)} if name == "sd3" else {}))
    read_by_diffusers.pop("pos_embed.pos_embed", None)
    assert ours.keys() == {key for key in read_by_diffusers if "pad_token" not in key}
    for key, tensor in ours.items():
        assert torch.equal(read_by_diffusers[key], tensor), key
