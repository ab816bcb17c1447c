"""What schedules, hooks, notifications and watchers were due, compared with what they got."""

import collections
import datetime

import flows
from receivers import is_final


class TriggerAudit:
    """Of one part of the drill. It adds what is wrong and the expected effects to the audit of all; `lines` are those
    of a table."""

    def __init__(self, audit, part):
        self.audit, self.part, self.stack = audit, part, audit.stack
        self.audit.wrong += part.wrong + part.receiver.wrong
        owners = {user.id for user in part.users}
        self.runs = [run for run in audit.by_id.values() if run.user in owners]
        self.lines = [self.check_schedules(), self.check_hooks(), self.check_notifications(), self.check_watchers(),
                      self.check_run_watchers()]

    def line(self, what, due, seen, lost, note):
        verdict = "ok" if not lost else "FAILED"
        return f"{what:45}{due:9}{seen:10}{lost:6}  {verdict:6}  {note}"

    def complain(self, problems):
        """Returns how many there are."""
        self.audit.wrong += problems
        return len(problems)

    def triggered(self, kind):
        """The runs that something of this kind has started, by its id and what it was due to."""
        member = {"schedule": "scheduled_at", "hook": "delivery_id"}[kind]
        runs = collections.defaultdict(list)
        for run in self.runs:
            if run.trigger and run.trigger["type"] == kind:
                runs[run.trigger["id"], run.trigger[member]].append(run)
                self.audit.triggered.add(run.id)
        return runs

    def check_schedules(self):
        """Each instant has one run, except those that a policy leaves out."""
        decisions = collections.defaultdict(list)
        for id, *decision in self.stack.select(
                "json_build_array(schedule_id, extract(epoch FROM after), extract(epoch FROM until), last)",
                "witness.decisions"):
            decisions[id].append(decision)
        runs = collections.defaultdict(list)
        for (id, time), found in self.triggered("schedule").items():
            runs[id, int(datetime.datetime.fromisoformat(time).timestamp())] += found
        problems, due, left_out = [], 0, 0
        for schedule in self.part.schedules:
            for instant in range(schedule.first, (self.part.decided_until or 0) + 1, 60):
                count = len(runs[schedule.id, instant])
                due += 1
                if not count and is_left_out(schedule, instant, decisions[schedule.id]):
                    left_out += 1
                elif count != 1:
                    problems.append(f"{schedule.name} ({schedule.misfire}): {count} runs of the instant {instant}")
            problems += [f"{schedule.name}: {last}" for _, _, last in decisions[schedule.id]
                         if last["outcome"] == "failed"]
            own = {instant: found for (id, instant), found in runs.items() if id == schedule.id and found}
            problems += [f"{schedule.name}: a run of the instant {instant}, which is none" for instant in own
                         if instant < schedule.first or instant % 60]
            effect = (schedule.name, schedule.misfire)
            self.audit.expect(schedule.user, [effect] * sum(map(len, own.values())))
        count = sum(map(len, runs.values()))
        return self.line("instants of schedules", due, count, self.complain(problems),
                         f"{left_out} left out by policies; since then {count + left_out - due}")

    def check_hooks(self):
        """Each delivery has one run, which all answers to it have named."""
        runs, problems = self.triggered("hook"), []
        for delivery in self.part.deliveries:
            found = runs.pop((delivery.hook.id, delivery.id), [])
            if delivery.runs != {run.id for run in found} or len(found) != 1:
                problems.append(f"{delivery.id}: answered {delivery.runs}, on record {[run.id for run in found]}")
            problems += [f"{delivery.id}: another input {run.input}" for run in found
                         if run.input["body"]["number"] != delivery.number]
            self.audit.expect(delivery.hook.user, [("hooked", delivery.number)] * len(found))
        problems += [f"a run of no delivery: {key}" for key in runs]
        count, calls = len(self.part.deliveries), sum(delivery.calls for delivery in self.part.deliveries)
        return self.line("deliveries to hooks", count, count - len(problems), self.complain(problems), f"{calls} calls")

    def check_notifications(self):
        """Each end of a run has one notification, which was delivered, perhaps several times with its id."""
        states, ids = collections.defaultdict(list), collections.defaultdict(set)
        known = {run.id for run in self.runs}
        for id, run, status, state in self.stack.select(
                "json_build_array(id, execution_id, status, state)", "witness.notifications"):
            if run in known:
                states[id].append(state)
                ids[run].add((id, status))
        problems, received = [], self.part.receiver.received
        for run in self.runs:
            if [status for _, status in ids[run.id]] != [run.status]:
                problems.append(f"notifications of run {run.id}, which has {run.status}: {ids[run.id]}")
            for id, status in ids[run.id]:
                if states[id].count("pending") != 1 or states[id].count("delivered") != 1:
                    problems.append(f"notification {id}: {states[id]}")
                if set(received.get(id, ())) != {(run.id, status)}:
                    problems.append(f"notification {id} of run {run.id}, {status}: received {received.get(id)}")
        problems += [f"notification {id} of no run" for id in received if id not in states]
        times = sum(map(len, received.values()))
        return self.line("notifications of ends", len(self.runs), len(received), self.complain(problems),
                         f"{times - len(received)} came again")

    def check_watchers(self):
        """Each watcher has got each event of its user once, in the order of the log, and the log has every step and
        end."""
        log, problems = collections.defaultdict(list), []
        for transaction, row, user, run, changes in sorted(self.stack.select(
                "json_build_array(xid::text::bigint, id, user_id, execution_id, changes)", "witness.events"),
                key=lambda event: event[:2]):
            log[user] += [(f"{transaction}-{row}-{index}", run, *state(*next(iter(change.items()))))
                          for index, change in enumerate(changes)]
        due = seen = connections = 0
        for watcher in self.part.watchers:
            what = f"{watcher.form} of {watcher.user.id}"
            problems += [f"{what}: {text}" for text in watcher.wrong]
            expected = log[watcher.user.id]
            got = [(id, data.get("execution_id"), *state(name, data)) for id, name, data in watcher.events]
            due, seen, connections = due + len(expected), seen + len(got), connections + watcher.connections
            counts = collections.Counter(got)
            problems += [f"{what} lacks {event}" for event in expected if event not in counts]
            problems += [f"{what} got {count} × {event}" for event, count in counts.items() if count > 1]
            problems += [f"{what} got {event}, which is not in the log" for event in counts.keys() - set(expected)]
            if sorted(got, key=place) != got:
                problems.append(f"{what}: another order than that of the log")
            problems += self.incomplete(what, got, [run for run in self.runs if run.user == watcher.user.id])
        return self.line("events of all runs of a user", due, seen, self.complain(problems),
                         f"{connections} connections of {len(self.part.watchers)} watchers")

    def check_run_watchers(self):
        """Likewise those of one run, which may begin with its record."""
        problems, seen, connections, watched = [], 0, 0, 0
        for run, watcher in (item for each in self.part.run_watchers for item in each.watched.items()):
            got = [(id, data.get("execution_id"), *state(name, data)) for id, name, data in watcher.events]
            seen, connections, watched = seen + len(got), connections + watcher.connections, watched + 1
            problems += [f"run {run}: {text}" for text in watcher.wrong]
            counts = collections.Counter(event[1:] for event in got)
            problems += [f"the watcher of run {run} got {count} × {event}"
                         for event, count in counts.items() if count > 1]
            record = self.audit.by_id.get(run)
            problems += self.incomplete(f"the watcher of run {run}", got, [record] if record else [])
            if not watcher.events or not is_final(watcher.events[-1]):
                problems.append(f"the watcher of run {run} ended with {watcher.events[-1:]}")
        return self.line("runs that were watched to their ends", watched, watched - len(problems),
                         self.complain(problems), f"{seen} events, {connections} connections")

    def incomplete(self, what, got, runs):
        """The steps and ends on record that are not among the events."""
        known = {event[1:] for event in got}
        wanted = [(run.id, "step", step[3], step[1]) for run in runs for step in run.steps or []]
        wanted += [(run.id, "execution", None, run.status) for run in runs]
        return [f"{what} lacks {event}" for event in wanted if event not in known]


def is_left_out(schedule, instant, decisions):
    """Whether the policy permits it: the decision about the instant was made when a later one was due already."""
    return schedule.misfire != "all" and any(
        after < instant <= until and instant + 60 <= until for after, until, _ in decisions)


def state(name, data):
    """What an event is about: its name, the number of the step, and the state."""
    return name, data.get("number"), data.get("status")


def place(event):
    return [int(part) for part in event[0].split("-")]
