"""Placed searches: a search at its gallery, and what Qdrant is asked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np

from search_service.encoders import Serving
from search_service.paging import read_token
from search_service.query import FOCUSES
from search_service.request import Search
from search_service.timings import Timings
from sketchzoo.encoder_client import Embedding, EncoderModel
from sketchzoo.parts import Emphasis, Focus, Layout, Vector, unit
from sketchzoo.qdrant import Nearest, PhotoNotFoundError, SearchParams
from sketchzoo.rpc import invalid, precondition, unimplemented
from sketchzoo.search.v1 import search_pb2

Stored = Mapping[str, Sequence[float]]
"""Photos' embeddings by id."""


@dataclass(frozen=True, slots=True)
class PlacedSearch:
    """A search, what answers it, and where its page begins.

    `source` is its picture's embedding, or the one that it gave; `text` that of its words. Both
    come when they are made.
    """

    search: Search
    serving: Serving
    offset: int
    limit: int
    source: Embedding | None = None
    text: Embedding | None = None
    timings: Timings = field(default_factory=Timings)

    @classmethod
    def at(cls, serving: Serving, search: Search, max_depth: int) -> Self:
        """Place a search, and check what depends on the gallery and its model.

        Raises:
            CallError: INVALID_ARGUMENT; FAILED_PRECONDITION, the embedding is another model's;
                UNIMPLEMENTED, the model does not offer what is asked for.

        """
        _check_offered(search, serving.model)
        source = search.query.source
        given = source if isinstance(source, Embedding) else None
        if given is not None:
            _check_embedding(given, serving)
        placed = cls(search, serving, 0, search.limit, given)
        offset = read_token(search.page_token, search.identity, placed.ranking, max_depth)
        return cls(search, serving, offset, min(search.limit, max_depth - offset), given)

    @property
    def ranking(self) -> str:
        """What decides which hits come in which order, besides the request."""
        decisive = [self.serving.gallery.fingerprint]
        if self._emphasis is not None:
            decisive.append(repr(self._emphasis.factors))
        if self.search.query.text is not None:
            decisive.append(self.serving.model.text)
        return " ".join(decisive)

    @property
    def confident_score(self) -> float:
        """The score under which a hit likely shows something else; 0 where none is known."""
        query, model = self.search.query, self.serving.model
        if query.text is not None and query.source is None:
            return model.text_min_score
        if self._emphasis is None:
            return model.min_score
        if self._focus == self._layout.default:
            return self._emphasis.min_score or model.min_score
        return self._emphasis.min_score

    def stored(self) -> tuple[str, ...]:
        """Return the photos whose embeddings are needed."""
        query = self.search.query
        own = (query.source,) if isinstance(query.source, str) else ()
        if self._weighs_parts:
            return (*own, *query.liked, *query.disliked)
        return own if self.search.with_embedding or self.text is not None else ()

    def embedding(self, stored: Stored) -> Embedding | None:
        """Return the query's embedding, of source and text; None of liked photos alone."""
        query, fingerprint = self.search.query, self.serving.gallery.fingerprint
        if self.text is None and isinstance(query.source, str):
            return Embedding.of(_known(query.source, stored), fingerprint)
        if self.text is None or query.source is None:
            return self.source or self.text
        return Embedding.of(self._own(stored).tolist(), fingerprint)

    def nearest(self, stored: Stored, params: SearchParams) -> Nearest:
        """Return the query for Qdrant; one hit more than wanted tells whether more follow.

        Where parts count as they are stored, Qdrant looks photos up and averages them itself.
        """
        search, query = self.search, self.search.query
        own = (query.source,) if isinstance(query.source, str) else ()
        ask = partial(
            Nearest,
            filter=search.filter,
            limit=self.limit + 1,
            offset=self.offset,
            min_score=search.min_score,
            exact=search.exact,
            collapse=search.collapse,
            params=params,
            with_payload=search.with_payload,
        )
        if self._focus is not None and self._weighs_parts:
            vector = self._layout.focused(self._average(stored), self._focus)
            named = (*own, *query.liked, *query.disliked)
            return ask(vector=tuple(vector.tolist()), excluded=named)
        ask = partial(ask, liked=query.liked, disliked=query.disliked)
        embedding = self.source if self.text is None else self.embedding(stored)
        if embedding is not None:
            return ask(vector=embedding.values(), excluded=own)
        return ask(photo_id=own[0] if own else None)

    @property
    def _layout(self) -> Layout:
        model = self.serving.model
        return model.layout or Layout.whole(model.dimension)

    @property
    def _focus(self) -> Focus | None:
        return self.search.query.focus or self._layout.default

    @property
    def _emphasis(self) -> Emphasis | None:
        return None if self._focus is None else self._layout.focuses[self._focus]

    @property
    def _weighs_parts(self) -> bool:
        return self._emphasis is not None and not self._emphasis.is_neutral

    def _own(self, stored: Stored) -> Vector:
        """Return what source and text, of which there is one at least, ask for together."""
        query = self.search.query
        given: list[Sequence[float]] = [
            each.values() for each in (self.source, self.text) if each is not None
        ]
        if isinstance(query.source, str):
            given.insert(0, _known(query.source, stored))
        vectors = [unit(each) for each in given]
        if len(vectors) == 1:
            return vectors[0]
        source, text = vectors
        return self._layout.blended(source, text, query.text_weight)

    def _average(self, stored: Stored) -> Vector:
        """Return what Qdrant's recommend by the average vector would look for."""
        query = self.search.query
        liked, disliked = (
            [unit(_known(each, stored)) for each in ids] for ids in (query.liked, query.disliked)
        )
        if query.source is not None or self.text is not None:
            liked.append(self._own(stored))
        average = np.mean(liked, axis=0)
        if disliked:
            average = 2 * average - np.mean(disliked, axis=0)
        return np.asarray(average, np.float32)


def _known(photo_id: str, stored: Stored) -> Sequence[float]:
    if photo_id not in stored:
        raise PhotoNotFoundError(photo_id)
    return stored[photo_id]


def _check_offered(search: Search, model: EncoderModel) -> None:
    query = search.query
    offered = [] if model.layout is None else model.layout.in_order()
    if query.focus is not None and query.focus not in dict(offered):
        names = [search_pb2.Focus.Name(FOCUSES[focus]) for focus, _ in offered]
        right = " and ".join(names) or "no focus: leave it out"
        raise unimplemented(
            "NO_FOCUS",
            f"is not offered by the model {model.name}, which offers {right}",
            field="query.focus",
        )
    if query.text is not None and not model.text:
        raise unimplemented(
            "NO_TEXT_TOWER",
            f"cannot be embedded by the model {model.name}, which has no text tower: "
            "leave it out, and give a sketch, strokes or a photo",
            field="query.text",
        )


def _check_embedding(given: Embedding, serving: Serving) -> None:
    gallery = serving.gallery
    if given.fingerprint != gallery.fingerprint:
        raise precondition(
            "MODEL_MISMATCH",
            f"the embedding was made by the model {given.fingerprint}, the gallery "
            f"by {gallery.fingerprint}: embed the sketch anew",
        )
    if given.dimension != gallery.dimension:
        raise invalid(
            "query.embedding.dimension",
            f"must be {gallery.dimension}, as the model's embeddings have",
        )
