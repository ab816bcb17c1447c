"""The flows that clients run. Each carries the number of its call, and knows what it must leave behind."""

import collections

# One task, as the call writes it; `keeps` is the name and value of the document it leaves.
Task = collections.namedtuple("Task", "text keeps", defaults=[None])

# What the demo chain makes of the table of a user who has stored none.
STATISTICS = {"count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25}


class Flow:
    """A chain of tasks in one order; `commits` are the numbers of steps after which it commits."""

    def __init__(self, number, tasks, commits, status="completed"):
        self.number, self.tasks, self.commits, self.status = number, tasks, commits, status
        self.names = [task.text["name"] for task in tasks]

    @property
    def call(self):
        conditions = [
            {"name": f"after {source}", "source_task": source, "target_task_success": target,
             "target_task_failure": "end"}
            for source, target in zip(self.names, self.names[1:])]
        flow = {"id": identity(self.number), "name": "Drill", "start_task": self.names[0],
                "tasks": [task.text for task in self.tasks], "conditions": conditions}
        return {"flow": flow, "input": {}}

    def documents(self, step_count):
        """What so many of its steps keep, by name."""
        return dict(task.keeps for task in self.tasks[:step_count] if task.keeps)


def identity(number):
    """The flow's id, by which its run is found."""
    return f"call-{number}"


def add(name, number):
    return Task({"name": name, "type": "calc.addition", "input": {"arguments": [number, 1]}})


def store(name, number):
    keeps = (f"{number}-{name}", {"call": number})
    return Task({"name": name, "type": "data.store", "input": {"name": keeps[0], "value": keeps[1]}}, keeps)


def demo(number):
    """Fetch, process and store under a name that all runs of the user share: one commit."""
    tasks = [Task({"name": "task1"}), Task({"name": "task2"}), Task({"name": "task3"}, ("result", STATISTICS))]
    return Flow(number, tasks, commits=[3])


def pure(number):
    """No effect: one commit, at the end."""
    draw = Task({"name": "draw", "type": "random.string", "input": {"length": 20}})
    return Flow(number, [add("sum", number), draw, add("more", number)], commits=[3])


def one_effect(number):
    """An effect and a failure after it: both on record."""
    fail = Task({"name": "fail", "type": "fail", "input": {"message": "On purpose"}})
    return Flow(number, [add("sum", number), store("kept", number), fail], commits=[3], status="failed")


def two_effects(number):
    """Two commits: the second effect never joins the first one's."""
    return Flow(number, [add("sum", number), store("first", number), add("more", number), store("second", number)],
                commits=[3, 4])


KINDS = [demo, pure, one_effect, two_effects]
