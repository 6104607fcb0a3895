from dataclasses import replace

import numpy as np

from studio.diffusion.engine import Engine
from studio.parameters.sampling import Sampling
from studio.steps import generate, vary
from tests import here


def test_strong_changes_more_than_subtle_and_seeds_differ():
    engine = Engine(here.pipelines())
    prompt = "a red heart on cream"
    old = generate.run(replace(engine, seed=1), prompt, sampling=Sampling(steps=4))
    subtle, strong, other = (
        vary.run(replace(engine, seed=seed), old, prompt, amount, sampling=Sampling(steps=10))
        for amount, seed in (("subtle", 5), ("strong", 5), ("subtle", 6))
    )
    assert subtle != other
    near, far = (np.abs(np.asarray(made).astype(int) - np.asarray(old)).mean() for made in (subtle, strong))
    assert 0 < near < far
