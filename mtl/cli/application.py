"""Command lines: a user's mistake becomes one line and exit code 2. Imports no torch, so that help answers at once."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode

from mtl.cli.help import FLAGS, help_text
from mtl.config import commands
from mtl.config.compose import check_overrides
from mtl.config.folders import name_folders, take_folders
from mtl.config.overrides import NO_STUDY, searchpath
from mtl.config.process import RUN_VARIABLE, set_process_defaults
from mtl.config.search_path import search_own_folders
from mtl.config.signals import exit_code, signals_interrupt
from mtl.errors import EXIT_USER_ERROR, InputError

# Hydra's own flags that take a value
FLAGS_WITH_VALUE = (
    "--cfg",
    "-c",
    "--package",
    "-p",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--info",
    "-i",
)


COMPLETION = ("--shell-completion", "-sc")  # what follows is no override

failures: list[str] = []  # of a sweep's jobs, in this process


def command(main: Callable[[], Any], config_name: str) -> None:
    """Check the command line's overrides, then run a Hydra application. Exits with 2 on a user's mistake.

    In a sweep a job that fails does not stop the others; what failed is listed at the end.
    """
    sys.argv[1:] = without_folders(sys.argv[1:])
    if set(FLAGS) & set(sys.argv[1:]):
        print_page(help_text(config_name, sys.argv[1:]))
        return
    sys.argv[1:] = arranged(sys.argv[1:])
    try:
        if not set(COMPLETION) & set(sys.argv[1:]):
            check_overrides(override_arguments(sys.argv[1:]), config_name)
    except InputError as error:
        fail(error)
    set_process_defaults()
    search_own_folders()
    failures.clear()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints what a launcher brings back, and leaves with 1
    try:
        with signals_interrupt():
            main()
    except InputError as error:  # of a job that another process ran
        fail(error)
    except HydraException as error:  # what no override caused, such as a sweep over an unknown experiment
        fail(InputError(str(error)))
    if failures:
        sys.stderr.write(f"{len(failures)} of the sweep's runs failed:\n" + "".join(f"  {line}\n" for line in failures))
        raise SystemExit(EXIT_USER_ERROR)


def without_folders(arguments: list[str]) -> list[str]:
    """The arguments without the config folders, which are searched from now on. A mistake ends the program."""
    try:
        flagged, rest = take_folders(arguments)
        listed, rest = searchpath(rest)
        if flagged or listed:
            name_folders([*flagged, *listed])
    except InputError as error:
        fail(error)
    commands.config_dirs[:] = [*flagged, *listed]
    return rest


def print_page(text: str) -> None:
    """Print a text that a person may read through another program, such as ``head``, which stops before its end."""
    try:
        print(commands.as_typed(text), flush=True)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else Python complains when it closes the stream


def run_program(main: Callable[[list[str]], int]) -> None:
    """Run a program that reads its arguments itself. Exits with its code, or with 2 on a user's mistake."""
    set_process_defaults()
    with signals_interrupt(), user_errors():
        raise SystemExit(main(without_folders(sys.argv[1:])))


def fail(error: InputError) -> NoReturn:
    """Print the one line and leave. Of several processes that train together, the first speaks."""
    if RUN_VARIABLE not in os.environ:
        sys.stderr.write(f"error: {one_line(error)}\n")
    raise SystemExit(EXIT_USER_ERROR)


def one_line(error: Exception) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split())


@contextmanager
def user_errors() -> Iterator[None]:
    """Within this, an InputError ends the program in one line, or in a sweep the one run."""
    try:
        yield
    except InputError as error:
        hydra = HydraConfig.get() if HydraConfig.initialized() else None
        if hydra is None or hydra.mode != RunMode.MULTIRUN:
            fail(error)
        elif hydra.runtime.choices["hydra/launcher"] != "basic":
            # The process that started the sweep says it, when the other jobs are done
            raise InputError(f"{' '.join(hydra.overrides.task)}: {one_line(error)}") from None
        else:
            failures.append(f"{' '.join(hydra.overrides.task)}: {one_line(error)}")
            sys.stderr.write(f"error: {failures[-1]}\n")
    except KeyboardInterrupt as error:
        sys.stderr.write("interrupted\n")
        raise SystemExit(exit_code(error)) from None


def arranged(arguments: list[str]) -> list[str]:
    """The arguments as Hydra takes them: flags before overrides, and no ``experiment=null``."""
    overrides = override_arguments(arguments)
    rest, flags = list(overrides), []
    for argument in arguments:
        if rest and argument == rest[0]:
            del rest[0]
        else:
            flags.append(argument)
    return [*flags, *(text for text in overrides if text != NO_STUDY)]


def override_arguments(arguments: list[str]) -> list[str]:
    """The arguments that are overrides: neither flags of Hydra's nor their values."""
    found, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("-"):
            skip = argument in FLAGS_WITH_VALUE
            continue
        found.append(argument)
    return found
