"""Meanings: what words stand for in a gallery whose model knows none.

A word is a class that people named, else one that the model sees, else a folder, else what some
photo's payload has told: as a whole name, as a word of one or as a word's beginning. No call lists
a field's values, so that they are those of photos that were shown, or any that is typed whole.
Names are compared in Unicode's form NFC, without regard to case and to what joins their words.
"""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Self

from cachetools import LRUCache, TTLCache

from live_demo.messages import FOLDERS, MAX_TEXT, Narrowed, Tag
from live_demo.searcher import About, Searcher
from sketchzoo.class_names import composed
from sketchzoo.rpc import deadline_exceeded
from sketchzoo.search.v1 import search_pb2

_MAX_WORDS = 12
_MAX_PHRASE = 5
_MAX_NAMES = 50
# Of a library with more, those below the folders with most photos.
_MAX_FOLDERS_OPENED = 200
_MAX_FOLDERS = 10_000
_AT_ONCE = 8
# The page waits for two more.
_WALK_SECONDS = 8.0
_KEPT_GALLERIES = 100
_KEPT_SECONDS = 30.0
_KEPT_VALUES = 1000
# Longer ones are told only in part.
_MAX_VALUE = 200
_JOINTS = re.compile(r"[\W_]+")
_OWN = ("camera",)
_CHIPS = ("classes", "seen")


