"""Process groups: several processes that answer on one port, as one server."""
