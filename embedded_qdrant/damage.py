"""Damage: what of a storage folder cannot be read, and what may not be done meanwhile.

Nothing that is damaged is changed or removed: it may be restored.
"""

from dataclasses import dataclass, field
from pathlib import Path

from embedded_qdrant.errors import damaged


class DamagedCollectionError(Exception):
    """Files of a collection are not as they must be; one line that names them."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}; docs/operations/backup.md says how to restore it")


@dataclass(slots=True)
class Damage:
    """What was found damaged, by the collection's name where that can be read."""

    named: dict[str, DamagedCollectionError] = field(default_factory=dict)
    nameless: list[DamagedCollectionError] = field(default_factory=list)
    aliases: DamagedCollectionError | None = None

    def all(self) -> list[DamagedCollectionError]:
        """Return everything that was found."""
        aliases = [] if self.aliases is None else [self.aliases]
        return [*self.named.values(), *self.nameless, *aliases]

    @property
    def hides_names(self) -> bool:
        """Tell whether a name that is not known may be that of what is damaged."""
        return bool(self.nameless) or self.aliases is not None

    def check_sound(self, name: str) -> None:
        """Refuse (FAILED_PRECONDITION) what needs a collection that is damaged."""
        if name in self.named:
            raise damaged(f"Collection `{name}` is not served: {self.named[name]}")

    def check_absent(self, name: str) -> None:
        """Refuse (FAILED_PRECONDITION) what needs to know that nothing has this name."""
        if self.nameless:
            raise damaged(f"Collection `{name}` may be what is damaged: {self.nameless[0]}")
        if self.aliases is not None:
            raise damaged(f"`{name}` may be an alias: {self.aliases}")

    def check_aliases(self) -> None:
        """Refuse (FAILED_PRECONDITION) what needs to know the aliases."""
        if self.aliases is not None:
            raise damaged(str(self.aliases))
