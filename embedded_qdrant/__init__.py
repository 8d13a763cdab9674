"""Embedded Qdrant: Qdrant Edge's engine behind Qdrant's own gRPC API, in a process of its own.

The default where no Qdrant server runs. Clients cannot tell, short of what is not served:
see docs/embedded-qdrant.md.
"""
