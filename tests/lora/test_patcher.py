"""What changes of weights cost where the model lies elsewhere, is compiled, or changes clothes all day."""

import gc

import psutil
import pytest
import torch

from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan, Placement, Storage
from studio.errors import ModelError
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here
from tests.lora import lorafiles

TASK = "text-to-image"


@pytest.fixture(scope="module")
def model(card):
    return card("sd1")


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    home, pipeline = tmp_path_factory.mktemp("loras"), here.pipelines().get(model, TASK)
    return [
        lorafiles.file(home / f"{n}.safetensors", pipeline, form, seed=n, components=("unet", "text_encoder"))[0]
        for n, form in enumerate((lorafiles.lora, lorafiles.dora_out))
    ]


def guide(*loras):
    return Guide(loras=tuple(map(Lora.parse, loras)))


def draw(pipelines, model, *loras):
    request = Request(prompt="a red star", steps=2, guidance=4.0, width=64, height=64, guide=guide(*loras))
    return Engine(pipelines, 3).forward(model, request)


def parameters(pipeline):
    parts = (pipeline.unet, pipeline.text_encoder)
    return [parameter.detach().clone() for part in parts for parameter in part.parameters()]


def test_weights_that_stream_layer_by_layer_are_changed_where_they_wait(model, files):
    """Also from one step to the next, while the model runs."""
    kept, streamed = here.pipelines(), here.pipelines()
    streamed.set_plan(model, MemoryPlan(Placement.GROUPS), 0)
    plain = draw(kept, model)
    for loras in ([files[0]], files, [f"{files[0]}:1:from=0.5"], []):
        assert draw(streamed, model, *loras) == draw(kept, model, *loras)
    assert draw(streamed, model) == plain


def test_half_precision_is_rounded_once_from_float32(model, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.diffusion.pipelines.pick_dtype", lambda device: torch.bfloat16)
    pipelines = here.pipelines()
    pipeline = pipelines.get(model, TASK)
    own = parameters(pipeline)
    path, changes = lorafiles.file(tmp_path / "half.safetensors", pipeline, lorafiles.lora, components=("unet",))
    before = {name: pipeline.unet.get_submodule(name).weight.detach().clone() for _, name in changes}
    pipelines.loras.stack(model, pipeline, guide(path, path)).apply()
    for (_, name), of in changes.items():
        expected = before[name].double().numpy()
        expected = expected + 2 * (lorafiles.merged(of, expected, 1.0) - expected)
        weight = pipeline.unet.get_submodule(name).weight
        assert weight.dtype == torch.bfloat16
        assert torch.allclose(weight.double(), torch.from_numpy(expected).bfloat16().double(), rtol=2**-7, atol=1e-6)
    pipelines.loras.restore(model, pipeline)
    assert all(map(torch.equal, parameters(pipeline), own))


def test_rounded_weights_take_none(model, files):
    pipelines = here.pipelines()
    pipelines.set_plan(model, MemoryPlan(storage=Storage.FP8), 0)
    own = [parameter.float() for parameter in parameters(pipelines.get(model, TASK))]
    with pytest.raises(ModelError, match="rounded to save memory"):
        draw(pipelines, model, files[0])
    now = [parameter.float() for parameter in parameters(pipelines.loaded(model, TASK))]
    assert all(map(torch.equal, now, own))


def test_nothing_is_compiled_again(model, files):
    pipelines, compiled = here.pipelines(), []

    def counting(graph, inputs):
        compiled.append(graph)
        return graph.forward

    unet = pipelines.get(model, TASK).unet
    run = torch.compile(unet, backend=counting, dynamic=False)
    words = torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(1))

    def predict(*loras):
        pipelines.loras.stack(model, pipelines.loaded(model, TASK), guide(*loras)).apply()
        with torch.no_grad():
            return run(torch.ones(1, 4, 8, 8), 5, words).sample

    plain, once = predict(), len(compiled)
    seen = [predict(*loras) for loras in ([files[0]], [f"{files[0]}:0.5"], [files[1]], files)]
    assert all(not torch.equal(one, other) for one, other in zip([plain, *seen], seen, strict=False))
    assert torch.equal(predict(), plain)
    assert len(compiled) == once > 0


@pytest.mark.slow
def test_two_hundred_changes_leave_nothing_behind(model, files):
    pipelines = here.pipelines()
    pipeline = pipelines.get(model, TASK)
    stacks = [guide(files[0]), guide(f"{files[0]}:0.5"), guide(*files), guide(files[1]), guide()]

    def change(times):
        for n in range(times):
            pipelines.loras.stack(model, pipeline, stacks[n % len(stacks)]).apply()
        gc.collect()
        return sum(isinstance(each, torch.Tensor) for each in gc.get_objects()), psutil.Process().memory_info().rss

    tensors, memory = change(20)
    more, grown = change(200)
    assert more == tensors
    assert grown - memory < 4 * 2**20


def test_a_model_that_leaves_takes_its_loras_along(model, files):
    pipelines = here.pipelines()
    plain = draw(pipelines, model)
    draw(pipelines, model, files[0])
    pipelines.drop(model)
    assert draw(pipelines, model) == plain
    assert draw(pipelines, model, files[0]) != plain


FUSED = {
    "double_blocks.0.img_attn.qkv": [f"transformer_blocks.0.attn.to_{part}" for part in "qkv"],
    "single_blocks.0.linear1": [
        *(f"single_transformer_blocks.0.attn.to_{part}" for part in "qkv"), "single_transformer_blocks.0.proj_mlp",
    ],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}  # fmt: skip


@pytest.mark.parametrize("form", ["LoRA", "DoRA, outputs", "DoRA, inputs", "LoKr", "OFT", "difference"])
def test_what_a_file_has_fused_is_changed_as_one(form, card, tmp_path):
    """As FLUX's makers name its modules; the last one's halves are the other way round here."""
    pipelines, model = here.pipelines(), card("flux1")
    pipeline = pipelines.get(model, TASK)

    def fused(names):
        weight = torch.cat([pipeline.transformer.get_submodule(name).weight.detach() for name in names])
        return torch.cat(weight.chunk(2)[::-1] if names == ["norm_out.linear"] else [weight]).double().numpy()

    own, make = {name: fused(parts) for name, parts in FUSED.items()}, lorafiles.Maker(1)
    changes = {name: lorafiles.as_float32(lorafiles.FORMS[form](make, weight)) for name, weight in own.items()}
    named = {f"diffusion_model.{name}.{role}": each for name, of in changes.items() for role, each in of.items()}
    path = lorafiles.written(tmp_path / "fused.safetensors", named)
    stack = pipelines.loras.stack(model, pipeline, guide(f"{path}:0.6"))
    stack.apply()
    for name, parts in FUSED.items():
        expected = lorafiles.merged(changes[name], own[name], 0.6)
        assert abs(fused(parts) - expected).max() < 1e-5 * max(1, abs(expected).max())
    assert (stack.record()[0]["modules"], stack.record()[0]["of"]) == (3, 3)
    pipelines.loras.restore(model, pipeline)
    assert all((fused(parts) == own[name]).all() for name, parts in FUSED.items())
