"""Which function computes attention is counted where it runs: in the U-Net, the autoencoder, and a transformer."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from studio.diffusion.engine import Engine
from studio.diffusion.memory import attention
from studio.parameters.request import Request
from tests import here


@pytest.fixture
def ran(monkeypatch):
    """Names of the functions that computed attention, one for each time."""
    calls, own = [], torch.nn.functional.scaled_dot_product_attention

    def counted(*arguments, **named):
        calls.append("torch")
        return own(*arguments, **named)

    def stand_in(query, key, value, attn_bias=None, op=None, scale=None):
        """Computes what xformers' function does: heads are in the batch."""
        calls.append("xformers")
        return own(query, key, value, attn_mask=attn_bias, scale=scale)

    from diffusers.models import attention_processor

    ops = SimpleNamespace(memory_efficient_attention=stand_in)
    monkeypatch.setattr(attention_processor, "xformers", SimpleNamespace(ops=ops), raising=False)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    return calls


def draw(pipelines, card):
    image = Engine(pipelines, 7).denoise(card, Request(prompt="a star", steps=1, guidance=4.0, width=64, height=64))
    return np.asarray(image).astype(int)


def counted(part, ran):
    """How often each function ran within one part's forward pass, as it runs."""
    found, before = [], part.forward

    def forward(*arguments, **named):
        start = len(ran)
        result = before(*arguments, **named)
        found.extend(ran[start:])
        return result

    part.forward = forward
    return found


@pytest.mark.parametrize("which", ["torch", "xformers"])
def test_the_chosen_function_runs_in_u_net_and_autoencoder(card, ran, which):
    model = card("sd1")
    pipelines = here.pipelines()
    plain = draw(pipelines, model)
    pipeline = pipelines.get(model, "text-to-image")
    attention.use(pipeline, which)
    in_unet, in_decoder = counted(pipeline.unet, ran), counted(pipeline.vae.decoder, ran)
    image = draw(pipelines, model)
    assert set(in_unet) == set(in_decoder) == {which}
    assert len(in_unet) == len(pipeline.unet.attn_processors)
    assert np.abs(image - plain).max() <= 1


def test_a_transformer_computes_attention_by_torch(card, ran):
    model = card("sd3")
    pipelines = here.pipelines()
    pipeline = pipelines.get(model, "text-to-image")
    found = counted(pipeline.transformer, ran)
    draw(pipelines, model)
    assert set(found) == {"torch"}
    assert len(found) >= len(pipeline.transformer.attn_processors)


def test_processors_of_another_kind_are_left_alone(card):
    model = card("sd3")
    pipeline = here.pipelines().get(model, "text-to-image")
    before = attention.in_use(pipeline)
    attention.use(pipeline, "xformers")
    assert attention.in_use(pipeline)["transformer"] == before["transformer"] == ["JointAttnProcessor2_0"]
    assert attention.in_use(pipeline)["vae"] == ["XFormersAttnProcessor"]


def test_on_a_cpu_torch_computes_it():
    assert attention.choose(torch.device("cpu")) == "torch"
