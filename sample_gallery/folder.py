"""The folder that a sample is drawn or fetched into."""


class FolderError(Exception):
    """The folder holds something else, or can't be used; the message says which."""
