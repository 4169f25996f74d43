"""Transformer over texts, from the library transformers: small and new, or pretrained."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.errors import InputError, lacks, unknown, without_effect
from mtl.nn.encoder import Encoder, Inputs, InputShape, check_attention, dropout_of, wrong_inputs
from mtl.nn.hub import cannot_be_read, say_no_attempts
from mtl.nn.pooling import masked_mean

BUCKETS = 64  # of the words, for what gates see of a text
TUNINGS = ("full", "frozen", "lora")
RANK = 8  # of terms of low rank, where none is said
# Of a new model, where nothing is said; a pretrained one has its own
SIZES: dict[str, Any] = {"width": 128, "depth": 2, "heads": 4, "vocabulary": 2002, "length": 512, "dropout": 0.1}
POOLER = "pooler"  # a layer behind the model that is not read
SLICEABLE = "bert"  # the kind of model whose layers are called one by one


class BertLayer(nn.Module):
    """One layer of a BERT as a stage, ``[B, L, D] -> [B, L, D]``; the last one averages over the words, ``[B, D]``."""

    def __init__(self, layer: nn.Module, last: bool) -> None:
        super().__init__()
        self.layer = layer
        self.last = last

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The layer's output."""
        mask = inputs["mask"]
        unseen = torch.zeros_like(mask, dtype=hidden.dtype).masked_fill(~mask, torch.finfo(hidden.dtype).min)
        out: Tensor = self.layer(hidden, attention_mask=unseen[:, None, None, :])[0]
        return masked_mean(out, mask) if self.last else out


class WholeModel(nn.Module):
    """A whole model as the only stage: ``[B, D]``, the average over the words of its last hidden state."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The average over the words; ``hidden`` are the numbers of the words, ``[B, L]``."""
        mask = inputs["mask"]
        out: Tensor = self.model(input_ids=hidden, attention_mask=mask.long()).last_hidden_state
        return masked_mean(out, mask)


class Transformer(Encoder):
    """Transformer encoder over texts: a BERT of the given size with new values, or any pretrained model.

    Source: Devlin, Chang, Lee, Toutanova, "BERT", NAACL 2019, https://arxiv.org/abs/1810.04805.

    Inputs: ``tokens [B, L]`` (numbers of words) and ``mask [B, L]`` (True = a word). Representation: ``[B, D]``, the
    average over the words. Every layer of a BERT is a stage; a pretrained model of another kind is one stage.

    Args:
        input_shape: ``{"tokens": (None,), "mask": (None,)}``; anything else is an InputError.
        width: features of a new model, a multiple of ``heads``.
        depth: layers of a new model.
        heads: attention heads of a new model.
        vocabulary: words of a new model; a larger number counts as the last one.
        length: most words of a text for a new model.
        dropout: share of features set to zero in training, of a new model.
        pretrained: a folder, or a name on the Hugging Face hub, to take the model from; null: a new one. Beside it the
            sizes and the dropout of a new one are an InputError, unless they are the usual ones.
        tuning: what learns of it. ``full``: everything; ``frozen``: nothing; ``lora``: terms of low rank beside every
            linear layer, at first zero, the same for all tasks (Hu et al., "LoRA", ICLR 2022,
            https://arxiv.org/abs/2106.09685; by the library peft). The paper adapts the attention's queries and values
            only. To adapt a frozen model by each task: ``frozen`` with model=lora or model=adapters.
        rank: of those terms; without them an InputError, unless it is the usual one.
        content: checksum of the files that ``pretrained`` names, as :mod:`mtl.config.contents` writes it down: other
            weights in a folder of the same name make another run. Nothing is made of it here.

    Attributes:
        pretrained: where the model was taken from; None: a new one.
        vocabulary: words of the model.
        longest: most words of a text; None: there is no such limit.
    """

    def __init__(
        self,
        input_shape: InputShape,
        width: int = SIZES["width"],
        depth: int = SIZES["depth"],
        heads: int = SIZES["heads"],
        vocabulary: int = SIZES["vocabulary"],
        length: int = SIZES["length"],
        dropout: float = SIZES["dropout"],
        pretrained: str | None = None,
        tuning: str = "full",
        rank: int = RANK,
        content: str | None = None,
    ) -> None:
        super().__init__()
        if set(input_shape) != {"tokens", "mask"}:
            raise wrong_inputs("transformer", "tokens and mask", input_shape)
        check_attention(width, heads, depth)
        check_number("encoder.vocabulary", vocabulary, whole=True, least=1)
        check_number("encoder.length", length, whole=True, least=1)
        dropout_of(dropout)  # the library makes its own
        if tuning not in TUNINGS:
            raise unknown("encoder.tuning", tuning, TUNINGS)
        check_number("encoder.rank", rank, whole=True, least=1)
        if pretrained is not None and (not isinstance(pretrained, str) or not pretrained):
            raise InputError(f"encoder.pretrained={pretrained}: expected a folder or a name on the hub, or null")
        if tuning != "lora" and rank != RANK:
            raise without_effect("encoder.rank", rank, "encoder.tuning=lora")
        new = (width, depth, heads, vocabulary, length, dropout)
        for option, value in zip(SIZES, new, strict=True):
            if pretrained and value != SIZES[option]:
                raise without_effect(f"encoder.{option}", value, "encoder.pretrained=null, as others have their own")
        model = pretrained_model(pretrained) if pretrained else new_model(*new)
        if tuning == "lora":
            add_low_rank(model, rank)
        sizes = model.config
        self.pretrained, self.longest = pretrained, most_words(model)
        self.vocabulary, width = int(sizes.vocab_size), int(sizes.hidden_size)
        if sizes.model_type == SLICEABLE:
            self.embed: Callable[..., Tensor] | None = model.embeddings
            layers = list(model.encoder.layer)
            self.stages = nn.ModuleList(BertLayer(layer, last=layer is layers[-1]) for layer in layers)
        else:
            self.embed = None
            self.stages = nn.ModuleList([WholeModel(model)])
        self.widths = (width,) * len(self.stages)
        self.summary_features = BUCKETS
        if tuning == "frozen":
            self.requires_grad_(False)

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        tokens = inputs["tokens"].clamp(max=self.vocabulary - 1)
        return tokens if self.embed is None else self.embed(input_ids=tokens)

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """How often words of each of 64 classes (their number, modulo) occur, as shares of the text."""
        words = functional.one_hot(inputs["tokens"] % BUCKETS, BUCKETS).to(torch.get_default_dtype())
        return masked_mean(words, inputs["mask"])


