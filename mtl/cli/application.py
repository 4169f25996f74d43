"""Command lines: a user's mistake becomes one line and exit code 2. Imports no torch, so that help answers at once."""

import logging
import os
import sys
from argparse import ArgumentError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode

from mtl.cli.cache import REMOVE, SHOW, asks_for_cache, cache_page
from mtl.cli.each_once import each_once
from mtl.cli.help import FLAGS, help_text
from mtl.cli.streams import prepare_streams, print_nowhere, print_page
from mtl.cli.sweep_failures import Failed, failures, note_failure
from mtl.config import commands
from mtl.config.compose import check_overrides
from mtl.config.folders import FLAGS as FOLDER_FLAGS
from mtl.config.folders import is_group, name_folders, take_folders
from mtl.config.improve_choice import GROUP, option_of_keys
from mtl.config.overrides import NO_STUDY, SEARCH_PATH, parse_override, searchpath
from mtl.config.own_code import exits_are_errors
from mtl.config.own_code import to_input_error as in_own_code
from mtl.config.printable import printable
from mtl.config.process import RUN_VARIABLE, set_process_defaults
from mtl.config.raised import raised_by
from mtl.config.run_config import RunConfig
from mtl.config.search_path import search_own_folders
from mtl.config.signals import exit_code, interruptions_prevail, signals_interrupt
from mtl.errors import EXIT_USER_ERROR, InputError, unknown

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


INFO = ("--info", "-i")  # takes a value or none
LAUNCHERS = ("joblib", "loky", "ray", "submitit")  # libraries that start the jobs of a sweep
IN_THIS_PROCESS = ("basic", "replicas")  # launchers that run jobs one after another where the sweep was started
EXIT_BROKEN_PIPE = 141  # 128 and the number of SIGPIPE, as of other programs whose output nobody reads
SWEEPING = {"-m", "--multirun"}
COMPLETION = ("--shell-completion", "-sc")  # what follows is no override
SUBCOMMANDS, SHELLS = ("install", "uninstall", "query"), ("bash", "fish", "zsh")
LINE_VARIABLE = "COMP_LINE"  # in which a shell tells what is to be completed


def command(main: Callable[[], Any], config_name: str) -> None:
    """Check the command line's overrides, then run a Hydra application. Exits with 2 on a user's mistake.

    In a sweep a job that fails does not stop the others; what failed is listed at the end.
    """
    prepare_streams()
    with signals_interrupt(), ends_in_one_line():
        check_working_directory()
        sys.argv[1:] = without_folders(sys.argv[1:])
        if set(FLAGS) & set(sys.argv[1:]):
            print_page(help_text(config_name, sys.argv[1:]))
            return
        if asks_for_cache(sys.argv[1:]):
            print_page(cache_page(sys.argv[1:]))
            return
        sys.argv[1:] = arranged(with_info(sys.argv[1:]))
        if set(COMPLETION) & set(sys.argv[1:]):
            check_completion(override_arguments(sys.argv[1:]))
        else:
            if config_name == GROUP:
                sys.argv[1:] = [*sys.argv[1:], *option_of_keys(override_arguments(sys.argv[1:]))]
            found = check_overrides(override_arguments(sys.argv[1:]), config_name)
            if SWEEPING & set(sys.argv[1:]):
                sys.argv[1:] = each_once(sys.argv[1:], found)
        sys.argv[1:] = with_launcher(sys.argv[1:])
        set_process_defaults()
        search_own_folders()
        failures.clear()
        logging.raiseExceptions = False  # where Hydra prints by logging: a page that cannot be written is said below
        os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints what a launcher brings back, and leaves with 1
        try:
            main()
        except HydraException as error:  # what no override caused, such as a sweep over an unknown experiment
            raise InputError(str(error)) from None
        except Exception as error:
            if not raised_by(error, LAUNCHERS):
                raise
            raise InputError(
                f"the launcher of the sweep has failed: {one_line(error) or type(error).__name__}"
            ) from None
        print_page("", end="")
    if failures:
        sys.stderr.write(f"{len(failures)} of the sweep's runs failed:\n" + "".join(f"  {line}\n" for line in failures))
        raise SystemExit(EXIT_USER_ERROR)


