"""The only part of the studio that accesses the network: queries to the Hub and downloads, in a separate process.

``python -m studio.models.hub_download look|fetch`` reads a request as JSON from stdin and answers in JSON on stdout.
Partial files are kept under ".partial" by the hash that the Hub gives, and resumed next time; the library's own
download deletes them.
"""

import hashlib
import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import HfFileMetadata, http_get
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from studio.errors import ModelError
from studio.models.hub import Offer, RemoteFile, chosen, host

_UNUSED = {"safety_checker"}


def look(repository: str, file: str, revision: str) -> dict[str, Any]:
    """The offer: commit, licence, and the model's files with their sizes."""
    info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
    commit = str(info.sha)
    components = _components(repository, commit) if "model_index.json" in sizes and not file else set()
    files = [RemoteFile(name=name, size=sizes[name]) for name in chosen(sizes, components, file)]
    licence = str((info.card_data or {}).get("license") or "unknown")
    return Offer(host=host(), repository=repository, commit=commit, licence=licence, files=files).model_dump()


def _components(repository: str, commit: str) -> set[str]:
    """The folders that the model's index names."""
    url = hf_hub_url(repository, "model_index.json", revision=commit)
    answer = get_session().get(url, headers=build_hf_headers(), follow_redirects=True)
    hf_raise_for_status(answer)
    return {name for name, value in answer.json().items() if isinstance(value, list) and all(value)} - _UNUSED


def fetch(offer: dict[str, Any], folder: str) -> None:
    """Download every file of the offer into the folder, except those that are there already with the right hash."""
    wanted = Offer.model_validate(offer)
    for n, file in enumerate(wanted.files, 1):
        print(f"{n} of {len(wanted.files)}: {file.name}", file=sys.stderr, flush=True)
        url = hf_hub_url(wanted.repository, file.name, revision=wanted.commit)
        about = get_hf_file_metadata(url)
        target = Path(folder) / file.name
        if not (target.is_file() and _digest(target, str(about.etag)) == about.etag):
            _fetch_one(file, about, target, Path(folder) / ".partial")
    shutil.rmtree(Path(folder) / ".partial", ignore_errors=True)


def _fetch_one(file: RemoteFile, about: HfFileMetadata, target: Path, partial: Path) -> None:
    partial.mkdir(parents=True, exist_ok=True)
    part = partial / str(about.etag)
    with part.open("ab") as stream:
        headers = build_hf_headers() if _at_host(about.location) else {}
        there = part.stat().st_size
        http_get(
            about.location,
            stream,
            resume_size=there,
            headers=headers,
            expected_size=about.size,
            displayed_filename=file.name,
        )
    found = _digest(part, str(about.etag))
    if found != about.etag:
        part.unlink()
        raise ModelError(
            f"'{file.name}' was damaged on the way: its hash is {found}, expected {about.etag}; download it again"
        )
    target.parent.mkdir(exist_ok=True)
    part.replace(target)


def _at_host(url: str) -> bool:
    """Whether a file comes from the Hub itself; other hosts do not get the token."""
    return bool(urlsplit(url).netloc == urlsplit(constants.ENDPOINT).netloc)


def _digest(file: Path, like: str) -> str:
    """The hash that the Hub gives for a file: SHA-256 for large files, git's SHA-1 for small ones."""
    with file.open("rb") as stream:
        if len(like) == 64:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        git = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
        git.update(stream.read())
        return git.hexdigest()


_VERBS: dict[str, Callable[..., Any]] = {"look": look, "fetch": fetch}


def _answer(verb: str, wish: dict[str, Any]) -> dict[str, Any]:
    repository = wish.get("repository") or wish["offer"]["repository"]
    try:
        return {"done": _VERBS[verb](**wish)}
    except GatedRepoError:
        page = f"{constants.ENDPOINT}/{repository}"
        return {"error": f"'{repository}' at {host()} is gated: agree to its terms at {page}, then set HF_TOKEN"}
    except RepositoryNotFoundError:
        return {"error": f"there is no model '{repository}' at {host()}, or it is private"}
    except RevisionNotFoundError:
        return {"error": f"the model '{repository}' at {host()} has no revision '{wish.get('revision')}'"}
    except ModelError as error:
        return {"error": str(error)}
    except Exception as error:  # any network error is one line, not a traceback
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return {
            "error": f"{host()} cannot be reached or was interrupted ({reason}); the same command resumes the download"
        }


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent process reports that it was stopped
    print(json.dumps(_answer(sys.argv[1], json.load(sys.stdin))))
