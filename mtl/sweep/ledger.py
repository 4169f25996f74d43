"""The ledger of a comparison's looks: what was planned, chosen and seen, so that going on is no peeking."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mtl.comparison.design import Stopped
from mtl.comparison.statistics.looks import Look
from mtl.errors import InputError
from mtl.runs.files import read_json, write_json


class Ledger:
    """``looks.json`` in the directory of a comparison.

    The numbers of seeds at which one looks, and the seeds, are fixed when the first look is taken: whoever could change
    them after it could look as often as it takes for chance to please. Several commands may be at one comparison: each
    reads what the others have written before it writes, and what was decided first stays.

    Args:
        directory: of the comparison.
        alone: within what it gives, no other command reads and writes the file.

    Raises:
        InputError: the file is damaged.
    """

    def __init__(self, directory: Path, alone: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self.path = directory / "looks.json"
        self._alone = alone
        self._read()

    def _read(self) -> None:
        """Take over what is written. InputError if the file is damaged."""
        found: dict[str, Any] = read_json(self.path) if self.path.is_file() else {}
        try:
            self.chosen: str | None = None if found.get("chosen") is None else str(found["chosen"])
            self.screening = {str(label): float(gain) for label, gain in found.get("screening", {}).items()}
            self.stopped = [Stopped.read(one) for one in found.get("stopped", [])]
            self.planned = [int(look) for look in found.get("planned", [])]
            self.seeds = [int(seed) for seed in found.get("seeds", [])]
            self.taken: list[dict[str, Any]] = [dict(look) for look in found.get("taken", [])]
            self.seen = max((int(look["seeds"]) for look in self.taken), default=0)  # deciding seeds of the last look
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"'{self.path}' is damaged: {error!r}") from None

    def check(self, planned: Sequence[int], seeds: Sequence[int]) -> None:
        """Raise InputError if looks were taken by another plan than this one, also by another command meanwhile."""
        self._read()
        if self.taken and (self.planned != list(planned) or self.seeds != list(seeds)):
            free = max(self.seeds) + 1
            raise InputError(
                f"looks={list(planned)}: this comparison has begun to look by looks={self.planned}; go on with "
                f"that, or compare on fresh seeds: first_seed={free}"
            )

    def stop(self, configurations: Iterable[Stopped]) -> None:
        """Write down which configurations screening lets go of, once after each of its parts."""
        with self._alone():
            self._read()
            decided = {one.rung for one in self.stopped}
            self.stopped += [one for one in configurations if one.rung not in decided]
            self._write()

    def choose(self, configuration: str, screening: Mapping[str, float]) -> None:
        """Write down what screening chose, once.

        Args:
            configuration: its id.
            screening: mean gain on validation by label.
        """
        with self._alone():
            self._read()
            if self.chosen is None:
                self.chosen, self.screening = configuration, dict(screening)
                self._write()

    def take(self, planned: Sequence[int], seeds: Sequence[int], looks: Mapping[str, Sequence[Look]]) -> None:
        """Write down the looks taken so far; what is written stays where a command has come further.

        Args:
            planned: numbers of seeds at which one looks.
            seeds: in the order in which they are used.
            looks: by label of a configuration.

        Raises:
            InputError: another command has looked by another plan.
        """
        with self._alone():
            self.check(planned, seeds)
            if max((look.seeds for taken in looks.values() for look in taken), default=0) < self.seen:
                return
            self.planned, self.seeds = list(planned), list(seeds)
            self.taken = [
                {
                    "configuration": label,
                    "seeds": look.seeds,
                    "alpha": look.alpha,
                    "interval": list(look.interval),
                    "call": look.call,
                }
                for label, taken in looks.items()
                for look in taken
            ]
            self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "chosen": self.chosen,
            "screening": self.screening,
            "stopped": [asdict(one) for one in self.stopped],
            "planned": self.planned,
            "seeds": self.seeds,
            "taken": self.taken,
        }
        write_json(self.path, content)
