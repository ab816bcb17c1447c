"""What a worker says to Postgres for one run, as Postgres logs it, made a script for pgbench."""

import itertools
import re

import processes

# How Postgres is to begin the lines of its log: with the time, the process and the transaction.
PREFIX = "%m [%p] %v "
ENTRY = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] (\S*) (\w+):  ", re.MULTILINE)
EXECUTION = re.compile(r"execute [^:]+: (.*)", re.DOTALL)
PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
PLACE = re.compile(r"\$(\d+)")
CLAIM = "FOR UPDATE OF q SKIP LOCKED"


class Transcript:
    """The statements of a run from its claim to its end, with what they were given.

    The run's own ids become those of the run that a transaction of pgbench claims; all else is given as it was, as
    parameters too. What the worker sends in one round trip pgbench sends in one: a transaction.
    """

    def __init__(self, log, execution, user):
        self.names = {execution: ":claimed_id", user: ":claimed_user_id"}
        self.variables = {}
        (_, claim), *rest = ((transaction, self.filled_in(*said)) for transaction, *said in self.of_run(log))
        self.script = f"{claim} \\gset claimed_\n" + in_round_trips(rest)

    @staticmethod
    def of_run(log):
        """The transactions, statements and parameters of the session that claims, up to its next claim."""
        parts = ENTRY.split(log)[1:]
        sessions = {}
        for pid, transaction, level, text in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4]):
            statements = sessions.setdefault(pid, [])
            if level == "LOG" and (found := EXECUTION.match(text)):
                statements.append((transaction, found[1].rstrip().replace("\n\t", "\n"), {}))
            elif level == "DETAIL" and statements:
                statements[-1][2].update(PARAMETER.findall(text))
        for statements in sessions.values():
            claims = [number for number, (_, text, _) in enumerate(statements) if CLAIM in text]
            if claims:
                return statements[claims[0]:claims[1]]
        return processes.fail("Postgres' log has no claim")

    def filled_in(self, text, parameters):
        return PLACE.sub(lambda place: self.name(parameters[place[1]]), text)

    def name(self, literal):
        if literal == "NULL":
            return literal
        value = literal[1:-1].replace("''", "'")
        if value not in self.names:
            self.names[value] = f":given{len(self.variables)}"
            self.variables[self.names[value][1:]] = value
        return self.names[value]


def in_round_trips(statements):
    script = ""
    for _, group in itertools.groupby(statements, key=lambda said: said[0]):
        lines = [f"{statement};\n" for _, statement in group]
        script += "".join(lines if len(lines) == 1 else ["\\startpipeline\n", *lines, "\\endpipeline\n"])
    return script
