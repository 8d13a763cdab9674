"""Patterns of coats: stripes, spots, scales and the like, each from places to 0..1."""

import numpy as np

from sample_gallery.drawn.curves import Floats
from sample_gallery.drawn.figure import Pattern, Place


def spots(u: float, v: float, edge: float) -> Pattern:
    """Return big patches with pale lines between, fading down the legs."""

    def pattern(place: Place) -> Floats:
        cells = place.texture("cells", place.x / 1.35 + u, place.y / 1.35 + v)
        fade = np.clip((0.72 - place.y) / 0.3, 0, 1)
        return np.asarray(np.clip((cells - edge) * 14, 0, 1) * fade)

    return pattern


def stripes(often: float, wide: float, u: float) -> Pattern:
    """Return stripes across whatever runs along, forking here and there."""

    def pattern(place: Place) -> Floats:
        bend = place.texture("cloud", place.x * 0.35 + u, place.y * 0.35) * 0.5
        fork = place.texture("clump", place.x * 0.3, place.y * 0.3 + u) * 0.2
        wave = np.sin(place.along * often + place.y * 2.5 * np.clip(place.x, 0, 1) + bend + fork)
        pale = np.clip((0.52 - place.y) * 6, 0, 1) * 0.25 + 0.75
        return np.asarray(np.clip((wave - wide) * 4 + 0.5, 0, 1) * pale)

    return pattern


def patches(u: float, share: float) -> Pattern:
    """Return a few large patches, as on a spotted dog; `share` is how little they cover, -1..1."""

    def pattern(place: Place) -> Floats:
        cloud = place.texture("cloud", place.x * 0.55 + u, place.y * 0.55 + 2 * u)
        ragged = 0.08 * place.texture("fur", place.x, place.y)
        return np.asarray(np.clip((cloud + ragged - share) * 4 + 0.5, 0, 1))

    return pattern


def creases(u: float) -> Pattern:
    """Return the creases of thick skin, in rings round the trunk."""

    def pattern(place: Place) -> Floats:
        lines = place.texture("plates", place.x * 1.1 + u, place.y * 1.5)
        rings = np.sin(place.along * 70 + 2 * place.texture("cloud", place.x, place.y)) > 0.75
        return np.asarray(np.clip(0.5 - 5 * lines, 0, 0.45) + 0.18 * rings)

    return pattern


def barred(often: float, u: float, amount: float) -> Pattern:
    """Return streaks down the feathers and broken bars across them."""

    def pattern(place: Place) -> Floats:
        streaks = place.texture("clump", place.x * 1.3 + u, place.y * 0.5 + u)
        fine = place.texture("fur", place.y * 1.6, place.x * 1.6 + u)
        bars = np.sin(place.y * often + 1.6 * streaks + 0.8 * fine)
        much = 0.38 + 0.26 * streaks + 0.16 * fine + 0.22 * bars
        return np.asarray(np.clip(much, 0, 1) * amount)

    return pattern


def ringed() -> Pattern:
    """Return faint rings round the middle, as on an owl's face."""

    def pattern(place: Place) -> Floats:
        return np.asarray(
            np.clip(0.5 - place.depth, 0, 0.5) * 1.4
            + 0.12 * (place.texture("fibre", place.y, place.x) > 0.6)
        )

    return pattern


def bark(u: float) -> Pattern:
    """Return furrows along a branch."""

    def pattern(place: Place) -> Floats:
        return np.asarray(
            np.clip(place.texture("fibre", place.x * 0.8 + u, place.y * 2) * 0.5, 0, 0.8)
        )

    return pattern


def quilled() -> Pattern:
    """Return the faint rims of feathers that overlap."""

    def pattern(place: Place) -> Floats:
        return np.asarray(
            np.clip(
                0.5 - place.texture("scales", place.x * 0.3 + place.y * 0.2, place.y * 0.5), 0, 0.5
            )
            * 0.5
        )

    return pattern


def freckles(u: float, share: float, size: float) -> Pattern:
    """Return speckles where noise is above a share."""

    def pattern(place: Place) -> Floats:
        noise = place.texture("clump", place.x * size + u, place.y * size)
        return np.asarray(np.clip((noise - share) * 2.5, 0, 0.8))

    return pattern


def knobs(u: float) -> Pattern:
    """Return small bright knobs, most of them on the ridge."""

    def pattern(place: Place) -> Floats:
        knobs = place.texture("plates", place.x * 1.6 + u, place.y * 1.6)
        return np.asarray(np.clip((knobs - 0.3) * 3, 0, 1) * np.clip(place.depth * 2, 0.2, 1))

    return pattern


def scutes(u: float) -> Pattern:
    """Return the plates of a turtle's shell."""

    def pattern(place: Place) -> Floats:
        cells = place.texture("cells", place.x * 0.42 + u, place.y * 0.36 + u)
        rays = 0.2 * place.texture("fibre", place.x, place.y)
        return np.asarray(np.clip((cells - 0.07) * 8, 0, 1) * np.clip(0.78 + rays, 0, 1))

    return pattern


