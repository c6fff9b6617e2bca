"""How a Grafana dashboard is written down: panels, variables, places.

In an expression @ stands for the labels of the instance that is looked at, and
@queue for these and the queues that are.
"""

import re

WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
INSTANCE = 'job="$job",instance="$instance"'
QUEUE = INSTANCE + ',queue=~"$queue"'

# Colours by value of a label, the same on every dashboard.
COLORS = {
    "state": {
        "depend": "super-light-blue",
        "priority": "light-blue",
        "sched": "semi-dark-yellow",
        "run": "semi-dark-green",
        "cleanup": "purple",
        "free": "light-green",
        "allocated": "semi-dark-green",
        "draining": "semi-dark-orange",
        "drained": "semi-dark-yellow",
        "down": "semi-dark-red",
        "excluded": "text",
    },
    "result": {
        "completed": "semi-dark-green",
        "failed": "semi-dark-red",
        "canceled": "semi-dark-blue",
        "timeout": "semi-dark-orange",
    },
    "status": {
        "online": "semi-dark-green",
        "torpid": "semi-dark-orange",
        "offline": "semi-dark-red",
    },
}
# 0 is bad, 1 is good; and the other way round
GOOD = [(None, "red"), (1, "green")]
BAD = [(None, "green"), (1, "red")]


def labels(expr):
    """The expression with the matchers that @ and @queue stand for."""
    expr = expr.replace("@queue", QUEUE).replace("@", INSTANCE)
    return re.sub(r"\s+", " ", expr).strip()


def pairs(targets):
    return [(targets, "__auto")] if isinstance(targets, str) else targets


def panel(kind, title, targets, unit="short", width=8, height=8, **more):
    """A panel without its place. `targets` are pairs of expression and legend,
    or one expression; `more` are below."""
    defaults = {"unit": unit, "custom": more.get("custom", {})}
    for key in ("min", "max", "mappings", "noValue"):
        if more.get(key) is not None:
            defaults[key] = more[key]
    if "steps" in more:
        steps = [{"value": value, "color": color} for value, color in more["steps"]]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["color"] = {"mode": "thresholds"}
    return {
        "type": kind,
        "title": title,
        "description": more.get("description", ""),
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": DATASOURCE,
                "editorMode": "code",
                "expr": labels(expr),
                "legendFormat": legend,
                **more.get("target", {}),
            }
            for i, (expr, legend) in enumerate(pairs(targets))
        ],
        "fieldConfig": {"defaults": defaults, "overrides": more.get("overrides", [])},
        "options": more.get("options", {}),
        "transformations": more.get("transformations", []),
        "gridPos": {"w": width, "h": height},
    }


def graph(title, targets, unit="short", stacked=False, **more):
    """Lines over time; a stack where they add up to something."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 60 if stacked else 10,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    colored = [COLORS.get(legend.strip("{}"), {}) for _, legend in pairs(targets)]
    colors = [
        {
            "matcher": {"id": "byName", "options": value},
            "properties": [
                {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}
            ],
        }
        for colors in colored
        for value, color in colors.items()
    ]
    more.setdefault("min", 0)
    return panel(
        "timeseries", title, targets, unit,
        custom=custom, options=options, overrides=colors, **more,
    )  # fmt: skip


def stat(title, targets, unit="short", width=3, height=4, **more):
    """One number, now."""
    more.setdefault("steps", [(None, "blue")])
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": more.pop("graph", "area"),
        "textMode": more.pop("text", "auto"),
    }
    return panel("stat", title, targets, unit, width, height, options=options, **more)


def timeline(title, targets, **more):
    """States over time: 1 is the color of the steps."""
    return panel(
        "state-timeline", title, targets,
        options={"showValue": "never", "legend": {"showLegend": False}},
        custom={"fillOpacity": 70, "lineWidth": 0}, **more,
    )  # fmt: skip


def heatmap(title, expr, unit, **more):
    """The buckets of a histogram over time."""
    return panel(
        "heatmap", title, [(expr, "{{le}}")], unit,
        target={"format": "heatmap"},
        options={
            "calculate": False,
            "yAxis": {"unit": unit, "axisPlacement": "left"},
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "tooltip": {"mode": "single", "yHistogram": True},
        },
        **more,
    )  # fmt: skip


def table(title, columns, by, **more):
    """A row for each value of the label `by`; a column for each (expression,
    heading, unit)."""
    names = {f"Value #{chr(ord('A') + i)}": c[1] for i, c in enumerate(columns)}
    return panel(
        "table", title, [(expr, "") for expr, *_ in columns],
        target={"format": "table", "instant": True},
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {"excludeByName": {"Time": True}, "renameByName": names},
            },
        ],
        overrides=[
            {
                "matcher": {"id": "byName", "options": heading},
                "properties": [{"id": "unit", "value": unit}],
            }
            for _, heading, unit in columns
        ],
        options={"showHeader": True, "sortBy": [{"displayName": by}]},
        **more,
    )  # fmt: skip


def variable(name, query, **more):
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,  # when the time range changes
        "sort": 1,
        **more,
    }


VARIABLES = [
    {
        "name": "datasource",
        "label": "datasource",
        "type": "datasource",
        "query": "prometheus",
    },
    variable("job", "label_values(flux_instance_info, job)"),
    variable("instance", 'label_values(flux_instance_info{job="$job"}, instance)'),
]
# .* also matches the anonymous queue, which has no label
QUEUES = variable(
    "queue",
    f"label_values(flux_queue_enabled{{{INSTANCE}}}, queue)",
    multi=True,
    includeAll=True,
    allValue=".*",
    current={"text": "All", "value": "$__all"},
)


def placed(rows):
    """Panels in rows from left to right; each row has a title."""
    panels, y = [], 0
    for title, row in rows:
        panels.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            }
        )
        x, y, tallest = 0, y + 1, 0
        for each in row:
            size = each["gridPos"]
            if x + size["w"] > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            each["gridPos"] = {"x": x, "y": y, **size}
            x, tallest = x + size["w"], max(tallest, size["h"])
            panels.append(each)
        y += tallest
    return [{"id": i, **each} for i, each in enumerate(panels, 1)]


def dashboard(uid, title, description, rows, variables=()):
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["flux"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [
            {
                "type": "dashboards",
                "title": "Flux",
                "tags": ["flux"],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {"list": [*VARIABLES, *variables]},
        "annotations": {"list": []},
        "panels": placed(rows),
    }


def by(label, expr):
    return [(expr, "{{" + label + "}}")]
