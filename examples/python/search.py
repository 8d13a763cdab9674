"""python search.py HOST:PORT SKETCH.png, without the SDK."""

import os
import sys
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from sketchzoo.search.v1 import search_pb2, search_pb2_grpc

target, sketch = sys.argv[1:]
token = os.environ.get("TOKEN")
metadata = [("authorization", f"Bearer {token}")] if token else []
query = search_pb2.Query(sketch=Path(sketch).read_bytes())

with grpc.insecure_channel(target) as channel:
    service = search_pb2_grpc.SearchServiceStub(channel)
    request = search_pb2.SearchRequest(query=query, limit=3)
    for hit in service.Search(request, timeout=10, metadata=metadata).hits:
        print(f"{hit.score:.4f} {hit.class_name} {hit.photo_id}")

    try:
        request = search_pb2.SearchRequest(query=query, limit=5000)
        service.Search(request, timeout=10, metadata=metadata)
    except grpc.RpcError as error:
        # What is wrong, for a program to read: google.rpc.Status, in the trailing metadata.
        for detail in rpc_status.from_call(error).details:
            bad = error_details_pb2.BadRequest()
            if detail.Unpack(bad):
                for violation in bad.field_violations:
                    print(error.code().name, violation.field, violation.description)
