import numpy as np

from studio.engine.engine import Engine
from studio.engine.pipelines import Pipelines
from studio.steps import generate, vary


def test_strong_changes_more_than_subtle_and_seeds_differ():
    engine = Engine(Pipelines("cpu"), (5, 6))
    prompt = "a red heart on cream"
    old = generate.run(engine.for_seeds([1]), prompt, steps=4)[0]
    subtle, strong = (vary.run(engine, [old], prompt, amount, steps=10) for amount in ("subtle", "strong"))
    assert subtle[0] != subtle[1]
    near, far = (np.abs(np.asarray(made[0]).astype(int) - np.asarray(old)).mean() for made in (subtle, strong))
    assert 0 < near < far
