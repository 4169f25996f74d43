"""What the encoders make of their inputs, and how they answer inputs that are not theirs."""

import builtins
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.assembly import make
from mtl.errors import InputError
from mtl.nn.candidates import CandidateSet
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.mlp import MLP
from mtl.nn.norm import make_norm
from mtl.nn.own import Own
from mtl.nn.pictures import Timm
from mtl.nn.tabular import Tabular
from mtl.nn.transformer import Transformer
from mtl.sharing.gated import Gated

TEXT: InputShape = {"tokens": (None,), "mask": (None,)}
TABLE: InputShape = {"numbers": (3,), "categories": (2,)}
SET: InputShape = {"candidates": (None, 5), "mask": (None,), "context": (3,)}


class TestConvolution:
    """Series and pictures."""

    @pytest.mark.parametrize("shape", [(2, 9), (1, 8, 8), (3, 5, 7), (1, 1, 1), (4, 1)])
    def test_any_size(self, shape: tuple[int, ...]) -> None:
        encoder = Convolution(shape, [8, 16, 8]).eval()
        inputs = torch.randn(4, *shape)
        assert encoder(inputs).shape == (4, encoder.out_features)
        assert encoder.summary(inputs).shape == (4, encoder.summary_features)
        torch.testing.assert_close(encoder(inputs)[1:2], encoder(inputs[1:2]))

    def test_every_stage_but_the_first_halves_the_places(self) -> None:
        encoder, inputs = Convolution((1, 8, 8), [4, 8, 8]), torch.randn(2, 1, 8, 8)
        hidden = encoder.stem(inputs)
        shapes = []
        for stage in encoder.stages:
            hidden = stage(hidden, inputs)
            shapes.append(tuple(hidden.shape[1:]))
        assert shapes == [(8, 8, 4), (4, 4, 8), (8,)]

    def test_a_picture_moved_by_a_whole_stride_is_much_the_same(self) -> None:
        """Convolutions look at places, not at pixels by number: inside a blank frame the average moves with the
        picture.
        """
        encoder = Convolution((1, 24, 24), [8], norm="none").eval()
        picture = torch.zeros(1, 1, 24, 24)
        picture[..., 8:12, 8:12] = torch.randn(4, 4)
        torch.testing.assert_close(encoder(picture), encoder(picture.roll((4, 4), (2, 3))), atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize("shape", [(6,), SET, (1, 2, 3, 4)])
    def test_other_inputs_are_refused(self, shape: InputShape) -> None:
        with pytest.raises(InputError, match="encoder=convolution reads"):
            Convolution(shape)


class TestTabular:
    """Missing numbers and categories."""

    def test_missing_number_differs_from_zero(self) -> None:
        encoder = Tabular((3,), [8])
        zero, missing = torch.zeros(1, 3), torch.tensor([[0.0, torch.nan, 0.0]])
        assert encoder(missing).isfinite().all()
        assert not torch.allclose(encoder(zero), encoder(missing))
        assert encoder.summary(missing).tolist() == [[0, 0, 0, 0, 1, 0]]

    def test_nan_reaches_no_gradient(self) -> None:
        encoder = Tabular((3,), [8])
        encoder(torch.full((2, 3), torch.nan)).sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())

    def test_categories_have_vectors_of_their_own(self) -> None:
        encoder = Tabular(TABLE, [8], values=3)
        numbers = torch.zeros(5, 3)
        categories = torch.tensor([[-1, 0], [0, 0], [1, 0], [2, 0], [3, 0]])
        out = encoder({"numbers": numbers, "categories": categories})
        assert not any(torch.allclose(out[a], out[b]) for a, b in ((0, 1), (1, 2), (2, 3), (0, 4)))
        torch.testing.assert_close(out[4], out[1])  # the table has three: the fourth value wraps around

    def test_categories_alone(self) -> None:
        encoder = Tabular({"categories": (2,)}, [8])
        inputs = {"categories": torch.tensor([[0, 5]])}
        assert encoder(inputs).shape == (1, 8)
        assert encoder.summary(inputs).shape == (1, encoder.summary_features)

    @pytest.mark.parametrize("shape", [(2, 3), SET, TEXT])
    def test_other_inputs_are_refused(self, shape: InputShape) -> None:
        with pytest.raises(InputError, match="encoder=tabular reads"):
            Tabular(shape)


def words(rows: int = 3) -> Inputs:
    """Random words, of which some texts have fewer."""
    mask = torch.arange(5).expand(rows, 5) <= torch.arange(rows).unsqueeze(1) + 1
    return {"tokens": torch.randint(1, 30, (rows, 5)) * mask, "mask": mask}


