"""The animals that are drawn: a function each, from a random generator to a figure."""

from collections.abc import Callable

import numpy as np

from gallery.drawn.animals.butterfly import butterfly
from gallery.drawn.animals.cat import cat
from gallery.drawn.animals.crab import crab
from gallery.drawn.animals.dog import dog
from gallery.drawn.animals.elephant import elephant
from gallery.drawn.animals.fish import fish
from gallery.drawn.animals.giraffe import giraffe
from gallery.drawn.animals.horse import horse
from gallery.drawn.animals.jellyfish import jellyfish
from gallery.drawn.animals.owl import owl
from gallery.drawn.animals.penguin import penguin
from gallery.drawn.animals.rabbit import rabbit
from gallery.drawn.animals.sea_turtle import sea_turtle
from gallery.drawn.animals.snail import snail
from gallery.drawn.animals.snake import snake
from gallery.drawn.animals.spider import spider
from gallery.drawn.animals.starfish import starfish
from gallery.drawn.animals.swan import swan
from gallery.drawn.animals.zebra import zebra
from gallery.drawn.figure import Figure

ANIMALS: dict[str, Callable[[np.random.Generator], Figure]] = {
    animal.__name__: animal
    for animal in (
        butterfly,
        cat,
        crab,
        dog,
        elephant,
        fish,
        giraffe,
        horse,
        jellyfish,
        owl,
        penguin,
        rabbit,
        sea_turtle,
        snail,
        snake,
        spider,
        starfish,
        swan,
        zebra,
    )
}
"""By class, in alphabetical order."""
