"""The figure of mixtures: which task draws on which expert."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from mtl.picture import Picture


def mixture_figure(mixtures: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Heat maps of mixtures ``[K, E]``, one for each stage: rows are tasks, columns are experts.

    Blue is drawn on, red is drawn on with a negative sign, white is not used; every field has its number.
    """
    stages = [mixture.detach().float().cpu().numpy() for mixture in mixtures]
    tasks, experts = stages[0].shape
    size = (len(stages) * (0.4 + 0.7 * experts) + 1.2, 1.4 + 0.45 * tasks)
    figure = Picture(figsize=size, layout="constrained")
    limit = max(*(abs(values).max() for values in stages), 1e-9)
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for number, (axes, values) in enumerate(zip(panels, stages, strict=True), 1):
        axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        axes.set_xticks(range(experts), [str(e) for e in range(experts)])
        axes.set_yticks(range(tasks), list(names))
        axes.set_xlabel("expert")
        if len(stages) > 1:
            axes.set_title(f"stage {number}")
        for row in range(tasks):
            for column in range(experts):
                value = values[row, column]
                colour = "white" if abs(value) > 0.6 * limit else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    return figure
