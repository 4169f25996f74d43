"""What cases begin with: finished and interrupted runs, a comparison, tables and shops; made once, then copied."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer

from mtl.config.compose import configure
from mtl.runs.directory import Run
from tests.campaign.checks import Failed
from tests.campaign.child import start
from tests.campaign.commands import ROOT, compare_py, execute_py, improve_py, train_py, tune_py
from tests.trained import train_with

SMALL = ("encoder.widths=[8]", "batch_size=32", "validate_every=1", "progress=false", "threads=1")
SYNTHETIC = ("task=synthetic", "task.rows=120", "task.features=4", *SMALL)
TARGETS = "task.targets={churn: binary, spend: regression, kind: classes}"
TREES = ("model=trees", "model.num_iterations=5", "model.min_data_in_leaf=5")
SCHEDULING = (
    *("task=scheduling", "model=hard", "task.instances=2", "task.validation=1", "task.jobs=[3,4]"),
    *("task.machines=[3,4]", "task.rollout_instances=1", "task.test=[ft06]", "task.limit=0.1", "task.workers=1"),
    *("task.rollout_limit=0.1", "task.rollout_size=[4,4]", "encoder.width=16", "encoder.heads=2", "execution=none"),
    *("progress=false", "threads=1"),
)
# Few enough and small enough that every schedule is proven to be the best one, on a slow machine, too
SOLVED = (*SCHEDULING, "task.instances=24", "task.validation=2", "task.limit=60", "epochs=1", "improve=none")
STUDY = (*SYNTHETIC, "models=[hard]", "weightings=[equal]", "seeds=2", "baselines=[]", "design=full")
ROUNDS = (
    *("rounds=2", "search.generations=4", "search.members=4", "search.shops=[[4,4,1]]"),
    *("search.validation=[[4,4,3],[5,3,2]]", "progress=false", "threads=1"),
)
SEARCHED = (*SYNTHETIC, "model=hard", "weighting=equal,uncertainty", "optimizer.lr=tag(log,interval(1e-3,1e-1))")
# With one worker a search is a function of its seed; with several, where no trial depends on what came of others
SEARCHES = {
    1: (*SEARCHED, "epochs=4", "trials=4", "startup=2", "name=alone"),
    2: (*SEARCHED, "epochs=4", "trials=4", "sampler=random", "pruner=none", "name=together"),
}
LIMIT = 600  # seconds for one template on a machine that others share


class InterruptAt(Callback):
    """Sends a signal to its process at the end of a training batch of some epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGTERM)


def table_text(rows: int = 120, seed: int = 0) -> str:
    """A table with numbers, categories, times, missing cells and three targets."""
    draw = random.Random(seed)
    lines = ["x,z,city,day,churn,spend,kind"]
    for _ in range(rows):
        x, z = draw.gauss(0, 1), "" if draw.random() < 0.2 else f"{draw.random():.3f}"
        day = f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        churn, kind = ("yes", "no")[x > 0], draw.choice("abc")
        lines.append(f"{x:.4f},{z},{draw.choice(('Ulm', 'Rome', 'Oslo'))},{day},{churn},{10 * x:.2f},{kind}")
    return "\n".join(lines) + "\n"


SHOP = "job,operation,machine,duration\n" + "".join(
    f"j{job},{step},m{(job + step) % 3},{3 + 2 * job + step}\n" for job in range(3) for step in range(3)
)
SHOP_TEXT = "3 3\n0 3 1 2 2 2\n0 2 2 1 1 4\n1 4 2 3 0 1\n"


