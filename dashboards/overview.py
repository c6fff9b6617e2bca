"""The dashboard `overview`: how an instance does, on one screen."""

from grafana import BAD, GOOD, dashboard, graph, stat, timeline

LATE = [(None, "green"), (900, "yellow"), (3600, "orange")]
SHARE = {"min": 0, "max": 1}

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
