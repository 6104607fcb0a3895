"""Each wording is read once, and never as it was read in another state of the text encoders."""

from dataclasses import replace
from shutil import copytree

import pytest
import torch

from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan, Placement
from studio.diffusion.prompts.encode import Embedding
from studio.diffusion.prompts.prompt_cache import PromptCache
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide, Region
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.lora import lorafiles

ASKED = Request(prompt="a red circle on white", negative_prompt="blue", steps=2, guidance=4.0, width=64, height=64)


class Drawing:
    """Draws with Spark, or another model, and counts how often its text encoder reads."""

    def __init__(self, card=None, plan=None):
        self.card, self.pipelines = card or here.card("spark"), here.pipelines()
        if plan:
            self.pipelines.set_plan(self.card, plan, 0)
        self.pipeline, self.read = self.pipelines.get(self.card, "text-to-image"), 0
        self.pipeline.text_encoder.register_forward_hook(self._count)

    def _count(self, *_):
        self.read += 1

    def draw(self, seed=3, **changes):
        """The picture, and how often something was read for it."""
        before = self.read
        made = Engine(self.pipelines, seed).forward(self.card, replace(ASKED, **changes))
        return made, self.read - before


def fresh(**changes):
    return Drawing().draw(**changes)[0]


@pytest.fixture(scope="module")
def drawing():
    return Drawing()


@pytest.fixture(scope="module")
def lora(drawing, tmp_path_factory):
    """One that changes the text encoder."""
    home = tmp_path_factory.mktemp("lora") / "read.safetensors"
    return lorafiles.file(home, drawing.pipeline, lorafiles.lora, components=("text_encoder",), size=0.5)[0]


def test_a_wording_is_read_once_whatever_else_changes(drawing):
    first, read = drawing.draw()
    assert read == 3  # the prompt, the negative prompt, and the padding
    assert drawing.draw(seed=4, steps=3, guidance=2.0, width=128)[1] == 0
    assert drawing.draw(prompt="a blue star")[1] == 1
    assert drawing.draw(clip_skip=2)[1] == 3
    assert drawing.draw() == (first, 0)
    assert first == fresh()


def test_loras_on_the_text_encoder_are_read_anew_each_by_its_strength(drawing, lora):
    plain = drawing.draw()[0]
    for strength in (0.8, 0.4):
        guide = Guide(loras=(Lora.parse(f"{lora}:{strength}"),))
        made, read = drawing.draw(guide=guide)
        assert read == 3
        assert made != plain
        assert made == fresh(guide=guide)
        assert drawing.draw(guide=guide) == (made, 0)
    assert drawing.draw() == (plain, 0)


def test_an_areas_loras_are_worn_while_its_prompt_is_read(drawing, lora):
    mask = small.drawing(3).convert("L")
    areas = [Region("a star", mask), Region("a star", mask, (Lora.parse(f"{lora}:1"),))]
    guides = [Guide(regions=(area,)) for area in areas]
    made = [drawing.draw(guide=guide)[0] for guide in guides]
    assert made[0] != made[1]
    assert [drawing.draw(guide=guide) for guide in guides] == [(one, 0) for one in made]
    assert made[1] == fresh(guide=guides[1])


def test_a_learned_word_is_known_by_its_file(drawing, tmp_path):
    given = [small.embedding(tmp_path / f"{n}.safetensors", seed=n) for n in (1, 2)]
    guides = [Guide(embeddings=(("<new>", path),)) for path in given]
    made = [drawing.draw(prompt="a <new> star", guide=guide)[0] for guide in guides]
    assert made[0] != made[1]
    assert made == [fresh(prompt="a <new> star", guide=guide) for guide in guides]
    without = drawing.draw(prompt="a <new> star")[0]
    assert without not in made
    assert drawing.draw(prompt="a <new> star", guide=guides[0]) == (made[0], 0)


def test_weights_that_were_written_to_are_read_anew(lora):
    drawing = Drawing()
    before = drawing.draw()[0]
    with torch.no_grad():
        for parameter in drawing.pipeline.text_encoder.parameters():
            parameter.mul_(1.1)
    assert drawing.draw()[0] != before


def test_another_model_in_the_same_place_has_read_nothing(tmp_path):
    where = tmp_path / "model"
    copytree(here.card("spark").path, where)
    card = ModelCard.read(where)
    drawing = Drawing(card)
    before = drawing.draw()[0]
    encoder = drawing.pipeline.text_encoder
    small.shaken(encoder, 1)
    drawing.pipelines.drop(card)
    encoder.save_pretrained(where / "text_encoder")
    assert Drawing.draw(drawing)[0] != before


def test_text_encoders_that_were_dropped_are_not_read_again(tmp_path):
    drawing = Drawing(plan=MemoryPlan(Placement.DROP))
    made, read = drawing.draw()
    assert read == 3
    assert not any(parameter.numel() for parameter in drawing.pipeline.text_encoder.parameters())
    assert drawing.draw() == (made, 0)
    assert not any(parameter.numel() for parameter in drawing.pipeline.text_encoder.parameters())
    assert drawing.draw(prompt="a blue star")[1] == 1


def test_what_was_not_used_for_longest_is_forgotten_first():
    kept, read = PromptCache(max_bytes=3 * 4 * 10), []

    def ask(word):
        return kept.get(word, "cpu", lambda: read.append(word) or Embedding(torch.ones(1, 2, 5)))

    for word in "abcabdac":
        ask(word)
    assert "".join(read) == "abcdc"
