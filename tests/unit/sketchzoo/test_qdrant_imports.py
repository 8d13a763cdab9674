"""What of qdrant-client is used, and where."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("sketchzoo", "search_service", "encoder_service", "ingest", "live_demo", "training")
ROOMS += ("sample_gallery", "embedded_qdrant", "model_artefact")


def test_of_the_client_its_generated_messages_alone_are_used() -> None:
    """`from qdrant_client import grpc` in the adapter and in embedded Qdrant, else nothing."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Import():
                        names = [each.name for each in node.names]
                    case ast.ImportFrom():
                        names = [f"{node.module}.{each.name}" for each in node.names]
                    case _:
                        continue
                used = [name for name in names if name.split(".")[0] == "qdrant_client"]
                found |= {(path.relative_to(ROOT).parts[:2], name) for name in used}
    assert {name for place, name in found if place[0] == "sketchzoo"} == {"qdrant_client.grpc"}
    assert {place for place, _ in found if place[0] != "embedded_qdrant"} == {
        ("sketchzoo", "qdrant")
    }
    assert all(name.startswith("qdrant_client.grpc") for _, name in found)
