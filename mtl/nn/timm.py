"""Image networks of the library timm: small and untrained, or pretrained."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.config.switches import check_switch
from mtl.errors import InputError, lacks
from mtl.nn.convolution import SUMMARY_POSITIONS, PositionMean
from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, floating, single_shape


class TimmStage(nn.Module):
    """Modules of a network up to the end of one of its stages, ``[B, ..., H] -> [B, ..., H']`` with features last."""

    def __init__(self, modules: list[nn.Module], after: nn.Module) -> None:
        super().__init__()
        self.modules_ = nn.Sequential(*modules)
        self.after = after

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output, ``[B, ..., H']``."""
        out: Tensor = self.after(self.modules_(hidden.movedim(-1, 1)).movedim(1, -1))
        return out


class WholeModel(nn.Module):
    """A network that cannot be cut, as the only stage: ``[B, D]``, its own pooled features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The pooled features ``[B, D]``; ``hidden`` is the picture, features last."""
        out: Tensor = self.model(hidden.movedim(-1, 1))
        return out


class Timm(Encoder):
    """A network of the library timm over pictures ``[B, C, H, W]``.

    Source: Wightman, "PyTorch Image Models", 2019, https://doi.org/10.5281/zenodo.4414861.

    Where timm can cut the network into a sequence of feature stages (ResNet, RegNet, ConvNeXt, ...) they are the
    encoder's stages, with states ``[B, H', W', F]``, and the representation ``[B, D]`` is the average over the
    positions of the last; any other network (vision transformers, EfficientNet, ...) is one stage with its own pooled
    features.

    Most have batch norms: where one trunk runs once per task, or rows have several sources, choose one without, such as
    ConvNeXt.

    Args:
        input_shape: ``{"x": (C, H, W)}``; anything else is an InputError.
        network: its name in timm.
        pretrained: take the values that timm has for it, from the Hugging Face hub; else new ones.
        side: pictures are enlarged to so many pixels a side (bilinear), as networks made for photographs divide each
            axis by 32; 0 leaves them as they are.
    """

    def __init__(
        self,
        input_shape: InputShape,
        network: str = "resnet10t",
        pretrained: bool = False,
        side: int = 0,
    ) -> None:
        super().__init__()
        shape = single_shape(input_shape, "timm", "pictures x (C, H, W)", (3,))
        check_number("encoder.side", side, whole=True, least=0)
        check_switch("encoder.pretrained", pretrained)
        channels, *sides = shape
        self.side = side
        self.summary_size = tuple(min(SUMMARY_POSITIONS, size) for size in sides)
        self.summary_features = channels * self.summary_size[0] * self.summary_size[1]
        parts, self.widths = stages(network, channels, pretrained)
        self.stages = nn.ModuleList(parts)

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        pictures = floating(inputs[SINGLE])
        if self.side:
            pictures = functional.interpolate(pictures, (self.side, self.side), mode="bilinear", antialias=True)
        return pictures.movedim(1, -1)

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """The picture, averaged to at most 4 x 4 positions."""
        return functional.adaptive_avg_pool2d(
            floating(inputs[SINGLE]), (self.summary_size[0], self.summary_size[1])
        ).flatten(1)


def stages(network: str, channels: int, pretrained: bool) -> tuple[list[nn.Module], tuple[int, ...]]:
    """A network of timm as stages, and the features after each. InputError if there is none of that name."""
    library = timm()
    options = {"pretrained": pretrained, "in_chans": channels}
    if not isinstance(network, str) or not library.is_model(network):
        near = library.list_models(f"*{str(network)[:6]}*")[:5] or library.list_models("resnet*")[:5]
        raise InputError(f"encoder.network={network}: timm has no such network; it has {', '.join(near)}, ...")
    try:
        cut = library.create_model(network, features_only=True, **options)
    except (RuntimeError, AttributeError, AssertionError, NotImplementedError, TypeError):
        cut = None  # timm cannot
    try:
        if not isinstance(cut, library.models.FeatureListNet):
            model = library.create_model(network, num_classes=0, **options)
            return [WholeModel(model)], (int(model.num_features),)
    except (OSError, RuntimeError) as error:
        raise InputError(f"encoder.network={network}: {' '.join(str(error).split())[:200]}") from None
    parts: list[nn.Module] = []
    pending: list[nn.Module] = []
    for name, module in cut.items():
        pending.append(module)
        if name in cut.return_layers:
            last = len(parts) == len(cut.return_layers) - 1
            parts.append(TimmStage(pending, PositionMean() if last else nn.Identity()))
            pending = []
    return parts, tuple(cut.feature_info.channels())


def timm() -> Any:
    """The library, imported when it is needed: an extra. InputError if it is not there, or not with this torch."""
    try:
        import timm as library
    except ImportError:
        raise lacks("encoder=timm", "the library timm", "vision") from None
    except RuntimeError as error:  # torchvision, which timm brings, is built for one torch
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"encoder=timm: torchvision does not fit this torch ({reason}); install both from the same index"
        ) from None
    return library
