"""The event loop of programs that serve or make many calls: uvloop, where there is one.

docs/adr/0041-uvloop.md says why.
"""

try:
    from uvloop import run as run_main
except ModuleNotFoundError:  # there is none for Windows
    from asyncio import run as run_main  # type: ignore[assignment] # uvloop knows one argument more

__all__ = ["run_main"]