def plated(u: float) -> Pattern:
    """Return small plates with pale rims, as on a flipper."""

    def pattern(place: Place) -> Floats:
        cells = place.texture("plates", place.x * 0.8 + u, place.y * 0.8)
        return np.asarray(np.clip((cells - 0.13) * 9, 0, 1))

    return pattern


def scaled(u: float, bands: float) -> Pattern:
    """Return scales, with dark bands across if `bands` is above 0."""

    def pattern(place: Place) -> Floats:
        scales = place.texture("scales", place.x * 1.1 + u, place.y * 1.1)
        stripes = (np.sin(place.x * bands + u * 9) > 0.35) * 0.75 if bands else 0.0
        return np.asarray(np.clip(np.clip(0.55 - scales, 0, 0.5) + stripes, 0, 1))

    return pattern


def rays() -> Pattern:
    """Return the rays of a fin."""

    def pattern(place: Place) -> Floats:
        return np.asarray(np.clip(np.sin(place.y * 90 + place.x * 20) * 0.5, 0, 0.5))

    return pattern


def veined() -> Pattern:
    """Return a bright rim that fades inwards."""

    def pattern(place: Place) -> Floats:
        return np.asarray(np.clip(1.1 - 1.6 * place.depth, 0, 1))

    return pattern


def frills(phase: float) -> Pattern:
    """Return frills along an arm."""

    def pattern(place: Place) -> Floats:
        return np.asarray(np.clip(np.sin(place.along * 60 + phase) * 0.5 + 0.3, 0, 1))

    return pattern


def mottled(u: float, amount: float) -> Pattern:
    """Return the flecks of fur."""

    def pattern(place: Place) -> Floats:
        fine = place.texture("fibre", place.x * 1.4 + u, place.y * 1.4)
        return np.asarray(np.clip(fine * 0.35 + 0.25, 0, 1) * amount)

    return pattern


def whorl(u: float, bands: float) -> Pattern:
    """Return a snail shell's bands and growth lines."""

    def pattern(place: Place) -> Floats:
        rings = np.sin(place.along * bands + u * 9) * 0.5 + 0.5
        growth = np.clip(place.texture("fibre", place.y * 0.7 + u, place.x * 0.7) * 0.3, 0, 1)
        return np.asarray(
            np.clip(rings * 0.55 + growth + np.clip(0.35 - place.depth, 0, 1) * 1.3, 0, 1)
        )

    return pattern


def wet() -> Pattern:
    """Return the grain of wet skin."""

    def pattern(place: Place) -> Floats:
        return np.asarray(
            np.clip(0.6 - 3 * place.texture("plates", place.x * 1.5, place.y * 1.5), 0, 0.6)
        )

    return pattern


def diamonds(often: float, wide: float) -> Pattern:
    """Return saddles along the back: dark on the ridge, in steps along the spine."""

    def pattern(place: Place) -> Floats:
        wave = np.abs(np.sin(place.along * often))
        return np.asarray(np.clip((place.depth * 1.1 + wave - wide) * 5, 0, 1) * 0.9)

    return pattern


def belts(often: float) -> Pattern:
    """Return rings across a tube."""

    def pattern(place: Place) -> Floats:
        return np.asarray(np.clip((np.sin(place.along * often) - 0.2) * 5, 0, 0.95))

    return pattern


def wing_marks(edge: float, u: float, *, dots: bool) -> Pattern:
    """Return a dark border, with pale dots if wanted, and veins from the root."""

    def pattern(place: Place) -> Floats:
        noise = place.texture("clump", place.x * 0.6 + u, np.abs(place.y) * 0.6)
        border = np.clip((edge - place.depth + 0.06 * noise) * 14, 0, 1)
        if dots:
            spots = place.texture("plates", np.abs(place.x) * 0.9 + u, place.y * 0.9)
            border = border * np.clip(1 - (spots - 0.42) * 9, 0, 1)
        angle = np.arctan2(place.y, np.abs(place.x))
        veins = np.clip(1 - np.abs(np.sin(angle * 11)) * 9, 0, 1) * 0.8
        return np.asarray(np.clip(border + veins, 0, 1))

    return pattern


def ladder(u: float) -> Pattern:
    """Return a ladder down a spider's back."""

    def pattern(place: Place) -> Floats:
        ladder = np.clip(np.sin(place.y * 28 + 3 * np.abs(place.x)) * 3, 0, 1) * np.clip(
            1 - np.abs(place.x) * 9, 0, 1
        )
        noise = np.clip(place.texture("clump", np.abs(place.x) + u, place.y) - 0.6, 0, 1)
        return np.asarray(np.clip(ladder * 0.7 + noise * 0.5, 0, 0.9) * (place.y > 0.05))

    return pattern
