"""Files of runs and tables that once gave a traceback, ran foreign code, or changed a prediction without a word."""

import json
import pickle
import struct
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZipFile

import torch
import yaml

from mtl.errors import EXIT_USER_ERROR
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.checksums import FILE as CHECKSUMS
from mtl.runs.checksums import sha256_of
from mtl.runs.directory import Run
from tests.campaign.checks import CANARY, check_nothing_written, check_said, files_of, require
from tests.campaign.child import Ended, start
from tests.campaign.commands import compare_py, execute_py, report_py, train_py
from tests.campaign.kinds.checkpoints import Touch
from tests.campaign.kinds.run_directories import LIMIT
from tests.campaign.kinds.sweeps import WORDS as COMPARED
from tests.campaign.regressions.command_line import Regression
from tests.campaign.templates import Templates, run_in

# Targets that would do something where they are called, or where their module is imported
FOREIGN: dict[str, dict[str, Any]] = {
    "pandas.read_pickle": {"filepath_or_buffer": "pickle"},
    "torch.multiprocessing.spawn": {"fn": "os.system"},
    "shutil.copyfile": {"src": "/dev/null", "dst": CANARY},
    "acme.Thing": {},
}
PARTS = ("task", "model", "encoder", "weighting", "optimizer", "callbacks", "execution")
VALUES = {"nothing": None, "a text": "text", "a number": 3.5, "a list": [None]}
DATA = ("config.yaml", "state", "statistics.json", "best.ckpt", "last.ckpt", "contributions.npz", "result.json")
PICKLE = pickle.dumps(Touch())


def predict(run: Run, templates: Templates, place: Path, records: Path | None = None) -> Ended:
    """How ``execute.py`` ended for some records."""
    program = partial(execute_py, f"run={run.path}", f"records={records or templates.records}", "threads=1")
    return start(program, place, templates.environment()).wait(LIMIT)


def go_on(run: Run, templates: Templates, place: Path) -> Ended:
    """How ``train.py resume=`` ended."""
    program = partial(train_py, f"resume={run.path}", "progress=false")
    return start(program, place, templates.environment()).wait(LIMIT)


def forge(run: Run, name: str) -> None:
    """Write the checksum of a changed file, as whoever changes it on purpose can."""
    path = run.path / CHECKSUMS
    path.write_text(json.dumps({**json.loads(path.read_text()), name: [sha256_of(run.path / name)]}))


def check_refused(ended: Ended, place: Path, *words: str) -> None:
    """Check that it was a mistake, and that the line holds these words."""
    check_said(ended, place, (EXIT_USER_ERROR,))
    require("lines", all(word in ended.err for word in words), f"{ended.err}, without {words}")


def in_config(key: str, value: Any, *said: str) -> Regression:
    """The config of a run has this for a key: whoever predicts by it or goes on with it is told."""

    def case(draw: Random, place: Path, templates: Templates) -> None:
        for name, template, use in (("a", templates.finished, predict), ("b", templates.interrupted, go_on)):
            run = run_in(templates.copy(template, place / name))
            path = run.path / "config.yaml"
            path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: value}))
            before = files_of(place / name)
            check_refused(use(run, templates, place / name), place, "config.yaml", *said)
            check_nothing_written(before, place / name)

    return case


def foreign(target: str, arguments: dict[str, Any]) -> Regression:
    """A target in each part of a run's config is refused before its module is imported, also beside a ``conf/``."""

    def case(draw: Random, place: Path, templates: Templates) -> None:
        (place / "pickle").write_bytes(PICKLE)
        (place / "acme.py").write_text(f"open({CANARY!r}, 'w')\n\nclass Thing: pass\n")
        (place / "conf" / "model").mkdir(parents=True)
        (place / "conf" / "model" / "mine.yaml").write_text(f"# Of a stranger.\n_target_: {target}\n")
        run = run_in(templates.copy(templates.finished, place))
        whole = yaml.safe_load((run.path / "config.yaml").read_text())
        node = {"_target_": target, **arguments}
        for part in PARTS:
            changed = {**whole, part: {"mine": node} if part == "callbacks" else node, "trust": [target.split(".")[0]]}
            (run.path / "config.yaml").write_text(yaml.safe_dump(changed))
            check_refused(predict(run, templates, place), place, f"_target_={target}")

    return case


def pickled(name: str) -> Regression:
    """A pickle stands in the place of a file of a run, with its checksum: nothing in it is called."""

    def case(draw: Random, place: Path, templates: Templates) -> None:
        run = run_in(templates.copy(templates.interrupted if name == "last.ckpt" else templates.finished, place))
        (run.path / name).write_bytes(PICKLE)
        if name not in ("config.yaml", "state"):
            forge(run, name)
        report = start(partial(report_py, str(place / "outputs")), place, templates.environment()).wait(LIMIT)
        check_said(report, place, (0, 1, EXIT_USER_ERROR))
        for use in (predict, go_on):
            check_said(use(run, templates, place), place, (0, EXIT_USER_ERROR))

    return case


def pickled_comparison(draw: Random, place: Path, templates: Templates) -> None:
    """The same for each file beside the runs of a comparison, and one of its queue."""
    output = templates.copy(templates.comparison, place)
    (directory,) = (output / "comparisons").iterdir()
    for path in (*sorted(directory.glob("*.json")), min(output.glob("queue/*.json"))):
        whole = path.read_bytes()
        path.write_bytes(PICKLE)
        for program in (partial(report_py, str(directory)), partial(compare_py, *COMPARED, "workers=0")):
            ended = start(program, place, templates.environment()).wait(LIMIT)
            check_said(ended, place, (0, 1, EXIT_USER_ERROR))
        path.write_bytes(whole)


