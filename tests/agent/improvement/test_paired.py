"""The interval of a mean difference is Student's for one group, and Welch's for two."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from mtl.agent.improvement.paired import mean_difference
from mtl.errors import InputError


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 30), st.sampled_from([0.05, 0.0125]))
def test_it_is_the_interval_of_the_known_tests(seed: int, first: int, second: int, alpha: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(n, generator=draw).double() * s + 0.3 for n, s in ((first, 1.0), (second, 3.0)))
    alone = ttest_1samp(a.numpy(), 0.0).confidence_interval(1 - alpha)
    assert mean_difference({"a": a}, alpha)[1:] == pytest.approx((alone.low, alone.high), rel=1e-6, abs=1e-9)
    both = ttest_ind(a.numpy(), -b.numpy(), equal_var=False).confidence_interval(1 - alpha)
    found = mean_difference({"a": a, "b": b}, alpha)
    assert found[1:] == pytest.approx((both.low / 2, both.high / 2), rel=1e-6, abs=1e-9)
    assert found.mean == pytest.approx(float(a.mean() + b.mean()) / 2)


def test_what_never_differs_has_no_width_and_one_instance_tells_nothing() -> None:
    assert mean_difference({"a": torch.zeros(4)}, 0.05) == (0.0, 0.0, 0.0)
    # Two equal differences say little, ten say that there is one
    assert mean_difference({"a": torch.ones(2)}, 0.05) == (1.0, 0.0, 1.0)
    assert mean_difference({"a": -torch.ones(2)}, 0.05) == (-1.0, -1.0, 0.0)
    assert mean_difference({"a": torch.full((3,), 0.1).double()}, 0.05).low == 0.0, "as equal as ones are"
    assert mean_difference({"a": torch.tensor([0.3, 0.4, 0.5]) - torch.tensor([0.2, 0.3, 0.4])}, 0.05).low == 0.0
    assert mean_difference({"a": torch.ones(5)}, 0.05).low == 0.0, "on one side once in 16 times"
    assert mean_difference({"a": torch.ones(6)}, 0.05).low == 1.0, "once in 32"
    assert mean_difference({"a": torch.ones(5), "b": torch.ones(5)}, 0.05) == (1.0, 1.0, 1.0)
    # Equal but for rounding, as 100 (1.1 / 1 - 1) is
    rounded = mean_difference({"a": torch.full((3,), 0.1, dtype=torch.double)}, 0.05)
    assert rounded == pytest.approx((0.1, 0.0, 0.1))
    with pytest.raises(InputError, match="validation instances a: expected at least 2, and there is 1"):
        mean_difference({"a": torch.zeros(1)}, 0.05)
