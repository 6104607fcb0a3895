"""Memory that runs out, by a real limit on a process of its own, and what comes of it."""

import sys
from dataclasses import replace

import pytest

from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan
from studio.parameters.request import Request
from tests import here
from tests.diffusion import heavy, small
from tests.diffusion.alone import LEAN, alone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")

SPLIT = """
draw("spark", 64)
limit(130)
made, said = draw("spark", 256, 32), list(notes)
limit(None)
free = draw("spark", 256, 32)
singly = [draw("spark", 256, first=n)[0] for n in (0, 31)]
print(json.dumps([[note["ran_out"] for note in said], [note["pictures"] for note in said],
    [note["pictures"] for note in notes], apart(made, free), apart([made[0], made[-1]], singly)]))
"""


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_split_and_gives_the_same_pictures():
    rungs, sizes, _, batch, singly = alone(SPLIT, **LEAN)
    assert rungs == [["32 pictures in a pass → 1"]] * 32
    assert sizes == [1] * 32
    assert batch <= 1
    assert singly == 0


TILES = """
draw({model!r}, 64)
limit(420)
made, said = draw({model!r}, 768)[0], list(notes)
limit(None)
(after,) = draw({model!r}, 64)
print(json.dumps([said[0]["ran_out"], said[0]["plan"], made.size, notes[0]["ran_out"]]))
"""


@pytest.mark.slow
def test_a_picture_that_does_not_fit_is_decoded_in_tiles_and_says_so(tmp_path):
    rungs, plan, size, after = alone(TILES.format(model=str(heavy.sd1(tmp_path / "sd1"))), **LEAN)
    assert rungs == ["decoded whole → in tiles"]
    assert plan["tiled"]
    assert size == [768, 768]
    assert after == []


DROPPED = """
card = here.card({model!r})
draw({model!r}, 64)
limit(200)
made, said = draw({model!r}, 512), notes[0]
limit(None)
pipelines.set_plan(card, MemoryPlan(tiled=True), 0)
kept = [Engine(pipelines).forward(card, card.request("a star", Sampling(steps=1, guidance=5.0), Size(512, 512)))]
print(json.dumps([said["ran_out"], said["plan"], apart(made, kept)]))
"""


@pytest.mark.slow
def test_where_tiles_do_not_do_text_encoders_leave_memory_and_the_picture_is_the_same(tmp_path):
    rungs, plan, apart = alone(DROPPED.format(model=str(heavy.sd1(tmp_path / "sd1", 48_000))), **LEAN)
    assert rungs == ["decoded whole → in tiles", "keep → offload"]
    assert plan == {"placement": "drop", "storage": "full", "tiled": True, "batch": 1}
    assert apart == 0


IN_VAIN = """
from studio.errors import OutOfMemory
before = draw("spark", 64)
limit(60)
try:
    draw("spark", 1024)
    problem = ""
except OutOfMemory as error:
    problem = str(error)
limit(None)
print(json.dumps([problem, apart(before, draw("spark", 64))]))
"""


def test_where_nothing_helps_it_is_said_and_the_next_job_succeeds():
    problem, apart = alone(IN_VAIN, **LEAN)
    assert problem.startswith("spark at 1024x1024 does not fit into memory")
    assert "draw it smaller" in problem
    assert apart == 0


def test_a_batch_planned_in_parts_reports_and_shows_each_picture_in_its_place():
    pipelines, card = here.pipelines(), here.card("spark")
    request, heard = Request(prompt="a star", steps=2, guidance=2.0, width=64, height=64), []

    def draw(engine):
        listening = replace(engine, report=lambda step, steps: heard.append((engine.seed, step, steps)))
        return listening.denoise(card, request)

    at_once = small.together(Engine(pipelines), (1, 2, 3), draw)
    assert heard == [(seed, step, 2) for step in (1, 2) for seed in (3, 2, 1)]
    heard.clear()
    two = pipelines.forecast(card, request).peak(MemoryPlan(batch=2))
    in_parts = small.together(Engine(here.pipelines("cpu", vram=two)), (1, 2, 3), draw)
    assert heard == [(2, 1, 2), (1, 1, 2), (2, 2, 2), (1, 2, 2), (3, 1, 2), (3, 2, 2)]
    assert all(small.difference(one, other) <= 1 for one, other in zip(at_once, in_parts, strict=True))


def test_each_picture_of_a_batch_starts_from_its_own_picture_when_split():
    pipelines, card = here.pipelines(), here.card("spark")
    plain = Request(prompt="a star", steps=3, guidance=2.0, width=64, height=64)
    starts = {5 + seed: Engine(pipelines, seed).denoise(card, plain) for seed in (1, 2)}

    def draw(engine):
        return engine.denoise(card, replace(plain, steps=4, strength=0.5, image=starts[engine.seed]))

    split = small.together(Engine(here.pipelines("cpu", vram=1)), [*starts], draw)
    assert split == [draw(Engine(pipelines, seed)) for seed in starts]
