"""Generated from `protos/sketchzoo/search`: see `make stubs`."""
