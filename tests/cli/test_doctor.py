"""``mtl doctor`` says what is there and what is missing, and is no test of the machine: it always succeeds."""

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mtl.cli import doctor
from mtl.config import folders
from mtl.errors import DISTRIBUTION, InputError

REQUIRES = [
    "torch>=2.8",
    "lightgbm>=4.6; extra == 'trees'",
    "ray>=2; os_name != 'no' and extra == 'sweep'",
    "openpyxl>=1; extra == 'excel'",
]


def without(*missing: str) -> Callable[[str], str]:
    """``version`` of a machine that lacks these."""

    def version(name: str) -> str:
        if name in missing:
            raise PackageNotFoundError(name)
        return "2.0" if name == "ray" else "1.0"

    return version


def test_it_names_what_an_extra_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: REQUIRES)
    monkeypatch.setattr(doctor, "version", without("lightgbm"))
    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"trees +missing lightgbm: pip install '{DISTRIBUTION}\[trees\]'", said)
    assert re.search(r"sweep +complete", said)
    assert re.search(r"excel +complete", said)
    monkeypatch.setattr(doctor, "version", lambda name: "1.0")
    assert doctor.main([]) == 0
    assert f"missing ray>=2 (1.0 is there): pip install '{DISTRIBUTION}[sweep]'" in capsys.readouterr().out
    assert re.search(r"cores +\d+ usable of \d+", said)
    assert re.search(rf"mtl +{re.escape(str(folders.CONF))}", said)


def test_a_repository_that_is_not_installed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def requires(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", requires)
    assert doctor.main([]) == 0
    assert f"{DISTRIBUTION} is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(("what", "reason"), [("config.yaml", "has a config.yaml"), ("nginx", "has no group")])
def test_a_conf_that_is_not_searched_is_explained(
    what: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / what).write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    said = dict(doctor.config_folders())
    assert reason in said["not searched"]
    (tmp_path / "conf" / what).unlink()
    (tmp_path / "conf" / "weighting").mkdir()
    assert dict(doctor.config_folders())["found here"] == str(tmp_path / "conf")


def test_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="doctor takes no arguments"):
        doctor.main(["now"])
