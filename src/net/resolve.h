/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_RESOLVE_H
#define JV_NET_RESOLVE_H
/*
 * resolve -- names of gateways to addresses, by c-ares on sockets that do not enter the tunnel.
 *
 * The system's resolver may sit behind the tunnel, so queries leave on sockets of our own, marked and bound as the outer
 * sockets are. Answers are hints: the handshake proves who is there.
 *
 * Owns     the c-ares channel, its sockets, a timer; all of them in the given loop.
 * Gives    one callback per started query, unless it is cancelled, never from within jv_resolve_start(). A literal
 *          address is answered without a query.
 * Limits   JV_RESOLVE_MAX addresses an answer, JV_RESOLVE_QUERIES_MAX queries at a time. c-ares allocates per query.
 * Threads  the loop's.
 */
#include <stdint.h>

#include "base.h"
#include "endpoint.h"
#include "errors.h"

#define JV_RESOLVE_MAX 16U
#define JV_RESOLVE_QUERIES_MAX 16U

struct jv_loop;
struct jv_resolve;

struct jv_resolve_cfg {
    uint32_t mark;      /* 0, or SO_MARK of the query sockets */
    const char *device; /* NULL, or SO_BINDTODEVICE */
    const char *
        servers; /* NULL: as /etc/resolv.conf says, or the files behind it where it names this host alone; else "192.0.2.1,[2001:db8::1]:5353" */
    uint32_t timeout_ms; /* of one try; 0: 2000 */
    uint32_t tries;      /* 0: 3 */
};

struct jv_resolve_answer {
    enum jv_err
        err; /* JV_E_OK with len > 0; JV_E_NOTFOUND: no such name; JV_E_AGAIN: no server answered; else FATAL */
    const char *detail; /* the resolver's words; static */
    uint32_t len;
    uint32_t ttl_s; /* the shortest lifetime among them; 0: none is known (hosts file, literal) */
    struct jv_ip ips[JV_RESOLVE_MAX]; /* in the resolver's order, both families, no duplicates */
};
typedef void jv_resolve_fn(void *arg, const char *name, const struct jv_resolve_answer *answer);

/* JV_E_NOMEM; JV_E_SYNTAX: `servers` is malformed; JV_E_SYSTEM. `device` is copied. */
JV_MUST_USE enum jv_err jv_resolve_open(struct jv_loop *loop, const struct jv_resolve_cfg *cfg,
                                        struct jv_resolve **out);
/* Cancels everything without callbacks; the loop is still open, and no callback of it is running. NULL is ignored. */
void jv_resolve_close(struct jv_resolve *resolve);
/* Ask for A and AAAA. JV_E_FULL: too many queries. JV_E_RANGE: the name is empty or longer than 253. */
JV_MUST_USE enum jv_err jv_resolve_start(struct jv_resolve *resolve, const char *name,
                                         jv_resolve_fn *fn, void *arg);
/* Forget the queries of `arg`: their callback is not called. */
void jv_resolve_cancel(struct jv_resolve *resolve, const void *arg);
#endif /* JV_NET_RESOLVE_H */
