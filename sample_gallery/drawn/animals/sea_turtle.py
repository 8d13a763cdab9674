"""The sea turtle."""

import numpy as np

from sample_gallery.drawn.animals import patterns
from sample_gallery.drawn.curves import Floats, path, points, smooth, turn
from sample_gallery.drawn.figure import Coat, Colour, Figure, Layer, Line, Shape, Skin, eye, limb
from sample_gallery.drawn.palette import pick


def sea_turtle(rng: np.random.Generator) -> Figure:
    """Return a sea turtle swimming, seen from above or aslant."""
    squash = rng.uniform(0.62, 1.0)
    beat = rng.uniform(-0.35, 0.55)
    shell = path(
        "-0.56,0 -0.48,-0.26 -0.2,-0.42 0.18,-0.4 0.5,-0.2 0.66,0 0.5,0.2 "
        "0.18,0.4 -0.2,0.42 -0.48,0.26"
    )
    front = path(
        "0.05,0.03 0.1,-0.12 -0.02,-0.36 0.12,-0.7 0.3,-0.93 0,-0.8 -0.18,-0.5 -0.17,-0.12"
    )
    rear = path("-0.08,0.02 0.02,-0.1 0.22,-0.28 0.38,-0.34 0.34,-0.18 0.14,0.04")
    brown = pick(rng, (0.45, 0.33, 0.18), (0.4, 0.38, 0.22), (0.35, 0.27, 0.18), (0.5, 0.42, 0.25))
    pale = pick(rng, (0.85, 0.76, 0.52), (0.8, 0.78, 0.6))
    u = rng.uniform(0, 1)
    skin = Coat(
        pale,
        (brown[0] * 0.75, brown[1] * 0.75, brown[2] * 0.75),
        patterns.plated(u),
        rough=0.08,
        gloss=0.1,
    )

    def flat(curve: Floats) -> Floats:
        return curve * (1.0, squash)

    def flipper(limb_points: Floats, at: tuple[float, float], swing: float, side: int) -> Shape:
        placed = turn(limb_points, swing) + at
        outline = smooth(placed if side < 0 else placed * (1, -1))
        return Shape(flat(outline), 0.07)

    nod = rng.normal(0, 0.12)
    head_way = turn(path("-0.45,0 -0.7,0 -0.88,0"), nod)
    head = limb(flat(head_way), (0.16, 0.145, 0.11, 0.05), puff=0.13)
    near, far = beat + rng.normal(0, 0.1), -beat * 0.3 + rng.normal(0, 0.15)
    flippers = (
        flipper(front, (-0.34, -0.26), near, -1),
        flipper(front, (-0.34, -0.26), far, 1),
        flipper(rear, (0.44, -0.2), rng.normal(0, 0.25), -1),
        flipper(rear, (0.44, -0.2), rng.normal(0, 0.25), 1),
    )
    scutes: list[Layer] = []
    middle = flat(
        smooth(
            path(
                "-0.42,0 -0.28,-0.13 -0.05,-0.15 0.2,-0.14 0.44,-0.08 0.55,0 0.44,0.08 "
                "0.2,0.14 -0.05,0.15 -0.28,0.13"
            )
        )
    )
    tone: Colour = (pale[0] * 0.8, pale[1] * 0.78, pale[2] * 0.66)
    scutes.append(Line(np.concatenate([middle, middle[:1]]), tone, 0.014, 0.6, chance=0.9))
    for x in (-0.22, 0.0, 0.22, 0.4):
        wide = 0.4 - 0.35 * abs(x - 0.0) ** 1.5
        scutes.append(
            Line(flat(points((x - 0.02, -0.15), (x, -wide))), tone, 0.014, 0.6, chance=0.9)
        )
        scutes.append(Line(flat(points((x - 0.02, 0.15), (x, wide))), tone, 0.014, 0.6, chance=0.9))
        scutes.append(
            Line(flat(points((x - 0.06, -0.15), (x - 0.06, 0.15))), tone, 0.012, 0.5, chance=0.8)
        )
    eye_y = -0.09 * squash
    looks = turn(points((-0.78, eye_y)), nod)[0]
    carapace = Coat(tone, brown, patterns.scutes(u), rough=0.12, gloss=0.18)
    layers: tuple[Layer, ...] = (
        Skin(flippers, skin),
        Skin((head,), skin),
        Skin((Shape(flat(smooth(shell)), 0.3, lift=0.1),), carapace),
        *scutes,
        *eye(float(looks[0]), float(looks[1]), 0.028),
    )
    return Figure(
        layers, ("reef", "reef", "reef", "sand"), stands=False, spin=0.7, size=(0.68, 0.96)
    )
