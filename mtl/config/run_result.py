"""The result of a run, as ``result.json`` holds it; ``docs/result.md`` explains every field."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mtl.config.fields import Frozen, Measured
from mtl.config.run_config import SCHEMA, Choices, RunConfig

LOSS = "loss"  # the key of a task's mean loss beside its metrics, of which none may be called so


def metric_format(value: float) -> str:
    """How a metric is shown: four decimals, or four digits that matter where these would hide it or make it long."""
    return ".4f" if value == 0 or 1e-3 <= abs(value) < 1e5 else ".4g"


class DataFacts(Frozen):
    """What was learned from.

    Attributes:
        fingerprint: changes whenever the data does.
        rows: by split.
    """

    fingerprint: str
    rows: dict[str, int]


class Selection(Frozen):
    """How the checkpoint was chosen whose metrics the result holds.

    Attributes:
        metric: the validation quantity.
        mode: which of its values is best.
        epoch: the epoch chosen, from 0.
        by_task: where nothing is shared, the epoch that each task keeps; with ``finish_heads`` that of the second
            training, of the tasks that it has made better.
        still_improving: the epoch chosen, or where nothing is shared that of any task, is the last one, and not
            patience but the budget has ended the training.
        budget_key: the key of the config that limited it.
    """

    metric: str
    mode: Literal["min", "max"]
    epoch: int
    by_task: dict[str, int]
    still_improving: bool
    budget_key: Literal["epochs", "steps", "model.num_iterations"]


class TaskFacts(Frozen):
    """What comparisons need to know of a task.

    Attributes:
        primary: the metric that they use.
        higher_is_better: its direction.
        auxiliary: it is learned to help the others, and no comparison counts it.
    """

    primary: str
    higher_is_better: bool
    auxiliary: bool = False


class SplitMetrics(Frozen):
    """What was measured on the rows of one split.

    Attributes:
        score: geometric mean of the losses of the tasks that count, lower being better; None where no row has a label.
        tasks: by task, its metrics by name and its mean loss as ``loss``. What the rows do not define is left out.
    """

    score: Measured
    tasks: dict[str, dict[str, Measured]]

    def flat(self, prefix: str = "") -> dict[str, float]:
        """``<task>/<metric>`` and ``score``, as the dashboard and Lightning name them.

        No two can be the same, because a task's name holds no slash.
        """
        found = {f"{prefix}{task}/{name}": v for task, values in self.tasks.items() for name, v in values.items()}
        return {name: value for name, value in {**found, f"{prefix}score": self.score}.items() if value is not None}


class ParameterCounts(Frozen):
    """Trainable numbers of a network, or nodes of trees, all of which are private.

    Attributes:
        total: all.
        shared: that the losses of two or more tasks reach.
        private: by task, that its loss alone reaches.
    """

    total: int
    shared: int
    private: dict[str, int]


class Seconds(Frozen):
    """Wall clock; a resumed run counts on.

    Attributes:
        data: until the rows were in memory.
        fit: training with validation, logs and checkpoints, and the measuring before it.
        step: one batch, without validation and checkpoints.
        inference: predicting one batch of test rows (up to 1024) for all tasks, the fastest of five or more; None: not
            measured.
    """

    data: float
    fit: float
    step: float
    inference: Measured


class AffinityResult(Frozen):
    """What ``grouping=auto`` measured, and the groups that follow.

    Attributes:
        measure: the one that decided.
        networks: most groups that were allowed; None: as many as there are tasks.
        tasks: names, in the order of the matrices.
        groups: names of the tasks of each.
        matrices: by measure, ``[K][K]``, of the row's task onto the column's, mean over looks.
        nulls: what the same would be for unrelated tasks; without ``pairwise``, whose null is 0.
        errors: standard error of the mean of both directions less that of their nulls; without ``pairwise``.
        margin: what spoke for putting two tasks into one group, by the measure that decided.
        seconds: that measuring took.
    """

    measure: str
    networks: int | None
    tasks: list[str]
    groups: list[list[str]]
    matrices: dict[str, list[list[Measured]]]
    nulls: dict[str, list[list[Measured]]] = Field(default_factory=dict)
    errors: dict[str, list[list[Measured]]] = Field(default_factory=dict)
    margin: list[list[Measured]] = Field(default_factory=list)
    seconds: float


class MergingResult(Frozen):
    """What a run of ``model=merged`` was made of.

    Attributes:
        parts: directory of the run whose networks were merged.
        start: of the run that these began with; None: random values.
        coefficients: by task, what its task vector was multiplied by; or one for each of its parameter tensors.
        tried: pairs of a coefficient and its validation score; empty where validation chose none.
        seconds: that merging took.
    """

    parts: str
    start: str | None
    coefficients: dict[str, list[Measured]]
    tried: list[list[Measured]]
    seconds: float


class GainResult(Frozen):
    """A gain of acting with its interval, in shares of what a plain rule achieves; above 0 is better.

    Attributes:
        mean: of the gain.
        low: lower end of the interval.
        high: upper end.
    """

    mean: float
    low: float
    high: float


class RoundResult(Frozen):
    """One round of an improvement: what was proposed beside the network of before, on fresh validation instances.

    Attributes:
        number: of the round, from 1.
        kept: whether the proposed network goes on.
        gain: of the proposed network over that of before, mean over the groups of instances.
        groups: by name of a group of instances, the same of each.
        before: by name of a group, what the network of before achieved relative to a plain rule, minus 1.
        after: the same of the proposed one.
        seconds: that the round took.
    """

    number: int
    kept: bool
    gain: GainResult
    groups: dict[str, GainResult]
    before: dict[str, float]
    after: dict[str, float]
    seconds: float


class ImprovementResult(Frozen):
    """What an improvement by the outcome of acting found.

    Attributes:
        kept: ``searched``, or ``start`` or ``rule`` where that was better on the validation shops.
        validation: by name of these three, mean makespan relative to the bound rule's, minus 1; ``team``: that of the
            shortest schedule of all dispatchers, where further ones were searched right after the first.
        further: dispatchers beside the first that the agent got right after it; None: none were searched then.
        generations: of the search, of all rounds.
        seconds: that it took, with the validation.
        parent: directory of the finished run that was improved; None: the improvement followed its training.
        alpha: share of the times that an interval of ``gain``, or of that of a round, misses; None without rounds.
        gain: of the network that is kept over that of the start, on instances that no round has seen; None without
            rounds.
        rounds: in their order.
        settings: with which the agent decides from then on, where these are what is improved; None: the network is.
        reference: what gains are relative to, for people.
    """

    kept: str
    validation: dict[str, float]
    generations: int
    seconds: float
    parent: str | None = None
    alpha: float | None = None
    gain: GainResult | None = None
    rounds: list[RoundResult] = Field(default_factory=list)
    settings: dict[str, float] | None = None
    further: int | None = None
    reference: str = "the plain rule"


class RunResult(Frozen):
    """What came of a run.

    Attributes:
        schema_version: of this layout; called ``schema`` in the file.
        run_id: hash of what can change a number.
        status: a run that failed or was interrupted has no result.
        directory: where the run was written.
        choices: the option chosen in each config group.
        seed: of initial values, order of the rows, and dropout.
        config: enough to run it again.
        data: what was learned from.
        selection: how the checkpoint was chosen.
        tasks: in the order of every vector.
        metrics: by split, measured once, at the end, with the chosen checkpoint.
        parameters: trainable numbers.
        flops: floating-point operations of the products and convolutions that predict one row; None: not counted.
        seconds: wall clock.
        steps: optimizer steps; of trees the iterations of all tasks together.
        epochs: epochs; of trees the most iterations of a task.
        peak_memory_bytes: most memory of the first process since training began; None: the system does not tell.
        environment: versions and machine.
        replicas: runs that were trained at once in one process, this one among them. Their numbers are those of runs
            one after another up to rounding; seconds of training are the run's share.
        affinity: with ``grouping=auto`` what was measured first.
        merging: of merged networks, what they were made of.
        improvement: with ``improve`` what the search found.
        notes: warnings of the training, as they were printed.
        execution: where the agent acted, its summary.
        finished: when the run finished, as text of ISO 8601 in UTC; None: a run of before this was written.
    """

    schema_version: Annotated[Literal[3], Field(alias="schema")] = SCHEMA
    run_id: str
    status: Literal["done"] = "done"
    directory: str
    choices: Choices
    seed: int
    config: RunConfig
    data: DataFacts
    selection: Selection
    tasks: dict[str, TaskFacts]
    metrics: dict[str, SplitMetrics]
    parameters: ParameterCounts
    flops: int | None
    seconds: Seconds
    steps: int
    epochs: int
    peak_memory_bytes: int | None
    environment: dict[str, str]
    replicas: int = Field(default=1, ge=1)
    affinity: AffinityResult | None = None
    merging: MergingResult | None = None
    improvement: ImprovementResult | None = None
    notes: list[str] = Field(default_factory=list)
    execution: dict[str, Any] | None = None
    finished: str | None = None

    def __repr__(self) -> str:
        """Which run, and the metrics that comparisons use, since all fields would fill a page of a notebook."""
        run = f"{self.choices.task}, model={self.choices.model} weighting={self.choices.weighting} seed={self.seed}"
        lines = [f"Result of {self.directory} ({run})"]
        for task, facts in self.tasks.items():
            found = {split: measured.tasks.get(task, {}).get(facts.primary) for split, measured in self.metrics.items()}
            values = ", ".join(f"{split} {value:.4g}" for split, value in found.items() if value is not None)
            lines.append(f"{task}: {facts.primary} {values or 'not defined'}")
        return "\n".join(lines)

    __str__ = __repr__
