"""What can be wrong with what a command was given; each message says what would be right."""


class InputError(ValueError):
    """A command cannot go on with what it was given."""


class DataError(InputError):
    """A data set cannot be used; the message names the folder or file and what is wrong."""


class ConfigError(InputError):
    """A preset or configuration cannot be used; the message names the field."""


class ServiceError(InputError):
    """The service did not answer as was needed; the message says what it said."""


class ServiceAwayError(ServiceError):
    """The service cannot be reached, or did not answer in time."""


class DivergedError(Exception):
    """A run's loss is no number any more; the message says at which step."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(
            f"the loss of step {step} is {loss}: the run has diverged and was stopped; "
            "a lower learning rate or another loss may help"
        )
