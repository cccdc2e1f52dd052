/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_CTLREQ_H
#define JV_DAEMON_CTLREQ_H
/*
 * ctlreq -- one line of the control socket: {"id":1,"cmd":"terminate","sid":"3f9c7a21..."}.
 *
 * Strict: an object with known members only, each of its type, none twice, nothing behind it.
 *
 * Limits   JV_CTLREQ_BYTES a line.
 * Threads  any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "errors.h"

#define JV_CTLREQ_BYTES 4096U
#define JV_CTLREQ_SID_BYTES 33U  /* 32 hex digits and NUL */
#define JV_CTLREQ_PATH_BYTES 64U /* a path's name or an address */

enum jv_ctlreq_cmd {
    JV_REQ_STATUS,
    JV_REQ_SESSIONS,
    JV_REQ_PATHS,
    JV_REQ_COUNTERS,
    JV_REQ_POLICY,
    JV_REQ_WOULD,
    JV_REQ_RELOAD,
    JV_REQ_DOWN,
    JV_REQ_UP,
    JV_REQ_TERMINATE,
    JV_REQ_SWITCH,
    JV_REQ_HOLD,
    JV_REQ_PROBE,
    JV_REQ_RECOVER,
    JV_REQ_PATH_OFF,
    JV_REQ_PATH_ON,
    JV_REQ_PATH_PREFER,
    JV_REQ_END
};

struct jv_ctlreq {
    uint64_t id;
    enum jv_ctlreq_cmd cmd;
    uint32_t cursor; /* sessions: where the page before ended; 0: from the start */
    char sid
        [JV_CTLREQ_SID_BYTES]; /* terminate, policy ("" there: the only one): 4 to 32 hex digits, lower case; a prefix that only one session has */
    char path[JV_CTLREQ_PATH_BYTES]; /* switch, would, path_*; probe: "" is every path */
    uint32_t ms;                     /* hold; 0: it ends */
    uint32_t prefer;                 /* path_prefer: 0 to 1000, as in a profile */
};

/* `len` bytes without the newline. JV_E_SYNTAX: *error_out says what is wrong, a static text; `out->id` is set where it was readable. */
JV_MUST_USE enum jv_err jv_ctlreq_parse(const char *line, size_t len, struct jv_ctlreq *out,
                                        const char **error_out);
/* Whether the command changes something: then the group of the socket does not suffice. */
bool jv_ctlreq_is_change(enum jv_ctlreq_cmd cmd);
#endif /* JV_DAEMON_CTLREQ_H */
