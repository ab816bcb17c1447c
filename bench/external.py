"""Queued runs with a call of a web service on this machine, beside those without one."""

import chains
import processes
import queued
import routes
from report import markdown, spread

CONTEST = "external"
NAMES = {"pure": "three pure steps", "external": "**one `http.request` between two pure steps**"}
# All of the runs are of few users, and a user has half of the calls at once.
SETTINGS = {"HTTP_ALLOW_ADDRESSES": "127.0.0.1", "EXTERNAL_CALLS": "64"}


class External(queued.Queue):
    def __init__(self, bench):
        super().__init__(bench)
        self.environment |= SETTINGS
        # nginx answers this by itself.
        call = {"type": "http.request", "input": {"url": f"http://127.0.0.1:{bench.ports['nginx']}/health"}}
        self.chain = chains.flow("external", {"type": "pass"}, call, {"type": "pass"})
        self.workflows[self.chain] = self.keep(self.chain)

    def turn(self, results, counts, number):
        """A round of each chain, begun by the other one each time."""
        order = [chains.PURE, self.chain] if number % 2 == 0 else [self.chain, chains.PURE]
        for chain in order:
            measured = self.measure("ours", chain, counts[chain])
            results.rounds.setdefault((CONTEST, chain.name), []).append(measured)
            processes.say(f"queued {chain.name} round {number + 1}: {measured.rate:.0f} flows/s"
                          + (f", void: {measured.void}" if measured.void else ""))

    def check(self):
        """Ends the program unless a run calls, and has the answer on record."""
        self.fill(self.chain, 1)
        processes.run([self.bench.binary, "work", "--once"], env=self.environment)
        status = self.bench.sql("SELECT steps.output -> 'status' FROM steps WHERE seq = 2")
        routes.expect("the call's status", status, "200")


def table(results):
    def figures(rounds, figure):
        return spread([getattr(measured, figure) for measured in rounds if not measured.void], ".0f")

    rows = [[name, *(figures(results.rounds[CONTEST, chain], figure) for figure in ("rate", "own", "database"))]
            for chain, name in NAMES.items()]
    pairs = [(call, pure) for call, pure in zip(*(results.rounds[CONTEST, chain] for chain in ("external", "pure")))
             if not call.void and not pure.void]
    more = (spread([getattr(call, figure) - getattr(pure, figure) for call, pure in pairs], ".0f")
            for figure in ("own", "database"))
    rows.append(["more for the call", "–", *more])
    return markdown(["queued flows", "flows/s", "own CPU, µs a flow", "Postgres' CPU, µs"], rows)
