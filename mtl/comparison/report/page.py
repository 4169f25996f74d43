"""The report as one HTML page that needs nothing else."""

from collections.abc import Sequence
from math import isfinite

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl.comparison.report import number_format
from mtl.comparison.report.auxiliary import AUXILIARY_NOTE, AUXILIARY_TITLE, auxiliary_rows
from mtl.comparison.report.content import Report
from mtl.comparison.report.data_facts import data_in_words, environment_of, notes_of
from mtl.comparison.report.drawing import SvgFigure
from mtl.comparison.report.execution import constants_sentence, execution_columns
from mtl.comparison.report.findings import (
    AGAIN,
    COST_NOTE,
    NEGATIVE_TRANSFER_COLUMNS,
    STOPPED_CAPTION,
    STOPPED_COLUMNS,
    negative_transfer_rows,
    pareto_sentences,
    scales_sentence,
    screened_rows,
    screening_note,
    stopped_rows,
    tuned_caption,
    tuned_columns,
    tuned_rows,
    worst_gain_sentence,
)
from mtl.comparison.report.names_in_pages import is_long, sentence
from mtl.comparison.types import Evidence
from mtl.comparison.verdict import DOES_NOT_PAY, PAYS, RULES, counted_sentence
from mtl.comparison.wording import format_percent

FULL = 0.1  # a gain of 10 % has the full colour


def size(one: Evidence) -> str:
    """How strong the colour of a gain is, 0 to 1."""
    return f"{min(1.0, abs(one.mean) / FULL):.2f}" if isfinite(one.mean) else "0"


def html(report: Report, figures: Sequence[SvgFigure]) -> str:
    """The page. Every text in it is escaped; figures are drawn by us, and escape their own."""
    comparison = report.comparison
    environment = Environment(
        loader=PackageLoader("mtl.comparison.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html").render(
        name=report.name,
        command=report.command,
        c=comparison,
        v=report.verdict,
        tone={PAYS: "pays", DOES_NOT_PAY: "loses"}.get(report.verdict.outcome, ""),
        problems=report.problems,
        again_note=AGAIN,
        again=report.again,
        notes=notes_of(comparison),
        figures=figures,
        execution_columns=execution_columns(comparison),
        constants_sentence=constants_sentence(comparison),
        rules=RULES,
        cost_note=COST_NOTE,
        pareto_sentences=pareto_sentences(comparison),
        negative_transfer_columns=NEGATIVE_TRANSFER_COLUMNS,
        negative_transfer_rows=negative_transfer_rows(comparison),
        stopped_caption=STOPPED_CAPTION,
        stopped_columns=STOPPED_COLUMNS,
        stopped_rows=stopped_rows(comparison),
        tuned_caption=tuned_caption(comparison),
        tuned_columns=tuned_columns(comparison),
        tuned_rows=tuned_rows(comparison),
        worst_gain_sentence=worst_gain_sentence(comparison),
        scales_sentence=scales_sentence(comparison),
        number_format=number_format,
        size=size,
        sentence=sentence,
        is_long=is_long,
        data=data_in_words(comparison),
        environment=environment_of(comparison),
        screened=screened_rows(comparison),
        screening_note=screening_note(comparison),
        acted=any(tested.outcome for _, tested in comparison.tested_rows),
        format_percent=format_percent,
        counted=counted_sentence(comparison),
        auxiliary_title=AUXILIARY_TITLE,
        auxiliary_note=AUXILIARY_NOTE,
        auxiliary_rows=auxiliary_rows(comparison),
    )
