"""What an evaluation's report says, as tables for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from sketchzoo_training.evaluate.metrics import OF_PAIRS

_OF_ALL = ("p@12", "map", "p@1", "p@5", "p@12_best")
_OF_LISTS = ("map@200", "p@100", "p@200", "p@100_best", "p@200_best")
_OF_GROUPS = ("p@12", "p@12_best", "map", "recall@1")


def report_tables(report: dict[str, Any]) -> list[Table]:
    """Return the figures in all, by source and by class; of pairs and lists if there are any."""
    focus = f", focus {report['focus']}" if report["focus"] else ""
    table = Table(
        "metric", "value", "95 %", title=f"sketches finding photos by {report['distance']}{focus}"
    )
    pairs = OF_PAIRS if report["paired_queries"] else ()
    lists = _OF_LISTS if report["class_list"] else ()
    for metric in (*_OF_ALL, *pairs, *lists):
        table.add_row(_head(metric), *_figure(report, metric))
    return [table, *(_of_groups(report[f"per_{group}"], group) for group in ("source", "class"))]


def report_notes(report: dict[str, Any]) -> list[str]:
    """Return what the tables leave to say, a paragraph each."""
    pairs = report["paired_queries"]
    told = (
        f"{report['queries']} sketches ({pairs} with their own photo) asked for {report['photos']} "
        f"photos of {report['classes']} classes. 'p@12 best' is the most that the gallery allows: "
        "a class of fewer than 12 photos cannot fill 12 places"
    )
    notes = [told]
    if report["class_list"]:
        notes.append(_of_list(report["class_list"]))
    if report["open_world"]:
        apart = report["open_world"]
        notes.append(
            f"Known from unknown things by the best score: AUROC {apart['auroc']:.3f}; at "
            f"{apart['min_score']} {apart['known_kept']:.1%} of the known are kept and "
            f"{apart['unknown_refused']:.1%} of the unknown refused"
        )
    return notes


def _of_groups(groups: Mapping[str, dict[str, Any]], name: str) -> Table:
    columns = [head for metric in _OF_GROUPS for head in (_head(metric), "95 %")]
    table = Table(name, "queries", *columns)
    for group, values in groups.items():
        figures = (text for metric in _OF_GROUPS for text in _figure(values, metric))
        table.add_row(escape(group), str(values["queries"]), *figures)
    return table


def _head(metric: str) -> str:
    return metric.replace("_", " ")


def _of_list(told: dict[str, Any]) -> str:
    here = told["classes"] - len(told["missing"])
    text = f"{here} of {told['classes']} classes of {told['name']} ({told['about']})"
    if told["missing"]:
        text += f"; not here: {', '.join(told['missing'])}"
    if told["learned"]:
        text += f". Not unseen: the model has learned from {', '.join(told['learned'])}"
    return text


def _figure(values: dict[str, Any], metric: str) -> tuple[str, str]:
    value, interval = values[metric], values["intervals"][metric]
    if value is None or interval is None:
        return "-", "-"
    return f"{value:.3f}", f"{interval[0]:.3f}-{interval[1]:.3f}"
