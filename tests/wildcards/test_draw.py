import time

import pytest

from studio import wildcards
from studio.config import Settings
from studio.errors import InputError
from studio.job import Job
from studio.session import Session

LISTS = {"colour": ("red", "navy"), "star": ("a __colour__ star", "a {big|small} sun"), "odd": ("(__colour__:1.2)",)}


def drawn(text, lists=LISTS, seeds=40):
    return {wildcards.expanded(text, lists, str(seed)) for seed in range(seeds)}


@pytest.mark.parametrize(
    ("text", "all_of_them"),
    [
        ("a {red|navy} star", {"a red star", "a navy star"}),
        ("{a {b|c}|d}", {"a b", "a c", "d"}),
        ("{|very }big", {"big", "very big"}),
        ("a __colour__ star", {"a red star", "a navy star"}),
        ("__star__", {"a red star", "a navy star", "a big sun", "a small sun"}),
        ("{__colour__|{x}}", {"red", "navy", "{x}"}),
        ("__odd__", {"(red:1.2)", "(navy:1.2)"}),
    ],
)
def test_each_that_may_be_drawn_is_and_nothing_else(text, all_of_them):
    assert drawn(text) == all_of_them
    assert wildcards.first(text)
    assert not any(map(wildcards.first, all_of_them))


@pytest.mark.parametrize(
    "text",
    ["", "plain", "a {subject}", "{a", "a|b}", "{a|b", "}{", "a|b", r"\{a|b\}", r"a \{ {b} | \}", "__", "____",
     "snake_case_name", "__a b__", r"\__colour__", "_colour_", "__../secret__", "__/etc/passwd__"],
)  # fmt: skip
def test_what_is_no_wildcard_stays_as_it_is(text):
    assert drawn(text) == {text}
    assert wildcards.first(text) == ""


def test_the_same_seed_draws_the_same_and_the_draws_are_even():
    many = "{a|b|c|d}" * 400
    assert wildcards.expanded(many, {}, "7") == wildcards.expanded(many, {}, "7")
    counts = [wildcards.expanded(many, {}, "7").count(letter) for letter in "abcd"]
    assert min(counts) > 70


def test_growth_has_an_end():
    with pytest.raises(InputError, match="over 500 wildcards"):
        drawn("{a|b}" * 501, seeds=1)
    with pytest.raises(InputError, match="over 10,000 letters"):
        drawn("__long__" * 30, {"long": ("x" * 400,)}, seeds=1)
    with pytest.raises(InputError, match="'a' names itself, by way of a > b > a"):
        drawn("__a__", {"a": ("__b__",), "b": ("__a__",)}, seeds=1)
    with pytest.raises(InputError, match="nested over 50 deep"):
        drawn("{" * 60 + "}" * 60, seeds=1)
    began = time.process_time()
    for hostile in ("{" * 10_000, "{}" * 5_000, "{" * 5_000 + "|" * 4_999, "_" * 10_000):
        assert wildcards.first(hostile) == ""
        wildcards.expanded(hostile, LISTS, "1")
    assert time.process_time() - began < 3


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
        ("empty", "holds no line"),
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


def asked(text_to_image, **values):
    return Job.of(text_to_image, {"prompt": "a {red|navy|teal} star on __pet__", "seed": 3, "count": 20, **values})


def test_a_picture_s_job_holds_the_words_that_were_drawn(text_to_image, folder):
    job = asked(text_to_image).with_wildcards(folder)
    prompts = [job.alone(n).values["prompt"] for n in range(job.total)]
    assert len(set(prompts)) > 5
    assert not any("{" in prompt or "__" in prompt for prompt in prompts)
    alone = job.alone(7)
    assert (alone.draws, alone.wildcards) == ((), {})
    assert alone.alone(0) == alone == Job.from_json(alone.model_dump_json())


