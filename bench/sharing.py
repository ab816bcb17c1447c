"""What a queued run costs a worker when one user has queued them all, or many users have."""

import processes
import queued
from chains import PURE
from report import markdown, spread

CONTEST = "users"
USERS = (1, 100, 10_000)
# Of each round: two of a user, if there are most.
COUNT = 20_000

MORE = """
INSERT INTO users (id, email, password_hash)
SELECT gen_random_uuid(), 'queued' || n || '@example.com', '' FROM generate_series(1, {count}) n"""


class Sharing(queued.Queue):
    def __init__(self, bench):
        super().__init__(bench)
        self.bench.sql(MORE.format(count=max(USERS)), "VACUUM ANALYZE users")

    def turn(self, results, number):
        """A round with each number of users, begun by another one each time."""
        start = number % len(USERS)
        for users in USERS[start:] + USERS[:start]:
            measured = self.measure("ours", PURE, COUNT, users)
            results.rounds.setdefault((CONTEST, users), []).append(measured)
            processes.say(f"{users} users, round {number + 1}: {measured.rate:.0f} flows/s"
                          + (f", void: {measured.void}" if measured.void else ""))


def table(results):
    def row(users):
        rounds = [measured for measured in results.rounds[CONTEST, users] if not measured.void]
        return [f"{users:,}", *(spread([getattr(measured, figure) for measured in rounds], ".0f")
                                for figure in ("rate", "own", "database"))]

    return markdown(["users with queued runs", "flows/s", "own CPU, µs a flow", "Postgres' CPU, µs"],
                    [row(users) for users in USERS])
