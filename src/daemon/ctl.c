/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core.h"
#include "ctlreq.h"
#include "ctlsteer.h"
#include "killswitch.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "reload.h"
#include "server.h"
#include "view.h"

#define GROUPS_MAX 256U

struct connection {
    int fd; /* -1: free */
    bool may_look, may_change;
    struct jv_instant active_at;
    size_t in_len, out_len, out_done;
    char *out;
    char in[JV_CTLREQ_BYTES];
};

struct jv_ctl {
    int fd;
    uint32_t uid, gid;
    struct jv_server *server;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct connection connections[JV_CTL_CONNECTIONS];
};

/* ---- opening ---- */

static bool somebody_answers(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool is_alive = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;
    (void)close(fd); /* nothing was sent */
    return is_alive;
}

static enum jv_err bind_socket(struct jv_ctl *control)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    memcpy(addr.sun_path, control->path, sizeof(addr.sun_path));
    if (somebody_answers(&addr)) {
        return JV_E_EXISTS;
    }
    if (unlink(control->path) != 0 && errno != ENOENT) {
        return JV_E_SYSTEM;
    }
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0) {
        return JV_E_SYSTEM;
    }
    mode_t before = umask(0117); /* nobody may slip in between bind and chmod */
    int code = bind(control->fd, (const struct sockaddr *)&addr, sizeof(addr));
    int saved = errno;
    (void)umask(before);
    errno = saved;
    if (code != 0 || listen(control->fd, (int)JV_CTL_CONNECTIONS) != 0) {
        return JV_E_SYSTEM;
    }
    return JV_E_OK;
}

enum jv_err jv_ctl_open(const char *path, uint32_t uid, struct jv_ctl **out)
{
    struct jv_ctl *control = calloc(1, sizeof(*control));
    if (control == NULL) {
        return JV_E_NOMEM;
    }
    control->fd = -1;
    control->uid = uid;
    for (uint32_t i = 0; i < JV_CTL_CONNECTIONS; i++) {
        control->connections[i].fd = -1;
    }
    if (strlen(path) >= sizeof(control->path)) {
        free(control);
        return JV_E_RANGE;
    }
    memcpy(control->path, path, strlen(path) + 1U);
    enum jv_err err = bind_socket(control);
    if (err != JV_E_OK) {
        int saved = errno;
        control->path[0] = '\0'; /* not ours to remove */
        jv_ctl_close(control);
        errno = saved;
        return err;
    }
    const struct group *group = getgrnam("jv");
    control->gid = group == NULL ? (uint32_t)getegid() : (uint32_t)group->gr_gid;
    /* Without the right to give it away the socket stays this user's, who is then the one that the daemon stays. */
    if (chown(path, uid, control->gid) != 0 && errno != EPERM) {
        jv_log(JV_LOG_WARNING, "%s: %s", path, strerror(errno));
    }
    *out = control;
    return JV_E_OK;
}

/* ---- connections ---- */

static void hang_up(struct jv_ctl *control, struct connection *con)
{
    jv_loop_remove(jv_server_loop(control->server), con->fd);
    (void)close(con->fd); /* what was not read is not wanted */
    free(con->out);
    *con = (struct connection){.fd = -1};
}

static void wait_for(struct jv_ctl *control, struct connection *con, uint32_t events)
{
    if (jv_loop_change(jv_server_loop(control->server), con->fd, events) != JV_E_OK) {
        hang_up(control, con);
    }
}

static void send_out(struct jv_ctl *control, struct connection *con)
{
    while (con->out_done < con->out_len) {
        ssize_t put = send(con->fd, con->out + con->out_done, con->out_len - con->out_done,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0 && errno == EAGAIN) {
            wait_for(control, con, EPOLLOUT);
            return;
        }
        if (put < 0) {
            hang_up(control, con);
            return;
        }
        con->out_done += (size_t)put;
    }
    con->out_done = con->out_len = 0;
    wait_for(control, con, EPOLLIN);
}

static bool append(struct connection *con, const char *text, size_t len)
{
    if (con->out_len + len > JV_CTL_OUT_BYTES) {
        return false;
    }
    char *grown = realloc(con->out, con->out_len + len);
    if (grown == NULL) {
        return false;
    }
    memcpy(grown + con->out_len, text, len);
    con->out = grown;
    con->out_len += len;
    return true;
}

/* Takes `reply` over. */
static void answer(struct jv_ctl *control, struct connection *con, json_t *reply)
{
    char *text = reply == NULL ? NULL : json_dumps(reply, JSON_COMPACT);
    json_decref(reply);
    bool is_in = text != NULL && append(con, text, strlen(text)) && append(con, "\n", 1);
    free(text);
    if (!is_in) {
        hang_up(control, con);
        return;
    }
    send_out(control, con);
}

static json_t *refusal(uint64_t id, const char *code, const char *text)
{
    return json_pack("{s:I, s:b, s:s, s:s}", "id", (json_int_t)id, "ok", 0, "error", code,
                     "message", text);
}

/* ---- commands ---- */

