"""The local stack: every part as a process of its own on this machine.

`sketchzoo up` and `sketchzoo demo` start the other rooms by their commands' names, and know
nothing else of them.
"""
