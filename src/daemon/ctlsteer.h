/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_CTLSTEER_H
#define JV_DAEMON_CTLSTEER_H
/*
 * ctlsteer -- the requests of the control socket by which people look before they act and steer a session: policy, would, hold,
 * probe, recover, path_off, path_on, path_prefer.
 *
 * Owns     nothing. Threads: the loop's.
 */
#include <jansson.h>

struct jv_ctlreq;
struct jv_server;

struct jv_ctlsteer_refusal {
    const char *code; /* "denied", "no_path", ...: static; NULL: not refused */
    char text[160];   /* for people */
};

/* The result, a new reference; NULL: refused, and `why` says so, or out of memory. */
json_t *jv_ctlsteer(struct jv_server *server, const struct jv_ctlreq *req,
                    struct jv_ctlsteer_refusal *why);
#endif /* JV_DAEMON_CTLSTEER_H */