static bool has_prefix(const struct jv_sid *sid, const char *prefix)
{
    char text[33];
    jv_view_sid(sid, text);
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct search {
    const char *prefix;
    struct jv_sid *sid; /* of the last one found */
    uint32_t found;
};

static bool look_at(void *arg, const struct jv_session_status *status, uint32_t shard)
{
    struct search *search = arg;
    (void)shard;
    if (has_prefix(&status->sid, search->prefix)) {
        *search->sid = status->sid;
        search->found++;
    }
    return search->found < 2U;
}

/* Whose id begins like this; 0: none, 1: `*out`, 2: there are several. */
static uint32_t find_session(const struct jv_server *server, const char *prefix, struct jv_sid *out)
{
    struct jv_session_status *status = calloc(1, sizeof(*status));
    struct search search = {.prefix = prefix, .sid = out};
    uint32_t cursor = 0;
    if (status != NULL) {
        (void)jv_server_sessions(server, &cursor, status, look_at, &search); /* `found` tells */
    }
    free(status);
    return search.found;
}

static json_t *done(uint64_t id, enum jv_err err)
{
    if (err == JV_E_OK) {
        return json_pack("{s:I, s:b, s:{}}", "id", (json_int_t)id, "ok", 1, "result");
    }
    const char *code = err == JV_E_REFUSED    ? "denied"
                       : err == JV_E_NOTFOUND ? "no_session"
                       : err == JV_E_STATE    ? "state"
                                              : "failed";
    return refusal(id, code, jv_err_text(err));
}

static json_t *do_terminate(struct jv_server *server, const struct jv_ctlreq *req)
{
    static const struct jv_sid none;
    struct jv_command command = {.kind = JV_CMD_DOWN};
    uint32_t found = find_session(server, req->sid, &command.sid);
    if (found > 1) {
        return refusal(req->id, "ambiguous", "more than one session begins like this");
    }
    if (found == 0 || memcmp(&command.sid, &none, sizeof(none)) == 0) {
        return done(req->id, JV_E_NOTFOUND);
    }
    return done(req->id, jv_server_command(server, &command));
}

static json_t *do_switch(struct jv_server *server, const struct jv_ctlreq *req)
{
    struct jv_command command = {.kind = JV_CMD_SWITCH,
                                 .link = jv_links_find(jv_server_links(server), req->path)};
    if (jv_server_config(server)->role != JV_CONFIG_CLIENT) {
        return refusal(req->id, "state", "only a client chooses its path");
    }
    if (command.link == 0) {
        return refusal(req->id, "no_path", "no such path");
    }
    enum jv_err err = jv_server_command(server, &command);
    return err == JV_E_NOTFOUND
               ? refusal(req->id, "state", "this path is active already, or answers no probe")
               : done(req->id, err);
}

static json_t *do_up(struct jv_server *server, uint64_t id)
{
    struct jv_command command = {.kind = JV_CMD_UP};
    if (jv_server_config(server)->role != JV_CONFIG_CLIENT) {
        return refusal(id, "state", "a gateway has no session of its own");
    }
    enum jv_err err = jv_server_command(server, &command);
    return done(id, err == JV_E_EXISTS ? JV_E_OK : err);
}

static json_t *do_reload(struct jv_server *server, uint64_t id)
{
    char why[JV_RELOAD_TEXT_BYTES];
    return jv_reload(server, why) == JV_E_OK ? done(id, JV_E_OK) : refusal(id, "bad_config", why);
}

static json_t *do_paths(const struct jv_server *server)
{
    struct jv_session_status *status = calloc(1, sizeof(*status));
    uint32_t cursor = 0;
    json_t *list = json_array();
    if (status != NULL &&
        jv_core_session(jv_server_core(server), jv_server_now(server), &cursor, status)) {
        json_decref(list);
        list = jv_view_paths(status);
    }
    free(status);
    return list;
}

static json_t *result(uint64_t id, json_t *value)
{
    return value == NULL
               ? refusal(id, "failed", jv_err_text(JV_E_NOMEM))
               : json_pack("{s:I, s:b, s:o}", "id", (json_int_t)id, "ok", 1, "result", value);
}

static json_t *do_steer(struct jv_server *server, const struct jv_ctlreq *req)
{
    struct jv_ctlsteer_refusal why = {0};
    json_t *value = jv_ctlsteer(server, req, &why);
    return value == NULL && why.code != NULL ? refusal(req->id, why.code, why.text)
                                             : result(req->id, value);
}

static json_t *execute(struct jv_ctl *control, const struct jv_ctlreq *req)
{
    struct jv_server *server = control->server;
    switch (req->cmd) {
    case JV_REQ_STATUS:
        return result(req->id, jv_view_status(server));
    case JV_REQ_SESSIONS:
        return result(req->id, jv_view_sessions(server, req->cursor));
    case JV_REQ_PATHS:
        return result(req->id, do_paths(server));
    case JV_REQ_COUNTERS:
        return result(req->id, jv_view_counters(server));
    case JV_REQ_RELOAD:
        return do_reload(server, req->id);
    case JV_REQ_DOWN:
        jv_killswitch_let_go(jv_server_killswitch(server));
        jv_server_stop(server);
        return done(req->id, JV_E_OK);
    case JV_REQ_UP:
        return do_up(server, req->id);
    case JV_REQ_TERMINATE:
        return do_terminate(server, req);
    case JV_REQ_SWITCH:
        return do_switch(server, req);
    case JV_REQ_POLICY:
    case JV_REQ_WOULD:
    case JV_REQ_HOLD:
    case JV_REQ_PROBE:
    case JV_REQ_RECOVER:
    case JV_REQ_PATH_OFF:
    case JV_REQ_PATH_ON:
    case JV_REQ_PATH_PREFER:
        return do_steer(server, req);
    case JV_REQ_END:
        break;
    }
    return refusal(req->id, "usage", "unknown cmd");
}

static void take_line(struct jv_ctl *control, struct connection *con, size_t len)
{
    struct jv_ctlreq req;
    const char *error = "";
    json_t *reply;
    con->active_at = jv_server_now(control->server);
    if (jv_ctlreq_parse(con->in, len, &req, &error) != JV_E_OK) {
        reply = refusal(req.id, "usage", error);
    } else if (!con->may_look || (jv_ctlreq_is_change(req.cmd) && !con->may_change)) {
        reply = refusal(req.id, "permission", jv_err_text(JV_E_PERM));
    } else {
        reply = execute(control, &req);
    }
    answer(control, con, reply);
}

static void on_connection(void *arg, int fd, uint32_t events)
{
    struct jv_ctl *control = arg;
    struct connection *con = NULL;
    for (uint32_t i = 0; i < JV_CTL_CONNECTIONS; i++) {
        con = control->connections[i].fd == fd ? &control->connections[i] : con;
    }
    if (con == NULL) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        send_out(control, con);
        return; /* requests are read once the replies are out */
    }
    ssize_t got = recv(fd, con->in + con->in_len, sizeof(con->in) - con->in_len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        hang_up(control, con);
        return;
    }
    con->in_len += (size_t)got;
    char *end;
    while (con->fd == fd && (end = memchr(con->in, '\n', con->in_len)) != NULL) {
        size_t len = (size_t)(end - con->in);
        take_line(control, con, len);
        if (con->fd == fd) {
            con->in_len -= len + 1U;
            memmove(con->in, end + 1, con->in_len);
        }
    }
    if (con->fd == fd && con->in_len == sizeof(con->in)) {
        hang_up(control, con); /* a line that long is no request */
    }
}

