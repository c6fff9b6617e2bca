#!/usr/bin/env python3
"""Writes the Grafana dashboards beside this file: edit here, not there.

    dashboards/generate.py           write them
    dashboards/generate.py --check   fail if they are not what this writes

What @ and @queue stand for: see grafana.py.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from grafana import BAD, GOOD, QUEUES, dashboard, graph, heatmap, stat, table, timeline

HERE = Path(__file__).parent
LATE = [(None, "green"), (900, "yellow"), (3600, "orange")]
SHARE = {"min": 0, "max": 1}


def quantiles(metric):
    """Targets for what half, nine in ten and 99 in 100 jobs stayed below."""
    return [
        (
            f"histogram_quantile({q},"
            f" sum by (le) (rate({metric}_bucket{{@queue}}[$__rate_interval])))",
            name,
        )
        for q, name in [(0.5, "half"), (0.9, "90 %"), (0.99, "99 %")]
    ]


def buckets(metric):
    return f"sum by (le) (increase({metric}_bucket{{@queue}}[$__rate_interval]))"


OVERVIEW = dashboard(
    "flux-overview",
    "Flux: overview",
    "One instance of Flux: its jobs, nodes and health.",
    [
        (
            "Now",
            [
                stat("Running jobs", 'sum(flux_jobs{@, state="run"})'),
                stat(
                    "Pending jobs",
                    "flux_autoscale_pending_jobs{@}",
                    description="Waiting for resources: not held, dependencies met, queue started, and not impossible.",
                ),
                stat(
                    "Oldest pending",
                    "flux_autoscale_oldest_pending_seconds{@}",
                    "s",
                    steps=LATE,
                ),
                stat(
                    "Blocked",
                    "sum(flux_jobs_blocked{@})",
                    description="Held, waiting for a dependency, or in a stopped queue.",
                ),
                stat(
                    "Cores in use",
                    'sum(flux_cores{@, state="allocated"}) / sum(flux_cores{@, state=~"free|allocated"})',
                    "percentunit",
                    description="Of those that jobs can use.",
                    **SHARE,
                ),
                stat(
                    "Nodes up",
                    'sum(flux_nodes{@, state!~"down|excluded"}) / sum(flux_nodes{@, state!="excluded"})',
                    "percentunit",
                    steps=[(None, "red"), (0.9, "orange"), (0.99, "green")],
                    **SHARE,
                ),
                stat(
                    "Failed, last hour",
                    'sum(increase(flux_jobs_finished_total{@, result="failed"}[1h]))'
                    " / sum(increase(flux_jobs_finished_total{@}[1h]))",
                    "percentunit",
                    description="Of the jobs that became inactive.",
                    steps=[(None, "green"), (0.2, "yellow"), (0.5, "red")],
                    **SHARE,
                ),
                stat(
                    "Endpoint",
                    "up{@}",
                    graph="none",
                    steps=GOOD,
                    mappings=[
                        {
                            "type": "value",
                            "options": {"0": {"text": "down"}, "1": {"text": "up"}},
                        }
                    ],
                ),
                stat(
                    "Flux",
                    [("flux_instance_info{@}", "{{version}} on {{hostname}}")],
                    width=9,
                    height=3,
                    text="name",
                    graph="none",
                ),
                stat("Brokers", "sum(flux_brokers{@})", height=3, graph="none"),
                stat(
                    "Up for",
                    "time() - flux_broker_start_time_seconds{@}",
                    "s",
                    height=3,
                    graph="none",
                ),
                stat(
                    "Idle for",
                    "flux_autoscale_idle_seconds{@}",
                    "s",
                    height=3,
                    graph="none",
                ),
                stat("Nodes wanted", "flux_autoscale_nodes_wanted{@}", height=3),
                stat("Nodes free", "flux_autoscale_free_nodes{@}", height=3),
            ],
        ),
        (
            "Jobs",
            [
                graph(
                    "Active jobs",
                    [("sum by (state) (flux_jobs{@})", "{{state}}")],
                    stacked=True,
                ),
                graph(
                    "Finished per second",
                    [
                        (
                            "sum by (result) (rate(flux_jobs_finished_total{@}[$__rate_interval]))",
                            "{{result}}",
                        )
                    ],
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Wait from submission to allocation",
                    [
                        (
                            f"histogram_quantile({q}, sum by (le) (rate(flux_job_wait_seconds_bucket{{@}}[$__rate_interval])))",
                            name,
                        )
                        for q, name in [(0.5, "half"), (0.9, "90 %")]
                    ],
                    "s",
                ),
            ],
        ),
        (
            "Resources",
            [
                graph(
                    f"{what} by state",
                    [(f"sum by (state) (flux_{what.lower()}{{@}})", "{{state}}")],
                    stacked=True,
                )
                for what in ["Nodes", "Cores", "GPUs"]
            ]
            + [
                graph(
                    "Nodes wanted, and nodes that are up",
                    [
                        ("flux_autoscale_nodes_wanted{@}", "wanted"),
                        (
                            'sum(flux_nodes{@, state=~"free|allocated|draining"})',
                            "up and not drained",
                        ),
                    ],
                    description="What jobs have and what pending jobs ask for, all at once.",
                ),
                graph(
                    "Node time by state",
                    [
                        (
                            "sum by (state) (rate(flux_node_state_seconds_total{@}[$__rate_interval]))"
                            " / scalar(sum(rate(flux_node_state_seconds_total{@}[$__rate_interval])))",
                            "{{state}}",
                        )
                    ],
                    "percentunit",
                    stacked=True,
                    max=1,
                ),
                graph(
                    "What happened to nodes",
                    [
                        (
                            "sum by (event) (increase(flux_node_transitions_total{@}[$__rate_interval]))",
                            "{{event}}",
                        )
                    ],
                ),
            ],
        ),
        (
            "Health",
            [
                graph(
                    "Brokers by status",
                    [("sum by (status) (flux_brokers{@})", "{{status}}")],
                    stacked=True,
                ),
                timeline(
                    "Trouble",
                    [
                        (
                            'flux_overlay_health{@, status!="full"}',
                            "overlay {{status}}",
                        ),
                        (
                            "sum by (queue) (1 - flux_queue_started{@})",
                            "queue {{queue}} stopped",
                        ),
                        ("1 - flux_exporter_collector_up{@}", "no {{collector}}"),
                    ],
                    steps=BAD,
                    description="Red is trouble.",
                ),
                graph(
                    "Errors",
                    [
                        (
                            "sum by (collector) (increase(flux_exporter_collector_errors_total{@}[$__rate_interval]))",
                            "collector {{collector}}",
                        ),
                        (
                            "sum by (kind) (increase(flux_exporter_journal_malformed_total{@}[$__rate_interval]))",
                            "malformed {{kind}}",
                        ),
                        ("sum(abs(flux_exporter_drift_jobs{@}))", "drift, jobs"),
                    ],
                ),
            ],
        ),
        (
            "Nested instances",
            [
                graph(
                    "Running jobs by depth",
                    [
                        (
                            'sum by (depth) (flux_tree_jobs{@, state="run"})',
                            "depth {{depth}}",
                        )
                    ],
                    description="Depth 0 is this instance, 1 are the instances that are jobs of it.",
                ),
                graph(
                    "Waiting jobs by instance",
                    [
                        (
                            'topk(10, flux_tree_child_jobs{@, state="sched"})',
                            "{{jobid}}",
                        )
                    ],
                    description="Only where children-named is set.",
                ),
            ],
        ),
        (
            "Users and banks",
            [
                graph(
                    "Nodes by user",
                    [("flux_user_nodes{@}", "{{userid}}")],
                    stacked=True,
                    description="Only with the collector users switched on.",
                ),
                graph(
                    "Nodes by bank",
                    [("flux_bank_nodes{@}", "{{bank}}")],
                    stacked=True,
                    description="Only with the collector banks switched on.",
                ),
            ],
        ),
    ],
)

BY_QUEUE = [
    ("max by (queue) (flux_queue_enabled{@queue})", "enabled", "bool_yes_no"),
    ("max by (queue) (flux_queue_started{@queue})", "started", "bool_yes_no"),
    ("sum by (queue) (flux_queue_pending_jobs{@queue})", "pending jobs", "short"),
    ('sum by (queue) (flux_jobs{@queue, state="run"})', "running jobs", "short"),
    ("sum by (queue) (flux_jobs_blocked{@queue})", "blocked jobs", "short"),
    ("max by (queue) (flux_queue_nodes_wanted{@queue})", "nodes wanted", "short"),
    ('sum by (queue) (flux_queue_nodes{@queue, state="free"})', "nodes free", "short"),
    (
        "max by (queue) (flux_queue_oldest_pending_seconds{@queue})",
        "oldest pending",
        "s",
    ),
    ("max by (queue) (flux_queue_impossible_jobs{@queue})", "impossible jobs", "short"),
    ("max by (queue) (flux_queue_idle_seconds{@queue})", "idle for", "s"),
]


def by(label, expr):
    return [(expr, "{{" + label + "}}")]


QUEUE = dashboard(
    "flux-queues",
    "Flux: queues",
    "The queues of an instance: what waits, what it asks for, what becomes of it.",
    [
        ("Now", [table("Queues", BY_QUEUE, "queue", width=24, height=7)]),
        (
            "Depth",
            [
                graph(
                    "Active jobs by state",
                    by("state", "sum by (state) (flux_jobs{@queue})"),
                    stacked=True,
                ),
                graph(
                    "Active jobs by queue",
                    by("queue", "sum by (queue) (flux_jobs{@queue})"),
                    stacked=True,
                ),
                graph(
                    "Blocked jobs",
                    by("reason", "sum by (reason) (flux_jobs_blocked{@queue})"),
                    stacked=True,
                    description="More nodes would not start these.",
                ),
            ],
        ),
        (
            "Demand",
            [
                graph(
                    "Nodes wanted, and nodes that are up",
                    [
                        (
                            "sum by (queue) (flux_queue_nodes_wanted{@queue})",
                            "{{queue}} wanted",
                        ),
                        (
                            'sum by (queue) (flux_queue_nodes{@queue, state=~"free|allocated|draining"})',
                            "{{queue}} up",
                        ),
                    ],
                    description="What jobs of the queue have and ask for, and the nodes it can use,"
                    " whoever uses them.",
                ),
                graph(
                    "Cores wanted",
                    by("queue", "sum by (queue) (flux_queue_cores_wanted{@queue})"),
                    stacked=True,
                ),
                graph(
                    "GPUs wanted",
                    by("queue", "sum by (queue) (flux_queue_gpus_wanted{@queue})"),
                    stacked=True,
                ),
                graph(
                    "Largest pending job, nodes",
                    by("queue", "flux_queue_largest_pending_nodes{@queue}"),
                ),
                graph(
                    "Oldest pending job",
                    by("queue", "flux_queue_oldest_pending_seconds{@queue}"),
                    "s",
                ),
                graph(
                    "Impossible jobs",
                    by("queue", "flux_queue_impossible_jobs{@queue}"),
                    description="They ask for more than the queue could give them if all nodes were free and up.",
                ),
            ],
        ),
        (
            "Waits",
            [
                graph(
                    "From submission to allocation",
                    quantiles("flux_job_wait_seconds"),
                    "s",
                ),
                graph(
                    "From eligible to allocation",
                    quantiles("flux_job_eligible_wait_seconds"),
                    "s",
                    description="Dependencies met and a priority: what the scheduler and the load add.",
                ),
                heatmap("Waits", buckets("flux_job_wait_seconds"), "s"),
                graph(
                    "From allocation to start",
                    quantiles("flux_job_launch_seconds"),
                    "s",
                    description="The prolog included.",
                ),
                graph("Run time", quantiles("flux_job_run_seconds"), "s"),
                graph(
                    "From finish to inactive",
                    quantiles("flux_job_cleanup_seconds"),
                    "s",
                    description="The epilog included.",
                ),
            ],
        ),
        (
            "Results",
            [
                graph(
                    "Submitted, allocated, finished per second",
                    [
                        (
                            f"sum(rate(flux_jobs_{what}_total{{@queue}}[$__rate_interval]))",
                            what,
                        )
                        for what in ["submitted", "allocated", "finished"]
                    ],
                    "cps",
                ),
                graph(
                    "Finished by result",
                    by(
                        "result",
                        "sum by (result) (increase(flux_jobs_finished_total{@queue}[$__rate_interval]))",
                    ),
                    stacked=True,
                ),
                graph(
                    "Failed by cause",
                    by(
                        "cause",
                        "sum by (cause) (increase(flux_job_failures_total{@queue}[$__rate_interval]))",
                    ),
                    stacked=True,
                ),
                graph(
                    "Share that failed",
                    by(
                        "queue",
                        'sum by (queue) (increase(flux_jobs_finished_total{@queue, result="failed"}[$__rate_interval]))'
                        " / sum by (queue) (increase(flux_jobs_finished_total{@queue}[$__rate_interval]))",
                    ),
                    "percentunit",
                    max=1,
                ),
                graph(
                    "Exceptions, all queues",
                    by(
                        "type",
                        "sum by (type) (increase(flux_job_exceptions_total{@}[$__rate_interval]))",
                    ),
                ),
                graph(
                    "Inactive jobs that Flux remembers",
                    by("result", "sum by (result) (flux_jobs_retained{@queue})"),
                    stacked=True,
                ),
            ],
        ),
        (
            "Use",
            [
                graph(
                    f"{what}s in use",
                    by(
                        "queue",
                        f"sum by (queue) (rate(flux_job_{what.lower()}_seconds_total{{@queue}}[$__rate_interval]))",
                    ),
                    stacked=True,
                    description="The mean over each interval, exact however short the jobs.",
                )
                for what in ["Node", "Core", "GPU"]
            ]
            + [
                graph(
                    f"{what} that active jobs ask for or have",
                    by("state", f"sum by (state) (flux_job_{what.lower()}{{@queue}})"),
                    stacked=True,
                )
                for what in ["Nodes", "Cores", "GPUs"]
            ],
        ),
    ],
    [QUEUES],
)

BROKER = dashboard(
    "flux-broker",
    "Flux: broker",
    "Inside a broker: messages, modules, the overlay, scheduler, storage, and the module that tells.",
    [
        (
            "Broker",
            [
                timeline(
                    "State", [("flux_broker_state{@} == 1", "{{state}}")], steps=GOOD
                ),
                graph(
                    "Messages per second",
                    [
                        (
                            "sum by (direction, type) (rate(flux_messages_total{@}[$__rate_interval]))",
                            "{{type}} {{direction}}",
                        )
                    ],
                    "cps",
                ),
                graph(
                    "Log messages per second",
                    by(
                        "origin",
                        "sum by (origin) (rate(flux_log_messages_total{@}[$__rate_interval]))",
                    ),
                    "cps",
                ),
                graph(
                    "Local clients",
                    [
                        ("flux_local_clients{@}", "connected"),
                        (
                            "flux_local_client_backlog_messages{@}",
                            "messages not read yet",
                        ),
                    ],
                ),
                graph(
                    "Connects per second",
                    [
                        (
                            "rate(flux_local_client_connects_total{@}[$__rate_interval])",
                            "connects",
                        )
                    ],
                    "cps",
                ),
                graph(
                    "Heartbeats per period",
                    [
                        (
                            "rate(flux_heartbeats_total{@}[$__rate_interval]) * on (job, instance) flux_heartbeat_period_seconds{@}",
                            "heartbeats",
                        )
                    ],
                    description="1 is as it should be.",
                ),
            ],
        ),
        (
            "Modules",
            [
                graph(
                    "CPU by module",
                    by(
                        "module",
                        "topk(10, rate(flux_module_cpu_seconds_total{@}[$__rate_interval]))",
                    ),
                    "percentunit",
                    stacked=True,
                ),
                graph(
                    "Messages that modules have yet to read",
                    by("module", "topk(10, flux_module_sendq_messages{@})"),
                ),
                graph(
                    "Messages of modules that the broker has yet to read",
                    by("module", "topk(10, flux_module_recvq_messages{@})"),
                ),
                graph(
                    "Modules by status",
                    by("status", "count by (status) (flux_module_info{@})"),
                    stacked=True,
                ),
            ],
        ),
        (
            "Overlay",
            [
                timeline(
                    "Health", by("status", "flux_overlay_health{@} == 1"), steps=GOOD
                ),
                graph(
                    "Children by status",
                    by("status", "sum by (status) (flux_overlay_children{@})"),
                    stacked=True,
                ),
                graph(
                    "Requests in flight, messages in queues",
                    [
                        ("flux_overlay_rpcs_in_flight{@}", "RPCs, {{direction}}"),
                        ("flux_overlay_queue_messages{@}", "queue, {{direction}}"),
                        ("flux_overlay_children_connected{@}", "children connected"),
                    ],
                ),
            ],
        ),
        (
            "All brokers",
            [
                graph(
                    "Brokers",
                    [
                        ("flux_brokers_reporting{@}", "reporting"),
                        ("flux_brokers_missing{@}", "missing"),
                    ],
                    stacked=True,
                    description="Only where the module is loaded on all of them, as is the rest of this row.",
                ),
                graph(
                    "Resident memory",
                    by(
                        "statistic",
                        'flux_brokers_resident_memory_bytes{@, statistic!="sum"}',
                    ),
                    "bytes",
                ),
                graph(
                    "Processors in use",
                    by(
                        "statistic",
                        'flux_brokers_cpu_usage_ratio{@, statistic!="sum"}',
                    ),
                    "percentunit",
                ),
                graph(
                    "Messages between brokers and modules",
                    by(
                        "statistic",
                        'flux_brokers_module_backlog_messages{@, statistic!="sum"}',
                    ),
                ),
            ],
        ),
        (
            "Scheduler",
            [
                graph(
                    "Jobs on their way through the scheduler",
                    [
                        ("flux_sched_queue_length{@}", "to be offered"),
                        ("flux_sched_alloc_pending{@}", "offered, no resources yet"),
                        ("flux_sched_pending_jobs{@}", "in the scheduler's own queue"),
                    ],
                ),
                graph(
                    "Passes per second",
                    by(
                        "kind",
                        "sum by (kind) (rate(flux_sched_passes_total{@}[$__rate_interval]))",
                    ),
                    "cps",
                ),
                graph(
                    "Time of passes",
                    [
                        ("flux_sched_pass_duration_seconds{@}", "a pass"),
                        ("flux_sched_pass_interval_seconds{@}", "between requests"),
                        ("flux_sched_delay_seconds{@}", "delay"),
                    ],
                    "s",
                ),
                graph(
                    "Fluxion: matches per second",
                    by(
                        "result",
                        "sum by (result) (rate(flux_sched_matches_total{@}[$__rate_interval]))",
                    ),
                    "cps",
                ),
                graph(
                    "Fluxion: time of a match",
                    [("flux_sched_match_seconds{@}", "{{result}}, {{statistic}}")],
                    "s",
                ),
                graph(
                    "Fluxion: resource graph",
                    [
                        ("flux_sched_graph_vertices{@}", "vertices"),
                        ("flux_sched_graph_edges{@}", "edges"),
                    ],
                ),
            ],
        ),
        (
            "Storage",
            [
                graph(
                    "Content cache, blobs",
                    by("state", "flux_content_cache_blobs{@}"),
                    stacked=True,
                ),
                graph(
                    "Content cache", [("flux_content_cache_bytes{@}", "size")], "bytes"
                ),
                graph(
                    "Database",
                    [
                        ("flux_content_sqlite_file_bytes{@}", "file"),
                        (
                            "flux_content_sqlite_filesystem_free_bytes{@}",
                            "free in its file system",
                        ),
                    ],
                    "bytes",
                ),
                graph(
                    "Database operations per second",
                    by(
                        "operation",
                        "rate(flux_content_sqlite_operations_total{@}[$__rate_interval])",
                    ),
                    "cps",
                ),
                graph(
                    "Time in the database",
                    by(
                        "operation",
                        "rate(flux_content_sqlite_operation_seconds_total{@}[$__rate_interval])",
                    ),
                    "percentunit",
                    description="Seconds per second.",
                ),
                graph(
                    "KVS",
                    [
                        (
                            "rate(flux_kvs_commits_total{@}[$__rate_interval])",
                            "commits per second",
                        ),
                        ("flux_kvs_pending_requests{@}", "pending requests"),
                        ("flux_kvs_namespaces{@}", "namespaces"),
                    ],
                    description="Only with the collector kvs switched on.",
                ),
            ],
        ),
        (
            "flux-prometheus",
            [
                stat(
                    "Version",
                    [("flux_exporter_build_info{@}", "{{version}} in {{flux_core}}")],
                    width=8,
                    text="name",
                    graph="none",
                ),
                stat(
                    "CPU",
                    "rate(process_cpu_seconds_total{@}[$__rate_interval])",
                    "percentunit",
                    width=4,
                    description="Of the whole broker unless the module is a process of its own.",
                ),
                stat("Memory", "process_resident_memory_bytes{@}", "bytes", width=4),
                stat("Threads", "process_threads{@}", width=4),
                stat("Open connections", "flux_exporter_http_connections{@}", width=4),
                timeline(
                    "Collectors",
                    by("collector", "flux_exporter_collector_up{@}"),
                    steps=GOOD,
                ),
                graph(
                    "Time since each source was heard from",
                    by(
                        "collector",
                        'time() - (flux_exporter_collector_last_success_timestamp_seconds{@, collector!~"parent|stats"} > 0)',
                    ),
                    "s",
                    description="But for parent and stats, which may have nobody to ask.",
                ),
                graph(
                    "Time to collect and encode all metrics",
                    [
                        (
                            f"histogram_quantile({q}, sum by (le) (rate(flux_exporter_scrape_duration_seconds_bucket{{@}}[$__rate_interval])))",
                            name,
                        )
                        for q, name in [(0.5, "half"), (0.99, "99 %")]
                    ],
                    "s",
                ),
                graph(
                    "HTTP requests per second",
                    [
                        (
                            "sum by (path, code) (rate(flux_exporter_http_requests_total{@}[$__rate_interval]))",
                            "{{path}} {{code}}",
                        ),
                        (
                            "rate(flux_exporter_http_connections_refused_total{@}[$__rate_interval])",
                            "refused",
                        ),
                    ],
                    "cps",
                ),
                graph(
                    "Job events per second",
                    [
                        (
                            "rate(flux_exporter_journal_events_total{@}[$__rate_interval])",
                            "events",
                        )
                    ],
                    "cps",
                ),
                graph(
                    "Journal",
                    [
                        ("flux_exporter_journal_lag_seconds{@}", "lag, seconds"),
                        (
                            "increase(flux_exporter_journal_resyncs_total{@}[$__rate_interval])",
                            "taken up again",
                        ),
                        (
                            "sum(increase(flux_exporter_dropped_series_total{@}[$__rate_interval]))",
                            "series left out",
                        ),
                    ],
                ),
                graph(
                    "Drift from job-list, jobs",
                    by("state", "flux_exporter_drift_jobs{@}"),
                    min=None,
                    description="Zero whenever Flux is quiet.",
                ),
            ],
        ),
    ],
)

DASHBOARDS = {"overview": OVERVIEW, "queues": QUEUE, "broker": BROKER}


def main(check):
    stale = []
    for name, board in DASHBOARDS.items():
        path = HERE / f"{name}.json"
        text = json.dumps(board, indent=1, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}: run dashboards/generate.py")


main("--check" in sys.argv[1:])
