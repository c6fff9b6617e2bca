"""The dashboard `queues`: the queues of an instance, or those chosen."""

from grafana import QUEUES, by, dashboard, graph, heatmap, table

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
