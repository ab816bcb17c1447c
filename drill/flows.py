"""The flows that clients run or queue. Each run carries a number, and it is known what it must leave behind."""

import collections

# One task, as the call writes it; `keeps` is the name and value of the document it leaves.
Task = collections.namedtuple("Task", "text keeps", defaults=[None])

# What the demo chain makes of the table of a user who has stored none.
STATISTICS = {"count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25}


class Flow:
    """A chain of tasks in one order."""

    def __init__(self, number, tasks, status="completed"):
        self.number, self.tasks, self.status = number, tasks, status
        self.names = [task.text["name"] for task in tasks]

    @property
    def call(self):
        return {"flow": chain(identity(self.number), [task.text for task in self.tasks]), "input": {}}

    @property
    def effects(self):
        """What its steps keep, as pairs of a name and a value."""
        return [task.keeps for task in self.tasks if task.keeps]


def chain(name, tasks):
    """A flow of those tasks, one after the other."""
    names = [task["name"] for task in tasks]
    conditions = [
        {"name": f"after {source}", "source_task": source, "target_task_success": target, "target_task_failure": "end"}
        for source, target in zip(names, names[1:])]
    return {"id": name, "name": "Drill", "start_task": names[0], "tasks": tasks, "conditions": conditions}


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
    return Flow(number, tasks)


def pure(number):
    """No effect: one commit, at the end."""
    draw = Task({"name": "draw", "type": "random.string", "input": {"length": 20}})
    return Flow(number, [add("sum", number), draw, add("more", number)])


def one_effect(number):
    """An effect and a failure after it: both on record."""
    fail = Task({"name": "fail", "type": "fail", "input": {"message": "On purpose"}})
    return Flow(number, [add("sum", number), store("kept", number), fail], status="failed")


def two_effects(number):
    """Two commits: the second effect never joins the first one's."""
    return Flow(number, [add("sum", number), store("first", number), add("more", number), store("second", number)])


KINDS = [demo, pure, one_effect, two_effects]

# What the demo profile asks for a calculation.
PRICE = 5
# The output of a step that cannot be predicted.
ANY = object()


class Workflow:
    """A flow that each user stores once and queues often: three steps, of which the first gets the run's input."""

    def __init__(self, name, tasks, given, outputs, effects=lambda _: [], items=lambda _: [],
                 status="completed"):
        self.name, self.tasks, self.status = name, tasks, status
        # Of a number: the input, what the steps give, the pairs that they keep.
        self.given, self.outputs, self.effects = given, outputs, effects
        # Of a number: the inputs of the runs of NOTES that it starts itself.
        self.items = items
        self.price = PRICE * sum(task["type"].startswith("calc.") for task in tasks)

    @property
    def draft(self):
        return {"name": self.name, "flow": chain(self.name, self.tasks)}


def task(name, kind, **rest):
    return {"name": name, "type": kind} | rest


def note(number, part=0):
    return {"name": f"queued-{number}-{part}", "value": number}


def kept(value):
    """The pair that data.store keeps of an input, and what it gives."""
    named = value if "value" in value else {"name": "result", "value": value}
    return (named["name"], named["value"]), named


SIX = task("six", "calc.multiplication", input={"arguments": [2, 3]})
ADD = task("sum", "calc.addition")

PURE = Workflow(
    "pure", [ADD, task("root", "calc.square_root", input={"arguments": [144]}), SIX],
    lambda number: {"arguments": [number, 1]}, lambda number: [{"result": number + 1}, {"result": 12}, {"result": 6}])
# Each step begins a transaction of its own; all write the same document.
NOTES = Workflow(
    "notes", [task(name, "data.store") for name in ("first", "second", "third")],
    note, lambda number: [note(number)] * 3, lambda number: [kept(note(number))[0]] * 3)
MIXED = Workflow(
    "mixed", [ADD, task("kept", "data.store"), SIX], PURE.given,
    lambda number: [{"result": number + 1}, kept({"result": number + 1})[1], {"result": 6}],
    lambda number: [kept({"result": number + 1})[0]])


def pausing(seconds):
    return Workflow(
        f"pausing {seconds}", [task("kept", "data.store"), task("pause", "wait", input={"seconds": seconds}), SIX],
        note, lambda number: [note(number), ANY, {"result": 6}], lambda number: [kept(note(number))[0]])


def family(name, kind, given, item_count, gathered):
    """One that starts runs of NOTES and waits for them, before an effect of its own."""
    def items(number):
        return [note(number, part) for part in range(item_count)]

    def result(number):
        return gathered(items(number))
    return Workflow(
        name, [task("children", kind), SIX,
               task("kept", "data.store")],
        lambda number: given(items(number)), lambda number: [result(number), {"result": 6}, kept({"result": 6})[1]],
        lambda _: [kept({"result": 6})[0]], items)


RETRYING = Workflow(
    "retrying", [ADD, task("kept", "data.store"), task("hopeless", "fail", retry={
        "max_attempts": 3, "initial_delay": 0.2, "jitter": 0})],
    PURE.given, lambda number: [*MIXED.outputs(number)[:2], None], MIXED.effects, status="failed")

# Stands for the id of the user's NOTES in an input.
NOTES_ID = "(notes)"
CALLING = family(
    "calling", "flow.run", lambda items: {"workflow": NOTES_ID, "input": items[0]}, 1, lambda items: items[0])
MAPPING = family("mapping", "map", lambda items: {"workflow": NOTES_ID, "items": items}, 3, lambda items: items)

PAUSING, LONG_PAUSING = pausing(0.1), pausing(3)
WORKFLOWS = [PURE, NOTES, MIXED, PAUSING, LONG_PAUSING, RETRYING, CALLING, MAPPING]
# So often each is queued.
WEIGHTS = [6, 6, 6, 1, 1, 1, 1, 1]
