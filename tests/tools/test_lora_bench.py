import pytest

from studio.tools.lora_bench import bench


@pytest.mark.slow
def test_both_ways_are_timed_and_compared_in_one_run():
    figures = bench("spark", rounds=1)
    assert [name for name in figures if name.startswith("diffusers / studio")] == [
        "diffusers / studio, apply",
        "diffusers / studio, switch back, to loading",
        "diffusers / studio, switch back, to set_adapters",
    ]
    assert all(figure > 0 for figure in figures.values())
