"""The figures as Markdown, and whether they reach what was set out to be reached."""

import dataclasses
import statistics

import routes

COLUMNS = ["route", "requests/s", "p50 ms", "p99 ms", "errors", "own CPU, µs", "requests/s ÷ nginx",
           "requests/s ÷ floor", "own CPU ÷ floor", "foreign CPU", "void rounds"]


@dataclasses.dataclass
class Results:
    rounds: dict = dataclasses.field(default_factory=dict)  # (contest, server, route) -> [Round]
    memory: dict = dataclasses.field(default_factory=dict)  # server -> (idle, loaded), MB
    cold_start: dict = dataclasses.field(default_factory=dict)  # server -> [ms]

    def loaded(self, server):
        """The most memory of a server in any round."""
        return max(measured.memory for key, rounds in self.rounds.items() if key[1] == server for measured in rounds)

    def valid(self, *key):
        return [measured for measured in self.rounds.get(key, []) if not measured.void]

    def median(self, key, figure):
        values = [getattr(measured, figure) for measured in self.valid(*key)]
        return statistics.median(values) if values else None

    def ratios(self, key, other, figure):
        """Round by round, where both rounds count."""
        pairs = zip(self.rounds.get(key, []), self.rounds.get(other, []))
        valid = [(getattr(a, figure), getattr(b, figure)) for a, b in pairs if not a.void and not b.void]
        return [a / b for a, b in valid if b]


def spread(values, format):
    if not values:
        return "–"
    middle, low, high = (f"{value:{format}}" for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low}–{high})"


def markdown(columns, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, *rows)]
    lines.insert(1, "|---|" + "--:|" * (len(columns) - 1))
    return "\n".join(lines)


def verdict(what, value, bound, at_least=False, format=".2f"):
    """A line that says whether a goal is reached."""
    word = "reached" if (value >= bound if at_least else value <= bound) else "**missed**"
    return f"- {word}: {what} {value:{format}} ({'≥' if at_least else '≤'} {bound})"


def table(results):
    return markdown(COLUMNS, [row(results, *key) for key in results.rounds])


def row(results, contest, server, route):
    key = (contest, server, route)
    valid, void = results.valid(*key), [measured.void for measured in results.rounds[key] if measured.void]

    def figures(figure, format):
        return spread([getattr(measured, figure) for measured in valid], format)

    def ratio(other, figure):
        return spread(results.ratios(key, (contest, other, contest), figure), ".2f") if other != server else "–"

    call = f"{route.method} {route.path}"
    name = {"nginx": f"nginx `return 200` to {call}", "floor": f"C floor {call}", "ours": f"**{call}**"}[server]
    own, against_floor = ("–", "–") if server == "nginx" else (figures("own", ".0f"), ratio("floor", "own"))
    return [name, figures("rate", ".0f"), figures("p50", ".2f"),
            figures("p99", ".2f"), str(sum(measured.errors for measured in valid)), own, ratio("nginx", "rate"),
            ratio("floor", "rate") if server == "ours" else "–", against_floor if server == "ours" else "–",
            figures("foreign", ".0%"), f"{len(void)}: {void[0]}" if void else "0"]


def costs(results):
    def row(what, figures):
        return [what, *(f"{figures[server]:.1f}" for server in ("ours", "floor"))]

    rows = []
    if results.memory:
        for position, when in enumerate(("idle", "under load")):
            rows.append(row(f"memory (PSS of all processes) {when}, MB",
                            {server: figures[position] for server, figures in results.memory.items()}))
    starts = (spread(results.cold_start[server], ".1f") for server in ("ours", "floor"))
    rows.append(["cold start to the first answer, ms", *starts])
    return markdown(["", "program", "C floor"], rows)


def verdicts(results, connections):
    """A line for each goal with a measured figure."""
    lines = []

    def goal(what, value, bound, at_least=False):
        if value is not None:
            lines.append(verdict(what, value, bound, at_least))

    def ratio(route, figure, server="floor", other=None):
        values = results.ratios((route, "ours", route), (route, server, other or route), figure)
        return statistics.median(values) if values else None

    for route, most in ((routes.HEALTH, 1.2), (routes.ME, 1.25)):
        goal(f"{route.path}, requests/s ÷ floor", ratio(route, "rate"), 0.9, at_least=True)
        goal(f"{route.path}, own CPU ÷ floor", ratio(route, "own"), most)
    flow = routes.FLOW_MANAGER
    goal(f"{flow.path}, requests/s ÷ C with a commit for each step", ratio(flow, "rate", other=routes.STEPWISE), 2.5,
         at_least=True)
    health = routes.HEALTH
    goal(f"{health.path}, p99 at {connections} connections, ms", results.median((health, "ours", health), "p99"), 10)
    goal("memory under load, MB", results.memory["ours"][1] if results.memory else None, 20)
    goal("cold start, ms", statistics.median(results.cold_start["ours"]), 20)
    return "\n".join(lines)
