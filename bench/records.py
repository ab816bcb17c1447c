"""Where the servers put their runs."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Record:
    database: str
    empty: tuple[str, ...]
    count: str  # selects how many runs were completed, how many were not (yet), and how many steps there are


PROGRAM = Record("flow_manager", ("TRUNCATE executions, steps, queue CASCADE", "VACUUM documents"), """
    SELECT count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status <> 'completed'),
        (SELECT count(*) FROM steps) FROM executions""")

DBOS = Record(
    "dbos",
    ("TRUNCATE dbos.workflow_status, dbos.workflow_input, dbos.workflow_output, dbos.operation_outputs CASCADE",), """
    SELECT count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status <> 'SUCCESS'),
        (SELECT count(*) FROM dbos.operation_outputs) FROM dbos.workflow_status""")
