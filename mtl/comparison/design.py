"""Which runs decide a comparison, when one looks at them, and what each claim may spend of the error rate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mtl.comparison.statistics.looks import spend
from mtl.errors import InputError

CONFIRM, FULL, UNPLANNED = "confirm", "full", "unplanned"

MEAN_SHARE = 0.8  # of alpha, for delta_m; the rest is for single tasks, further baselines and acting


@dataclass(frozen=True)
class Stopped:
    """A configuration that screening let go of on its way.

    Attributes:
        configuration: its id.
        label: its name in tables.
        rung: after which part of screening, from 0.
        seed: of the run that it was judged by.
        epochs: after which that run was paused; None: it was trained to its end, or failed.
        score: its best validation score until then, lower being better; None where the end was looked at, or it failed.
        last_score: the highest among those that went on.
        run: its directory; empty where there is none.
    """

    configuration: str
    label: str
    rung: int
    seed: int
    epochs: int | None
    score: float | None
    last_score: float | None
    run: str

    @classmethod
    def read(cls, node: Mapping[str, Any]) -> "Stopped":
        """From a file. KeyError, TypeError or ValueError if it is damaged."""

        def number(name: str, kind: Callable[[Any], Any]) -> Any:
            return None if node[name] is None else kind(node[name])

        return cls(
            configuration=str(node["configuration"]),
            label=str(node["label"]),
            rung=int(node["rung"]),
            seed=int(node["seed"]),
            epochs=number("epochs", int),
            score=number("score", float),
            last_score=number("last_score", float),
            run=str(node["run"]),
        )


@dataclass(frozen=True)
class Design:
    """How a comparison is decided.

    Attributes:
        kind: ``confirm``: all configurations are screened on validation, and the best one is confirmed on fresh seeds;
            ``full``: all are measured on test; ``unplanned``: the same, of runs that were found.
        screening: seeds on which all configurations are ranked by validation.
        seeds: those that decide, in the order in which they are used; with ``full`` and ``unplanned`` the same seeds.
        looks: numbers of deciding seeds after which one looks.
        resplit: whether each seed has a split of its own.
        baseline: configuration id of the baseline; None: the most similar single-task one.
        chosen: configuration id of the one that screening chose; None: none yet.
        further: configuration ids of further baselines.
        stopped: configurations that screening let go of on its way.
        grid: by dotted key, the values among which validation chose for each configuration; empty: nothing was tuned.
    """

    kind: str
    screening: tuple[int, ...]
    seeds: tuple[int, ...]
    looks: tuple[int, ...]
    resplit: bool = False
    baseline: str | None = None
    chosen: str | None = None
    further: tuple[str, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def unplanned(cls, seeds: Sequence[int]) -> "Design":
        """One look at the runs of these seeds."""
        return cls(UNPLANNED, tuple(seeds), tuple(seeds), (len(seeds),))

    @classmethod
    def read(cls, node: Mapping[str, Any]) -> "Design":
        """From plan.json. InputError, KeyError, TypeError or ValueError if it is damaged."""
        kind = str(node["kind"])
        if kind not in (CONFIRM, FULL):
            raise InputError(f"design '{kind}': expected {CONFIRM} or {FULL}")
        numbers = {name: tuple(int(n) for n in node[name]) for name in ("screening", "seeds", "looks")}
        looks, seeds = numbers["looks"], numbers["seeds"]
        if list(looks) != sorted(set(looks)) or not looks or looks[0] < 1 or looks[-1] > len(seeds):
            raise InputError(f"looks {list(looks)}: expected growing numbers of the {len(seeds)} seeds")
        return cls(
            kind=kind,
            **numbers,
            resplit=bool(node["resplit"]),
            baseline=str(node["baseline"]),
            chosen=None if node["chosen"] is None else str(node["chosen"]),
            further=tuple(str(key) for key in node["further"]),
            stopped=tuple(Stopped.read(one) for one in node.get("stopped", [])),
            grid={str(key): tuple(values) for key, values in node.get("grid", {}).items()},
        )

    def plain(self) -> dict[str, Any]:
        """What plan.json holds."""
        return {
            "kind": self.kind,
            "screening": list(self.screening),
            "seeds": list(self.seeds),
            "looks": list(self.looks),
            "resplit": self.resplit,
            "baseline": self.baseline,
            "chosen": self.chosen,
            "further": list(self.further),
            "stopped": [asdict(one) for one in self.stopped],
            "grid": {key: list(values) for key, values in self.grid.items()},
        }

    def choosing(self, configuration: str) -> "Design":
        """The same once screening has chosen."""
        return replace(self, chosen=configuration)

    def mean_alphas(self, alpha: float, configurations: int) -> list[float]:
        """What each look at delta_m of one configuration may spend.

        Args:
            alpha: of the whole comparison.
            configurations: how many are tested.

        Returns:
            One number for each look; over all configurations their sum is :data:`MEAN_SHARE` of alpha.
        """
        return spend(MEAN_SHARE * alpha / max(configurations, 1), len(self.looks))

    def other_alphas(self, alpha: float, configurations: int, hypotheses: int) -> list[float]:
        """What each look at anything else may spend: at one task, one further baseline, or acting.

        Args:
            alpha: of the whole comparison.
            configurations: how many are tested.
            hypotheses: how many such things each configuration has.

        Returns:
            One number for each look; over all configurations and hypotheses their sum is the rest of alpha.
        """
        return spend((1 - MEAN_SHARE) * alpha / max(configurations * hypotheses, 1), len(self.looks))
