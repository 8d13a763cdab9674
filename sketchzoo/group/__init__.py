"""Process groups: several processes that answer on one port, as one server."""

from sketchzoo.group.member import Ledger, Member

__all__ = ["Ledger", "Member"]
