/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_LOG_H
#define JV_DAEMON_LOG_H
/*
 * log -- messages of the daemon for its operator: standard error, journald by prefix, or syslog once detached.
 *
 * What happens to sessions is the audit's business; here stand only what the daemon itself does and fails at. Addresses never
 * appear above debug, keys never at all.
 *
 * Limits   JV_LOG_LINE_BYTES a line.
 * Threads  any.
 */
#include "base.h"

#define JV_LOG_LINE_BYTES 512U

enum jv_log_level { JV_LOG_ERROR, JV_LOG_WARNING, JV_LOG_NOTICE, JV_LOG_INFO };

/* Standard error; with "<n>" prefixes where JOURNAL_STREAM says that journald reads it. */
void jv_log_open(const char *program);
/* From here on to syslog: the process is about to give up its standard error. */
void jv_log_detach(void);
void jv_log(enum jv_log_level level, const char *fmt, ...) JV_PRINTF(2, 3);
#endif /* JV_DAEMON_LOG_H */