def without_folders(arguments: list[str]) -> list[str]:
    """The arguments without the config folders, which are searched from now on. InputError for one that is none."""
    flagged, rest = take_folders(arguments)
    listed, rest = searchpath(rest)
    if listed:
        name_folders(listed, SEARCH_PATH)
    if flagged:  # which are searched before those
        name_folders(flagged)
    commands.config_dirs[:] = [*flagged, *listed]
    return rest


def check_working_directory() -> None:
    """Raise InputError where the working directory has been removed: paths mean nothing there."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(f"the working directory cannot be used: {error.strerror}") from None


def run_program(main: Callable[[list[str]], int], *, own_flags: bool = False) -> None:
    """Run a program that reads its arguments itself. Exits with its code, or with 2 on a user's mistake.

    Args:
        main: the program.
        own_flags: it has flags beside those for help and for config folders, and checks them.
    """
    prepare_streams()
    set_process_defaults()
    with signals_interrupt(), ends_in_one_line():
        check_working_directory()
        arguments = without_folders(sys.argv[1:])
        if not own_flags:
            check_help_flags(arguments)
        code = main(arguments)
        print_page("", end="")
        raise SystemExit(code)


def check_help_flags(arguments: list[str]) -> None:
    """Raise InputError for a flag where there are those for help and for config folders, and no others."""
    for text in arguments:
        if text.startswith("-") and text not in FLAGS:
            raise unknown("flag", text, (FLAGS[-1], FOLDER_FLAGS[0]))


def fail(error: InputError) -> NoReturn:
    """Print the one line and leave. Of several processes that train together, the first speaks."""
    if RUN_VARIABLE not in os.environ:
        sys.stderr.write(f"error: {one_line(error)}\n")
    raise SystemExit(EXIT_USER_ERROR)


def one_line(error: Exception) -> str:
    """An error's message without line breaks and other control characters."""
    return printable(" ".join(str(error).split()))


@contextmanager
def ends_in_one_line() -> Iterator[None]:
    """Within this, a user's mistake, what the system refuses, and an interruption end the program in one line.

    The system may refuse because of a full disk, a directory that may not be written, or too many open files.
    """
    try:
        with interruptions_prevail(), exits_are_errors():
            yield
    except BrokenPipeError:  # whoever read the output has read enough
        print_nowhere()
        raise SystemExit(EXIT_BROKEN_PIPE) from None
    except SystemExit as error:
        if not raised_by(error, {"rich"}):  # which ends with 1 where a pipe is broken
            raise
        raise SystemExit(EXIT_BROKEN_PIPE) from None
    except InputError as error:
        fail(error)
    except KeyboardInterrupt as error:
        sys.stderr.write("interrupted\n")
        raise SystemExit(exit_code(error)) from None
    except Exception as error:
        said = in_own_code(error) or (refused_by_system(error) if isinstance(error, OSError) else None)
        if said is None:
            raise
        fail(said)


@dataclass
class JobEnd:
    """How a job of a sweep ended.

    Attributes:
        failed: what the job gives back where it failed in another process than that of the sweep; else None.
    """

    failed: Failed | None = None


@contextmanager
def user_errors() -> Iterator[JobEnd]:
    """Within this, a mistake ends the program in one line, or in a sweep the one run, whose end it gives."""
    end = JobEnd()
    hydra = HydraConfig.get() if HydraConfig.initialized() else None
    if hydra is None or hydra.mode != RunMode.MULTIRUN:
        with ends_in_one_line():
            yield end
        return
    try:
        with interruptions_prevail(), exits_are_errors():
            yield end
    except Exception as found:
        error = found if isinstance(found, InputError) else in_own_code(found)
        if error is None and isinstance(found, OSError):
            error = refused_by_system(found)
        if error is None:
            raise
        line = f"{' '.join(hydra.overrides.task)}: {one_line(error)}"
        if hydra.runtime.choices["hydra/launcher"] in IN_THIS_PROCESS:
            note_failure(line)
        else:
            end.failed = Failed(line)
    except KeyboardInterrupt as error:
        sys.stderr.write("interrupted\n")
        raise SystemExit(exit_code(error)) from None


def refused_by_system(error: OSError) -> InputError:
    """What the system did not let be done, as a user's error."""
    where = f"'{error.filename}'" if error.filename else "a file or standard output"
    return InputError(f"{where} cannot be used: {error.strerror or error}")


