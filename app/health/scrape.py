"""The metrics page: what several processes know together is read from the database, at most once a
second however many ask.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.jobs.room import Room
from app.jobs.workers import ALIVE
from app.metrics import REGISTRY

FRESH = 1.0
"""Seconds for which a page is handed out again."""
MOST_TEACHERS = 200
"""Those with the most tokens; a name beyond them gets no series of its own."""


class Scraper:
    """One for each API process."""

    def __init__(self, database: Database, room: Room) -> None:
        self._database = database
        self._room = room
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._facts: dict[str, Any] | None = None

    async def page(self) -> bytes:
        """Without the database's part while the database is away."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._read_at >= FRESH:
                self._facts = await self._read()
                self._read_at = asyncio.get_running_loop().time()
        return generate_latest(REGISTRY) + generate_latest(_registry(self._facts))

    async def _read(self) -> dict[str, Any] | None:
        try:
            async with self._database.unit_of_work() as session:
                row = (
                    await session.execute(_FACTS, {"silence": ALIVE, "teachers": MOST_TEACHERS})
                ).one()
        except (SQLAlchemyError, OSError):
            return None
        return {**row._mapping, "free": self._room.free}  # noqa: SLF001  (its documented name)


def _registry(facts: dict[str, Any] | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Known(facts))
    return registry


class _Known(Collector):
    def __init__(self, facts: dict[str, Any] | None) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("limbeck_database_up", "Whether the database answered.")
        up.add_metric((), float(self._facts is not None))
        yield up
        if self._facts is not None:
            yield from families(self._facts)


def families(facts: dict[str, Any]) -> Iterator[Metric]:
    """Every metric that is read from the database."""
    yield _gauges("limbeck_jobs", "Jobs, by state.", ("state",), facts["jobs"])
    yield _gauges(
        "limbeck_samples",
        "Samples that have ended, by outcome, of all jobs. One that failed and is tried again "
        "is taken off.",
        ("outcome",),
        facts["samples"],
    )
    yield _gauges(
        "limbeck_chunks", "Chunks of jobs that live, by state.", ("state",), facts["chunks"]
    )
    yield _gauges(
        "limbeck_queue_depth", "Deliveries that wait for a worker.", (), {"": facts["queued"]}
    )
    yield _gauges("limbeck_workers", "Workers, alive or silent.", ("state",), facts["workers"])
    yield _gauges(
        "limbeck_disk_free_bytes",
        "Free room on the disk of the data directory.",
        (),
        {"": facts["free"]},
    )
    lost = CounterMetricFamily(
        "limbeck_chunk_leases_lost", "Chunks taken from workers that showed no life."
    )
    lost.add_metric((), facts["lost"])
    yield lost
    pulls = CounterMetricFamily(
        "limbeck_pulls", "Receipts for pulls of dataset versions: one for each client and day."
    )
    pulls.add_metric((), facts["pulls"])
    yield pulls
    yield from _of_teachers(facts["teachers"] or [])


def _of_teachers(teachers: list[dict[str, Any]]) -> Iterator[Metric]:
    tokens = CounterMetricFamily(
        "limbeck_teacher_tokens",
        "Tokens of samples that have ended, by teacher.",
        labels=("teacher", "kind"),
    )
    away = GaugeMetricFamily(
        "limbeck_teacher_away", "Whether the teacher's circuit is open.", labels=("teacher",)
    )
    out = GaugeMetricFamily(
        "limbeck_teacher_in_flight",
        "Requests that workers have out with the teacher.",
        labels=("teacher",),
    )
    limit = GaugeMetricFamily(
        "limbeck_teacher_limit",
        "Requests that workers let the teacher have at a time, as found from its load and rate.",
        labels=("teacher",),
    )
    for one in teachers:
        for kind in ("prompt", "completion", "cached", "judge_prompt", "judge_completion"):
            tokens.add_metric((one["teacher"], kind), one[kind])
        away.add_metric((one["teacher"],), float(one["away"]))
        out.add_metric((one["teacher"],), one["in_flight"])
        limit.add_metric((one["teacher"],), one["limit"])
    yield from (tokens, away, out, limit)


