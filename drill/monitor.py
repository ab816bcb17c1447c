"""A real Prometheus that scrapes the stand each second, with the rules of deploy/prometheus in fast motion."""

import http.client
import json
import pathlib
import re
import time
import urllib.parse

from processes import Failure, eventually, run, start
from stand import CHECKOUT, free_ports, request

DEPLOY = CHECKOUT / "deploy/prometheus"
DASHBOARD = CHECKOUT / "deploy/grafana/flow-manager.json"
# A minute of the rules takes one second, and a scrape of every 15 s comes each second.
ACCELERATION = 60
UNITS = {"s": 1, "m": 60, "h": 3600}


def accelerated(rules):
    """The rules, with shorter durations: `for` and the ranges of the expressions."""
    def shorter(match):
        seconds = int(match[2]) * UNITS[match[3]] / ACCELERATION
        # A range needs two scrapes.
        least = 3 if match[1].startswith("[") else 1
        return f"{match[1]}{max(least, round(seconds))}s{match[4]}"
    return re.sub(r"(\[|for: )(\d+)([smh])(\]|$)", shorter, rules, flags=re.M)


class Prometheus:
    def __init__(self, stack):
        self.target = stack.port
        self.port, = free_ports(1)
        folder = stack.folder / "prometheus"
        folder.mkdir()
        (folder / "rules.yml").write_text(accelerated((DEPLOY / "rules.yml").read_text()))
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": "flow-manager", "static_configs": [{"targets": [f"127.0.0.1:{self.target}"]}]}]}))
        self.log = folder / "log"
        process = start(
            ["prometheus", "--config.file", folder / "prometheus.yml", "--storage.tsdb.path", folder / "data",
             "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"], self.log, stack.cleanup)

        def is_ready():
            if process.poll() is not None:
                raise Failure(f"Prometheus ended:\n{self.log.read_text()}")
            return request(self.port, "GET", "/-/ready")[0] == 200
        eventually("Prometheus does not start", is_ready, 20, 0.05)
        eventually("Prometheus cannot scrape", lambda: self.query("up == 1"), 20, 0.2)
        # Before the first scrape there was nothing to reach.
        eventually("an alert fires at the start", lambda: not self.firing(), 20, 0.2)
        self.began = time.monotonic()

    def query(self, expression):
        """The labels and the value of each series."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        status, body = request(self.port, "GET", path)
        answer = json.loads(body)
        if answer.get("status") != "success":
            raise Failure(f"{expression}: {status} {answer.get('error')}")
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    @property
    def range(self):
        """All of the time since the start until now, as a range of an expression."""
        return f"[{max(1, int(time.monotonic() - self.began))}s]"

    def firing(self):
        """The names of the alerts that fire."""
        return {labels["alertname"] for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def fired(self):
        """The names of the alerts that have fired at any time, and how often Prometheus saw each."""
        seen = self.query(f'sum by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}{self.range}))')
        return {labels["alertname"]: int(count) for labels, count in seen}

    def fallen_counters(self, types):
        """The counters that have gone back."""
        names = [name for name, kind in types.items() if kind == "counter"]
        histograms = [name for name, kind in types.items() if kind == "histogram"]
        names += [name + part for name in histograms for part in ("_bucket", "_count", "_sum")]
        fallen = ((name, self.query(f"resets({name}{self.range}) > 0")) for name in names)
        return [f"{name}{labels}" for name, found in fallen for labels, _ in found]


class Exposition:
    """What /metrics publishes."""

    def __init__(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        self.status, self.text = response.status, response.read().decode()
        connection.close()
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, flags=re.M))

    def problems(self):
        """What promtool finds wrong with it, and the metrics of the rules and the dashboard that it lacks."""
        if self.status != 200:
            return [f"/metrics is answered {self.status}"]
        try:
            run(["promtool", "check", "metrics"], input=self.text)
        except Failure as failure:
            return [f"promtool check metrics: {failure}"]
        missing = [name for name in sorted(used_names()) if self.base(name) not in self.types]
        return [f"{name} is used and not published" for name in missing]

    def base(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return base if self.types.get(base) == "histogram" else name


def used_names():
    """The metrics of the rules and of the dashboard, without those that the rules record."""
    rules = re.findall(r"^\s+expr:((?:.*\n)(?:\s{10,}.*\n)*)", (DEPLOY / "rules.yml").read_text(), flags=re.M)
    panels = json.loads(pathlib.Path(DASHBOARD).read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    names = set()
    for text in rules + queries:
        text = re.sub(r'"[^"]*"|`[^`]*`', "", text)
        names |= set(re.findall(r"(?<![:\w])(?:http|flow_manager|process)_\w+(?![:\w])", text))
    return names
