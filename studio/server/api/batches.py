"""``/api/batches``: many pictures from a table. Preview, begin, follow, stop and resume them."""

import asyncio
import base64
import binascii
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from studio.batches import contact_sheet, contact_sheet_html
from studio.batches.tasks import ALONE
from studio.errors import InputError
from studio.runtime.session import Session
from studio.server.api import batch_serializers, stream
from studio.server.api.jobs import Served, found
from studio.server.api.strict import StrictRoute
from studio.server.api.turns import Check, while_there
from studio.server.batch_request import BatchDraft, BatchRequest, table
from studio.server.batch_store import BatchStore
from studio.server.batch_zip import zipped
from studio.ui import uploads

router = APIRouter(prefix="/api/batches", tags=["Batches"], route_class=StrictRoute)
_NO_CACHE: Final = {"Cache-Control": "no-cache"}
_PAGE_HEADERS: Final = {**_NO_CACHE, "Content-Security-Policy": f"{contact_sheet_html.POLICY}; frame-ancestors 'none'"}


async def of(request: Request) -> BatchStore:
    """The batches of this app."""
    store: BatchStore = request.app.state.batches
    return store


Store = Annotated[BatchStore, Depends(of)]


class BatchUpload(BatchRequest):
    """A batch to preview or begin: a table as base64, its file's name for the ending, and a name for the batch."""

    table: str = ""
    file: str = ""
    name: str = ""

    @property
    def content(self) -> bytes:
        """The table's bytes. Of an empty file a browser makes the address "data:"."""
        data = self.table.partition(",")[2] if self.table.startswith("data:") else self.table
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise InputError.about("table", "this is no base64 data") from None

    def draft(self, session: Session, check: Check) -> BatchDraft:
        """What it means; raises InputError if the table cannot be read."""
        if not (self.table or self.grid):
            raise InputError.about("table", "give a table, or a grid with an input and its values")
        request = BatchRequest(**self.model_dump(include=set(BatchRequest.model_fields)))
        rows = table(self.content, self.file, self.encoding) if self.table else ALONE
        return BatchDraft(request, rows, session.settings, check)


@router.post("/preview")
async def preview(upload: BatchUpload, session: Served, request: Request) -> dict[str, Any]:
    """What a table means, all its problems, and what making it would take. Nothing is made or stored."""
    return await while_there(request, lambda check: batch_serializers.draft(upload.draft(session, check), session))


@router.post("", status_code=201)
async def begin(upload: BatchUpload, session: Served, store: Store, request: Request) -> dict[str, Any]:
    """Begin a batch; nothing is begun if there is a problem, or the client leaves while it is checked."""

    def begun(check: Check) -> dict[str, Any]:
        return one(store.begin(upload.name, upload.draft(session, check), upload.content, upload.file), session, store)

    return await while_there(request, begun)


@router.get("")
def batches(session: Served, store: Store) -> list[dict[str, Any]]:
    """All batches, newest first."""
    return [one(name, session, store) for name in store.names()]


@router.get("/{batch}")
def one(batch: str, session: Served, store: Store) -> dict[str, Any]:
    """The status of a batch."""
    return batch_serializers.status(found(store.status, batch), session.settings.output)


@router.get("/{batch}/rows")
async def rows(
    batch: str,
    session: Served,
    store: Store,
    request: Request,
    after: Annotated[int, Query(ge=0)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Its pictures in the table's order, made or not, from number ``after`` on."""

    def shown(check: Check) -> dict[str, Any]:
        status, output = found(store.status, batch), session.settings.output.absolute()
        tasks = store.batch(batch, check).tasks
        some = [batch_serializers.row(task, status, output) for task in tasks[after : after + most]]
        return {"rows": some, "total": len(tasks)}

    return await while_there(request, shown)


@router.get("/{batch}/events", response_class=StreamingResponse)
async def events(batch: str, session: Served, store: Store) -> StreamingResponse:
    """Its events from now on: "rowdone" for each picture, "step" for the whole batch."""
    output = session.settings.output.absolute()
    status = await asyncio.to_thread(found, store.status, batch)
    lines = stream.server_sent(status.follow, status.ended, lambda event: batch_serializers.event(event, output))
    return StreamingResponse(lines, media_type="text/event-stream", headers=stream.HEADERS)


@router.post("/{batch}/stop", status_code=204)
def stop(batch: str, store: Store) -> None:
    """Stop it within a step; finished pictures are kept."""
    found(store.stop, batch)


@router.post("/{batch}/go")
def go(batch: str, session: Served, store: Store) -> dict[str, Any]:
    """Resume it: make what is missing."""
    found(store.go, batch)
    return one(batch, session, store)


@router.post("/{batch}/retry")
def retry(batch: str, session: Served, store: Store) -> dict[str, Any]:
    """Try again only what failed."""
    found(store.folder, batch)
    store.go(batch, retry=True)
    return one(batch, session, store)


@router.post("/{batch}/rows/{key}/redo")
def redo(batch: str, key: str, session: Served, store: Store) -> dict[str, Any]:
    """Make one picture again: with another seed if it is made, unchanged if it failed. No file is lost."""
    found(store.folder, batch)
    store.redo(batch, key)
    return one(batch, session, store)


@router.get("/{batch}/zip", response_class=StreamingResponse)
def as_zip(batch: str, store: Store) -> StreamingResponse:
    """Its pictures, manifest and contact sheet in one ZIP file."""
    content = zipped(found(store.folder, batch))
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(batch)}.zip", "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type="application/zip", headers=headers)


@router.get("/{batch}/files/{file:path}", response_class=FileResponse)
def file(batch: str, file: str, store: Store) -> Response:
    """Its manifest.csv, manifest.jsonl or contact-sheet.html, or a picture of that sheet."""
    folder = found(store.folder, batch)
    path = uploads.contained(folder, file)
    if path is None or not (file in batch_serializers.FILES or path.suffix in (".png", ".jpg")):
        raise HTTPException(404, "there is no such file")
    if file == contact_sheet_html.PAGE:  # rebuilt: a file in a folder of pictures is not trusted
        return HTMLResponse(contact_sheet.html(folder), headers=_PAGE_HEADERS)
    return FileResponse(path, headers=_NO_CACHE)