class TestTransformer:
    """Texts; skipped where the extra is not installed."""

    small = partial(Transformer, TEXT, width=8, depth=2, heads=2, vocabulary=30, length=8)

    @pytest.fixture(autouse=True)
    def library(self) -> Any:
        """The library."""
        return pytest.importorskip("transformers")

    def test_padding_changes_nothing(self) -> None:
        encoder, inputs = self.small().eval(), words()
        assert not isinstance(inputs, Tensor)
        longer = {key: nn.functional.pad(value, (0, 2)) for key, value in inputs.items()}
        torch.testing.assert_close(encoder(inputs), encoder(longer))
        torch.testing.assert_close(encoder.summary(inputs), encoder.summary(longer))

    def test_stages_are_the_model_itself(self, library: Any, tmp_path: Path) -> None:
        """What the stages compute one by one is what the library computes as a whole."""
        config = library.BertConfig(
            vocab_size=30,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=8,
        )
        model = library.BertModel(config, add_pooling_layer=False).eval()
        model.save_pretrained(tmp_path)
        encoder, inputs = Transformer(TEXT, pretrained=str(tmp_path)).eval(), words()
        assert not isinstance(inputs, Tensor)
        hidden = model(input_ids=inputs["tokens"], attention_mask=inputs["mask"].long()).last_hidden_state
        rows = [state[mask].mean(0) for state, mask in zip(hidden, inputs["mask"], strict=True)]
        torch.testing.assert_close(encoder(inputs), torch.stack(rows))
        assert len(encoder.stages) == 2

    def test_pretrained_model_of_another_kind_is_one_stage(self, library: Any, tmp_path: Path) -> None:
        config = library.DistilBertConfig(
            vocab_size=30, dim=8, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=8
        )
        library.DistilBertModel(config).save_pretrained(tmp_path)
        encoder = Transformer(TEXT, pretrained=str(tmp_path), tuning="frozen").eval()
        assert len(encoder.stages) == 1
        assert encoder(words()).shape == (3, 8)
        assert not any(p.requires_grad for p in encoder.parameters())

    def test_unknown_words_are_the_last_word(self) -> None:
        encoder, inputs = self.small().eval(), words()
        assert not isinstance(inputs, Tensor)
        beyond = {**inputs, "tokens": inputs["tokens"].masked_fill(inputs["mask"], 99)}
        last = {**inputs, "tokens": inputs["tokens"].masked_fill(inputs["mask"], 29)}
        torch.testing.assert_close(encoder(beyond), encoder(last))

    def test_low_rank_terms_start_as_the_bare_model_and_learn_alone(self) -> None:
        pytest.importorskip("peft")
        torch.manual_seed(0)
        bare = self.small().eval()
        torch.manual_seed(0)
        adapted, inputs = self.small(tuning="lora", rank=2).eval(), words()
        torch.testing.assert_close(adapted(inputs), bare(inputs))
        learning = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
        assert len(learning) == 2 * 2 * 6  # two matrices for each of six linear layers of two blocks
        assert all("lora" in name and 2 in p.shape for name, p in learning.items())
        adapted(inputs).square().sum().backward()
        assert {name for name, p in adapted.named_parameters() if p.grad is not None} == set(learning)

    def test_without_peft_one_line_tells_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "peft", None)
        with pytest.raises(InputError, match=r"tuning=lora .*mtl\[text\]"):
            self.small(tuning="lora")

    def test_no_such_model_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"encoder\.pretrained="):
            Transformer(TEXT, pretrained=str(tmp_path / "none"))

    def test_sizes_that_do_not_go_together(self) -> None:
        with pytest.raises(InputError, match="multiple of heads"):
            Transformer(TEXT, width=10, heads=4)


class TestTimm:
    """Networks for pictures; skipped where the extra is not installed, or not with this torch."""

    @pytest.fixture(autouse=True)
    def library(self) -> Any:
        """The library."""
        try:
            return pytest.importorskip("timm")
        except RuntimeError as error:  # torchvision for another torch
            pytest.skip(str(error))

    def test_stages_are_the_network_itself(self, library: Any) -> None:
        """What the stages compute one by one is what timm computes as a whole."""
        torch.manual_seed(0)
        encoder = Timm((3, 64, 64), "test_resnet").eval()
        torch.manual_seed(0)
        model = library.create_model("test_resnet", features_only=True).eval()
        model.load_state_dict(dict(zip(model.state_dict(), encoder.stages.state_dict().values(), strict=True)))
        inputs = torch.randn(2, 3, 64, 64)
        hidden = encoder.stem(inputs)
        for stage, expected in zip(encoder.stages, model(inputs), strict=True):
            hidden = stage(hidden, inputs)
            wanted = expected.movedim(1, -1)
            torch.testing.assert_close(hidden, wanted.mean((1, 2)) if stage is encoder.stages[-1] else wanted)
        assert encoder.widths == tuple(model.feature_info.channels())
        assert encoder.summary(inputs).shape == (2, encoder.summary_features)

    def test_a_network_that_cannot_be_cut_is_one_stage(self, library: Any) -> None:
        encoder = Timm((1, 28, 28), "test_vit", side=160).eval()
        inputs = torch.randn(2, 1, 28, 28)
        assert len(encoder.stages) == 1
        assert encoder(inputs).shape == (2, encoder.out_features)

    def test_unknown_network_names_others(self) -> None:
        with pytest.raises(InputError, match=r"resnet10.*timm has no such network.*resnet"):
            Timm((1, 28, 28), "resnet10")


