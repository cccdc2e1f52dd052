/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int exit_of_errno(int code)
{
    return code == EACCES || code == EPERM ? JV_EXIT_NO_PERMISSION : JV_EXIT_NO_DAEMON;
}

/* -1: errno tells. */
static int connect_to(const struct jv_cli *cli, const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = JV_CLIENT_WAIT_S};
    int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s.sock", cli->run_dir, name);
    if (len < 0 || (size_t)len >= sizeof(addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
        connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        int saved = errno;
        (void)close(fd); /* nothing was sent */
        errno = saved;
        return -1;
    }
    return fd;
}

static bool send_request(int fd, const char *cmd, json_t *args)
{
    json_t *request = args == NULL ? json_object() : args;
    json_object_set_new(request, "id", json_integer(1));
    json_object_set_new(request, "cmd", json_string(cmd));
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL) {
        return false;
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* in the place of the NUL: the socket takes bytes */
    bool is_out = send(fd, text, len + 1U, MSG_NOSIGNAL) == (ssize_t)(len + 1U);
    free(text);
    return is_out;
}

static bool is_control(const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digit = strchr(digits, hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] | 0x20 : hex[i]);
        if (digit == NULL || *digit == '\0') {
            return false; /* the parser refuses it */
        }
        code = code << 4 | (uint32_t)(digit - digits);
    }
    return (code < 0x20 && code != '\n') || (code >= 0x7f && code < 0xa0);
}

void jv_client_soften(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_c1 = i + 1 < len && (uint8_t)text[i] == 0xc2 && (uint8_t)text[i + 1] < 0xa0;
        if (text[i] == 0x7f || is_c1) {
            memset(text + i, '?', is_c1 ? 2 : 1);
        } else if (text[i] == '\\' && i + 1 < len) {
            if (text[i + 1] == 'u' && i + 5 < len && is_control(text + i + 2)) {
                memcpy(text + i + 2, "003f", 4);
            } else if (text[i + 1] != '\0' && strchr("bfrt", text[i + 1]) != NULL) {
                memset(text + i, '?', 2);
            }
            i++;
        }
    }
}

/* One line, or NULL. */
static json_t *read_reply(int fd)
{
    char *text = malloc(JV_CLIENT_REPLY_BYTES);
    size_t len = 0;
    json_t *reply = NULL;
    while (text != NULL && len < JV_CLIENT_REPLY_BYTES) {
        ssize_t got = recv(fd, text + len, JV_CLIENT_REPLY_BYTES - len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        const char *end = memchr(text, '\n', len);
        if (end != NULL) {
            jv_client_soften(text, (size_t)(end - text));
            reply = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
            break;
        }
    }
    free(text);
    return reply;
}

static int exit_of_error(const char *code)
{
    static const struct {
        const char *code;
        enum jv_exit exit;
    } table[] = {{"permission", JV_EXIT_NO_PERMISSION},
                 {"denied", JV_EXIT_DENIED},
                 {"no_session", JV_EXIT_NO_SESSION},
                 {"bad_config", JV_EXIT_BAD_CONFIG},
                 {"usage", JV_EXIT_USAGE}};
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        if (strcmp(table[i].code, code) == 0) {
            return (int)table[i].exit;
        }
    }
    return JV_EXIT_FAILED;
}

static json_t *take_result(const struct jv_cli *cli, json_t *reply, bool is_quiet, int *exit_out)
{
    if (json_is_true(json_object_get(reply, "ok"))) {
        json_t *result = json_incref(json_object_get(reply, "result"));
        json_decref(reply);
        return result;
    }
    const char *code = json_string_value(json_object_get(reply, "error"));
    const char *text = json_string_value(json_object_get(reply, "message"));
    *exit_out = exit_of_error(code == NULL ? "" : code);
    if (!is_quiet) {
        (void)fprintf(stderr, "%s: %s\n", cli->program, text == NULL ? "no answer" : text);
    }
    json_decref(reply);
    return NULL;
}

json_t *jv_client_call(const struct jv_cli *cli, const char *name, const char *cmd, json_t *args,
                       bool is_quiet, int *exit_out)
{
    int fd = connect_to(cli, name);
    if (fd < 0) {
        *exit_out = exit_of_errno(errno);
        if (!is_quiet) {
            (void)fprintf(stderr, "%s: %s: %s\n", cli->program, name,
                          *exit_out == JV_EXIT_NO_PERMISSION ? "permission denied" : "not running");
        }
        json_decref(args);
        return NULL;
    }
    json_t *reply = send_request(fd, cmd, args) ? read_reply(fd) : NULL;
    (void)close(fd); /* the answer is here, or none will come */
    return take_result(cli, reply, is_quiet, exit_out);
}

/* A killed daemon leaves its socket behind; one that may not be asked is there all the same. */
static bool is_alive(const struct jv_cli *cli, const char *name)
{
    int fd = connect_to(cli, name);
    if (fd < 0) {
        return errno == EACCES || errno == EPERM || errno == EAGAIN;
    }
    (void)close(fd); /* nothing was asked */
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

uint32_t jv_client_profiles(const struct jv_cli *cli,
                            char names[JV_CLIENT_PROFILES_MAX][JV_CLIENT_NAME_BYTES])
{
    uint32_t len = 0;
    DIR *dir = opendir(cli->run_dir);
    const struct dirent *entry;
    while (dir != NULL && len < JV_CLIENT_PROFILES_MAX && (entry = readdir(dir)) != NULL) {
        size_t n = strlen(entry->d_name);
        if (n > 5U && n - 5U < JV_CLIENT_NAME_BYTES &&
            strcmp(entry->d_name + n - 5U, ".sock") == 0) {
            memcpy(names[len], entry->d_name, n - 5U);
            names[len][n - 5U] = '\0';
            len += is_alive(cli, names[len]);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* only read */
    }
    qsort(names, len, sizeof(names[0]), compare_names);
    return len;
}

bool jv_client_profile(const struct jv_cli *cli, const char *given, char out[JV_CLIENT_NAME_BYTES],
                       int *exit_out)
{
    char names[JV_CLIENT_PROFILES_MAX][JV_CLIENT_NAME_BYTES];
    if (given != NULL) {
        (void)snprintf(out, JV_CLIENT_NAME_BYTES, "%s", given);
        return true;
    }
    uint32_t len = jv_client_profiles(cli, names);
    if (len == 1) {
        memcpy(out, names[0], JV_CLIENT_NAME_BYTES);
        return true;
    }
    *exit_out = len == 0 ? JV_EXIT_NO_DAEMON : JV_EXIT_USAGE;
    (void)fprintf(stderr, "%s: %s\n", cli->program,
                  len == 0 ? "nothing is running" : "more than one profile is running: name one");
    return false;
}
