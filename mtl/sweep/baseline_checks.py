"""Whether the further baselines that a comparison is asked for can be made."""

from mtl.config.run_config import RunConfig
from mtl.config.study import BASELINE, MERGED, SAME_PARAMETERS, TREES, Study
from mtl.errors import InputError
from mtl.lifecycle.merged import check_merged
from mtl.lifecycle.trees import check_trees
from mtl.module.lightning import silent_lightning
from mtl.sweep.entry_configs import EntryConfigs
from mtl.sweep.matched_baselines import sizes_of


def check_baselines(study: Study, configs: EntryConfigs) -> None:
    """Raise InputError for baselines that cannot be made of this encoder, or cannot learn these tasks."""
    single = configs.of(BASELINE, "equal")
    if SAME_PARAMETERS in study.baselines:
        sizes_of(single)
    if MERGED in study.baselines:
        if single.auxiliary != configs.whole.auxiliary and len(single.tasks or []) == 1:
            raise InputError(
                f"baselines: merged makes one network of those of several tasks, and here one task counts, "
                f"'{(single.tasks or [])[0]}': expected baselines without merged"
            )
        for entry in study.merges:
            check_merged(merged_config(configs, entry))
    if TREES in study.baselines:
        if single.improve:
            raise InputError(
                "baselines: improve changes networks alone, and trees would be compared with improved ones: "
                "expected baselines without trees, or improve=none"
            )
        with silent_lightning():
            check_trees(configs.of(TREES, "equal"))


def merged_config(configs: EntryConfigs, entry: str) -> RunConfig:
    """The config of an entry of ``merges``."""
    return configs.of(f"{MERGED} merge={entry}", "equal")