def new_model(width: int, depth: int, heads: int, vocabulary: int, length: int, dropout: float) -> Any:
    """A BERT of this size with new values."""
    library = transformers()
    config = library.BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=length,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return library.BertModel(config, add_pooling_layer=False)


def pretrained_model(source: str) -> Any:
    """The model in a folder or on the hub, of which no code is run.

    Args:
        source: the folder, or its name on the hub.

    Returns:
        The model.

    Raises:
        InputError: there is none, or it cannot be read; it is no encoder of texts; it lacks values, which would stay
            random.
    """
    library = transformers()
    where = f"encoder.pretrained={source}"
    say_no_attempts()
    try:
        config = library.AutoConfig.from_pretrained(source, trust_remote_code=False)
        if getattr(config, "is_encoder_decoder", False) or not (
            hasattr(config, "vocab_size") and hasattr(config, "hidden_size")
        ):
            raise InputError(f"{where}: {config.model_type} is no encoder of texts; expected one, such as a BERT")
        library.logging.set_verbosity_error()  # it would tell of a pooling layer that is left out on purpose
        extra = {"add_pooling_layer": False} if config.model_type == SLICEABLE else {}
        model, found = library.AutoModel.from_pretrained(
            source, trust_remote_code=False, output_loading_info=True, **extra
        )
    except InputError:
        raise
    except Exception as error:  # whatever the library makes of a damaged or foreign file
        raise cannot_be_read("encoder.pretrained", source, error) from None
    missing = sorted(name for name in found["missing_keys"] if POOLER not in name)
    if missing:
        raise InputError(
            f"{where}: its weights lack {len(missing)} parts that its config.json has, such as {missing[0]}"
        )
    return model


def most_words(model: nn.Module) -> int | None:
    """The most words of a text that a model has positions for; None: as many as one likes."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # Some count positions from behind that of padding
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    found: Any = getattr(model.config, "max_position_embeddings", None)
    return int(found) if isinstance(found, int) and found > 0 else None


def check_texts(network: nn.Module, longest: int, own_words: bool) -> None:
    """InputError where encoders cannot read the texts of a suite.

    Args:
        network: with encoders of any kind.
        longest: most words of a text.
        own_words: words are numbered by the suite's own texts, so that a pretrained model takes them for others.
    """
    for encoder in (module for module in network.modules() if isinstance(module, Transformer)):
        if encoder.longest is not None and longest > encoder.longest:
            option = "" if encoder.pretrained else f"encoder.length={longest} or "
            raise InputError(
                f"task.length={longest}: this encoder reads texts of at most {encoder.longest} words; expected "
                f"{option}task.length={encoder.longest}"
            )
        if encoder.pretrained and own_words:
            raise InputError(
                f"encoder.pretrained={encoder.pretrained}: it would take the words of this task for others, as they "
                "are numbered by its own texts; expected the tokenizer that belongs to it, such as "
                f"task.tokenizer={encoder.pretrained}"
            )


def note_on_words(network: nn.Module, words: int) -> str | None:
    """A line where encoders tell fewer words apart than a suite does; None where they do not."""
    few = [one.vocabulary for one in network.modules() if isinstance(one, Transformer) and one.vocabulary < words]
    if not few:
        return None
    return f"the encoder tells {few[0]} of the task's {words} words apart (encoder.vocabulary): the others count as one"


def add_low_rank(model: nn.Module, rank: int) -> None:
    """Freeze a model and put a term of low rank beside every linear layer."""
    try:
        import peft  # slow to import, and an extra
    except ImportError:
        raise lacks("encoder.tuning=lora", "the library peft", "text") from None
    peft.inject_adapter_in_model(peft.LoraConfig(r=rank, lora_alpha=rank, target_modules="all-linear"), model)


def transformers() -> Any:
    """The library, imported when it is needed: it is slow to import and an extra. InputError if it is not there."""
    try:
        import transformers as library
    except ImportError:
        raise lacks("encoder=transformer", "the library transformers", "text") from None
    return library
