"""The analysis of a run as one HTML page that needs nothing else."""

from collections.abc import Sequence
from math import isfinite

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl.agent.analysis.content import Analysis, association_sentence, calibration_sentence
from mtl.agent.analysis.resampling import with_interval
from mtl.agent.report import Value
from mtl.comparison.report import number_format
from mtl.comparison.report.analysis_figures import association_figure, reliability_figure
from mtl.comparison.report.names_in_pages import sentence
from mtl.comparison.run_gains import TaskGain
from mtl.comparison.wording import format_percent
from mtl.config.run_result import RunResult, metric_format


def analysis_page(found: Analysis, gains: Sequence[TaskGain], result: RunResult) -> str:
    """The page; every text in it is escaped.

    Args:
        found: what it shows.
        gains: of the run's tasks, in the comparisons that it is part of.
        result: of the run.

    Returns:
        HTML.
    """
    environment = Environment(
        loader=PackageLoader("mtl.comparison.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("analysis.html").render(
        a=found,
        result=result,
        gains=gains,
        gain_text=gain_text,
        headline=headline(found),
        sentences=[association_sentence(found.associations)] if found.associations else [],
        calibration_sentences=[calibration_sentence(one) for one in found.calibrations],
        transfer_sentence=transfer_sentence(gains),
        associations=association_figure(found),
        reliability=reliability_figure(found.calibrations),
        columns=list(dict.fromkeys(name for row in found.failures for name in row)),
        cell=cell,
        metric=metric,
        sentence=sentence,
        number_format=number_format,
    )


def headline(found: Analysis) -> str:
    """The outcome in one sentence."""
    one = found.outcome
    if one is None:
        return "This run does not act, or its outcome is not known instance by instance."
    better = "higher" if one.higher_is_better else "lower"
    mean = with_interval(one.mean, one.low, one.high, ".4g")
    return f"Outcome ({one.name}): {mean} over {one.instances} instances, {better} is better."


def transfer_sentence(gains: Sequence[TaskGain]) -> str:
    """Whether a comparison says that a task is hurt by learning together."""
    if not gains:
        return ""
    hurt = sorted({one.task for one in gains if one.hurts})
    if hurt:
        return f"Negative transfer: learning together hurts {', '.join(hurt)} in a comparison with this configuration."
    return "No task is shown to be hurt, which is no proof that none is."


def gain_text(one: TaskGain) -> str:
    """A gain with its interval, where one is claimed."""
    if not isfinite(one.low):
        return format_percent(one.mean)
    return f"{format_percent(one.mean)} ({one.low * 100:+.1f} to {one.high * 100:+.1f})"


def cell(value: Value) -> str:
    """A value of a record as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    return str(value)


def metric(value: float | None) -> str:
    """A metric as it stands in the table of a training."""
    return "-" if value is None else f"{value:{metric_format(value)}}"
