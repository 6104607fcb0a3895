"""How quick the gallery is with 10,000 pictures: ``python -m tests.server.web.gallery_speed``.

Prints medians over browsers that have never been here: from the click until every picture in view is painted, and how
much of a frame scrolling takes; each as time on the clock and as the processor's time of the page's main thread, which
a busy machine does not stretch. The small copies of the pictures are there, as after a first look; making one is timed
by itself.
"""

import json
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio.galleries.gallery import Gallery
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.server.browser import chromium
from tests.server.web.speed import app

_PICTURES, _OPENINGS, _FRAMES = 10_000, 9, 120
_COLOURS = ("navy", "teal", "gold", "crimson", "olive", "plum", "orange")
_FIRST = """() => new Promise((done) => {
    const began = performance.now();
    document.querySelector('.top a[data-page=gallery]').click();
    const look = () => {
        const every = [...document.querySelectorAll('.gallery .grid img')];
        const seen = every.filter((one) => one.getBoundingClientRect().top < innerHeight);
        if (!seen.length || !seen.every((one) => one.complete && one.naturalWidth)) return requestAnimationFrame(look);
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    };
    look();
})"""
_SCROLL = """async ([pixels, frames]) => {
    const times = [];
    for (let n = 0, last = performance.now(); n < frames; n++) {
        scrollBy(0, pixels);
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - last);
        last = performance.now();
    }
    return times.sort((a, b) => a - b);
}"""


def main() -> None:
    """Make the pictures, then open the gallery a few times and scroll through it."""
    with TemporaryDirectory() as home:
        fill(Path(home))
        with app(Path(home)) as address, chromium() as browser:
            openings = [opened(browser, address) for _ in range(_OPENINGS)]
            print("from the click until all in view is painted: {:.0f} ms; main thread {:.0f} ms".format(
                *map(median, zip(*openings, strict=True))))  # fmt: skip
            scrolled(browser, address)


def fill(home: Path) -> None:
    """Pictures, their index, and the small copies of the newest."""
    job = Job.of(Workflow.load("text-to-image"), {"prompt": "", "seed": 0})
    models = {"spark": {"licence": "apache-2.0"}}
    (home / "pictures").mkdir()
    for n in range(_PICTURES):
        image, colour = Image.new("RGB", (512, 512), "antiquewhite"), _COLOURS[n % len(_COLOURS)]
        x, y = n * 97 % 512, n * 61 % 512
        ImageDraw.Draw(image).ellipse((x - 120, y - 120, x + 120, y + 120), fill=colour)
        prompt = f"a {colour} circle, number {n}"
        own = job.model_copy(update={"seed": n, "values": {**job.values, "prompt": prompt}})
        info = PngInfo()
        info.add_text("studio", json.dumps({"job": own.model_dump(mode="json"), "prompt": prompt, "models": models}))
        image.save(home / "pictures" / f"{n:05}.png", pnginfo=info)  # not published: ten thousand syncs take minutes
    began, gallery = time.perf_counter(), Gallery(home / "state", [home / "pictures"])
    gallery.refresh()
    print(f"an index of {_PICTURES:,} pictures: {time.perf_counter() - began:.0f} s")
    began, newest = time.process_time(), gallery.find(most=300).entries
    for entry in newest:
        gallery.thumbnail(entry.id)
    print(f"a small copy: {(time.process_time() - began) / len(newest) * 1000:.0f} ms of the processor's time")
    gallery.close()


def opened(browser, address):
    """Milliseconds from the click to the pictures: on the clock, and of the main thread."""
    with browser.new_context(viewport={"width": 1360, "height": 860}) as context:
        page, busy = watched(context, address)
        before = busy()
        return page.evaluate(_FIRST), busy() - before


def scrolled(browser, address):
    """Print what frames take, scrolling slowly, quickly, and by the scroll bar."""
    with browser.new_context(viewport={"width": 1360, "height": 860}) as context:
        page, busy = watched(context, address)
        page.evaluate(_FIRST)
        for pixels in (60, 600, 6000):
            page.wait_for_timeout(2000)
            before, times = busy(), page.evaluate(_SCROLL, [pixels, _FRAMES])
            most = page.locator(".gallery [role=option]").count()
            print(
                f"scrolling {pixels} pixels a frame: median {median(times):.1f} ms, 95 of 100 within "
                f"{times[len(times) * 95 // 100]:.1f} ms, main thread {(busy() - before) / _FRAMES:.1f} ms a frame, "
                f"{most} squares on the page"
            )


def watched(context, address):
    """The page, ready and calm, and a function that tells the milliseconds its main thread has worked."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body.ready")
    page.wait_for_timeout(1500)
    told = context.new_cdp_session(page)
    told.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy():
        every = {one["name"]: one["value"] for one in told.send("Performance.getMetrics")["metrics"]}
        return every["TaskDuration"] * 1000

    return page, busy


if __name__ == "__main__":
    main()