def _gauges(
    name: str, said: str, labels: tuple[str, ...], values: dict[str, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=labels)
    for value, number in values.items():
        family.add_metric((value,) if labels else (), float(number))
    return family


# Of jobs that have ended, their sums; only of those that live, the chunks.
_FACTS = text("""
    WITH live AS (
        SELECT j.id, a.teacher_id, sum(c.accepted) AS accepted, sum(c.rejected) AS rejected,
            sum(c.failed) AS failed, sum(c.cancelled) AS cancelled,
            sum(c.prompt_tokens) AS prompt_tokens,
            sum(c.completion_tokens) AS completion_tokens, sum(c.cached_tokens) AS cached_tokens,
            count(*) FILTER (WHERE c.state = 'ready') AS ready,
            count(*) FILTER (WHERE c.state = 'running') AS running
        FROM job AS j JOIN chunk AS c ON c.job_id = j.id
        LEFT JOIN job_arm AS a ON a.job_id = c.job_id AND a.arm = c.arm
        WHERE j.state IN ('queued', 'running', 'paused', 'cancelling')
        GROUP BY j.id, a.teacher_id
    ), summed AS (
        SELECT teacher_id, accepted, rejected, failed, cancelled, prompt_tokens,
            completion_tokens, cached_tokens
        FROM live
        UNION ALL
        SELECT ended.teacher_id, sums.*
        FROM (
            SELECT teacher_id, account FROM job WHERE account IS NOT NULL AND arms = 1
            UNION ALL
            SELECT teacher_id, account FROM job_arm WHERE account IS NOT NULL
        ) AS ended, jsonb_to_record(ended.account) AS sums (
            accepted int8, rejected int8, failed int8, cancelled int8, prompt_tokens int8,
            completion_tokens int8, cached_tokens int8
        )
    ), judged AS (
        SELECT q.teacher_id,
            sum(coalesce(CAST(account ->> 'judge_prompt_tokens' AS int8), of_chunks.prompt))
                AS prompt,
            sum(coalesce(CAST(account ->> 'judge_completion_tokens' AS int8), of_chunks.completion))
                AS completion
        FROM (
            -- of several, nobody knows which said how much
            SELECT job_id, CAST(min(CAST(teacher_id AS text)) AS uuid) AS teacher_id
            FROM job_judge GROUP BY job_id HAVING count(DISTINCT teacher_id) = 1
        ) AS q JOIN job AS j ON j.id = q.job_id
        CROSS JOIN LATERAL (
            SELECT sum(judge_prompt_tokens) AS prompt, sum(judge_completion_tokens) AS completion
            FROM chunk WHERE j.account IS NULL AND chunk.job_id = j.id
        ) AS of_chunks
        GROUP BY q.teacher_id
    ), alive AS (
        SELECT id, in_flight FROM worker
        WHERE seen_at > clock_timestamp() - make_interval(secs => :silence)
    ), out AS (
        SELECT a.teacher_id, sum(CAST(f.value AS int8)) AS n
        FROM alive, jsonb_each_text(in_flight) AS f
        JOIN job_arm AS a ON a.job_id = CAST(split_part(f.key, '/', 1) AS uuid)
            AND a.arm = CAST(split_part(f.key, '/', 2) AS int8)
        GROUP BY a.teacher_id
    ), by_teacher AS (
        SELECT t.namespace || '/' || t.name AS teacher, t.down_since IS NOT NULL AS away,
            coalesce(sum(s.prompt_tokens), 0) AS prompt,
            coalesce(sum(s.completion_tokens), 0) AS completion,
            coalesce(sum(s.cached_tokens), 0) AS cached,
            coalesce(max(judged.prompt), 0) AS judge_prompt,
            coalesce(max(judged.completion), 0) AS judge_completion,
            coalesce((SELECT n FROM out WHERE out.teacher_id = t.id), 0) AS in_flight,
            coalesce((
                SELECT sum(most) FROM teacher_share WHERE teacher_id = t.id
                  AND seen_at > clock_timestamp() - make_interval(secs => :silence)
            ), 0) AS "limit"
        FROM teacher AS t LEFT JOIN summed AS s ON s.teacher_id = t.id
        LEFT JOIN judged ON judged.teacher_id = t.id
        GROUP BY t.id
        ORDER BY coalesce(sum(s.completion_tokens), 0) + coalesce(max(judged.completion), 0) DESC,
            t.id
        LIMIT :teachers
    )
    SELECT
        (
            SELECT coalesce(jsonb_object_agg(state, n), '{}')
            FROM (SELECT state, count(*) AS n FROM job GROUP BY state) AS counted
        ) AS jobs,
        (
            SELECT jsonb_build_object(
                'accepted', coalesce(sum(accepted), 0), 'rejected', coalesce(sum(rejected), 0),
                'failed', coalesce(sum(failed), 0), 'cancelled', coalesce(sum(cancelled), 0)
            ) FROM summed
        ) AS samples,
        (
            SELECT jsonb_build_object(
                'ready', coalesce(sum(ready), 0), 'running', coalesce(sum(running), 0)
            ) FROM live
        ) AS chunks,
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo') AS queued,
        jsonb_build_object(
            'alive', (SELECT count(*) FROM alive),
            'silent', (SELECT count(*) FROM worker) - (SELECT count(*) FROM alive)
        ) AS workers,
        (SELECT count(*) FROM job_event WHERE kind = 'chunk_lost') AS lost,
        (SELECT count(*) FROM dataset_pull) AS pulls,
        (SELECT jsonb_agg(to_jsonb(by_teacher)) FROM by_teacher) AS teachers
""")
