"""What a denoiser is told in training is what it is told in drawing."""

import pytest
import torch

from studio.diffusion.engine import Engine
from studio.parameters.types import Size
from studio.prompts.grammar import parse
from studio.train.conditioning_cache import collate, denoiser_arguments, escaped, shapes
from tests import here

SIZE = Size(64, 64)


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines())


@pytest.mark.parametrize("text", ["a (red) [cat:dog:0.5] {x|y}", "a AND b BREAK c", "<lora:a:1> __b__ \\(", "plain"])
def test_a_caption_means_nothing_but_its_words(text):
    parsed = parse(escaped(text))
    assert not parsed.mark() and not parsed.loras
    assert parsed.plain().lower().split() == text.lower().split()


def test_it_is_what_the_pipeline_itself_encodes(engine, model_card):
    card = model_card("sdxl")
    told = denoiser_arguments(engine, card, "a red cat", SIZE)
    pipeline = engine.pipelines.get(card, "text-to-image")
    embedded, _, pooled, _ = pipeline.encode_prompt("a red cat", do_classifier_free_guidance=False)
    torch.testing.assert_close(told["encoder_hidden_states"], embedded)
    torch.testing.assert_close(told["added_cond_kwargs"]["text_embeds"], pooled)
    assert told["added_cond_kwargs"]["time_ids"].tolist() == [[64, 64, 0, 0, 64, 64]]


def test_guidance_that_was_taught_is_set_to_none(engine, model_card):
    assert denoiser_arguments(engine, model_card("flux1"), "a cat", SIZE)["guidance"].tolist() == [1.0]


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux1", "z_image"])
def test_a_batch_is_told_what_each_is_told(family, engine, model_card):
    card = model_card(family)
    alone = [denoiser_arguments(engine, card, words, SIZE) for words in ("a cat", "a dog")]
    assert shapes(alone[0]) == shapes(alone[1])
    both = collate(alone, "cpu")
    for name, value in both.items():
        if isinstance(value, list):
            assert len(value) == 2
        elif isinstance(value, torch.Tensor) and name not in {"txt_ids", "img_ids"}:
            assert value.shape[0] == 2
