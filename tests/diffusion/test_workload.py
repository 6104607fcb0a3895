"""What a picture is for a model, in denoised megapixels."""

from dataclasses import replace

import pytest
from PIL import Image

from studio.diffusion.workload import workload
from studio.parameters.conditioning import Guide, Region
from studio.parameters.request import Request
from tests import here

PLAIN = Request(prompt="a star", steps=20, guidance=4.0, width=256, height=256)
SIDE = 256 * 256 / 2**20


def steps(**change) -> float:
    """The work of a changed request, in steps of 256x256 pixels with guidance, besides encoding and decoding."""
    asked = replace(PLAIN, **change)
    return workload(here.card("spark"), asked) / SIDE - 2 * asked.width * asked.height / 256**2


@pytest.mark.parametrize(
    ("change", "counts"),
    [({}, 20), ({"steps": 5}, 5), ({"width": 512, "height": 512}, 80), ({"strength": 0.1}, 2), ({"guidance": 1.0}, 10),
     ({"sampler": "Heun"}, 39), ({"sampler": "DPM2 a"}, 39), ({"sampler": "DPM++ 2M"}, 20),
     ({"denoising_end": 0.75}, 15), ({"denoising_start": 0.75}, 5), ({"prompt": "a star AND a circle"}, 30)],
)  # fmt: skip
def test_work_is_counted_in_steps_with_guidance(change, counts):
    assert steps(**change) == pytest.approx(counts)


def test_each_area_is_predicted_once_more():
    areas = tuple(Region("a heart", Image.new("L", (8, 8)), ()) for _ in range(2))
    assert steps(guide=Guide(regions=areas)) == pytest.approx(40)
