"""Two builds of the program side by side as Markdown, and what is expected of the ratios NEW ÷ OLD."""

import math
import statistics

import servers
from report import markdown, spread

OLD, NEW = servers.Program.name, "ours"
COLUMNS = ["route", "own CPU OLD, µs", "own CPU NEW, µs", "own CPU NEW ÷ OLD", "requests/s NEW ÷ OLD",
           "p99 NEW ÷ OLD", "errors OLD, NEW", "foreign CPU", "void rounds"]
# Of the machine. With more than this, own CPU varies by more than the limits.
QUIET = 0.05


def table(results):
    return markdown(COLUMNS, [row(results, route) for route in measured_routes(results)])


def measured_routes(results):
    return dict.fromkeys(route for route, _, _ in results.rounds)


def row(results, route):
    old, new = (results.rounds[route, server, route] for server in (OLD, NEW))
    void = [measured.void for measured in old + new if measured.void]
    errors = ", ".join(str(errors_of(results, route, server)) for server in (OLD, NEW))
    own = [spread([measured.own for measured in results.valid(route, server, route)], ".1f") for server in (OLD, NEW)]
    return [f"{route.method} {route.path}", *own,
            *(spread(ratios(results, route, figure), ".3f") for figure in ("own", "rate", "p99")), errors,
            spread([measured.foreign for measured in old + new], ".1%"), f"{len(void)}: {void[0]}" if void else "0"]


def errors_of(results, route, server):
    return sum(measured.errors for measured in results.rounds[route, server, route])


def ratios(results, route, figure):
    return results.ratios((route, NEW, route), (route, OLD, route), figure)


def costs(results):
    starts = [spread(results.cold_start[server], ".2f") for server in (OLD, NEW)]
    rows = [["cold start to the first answer, ms", *starts, f"{cold_start(results):.3f}"]]
    for position, when in enumerate(("idle", "under load")):
        figures = [f"{results.memory[server][position]:.2f}" for server in (OLD, NEW)]
        rows.append([f"memory (PSS of all processes) {when}, MB", *figures, f"{memory(results, position):.3f}"])
    return markdown(["", "OLD", "NEW", "NEW ÷ OLD"], rows)


def cold_start(results):
    old, new = (statistics.median(results.cold_start[server]) for server in (OLD, NEW))
    return new / old


def memory(results, position):
    return results.memory[NEW][position] / results.memory[OLD][position]


def disturbance(results):
    """A line that says so if other processes disturbed the rounds, else none."""
    middle = statistics.median(measured.foreign for rounds in results.rounds.values() for measured in rounds)
    return [f"Other processes took {middle:.0%} of the machine: the verdicts say little."] if middle > QUIET else []


def goals(results, limits):
    """What, its value and its limit. A route without a pair of rounds that counts reaches nothing."""
    found = []
    for route in measured_routes(results):
        values = ratios(results, route, "own")
        middle = statistics.median(values) if values else math.inf
        found.append((f"{route.path}, own CPU NEW ÷ OLD", middle, limits.cpu))
        if errors := errors_of(results, route, NEW):
            found.append((f"{route.path}, errors of NEW", errors, errors_of(results, route, OLD)))
    found.append(("cold start NEW ÷ OLD", cold_start(results), limits.cold_start))
    found.append(("memory under load NEW ÷ OLD", memory(results, 1), limits.pss))
    return found
