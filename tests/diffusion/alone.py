"""Python in a process of its own, where memory can be measured and limited; what it prints as JSON comes back."""

import json
import os
import subprocess
import sys

# Blocks of 256 kB and more go back to the system when they are freed, so that a limit meets what is in use.
LEAN = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "262144"}

_BEFORE = """
import json, resource
import diffusers, numpy as np, torch, transformers
from diffusers import AutoencoderKL, AutoencoderTiny, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan
from studio.diffusion.pipelines import Pipelines
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide, ReferenceImage, Region
from studio.parameters.types import Size
from studio.parameters.sampling import Sampling

from tests import here
from PIL import Image
from tests.diffusion import small

def megabytes(what):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

def limit(more):
    most = resource.RLIM_INFINITY if more is None else int((megabytes("VmSize") + more) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

pipelines, notes = here.pipelines(), []

def draw(model, edge, pictures=1, steps=1, first=0, guide=NO_GUIDE):
    notes.clear()
    card, seeds = here.card(str(model)), range(first, first + pictures)
    request = card.request("a star", Sampling(steps=steps, guidance=5.0, guide=guide), Size(edge, edge))
    engine = Engine(pipelines, note=notes.append)
    return small.together(engine, seeds, lambda own: own.denoise(card, request))

def apart(some, others):
    pairs = zip(some, others, strict=True)
    return max(int(np.abs(np.asarray(a).astype(int) - np.asarray(b)).max()) for a, b in pairs)
"""


def alone(code, **environment):
    """What ``code`` prints on its last line."""
    given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + code], capture_output=True, text=True, env=given, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
