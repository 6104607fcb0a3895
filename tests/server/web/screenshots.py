"""Photograph the web app for the documentation: ``python -m tests.server.web.screenshots``.

Writes web-light.png, web-dark.png, web-phone.png and web-gallery.png to assets/pictures, each at most 300 KB.
"""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from studio.config import shipped
from tests.served import serving
from tests.server.browser import chromium
from tests.server.web.conftest import Client, fill, over

_LARGEST = 300_000
_PROMPTS = ("sunset over hills, flat illustration", "a white cloud on cyan", "night sky with moon and stars")


def main() -> None:
    """Make a few pictures and photograph the page that shows them."""
    with TemporaryDirectory() as home, serving(Path(home)) as server, chromium() as browser:
        client = Client(browser, server)
        for prompt in _PROMPTS:
            server.session.find(server.job(prompt=prompt, steps=20, seed=4)).wait(300)
        make(client.open("text-to-image"), "web-light.png")
        look(client.open("activity", scheme="dark", height=700), "web-dark.png")
        look(client.open(width=390, height=780), "web-phone.png")
        look(client.open("gallery", height=700), "web-gallery.png")


def make(page, name):
    """The stage with four pictures."""
    form = fill(page, prompt="mountains with snow, flat illustration", steps=20, count=4)
    form.locator(".generate").click()
    if (more := form.locator(".more > button")).count():
        more.click()
    page.set_default_timeout(300_000)
    page.wait_for_selector(".strip li:nth-child(4)")
    over(page)
    page.locator(".strip button").first.click()
    page.locator("#forms").evaluate("(form) => form.scrollTo(0, 0)")
    look(page, name)


def look(page, name):
    """Photograph what is seen, with as many colours as fit the size."""
    page.wait_for_timeout(1500)
    seen = Image.open(BytesIO(page.screenshot())).convert("RGB")
    for colours in (256, 128, 64):
        seen.quantize(colours, dither=Image.Dither.NONE).save(data := BytesIO(), "PNG", optimize=True)
        if data.tell() <= _LARGEST:
            break
    (shipped("assets") / "pictures" / name).write_bytes(data.getvalue())
    print(shipped("assets") / "pictures" / name, f"{data.tell() / 1000:.0f} KB")


if __name__ == "__main__":
    main()
