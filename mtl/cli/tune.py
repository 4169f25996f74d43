"""Search for hyper-parameters with Optuna; `--help` says how."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl.cli.many_runs import carry_out_many
from mtl.cli.streams import print_page
from mtl.config.commands import typed
from mtl.config.console import Terminal
from mtl.config.contents import check_contents
from mtl.config.folders import main_file
from mtl.config.literals import for_shell
from mtl.config.overrides import parse_override
from mtl.config.process import program_imports
from mtl.config.search_settings import Search, read_search
from mtl.config.system import usable_cores
from mtl.errors import InputError
from mtl.runs.changed import say_of_changes
from mtl.runs.directory import Run

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from mtl.sweep.search_study import SearchStudy

HELP = """\
{command} [setting=value | override=value | override=several values]...

Trains one run after another, each with other values of what is searched, and looks for those with the lowest validation
score; the test rows decide nothing. Run it again and it goes on; stop it at any time. Settings and their defaults:

"""
INTERVAL = 30.0  # seconds at least between two lines while no trial ends
SHOWN = 5  # best trials in the table at the end
STATES = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


def main(arguments: list[str]) -> int:
    """Run the command line; the exit code is 0, 1 where every trial failed, or that of the signal that ended it."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP.format(command=typed("tune")) + main_file("tune").read_text(encoding="utf-8"))
        return 0
    console = Terminal()
    command = " ".join([typed("tune"), *map(for_shell, arguments)])
    return carry_out_many(lambda: run(read_search(arguments), console), command, console)


def run(search: Search, console: Console) -> int:
    """Search, and print what was found; the exit code is 1 where every trial failed."""
    # Imported here: help and mistakes are answered without waiting for torch
    with program_imports():
        from mtl.config.compose import configure
        from mtl.module.lightning import silent_lightning
        from mtl.sweep.search_study import SearchStudy
        from mtl.sweep.search_workers import carry_out
        from mtl.training.hardware import processes_of

    first = configure(*search.fixed, *(one.ends[0] for one in search.space))
    with silent_lightning():
        processes = processes_of(first.hardware.arguments())
    if processes > 1:
        raise InputError("a search starts runs of one process each: choose hardware of one process, and more workers")
    workers = usable_cores() if search.settings.workers is None else search.settings.workers
    check_before(SearchStudy(search), first.trust)
    progress = Progress(search, console)
    study = carry_out(search, workers, progress.show)
    if study.best is None:
        failed = [one for one in study.trials if one.state.name == "FAIL"]
        say(console, f"no trial came to its end; {len(failed)} failed: {reason(failed[0]) if failed else 'none'}")
        return 1
    conclude(study, console)
    return 0


def check_before(study: "SearchStudy", trust: Sequence[str]) -> None:
    """Compare what the trials of before were trained with: say where own code is other code now.

    Args:
        study: the search.
        trust: modules of own code that its runs may name.

    Raises:
        InputError: they began with weights that are others now.
    """
    for one in study.trials:
        try:
            run = Run.open(str(one.user_attrs.get("run")), trust)
            config = run.config
        except InputError:  # none was begun, or it was removed
            continue
        check_contents(config, "trials of this search were trained: give the search another name=")
        say_of_changes(run, config)


class Progress:
    """A line for each trial that has ended, and one every half a minute in between.

    Args:
        search: what is asked.
        console: where to.
    """

    def __init__(self, search: Search, console: Console) -> None:
        self.search, self.console = search, console
        self.started = self._said = time.perf_counter()
        self._told: set[int] | None = None

    def show(self, study: "SearchStudy") -> None:
        """Say what is new."""
        trials = study.trials
        ended = [one for one in trials if one.state.name in STATES]
        if self._told is None:
            self._told = {one.number for one in ended}
            before = f", {len(ended)} of them ended before" if ended else ""
            keys = ", ".join(one.key for one in self.search.space)
            say(self.console, f"search over {keys}: {study.asked} trials{before}, in {study.directory}")
        for one in ended:
            if one.number not in self._told:
                self._told.add(one.number)
                self._line(self._text(study, one, len(self._told)))
        if time.perf_counter() - self._said > INTERVAL:
            passed, best = time.perf_counter() - self.started, study.best
            said = f"best {best.value:.4g}" if best else "none complete"
            self._line(f"{len(ended)} of {study.asked} trials, {said}, {passed:.0f} s passed")

    def _line(self, text: str) -> None:
        self._said = time.perf_counter()
        say(self.console, text)

    def _text(self, study: "SearchStudy", one: "FrozenTrial", ended: int) -> str:
        best = study.best
        value = f"{one.value:.4g}" if one.value is not None else "-"
        seconds = f", {one.duration.total_seconds():.0f} s" if one.duration else ""
        state = {"COMPLETE": f"score {value}", "PRUNED": f"pruned at {value}"}.get(
            one.state.name, f"failed: {reason(one)}"
        )
        record = f" (best {best.value:.4g})" if best is not None and best.number != one.number else ""
        marked = " (the best so far)" if best is not None and best.number == one.number else record
        return f"{ended} of {study.asked}: {state}{marked}{seconds}: {' '.join(study.overrides(one))}"


def reason(trial: "FrozenTrial") -> str:
    """Why a trial failed."""
    return str(trial.user_attrs.get("error", "the process that trained it died (out of memory?)"))


def conclude(study: "SearchStudy", console: Console) -> None:
    """Print the best trials, and what to type next."""
    complete = [one for one in study.trials if one.state.name == "COMPLETE"]
    counts = {word: sum(one.state.name == state for one in study.trials) for state, word in STATES.items()}
    table = Table(
        title=f"{study.search.name}: lowest validation scores",
        caption=", ".join(f"{number} {word}" for word, number in counts.items() if number),
    )
    for column in ("score", "values", "run"):
        table.add_column(column, justify="right" if column == "score" else "left", overflow="fold")
    for one in sorted(complete, key=lambda one: (one.value, one.number))[:SHOWN]:
        values = "\n".join(study.overrides(one))
        table.add_row(f"{one.value:.4g}", Text(values), Text(one.user_attrs["run"].rpartition("/")[2]))
    console.print(table)
    if len(study.trials) == study.asked < study.search.settings.trials:
        more = f"there are no more for trials={study.search.settings.trials}"
        say(console, f"All {study.size} configurations were tried: {more}")
    best = study.best
    assert best is not None
    from mtl.cli.next_comparison import comparison_arguments
    from mtl.runs.directory import read_result
    from mtl.sweep.search_grid import comparison_grid

    overrides = [*study.search.fixed, *study.overrides(best)]
    path = best.user_attrs["run"]
    result = read_result(Path(path, "result.json"))
    again = [text for text in overrides if parse_override(text).key_or_group != "seed"]
    command = " ".join([typed("train"), *map(for_shell, again), f"seed={result.seed + 1}"])
    say(console, f"The best run: {path}")
    say(console, "Next:")
    say(console, f"  {'train it with a fresh seed:':<28} {command}")
    grid = comparison_grid(study.search.space, study.overrides(best))
    compared = comparison_arguments(result, [text for text in overrides if text.partition("=")[0] not in grid])
    if compared is not None:
        values = ", ".join(f"{key}: [{', '.join(values)}]" for key, values in grid.items())
        tuned = ["tune=true", for_shell(f"grid={{{values}}}")] if grid else []
        say(console, f"  {'does it pay?':<28} {' '.join([typed('compare'), *compared, *tuned])}")


def say(console: Console, text: str) -> None:
    """Print one line as it is."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)
