#pragma once
#include <libpq-fe.h>

/* Swift does not import macros that are character constants. */
static const int flow_field_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int flow_field_sqlstate = PG_DIAG_SQLSTATE;
static const int flow_field_message = PG_DIAG_MESSAGE_PRIMARY;
static const int flow_field_constraint = PG_DIAG_CONSTRAINT_NAME;
static const int flow_field_function = PG_DIAG_SOURCE_FUNCTION;

/* libpq prints notices on standard error by default; this receiver discards them. */
static inline void flow_ignore_notice(void *argument, const PGresult *notice) {
    (void)argument;
    (void)notice;
}

static inline void flow_ignore_notices(PGconn *connection) {
    PQsetNoticeReceiver(connection, flow_ignore_notice, 0);
}
