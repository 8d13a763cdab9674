"""SketchZoo: draw an animal, get its photos.

What every part needs and none owns; the parts are the packages beside this one.
"""

__version__ = "0.1.0"
