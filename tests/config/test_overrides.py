"""What is typed and must not be kept; what comes of the rest."""

from pathlib import Path

import pytest
from hydra import compose
from omegaconf import OmegaConf

from mtl.config.compose import check_overrides, hydra_initialised
from mtl.config.composing import compose_with_hydra
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


def test_values_are_put_where_hydra_puts_them() -> None:
    """Its own composition, of each of these from the beginning; none is changed by one that is composed after it."""
    together = (
        ["task=synthetic", "weighting=gradnorm", "encoder.widths=[8]", "grouping=[[a,b],[c]]", "seed=3"],
        ["task=synthetic", "weighting=gradnorm", "task.rows=7", "task={rows: 9}", "encoder.widths=[4,2]"],
        ["task=synthetic", "weighting=gradnorm", "+task.more=1", "~patience", "encoder.dropout=${seed}"],
        ["task=synthetic", "weighting=gradnorm"],
    )
    with hydra_initialised():
        for given in together:
            found, choices = compose_with_hydra("config", given)
            whole = compose("config", given, return_hydra_config=True)
            assert choices == whole.hydra.runtime.choices
            expected = OmegaConf.to_container(whole)
            del expected["hydra"]
            assert OmegaConf.to_container(found) == expected


def test_what_an_option_is_made_of_is_read_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the environment that choose an option, and files in any depth of folders."""
    monkeypatch.setenv("MTL_CONF", str(tmp_path))
    own = tmp_path / "execution" / "own.yaml"
    own.parent.mkdir()
    own.write_text("# Own.\ndefaults:\n  - /hardware@_here_: ${oc.env:CHOSEN}\n")
    with hydra_initialised():
        for chosen in ("cpu", "gpu"):
            monkeypatch.setenv("CHOSEN", chosen)
            assert compose_with_hydra("execute", ["execution@_global_=own"])[0]["accelerator"] == chosen
        below = own.parent / "some" / "where"
        below.mkdir(parents=True)
        own.write_text("# Own.\ndefaults:\n  - some/where/else@_here_\n")
        for number in (1, 22):
            (below / "else.yaml").write_text(f"number: {number}\n")
            assert compose_with_hydra("execute", ["execution@_global_=own"])[0]["number"] == number
