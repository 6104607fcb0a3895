"""Workers without a model, for what is about the machines and not the pictures."""

import os
import time
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.runtime.events import Step
from studio.runtime.executors.ray_worker import RemotePicture
from studio.version import VERSION


class Quick:
    """A dot for a picture, as fast as it goes; notes each job and who had it in the folder STUDIO_NOTES."""

    seconds = 0.0

    def version(self):
        return VERSION, "here"

    def make(self, job):
        notes = Path(os.environ["STUDIO_NOTES"])
        with (notes / f"{os.getpid()}.txt").open("a") as file:
            file.write(job + "\n")
        time.sleep(self.seconds)
        data, info = BytesIO(), PngInfo()
        info.add_text("studio", f'{{"job": {job}}}')
        Image.new("RGB", (2, 2), "red").save(data, "PNG", pnginfo=info)
        return RemotePicture(data.getvalue())


class Fragile(Quick):
    """Dies over the first picture it is asked for, wherever it is; its heir makes it."""

    def stream(self, job, number, of, previews):
        yield Step(number + 1, of, 1, 1, None)
        died = Path(os.environ["STUDIO_NOTES"]) / "died"
        if not died.exists():
            died.touch()
            os._exit(9)
        yield self.make(job)

    def stop(self):
        pass


class Slow(Quick):
    """Takes a while, so that there is time to lose a worker or to gain one."""

    seconds = 0.3


class Old(Quick):
    """Of another version."""

    def version(self):
        return "0.0.0", "attic"


class Deadly(Quick):
    """Takes its process along with one job."""

    def make(self, job):
        if "poison" in job:
            os._exit(9)
        return super().make(job)
