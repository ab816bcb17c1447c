"""Flows that are queued: filled in by SQL, carried out by a worker, or by pgbench with the worker's statements."""

import dataclasses
import json
import os
import resource
import time

import chains
import processes
import routes
import servers
import stand
import transcript

CONTEST = "queued"
HANDS = 4
ORDER = [("ours", chains.PURE), ("pgbench", chains.PURE), ("ours", chains.STORES), ("pgbench", chains.STORES)]
ATTEMPTS = 3
# Between a call's answer and the next call a worker has time to be idle again.
PAUSE_SECONDS = 0.03
PATIENCE_SECONDS = 15
# A statement's plan is settled when it was carried out that often on a connection, and somewhat more.
FEW = 12
# To ask costs as much as many flows.
SELDOM_SECONDS = 3
# Flows/s below which draining is given up.
LEAST_RATE = 100
# As the program has its statements planned.
PLANNING = "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan"

FILL = """
WITH filled AS (
    INSERT INTO executions (id, user_id, input, status, created_at, workflow_id, version)
    SELECT encode(substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            || substring(uuid_send(gen_random_uuid()) FROM 7), 'hex')::uuid,
        chosen.ids[1 + n % cardinality(chosen.ids)], '{{}}', 'running', clock_timestamp(), '{workflow}', 1
    FROM generate_series(1, {count}) n, (
        SELECT array_agg(id) AS ids FROM (SELECT id FROM users ORDER BY id LIMIT {users}) AS first_users) AS chosen
    RETURNING id, user_id, workflow_id, created_at)
INSERT INTO queue (execution_id, user_id, workflow_id, state, available_at)
SELECT id, user_id, workflow_id, 'queued', created_at FROM filled"""
SECONDS = "extract(epoch FROM max(finished_at) - min(finished_at))"


def filling(workflow, count, users="ALL"):
    """A statement that queues so many runs of so many users."""
    return FILL.format(workflow=workflow, count=count, users=users)


@dataclasses.dataclass
class Round:
    rate: float  # flows/s, from the first end to the last
    own: float  # processor time of the worker or of pgbench, us a flow
    database: float  # processor time of Postgres, us a flow
    foreign: float  # processor time of what is not the measurement, as a share of the machine
    void: str | None  # why the round counts for nothing


