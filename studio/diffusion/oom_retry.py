"""Orders in as many forward passes as memory allows; where it runs out all the same, on with less.

There are three rungs at most: one picture a pass, decoding in tiles, offload. Each that was taken is in the
account of the passes after it, and so in the record of their pictures.
"""

from collections.abc import Callable, Iterator, Sequence

from PIL.Image import Image

from studio.diffusion.memory import plan as memory
from studio.diffusion.memory.plan import Plan
from studio.diffusion.pipeline_call import Pass, forward
from studio.diffusion.sample_request import Order
from studio.errors import OutOfMemory
from studio.tensors import hardware

Draw = Callable[[Order], Image]
"""Draws the picture of an order."""


def draw(order: Order) -> Image:
    """The picture of the order, in a pass of its own."""
    return in_passes([order])[0]


def in_passes(orders: Sequence[Order]) -> list[Image]:
    """The picture of each of orders that go together. Raises OutOfMemory where all rungs were taken in vain."""
    first = orders[0]
    with first.pipelines.alone:
        passes = list(_passes(orders, first.pipelines.plan(first.card, first.request, len(orders))))
    made = {order: image for one in passes for order, image in one.made.items()}
    for one in passes:
        for place, order in enumerate(one.made, 1):
            order.note({**one.account, "pictures": len(one.made), "place": place})
    return [made[order] for order in orders]


def _passes(orders: Sequence[Order], plan: Plan) -> Iterator[Pass]:
    todo, rungs = list(orders), list[str]()
    while todo:
        done = _tried(todo[: plan.batch])
        if done is None:
            plan = _smaller(todo[0], plan, rungs)
        else:
            yield done._replace(account=done.account | {"plan": plan.facts(), "ran_out": list(rungs)})
            todo = [order for order in todo if order not in done.made]


def _tried(orders: Sequence[Order]) -> Pass | None:
    """One pass, None where memory ran out; all that it had begun is freed."""
    try:
        return forward(orders)
    except Exception as error:
        if not memory.ran_out(error):
            raise
    hardware.release_memory()
    return None


def _smaller(order: Order, plan: Plan, rungs: list[str]) -> Plan:
    """The plan of the next rung, which the model is kept by from now on; all else leaves memory."""
    pipelines, card, request = order.pipelines, order.card, order.request
    pipelines.make_room(card, request)
    forecast = pipelines.forecast(card, request)
    smaller = plan.smaller(forecast.places(plan.storage))
    if smaller is None:
        pipelines.drop(card)
        raise OutOfMemory(
            f"{card.name} at {request.width}x{request.height} does not fit into memory, not even one picture at a "
            "time and in tiles; draw it smaller, close other programs, or take a smaller model"
        )
    rungs.append(_words(plan, smaller))
    pipelines.adopt(card, smaller, forecast.resting(smaller))
    return smaller


def _words(before: Plan, after: Plan) -> str:
    if before.batch != after.batch:
        return f"{before.batch} pictures in a pass → 1"
    return "decoded whole → in tiles" if before.tiled != after.tiled else f"{before.placement.name} → offload".lower()