static bool is_member(const struct jv_ctl *control, int fd, const struct ucred *peer)
{
    gid_t groups[GROUPS_MAX];
    socklen_t len = sizeof(groups);
    if (peer->gid == control->gid) {
        return true;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0) {
        return false;
    }
    for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
        if (groups[i] == control->gid) {
            return true;
        }
    }
    return false;
}

static void welcome(struct jv_ctl *control, struct connection *con, int fd)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    *con = (struct connection){.fd = fd, .active_at = jv_server_now(control->server)};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
        con->may_change = peer.uid == 0 || peer.uid == control->uid;
        con->may_look = con->may_change || is_member(control, fd, &peer);
    }
    if (jv_loop_add(jv_server_loop(control->server), fd, EPOLLIN, on_connection, control) !=
        JV_E_OK) {
        (void)close(fd); /* the client sees the end and may come again */
        con->fd = -1;
    }
}

static void on_listen(void *arg, int listen_fd, uint32_t events)
{
    struct jv_ctl *control = arg;
    (void)events;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    for (uint32_t i = 0; i < JV_CTL_CONNECTIONS; i++) {
        if (control->connections[i].fd < 0) {
            welcome(control, &control->connections[i], fd);
            return;
        }
    }
    (void)close(fd); /* full: the client sees the end and may come again */
}

static void on_tick(void *arg, struct jv_instant now)
{
    struct jv_ctl *control = arg;
    for (uint32_t i = 0; i < JV_CTL_CONNECTIONS; i++) {
        struct connection *con = &control->connections[i];
        if (con->fd >= 0 && jv_since_ms(con->active_at, now) > JV_CTL_IDLE_MS) {
            hang_up(control, con);
        }
    }
}

enum jv_err jv_ctl_start(struct jv_ctl *control, struct jv_server *server)
{
    control->server = server;
    jv_server_on_tick(server, on_tick, control);
    return jv_loop_add(jv_server_loop(server), control->fd, EPOLLIN, on_listen, control);
}

void jv_ctl_close(struct jv_ctl *control)
{
    if (control == NULL) {
        return;
    }
    for (uint32_t i = 0; i < JV_CTL_CONNECTIONS; i++) {
        if (control->connections[i].fd >= 0) {
            hang_up(control, &control->connections[i]);
        }
    }
    if (control->fd >= 0) {
        if (control->server != NULL) {
            jv_loop_remove(jv_server_loop(control->server), control->fd);
        }
        (void)close(control->fd); /* a listening socket has nothing to lose */
    }
    if (control->path[0] != '\0') {
        (void)unlink(control->path); /* where it fails, the next start removes it */
    }
    free(control);
}