class Queue:
    def __init__(self, bench):
        self.bench = bench
        self.environment = bench.environment | {"WORKER_THREADS": str(HANDS)}
        self.workflows = {chain: self.keep(chain) for chain in (chains.PURE, chains.STORES)}
        self.peers = {chain: self.peer(chain) for chain in self.workflows}

    def keep(self, chain):
        """The workflow of the chain, which belongs to the first user."""
        draft = routes.compact({"name": chain.name, "flow": json.loads(chain.body)["flow"]})
        status, answer = stand.request(
            self.bench.ports["ours"], "POST", "/api/workflows", self.bench.tokens[0], draft)
        routes.expect(f"status of a new workflow ({answer})", status, 201)
        return json.loads(answer)["id"]

    def peer(self, chain):
        """What a worker does of one run, as pgbench's options."""
        self.fill(chain, 1)
        ids = self.bench.sql("SELECT id, user_id FROM executions").split("|")
        log = self.bench.postgres / "data/server.log"
        begin = log.stat().st_size
        self.bench.sql("ALTER ROLE flow_manager SET log_statement = 'all'")
        processes.run([self.bench.binary, "work", "--once"], env=self.environment | {"WORKER_THREADS": "1"})
        self.bench.sql("ALTER ROLE flow_manager RESET log_statement")
        said = transcript.Transcript(log.read_bytes()[begin:].decode(), *ids)
        script = self.bench.folder / f"{chain.name}.sql"
        script.write_text(said.script)
        variables = [word for variable in said.variables.items() for word in ("-D", "=".join(variable))]
        return ["-f", script, *variables]

    def fill(self, chain, count, users="ALL"):
        """So many runs are due, and nothing else is there."""
        self.bench.empty("ours")
        self.bench.sql(filling(self.workflows[chain], count, users), "CHECKPOINT")

    def turn(self, results, counts, number):
        """A round of each, begun by another one each time."""
        start = number % len(ORDER)
        for who, chain in ORDER[start:] + ORDER[:start]:
            for _ in range(ATTEMPTS):
                measured = self.measure(who, chain, counts[chain])
                if not measured.void:
                    break
            results.rounds.setdefault((CONTEST, who, chain), []).append(measured)
            processes.say(f"queued {chain.name} round {number + 1}, {who}: {measured.rate:.0f} flows/s"
                          + (f", void: {measured.void}" if measured.void else ""))

    def measure(self, who, chain, count, users="ALL"):
        self.fill(chain, count, users)
        command = [self.bench.binary, "work", "--once"] if who == "ours" else [
            *servers.BATCH, "pgbench", "-n", "-M", "prepared", "-c", HANDS, "-j", 2, "-t", count // HANDS,
            *self.peers[chain], self.bench.urls["DATABASE_URL"]]
        clocks, began, before = time.time() - time.monotonic(), time.monotonic(), self.spent()
        processes.run(command, env=self.environment | {"PGOPTIONS": PLANNING})
        own, database, machine = (now - then for now, then in zip(self.spent(), before))
        foreign = max(0.0, machine - own - database) / ((time.monotonic() - began) * os.cpu_count())

        void = None
        if abs(time.time() - time.monotonic() - clocks) > 0.02:
            void = "the clock was set"
        elif (found := self.bench.recorded("ours")) != (count, 0, routes.STEPS * count):
            void = f"of {count} runs {found[0]} were completed, with {found[2]} steps"
        elif self.bench.sql("SELECT count(*) FROM queue") != "0":
            void = "runs that are over are still queued"
        seconds = float(self.bench.sql(f"SELECT {SECONDS} FROM executions"))
        return Round(rate=(count - 1) / seconds, own=own / count * 1e6, database=database / count * 1e6,
                     foreign=foreign, void=void)

    def spent(self):
        """Processor seconds until now: of what ran to its end, of Postgres with all its sessions, of the machine."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (ended.ru_utime + ended.ru_stime, processes.processor_seconds_of_all(self.bench.database()[0]),
                processes.machine_seconds())

    def drain(self, count):
        """The flows/s of each tenth of many runs that come all at once, in the order of their ends; and the processor
        time of the worker and of Postgres, in us a flow, of one piece of the way after the other.

        They come to a worker that has had little to do: its statements are planned for a queue that is empty.
        """
        self.fill(chains.PURE, 0)
        self.bench.sql("VACUUM ANALYZE queue")
        worker = self.start_worker()
        for _ in range(FEW):
            self.bench.sql(filling(self.workflows[chains.PURE], HANDS))
            self.wait_until_drained("a few runs do not end")
        self.bench.sql(filling(self.workflows[chains.PURE], count))
        costs, looked = [], (count, self.spent_by(worker))

        def is_drained():
            nonlocal looked
            before, looked = looked, (int(self.bench.sql("SELECT count(*) FROM queue")), self.spent_by(worker))
            done = before[0] - looked[0]
            costs.append((looked[1] - before[1]) / done * 1e6 if done else 0)
            return looked[0] == 0

        processes.eventually("not all runs end", is_drained, count / LEAST_RATE, SELDOM_SECONDS)
        processes.end(worker)
        drained = count + FEW * HANDS
        routes.expect("runs drained", self.bench.recorded("ours"), (drained, 0, routes.STEPS * drained))
        tenths = self.bench.sql(f"""
            SELECT count(*) / {SECONDS}
            FROM (SELECT finished_at, ntile(10) OVER (ORDER BY finished_at) AS tenth
                FROM executions ORDER BY finished_at DESC LIMIT {count}) AS ended
            GROUP BY tenth ORDER BY tenth""")
        # It has hardly begun at the first look, and may have ended long before the last.
        return [float(rate) for rate in tenths.split("\n")], costs[1:-1]

    def spent_by(self, worker):
        return processes.processor_seconds([worker.pid]) + processes.processor_seconds_of_all(self.bench.database()[0])

    def starts(self, count):
        """How long after its call each run began, in ms, when a worker had nothing to do; the call queues it."""
        self.bench.empty("ours")
        worker = self.start_worker()
        path = f"/api/workflows/{self.workflows[chains.PURE]}/execute"
        for _ in range(count):
            status, answer = stand.request(self.bench.ports["ours"], "POST", path, self.bench.tokens[0], "{}")
            routes.expect(f"status of a queued run ({answer})", status, 202)
            time.sleep(PAUSE_SECONDS)
        self.wait_until_drained("not all runs end")
        processes.end(worker)
        routes.expect("runs of calls", self.bench.recorded("ours"), (count, 0, routes.STEPS * count))
        return [float(ms) for ms in self.bench.sql("SELECT started_us / 1e3 FROM steps WHERE seq = 1").split("\n")]

    def start_worker(self):
        worker = processes.start([self.bench.binary, "work"], self.bench.log("worker"), self.bench.cleanup,
                                 env=self.environment)
        processes.eventually(
            "no worker is idle", lambda: self.bench.sql("SELECT count(*) FROM idle_workers") == "1", PATIENCE_SECONDS,
            0.1)
        return worker

    def wait_until_drained(self, complaint):
        processes.eventually(
            complaint, lambda: self.bench.sql("SELECT EXISTS (SELECT FROM queue)") == "f", PATIENCE_SECONDS, 0.1)
