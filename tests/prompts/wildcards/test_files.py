"""The folder of wildcards."""

import pytest

from studio.errors import InputError
from studio.prompts import wildcards


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "dog.txt").write_text("# breeds\npug\n\n  husky  \n", "utf-8")
    (tmp_path / "pet.txt").write_text("a __animals/dog__\na cat\n", "utf-8-sig")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    return tmp_path


def test_files_are_read_with_those_that_they_name(folder):
    assert wildcards.load(folder, ["__pet__ on grass"]) == {
        "pet": ("a __animals/dog__", "a cat"),
        "animals/dog": ("pug", "husky"),
    }
    assert wildcards.load(folder, ["plain"]) == {}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none", r"no wildcard 'none' .there are animals/dog, bytes, empty, pet"),
        ("empty", "has no options"),
        ("bytes", "UTF-8"),
    ],
)
def test_a_file_that_will_not_do_is_named(folder, name, complaint):
    with pytest.raises(InputError, match=complaint):
        wildcards.load(folder, [f"__{name}__"])


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside") / "secret.txt"
    secret.write_text("secret\n")
    (folder / "link.txt").symlink_to(secret)
    with pytest.raises(InputError, match="no wildcard 'link'"):
        wildcards.load(folder, ["__link__"])


def test_too_many_lines_are_refused(folder):
    (folder / "huge.txt").write_text("x\n" * 10_001)
    with pytest.raises(InputError, match=r"over 10,000 lines; shorten 'huge\.txt'"):
        wildcards.load(folder, ["__huge__"])


def test_a_name_may_hold_blanks_and_dots_and_stand_for_several_files(folder):
    for name in ("big cats", "v1.5", "colours-cold", "colours-warm", "a/animals", "b/animals"):
        (folder / f"{name}.txt").parent.mkdir(exist_ok=True)
        (folder / f"{name}.txt").write_text(f"from {name}\n")
    found = wildcards.load(
        folder, ["__big cats__ __v1.5__ __colours*__", "__*/animals__ __dog__", "{2$$__~pet(x=1)__}"]
    )
    assert sorted(found) == [
        "a/animals", "animals/dog", "b/animals", "big cats", "colours-cold", "colours-warm", "pet", "v1.5",
    ]  # fmt: skip
    for name in ("big dogs", "colors*", "Pet"):
        with pytest.raises(InputError, match="there is no wildcard"):
            wildcards.load(folder, [f"__{name}__"])


YAML = """
clothing: [T-shirt, "", {weight: 2, text: Pants}, 5::Shoes]
artists:
  finnish:
    - Eero Järnefelt
    - |
      Helene
      Schjerfbeck
  answer: [no, 5]
"""
JSON = '{"clothing": ["T-shirt", {"content": "Pants", "weight": 2}, "5::Shoes", true], "empty": [], "one": "alone"}'


def test_lists_in_yaml_and_json_go_by_the_keys_that_lead_to_them(folder):
    (folder / "pantry.yaml").write_text(YAML, "utf-8")
    (folder / "animals/more.json").write_text(JSON)
    (folder / "shapes.yml").write_text("- circle\n- square\n")
    wanted = ["__artists/*__ __clothing__ __animals/clothing__ __shapes__ __one__"]
    clothes = ("T-shirt", (2.0, "Pants"), (5.0, "Shoes"))
    assert wildcards.load(folder, wanted) == {
        "artists/finnish": ("Eero Järnefelt", "Helene Schjerfbeck"),
        "artists/answer": ("no", "5"),
        "clothing": clothes,
        "animals/clothing": clothes,
        "shapes": ("circle", "square"),
        "animals/one": ("alone",),
    }


def test_lists_that_cannot_be_read_are_named_where_they_may_be_wanted(folder):
    (folder / "bad.yaml").write_text("a: [1\n")
    assert list(wildcards.load(folder, ["__animals/dog__"])) == ["animals/dog"]
    with pytest.raises(InputError, match="'bad.yaml' cannot be read"):
        wildcards.load(folder, ["__clothing__"])
    bomb = "".join(f"a{n}: &a{n} {{{', '.join(f'k{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 12))
    (folder / "bad.yaml").write_text("a0: &a0 [x]\n" + bomb)
    with pytest.raises(InputError, match="line 2: aliases .* are not allowed"):
        wildcards.load(folder, ["__clothing__"])


def test_a_name_that_is_drawn_itself_is_refused(folder):
    with pytest.raises(InputError, match=r"'__\{a\|b\}/x__' is a wildcard with wildcards in its name"):
        wildcards.load(folder, ["a __{a|b}/x__"])
    assert set(wildcards.load(folder, ["__pet__{a|b}__animals/dog__"])) == {"animals/dog", "pet"}


def test_double_underscores_in_the_name_of_a_lora_are_wildcards_only_where_there_is_a_file(folder):
    text = "<lora:a__b__c:1> <lora:x-__pet__:1>"
    lists = wildcards.load(folder, [text])
    assert set(lists) == {"pet", "animals/dog"}
    assert wildcards.expanded(text, {**lists, "pet": ("ink",)}, "1") == "<lora:a__b__c:1> <lora:x-ink:1>"