def test_a_job_carries_its_wildcards_where_the_folder_is_not(text_to_image, folder, tmp_path):
    job = asked(text_to_image).with_wildcards(folder)
    sent = Job.from_json(job.model_dump_json()).with_wildcards(tmp_path / "nowhere")
    assert sent.alone(4) == job.alone(4)


def test_a_plain_prompt_draws_nothing(text_to_image, tmp_path):
    job = Job.of(text_to_image, {"prompt": "a {subject} (red:1.2)", "negative_prompt": "{a|b}"})
    assert job.draws == ("negative_prompt",)
    assert job.alone(0).values["prompt"] == "a {subject} (red:1.2)"
    assert job.alone(0).values["negative_prompt"] in ("a", "b")


def test_the_same_seed_says_the_same_in_each_combination(write_workflow):
    from studio.workflow import Workflow

    workflow = Workflow.load(
        write_workflow(
            "title: x\ninputs:\n  prompt: d.prompt\n  size: {of: d.size, each: true}\nsteps: {d: {use: generate}}\n"
        )
    )
    job = Job.of(workflow, {"prompt": "{a|b|c|d|e|f}", "size": ["64x64", "64x128"], "seed": 1, "count": 2})
    one, other, later, _ = (job.alone(n).values["prompt"] for n in range(4))
    assert one == other != later


def test_a_seed_of_their_own_draws_the_same_words_for_every_picture(text_to_image, folder):
    jobs = [asked(text_to_image, seed=seed, wildcard_seed=5).with_wildcards(folder) for seed in (3, 900)]
    words = {job.alone(n).values["prompt"] for job in jobs for n in range(20)}
    assert len(words) == 1
    other = {
        asked(text_to_image, wildcard_seed=lot).with_wildcards(folder).alone(0).values["prompt"] for lot in range(20)
    }
    assert len(other) > 5


def test_it_goes_with_a_job_and_not_with_a_picture(text_to_image, folder):
    job = asked(text_to_image, wildcard_seed=0).with_wildcards(folder)
    assert Job.from_json(job.model_dump_json()).alone(4) == job.alone(4)
    assert job.with_values({"seed": 8}).with_wildcards(folder).alone(0).values == job.alone(0).values
    assert "wildcard_seed" not in job.alone(0).values
    assert job.checked()
    assert asked(text_to_image).values.keys() == job.values.keys() - {"wildcard_seed"}


def test_only_a_workflow_with_a_prompt_asks_for_it(write_workflow):
    from studio.workflow import Workflow

    text = "title: x\ninputs: {picture: e.image}\nsteps: {e: {use: edit, prompt: a star}}\n"
    assert "wildcard_seed" not in Workflow.load(write_workflow(text)).form().model_fields


def test_a_prompt_in_a_list_is_drawn_too(write_workflow):
    from studio.workflow import Workflow

    workflow = Workflow.load(
        write_workflow("title: x\ninputs:\n  prompt: {of: d.prompt, each: true}\nsteps: {d: {use: generate}}\n")
    )
    job = Job.of(workflow, {"prompt": "a {red|blue} star, sea", "seed": 1})
    assert job.total == 2
    assert job.alone(0).values["prompt"] in (["a red star"], ["a blue star"])


def test_the_session_reads_them_from_its_settings_before_anything_starts(text_to_image, folder, tmp_path):
    session = Session(Settings(device="cpu", state=tmp_path / "state", wildcards=folder))
    job = Job.of(text_to_image, {"prompt": "__pet__", "steps": 1, "size": "64x64", "seed": 5})
    (picture,) = session.run(job, out=tmp_path / "out")
    assert picture.job.values["prompt"] in ("a pug", "a husky", "a cat")
    assert picture.record["job"]["values"]["prompt"] == picture.job.values["prompt"]
    with pytest.raises(InputError, match="no wildcard 'none'"):
        session.submit(Job.of(text_to_image, {"prompt": "__none__"}))
    session.close()
