"""The API as a FastAPI app, to be put behind the guard."""

from typing import Any

from fastapi import FastAPI

from studio.runtime.session import Session
from studio.server.api import (
    a1111,
    a1111_lists,
    a1111_settings,
    batches,
    docs,
    gallery,
    jobs,
    loras,
    openai,
    openai_edits,
)
from studio.server.api.problems import AsciiJSONResponse, answer_with_problems
from studio.server.batch_store import BatchStore
from studio.server.signed import SignedUrls
from studio.version import VERSION


def build(session: Session, store: BatchStore | None = None, signed: SignedUrls | None = None) -> FastAPI:
    """The app that serves ``session``, and its batches if there is a ``store``.

    ``signed`` makes the URLs that the guard opens without a token; without it, no URLs are returned. The app has no
    guard of its own and must not be served without one.
    """

    app = FastAPI(
        title="The studio", version=VERSION, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
        default_response_class=AsciiJSONResponse,
        root_path_in_servers=False,  # the root path contains the page's secret key
    )  # fmt: skip
    app.state.session, app.state.batches = session, store
    app.state.signed = signed
    app.state.a1111_settings = dict[str, Any]()
    compatible = (a1111, a1111_lists, a1111_settings, openai, openai_edits)
    for part in (jobs, gallery, loras, *([batches] if store else []), *compatible, docs):
        app.include_router(part.router)
    answer_with_problems(app)
    return app
