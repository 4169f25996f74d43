"""Images: two digits over one another, and scenes of digits to be found and read."""

from mtl.suites.digits.pairs import PairsSuite
from mtl.suites.digits.scenes import ScenesSuite

__all__ = ["PairsSuite", "ScenesSuite"]
