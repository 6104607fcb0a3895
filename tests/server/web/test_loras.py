"""The stack of LoRAs on the page: from cards to rows to a job."""

import pytest

from tests import here
from tests.server.web.conftest import fill
from tests.server.web.test_looks import violations

pytestmark = pytest.mark.usefixtures("parts")


@pytest.fixture
def other(monkeypatch, card):
    """Another kind of model to choose."""
    from studio.models.model_index import ModelIndex

    xl, find, names = card("sdxl"), ModelIndex.find, [*here.models().names(), "xl-model"]
    monkeypatch.setattr(ModelIndex, "find", lambda index, ref: xl if ref == "xl-model" else find(index, ref))
    monkeypatch.setattr(ModelIndex, "names", lambda _: names)


def opened(client, scheme="light", width=1360):
    form = client.open("text-to-image", scheme=scheme, width=width).locator("#make-text-to-image")
    form.get_by_text("Add a LoRA").click()
    form.get_by_role("button", name="Add neon").wait_for()
    return form


def test_a_card_becomes_a_row_and_the_row_a_job(client, server):
    form = opened(client)
    assert form.get_by_role("button", name="Add xl").is_disabled()
    assert "made for Stable Diffusion XL" in form.locator(".studio-cards").inner_text()
    for name in ("neon", "paper"):
        form.get_by_role("button", name=f"Add {name}").click()
    form.get_by_role("button", name="neon lines").first.click()
    assert form.locator(".kind-prompt textarea").first.input_value() == "neon lines"
    form.get_by_role("spinbutton", name="Weight of neon").fill("0.65")
    form.get_by_role("switch", name="Use paper").click()
    form.locator(".studio-advanced summary").first.click()
    form.get_by_label("From", exact=True).first.fill("0.2")
    fill(form.page, prompt="neon lines, a star").locator(".generate").click()
    form.page.wait_for_selector(".stage:not([data-state=empty])")
    assert server.session.runs(1)[0].job.values["loras"] == ["neon:0.65:from=0.2"]


def test_restoring_brings_the_stack_back_and_removing_takes_off(client, server):
    made = server.job(loras=["neon:0.5:mid_block=0"])
    server.session.find(made).cancel()
    form = opened(client)
    recipe = {"workflow": "text-to-image", "values": server.session.find(made).job.values}
    form.page.evaluate(
        """(recipe) => {
            const box = document.querySelector("#recipe textarea, #recipe input");
            box.value = JSON.stringify(recipe);
            box.dispatchEvent(new Event("input", { bubbles: true }));
            setTimeout(() => document.querySelector("#restore").click(), 100);
        }""",
        recipe,
    )
    weight = form.get_by_role("spinbutton", name="Weight of neon")
    weight.wait_for()
    assert (weight.input_value(), form.get_by_label("Block weights").input_value()) == ("0.5", "mid_block=0")
    form.get_by_role("button", name="Remove neon").click()
    assert form.locator(".studio-lora").count() == 0


def test_another_model_greys_what_does_not_fit_it(client, other):
    form = opened(client)
    form.get_by_role("button", name="Add neon").click()
    form.locator(".more > button").click()
    form.locator(".kind-model input").click()
    form.page.get_by_role("option", name="xl-model").click()
    form.locator(".studio-lora .studio-unfit").wait_for()
    assert form.get_by_role("button", name="Add neon").is_disabled()


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1360)])
def test_everybody_can_use_it(client, scheme, width):
    form = opened(client, scheme, width)
    form.get_by_role("button", name="Add neon").click()
    form.locator(".studio-advanced summary").click()
    form.get_by_role("switch", name="Use neon").press("Space")
    assert violations(form.page) == []
    assert form.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_number_that_is_left_open_stays_open(client, server):
    form = client.open("text-to-image").locator("#make-text-to-image")
    form.locator(".more > button").click()
    form.get_by_label("Steps").wait_for()
    assert form.get_by_label("Guidance").input_value() == ""
    form.locator(".kind-prompt textarea").first.fill("a star")
    form.locator(".generate").click()
    form.page.wait_for_selector(".stage:not([data-state=empty])")
    values = server.session.runs(1)[0].job.values
    assert (values["steps"], values["guidance"]) == (20, 2)
