"""The animals that are drawn: a function each, from a random generator to a figure."""

from collections.abc import Callable

import numpy as np

from sample_gallery.drawn.animals.butterfly import butterfly
from sample_gallery.drawn.animals.cat import cat
from sample_gallery.drawn.animals.crab import crab
from sample_gallery.drawn.animals.dog import dog
from sample_gallery.drawn.animals.elephant import elephant
from sample_gallery.drawn.animals.fish import fish
from sample_gallery.drawn.animals.giraffe import giraffe
from sample_gallery.drawn.animals.horse import horse
from sample_gallery.drawn.animals.jellyfish import jellyfish
from sample_gallery.drawn.animals.owl import owl
from sample_gallery.drawn.animals.penguin import penguin
from sample_gallery.drawn.animals.rabbit import rabbit
from sample_gallery.drawn.animals.sea_turtle import sea_turtle
from sample_gallery.drawn.animals.snail import snail
from sample_gallery.drawn.animals.snake import snake
from sample_gallery.drawn.animals.spider import spider
from sample_gallery.drawn.animals.starfish import starfish
from sample_gallery.drawn.animals.swan import swan
from sample_gallery.drawn.animals.zebra import zebra
from sample_gallery.drawn.figure import Figure

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
