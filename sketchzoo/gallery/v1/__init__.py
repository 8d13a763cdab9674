"""Generated from `protos/sketchzoo/gallery`: see `make stubs`."""
