"""The figures of the queue as Markdown, and whether they reach what was set out to be reached."""

import statistics

import chains
import queued
import routes
import waiting
from report import markdown, spread, verdict

COLUMNS = ["queued flows", "flows/s", "own CPU, µs a flow", "Postgres' CPU, µs", "flows/s ÷ pgbench",
           "Postgres' CPU ÷ pgbench", "foreign CPU", "void rounds"]
CHAINS = {chains.PURE: "three pure steps", chains.STORES: "three transactional steps"}
LEAST, MOST_MS, DEAREST, MOST_P99 = 0.8, 5, 1.1, 1.2


def table(results):
    return markdown(COLUMNS, [row(results, chain, who) for chain in CHAINS for who in ("ours", "pgbench")])


def row(results, chain, who):
    key, peer = (queued.CONTEST, who, chain), (queued.CONTEST, "pgbench", chain)
    valid, void = results.valid(*key), [measured.void for measured in results.rounds[key] if measured.void]

    def figures(figure, format):
        return spread([getattr(measured, figure) for measured in valid], format)

    def ratio(figure):
        return spread(results.ratios(key, peer, figure), ".2f") if who == "ours" else "–"

    name = f"**{CHAINS[chain]}**, a worker" if who == "ours" else f"{CHAINS[chain]}, pgbench"
    return [name, figures("rate", ".0f"), figures("own", ".0f"), figures("database", ".0f"), ratio("rate"),
            ratio("database"), figures("foreign", ".0%"), f"{len(void)}: {void[0]}" if void else "0"]


def context(starts, tenths, costs, results, waited):
    hundredths = statistics.quantiles(starts, n=100)
    lines = [f"Call → start of {len(starts)} runs, a worker being idle: p50 {hundredths[49]:.2f} ms, "
             f"p99 {hundredths[98]:.2f} ms.",
             "Flows/s of each tenth while many queued flows drain: " + ", ".join(f"{rate:.0f}" for rate in tenths)
             + "; CPU of the worker and Postgres, µs a flow, on the way: " + ", ".join(f"{cost:.0f}" for cost in costs)
             + ".",
             f"Calls of {waiting.CALLS} that waited: {spread(waited, '.0f')}. /health beside them and alone: "
             + " and ".join(f"p99 {spread([measured.p99 for measured in health(results, who)], '.2f')} ms"
                            for who in (waiting.BESIDE, waiting.ALONE)) + "."]
    return "\n\n".join(lines)


def health(results, who):
    return results.valid("waiting", who, routes.HEALTH)


def verdicts(results, starts, costs, waited):
    lines = []
    for chain, name in CHAINS.items():
        ratios = results.ratios(*((queued.CONTEST, who, chain) for who in ("ours", "pgbench")), "rate")
        if ratios:
            lines.append(verdict(f"queued, {name}: flows/s ÷ pgbench with the same statements",
                                 statistics.median(ratios), LEAST, at_least=True))
    lines.append(verdict("call → start, p50, ms", statistics.median(starts), MOST_MS))
    third = len(costs) // 3
    if third:
        lines.append(verdict("draining, CPU a flow of the last third ÷ the first",
                             statistics.median(costs[-third:]) / statistics.median(costs[:third]), DEAREST))
    lines.append(verdict("calls that wait at once", min(waited), waiting.CALLS, at_least=True))
    ratios = results.ratios(*(("waiting", who, routes.HEALTH) for who in (waiting.BESIDE, waiting.ALONE)), "p99")
    if ratios:
        lines.append(verdict("/health, p99 beside calls that wait ÷ alone", statistics.median(ratios), MOST_P99))
    return "\n".join(lines)
