#include "flow.h"

#include "database.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { STEP_LIMIT = 100 };

struct run {
    PGconn **connection;
    struct arena *arena;
    struct flow_room *room;
    const char *user;
    bool step_by_step;
    const char *kept; /* what the last step stores: it goes with its commit */
    char id[37];
    struct timespec start;
};

typedef bool work(struct run *run);

/* A task and the condition that leads on from it, if there is one. */
struct step {
    const struct json *task, *condition, *next;
    const char *type;
    work *work;
};

/* A UUIDv7 (RFC 9562, section 5.7). */
static void make_id(char id[37]) {
    struct timespec now;
    uint64_t bits[2];
    clock_gettime(CLOCK_REALTIME, &now);
    if (getrandom(bits, sizeof bits, 0) != sizeof bits) abort();
    uint64_t milliseconds = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    bits[0] = milliseconds << 16 | 0x7000 | (bits[0] & 0xFFF);
    bits[1] = UINT64_C(1) << 63 | bits[1] >> 2;
    snprintf(id, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(bits[0] >> 32), (unsigned)(bits[0] >> 16) & 0xFFFF,
             (unsigned)bits[0] & 0xFFFF, (unsigned)(bits[1] >> 48), (unsigned long long)bits[1] & 0xFFFFFFFFFFFF);
}

static long long elapsed_microseconds(const struct run *run) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - run->start.tv_sec) * 1000000LL + (now.tv_nsec - run->start.tv_nsec) / 1000;
}

/* ---- the tasks: from room->input to room->output; false when the database failed -------------------------------- */

static bool fetch(struct run *run) {
    const char *values[] = {run->user, "input"};
    PGresult *rows = database_run(run->connection, &(struct call){FETCH, 2, values}, 1);
    if (!rows) return false;
    static const char demo_table[] = "{\"rows\":[{\"value\":3},{\"value\":5},{\"value\":8},{\"value\":13}]}";
    text_put(&run->room->output, PQntuples(rows) ? PQgetvalue(rows, 0, 0) : demo_table);
    PQclear(rows);
    return true;
}

struct statistics {
    long count;
    double sum, min, max;
};

static void collect(const struct json *value, struct statistics *found) {
    for (const struct json *child = value->first; child; child = child->next) collect(child, found);
    if (value->kind != '0') return;
    double number = strtod(value->text.start, NULL);
    if (!found->count || number < found->min) found->min = number;
    if (!found->count || number > found->max) found->max = number;
    found->sum += number;
    found->count++;
}

static bool process(struct run *run) {
    struct statistics found = {0};
    const struct json *input = json_parse(run->arena, run->room->input.bytes);
    if (input) collect(input, &found);
    if (!found.count) {
        text_put(&run->room->output, "{\"count\":0,\"sum\":0,\"min\":null,\"max\":null,\"mean\":null}");
    } else {
        text_format(&run->room->output, "{\"count\":%ld,\"sum\":%.15g,\"min\":%.15g,\"max\":%.15g,\"mean\":%.15g}",
                    found.count, found.sum, found.min, found.max, found.sum / (double)found.count);
    }
    return true;
}

static bool store(struct run *run) {
    run->kept = run->room->input.bytes;
    text_put(&run->room->output, "{\"name\":\"result\",\"value\":");
    text_add(&run->room->output, run->room->input.bytes, run->room->input.length);
    text_put(&run->room->output, "}");
    return true;
}

static const struct {
    const char *names[3]; /* the type's own first, then what tasks without a type may be called */
    work *work;
} task_types[] = {
    {{"data.fetch", "fetch_data", "task1"}, fetch},
    {{"data.process", "process_data", "task2"}, process},
    {{"data.store", "store_data", "task3"}, store},
};

/* ---- the chain: known before the first step, as these tasks never fail ------------------------------------------- */

static bool find_type(struct step *step) {
    const struct json *type = json_member(step->task, "type");
    if (!type) type = json_member(step->task, "name");
    for (size_t i = 0; i < 3; i++) {
        for (size_t name = 0; name < 3; name++) {
            if (!json_is_string(type, task_types[i].names[name])) continue;
            step->type = task_types[i].names[0];
            step->work = task_types[i].work;
            return !json_member(step->task, "input");
        }
    }
    return false;
}

static const struct json *find_by(const char *member, const struct json *name, const struct json *array) {
    if (!array || !name) return NULL;
    for (const struct json *element = array->first; element; element = element->next) {
        const struct json *value = json_member(element, member);
        if (value && slices_are_equal(value->text, name->text)) return element;
    }
    return NULL;
}

/* The number of steps from start to end, or 0 if the flow cannot be run. */
static int read_chain(const struct json *flow, struct step steps[STEP_LIMIT]) {
    const struct json *tasks = json_member(flow, "tasks"), *conditions = json_member(flow, "conditions");
    const struct json *name = json_member(flow, "start_task");
    if (!json_member(flow, "id") || !json_member(flow, "name")) return 0;
    int count = 0;
    while (name && !json_is_string(name, "end")) {
        if (count == STEP_LIMIT) return 0;
        struct step *step = &steps[count++];
        *step = (struct step){.task = find_by("name", name, tasks)};
        if (!step->task || !find_type(step)) return 0;
        step->condition = find_by("source_task", name, conditions);
        if (json_member(step->condition, "when")) return 0;
        if (step->work == store && step->condition) return 0;
        bool is_met = !json_is_string(json_member(step->condition, "outcome"), "failure");
        name = step->next = json_member(step->condition, is_met ? "target_task_success" : "target_task_failure");
    }
    return count;
}

