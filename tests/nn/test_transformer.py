"""Texts; skipped where the extra is not installed."""

import builtins
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs, InputShape
from mtl.nn.transformer import Transformer, check_texts, note_on_words

TEXT: InputShape = {"tokens": (None,), "mask": (None,)}
small = partial(Transformer, TEXT, width=8, depth=2, heads=2, vocabulary=30, length=8)


def words(rows: int = 3) -> Inputs:
    """Random words, of which some texts have fewer."""
    mask = torch.arange(5).expand(rows, 5) <= torch.arange(rows).unsqueeze(1) + 1
    return {"tokens": torch.randint(1, 30, (rows, 5)) * mask, "mask": mask}


def test_without_the_library_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r"mtl-verdict\[text\]"):
        Transformer(TEXT)


@pytest.fixture
def library() -> Any:
    """The library."""
    return pytest.importorskip("transformers")


def test_padding_changes_nothing(library: Any) -> None:
    encoder, inputs = small().eval(), words()
    longer = {key: nn.functional.pad(value, (0, 2)) for key, value in inputs.items()}
    torch.testing.assert_close(encoder(inputs), encoder(longer))
    torch.testing.assert_close(encoder.summary(inputs), encoder.summary(longer))


def test_stages_are_the_model_itself(library: Any, tmp_path: Path) -> None:
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
    hidden = model(input_ids=inputs["tokens"], attention_mask=inputs["mask"].long()).last_hidden_state
    rows = [state[mask].mean(0) for state, mask in zip(hidden, inputs["mask"], strict=True)]
    torch.testing.assert_close(encoder(inputs), torch.stack(rows))
    assert len(encoder.stages) == 2


def test_pretrained_model_of_another_kind_is_one_stage(library: Any, tmp_path: Path) -> None:
    config = library.DistilBertConfig(
        vocab_size=30, dim=8, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=8
    )
    library.DistilBertModel(config).save_pretrained(tmp_path)
    encoder = Transformer(TEXT, pretrained=str(tmp_path), tuning="frozen").eval()
    assert len(encoder.stages) == 1
    assert encoder(words()).shape == (3, 8)
    assert not any(p.requires_grad for p in encoder.parameters())


def test_unknown_words_are_the_last_word(library: Any) -> None:
    encoder, inputs = small().eval(), words()
    beyond = {**inputs, "tokens": inputs["tokens"].masked_fill(inputs["mask"], 99)}
    last = {**inputs, "tokens": inputs["tokens"].masked_fill(inputs["mask"], 29)}
    torch.testing.assert_close(encoder(beyond), encoder(last))


def test_low_rank_terms_start_as_the_bare_model_and_learn_alone(library: Any) -> None:
    pytest.importorskip("peft")
    torch.manual_seed(0)
    bare = small().eval()
    torch.manual_seed(0)
    adapted, inputs = small(tuning="lora", rank=2).eval(), words()
    torch.testing.assert_close(adapted(inputs), bare(inputs))
    learning = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert len(learning) == 2 * 2 * 6  # two matrices for each of six linear layers of two blocks
    assert all("lora" in name and 2 in p.shape for name, p in learning.items())
    adapted(inputs).square().sum().backward()
    assert {name for name, p in adapted.named_parameters() if p.grad is not None} == set(learning)


def test_without_peft_one_line_tells_what_to_install(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"tuning=lora .*mtl-verdict\[text\]"):
        small(tuning="lora")