def test_without_timm_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"mtl\[vision\]"):
        Timm((1, 28, 28))


def test_without_the_library_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r"mtl\[text\]"):
        Transformer(TEXT)


class Mine(nn.Module):
    """Somebody's network, which knows nothing of this project."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(6, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features."""
        return self.layer(inputs).tanh()


def test_a_module_of_ones_own_by_its_target() -> None:
    """As in a YAML: the module is built anew for every expert."""
    node = {
        "_target_": "mtl.nn.own.Own",
        "_partial_": True,
        "features": 7,
        "module": {"_target_": f"{Mine.__module__}.Mine", "_partial_": True, "width": 7},
    }
    sys.modules.setdefault(Mine.__module__, sys.modules[__name__])
    sharing = Gated((6,), ("a", "b"), make(node), experts=3)
    out = sharing(torch.randn(4, 6))
    assert out["a"].shape == (4, 7)
    assert len({p.data_ptr() for p in sharing.experts.parameters()}) == 6


def test_summary_of_a_set_for_a_module_of_ones_own() -> None:
    encoder = Own(SET, nn.Identity, features=5)
    mask = torch.tensor([[True, False], [True, True]])
    inputs = {"candidates": torch.ones(2, 2, 5), "mask": mask, "context": torch.zeros(2, 3)}
    assert encoder.summary(inputs).tolist() == [[1.0] * 5 + [0.0] * 3] * 2
    assert encoder.summary_features == 8


@pytest.mark.parametrize("name", ["none", "layer", "group", "batch"])
@pytest.mark.parametrize("middle", [(), (5,), (4, 5)])
def test_norms_take_features_last(name: str, middle: tuple[int, ...]) -> None:
    hidden = torch.randn(6, *middle, 16) * 3 + 1
    norm = make_norm(name, 16, len(middle) + 1)
    out = norm(hidden)
    assert out.shape == hidden.shape
    axes: tuple[int, ...] = {"layer": (-1,), "batch": tuple(range(len(middle) + 1))}.get(name, ())
    if axes:
        assert out.mean(axes).abs().max() < 1e-5
    if name == "group":
        assert out.flatten(1).mean(1).abs().max() < 1e-5
    if name != "batch":
        torch.testing.assert_close(norm(hidden[:2]), out[:2])


def test_unknown_norm_and_activation_name_the_nearest() -> None:
    with pytest.raises(InputError, match="batch"):
        MLP((6,), norm="batchnorm")
    with pytest.raises(InputError, match="relu"):
        MLP((6,), activation="rela")


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: MLP(SET), "encoder=candidate_set"),
        (lambda: MLP((6,), []), r"encoder\.widths=\[\]: expected"),
        (lambda: MLP((6,), [8, 0]), r"encoder\.widths=\[8, 0\]: expected"),
        (lambda: Convolution((1, 6), [0]), r"encoder\.widths=\[0\]: expected"),
        (lambda: CandidateSet((6,)), "encoder=mlp"),
        (lambda: CandidateSet(SET, width=10, heads=4), "a width that is a multiple of heads"),
        (lambda: CandidateSet(SET, heads=0), "heads=0"),
        (lambda: CandidateSet(SET, depth=0), "depth=0"),
        (lambda: Tabular((3,), []), "widths"),
        (lambda: Own((3,), nn.Identity, 0), "features=0"),
        (lambda: Transformer((6,)), "tokens"),
        (lambda: Transformer(TEXT, tuning="freeze"), "frozen"),
        (lambda: Transformer(TEXT, rank=0), "rank=0"),
        (lambda: Timm((6,)), "encoder=timm reads pictures"),
        (lambda: Timm((1, 8, 8), side=-1), "side=-1"),
    ],
)
def test_mistakes_are_one_line(build: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build()
