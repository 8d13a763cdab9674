"""Options: a settings class as the options of a command.

A settings class is the one place that says what can be set: its fields' names, types,
limits, defaults and descriptions become the command's options, and pydantic reads
the environment for those that were not given.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sketchzoo.running import SERVICES, UnclearError, find
from sketchzoo.settings import Settings

S = TypeVar("S", bound=Settings)


def with_settings(kind: type[S]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command that takes `settings: S` an option for each of S's fields.

    The command's other parameters stay as they are. A value that S refuses ends the
    command with exit status 2 and a message that names the option.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(**values: Any) -> Any:
            given = {name: values.pop(name) for name in kind.model_fields}
            return command(settings=_read(kind, given), **values)

        own = inspect.signature(command).parameters.values()
        # What is the command's own comes first, what every part has last.
        order = sorted(kind.model_fields, key=lambda name: kind.__mro__.index(_owner(kind, name)))
        fields = [_parameter(kind, name, kind.model_fields[name]) for name in order]
        parameters = [p for p in own if p.name != "settings"] + fields
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined] # how signatures are set
        run.__annotations__ = {p.name: p.annotation for p in keyword}
        return run

    return decorate


def environment_name(kind: type[Settings], name: str) -> str:
    """Return the environment variable of a settings field."""
    alias = kind.model_fields[name].validation_alias
    prefix = kind.model_config.get("env_prefix", "")
    return alias if isinstance(alias, str) else f"{prefix}{name}".upper()


def of_running_stack(settings: S) -> S:
    """Return settings that act on the stack that runs, if one does, where nothing else was said.

    Where none of the services was said, the stack's further settings are these as well.
    """
    kind, given = type(settings), settings.model_fields_set
    named = {environment_name(kind, name): name for name in kind.model_fields}
    services = [named[variable] for variable in SERVICES if variable in named]
    missing = [name for name in services if name not in given]
    if not missing:
        return settings
    try:
        stack = find()
    except UnclearError as error:
        raise typer.BadParameter(f"{error}, or give {_option(missing[0])}") from error
    if stack is None:
        return settings
    found = {
        named[variable]: value
        for variable, value in stack.environment.items()
        if variable in named
        and (named[variable] in missing or (missing == services and variable not in SERVICES))
    }
    return kind(**{**found, **{name: getattr(settings, name) for name in given}})


def check_place(option: str, path: Path | None) -> None:
    """Refuse a place where no file can ever lie, below another file.

    For what a service reads once it is there: its folder may come later, as a volume does.

    Raises:
        ValueError: the message names the option and the file that is no folder.

    """
    above = path.absolute().parents if path else ()
    there = next((folder for folder in above if folder.exists()), None)
    if there is not None and not there.is_dir():
        raise ValueError(f"{option}: {there} is no folder")


def output_file(path: Path | None) -> Path | None:
    """Make the folder of a file that will be written, before there is anything to write.

    A typer callback for options that name an output file; refuses one that cannot be.
    """
    if path is None:
        return None
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}") from error
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file to write")
    return path


def output_file_or_stdout(to: str | None) -> str | None:
    """Do the same for options where `-` stands for standard output."""
    if to not in (None, "-"):
        output_file(Path(str(to)))
    return to


def _owner(kind: type[Settings], name: str) -> type[Settings]:
    """Return the class that a field was first declared by: its subject is the field's."""
    return next(
        base
        for base in reversed(kind.__mro__)
        if issubclass(base, Settings) and name in base.__annotations__
    )


def _read(kind: type[S], given: dict[str, Any]) -> S:
    try:
        return kind(**{name: value for name, value in given.items() if value not in (None, [])})
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_url=False, include_input=False):
            if not problem["loc"]:  # of several settings together: the message names them
                problems.append(problem["msg"].removeprefix("Value error, "))
                continue
            name = _field_name(kind, str(problem["loc"][0]))
            said = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{_option(name)} ({environment_name(kind, name)}): {said}")
        raise typer.BadParameter("; ".join(problems)) from error


def _field_name(kind: type[Settings], location: str) -> str:
    """Pydantic names a field by its alias where it has one."""
    for name, field in kind.model_fields.items():
        if location in (name, field.validation_alias):
            return name
    return location


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parameter(kind: type[Settings], name: str, field: FieldInfo) -> inspect.Parameter:
    annotation, many = _plain(field.annotation)
    names = [_option(name)]
    if annotation is bool:
        names = [f"{_option(name)}/--no-{name.replace('_', '-')}"]
    notes = [f"env var: {environment_name(kind, name)}"]
    if field.default not in (None, PydanticUndefined, "", ()):
        notes.append(f"default: {field.default}")
    text = f"{field.description or ''}  [{'; '.join(notes)}]"
    subject = vars(_owner(kind, name)).get("subject")
    option = typer.Option(None, *names, help=text, show_default=False, rich_help_panel=subject)
    wanted: Any = list[annotation] if many else annotation  # type: ignore[valid-type] # built at run time
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=wanted | None
    )


def _plain(annotation: Any) -> tuple[Any, bool]:
    """Return what typer parses for a field's type, and whether it takes several."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not NoneType)
    if hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (tuple, list, frozenset):
        return _plain(get_args(annotation)[0])[0], True
    if annotation is SecretStr:
        return str, False
    if annotation in (str, int, float, bool, Path) or get_origin(annotation) is Literal:
        return annotation, False
    return str, False
