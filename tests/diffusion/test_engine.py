from studio.diffusion.engine import Engine
from tests import here


def test_the_reports_of_parts_rise_to_the_whole():
    heard = []
    engine = Engine(here.pipelines(), report=lambda step, steps: heard.append(step / steps))
    for part, steps in enumerate((2, 5, 3)):
        for step in range(1, steps + 1):
            engine.part(part, 3).report(step, steps)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    assert heard[1] == 1 / 3


def test_parts_have_parts():
    heard = []
    engine = Engine(here.pipelines(), report=lambda step, steps: heard.append(step / steps))
    engine.part(1, 2).part(0, 2).report(1, 1)
    assert heard == [0.75]
