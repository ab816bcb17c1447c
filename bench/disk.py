"""What five commits cost Postgres on this disk by themselves: the least of an engine that commits a flow's beginning,
each of three steps and its end."""

import re

import processes
import servers

TABLES = (
    "CREATE TABLE runs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text)",
    "CREATE TABLE steps (run bigint, step integer, output json, PRIMARY KEY (run, step))")
FLOW = """
INSERT INTO runs (status) VALUES ('running') RETURNING id \\gset
INSERT INTO steps VALUES (:id, 1, '{"records":[1,2,3]}');
INSERT INTO steps VALUES (:id, 2, '{"count":3,"sum":6,"min":1,"max":3,"mean":2}');
INSERT INTO steps VALUES (:id, 3, '{"count":3,"sum":6,"min":1,"max":3,"mean":2}');
UPDATE runs SET status = 'completed' WHERE id = :id;
"""
CONNECTIONS = servers.RESPONDERS * servers.THREADS


class Disk:
    def __init__(self, bench, seconds):
        self.bench, self.seconds = bench, seconds
        self.rates = []
        bench.sql("CREATE DATABASE disk", database="postgres")
        bench.sql(*TABLES, database="disk")
        self.script = bench.folder / "flow.sql"
        self.script.write_text(FLOW)

    def measure(self):
        self.bench.sql("TRUNCATE runs, steps", "CHECKPOINT", database="disk")
        output = processes.run(["pgbench", "-n", "-M", "prepared", "-c", CONNECTIONS, "-j", 2, "-T", self.seconds,
                                "-f", self.script, self.bench.url("disk")])
        rate = float(re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)[1])
        self.rates.append(rate)
        processes.say(f"five commits: {rate:.0f} flows/s")