class Templates:
    """Directories by name under one path; those that are missing are made when they are asked for.

    Args:
        path: where they are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def cache(self) -> Path:
        """The user cache of every case."""
        return self.path / "cache"

    def words(self, *, trees: bool = False, path: Path | None = None) -> tuple[str, ...]:
        """Overrides of a run on the table, or on another one, of a network or of trees."""
        table = ("task=table", f"task.path={path or self.table}", TARGETS)
        if trees:
            return (*table, *TREES, "progress=false", "threads=1")
        return (*table, "model=hard", "weighting=equal", *SMALL)

    @property
    def table(self) -> Path:
        """A CSV file to be learned from."""
        return self._text("table.csv", table_text())

    @property
    def records(self) -> Path:
        """A CSV file of new rows."""
        return self._text("records.csv", table_text(12, seed=1))

    @property
    def finished(self) -> Path:
        """The output directory of a finished run on the table, and the predictions for the records."""
        return self._made("finished", self._predict_after(*self.words(), "epochs=4"))

    @property
    def trees(self) -> Path:
        """The same of boosted trees."""
        return self._made("trees", self._predict_after(*self.words(trees=True)))

    @property
    def interrupted(self) -> Path:
        """The output directory of a run on the table that ended in its third epoch of four."""

        def program() -> None:
            try:
                train_with(configure(*self.words(), "epochs=4", "output=outputs"), InterruptAt(2))
            except SystemExit as error:
                if error.code != 128 + signal.SIGTERM:
                    raise

        return self._made("interrupted", program)

    @property
    def scheduler(self) -> Path:
        """The output directory of a run of the scheduling suite."""
        return self._made("scheduler", partial(train_py, *SCHEDULING, "epochs=1", "improve=none", "output=outputs"))

    @property
    def solved(self) -> Path:
        """The output directory of a run of the scheduling suite that had to solve its instances."""
        return self._made("solved", partial(train_py, *SOLVED, "output=outputs"))

    @property
    def synthetic(self) -> Path:
        """The output directory of a run that nothing disturbed, of eight epochs."""
        return self._made(
            "synthetic", partial(train_py, *SYNTHETIC, "model=hard", "epochs=8", "patience=null", "output=outputs")
        )

    @property
    def seconds(self) -> float:
        """How long a training lasts here and now, within which a moment is drawn."""
        return self.seconds_of(self.synthetic)

    @staticmethod
    def seconds_of(template: Path) -> float:
        """How long a template was made."""
        return float((template / "made").read_text())

    @property
    def comparison(self) -> Path:
        """The output directory of a comparison that nothing disturbed."""
        return self._made("comparison", partial(compare_py, *STUDY, "epochs=4", "workers=0", "output=outputs"))

    @property
    def improved(self) -> Path:
        """The output directory of a run of the scheduling suite that was improved, beside the run that came of that."""
        before = self.scheduler / "outputs"

        def program() -> None:
            shutil.copytree(before, "outputs", symlinks=True)
            improve_py(f"run={run_in(Path('outputs')).path}", *ROUNDS)

        return self._made("improved", program)

    def search(self, workers: int) -> Path:
        """The output directory of a search that nothing disturbed, made for so many workers by one process."""
        words = SEARCHES[workers]
        return self._made(f"search-{workers}", partial(tune_py, *words, "workers=0", "output=outputs"))

    def copy(self, template: Path, place: Path) -> Path:
        """A copy of a template's ``outputs``, in a case's directory."""
        return Path(shutil.copytree(template / "outputs", place / "outputs", symlinks=True))

    def _predict_after(self, *words: str) -> Callable[[], None]:
        def program() -> None:
            train_py(*words, "output=outputs")
            execute_py(f"run={run_in(Path('outputs')).path}", f"records={self.records}")

        return program

    def _text(self, name: str, text: str) -> Path:
        path = self.path / name
        if not path.is_file():
            self.path.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return path

    def _made(self, name: str, program: Callable[[], object]) -> Path:
        place = self.path / name
        if not (place / "made").is_file():
            shutil.rmtree(place, ignore_errors=True)
            _ = self.table, self.records
            ended = start(program, place, self.environment()).wait(LIMIT)
            if ended.code != 0:
                raise Failed("template", f"{name} ended with {ended.code}: {ended.err[-2000:]}")
            (place / "made").write_text(str(ended.seconds))
        return place

    def environment(self) -> dict[str, str | None]:
        """Variables of every process: a cache of the campaign's own, and this clone of the project."""
        self.cache.mkdir(parents=True, exist_ok=True)
        return {"XDG_CACHE_HOME": str(self.cache), "MTL_CACHE": None, "PYTHONPATH": str(ROOT)}


def run_in(output: Path) -> Run:
    """The only run of an output directory."""
    (path,) = output.glob("runs/*/*/*")
    return Run(path)


def predictions_in(output: Path) -> list[bytes]:
    """The predictions in an output directory, oldest first."""
    return [path.read_bytes() for path in sorted(output.glob("runs/*/*/*/executions/*/predictions.csv"))]
