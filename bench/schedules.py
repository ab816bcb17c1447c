"""Schedules that are due at once, fired and carried out by one worker."""

import dataclasses

import chains
import processes
import queued
import routes
from report import markdown, spread

CONTEST = "schedules"
COUNT = 10_000

# A workflow has one schedule at most.
KEEP = """
WITH made AS (
    INSERT INTO workflows (id, user_id, version)
    SELECT uuid_v7(), everybody.ids[1 + n % cardinality(everybody.ids)], 1
    FROM generate_series(1, {count}) n, (SELECT array_agg(id ORDER BY id) AS ids FROM users) everybody
    RETURNING id, user_id),
versions AS (
    INSERT INTO workflow_versions (workflow_id, version, name, flow, passes_errors, created_at)
    SELECT made.id, 1, 'scheduled', v.flow, true, now()
    FROM made, workflow_versions v WHERE v.workflow_id = '{workflow}')
INSERT INTO schedules (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap, input, paused,
    decided_until, next_times)
SELECT uuid_v7(), id, user_id, '@daily', 'Europe/Berlin', 'once', 604800, 'skip', '{{}}', false, now(), '{{}}'
FROM made"""
# Yesterday's midnight has been missed.
MISS = """
UPDATE schedules SET decided_until = now() - interval '25 hours', next_times = ARRAY[now() - interval '1 minute'],
    last_run = NULL, last = NULL"""
FIRED = "SELECT count(*), count(*) FILTER (WHERE last->>'outcome' = 'started') FROM schedules"
SECONDS = "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM executions"


@dataclasses.dataclass
class Round:
    rate: float  # fired/s, from the first run to the last
    own: float  # processor time of the worker, us a schedule, with its run
    database: float  # processor time of Postgres, us a schedule, with its run
    void: str | None  # why the round counts for nothing


class Schedules(queued.Queue):
    def __init__(self, bench):
        super().__init__(bench)
        self.bench.sql(KEEP.format(workflow=self.workflows[chains.PURE], count=COUNT), "VACUUM ANALYZE")

    def turn(self, results, number):
        self.bench.empty("ours")
        self.bench.sql(MISS, "VACUUM ANALYZE schedules", "CHECKPOINT")
        before = self.spent()
        processes.run([self.bench.binary, "work", "--once"], env=self.environment)
        own, database, _ = (now - then for now, then in zip(self.spent(), before))
        void = None
        if (fired := self.bench.sql(FIRED)) != f"{COUNT}|{COUNT}":
            void = f"schedules and those that have fired: {fired}"
        elif (found := self.bench.recorded("ours")) != (COUNT, 0, routes.STEPS * COUNT):
            void = f"of {COUNT} runs {found[0]} were completed, with {found[2]} steps"
        rate = (COUNT - 1) / float(self.bench.sql(SECONDS))
        results.rounds.setdefault((CONTEST,), []).append(
            Round(rate=rate, own=own / COUNT * 1e6, database=database / COUNT * 1e6, void=void))
        processes.say(f"schedules round {number + 1}: {rate:.0f} fired/s" + (f", void: {void}" if void else ""))


def table(results):
    rounds = [measured for measured in results.rounds[CONTEST,] if not measured.void]
    figures = (spread([getattr(measured, figure) for measured in rounds], ".0f")
               for figure in ("rate", "own", "database"))
    return markdown(["due at once", "fired/s", "own CPU with the run, µs", "Postgres' CPU, µs"],
                    [[f"{COUNT:,} schedules", *figures]])
