"""What is compared acts on the same terms, and may decide otherwise."""

import pytest

from mtl.agent.environments.lending import Lending
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.sweep.outcomes import check_outcomes


def test_an_entry_that_changes_what_an_outcome_is_worth_is_refused() -> None:
    base, careful, dearer, without = (
        configure("task=credit", *more)
        for more in (
            ["execution=lending"],
            ["execution=lending", "execution.odds=2"],
            ["execution=lending", "execution.margin=0.9"],
            ["execution=none"],
        )
    )
    for allowed in (base, careful, without):
        check_outcomes("hard equal", allowed, base, Lending())
    check_outcomes("hard equal", dearer, base, None)
    with pytest.raises(InputError, match=r"'hard equal' changes execution\.margin: .* execution\.threshold, execution"):
        check_outcomes("hard equal", dearer, base, Lending())
