"""What holds for every weighting, sharing strategy, encoder, head, suite and environment, to test one's own with.

Each check is a function of what makes the thing, and raises AssertionError or InputError. This package's own tests run
the same ones::

    @pytest.mark.parametrize("check", WEIGHTING_CHECKS, ids=lambda check: check.__name__)
    def test_weighting(check):
        check(lambda num_tasks: Mine(num_tasks))
"""

from mtl.testing.encoders import ENCODER_CHECKS
from mtl.testing.environments import ENVIRONMENT_CHECKS
from mtl.testing.heads import HEAD_CHECKS
from mtl.testing.strategies import SHARING_CHECKS
from mtl.testing.suites import SUITE_CHECKS
from mtl.testing.weightings import WEIGHTING_CHECKS

__all__ = [
    "ENCODER_CHECKS",
    "ENVIRONMENT_CHECKS",
    "HEAD_CHECKS",
    "SHARING_CHECKS",
    "SUITE_CHECKS",
    "WEIGHTING_CHECKS",
]
