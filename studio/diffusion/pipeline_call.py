"""One forward pass: the pictures of several orders, whose words may differ."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL.Image import Image

from studio.diffusion import not_finite
from studio.diffusion.conditioning.conditioned_pipeline import Guided, guided
from studio.diffusion.preview import Previews
from studio.diffusion.prompts import encode
from studio.diffusion.prompts.encode import Conditioning
from studio.diffusion.prompts.prompt_scheduling import Composition
from studio.diffusion.run_metadata import account
from studio.diffusion.sample_request import Order
from studio.diffusion.samplers import scheduler
from studio.diffusion.seamless import seamless
from studio.diffusion.step_callback import Heard, watched
from studio.lora import loading
from studio.parameters.request import Request

if TYPE_CHECKING:
    import torch

Words = tuple[Conditioning, ...]


class Pass(NamedTuple):
    """What a forward pass made, and the account of it."""

    made: dict[Order, Image]
    account: dict[str, Any]


def forward(orders: Sequence[Order]) -> Pass:
    """The pictures of those orders whose words can be heard together with the first one's: all, or some.

    Orders are ones that go with each other. Raises whatever torch does where memory runs out.
    """
    card, request = orders[0].card, orders[0].request
    noise, aligned = card.family.capabilities.noise, card.family.capabilities.ays_sigmas
    with (
        guided(orders[0].pipelines, card, *(order.request for order in orders)) as given,
        seamless(given.pipeline, across=request.across, down=request.down),
        scheduler.swapped(given.pipeline, request, noise, aligned),
    ):
        some, words = _of_one_form(orders, [_words(given, order) for order in orders])
        images = _called(given, some, Composition(words))
        worn = given.stack.account()
        told = account(given.pipeline, card, request) | ({"loras": worn} if worn else {})
    return Pass(dict(zip(some, images, strict=True)), told)


def _words(given: Guided, order: Order) -> Words:
    """What an order's prompts say, read by us where the family's text encoders let us."""
    if not order.card.family.capabilities.prompt_weighting:
        return ()
    return encode.conditionings(given.pipeline, order.request, given.recall)


def _of_one_form(orders: Sequence[Order], words: Sequence[Words]) -> tuple[list[Order], list[Words]]:
    """Those whose words have the form of the first one's: padding would change the others a little."""
    form = _form(words[0])
    pairs = [pair for pair in zip(orders, words, strict=True) if _form(pair[1]) == form]
    return [order for order, _ in pairs], [read for _, read in pairs]


def _form(words: Words) -> tuple[int, ...]:
    """Tokens and parts joined by AND; nothing where the pipeline reads the prompt itself."""
    return (words[0].negative.hidden.shape[1], len(words[0].parts)) if words else ()


def _called(given: Guided, orders: Sequence[Order], words: Composition) -> list[Image]:
    """The pictures of one call of the pipeline."""
    pipeline = given.pipeline
    with watched(pipeline, _heard(given.stack, orders)), words.acting(pipeline), not_finite.decoding(pipeline):
        called = _arguments(orders, words) | words.callback(pipeline) | given.arguments
        return list(pipeline(**called).images)


def _heard(stack: loading.Stack, orders: Sequence[Order]) -> Heard:
    """What is done after each step: LoRAs change, previews where they are wanted, each order hears of it.

    The first order hears last, when the others have.
    """
    first = orders[0]

    def show(place: int, jpeg: bytes) -> None:
        if wanted := orders[place].show:
            wanted(jpeg)

    shown = any(order.show for order in orders)
    ratio = first.request.width / first.request.height
    previews = Previews(first.pipelines.colours(first.card), show, ratio) if shown else None

    def heard(step: int, steps: int, clean: "torch.Tensor") -> None:
        stack.after(step, steps)
        if previews:
            previews.offer(clean)
        for order in reversed(orders):
            order.report(step, steps)

    return heard


def _arguments(orders: Sequence[Order], words: Composition) -> dict[str, Any]:
    """What the pipeline is called with: what all orders have in common, and lists of what they have not."""
    requests = [encode.plain(order.request) for order in orders]
    arguments = orders[0].card.family.arguments(requests[0].task, requests[0])
    for name in {"prompt", "negative_prompt"} & arguments.keys():
        del arguments[name]
        arguments |= {} if words else {name: [getattr(request, name) for request in requests]}
    return arguments | words.arguments() | _pictures(requests) | _hand_over(requests[0]) | _generators(orders)


def _pictures(requests: Sequence[Request]) -> dict[str, Any]:
    given = {"image": [request.image for request in requests], "mask_image": [request.mask for request in requests]}
    return {name: each for name, each in given.items() if each[0] is not None}


def _hand_over(request: Request) -> dict[str, Any]:
    """Where on the way from noise to picture a model stops or begins, in the library's words."""
    stops = {} if request.until is None else {"denoising_end": request.until, "output_type": "latent"}
    return stops if request.since is None else {**stops, "denoising_start": request.since}


def _generators(orders: Sequence[Order]) -> dict[str, Any]:
    import torch

    return {"generator": [torch.Generator("cpu").manual_seed(order.seed) for order in orders]}
