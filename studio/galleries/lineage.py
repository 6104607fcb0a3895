"""Where pictures came from: a job's pins name its start pictures by the hash of their content."""

from dataclasses import dataclass, field
from typing import Final

from studio.galleries import search
from studio.galleries.entry import Lineage, RelatedPicture
from studio.galleries.index import Index

_MOST, _DEEP = 200, 20
_ANCESTORS: Final = "SELECT parent, input FROM parents WHERE id = ? ORDER BY input, parent LIMIT ?"
_DESCENDANTS: Final = (
    "SELECT parents.id, input FROM parents JOIN pictures USING (id) WHERE parent = ? ORDER BY made, id LIMIT ?"
)


def of(index: Index, picture: str) -> Lineage:
    """The lineage of a picture; no picture occurs twice in it, whatever a forged record says."""
    up, down = _Tree(index, _ANCESTORS, {picture}), _Tree(index, _DESCENDANTS, {picture})
    ancestors, descendants = up.beyond(picture), down.beyond(picture)
    return Lineage(ancestors, descendants, up.cut or down.cut)


@dataclass
class _Tree:
    """A tree that grows in one direction; ``seen`` are the pictures in it."""

    index: Index
    sql: str
    seen: set[str] = field(default_factory=set)
    cut: bool = False

    def beyond(self, picture: str, depth: int = 0) -> tuple[RelatedPicture, ...]:
        links = [link for link in self.index.ask(self.sql, picture, _MOST) if link[0] not in self.seen]
        kept = links[: _MOST - len(self.seen)] if depth < _DEEP else []
        self.cut |= len(kept) < len(links)
        self.seen |= {one for one, _ in kept}
        known = search.entries(self.index, [one for one, _ in kept])
        return tuple(RelatedPicture(one, known.get(one), input_, self.beyond(one, depth + 1)) for one, input_ in kept)
