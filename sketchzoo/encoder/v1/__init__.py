"""Generated from `protos/sketchzoo/encoder`: see `make stubs`."""
