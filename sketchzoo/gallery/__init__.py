"""The gallery's contract."""
