"""The id of a comparison."""

import hashlib
import json
from collections.abc import Sequence

from mtl.config.equal_numbers import whole_as_integers
from mtl.config.run_config import RunConfig
from mtl.config.study import MERGED, Study
from mtl.runs.identity import configuration_id
from mtl.sweep.halving import rungs


def usual_seeds(study: Study) -> list[int]:
    """Those of screening, unless a list of deciding seeds takes some of them."""
    return list(range(study.first_seed, study.first_seed + study.screen))


def comparison_id(study: Study, configs: Sequence[RunConfig], fingerprint: str, *, halving: bool) -> str:
    """Eight hexadecimal digits of what is compared: data, tasks, configurations, and how they are judged.

    Not of the looks: those are fixed when the first one is taken, see :mod:`mtl.sweep.ledger`.

    Args:
        study: what is asked.
        configs: of the single-task baseline and of every model with every weighting, of any seed.
        fingerprint: of the data.
        halving: screening lets go of the worse half on its way.

    Returns:
        The id.
    """
    judged = study.model_dump(
        include={"baselines", "alpha", "margin", "tune", "match", "design", "screen", "first_seed", "data"}
    )
    if MERGED in study.baselines:
        judged["merges"] = study.merges
    if len(rungs(study.screening_seeds, len(configs) - 1, halving=halving)) > 1:
        judged["halving"] = True
    if study.design == "confirm" and study.screening_seeds != usual_seeds(study):
        judged["screening"] = study.screening_seeds  # seeds on which another choice was made may be among these
    grid = whole_as_integers(study.grid) if study.tune else None
    text = json.dumps([[configuration_id(one) for one in configs], fingerprint, judged, grid], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