/* ---- the record -------------------------------------------------------------------------------------------------- */

static void put_member(struct text *text, const char *name, const struct json *value) {
    if (!value) return;
    text_put(text, name);
    text_put_slice(text, value->text);
}

static void note(struct run *run, int number, const struct step *step, long long started) {
    long long duration = elapsed_microseconds(run) - started;
    const struct json *name = json_member(step->task, "name"), *condition = json_member(step->condition, "name");
    struct flow_room *room = run->room;

    text_format(&room->steps, "%s{\"seq\":%d,\"type\":\"%s\",\"status\":\"success\",\"attempt\":1,\"started_us\":%lld,"
                "\"duration_us\":%lld", room->steps.length > 1 ? "," : "", number, step->type, started, duration);
    put_member(&room->steps, ",\"task\":", name);
    put_member(&room->steps, ",\"condition\":", condition);
    put_member(&room->steps, ",\"next\":", step->next);
    text_put(&room->steps, ",\"output\":");
    text_add(&room->steps, room->output.bytes, room->output.length);
    text_put(&room->steps, "}");

    put_member(&room->answers, number > 1 ? ",{\"task_name\":" : "{\"task_name\":", name);
    text_format(&room->answers, ",\"type\":\"%s\",\"status\":\"success\",\"attempt\":1,\"data\":", step->type);
    text_add(&room->answers, room->output.bytes, room->output.length);
    text_put(&room->answers, ",\"error\":null");
    if (step->condition) {
        put_member(&room->answers, ",\"condition\":", condition);
        put_member(&room->answers, ",\"next\":", step->next);
    } else {
        text_put(&room->answers, ",\"condition\":null,\"next\":null");
    }
    text_format(&room->answers, ",\"duration_ms\":%.3f}", (double)duration / 1000);
}

/* One statement and, where a task has something to store, one more: what goes in one round trip is a transaction. */
static bool commit(struct run *run, struct call call) {
    const char *values[] = {run->user, "result", run->kept};
    const struct call calls[] = {{STORE, 3, values}, call};
    PGresult *result = database_run(run->connection, run->kept ? calls : &calls[1], run->kept ? 2 : 1);
    bool is_done = result;
    run->kept = NULL;
    PQclear(result);
    return is_done;
}

static bool commit_step(struct run *run) {
    text_put(&run->room->steps, "]");
    const char *values[] = {run->id, run->room->steps.bytes};
    bool is_done = commit(run, (struct call){ADD_STEP, 2, values});
    text_clear(&run->room->steps);
    text_put(&run->room->steps, "[");
    return is_done;
}

static bool commit_all(struct run *run, const char *input) {
    char elapsed[24];
    snprintf(elapsed, sizeof elapsed, "%lld", elapsed_microseconds(run));
    text_put(&run->room->steps, "]");
    const char *values[] = {run->id, run->user, run->room->definition.bytes, input, "completed", NULL, elapsed,
                            run->id, run->room->steps.bytes};
    return commit(run, (struct call){RECORD, 9, values});
}

static bool run_steps(struct run *run, const struct step *steps, int count, const char *input) {
    struct flow_room *room = run->room;
    const char *opening[] = {run->id, run->user, room->definition.bytes, input};
    if (run->step_by_step && !commit(run, (struct call){OPEN_RUN, 4, opening})) return false;

    text_put(&room->output, input);
    for (int i = 0; i < count; i++) {
        struct text previous = room->input;
        room->input = room->output;
        room->output = previous;
        text_clear(&room->output);
        long long started = elapsed_microseconds(run);
        if (!steps[i].work(run)) return false;
        note(run, i + 1, &steps[i], started);
        if (run->step_by_step && !commit_step(run)) return false;
    }

    const char *ending[] = {run->id, "completed"};
    return run->step_by_step ? commit(run, (struct call){END_RUN, 2, ending}) : commit_all(run, input);
}

int flow_run(const struct json *call, const char *user, bool step_by_step, PGconn **connection, struct arena *arena,
             struct flow_room *room, struct text *answer) {
    struct step steps[STEP_LIMIT];
    const struct json *flow = json_member(call, "flow"), *given = json_member(call, "input");
    int count = read_chain(flow, steps);
    if (!count) return 422;

    struct text *fresh[] = {&room->definition, &room->input, &room->output, &room->steps, &room->answers};
    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++) text_clear(fresh[i]);
    text_put_slice(&room->definition, flow->text);
    text_put(&room->steps, "[");
    char *input = given ? strndup(given->text.start, given->text.length) : strdup("{}");

    struct run run = {connection, arena, room, user, step_by_step, NULL, "", {0}};
    make_id(run.id);
    clock_gettime(CLOCK_MONOTONIC, &run.start);
    bool is_done = run_steps(&run, steps, count, input);
    free(input);
    if (!is_done) return 500;

    text_format(answer, "{\"message\":\"Task completed successfully!\",\"execution_id\":\"%s\"", run.id);
    put_member(answer, ",\"flow_id\":", json_member(flow, "id"));
    put_member(answer, ",\"flow_name\":", json_member(flow, "name"));
    text_put(answer, ",\"status\":\"completed\",\"stopped_at\":null,\"result\":");
    text_add(answer, room->output.bytes, room->output.length);
    text_format(answer, ",\"credits_charged\":0,\"duration_ms\":%.3f,\"executed_tasks\":[",
                (double)elapsed_microseconds(&run) / 1000);
    text_add(answer, room->answers.bytes, room->answers.length);
    text_put(answer, "]}");
    return 200;
}
