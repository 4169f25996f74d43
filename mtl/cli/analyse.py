"""What limits the outcome of a finished run, and where it fails: `python experiments/analyse.py run=RUN`."""

from mtl.cli.plain_options import modules, read_options, threads
from mtl.cli.streams import print_page
from mtl.config.process import program_imports

HELP = """\
python experiments/analyse.py [run=RUN] [output=outputs] [threads=N] [trust=MODULE,...]

Looks at a finished run from the side of its outcome, and writes a page to <run>/analysis/analysis.html and its numbers
to analysis.json: which task limits the outcome (each head's error beside the outcome over test instances), how
calibrated each head is (reliability, expected calibration error, temperature), the worst failures, and what the
comparisons that the run is part of say of negative transfer. The run acts once in the environment of its config.

Without run, the run under the output directory that finished last is looked at.
"""
OPTIONS = ("run", "output", "threads", "trust")


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP, end="")
        return 0
    options = read_options(arguments, OPTIONS)
    count = threads(options)
    # Imported here: help and mistakes are answered without waiting for torch
    with program_imports():
        from mtl.agent.analysis.content import association_sentence, calibration_sentence
        from mtl.comparison.report.analysis_page import headline
        from mtl.config.console import Terminal
        from mtl.lifecycle.analysis import analyse
        from mtl.runs.directory import newest

    run = options["run"] if "run" in options else newest(options.get("output", "outputs")).path
    found, page = analyse(run, modules(options), count)
    console = Terminal()
    said = [headline(found)]
    said += [association_sentence(found.associations)] if found.associations else []
    said += [calibration_sentence(one) for one in found.calibrations]
    for text in (*said, f"analysis: {page}"):
        console.print(text, soft_wrap=True, highlight=False, markup=False)
    return 0
