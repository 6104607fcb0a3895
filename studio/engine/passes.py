"""A batch in as many forward passes as memory allows; where it runs out all the same, on with less.

There are three rungs at most: one picture a pass, decoding in tiles, offload. Each that was taken is in the
account of the passes after it, and so in the record of their pictures.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.engine import hardware, memory
from studio.engine.memory import Plan
from studio.engine.preview import Show
from studio.errors import OutOfMemory
from studio.models.card import ModelCard
from studio.request import Request

if TYPE_CHECKING:
    from studio.engine.engine import Engine


def in_passes(engine: "Engine", card: ModelCard, request: Request) -> list[Image]:
    """One picture for each of the engine's seeds. Raises OutOfMemory where all rungs were taken in vain."""
    plan = engine.pipelines.plan(card, request, len(engine.seeds))
    made: list[Image] = []
    rungs: list[str] = []
    while len(made) < len(engine.seeds):
        first, last = len(made), min(len(made) + plan.batch, len(engine.seeds))
        asked = request if last - first == len(engine.seeds) else request.some(first, last)
        more = _tried(_some(engine, first, last, plan, rungs), card, asked)
        if more is None:
            plan = _smaller(engine, card, request, plan, rungs)
        else:
            made += more
    return made


def _tried(engine: "Engine", card: ModelCard, request: Request) -> list[Image] | None:
    """The pictures of one pass, None where memory ran out; all that it had begun is freed."""
    try:
        return engine.forward(card, request)
    except Exception as error:
        if not memory.ran_out(error):
            raise
    hardware.give_back()
    return None


def _smaller(engine: "Engine", card: ModelCard, request: Request, plan: Plan, rungs: list[str]) -> Plan:
    """The plan of the next rung, which the model is kept by from now on; all else leaves memory."""
    engine.pipelines.make_room(card, request)
    forecast = engine.pipelines.forecast(card, request)
    smaller = plan.smaller(forecast.places(plan.storage))
    if smaller is None:
        engine.pipelines.drop(card)
        raise OutOfMemory(
            f"{card.name} at {request.width}x{request.height} does not fit into memory, not even one picture at a "
            "time and in tiles; draw it smaller, close other programs, or take a smaller model"
        )
    rungs.append(_words(plan, smaller))
    engine.pipelines.adopt(card, smaller, forecast.resting(smaller))
    return smaller


def _words(before: Plan, after: Plan) -> str:
    if before.batch != after.batch:
        return f"{before.batch} pictures in a pass → 1"
    return "decoded whole → in tiles" if before.tiled != after.tiled else f"{before.placement.name} → offload".lower()


def _some(engine: "Engine", first: int, last: int, plan: Plan, rungs: list[str]) -> "Engine":
    """The engine for some of its pictures, whose reports and previews count among all of them."""
    count, some = len(engine.seeds), last - first

    def report(step: int, steps: int) -> None:
        engine.report(first * steps + step * some, count * steps)

    def note(account: dict[str, Any]) -> None:
        engine.note({**account, "pictures": some, "plan": plan.facts(), "ran_out": list(rungs)})

    if some == count:
        return replace(engine, note=note)
    return replace(engine, seeds=engine.seeds[first:last], report=report, show=_moved(engine.show, first), note=note)


def _moved(show: Show | None, by: int) -> Show | None:
    """Previews of pictures whose places in the batch begin at ``by``."""
    return show and (lambda place, jpeg: show(by + place, jpeg))
