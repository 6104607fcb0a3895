"""Encoded drawings on disk: they grow, survive a stop, and are never those of other drawings."""

from random import Random

import pytest
import torch

from studio.config import shipped
from studio.tools.spark.autoencoder import as_bytes, to_signed
from studio.tools.spark.draw import draw
from studio.tools.spark.latents import LatentStore
from studio.tools.spark.measure import load


@pytest.fixture(scope="module")
def vae():
    return load(shipped("assets") / "spark").vae.float()


@pytest.fixture
def store(vae, tmp_path):
    return LatentStore(tmp_path / "latents", vae, 64, capacity=40)


def test_it_grows_to_its_capacity_and_no_further(store):
    began = len(store)
    store.grow(10)
    assert len(store) == began + 10
    store.grow(1000)
    store.grow(1)
    assert len(store) == 40


def test_a_batch_is_encoded_drawings_with_their_own_words(store, vae):
    latents, words = store.batch(60, Random(0))
    assert latents.shape == (60, 4, 8, 8)
    assert "" in words and len(set(words)) > 10
    drawings = [draw(seed, (64, 64)) for seed in range(1, 1 + len(store))]
    with torch.no_grad():
        encoded = torch.cat([vae.encode(to_signed(as_bytes(d.image))[None]).latents for d in drawings])
    for latent, said in zip(latents, words, strict=True):
        truth = drawings[int((encoded - latent).square().mean((1, 2, 3)).argmin())].truth
        assert not said or truth.kind != "icon" or truth.colour in said


def test_opened_again_it_goes_on_and_a_torn_row_is_cut_off(store, vae):
    store.grow(3)
    rows = len(store)
    with store.path.open("ab") as file:
        file.write(b"torn")
    again = LatentStore(store.path, vae, 64, capacity=40)
    assert len(again) == rows
    again.grow(2)
    assert store.path.stat().st_size == (rows + 2) * 2 * 4 * 8 * 8


def test_rows_of_other_drawings_are_thrown_away(store, vae):
    store.grow(5)
    changed = LatentStore(store.path, vae, 64, capacity=40, first=1000)
    assert len(changed) == len(LatentStore(store.path.with_name("new"), vae, 64, capacity=40))
