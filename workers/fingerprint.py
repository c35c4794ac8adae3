"""Perceptual hashes: numbers that differ in few bits where two pictures look alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

LUMA_SIDE = 32
_LOW_FREQUENCIES = 8
_LEAST_DEVIATION = 2.0


def phash(luma: NDArray[np.uint8]) -> int:
    """The 64-bit perceptual hash of a picture.

    The method is that of pHash, from Christoph Zauner, "Implementation and Benchmarking of
    Perceptual Image Hash Functions" (2010): the discrete cosine transform of the brightness, of
    which the 8 x 8 lowest frequencies beside the constant ones become a bit each, 1 where above
    their median. It withstands scaling, compression and changes of brightness, but not cropping.

    Args:
        luma: (LUMA_SIDE, LUMA_SIDE) brightness, averaged down from the picture.

    Returns:
        0 to 2**64 - 1, the lowest frequency in the highest bit; compare by the number of bits that
        differ. 0 stands for a blank picture, which looks like any other blank one.
    """
    if luma.std() < _LEAST_DEVIATION:
        return 0
    frequencies = cv2.dct(luma.astype(np.float32))
    low = frequencies[1 : _LOW_FREQUENCIES + 1, 1 : _LOW_FREQUENCIES + 1]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes())
