"""Qdrant's own health check, and the services of which nothing is served."""

from importlib.metadata import version

from qdrant_client import grpc
from qdrant_client.grpc import qdrant_pb2, snapshots_service_pb2

from embedded_qdrant.servicers.calls import Context, refuse_the_rest


class QdrantService(grpc.QdrantServicer):
    """`qdrant.Qdrant`."""

    async def HealthCheck(  # noqa: N802 - the contract's name
        self,
        request: grpc.HealthCheckRequest,  # noqa: ARG002 - gRPC's form
        context: Context,  # noqa: ARG002 - gRPC's form
    ) -> grpc.HealthCheckReply:
        """Say what answers: the API of which Qdrant, by which engine. Needs no key."""
        return grpc.HealthCheckReply(
            title="embedded qdrant - vector search engine",
            version=f"{version('qdrant-client')}+edge.{version('qdrant-edge-py')}",
        )


@refuse_the_rest(snapshots_service_pb2.DESCRIPTOR.services_by_name["Snapshots"])
class SnapshotsService(grpc.SnapshotsServicer):
    """`qdrant.Snapshots`: the engine makes none that a server can read."""


QDRANT = qdrant_pb2.DESCRIPTOR.services_by_name["Qdrant"].full_name
SNAPSHOTS = snapshots_service_pb2.DESCRIPTOR.services_by_name["Snapshots"].full_name
