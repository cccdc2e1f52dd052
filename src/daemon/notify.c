/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1;
static uint64_t watchdog_ms;

static uint64_t read_watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (text == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    return strtoull(text, NULL, 10) / 2000U;
}

void jv_notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof(addr.sun_path)) {
        return;
    }
    memcpy(addr.sun_path, path, strlen(path));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') {
        addr.sun_path[0] = '\0'; /* the abstract name space is written with '@' */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, (const struct sockaddr *)&addr, len) != 0) {
        (void)close(fd); /* nothing was written to it */
        return;
    }
    notify_fd = fd;
    watchdog_ms = read_watchdog();
}

void jv_notify_close(void)
{
    if (notify_fd >= 0) {
        (void)close(notify_fd); /* datagrams are out when send() returns */
        notify_fd = -1;
    }
}

void jv_notify_send(const char *state)
{
    if (notify_fd >= 0) {
        /* A manager that does not read is not our trouble; its watchdog tells. */
        (void)send(notify_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

uint64_t jv_notify_watchdog_ms(void)
{
    return watchdog_ms;
}
