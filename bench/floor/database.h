/* One thread's connection: prepared statements in libpq's pipeline mode. */
#ifndef DATABASE_H
#define DATABASE_H

#include <libpq-fe.h>

enum statement { PRINCIPAL, FETCH, STORE, RECORD, OPEN_RUN, ADD_STEP, END_RUN, STATEMENTS };

struct call {
    enum statement statement;
    int count;
    const char *const *values;
};

/* Sends the calls in one round trip, which is a transaction. The result of the last, or NULL if one failed: then none
 * is in force, unless only the answer was lost, and the connection is a new one. Connects first where *connection is
 * NULL. */
PGresult *database_run(PGconn **connection, const struct call *calls, int count);

#endif
