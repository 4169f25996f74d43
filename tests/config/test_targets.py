"""A config names classes; what it may not name is refused before anything is imported."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.config.targets import check_targets, find_target
from mtl.errors import InputError
from mtl.nn.mlp import MLP

FOREIGN = (
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "pandas.read_pickle",
    "shutil.copyfile",
    "torch.load",
    "torch.hub.load",
    "hydra.utils.instantiate",
    "mtl.runs.files.write_text",  # functions of this package that write, fetch or call are no options either
    "mtl.config.factories.instantiate_node",
    "mtl.training.callbacks.checkpoints.Checkpoints",
    "mtl.module.module.torch.load",
    "mtl.nn.mlp.torch.load",
    "mtl.nn.mlp.MLP.__init__",
    "mtl.nn.mlp.MLP.__init__.__globals__.get",
    "mtlx.nn.mlp.MLP",
    "mtl.MLP",
    "mtl",
    "torch",
    "eval",
    "",
    "mtl.nn.mlp.MLP ",
    "mtl/nn/mlp.MLP",
    "${oc.env:HOME}",
    None,
    3,
    ["os", "system"],
    {"_target_": "mtl.nn.mlp.MLP"},
)


@pytest.mark.parametrize("target", FOREIGN, ids=repr)
def test_what_is_no_option_is_refused(target: Any) -> None:
    for node in (
        {"_target_": target},
        {"_target_": "mtl.nn.mlp.MLP", "widths": {"_target_": target, "_partial_": True}},
        {"_target_": "mtl.nn.mlp.MLP", "_args_": [{"_target_": target}]},
        {"_target_": "mtl.nn.mlp.MLP", "widths": [[{"deep": ({"_target_": target},)}]]},
    ):
        with pytest.raises(InputError, match=r"_target_=") as error:
            instantiate_node(node, "encoder")
        assert "\n" not in str(error.value)


def test_nothing_is_imported_before_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the module, nor a package above it; the target that is allowed is not called either."""
    (tmp_path / "acme_evil").mkdir()
    (tmp_path / "acme_evil" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "acme_evil" / "thing.py").write_text("class Thing: pass")
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": "mtl.nn.mlp.MLP", "widths": {"_target_": "acme_evil.thing.Thing"}}
    with pytest.raises(InputError, match=r"encoder\.widths\._target_=acme_evil\.thing\.Thing: not run, .*trust="):
        instantiate_node(node, "encoder")
    assert not [name for name in sys.modules if name.startswith("acme_evil")]


@pytest.mark.parametrize("name", ["nn", "partial", "InputError", "Any", "Sequence"])
def test_what_a_module_has_imported_itself_is_not_its_own(name: str) -> None:
    with pytest.raises(InputError, match=r"not run|cannot build"):
        instantiate_node({"_target_": f"mtl.nn.mlp.{name}"}, "encoder")


def test_trust_opens_a_module_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not one that it has imported, by whatever name."""
    (tmp_path / "acme_good.py").write_text(
        "import os\nimport os as also\nfrom os import system\n"
        "class Thing:\n    def __init__(self, size=1): self.size = size\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    made = instantiate_node({"_target_": "acme_good.Thing", "size": 3}, "model", ["acme_good"])
    assert made.size == 3
    for name in ("os.system", "also.system", "system"):
        with pytest.raises(InputError, match="not run, since"):
            instantiate_node({"_target_": f"acme_good.{name}"}, "model", ["acme_good"])
    for trust in ([], ["acme"], ["acme_good.Thing"], ["acme_goo"]):
        with pytest.raises(InputError, match=r"trust=\[acme_good\]"):
            check_targets({"_target_": "acme_good.Thing"}, "model", trust)


def test_the_message_names_all_that_is_to_be_trusted() -> None:
    """Typed once, it opens a run of several modules; what is trusted already stays, what helps nothing goes."""
    node = {"a": {"_target_": "acme.one.A"}, "b": [{"_target_": "acme.two.B"}], "c": {"_target_": "mtl.nn.mlp.MLP"}}
    for trust, expected in (([], "acme.one,acme.two"), (["acme.one", "acm"], "acme.one,acme.two")):
        with pytest.raises(InputError, match=re.escape(f"trust=[{expected}]")):
            check_targets(node, "", trust)
    check_targets(node, "", ["acme.one", "acme.two"])


def test_a_misspelt_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no 'MPL' in mtl\.nn\.mlp: did you mean 'MLP'\?"):
        instantiate_node({"_target_": "mtl.nn.mlp.MPL"}, "encoder")


def test_code_that_is_not_found_is_said_where_it_is_looked_for() -> None:
    with pytest.raises(InputError, match=r"No module named 'acme_away'; .* working directory, .*--config-dir"):
        instantiate_node({"_target_": "acme_away.Thing"}, "model", ["acme_away"])


def test_a_text_is_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """References, which Hydra would resolve while it makes an object, are not looked at."""
    monkeypatch.setenv("MTL_SECRET", "leaked")
    for text in ("${oc.env:MTL_SECRET}", "${oc.create:{_target_: os.system}}", "${oc.decode:'3'}"):
        made = instantiate_node({"_target_": "mtl.nn.mlp.MLP", "_partial_": True, "activation": text}, "encoder")
        assert made.keywords == {"activation": text}


def test_nodes_become_what_they_name() -> None:
    """Factories, positional arguments, nodes in lists and in mappings."""
    node = {"_target_": "mtl.nn.mlp.MLP", "_partial_": True, "_args_": [{"": (3,)}], "widths": [{"a": [1, {}]}]}
    made = instantiate_node(node, "encoder")
    assert (made.func, made.args, made.keywords) == (MLP, ({"": [3]},), {"widths": [{"a": [1, {}]}]})
    assert find_target("torch.optim.Adam", "optimizer").__name__ == "Adam"  # conf/ names it
    for key, value in (("_partial_", "yes"), ("_args_", 3), ("_recursive_", False)):
        with pytest.raises(InputError, match=rf"encoder\.{key}"):
            instantiate_node({**node, key: value}, "encoder")


def test_what_is_typed_follows_the_same_rule() -> None:
    own = "+callbacks.mine._target_=acme.Mine"
    with pytest.raises(InputError, match=r"callbacks\.mine\._target_=acme\.Mine: not run, .*trust=\[acme\]"):
        configure("task=synthetic", own)
    assert configure("task=synthetic", own, "trust=[acme]").trust == ["acme"]
    for bad in ("trust=acme", "trust=[3]", "trust=['acme*']", "trust=[acme.]", "trust=['']"):
        with pytest.raises(InputError, match="expected a list of modules"):
            configure("task=synthetic", bad)
