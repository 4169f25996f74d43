"""Config folders of one's own: which are searched, in which order, and what their options may name."""

import sys
from pathlib import Path

import pytest
import torch

from mtl.cli import doctor
from mtl.cli.application import without_folders
from mtl.cli.help import help_text
from mtl.config import folders
from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.config.folders import config_folders, option_file, option_names, take_folders
from mtl.config.overrides import searchpath
from mtl.errors import InputError

CODE = "from mtl.weighting.equal import Equal\n\n\nclass Mine(Equal):\n    pass\n"


def write(folder: Path, option: str, target: str, comment: str = "Mine.") -> Path:
    """A config folder with an option of the weighting."""
    (folder / "weighting").mkdir(parents=True, exist_ok=True)
    text = f"# {comment}\n_target_: {target}\n_partial_: true\nnormalise: none\n"
    (folder / "weighting" / f"{option}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The working directory: a module and conf/, whose option ``mine`` names a class of that module."""
    module = f"module_of_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{module}.py").write_text(CODE, encoding="utf-8")
    write(tmp_path / "conf", "mine", f"{module}.Mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_CONF", raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])  # as an installed command has it
    return tmp_path


def test_conf_in_the_working_directory_is_searched(project: Path) -> None:
    """By help, nearest names and composition; its code is found, and a run of it is called by it."""
    assert config_folders() == [project / "conf", folders.CONF]
    assert "mine             Mine." in help_text("config")
    with pytest.raises(InputError, match=r"unknown option of weighting 'mien': did you mean 'mine'\?"):
        configure("task=synthetic", "weighting=mien")
    with pytest.raises(InputError, match=r"unknown key 'weighting.normalize': did you mean 'weighting.normalise'\?"):
        configure("task=synthetic", "weighting=mine", "weighting.normalize=none")
    config = configure("task=synthetic", "weighting=mine")
    assert config.choices.weighting == "mine"
    made = instantiate_node(config.weighting, "weighting", config.trust)
    assert type(made(2)).__name__ == "Mine"


def test_a_launcher_of_ones_own_leaves_those_of_hydra(project: Path) -> None:
    """A folder may add options to groups that are Hydra's own."""
    (project / "conf" / "hydra" / "launcher").mkdir(parents=True)
    (project / "conf" / "hydra" / "launcher" / "own.yaml").write_text("defaults: [basic]\n", encoding="utf-8")
    for launcher in ("basic", "replicas", "own"):
        assert configure("task=synthetic", f"hydra/launcher={launcher}").choices.task == "synthetic"
    with pytest.raises(InputError, match=r"hydra/launcher 'owm': did you mean 'own'\? valid: basic, "):
        configure("task=synthetic", "hydra/launcher=owm")


def test_a_folder_that_is_merely_there_opens_no_run_of_a_stranger(project: Path) -> None:
    """Where nobody typed the config, as of a run directory, what conf/ names is not run without trust."""
    node = configure("task=synthetic", "weighting=mine").weighting
    module = "module_of_test_a_folder_that_is_merely_there_opens_no_run_of_a_stranger"
    with pytest.raises(InputError, match=rf"not run, .*trust=\[{module}\]"):
        instantiate_node(node, "weighting")
    assert module not in sys.modules
    folders.name_folders([str(project / "conf")])  # and what a person named is theirs
    assert instantiate_node(node, "weighting")(2) is not None


def test_an_option_in_place_of_a_default_opens_no_run_of_a_stranger(project: Path) -> None:
    """What a folder puts under the name of a default is for trainings; it opens no run that is gone on with."""
    module = "module_of_test_an_option_in_place_of_a_default_opens_no_run_of_a_stranger"
    write(project / "conf", "uncertainty", f"{module}.Mine")
    assert configure("task=synthetic").trust == [module]
    with pytest.raises(InputError, match="not run, since"):
        configure("task=synthetic", "resume=outputs/runs/theirs")


