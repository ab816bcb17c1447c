/* The floor: what the program does on the measured routes, by hand in C, and no more. `make bench` compares with it.
 *
 *     floor PROCESSES THREADS <listening socket on descriptor 0
 *
 * Like the program it accepts connections itself and lets libfcgi speak the protocol: the threads of a process wait on
 * one epoll set, and whichever is free serves the next ready connection. DATABASE_URL, JWT_SECRET_KEY and FLOW_GATE
 * come from the environment. */
#define _GNU_SOURCE
#include "database.h"
#include "flow.h"
#include "token.h"

#include <fcgiapp.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { LISTENER = 0, BODY_LIMIT = 1 << 16, SILENCE_LIMIT = 10 /* seconds */ };

/* What one thread owns. */
struct worker {
    FCGX_Request wire;
    PGconn *connection;
    EVP_MAC_CTX *key;
    struct arena arena;
    struct text payload, answer;
    struct flow_room room;
    char body[BODY_LIMIT + 1];
};

static int events;
static const char *gate;

static const char *param(const struct worker *worker, const char *name) {
    const char *value = FCGX_GetParam(name, worker->wire.envp);
    return value ? value : "";
}

/* ---- routes: the answer's body goes to worker->answer, its status is returned ------------------------------------ */

static const char *const account[] = {"id", "email", "username", "name", "age", "role", "created_at"};
enum { ACCOUNT_AGE = 4, ACCOUNT_FIELDS = 7 };

/* The row of the account behind the token, or NULL with the status in *status. */
static PGresult *find_principal(struct worker *worker, int *status) {
    const char *header = param(worker, "HTTP_AUTHORIZATION");
    *status = 401;
    if (strncasecmp(header, "Bearer ", 7)) return NULL;
    const struct json *claims = token_claims(worker->key, header + 7, &worker->arena, &worker->payload);
    const struct json *user = json_member(claims, "sub"), *session = json_member(claims, "sid");
    if (!user || !session || user->text.length != 38 || session->text.length != 38) return NULL;

    char ids[2][37] = {0};
    memcpy(ids[0], session->text.start + 1, 36);
    memcpy(ids[1], user->text.start + 1, 36);
    const char *values[] = {ids[0], ids[1]};
    PGresult *row = database_run(&worker->connection, &(struct call){PRINCIPAL, 2, values}, 1);
    if (row && PQntuples(row) == 1) return row;
    if (!row) *status = 500;
    PQclear(row);
    return NULL;
}

static int answer_account(struct text *answer, const PGresult *row) {
    for (int i = 0; i < ACCOUNT_FIELDS; i++) {
        const char *value = PQgetisnull(row, 0, i) ? NULL : PQgetvalue(row, 0, i);
        text_format(answer, "%c\"%s\":", i ? ',' : '{', account[i]);
        if (i == ACCOUNT_AGE && value) text_put(answer, value);
        else text_put_quoted(answer, value);
    }
    text_format(answer, ",\"credits\":{\"balance\":%s,\"held\":%s}}", PQgetvalue(row, 0, ACCOUNT_FIELDS),
                PQgetvalue(row, 0, ACCOUNT_FIELDS + 1));
    return 200;
}

static int route(struct worker *worker) {
    const char *method = param(worker, "REQUEST_METHOD"), *path = param(worker, "REQUEST_URI");
    bool is_get = !strcmp(method, "GET"), is_post = !strcmp(method, "POST");
    if (is_get && !strcmp(path, "/health")) return text_put(&worker->answer, "{\"status\":\"ok\"}"), 200;

    bool is_me = is_get && !strcmp(path, "/me");
    bool is_stepwise = is_post && !strcmp(path, "/flow-manager/stepwise");
    bool is_flow = is_post && !strcmp(path, "/flow-manager");
    if (!is_me && !is_stepwise && !is_flow) return 404;

    int status;
    PGresult *row = find_principal(worker, &status);
    if (!row) return status;
    if (is_me) {
        status = answer_account(&worker->answer, row);
    } else {
        const struct json *call = json_parse(&worker->arena, worker->body);
        status = flow_run(call, PQgetvalue(row, 0, 0), is_stepwise, &worker->connection, &worker->arena, &worker->room,
                          &worker->answer);
    }
    PQclear(row);
    return status;
}

