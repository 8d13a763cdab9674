"""search_service: a sketch in, twelve photos out, over gRPC.

It asks the encoder for the query's embedding, asks Qdrant for the nearest photos under
a filter, and answers with hits, scores and where the time went. `bootstrap` wires it.
"""
