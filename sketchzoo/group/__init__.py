"""Process groups: several processes that answer on one port, as one server."""

from sketchzoo.group.member import ALONE, Member

__all__ = ["ALONE", "Member"]
