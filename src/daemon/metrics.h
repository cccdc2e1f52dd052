/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_METRICS_H
#define JV_DAEMON_METRICS_H
/*
 * metrics -- the Prometheus page on a loopback address, off unless configured.
 *
 * The loop writes the page once a second into a spare text and swaps it in; where the server's thread is copying at that moment, the
 * swap waits for the next second. So neither side waits for the other.
 *
 * Owns     the HTTP server's thread, two texts.
 * Limits   JV_METRICS_CONNECTIONS, JV_METRICS_TIMEOUT_S each; JV_METRICS_BYTES a page. GET and HEAD of /metrics only. Labels never
 *          name a session.
 * Threads  open, tick and close: the loop's.
 */
#include <stddef.h>

#include "base.h"
#include "core.h"
#include "endpoint.h"
#include "errors.h"

#define JV_METRICS_LIBRARY "libmicrohttpd.so.12"
#define JV_METRICS_CONNECTIONS 8U
#define JV_METRICS_TIMEOUT_S 5U
#define JV_METRICS_BYTES (64U * 1024U)

struct jv_aead_facts;
struct jv_metrics;
struct jv_server;

/* JV_E_SYSTEM: the address cannot be bound, or JV_METRICS_LIBRARY cannot be loaded; errno tells. */
JV_MUST_USE enum jv_err jv_metrics_open(const struct jv_endpoint *listen, struct jv_metrics **out);
/* Begin to write the page. */
void jv_metrics_start(struct jv_metrics *metrics, struct jv_server *server);
void jv_metrics_close(struct jv_metrics *metrics);

/* What the page shows beside the core's counters. */
struct jv_metrics_extra {
    uint64_t events_dropped;
    uint64_t hooks_ok, hooks_failed, hooks_timed_out, hooks_dropped;
    const struct jv_session_status *session; /* client: for the path gauges; NULL: none */
    const struct jv_aead_facts *aead;        /* NULL: not shown */
};
/* Write the page; returns its length without the NUL, at most cap - 1. Pure. */
size_t jv_metrics_write(const struct jv_counters *counters, const struct jv_metrics_extra *extra,
                        char *out, size_t cap);
#endif /* JV_DAEMON_METRICS_H */
