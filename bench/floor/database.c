#include "database.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define NEW_STEPS(execution, rows) \
    "INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, error, condition, next, started_us, " \
    "duration_us) SELECT " execution "::uuid, s.* FROM json_to_recordset(" rows ") AS s (seq integer, task text, " \
    "type text, status step_status, attempt integer, output json, error json, condition text, next text, " \
    "started_us bigint, duration_us bigint)"

/* The program's own, but for the last three, which put a run on the record step by step. */
static const struct {
    const char *name, *sql;
} statements[STATEMENTS] = {
    [PRINCIPAL] = {"principal", "SELECT u.id, u.email, u.username, u.name, u.age, u.role, rfc3339(u.created_at), "
                                "coalesce(c.balance, 0), coalesce(c.held, 0) "
                                "FROM sessions s JOIN users u ON u.id = s.user_id "
                                "LEFT JOIN credits c ON c.user_id = u.id "
                                "WHERE s.id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND s.expires_at > now() "
                                "AND u.disabled_at IS NULL"},
    [FETCH] = {"fetch", "SELECT value, rfc3339(updated_at) FROM documents WHERE user_id = $1 AND name = $2"},
    [STORE] = {"store", "INSERT INTO documents (user_id, name, value) VALUES ($1, $2, $3) "
                        "ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, updated_at = now()"},
    [RECORD] = {"record", "WITH opened AS (INSERT INTO executions "
                          "(id, user_id, flow, input, status, stopped_at, created_at, finished_at) "
                          "VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() - $7 * interval '1 microsecond', "
                          "clock_timestamp())) " NEW_STEPS("$8", "$9")},
    [OPEN_RUN] = {"open_run", "INSERT INTO executions (id, user_id, flow, input, status, created_at) "
                              "VALUES ($1, $2, $3, $4, 'running', clock_timestamp())"},
    [ADD_STEP] = {"add_step", NEW_STEPS("$1", "$2")},
    [END_RUN] = {"end_run", "UPDATE executions SET status = $2, finished_at = clock_timestamp() "
                            "WHERE id = $1 AND status = 'running'"},
};

static bool prepare(PGconn *connection) {
    for (int i = 0; i < STATEMENTS; i++) {
        PGresult *result = PQprepare(connection, statements[i].name, statements[i].sql, 0, NULL);
        bool is_prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (!is_prepared) return false;
    }
    return PQenterPipelineMode(connection);
}

static PGconn *open_connection(void) {
    const char *names[] = {"dbname", "options", NULL};
    const char *values[] = {
        getenv("DATABASE_URL"),
        /* Limits cost the server timers; these are the program's, and so is how it has statements planned. */
        "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC "
        "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan",
        NULL,
    };
    PGconn *connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(connection) == CONNECTION_OK && prepare(connection)) return connection;
    fprintf(stderr, "floor: %s", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

static bool send_calls(PGconn *connection, const struct call *calls, int count) {
    for (int i = 0; i < count; i++) {
        const char *name = statements[calls[i].statement].name;
        if (!PQsendQueryPrepared(connection, name, calls[i].count, calls[i].values, NULL, NULL, 0)) return false;
    }
    return PQpipelineSync(connection);
}

PGresult *database_run(PGconn **connection, const struct call *calls, int count) {
    if (!*connection) *connection = open_connection();
    if (!*connection) return NULL;

    PGresult *last = NULL;
    bool is_done = send_calls(*connection, calls, count);
    for (int i = 0; is_done && i < count; i++) {
        PQclear(last);
        last = PQgetResult(*connection);
        is_done = PQresultStatus(last) == PGRES_COMMAND_OK || PQresultStatus(last) == PGRES_TUPLES_OK;
        if (is_done) PQclear(PQgetResult(*connection)); /* the NULL between one statement's results and the next's */
    }
    if (is_done) {
        PGresult *end = PQgetResult(*connection);
        is_done = PQresultStatus(end) == PGRES_PIPELINE_SYNC;
        PQclear(end);
    }
    if (is_done) return last;

    fprintf(stderr, "floor: %s", PQerrorMessage(*connection));
    PQclear(last);
    PQfinish(*connection);
    *connection = NULL;
    return NULL;
}