def saved(library: Any, folder: Path, **changes: Any) -> Any:
    """A small BERT in a folder, its configuration changed afterwards."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = library.BertConfig(vocab_size=30, max_position_embeddings=8, **sizes)
    library.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


def test_values_that_a_folder_lacks_do_not_stay_random(library: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its weights lack 16 parts that its config.json has, such as encoder"):
        Transformer(TEXT, pretrained=str(saved(library, tmp_path, num_hidden_layers=2)))


def test_a_pooling_layer_that_is_not_read_may_be_absent(library: Any, tmp_path: Path) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = library.RobertaConfig(vocab_size=30, max_position_embeddings=10, **sizes)
    library.RobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    encoder = Transformer(TEXT, pretrained=str(tmp_path))
    assert encoder.longest == 8, "it counts positions from behind that of padding"
    encoder({"tokens": torch.randint(2, 30, (1, 8)), "mask": torch.ones(1, 8, dtype=torch.bool)})


def test_damaged_weights_are_one_line(library: Any, tmp_path: Path) -> None:
    file = saved(library, tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(InputError, match=r"^encoder\.pretrained=[^\n]*$"):
        Transformer(TEXT, pretrained=str(tmp_path))


@pytest.mark.parametrize("kind", ["t5", "vit"])
def test_what_is_no_encoder_of_texts_is_told(library: Any, tmp_path: Path, kind: str) -> None:
    {"t5": library.T5Config, "vit": library.ViTConfig}[kind]().save_pretrained(tmp_path)
    with pytest.raises(InputError, match=f"{kind} is no encoder of texts"):
        Transformer(TEXT, pretrained=str(tmp_path))


def test_texts_that_are_too_long_or_of_other_words_are_refused(library: Any, tmp_path: Path) -> None:
    check_texts(small(), 8, own_words=True)
    with pytest.raises(InputError, match=r"at most 8 words; expected encoder\.length=9 or task\.length=8"):
        check_texts(small(), 9, own_words=True)
    pretrained = Transformer(TEXT, pretrained=str(saved(library, tmp_path)))
    check_texts(pretrained, 8, own_words=False)
    with pytest.raises(InputError, match=r"at most 8 words; expected task\.length=8"):
        check_texts(pretrained, 9, own_words=False)
    with pytest.raises(InputError, match="numbered by its own texts; expected the tokenizer that belongs to it"):
        check_texts(pretrained, 8, own_words=True)


def test_words_that_count_as_one_are_said(library: Any) -> None:
    assert note_on_words(small(), 30) is None
    assert "30 of the task's 31 words" in str(note_on_words(small(), 31))


def test_no_such_model_is_one_line(library: Any, tmp_path: Path) -> None:
    """With the nearest folder that holds one."""
    saved(library, tmp_path / "mine")
    said = r"^encoder\.pretrained=[^\n]*mien: no folder of this name: did you mean '[^\n]*mine'\? [^\n]*$"
    with pytest.raises(InputError, match=said):
        Transformer(TEXT, pretrained=str(tmp_path / "mien"))


@pytest.mark.parametrize(("option", "value"), [("width", 64), ("dropout", 0.3), ("length", 64), ("vocabulary", 99)])
def test_sizes_of_a_new_model_are_none_of_a_pretrained_one(
    library: Any, tmp_path: Path, option: str, value: float
) -> None:
    said = rf"^encoder\.{option}={value} has no effect: expected it with encoder\.pretrained=null"
    with pytest.raises(InputError, match=said):
        Transformer(TEXT, pretrained=str(tmp_path), **{option: value})


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_a_rank_is_for_terms_of_low_rank(library: Any, tuning: str) -> None:
    with pytest.raises(InputError, match=r"^encoder\.rank=4 has no effect: expected it with encoder\.tuning=lora$"):
        small(tuning=tuning, rank=4)


def test_sizes_that_do_not_go_together(library: Any) -> None:
    with pytest.raises(InputError, match="multiple of heads"):
        Transformer(TEXT, width=10, heads=4)


@pytest.mark.parametrize(
    ("shape", "options", "complaint"),
    [({SINGLE: (6,)}, {}, "tokens"), (TEXT, {"tuning": "freeze"}, "frozen"), (TEXT, {"rank": 0}, "rank=0")],
)
def test_mistakes_are_one_line(library: Any, shape: InputShape, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Transformer(shape, **options)
