"""Advice: what else to ask where nothing found looks much like the query."""

import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

import typer

from sketchzoo.cli.printable import printable
from sketchzoo.client import ClassCounts, Client, Gallery, Query, SearchError, SearchResult

_HITS = 3
_NAMES = 10
# What says what is looked for; whatever else was given holds for another query as well.
_SOURCE = ("image", "photo", "photo_id", "text", "text_weight")
_SECRETS = {"search_token": "TOKEN"}


def advice(
    context: typer.Context, search: Query, result: SearchResult, client: Client
) -> list[str]:
    """Return commands to try next, each that the gallery can answer with what it is good for."""
    gallery: Gallery | None = None
    classes = ClassCounts({}, {}, 0)
    # What cannot be had now is not offered.
    with suppress(SearchError):
        gallery = client.get_gallery(search.gallery)
        classes = client.list_classes(gallery=search.gallery)
    rows = [
        (f"more like {rank}", _again(context, _SOURCE, {"--photo-id": hit.photo_id}))
        for rank, hit in enumerate(result.hits[:_HITS], 1)
    ]
    if gallery is not None and gallery.takes_text and search.text is None:
        rows.append(("in words", _again(context, (), {"--text": "WORDS"})))
    for option, names, said in (
        ("--class", classes.named, search.classes),
        ("--seen", classes.seen, search.seen_classes),
    ):
        if names and not said:
            what = "of a class" if option == "--class" else "of what is seen"
            rows.append((what, _again(context, (), {option: "NAME"}) + _some(names)))
            break
    width = max(len(name) for name, _ in rows)
    return ["try", *(f"  {name.ljust(width)}  {command}" for name, command in rows)]


def _again(context: typer.Context, without: Collection[str], added: Mapping[str, str]) -> str:
    """Return the command line that was given, without some parameters and with others."""
    words = [*context.command_path.split(), *_given(context, without)]
    for option, value in added.items():
        words += [option, value]
    return printable(shlex.join(words))


def _given(context: typer.Context, without: Collection[str]) -> Iterator[str]:
    """Yield what the command line said, but secrets: those are a word to be replaced."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in without or source is None or source.name != "COMMANDLINE":
            continue
        value = _SECRETS.get(name, context.params[name])
        if parameter.param_type_name == "argument":
            yield str(value)
        elif isinstance(value, bool):
            yield (parameter.opts if value else parameter.secondary_opts)[0]
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                yield from (parameter.opts[0], str(each))


def _some(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:_NAMES])
    return printable(f"  ({first}{', ...' if len(names) > _NAMES else ''})")
