"""The figures of the flows as Markdown, and whether they reach what was set out to be reached."""

import statistics

import chains
from report import markdown, spread, verdict

CONTEST = "flows"
DBOS = (CONTEST, "dbos", chains.PURE)
CHAINS = {
    (CONTEST, "ours", chains.PURE): ("**three pure steps**, one commit", 50),
    (CONTEST, "ours", chains.STORES): ("**three transactional steps**, three commits", 15),
    DBOS: ("DBOS, three steps of a workflow", None),
}
COLUMNS = ["POST /flow-manager", "flows/s", "p50 ms", "p99 ms", "errors", "own CPU, µs a flow", "Postgres' CPU, µs",
           "flows/s ÷ DBOS", "own CPU ÷ DBOS", "foreign CPU", "void rounds"]


def table(results):
    return markdown(COLUMNS, [row(results, key) for key in CHAINS])


def row(results, key):
    valid, void = results.valid(*key), [measured.void for measured in results.rounds[key] if measured.void]

    def figures(figure, format):
        return spread([getattr(measured, figure) for measured in valid], format)

    def ratio(figure, format):
        return spread(results.ratios(key, DBOS, figure), format) if key != DBOS else "–"

    return [CHAINS[key][0], figures("rate", ".0f"), figures("p50", ".2f"), figures("p99", ".2f"),
            str(sum(measured.errors for measured in valid)), figures("own", ".0f"), figures("database", ".0f"),
            ratio("rate", ".1f"), ratio("own", ".3f"), figures("foreign", ".0%"),
            f"{len(void)}: {void[0]}" if void else "0"]


def values(results):
    """What a step with templates costs more than one with its input written in the flow."""
    literals, templates = ((CONTEST, server, route) for server, route in chains.VALUES)
    rows = []
    for name, key in (("literal inputs", literals), ("**two inputs by templates**", templates)):
        measured = results.valid(*key)
        rows.append([name, *(spread([getattr(one, figure) for one in measured], ".0f")
                             for figure in ("rate", "own", "database"))])
    pairs = [(a, b) for a, b in zip(results.rounds[templates], results.rounds[literals]) if not a.void and not b.void]
    more = (spread([(getattr(a, figure) - getattr(b, figure)) / chains.TEMPLATED_STEPS for a, b in pairs], ".1f")
            for figure in ("own", "database"))
    rows.append(["more for each of these steps", "–", *more])
    return markdown(["three pure steps", "flows/s", "own CPU, µs a flow", "Postgres' CPU, µs"], rows)


def verdicts(results):
    lines = []
    for key, (name, least) in CHAINS.items():
        if least and (ratios := results.ratios(key, DBOS, "rate")):
            what = f"{name.replace('*', '')}: flows/s ÷ DBOS"
            lines.append(verdict(what, statistics.median(ratios), least, at_least=True))
    return "\n".join(lines)