def pickled_table(draw: Random, place: Path, templates: Templates) -> None:
    """A pickle is named as a table, as rows to be predicted, and as a job shop."""
    table, shop = (run_in(templates.copy(one, place / one.name)) for one in (templates.finished, templates.scheduler))
    for ending in ("pkl", "csv", "parquet", "json", "xlsx", "txt"):
        path = place / f"my.{ending}"
        path.write_bytes(PICKLE)
        learn = partial(train_py, *templates.words(path=path), "output=new")
        act = partial(execute_py, f"run={shop.path}", f"instances={path}")
        for program in (learn, act):
            check_refused(start(program, place, templates.environment()).wait(LIMIT), place)
        check_refused(predict(table, templates, place, path), place)


def rewritten(run: Run, change: Any) -> None:
    """Change the best checkpoint as a tensor file, and write its checksum."""
    content = read_checkpoint(run.best)
    change(content)
    torch.save(content, run.best)
    forge(run, run.best.name)


def weights_of(value: float) -> Regression:
    """Weights that predict no number are an error that names a task."""

    def case(draw: Random, place: Path, templates: Templates) -> None:
        run = run_in(templates.copy(templates.finished, place))

        def change(content: dict[str, Any]) -> None:
            for tensor in content["state_dict"].values():
                if tensor.is_floating_point():
                    tensor.fill_(value)

        rewritten(run, change)
        check_refused(predict(run, templates, place), place, "task '", "NaN or infinite")

    return case


def integer_keys(draw: Random, place: Path, templates: Templates) -> None:
    """The state of a checkpoint has numbers for names, or the checkpoint itself."""
    run = run_in(templates.copy(templates.finished, place))
    rewritten(run, lambda content: content["state_dict"].update({7: torch.zeros(2)}))
    check_refused(predict(run, templates, place), place, "best.ckpt")
    torch.save({1: torch.zeros(2), 2: {3: 4}}, run.best)
    forge(run, run.best.name)
    check_refused(predict(run, templates, place), place, "best.ckpt")


def one_exponent_bit(draw: Random, place: Path, templates: Templates) -> None:
    """One bit of one weight, with its checksum beside it and, as in old runs, without: neither predicts."""
    run = run_in(templates.copy(templates.finished, place))
    whole = run.best.read_bytes()
    with ZipFile(run.best) as archive:  # of torch: each tensor's bytes as they are
        names = [one for one in archive.infolist() if "/data/" in one.filename and one.file_size >= 4]
        one = draw.choice(names)
        at = whole.index(archive.read(one), one.header_offset)
    bit = struct.unpack("<I", whole[at : at + 4])[0] ^ 1 << 30
    run.best.write_bytes(whole[:at] + struct.pack("<I", bit) + whole[at + 4 :])
    check_refused(predict(run, templates, place), place, "best.ckpt")
    (run.path / CHECKSUMS).unlink()
    check_refused(predict(run, templates, place), place, "best.ckpt")


def one_digit_of_statistics(draw: Random, place: Path, templates: Templates) -> None:
    """What was fitted on the training rows is protected as weights are."""
    run = run_in(templates.copy(templates.finished, place))
    path = run.path / "statistics.json"
    text = path.read_text()
    at = draw.choice([number for number, letter in enumerate(text) if letter.isdigit()])
    path.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    check_refused(predict(run, templates, place), place, "statistics.json")


def cut_table(draw: Random, place: Path, templates: Templates) -> None:
    """A table that is cut off in a line names it; one that is cut off in its last value says that this may be so."""
    lines = templates.table.read_text().splitlines()
    path = place / "my.csv"
    words = (*templates.words(path=path), "epochs=1", "output=outputs")
    for number in (len(lines), draw.randrange(2, len(lines))):
        short = ",".join(lines[number - 1].split(",")[: draw.randint(1, 6)])
        path.write_text("\n".join([*lines[: number - 1], short, *lines[number:]]))
        before = files_of(place)
        ended = start(partial(train_py, *words), place, templates.environment()).wait(LIMIT)
        check_refused(ended, place, f"line {number} has ", "was the file cut off there?")
        check_nothing_written(before, place)
    path.write_text("\n".join(lines))
    ended = start(partial(train_py, *words), place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0,))
    require("lines", "my.csv': the last line has no end" in ended.err, ended.err)


CASES: dict[str, Regression] = {
    **{
        f"a run whose {key} is {name}": in_config(key, value)
        for key in ("seed", "task", "model", "encoder", "relations")
        for name, value in VALUES.items()
    },
    **{f"a run that names {target}": foreign(target, arguments) for target, arguments in FOREIGN.items()},
    **{f"a pickle as {name} of a run": pickled(name) for name in DATA},
    "a pickle as a file of a comparison": pickled_comparison,
    "a pickle as a table, as records and as a job shop": pickled_table,
    "weights that are NaN": weights_of(float("nan")),
    "weights that are infinite": weights_of(float("inf")),
    "weights as large as they can be": weights_of(3e38),
    "a checkpoint with numbers for names": integer_keys,
    "one bit of the exponent of a weight": one_exponent_bit,
    "one digit of the statistics": one_digit_of_statistics,
    "a table that is cut off": cut_table,
}
