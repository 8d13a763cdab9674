"""The animals that are drawn: a function each, from a random generator to a figure."""

from collections.abc import Callable

import numpy as np

from gallery.drawn.animals import birds, hoofed, shore, small
from gallery.drawn.figure import Figure

ANIMALS: dict[str, Callable[[np.random.Generator], Figure]] = {
    "butterfly": small.butterfly,
    "crab": shore.crab,
    "elephant": hoofed.elephant,
    "fish": shore.fish,
    "giraffe": hoofed.giraffe,
    "jellyfish": shore.jellyfish,
    "owl": birds.owl,
    "penguin": birds.penguin,
    "rabbit": small.rabbit,
    "sea_turtle": shore.sea_turtle,
    "snail": small.snail,
    "snake": small.snake,
    "spider": small.spider,
    "starfish": shore.starfish,
    "swan": birds.swan,
    "zebra": hoofed.zebra,
}
