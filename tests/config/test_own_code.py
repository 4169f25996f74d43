"""Which code of a user's own a run was made by, and that a comparison says where it is another now."""

from pathlib import Path

import pytest

from mtl.cli.compare import say_other_code
from mtl.config.own_code import OWN_CODE, own_code
from tests.results import run_result


def test_a_change_in_own_code_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its run would be taken for one of the code of now: the id says which class was chosen, not what it does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "code_of_mine.py"
    module.write_text("class Mine: pass\n", encoding="utf-8")
    config = run_result("weighting._target_=code_of_mine.Mine", "trust=[code_of_mine]").config
    was = own_code(config)
    assert set(was) == {OWN_CODE}
    finished = run_result(environment={"python": "3", **was})
    say_other_code([(config, finished)])
    assert capsys.readouterr().err == ""
    module.write_text("class Mine: size = 2\n", encoding="utf-8")
    say_other_code([(config, finished), (config, run_result())])  # of the second, an older one, nothing is known
    assert capsys.readouterr().err.startswith("1 finished run of other code than your modules have now")
    assert own_code(run_result().config) == {}  # all of it is this package's, or installed
