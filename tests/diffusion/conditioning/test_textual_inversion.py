import pytest
import torch

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.conditioning import Guide
from studio.parameters.sampling import Sampling
from studio.steps import embedding, generate
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def draw(engine, prompt, *embeddings, negative=""):
    guide = Guide(embeddings=embeddings)
    sampling = Sampling(negative_prompt=negative, steps=3, guide=guide)
    return generate.run(engine, prompt, (64, 64), sampling)


@pytest.mark.parametrize("words", [1, 3])
def test_it_is_the_librarys(engine, tmp_path, words):
    """Loaded by the library for good, into a model of its own."""
    file = small.embedding(tmp_path / "style.safetensors", words=words)
    made = draw(engine, "a star <style>", ("<style>", file))
    other = Engine(here.pipelines(), 3)
    other.pipelines.get(here.card("spark"), "text-to-image").load_textual_inversion(file, token="<style>")  # noqa: S106
    assert made == draw(other, "a star <style>")


def test_all_layouts_of_file_are_one(engine, tmp_path):
    keys = ("emb_params", "<style>")
    files = [small.embedding(tmp_path / f"{n}.safetensors", key=key) for n, key in enumerate(keys)]
    assert len({draw(engine, "a star <style>", ("<style>", file)).tobytes() for file in files}) == 1


def test_it_counts_in_the_negative_prompt_too(engine, tmp_path):
    file = small.embedding(tmp_path / "bad.safetensors")
    assert draw(engine, "a star", ("<bad>", file), negative="<bad>") != draw(engine, "a star", negative="<bad>")


def test_the_next_picture_reads_the_word_as_a_fresh_process_does(engine, tmp_path):
    prompt, file = "a star <style>", small.embedding(tmp_path / "style.safetensors")
    fresh = draw(Engine(here.pipelines(), 3), prompt)
    draw(engine, prompt, ("<style>", file))
    assert draw(engine, prompt) == fresh


@pytest.mark.parametrize(
    ("word", "width", "said"),
    [
        ("<other>", 160, "'<other>' is not in the prompt"),
        ("star", 160, "'star' is already in the model's vocabulary"),
        ("<style>", 99, "'<style>' was learned for another kind of model"),
    ],
)
def test_what_would_do_nothing_is_refused(engine, tmp_path, word, width, said):
    known = engine.pipelines.get(here.card("spark"), "text-to-image")
    before = small.state(known)
    if word == "star":
        word = next(w for w in known.tokenizer.get_vocab() if w.isalpha() and len(w) > 2)
        said = said.replace("star", word)
    with pytest.raises(InputError, match=said):
        draw(
            engine,
            f"a {word if width == 160 and word != '<other>' else ''} <style>",
            (word, small.embedding(tmp_path / "x.safetensors", width)),
        )
    assert small.state(known) == before


def test_without_a_word_the_files_name_is_taken(tmp_path):
    assert embedding.run(None, str(tmp_path / "style.safetensors")).embeddings[0][0] == "style"


def test_it_is_in_the_models_precision(engine, tmp_path):
    import safetensors.torch

    file = tmp_path / "half.safetensors"
    safetensors.torch.save_file({"emb_params": torch.ones(1, 160, dtype=torch.float16)}, file)
    assert draw(engine, "a star <style>", ("<style>", str(file))) != draw(engine, "a star <style>")
