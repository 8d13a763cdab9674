"""Threads: how many NumPy takes, which must be said before it is loaded."""

import os


def products_on_one_thread() -> None:
    """Let NumPy multiply on one thread, where it is not loaded yet and nobody said otherwise.

    Rows are fitted by products so small that threads wait for one another: on a busy machine they
    took some twenty times the time of one.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
