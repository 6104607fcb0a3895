from studio.tools.bench import bench


def test_ways_are_timed_and_compared_in_one_run():
    figures = bench(rounds=1, steps=2)
    assert set(figures) == {
        "1 plain diffusers", "2 studio", "3 studio, queue and previews",
        "2 studio / plain", "3 studio, queue and previews / plain",
    }  # fmt: skip
    assert all(figure > 0 for figure in figures.values())
