"""What is compared acts on the same terms, and may decide otherwise."""

import pytest

from mtl.agent.environments.lending import Lending
from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
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


def test_an_entry_that_schedules_other_instances_is_refused() -> None:
    """As many others would be compared with these one by one."""
    base = configure("task=scheduling", "execution.instances=ft06")
    other, sampled = (
        configure("task=scheduling", "execution.instances=ft06", more)
        for more in ("execution.instances=ft10", "decoder@execution.decoder=sample")
    )
    shops = JobShops("ft06", Greedy())
    check_outcomes("hard equal", sampled, base, shops)
    with pytest.raises(InputError, match=r"'hard equal' changes execution\.instances: .* execution\.decoder, "):
        check_outcomes("hard equal", other, base, shops)
