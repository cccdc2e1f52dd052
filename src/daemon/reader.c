/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "helper.h"
#include "log.h"
#include "sandbox.h"

#define STEP_BYTES 128U

struct jv_reader {
    int fd; /* -1: the process is gone */
    const char *file;
    char path[JV_CONF_PATH_BYTES * 4U];
};

/* Both ends are the same program, so the configuration travels as it lies in memory; `users` follows it. */
struct head {
    enum jv_err err;
    uint32_t lines, errors, policy_errors, dropped;
    uint32_t users;
};

static bool send_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static bool recv_all(int fd, void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = recv(fd, at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        len -= (size_t)got;
    }
    return true;
}

/* ---- the process ---- */

static bool answer(int fd, const char *path)
{
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    struct head head = {.err = jv_config_load(path, &config, &diag)};
    head.lines = diag.len;
    head.errors = diag.errors;
    head.policy_errors = diag.policy_errors;
    head.dropped = diag.dropped;
    head.users = config == NULL ? 0 : config->users_len;
    bool is_sent = send_all(fd, &head, sizeof(head));
    for (uint32_t i = 0; is_sent && i < diag.len; i++) {
        char line[JV_DIAG_LINE_BYTES] = {0};
        (void)snprintf(line, sizeof(line), "%s", diag.lines[i]);
        is_sent = send_all(fd, line, sizeof(line));
    }
    if (config != NULL) {
        is_sent = is_sent && send_all(fd, config, sizeof(*config)) &&
                  send_all(fd, config->users, head.users * sizeof(config->users[0]));
    }
    jv_config_free(config);
    jv_diag_fini(&diag);
    return is_sent;
}

static _Noreturn void fail(int fd, const char *step)
{
    char text[STEP_BYTES] = {0};
    (void)snprintf(text, sizeof(text), "%s: %s", step, strerror(errno));
    (void)send_all(fd, text, sizeof(text)); /* where that fails too, the end of the socket tells */
    _exit(1);
}

static _Noreturn void serve(int fd, const char *path)
{
    static const char ready[STEP_BYTES];
    const char *step = "";
    char request = 0;
    if (jv_sandbox_enter_reader(&step) != JV_E_OK) {
        fail(fd, step);
    }
    bool is_alive = send_all(fd, ready, sizeof(ready));
    while (is_alive && recv_all(fd, &request, 1)) {
        is_alive = answer(fd, path);
    }
    _exit(0);
}

static _Noreturn void become(int fd, const char *path)
{
    const char *step = jv_helper_enter("jvd-reader", &fd);
    if (step != NULL) {
        fail(fd, step);
    }
    serve(fd, path);
}

/* ---- the daemon's side ---- */

static bool set_timeout(int fd)
{
    struct timeval wait = {.tv_sec = JV_READER_TIMEOUT_MS / 1000U};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0;
}

enum jv_err jv_reader_start(const char *path, struct jv_reader **out)
{
    int fds[2];
    struct jv_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return JV_E_NOMEM;
    }
    size_t len = strlen(path);
    if (len >= sizeof(reader->path) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        free(reader);
        return JV_E_SYSTEM;
    }
    memcpy(reader->path, path, len + 1U);
    const char *slash = strrchr(reader->path, '/');
    reader->file = slash == NULL ? reader->path : slash + 1;
    pid_t child = fork();
    if (child == 0) {
        become(fds[1], reader->path);
    }
    (void)close(fds[1]); /* the child's end */
    reader->fd = fds[0];
    if (child < 0 || !set_timeout(reader->fd)) {
        jv_log(JV_LOG_ERROR, "cannot start the reader of the profile: %s", strerror(errno));
        jv_reader_close(reader);
        return JV_E_SYSTEM;
    }
    *out = reader;
    return JV_E_OK;
}

enum jv_err jv_reader_await(struct jv_reader *reader)
{
    char step[STEP_BYTES] = "the process ended at once";
    (void)recv_all(reader->fd, step, sizeof(step)); /* where nothing came, the text stands */
    if (step[0] == '\0') {
        return JV_E_OK;
    }
    step[sizeof(step) - 1U] = '\0';
    jv_log(JV_LOG_ERROR, "cannot start the reader of the profile: %s", step);
    return JV_E_SYSTEM;
}

void jv_reader_close(struct jv_reader *reader)
{
    if (reader != NULL) {
        if (reader->fd >= 0) {
            (void)close(reader->fd); /* the process ends at the end of its input */
        }
        free(reader);
    }
}

/* After half an answer nothing on this socket can be trusted to be the beginning of the next. */
static enum jv_err give_up(struct jv_reader *reader, struct jv_diag *diag)
{
    if (reader->fd >= 0) {
        (void)close(reader->fd); /* the process ends at the end of its input */
        reader->fd = -1;
    }
    jv_diag_error(diag, reader->file, 0,
                  "cannot be read again: the process that kept the right to it has gone; restart "
                  "the daemon");
    return JV_E_SYSTEM;
}

static bool take_lines(int fd, const struct head *head, struct jv_diag *diag)
{
    for (uint32_t i = 0; i < head->lines; i++) {
        char line[JV_DIAG_LINE_BYTES];
        if (!recv_all(fd, line, sizeof(line))) {
            return false;
        }
        line[sizeof(line) - 1U] = '\0';
        char *copy = diag->len < JV_DIAG_MAX ? strdup(line) : NULL;
        if (copy != NULL) {
            diag->lines[diag->len++] = copy;
        } else {
            diag->dropped++;
        }
    }
    diag->errors += head->errors;
    diag->policy_errors += head->policy_errors;
    diag->dropped += head->dropped;
    return true;
}

static struct jv_config *take_config(int fd, const struct head *head)
{
    struct jv_config *config = calloc(1, sizeof(*config));
    bool is_whole = config != NULL && recv_all(fd, config, sizeof(*config));
    if (config != NULL) {
        /* The pointer that came is the other process's. */
        config->users = calloc(head->users + 1U, sizeof(config->users[0]));
        config->users_len = config->users == NULL ? 0 : head->users;
    }
    is_whole = is_whole && config->users != NULL &&
               recv_all(fd, config->users, head->users * sizeof(config->users[0]));
    if (!is_whole) {
        jv_config_free(config);
        return NULL;
    }
    return config;
}

enum jv_err jv_reader_load(struct jv_reader *reader, struct jv_config **out, struct jv_diag *diag)
{
    const char request = 0;
    struct head head;
    if (reader->fd < 0 || !send_all(reader->fd, &request, 1) ||
        !recv_all(reader->fd, &head, sizeof(head)) || head.users > JV_CONF_USERS_MAX ||
        !take_lines(reader->fd, &head, diag)) {
        return give_up(reader, diag);
    }
    if (head.err != JV_E_OK) {
        return head.err;
    }
    struct jv_config *config = take_config(reader->fd, &head);
    if (config == NULL) {
        return give_up(reader, diag);
    }
    *out = config;
    return JV_E_OK;
}
