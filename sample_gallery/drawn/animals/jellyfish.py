"""The jellyfish."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import points, smooth
from sample_gallery.drawn.figure import Coat, Colour, Dab, Figure, Layer, Line, Skin, blob, limb
from sample_gallery.drawn.palette import pick


def jellyfish(rng: np.random.Generator) -> Figure:
    """Return a jellyfish, its bell glowing over trailing arms."""
    colour = pick(
        rng,
        (0.95, 0.55, 0.25),
        (0.55, 0.7, 0.98),
        (0.9, 0.5, 0.75),
        (0.85, 0.88, 0.95),
        (0.95, 0.7, 0.5),
    )
    rim: Colour = (min(1, colour[0] * 1.15), min(1, colour[1] * 1.15), min(1, colour[2] * 1.15))
    tall, pulse = rng.uniform(0.42, 0.62), rng.uniform(0.85, 1.1)
    hem = [(x * pulse, 0.0 + 0.045 * (i % 2)) for i, x in enumerate(np.linspace(0.5, -0.5, 11))]
    bell = blob(
        points(
            (-0.5 * pulse, -0.08),
            (-0.42 * pulse, -tall * 0.68),
            (-0.2, -tall * 0.96),
            (0.0, -tall),
            (0.2, -tall * 0.96),
            (0.42 * pulse, -tall * 0.68),
            (0.5 * pulse, -0.08),
            *hem,
        ),
        0.3,
    )
    drift = rng.normal(0, 0.18)
    threads: list[Layer] = []
    for x in np.linspace(-0.44, 0.44, int(rng.integers(9, 16))):
        long, wave, phase = rng.uniform(0.6, 1.35), rng.uniform(0.02, 0.07), rng.uniform(0, 6)
        t = np.linspace(0, 1, 16)
        curve = np.stack(
            [
                x * pulse + drift * t**1.5 + wave * np.sin(6 * t + phase) * t + 0.1 * x * t,
                0.02 + long * t,
            ],
            axis=1,
        )
        threads.append(Line(curve, rim, 0.012, 0.55, chance=0.8))
    arms: list[Layer] = []
    for x in (-0.16, -0.05, 0.06, 0.17):
        long, phase = rng.uniform(0.6, 1.0), rng.uniform(0, 6)
        t = np.linspace(0, 1, 9)
        spine = np.stack(
            [x + drift * t**1.5 + 0.05 * np.sin(8 * t + phase), -0.05 + long * t], axis=1
        )
        arms.append(
            Skin(
                (limb(spine, (0.07, 0.065, 0.05, 0.03, 0.012), count=26),),
                Coat(
                    rim,
                    colour,
                    patterns.frills(phase),
                    rough=0.12,
                    clear=0.35,
                    glow=0.35,
                    fuzzy=0.5,
                ),
            )
        )
    coat = Coat(
        colour, rim, patterns.veined(), rough=0.06, gloss=0.3, clear=0.3, glow=0.35, texture="cloud"
    )
    inner = Dab(
        smooth(
            points((-0.2, -tall * 0.35), (0, -tall * 0.6), (0.2, -tall * 0.35), (0, -tall * 0.2))
        ),
        rim,
        0.35,
        chance=0.3,
    )
    ribs = [
        Line(
            smooth(
                points((x * 0.25, -tall * 0.9), (x * 0.8, -tall * 0.5), (x, -0.03)), closed=False
            ),
            rim,
            0.012,
            0.45,
            chance=0.5,
        )
        for x in (-0.34, -0.17, 0.0, 0.17, 0.34)
    ]
    layers: tuple[Layer, ...] = (
        *threads[::2],
        *arms,
        *threads[1::2],
        Skin((bell,), coat),
        inner,
        *ribs,
    )
    return Figure(layers, ("deep", "deep", "reef"), stands=False, spin=0.9, size=(0.62, 0.95))
