"""Near-duplicates: images that look the same though their bytes differ.

A difference hash (dHash, by Neal Krawetz): the image is reduced to 17 x 16 greys and each
is compared with its right neighbour, which gives 256 bits. White paper around a drawing is
cut off first. Two images are near-duplicates if few bits differ, also when measured by
those that are set. Hashes are cut into 16 bands: two that differ in fewer than 16 bits
agree in one band at least, so only images that share a band are compared.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 16
BANDS = 16
MOST_BITS = 10
_PAPER = 245  # greys above it are paper
_SHARE = 0.15  # of the bits set in either may differ at most
_CROWD = 300  # a band that so many images share (such as white paper) tells nothing

Hash = npt.NDArray[np.uint8]


def difference_hash(image: Image.Image) -> Hash:
    """Return an image's hash: 32 bytes, 256 bits."""
    grey = image.convert("L")
    inked = grey.point([0 if value > _PAPER else 255 for value in range(256)])
    small = grey.crop(inked.getbbox()).resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS)
    greys = np.asarray(small, np.int16)
    # Noise on even ground is no difference: a neighbour must be darker by more than that.
    return np.packbits(greys[:, :-1] > greys[:, 1:] + 2)


def near_duplicates(
    hashes: Sequence[Hash], *, most_bits: int = MOST_BITS
) -> list[tuple[int, int, int]]:
    """Return pairs of indexes whose hashes differ in at most `most_bits`, with that number.

    Images without any difference in them (blank ones) resemble all and are passed over.
    """
    if not 0 <= most_bits < BANDS:
        raise ValueError(f"most_bits must be 0 to {BANDS - 1}, not {most_bits}")
    if not hashes:
        return []
    bits = np.stack(hashes)
    telling = bits.any(axis=1)
    bands = bits.reshape(len(bits), BANDS, -1)
    candidates: set[tuple[int, int]] = set()
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for index in np.flatnonzero(telling & bands[:, band].any(axis=1)).tolist():
            buckets[bands[index, band].tobytes()].append(index)
        for members in buckets.values():
            if len(members) <= _CROWD:
                candidates.update((a, b) for i, a in enumerate(members) for b in members[i + 1 :])
    if not candidates:
        return []
    pairs = np.array(sorted(candidates))
    ones, others = bits[pairs[:, 0]], bits[pairs[:, 1]]
    differing = np.bitwise_count(ones ^ others).sum(axis=1)
    close = differing <= np.minimum(most_bits, _SHARE * np.bitwise_count(ones | others).sum(axis=1))
    return [
        (int(a), int(b), int(count))
        for (a, b), count in zip(pairs[close], differing[close], strict=True)
    ]
