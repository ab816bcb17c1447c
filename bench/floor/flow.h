/* POST /flow-manager: a chain of data.fetch, data.process and data.store, run and put on the record. */
#ifndef FLOW_H
#define FLOW_H

#include "json.h"

#include <libpq-fe.h>

/* Room that is used again from run to run. */
struct flow_room {
    struct text definition, input, output, steps, answers;
};

/* Runs the flow in the call for the user and writes the answer; returns its HTTP status.
 *
 * Step by step it commits the run's beginning, each step, and its end; otherwise all at once. Of flows it knows what
 * the measured ones need: tasks without inputs of their own, conditions by outcome, no loops. The rest is 422. */
int flow_run(const struct json *call, const char *user, bool step_by_step, PGconn **connection, struct arena *arena,
             struct flow_room *room, struct text *answer);

#endif
