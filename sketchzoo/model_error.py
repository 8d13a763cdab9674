"""What is raised where a model artefact cannot be used."""


class ModelError(ValueError):
    """The artefact cannot be used; the message names the file and what is wrong."""
