import pytest

from studio.errors import InputError
from studio.pictures.file_names import check, stem
from studio.workflow.job import Job


def job(prompt="x", **values):
    return Job(workflow="w", definition={}, values={"prompt": prompt}, seed=7, pins={"model:spark": "0"}, **values)


def test_fields_are_filled():
    assert stem("{workflow}-{seed}-{n}", job(), 3) == "w-7-3"
    assert stem("{model} {prompt}", job("A Blue  Star!"), 1) == "spark A-Blue-Star"


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
    ("text", "named"),
    [
        ("A1", "A1"), ("लाल-सेब", "लाल-सेब"), ("लोल सूब", "लोल-सूब"), ("தமிழ்", "தமிழ்"), ("မြန်မာ", "မြန်မာ"), ("ที่", "ที่"),
        ("مُحَمَّد", "مُحَمَّد"), ("שָׁלוֹם", "שָׁלוֹם"), ("می‌خواهم", "می‌خواهم"), ("e\u0301", "é"), ("がぎ", "がぎ"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧-family"), ("🇩🇪/👍🏽", "🇩🇪-👍🏽"), ("❤️", "❤️"),
        ("x²", "x²"), ("\u200d", "none"), ("a\u200bb", "a-b"),
        ("aux", "picture-1"), ("COM¹", "picture-1"),
    ],
)  # fmt: skip
def test_letters_of_all_scripts_keep_their_marks(text, named):
    assert stem("{prompt}", job(text), 1) == named


def test_a_long_name_is_cut_between_letters():
    family = "👨‍👩‍👧"
    assert stem("{prompt}", job(family * 60), 1) == family * 13  # of 18 bytes each, within 240
    assert stem("{prompt}", job("क्षि" * 99), 1) == "क्षि" * 20
    assert stem("{prompt}.v1", job("nul"), 1) == "picture-1"
    assert check("लाल-{prompt}") == "लाल-{prompt}"


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
