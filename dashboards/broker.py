"""The dashboard `broker`: what goes on inside one."""

from grafana import GOOD, by, dashboard, graph, stat, timeline

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
