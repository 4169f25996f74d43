"""What is typed and must not be kept."""

import pytest

from mtl.config.compose import check_overrides
from mtl.errors import InputError


@pytest.mark.parametrize(
    "typed",
    [
        "task.path=postgresql://me:geheim@host/db",
        r"task.path=postgresql\://me\:geheim@host/db",  # as a sweep writes it
        "task.path='mysql://:ge@heim@host/db'",
        "+logger.mlflow.tracking_uri=https://me:geheim@host",
    ],
)
def test_an_address_with_a_password_is_refused_before_a_sweep_writes_it_down(typed: str) -> None:
    with pytest.raises(InputError, match=r"^\+?[a-z._]+: an address with a password would be written") as error:
        check_overrides(["task=table", typed], "config")
    assert "heim" not in str(error.value)


def test_other_addresses_have_no_password() -> None:
    for typed in ("task.path=postgresql://me@host:5432/db", "task.path='sqlite:///a@b:c.db'", "task.path=env:NAME"):
        check_overrides(["task=table", typed], "config")