/* ---- one request ------------------------------------------------------------------------------------------------- */

/* Reads STDIN to its end, whatever was announced: what stays unread would be taken for the next request's records. */
static bool read_body(struct worker *worker) {
    FCGX_Stream *in = worker->wire.in;
    int length = FCGX_GetStr(worker->body, BODY_LIMIT, in), surplus = 0;
    worker->body[length] = 0;
    for (char rest[1024]; length == BODY_LIMIT && FCGX_GetStr(rest, sizeof rest, in) > 0;) surplus = 1;
    return !surplus && !FCGX_GetError(in) && length == atoi(param(worker, "CONTENT_LENGTH"));
}

static bool has_passed_gate(const struct worker *worker) {
    const char *given = param(worker, "FLOW_GATE");
    return strlen(given) == strlen(gate) && !CRYPTO_memcmp(given, gate, strlen(gate));
}

static void write_answer(struct worker *worker, int status) {
    struct text *answer = &worker->answer;
    if (status != 200) {
        text_clear(answer);
        text_format(answer, "{\"message\":\"The status is %d\"}", status);
    }
    char head[512];
    int length = snprintf(head, sizeof head,
                          "Status: %d\r\nContent-Type: application/json; charset=utf-8\r\nX-Request-Id: %.64s\r\n"
                          "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n\r\n",
                          status, param(worker, "REQUEST_ID"), answer->length);
    FCGX_PutStr(head, length, worker->wire.out);
    FCGX_PutStr(answer->bytes, (int)answer->length, worker->wire.out);
}

/* Serves the request that has arrived; false when the connection is closed afterwards. */
static bool serve(struct worker *worker, int descriptor) {
    worker->wire.ipcFd = descriptor;
    worker->wire.keepConnection = 1; /* else FCGX_Accept_r closes it as the remains of a request before */
    if (FCGX_Accept_r(&worker->wire)) return false;

    worker->arena.used = 0;
    text_clear(&worker->answer);
    bool is_whole = read_body(worker);
    if (has_passed_gate(worker)) write_answer(worker, is_whole ? route(worker) : 400);
    if (!is_whole) worker->wire.keepConnection = 0;
    FCGX_Finish_r(&worker->wire);
    return worker->wire.ipcFd >= 0;
}

/* ---- threads and processes --------------------------------------------------------------------------------------- */

static int accept_connection(void) {
    int descriptor = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor < 0) return -1;
    const struct timeval limit = {.tv_sec = SILENCE_LIMIT};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return descriptor;
}

/* An idle connection is armed for one event, so that one thread gets it. */
static void *work_on(void *unused) {
    (void)unused;
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker) abort();
    worker->key = token_key(getenv("JWT_SECRET_KEY"));
    FCGX_InitRequest(&worker->wire, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    for (;;) {
        struct epoll_event event;
        if (epoll_wait(events, &event, 1, -1) != 1) continue;
        bool is_new = event.data.fd == LISTENER;
        int descriptor = is_new ? accept_connection() : event.data.fd;
        if (descriptor < 0 || !serve(worker, descriptor)) continue;
        event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.fd = descriptor};
        epoll_ctl(events, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
    }
    return NULL;
}

int main(int count, char **arguments) {
    int processes = count == 3 ? atoi(arguments[1]) : 0, threads = count == 3 ? atoi(arguments[2]) : 0;
    gate = getenv("FLOW_GATE");
    if (processes < 1 || threads < 1 || !gate || !getenv("JWT_SECRET_KEY") || !getenv("DATABASE_URL")) {
        fputs("usage: floor PROCESSES THREADS, with the settings and the socket that it needs\n", stderr);
        return 2;
    }
    while (--processes > 0 && fork() > 0) {}
    if (processes > 0) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a child ends with the first process */

    FCGX_Init();
    signal(SIGTERM, SIG_DFL); /* libfcgi's own handler does not end anything */
    events = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listening = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = LISTENER};
    if (events < 0 || epoll_ctl(events, EPOLL_CTL_ADD, LISTENER, &listening)) return perror("floor"), 1;
    for (pthread_t thread; --threads > 0;) pthread_create(&thread, NULL, work_on, NULL);
    work_on(NULL);
    return 0;
}