def test_an_option_that_was_written_since_is_as_it_is_now(project: Path) -> None:
    """A notebook goes on while a person writes: kinds of values, targets and new options are those of the files."""
    file = project / "conf" / "weighting" / "mine.yaml"
    module = "module_of_test_an_option_that_was_written_since_is_as_it_is_now"
    file.write_text(f"# Mine.\n_target_: {module}.Mine\n_partial_: true\nalpha: 1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"weighting\.alpha=0\.5: expected a whole number"):
        configure("task=synthetic", "weighting=mine", "weighting.alpha=0.5")
    file.write_text(f"# Mine.\n_target_: {module}.Other\n_partial_: true\nalpha: 1.0\n", encoding="utf-8")
    found = configure("task=synthetic", "weighting=mine", "weighting.alpha=2")
    assert found.weighting["alpha"] == 2.0
    assert type(found.weighting["alpha"]) is float  # 2 and 2.0 are one question, with one id
    assert found.choices.weighting == "mine"
    write(project / "conf", "new", f"{module}.New")
    assert configure("task=synthetic", "weighting=new").trust == [module]


@pytest.mark.parametrize("why", ["no group of ours", "another application"])
def test_a_conf_of_others_is_left_alone(project: Path, why: str) -> None:
    if why == "another application":
        (project / "conf" / "config.yaml").write_text("a: 1\n", encoding="utf-8")
    else:
        (project / "conf" / "weighting").rename(project / "conf" / "nginx")
    assert config_folders() == [folders.CONF]
    assert "mine" not in option_names("weighting")


def test_folders_that_are_named_come_first(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the one in the working directory, then the package's; however they are named, the command takes them."""
    one, two = (write(tmp_path / name / "conf", "mine", "torch.nn.Identity", name) for name in ("one", "two"))
    monkeypatch.setenv("MTL_CONF", str(two))
    monkeypatch.setattr("mtl.config.commands.config_dirs", [])  # later tests print commands without these
    rest = without_folders(["--config-dir", str(one), "seed=1"])
    assert rest == ["seed=1"]
    assert config_folders() == [one, two, project / "conf", folders.CONF]
    assert option_file("weighting", "mine") == one / "weighting" / "mine.yaml"
    assert option_file("weighting", "equal") == folders.CONF / "weighting" / "equal.yaml"
    assert without_folders([f"hydra.searchpath=[file://{two}]", "-cd=conf"]) == []
    assert config_folders()[:3] == [project / "conf", two, one]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config-dir"], "expected a config folder after it"),
        (["--config-dir", "nowhere"], "^--config-dir: 'nowhere': no such config folder"),
        (["hydra.searchpath=conf"], "expected a list of config folders"),
        (["hydra.searchpath=[pkg://mtl]"], "^hydra.searchpath: 'pkg://mtl': no such config folder"),
    ],
)
def test_a_folder_that_is_not_there_is_said(words: list[str], message: str, project: Path) -> None:
    with pytest.raises(InputError, match=message):
        without_folders(words)


def test_what_names_no_folder_is_left_as_it_is() -> None:
    words = ["-m", "seed=1", "a.b=[c]", "--cfg", "job"]
    assert take_folders(words) == ([], words)
    assert searchpath(words) == ([], words)


def test_another_class_under_the_name_of_an_option_goes_by_its_own_name(project: Path) -> None:
    """A result never says ``equal`` of something else."""
    write(
        project / "conf", "equal", "module_of_test_another_class_under_the_name_of_an_option_goes_by_its_own_name.Mine"
    )
    assert configure("task=synthetic", "weighting=equal").choices.weighting == "Mine"


def test_an_installed_package_brings_its_options(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point, without being imported; its options are those of code that is installed."""
    place = project / "site"
    write(place / "installed_methods" / "conf", "theirs", "installed_methods.parts.Mine")
    (place / "installed_methods" / "__init__.py").write_text("", encoding="utf-8")
    (place / "installed_methods" / "parts.py").write_text(CODE, encoding="utf-8")
    info = place / "installed_methods-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-methods\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[mtl.conf]\nmethods = installed_methods\n", encoding="utf-8")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(folders, "installed_folders", folders.installed_folders.__wrapped__)
    assert config_folders()[1] == place / "installed_methods" / "conf"
    assert "installed_methods" not in sys.modules
    node = configure("task=synthetic", "weighting=theirs").weighting
    assert instantiate_node(node, "weighting")(2) is not None


def test_code_that_is_installed_comes_before_that_of_the_folder(project: Path) -> None:
    """A file called like a library does not take its place."""
    (project / "torch.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    config = configure("task=synthetic", "weighting=mine")
    instantiate_node(config.weighting, "weighting", config.trust)
    assert sys.path[-1] == str(project)
    assert Path(torch.__file__).name == "__init__.py"


def test_a_folder_that_the_environment_names_has_to_be_there(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its options would silently be others of the same names."""
    monkeypatch.setenv("MTL_CONF", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"MTL_CONF: '.*nowhere': no such config folder"):
        option_names("weighting")
    assert f"{tmp_path / 'nowhere'}: no such folder" in dict(doctor.config_folders())["named"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MTL_CONF", "~")
    assert config_folders()[0] == tmp_path
