"""A form keeps what is filled in, and whoever presses Generate gets a picture or a reason."""

import re
from pathlib import Path

from studio.workflow.workflow import workflow_names
from tests.server.web.conftest import drop, fill, over


def prompt(page, workflow="text-to-image"):
    return page.locator(f"#make-{workflow} .kind-prompt textarea").first


def open_more(page, workflow="text-to-image"):
    form = page.locator(f"#make-{workflow}")
    form.locator(".more > button").click()
    form.locator(".more .block").first.wait_for()
    return form


def go(page, workflow):
    page.evaluate("(name) => { location.hash = name }", workflow)
    page.locator(f"#make-{workflow} .generate").wait_for()


def test_after_settings_came_into_one_form_every_other_one_still_answers(page, server):
    drop(page, server.picture())
    page.wait_for_selector("#toast.up")
    with server.held(0):
        for workflow in workflow_names():
            go(page, workflow)
            form = page.locator(f"#make-{workflow}")
            for box in form.locator(".kind-prompt textarea, .kind-text :is(textarea, input)").all():
                if box.is_visible() and not box.input_value():
                    box.fill("a star")
            before = {run.id for run in server.session.runs(50)}
            form.locator(".generate").click()
            answered = """([workflow, jobs]) => fetch("api/jobs?most=50").then((answer) => answer.json())
                .then((now) => now.some((job) => !jobs.includes(job.id))
                    || document.querySelector(`#make-${workflow} .problem p`))"""
            page.wait_for_function(answered, arg=[workflow, list(before)])
            for run in server.session.runs(50):
                run.cancel()


def test_after_settings_came_into_one_form_another_still_takes_pictures_that_gradio_cannot_open(page, server, tmp_path):
    """Its handlers rebuild every component that they leave out, so nothing may hang on one of them."""
    picture = server.picture()
    data = bytearray(picture.read_bytes())
    text = next(data.index(kind) for kind in (b"iTXt", b"tEXt", b"zTXt") if kind in data)
    data[text + 4 + int.from_bytes(data[text - 4 : text])] ^= 1  # its checksum is wrong now
    (sent := tmp_path / "sent.png").write_bytes(data)
    drop(page, picture)
    page.wait_for_selector("#toast.up")
    go(page, "upscale")
    page.set_input_files("#make-upscale .kind-picture input[type=file]", sent)
    page.wait_for_selector("#make-upscale .kind-picture img")
    before = {run.id for run in server.session.runs(50)}
    with server.held(0):
        page.click("#make-upscale .generate")
        page.wait_for_selector(".stage[data-state=live]")
        run = server.session.runs(1)[0]
        run.cancel()
    assert run.id not in before
    assert Path(run.job.values["image"]).read_bytes() == sent.read_bytes()


def test_a_reload_keeps_the_form_and_shows_the_picture_again(page, server):
    go(page, "text-to-image")
    fill(page, prompt="a blue moon", steps=3).locator(".generate").click()
    over(page)
    prompt(page).fill("a blue moon on white")
    page.reload()
    page.wait_for_selector("body.ready")
    over(page)
    page.wait_for_function(
        "document.querySelector('#make-text-to-image .kind-prompt textarea').value.endsWith('white')"
    )
    assert open_more(page).get_by_label("Steps").input_value() == "3"


def test_without_a_connection_the_form_says_so_and_keeps_everything(page):
    go(page, "text-to-image")
    prompt(page).fill("a green leaf")
    page.context.set_offline(True)
    page.click("#make-text-to-image .generate")
    page.get_by_text("Can't reach the studio. Is it still running?").first.wait_for()
    with page.expect_navigation():  # Gradio loads the page again once it is reached
        page.context.set_offline(False)
    page.wait_for_selector("body.ready")
    page.wait_for_function(
        "document.querySelector('#make-text-to-image .kind-prompt textarea').value === 'a green leaf'"
    )


def test_numbers_may_be_empty_and_what_is_no_number_is_refused_by_name(page, server):
    go(page, "text-to-image")
    prompt(page).fill("a star")
    steps = open_more(page).get_by_label("Steps")
    assert page.get_by_label("Seed", exact=True).get_attribute("placeholder") == "Random"
    steps.fill("5000")
    page.click("#make-text-to-image .generate")
    problem = page.locator("#make-text-to-image .problem p")
    problem.wait_for()
    assert problem.inner_text().startswith("Steps: ")
    steps.fill("")
    with server.held(0):
        page.click("#make-text-to-image .generate")
        page.wait_for_selector(".stage[data-state=live]")
        job = server.session.runs(1)[0]
        job.cancel()
    assert job.job.values["steps"] == 20


def test_an_unknown_model_is_refused_and_never_replaced(page):
    go(page, "text-to-image")
    prompt(page).fill("a star")
    model = open_more(page).locator(".kind-model input")
    model.fill("no-such-model")
    model.press("Tab")
    page.click("#make-text-to-image .generate")
    problem = page.locator("#make-text-to-image .problem p")
    problem.wait_for()
    assert "no-such-model" in problem.inner_text()


def test_escape_in_an_open_list_closes_it_and_stops_nothing(page, server):
    go(page, "text-to-image")
    with server.held(1):
        fill(page).locator(".generate").click()
        server.running()
        sampler = page.locator("#make-text-to-image .kind-sampler input")
        sampler.click()
        page.wait_for_selector("[role=option]")
        sampler.press("Escape")
        page.wait_for_selector("[role=option]", state="detached")
        assert server.session.runs(1)[0].state == "running"


def test_styles_show_which_of_them_are_in_the_prompt(page):
    go(page, "text-to-image")
    prompt(page).fill("a boat")
    page.click("#make-text-to-image .styles summary")
    poster = page.locator("#make-text-to-image .styles button", has_text=re.compile("Poster"))
    poster.click()
    assert poster.get_attribute("aria-pressed") == "true"
    prompt(page).fill("a boat")
    assert poster.get_attribute("aria-pressed") == "false"


def test_what_needs_a_model_of_ones_own_says_so(page):
    cards = page.locator(".card[data-workflow]:has(.badge)")
    marked = {card.get_attribute("data-workflow") for card in cards.all()}
    assert marked == {"controlnet", "instruct", "reference"}
    for workflow in marked:
        go(page, workflow)
        assert "Needs a model of your own." in page.inner_text(f"#make-{workflow} .needs")


def test_nothing_is_generated_before_restored_settings_are_in_the_form(page, server):
    path = server.picture(prompt="a teal moon", seed=77)
    go(page, "text-to-image")
    form = fill(page)
    page.evaluate(
        "document.querySelector('#restore').addEventListener('click', (it) => it.stopImmediatePropagation(), true)"
    )
    drop(page, path)
    page.wait_for_selector("body.restoring")
    assert form.locator(".generate").evaluate("it => getComputedStyle(it).pointerEvents") == "none"
    page.keyboard.press("Control+Enter")
    assert server.session.runs(1)[0].job.values["prompt"] == "a teal moon"
