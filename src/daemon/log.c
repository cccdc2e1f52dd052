/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

static struct {
    const char *program;
    bool is_journal, is_detached;
} log_to = {"jvd", false, false};

static int priority_of(enum jv_log_level level)
{
    switch (level) {
    case JV_LOG_ERROR:
        return LOG_ERR;
    case JV_LOG_WARNING:
        return LOG_WARNING;
    case JV_LOG_NOTICE:
        return LOG_NOTICE;
    case JV_LOG_INFO:
        return LOG_INFO;
    }
    return LOG_INFO;
}

void jv_log_open(const char *program)
{
    log_to.program = program;
    log_to.is_journal = getenv("JOURNAL_STREAM") != NULL;
}

void jv_log_detach(void)
{
    /* LOG_NDELAY: the socket is connected while the process may still open one. */
    openlog(log_to.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    log_to.is_detached = true;
}

void jv_log(enum jv_log_level level, const char *fmt, ...)
{
    char line[JV_LOG_LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args); /* a longer line is cut: it is for people */
    va_end(args);
    if (log_to.is_detached) {
        syslog(priority_of(level), "%s", line);
    } else if (log_to.is_journal) {
        (void)fprintf(stderr, "<%d>%s\n", priority_of(level), line);
    } else {
        (void)fprintf(stderr, "%s: %s\n", log_to.program, line);
    }
}
