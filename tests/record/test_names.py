import pytest

from studio.errors import InputError
from studio.job import Job
from studio.record.names import check, stem


def job(prompt="x", **values):
    return Job(workflow="w", definition={}, values={"prompt": prompt}, seed=7, pins={"model:spark": "0"}, **values)


def test_fields_are_filled():
    assert stem("{workflow}-{seed}-{n}", job(), 3) == "w-7-3"
    assert stem("{model} {prompt}", job("A Blue  Star!"), 1) == "spark a-blue-star"


@pytest.mark.parametrize(
    "prompt",
    ["../../etc/passwd", "/abs", "C:\\x", "a\0b", "..", "", "x" * 500, "\u202egnp", "a/b\\c", "★", "con", "..\u2044x"],
)
def test_no_prompt_leaves_the_folder(prompt, tmp_path):
    name = stem("{prompt}", job(prompt), 1)
    assert 0 < len(name) <= 120
    assert (tmp_path / f"{name}.png").resolve().parent == tmp_path.resolve()
    assert name.isprintable()
    assert name.lower() != "con"


@pytest.mark.parametrize(
    "template", ["", "../x", "a/b", "{seed", "{nope}", "{seed!r}", ".hidden", "a\0", "x" * 201, "{}"]
)
def test_bad_templates_are_refused(template):
    with pytest.raises(InputError):
        check(template)


def test_the_pictures_of_a_set_are_told_apart():
    lists = {"inputs": {"size": {"of": "d.size", "each": True}, "prompt": "d.prompt"}}
    one = Job(workflow="set", definition=lists, values={"size": ["1080x1350"], "prompt": "x"}, seed=7)
    assert stem("{workflow}-{item}-{seed}", one, 1) == "set-1080x1350-7"
    assert stem("{workflow}-{item}-{seed}", job(), 1) == "w-7"
    assert stem("{item}", job(), 4) == "picture-4"
