"""The form of every command: help in sections by subject, errors in plain lines.

Options are written one below the other, each name whole and its text under it, so that
80 columns, a pipe and a wide terminal show the same.
"""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# An option's text begins below its name, indented.
_NAMES_ALONE = {"col_max": 2, "col_spacing": 4}


def _sections(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            plain = "Arguments" if parameter.param_type_name == "argument" else "Options"
            subject = getattr(parameter, "rich_help_panel", None) or plain
            sections.setdefault(subject, []).append(record)
    for subject, records in sections.items():
        if records:
            with formatter.section(subject):
                formatter.write_dl(records, **_NAMES_ALONE)


class SectionedCommand(TyperCommand):
    """A command whose options stand in sections, named by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each section's options."""
        _sections(self, ctx, formatter)


class SectionedGroup(TyperGroup):
    """The same for a command that has commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each section's options, then the commands."""
        _sections(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class App(typer.Typer):
    """A Typer whose commands have this form; completion is the root's alone."""

    def __init__(self, **known: Any) -> None:
        super().__init__(
            **{
                "cls": SectionedGroup,
                "add_completion": False,
                "rich_markup_mode": None,
                "pretty_exceptions_enable": False,
                **known,
            }
        )

    def command(self, name: str | None = None, **known: Any) -> Callable[..., Any]:
        """Add a command, as `typer.Typer.command` does."""
        return super().command(name, **{"cls": SectionedCommand, **known})
