"""The event loop of programs that serve or make many calls: uvloop, where there is one.

docs/adr/0041-uvloop.md says why.
"""

try:
    from uvloop import new_event_loop
    from uvloop import run as run_main
except ModuleNotFoundError:  # there is none for Windows
    from asyncio import new_event_loop  # type: ignore[assignment] # it returns a loop as good
    from asyncio import run as run_main  # type: ignore[assignment] # uvloop knows one argument more

__all__ = ["new_event_loop", "run_main"]