def with_info(arguments: list[str]) -> list[str]:
    """The arguments, with the value that ``--info`` has by default where none follows: else it takes an override."""
    pairs = zip(arguments, [*arguments[1:], "="], strict=False)
    return [
        f"{INFO[0]}=all" if one in INFO and (after.startswith("-") or "=" in after) else one for one, after in pairs
    ]


def check_flags(flags: list[str]) -> None:
    """Raise InputError for flags that Hydra does not take, of which it prints many lines."""
    parser = get_args_parser()
    parser.exit_on_error = False
    parser.allow_abbrev = False  # --multi would be --multirun to Hydra, and nothing to what looks for that here
    try:
        found, strange = parser.parse_known_args(flags)
    except ArgumentError as error:
        raise InputError(str(error)) from None
    if strange:
        raise unknown_flag(strange[0])
    if sum(map(bool, (found.run, found.multirun, found.cfg, found.info, found.shell_completion))) > 1:
        raise InputError(f"{' '.join(flags)}: expected one of --run, -m, --cfg, --info and --shell-completion")
    if found.resolve and not found.cfg:
        raise InputError("--resolve says how --cfg prints: expected --cfg job beside it")


def unknown_flag(text: str) -> InputError:
    """An InputError for what begins with a dash and is no flag, with the nearest flag where it is no key either."""
    key = text.lstrip("-").partition("=")[0]
    names = [one.lstrip("-") for action in get_args_parser()._actions for one in action.option_strings]
    names += [one.lstrip("-") for one in (SHOW, REMOVE)]
    is_key = key in RunConfig.model_fields or is_group(key)
    near = [] if is_key else get_close_matches(key, [name for name in names if len(name) > 2], n=1, cutoff=0.6)
    asked = f"did you mean '--{near[0]}'? " if near else ""
    return InputError(f"unknown flag '{text}': {asked}keys are typed without dashes, such as {key}=...")


def check_completion(overrides: list[str]) -> None:
    """Raise InputError where Hydra's completion is not told one thing to do, for a shell, of which it gives traces."""
    subcommands = [text for text in overrides if text.partition("=")[0] in SUBCOMMANDS]  # it passes over all others
    found = [text.partition("=")[::2] for text in subcommands]
    if len(found) != 1 or found[0][1] not in SHELLS:
        raise InputError(
            f"{COMPLETION[0]} {' '.join(subcommands)}: expected one of {', '.join(SUBCOMMANDS)}, with one of "
            f"{', '.join(SHELLS)}, such as install=bash"
        )
    if found[0][0] == "query" and LINE_VARIABLE not in os.environ:
        raise InputError(
            f"{subcommands[0]} is asked by the shell, which tells in {LINE_VARIABLE} what is to be completed: expected "
            f"install={found[0][1]}, whose output the shell evaluates"
        )


def arranged(arguments: list[str]) -> list[str]:
    """The arguments as Hydra takes them: flags before overrides, and no ``experiment=null``.

    InputError for a flag that Hydra does not take.
    """
    overrides = override_arguments(arguments)
    rest, flags = list(overrides), []
    for argument in arguments:
        if rest and argument == rest[0]:
            del rest[0]
        else:
            flags.append(argument)
    check_flags(flags)
    return [*flags, *(text for text in overrides if text != NO_STUDY)]


def with_launcher(arguments: list[str]) -> list[str]:
    """The arguments, with the launcher of ``replicas`` where a sweep has several. InputError where it has another."""
    given = [parse_override(text) for text in override_arguments(arguments)]
    typed = {one.key_or_group: one.value() for one in given}
    if typed.get("replicas", 1) == 1:
        return arguments
    if not SWEEPING & set(arguments):
        raise InputError("replicas: these are runs of a sweep: add -m and several values, such as seed=0,1,2")
    if typed.get("hydra/launcher", "replicas") != "replicas":
        raise InputError("replicas: runs are trained at once by the launcher of this name: leave hydra/launcher out")
    return [*arguments, *([] if "hydra/launcher" in typed else ["hydra/launcher=replicas"])]


def override_arguments(arguments: list[str]) -> list[str]:
    """The arguments that are overrides: neither flags of Hydra's nor their values."""
    found, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("-"):
            skip = argument in FLAGS_WITH_VALUE
            continue
        found.append(argument)
    return found
