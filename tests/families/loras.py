"""The table of LoRAs' forms and the families that take them: ``python -m tests.families.loras`` writes it anew.

Every cell is a file of that form, for every third module of a tiny model of the family's true architecture, worn
and held against the same file merged by hand in float64; a test compares each row.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from studio import plugins
from studio.config import shipped
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.prompts.lora import Lora
from tests.diffusion import small
from tests.families import tiny
from tests.families.columns import Model
from tests.lora import lorafiles

FILE = shipped("assets") / "loras.md"
FAMILIES = tuple(name for name in tiny.BUILDERS if name in plugins.names("families"))
STRENGTH = 0.6
BESIDES = ("norms and biases", "picture")
HEAD = """# LoRAs

What is taken, tried on small models of each family's true architecture with random weights: a file of each form for
every third layer of the denoiser and the text encoders, at a weight of 0.6. ✓ means that each layer became what the
same file merged by hand in double precision makes of it, no other layer changed, and all were as before afterwards.
*picture* is one drawn with a LoRA, no value of a pixel off by more than 1 of 255 from one
whose model was merged by hand.
The tests make this table and hold it to what they see; `make docs` writes it anew.

| model | {columns} |
|---|{rules}
"""


def row(card: ModelCard, home: Path) -> str:
    """One model's line."""
    model = Model(card)
    cells = [_merges(model, form, home / f"{n}.safetensors") for n, form in enumerate(lorafiles.FORMS.values())]
    cells += [_adds(model, home / "vectors.safetensors"), _draws(model, home / "picture.safetensors")]
    return f"| {card.family.title} | {' | '.join(cells)} |"


def _merges(model: Model, form, path: Path) -> str:
    pipeline = model.pipelines.get(model.card, model.task)
    lora, changes = _file(path, pipeline, form)
    before = _weights(pipeline)
    model.pipelines.loras.stack(model.card, pipeline, _guide(lora)).apply()
    worn = _weights(pipeline)
    for (part, name), of in changes.items():
        key = (part, f"{name}.weight")
        expected = lorafiles.merged(of, before.pop(key).double().numpy(), STRENGTH)
        assert np.abs(worn[key].double().numpy() - expected).max() < 1e-5 * max(1, np.abs(expected).max()), key
    assert all(torch.equal(worn[key], own) for key, own in before.items())
    model.pipelines.loras.restore(model.card, pipeline)
    assert all(torch.equal(own, before[key]) for key, own in _weights(pipeline).items() if key in before)
    return "✓"


def _adds(model: Model, path: Path) -> str:
    pipeline = model.pipelines.get(model.card, model.task)
    lora, added = lorafiles.vectors(path, pipeline, _parts(pipeline), every=3)
    before = _weights(pipeline)
    model.pipelines.loras.stack(model.card, pipeline, _guide(lora)).apply()
    for key, worn in _weights(pipeline).items():
        expected = before[key] + STRENGTH * torch.from_numpy(added[key]) if key in added else before[key]
        assert torch.allclose(worn, expected, rtol=1e-6, atol=1e-6), key
    model.pipelines.loras.restore(model.card, pipeline)
    assert all(torch.equal(own, before[key]) for key, own in _weights(pipeline).items())
    return "✓"


def _draws(model: Model, path: Path) -> str:
    pipeline = model.pipelines.get(model.card, model.task)
    lora, changes = _file(path, pipeline, lorafiles.lora)
    plain, made = model.draw(), model.draw(guide=_guide(lora))
    pipeline, own = model.pipelines.get(model.card, model.task), {}
    with torch.no_grad():
        for (part, name), of in changes.items():
            weight = getattr(pipeline, part).get_submodule(name).weight
            own[part, name] = weight.clone()
            weight.copy_(torch.from_numpy(lorafiles.merged(of, weight.double().numpy(), STRENGTH)))
        by_hand = model.draw()
        for (part, name), weight in own.items():
            getattr(pipeline, part).get_submodule(name).weight.copy_(weight)
    assert small.difference(made, by_hand) <= 1
    assert made != plain == model.draw()
    return "✓"


def _file(path: Path, pipeline, form):
    return lorafiles.file(path, pipeline, form, size=0.3, components=_parts(pipeline), every=3)


def _parts(pipeline):
    return [name for name in lorafiles.PREFIXES if getattr(pipeline, name, None) is not None]


def _guide(lora: str) -> Guide:
    return Guide(loras=(Lora(lora, STRENGTH),))


def _weights(pipeline):
    return {
        (part, name): value.detach().clone()
        for part in _parts(pipeline)
        for name, value in getattr(pipeline, part).named_parameters()
    }


def written() -> dict[str, str]:
    """The lines of the file, by the model's title."""
    lines = FILE.read_text("utf-8").splitlines()
    return {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}


def main() -> None:
    columns = [*lorafiles.FORMS, *BESIDES]
    head = HEAD.format(columns=" | ".join(columns), rules=":-:|" * len(columns))
    with tempfile.TemporaryDirectory() as where:
        rows = [row(ModelCard.read(tiny.folder(name, Path(where))), Path(where)) for name in FAMILIES]
    FILE.write_text(head + "\n".join(rows) + "\n", "utf-8")
    print(FILE)


if __name__ == "__main__":
    main()
