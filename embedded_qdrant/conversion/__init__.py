"""Between Qdrant's protobuf messages and the engine's objects, in both directions."""