def told_fields(shown_fields: Collection[str]) -> frozenset[str]:
    """Return the fields that the page tells of each photo, so that it may filter by them."""
    return frozenset((FOLDERS, *_OWN, *shown_fields))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a text stands for, and its words that stand for nothing."""

    classes: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def told(self) -> dict[str, Any]:
        """As the page is told it."""
        tags = [tag.model_dump() for tag in self.tags]
        return {
            "classes": self.classes,
            "seen": self.seen,
            "tags": tags,
            "unknown": self.unknown,
        }


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of a kind as they are compared, ` polar bear `, and what each stands for."""

    whole: Mapping[str, str]
    parts: Mapping[str, str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        known = {name: _key(name) for name in names}
        return cls(known, known)

    @classmethod
    def of_folders(cls, folders: Iterable[str]) -> Self:
        """Return folders by their own names, which are the last of their paths."""
        return cls(
            {folder: _key(folder) for folder in folders},
            {folder: _key(folder.rpartition("/")[2]) for folder in folders},
        )

    def called(self, phrase: str, how: str) -> list[str]:
        """Return those whose name it is (`whole`), that have it as `words`, or as a `start`."""
        if how == "whole":
            return [name for name in self.parts if phrase in (self.whole[name], self.parts[name])]
        if how == "start":
            phrase = phrase[:-1]
            if len(phrase) < len(" ab"):
                return []
        return [name for name, key in self.parts.items() if phrase in key]


class Meanings:
    """Finds out what words stand for; failures raise `CallError`."""

    def __init__(self, searcher: Searcher, shown_fields: Collection[str]) -> None:
        self._searcher = searcher
        self._fields = told_fields(shown_fields) - {FOLDERS}
        self._shown: LRUCache[str, LRUCache[tuple[str, str], None]] = LRUCache(_KEPT_GALLERIES)
        self._folders: TTLCache[str, list[str]] = TTLCache(_KEPT_GALLERIES, _KEPT_SECONDS)
        # One library is walked at a time, whoever asks for it meanwhile.
        self._walking = asyncio.Lock()

    def note(self, gallery: str, hits: Iterable[Mapping[str, Any]]) -> None:
        """Remember what the page is told of photos, as its messages have it."""
        shown = self._shown.setdefault(gallery, LRUCache(_KEPT_VALUES))
        for hit in hits:
            for name, value in ({"camera": hit.get("camera", "")} | hit["about"]).items():
                if 0 < len(value) <= _MAX_VALUE:
                    shown[name, value] = None

    async def of(self, text: str, about: About, gallery: str) -> Meaning:
        """Return what a text means in a gallery, of which `about` tells."""
        names = {
            "classes": _Names.of(about.classes),
            # Where people named every photo the page does not ask what the model sees.
            "seen": _Names.of(about.seen_classes if _is_partly_named(about) else ()),
            FOLDERS: _Names.of_folders(await self._all_folders(gallery)),
        }
        values: dict[str, list[str]] = {name: [] for name in sorted(self._fields & {*about.words})}
        for name, value in self._shown.get(gallery, ()):
            if name in values:
                values[name].append(value)
        names |= {name: _Names.of(each) for name, each in values.items()}
        words = text[:MAX_TEXT].split()
        known, meaning = words[:_MAX_WORDS], Meaning()
        left: list[str] = []
        while known:
            taken = _take(known, names, meaning)
            if taken:
                await self._look_for(left, about, gallery, meaning)
                left = []
            else:
                left.append(known[0])
            known = known[taken or 1 :]
        await self._look_for(left, about, gallery, meaning)
        meaning.unknown.extend(words[_MAX_WORDS:])
        return meaning

    async def _look_for(
        self, words: Sequence[str], about: About, gallery: str, meaning: Meaning
    ) -> None:
        """Look for values of fields that no photo has shown, of all words and then of each."""
        whole = " ".join(words)
        for phrase in dict.fromkeys((whole, *words)) if words else ():
            tags = [
                _tag(name, _spelled(phrase), phrase)
                for name in sorted(self._fields & set(about.words))
            ]
            conditions = [Narrowed(tags=[tag]).condition() for tag in tags]
            counts = await asyncio.gather(
                *(self._searcher.count(gallery, condition) for condition in conditions)
            )
            found = [tag for tag, count in zip(tags, counts, strict=True) if count]
            meaning.tags.extend(found[:1])
            if found and phrase == whole:
                return
            if not found and phrase in words:
                meaning.unknown.append(phrase)

    async def _all_folders(self, gallery: str) -> list[str]:
        try:
            async with asyncio.timeout(_WALK_SECONDS), self._walking:
                found = self._folders.get(gallery)
                if found is None:
                    found = self._folders[gallery] = await self._walk(gallery)
                return found
        except TimeoutError as error:
            raise deadline_exceeded("listing the gallery's folders") from error

    async def _walk(self, gallery: str) -> list[str]:
        found: list[str] = []
        level, opened, places = [""], 0, asyncio.Semaphore(_AT_ONCE)

        async def open_one(parent: str) -> Mapping[str, int]:
            async with places:
                return await self._searcher.folders(gallery, parent, search_pb2.Filter())

        while level := level[: _MAX_FOLDERS_OPENED - opened]:
            opened += len(level)
            below: dict[str, int] = {}
            for counts in await asyncio.gather(*map(open_one, level)):
                below.update(counts)
            level = sorted(below, key=lambda name: -below[name])
            found += level
        # Each is compared with each word, while nobody else is answered.
        return found[:_MAX_FOLDERS]


def _take(words: Sequence[str], names: Mapping[str, _Names], meaning: Meaning) -> int:
    """Note what the first words mean, as many as mean something together; return how many."""
    for count in range(min(len(words), _MAX_PHRASE), 0, -1):
        word = " ".join(words[:count])
        if not (phrase := _key(word)):
            continue
        for how, (kind, each) in product(("whole", "words", "start"), names.items()):
            found = each.called(phrase, how)[:_MAX_NAMES]
            if not found:
                continue
            if kind in _CHIPS:
                chosen: list[str] = getattr(meaning, kind)
                chosen += [name for name in found if name not in chosen]
            else:
                among = _uppermost(found) if kind == FOLDERS else found
                meaning.tags.append(_tag(kind, among, word))
            return count
    return 0


def _key(name: str) -> str:
    words = _JOINTS.sub(" ", composed(composed(name).casefold())).strip()
    return f" {words} " if words else ""


def _tag(name: str, values: Sequence[str], word: str) -> Tag:
    # Without validation: that asks for leave to name the field.
    return Tag.model_construct(field=name, values=list(values), word=word)


def _uppermost(folders: Sequence[str]) -> list[str]:
    """Leave out folders below others."""
    above = tuple(f"{folder}/" for folder in folders)
    return [folder for folder in folders if not folder.startswith(above)]


def _spelled(phrase: str) -> list[str]:
    """Return how a value may be spelled that someone typed."""
    plain = composed(phrase)
    ways = (plain, plain.lower(), plain.upper(), plain.capitalize(), plain.title())
    return list(dict.fromkeys(ways))


def _is_partly_named(about: About) -> bool:
    return sum(about.classes.values()) < about.total
