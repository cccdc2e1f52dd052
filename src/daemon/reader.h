/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_READER_H
#define JV_DAEMON_READER_H
/*
 * reader -- a process that keeps the right to read the profile and its key files after the daemon has given it up.
 *
 * It is forked by root before the privileges go, and does one thing: on request it loads the one profile that it was started
 * for, with the key and policy files which that profile names, and hands the result or the findings back. What it reads is
 * decided by the file alone: a request is one byte and carries nothing. It ends with the daemon.
 *
 * Owns     the process and one end of a socket pair.
 * Limits   those of config.h; an answer that takes longer than JV_READER_TIMEOUT_MS is no answer, and the last one.
 * Threads  the loop's; jv_reader_start() while there is only one.
 */
#include "base.h"
#include "config.h"
#include "errors.h"

#define JV_READER_TIMEOUT_MS 10000U

struct jv_reader;

/* `path` is absolute. The process locks itself in while the caller goes on. JV_E_SYSTEM: it could not be made; logged. */
JV_MUST_USE enum jv_err jv_reader_start(const char *path, struct jv_reader **out);
/* Once, before the first request and before any packet is read. JV_E_SYSTEM: it could not be locked in; logged. */
JV_MUST_USE enum jv_err jv_reader_await(struct jv_reader *reader);
/* As jv_config_load() for the path of the start. JV_E_SYSTEM with a line in `diag`: also where the process has gone. */
JV_MUST_USE enum jv_err jv_reader_load(struct jv_reader *reader, struct jv_config **out,
                                       struct jv_diag *diag);
/* The process ends by itself. NULL is ignored. */
void jv_reader_close(struct jv_reader *reader);
#endif /* JV_DAEMON_READER_H */
