"""Pages as Grafana's dashboards, built with its own SDK."""

import json
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

from scripts.dashboards.panels import Page, Panel, instance

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_COLUMNS = 24
_HEIGHT = 8


def build(page: Page) -> str:
    """Return a dashboard's JSON."""
    made = (
        dashboard.Dashboard(f"SketchZoo: {page.title}")
        .uid(f"sketchzoo-{page.name}")
        .tags(["sketchzoo", "generated"])
        .description("Made by scripts/dashboards: change it there.")
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(
            _variable("instance", "Instance", f'label_values(up{{job=~"{page.jobs}"}}, instance)')
        )
    )
    if page.classes:
        query = "label_values(sketchzoo_search_class_hits_total, class_name)"
        made = made.with_variable(_variable("class", "Class", query))
    for panel in page.panels:
        made = made.with_panel(_panel(panel, page.jobs))
    written = json.loads(JSONEncoder().encode(made.build()))
    return json.dumps(_without_nulls(written), sort_keys=True, indent=2) + "\n"


def _without_nulls(value: Any) -> Any:
    """Leave out what is unset: Grafana takes its default only for what is not there."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .all_value(".*")
        .multi(multi=True)
    )


def _panel(panel: Panel, jobs: str) -> stat.Panel | timeseries.Panel:
    single = panel.good_from is not None
    made: stat.Panel | timeseries.Panel = stat.Panel() if single else timeseries.Panel()
    width = _COLUMNS // 3 if single else _COLUMNS // 2
    made = (
        made.title(panel.title)
        .description(panel.wrong)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT // 2 if single else _HEIGHT)
    )
    if isinstance(made, timeseries.Panel):
        made = made.min(0).legend(
            common.VizLegendOptions()
            .show_legend(show_legend=True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        if panel.stacked:
            made = made.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    else:
        steps = [Threshold(color="red"), Threshold(value=panel.good_from, color="green")]
        made = made.thresholds(
            dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        )
    if panel.highest is not None:
        made = made.max(panel.highest)
    for number, query in enumerate(panel.queries):
        # Every instance means those of the page's own jobs.
        expr = query.expr.replace(instance(), f'job=~"{jobs}",{instance()}')
        target = prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + number))
        target = target.legend_format(query.legend).datasource(SOURCE)
        if query.exemplar:
            target = target.exemplar(exemplar=True)
        made = made.with_target(target)
    return made
