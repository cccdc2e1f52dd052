/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PATHSIZE_H
#define JV_CORE_PATHSIZE_H
/*
 * pathsize -- keeps the size known that each path carries: probes of real size, doubts from reports, what the peer and the TUN
 * device are told.
 *
 * The client probes, and a probe of real size is answered by one as long, so that what comes back holds for both directions; the
 * gateway is told (frame SIZE, field of REQUEST) and asks for a doubt where what it sends seems to vanish by size.
 *
 * Takes    authenticated replies and reports; a claim of ICMP starts a probe and nothing else.
 * Limits   one size asked a path, JV_PMTU_WATCHED packets watched a session.
 * Threads  the shard's. jv_pathsize_watch() and jv_pathsize_limit() are on the hot path.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

/* ---- client: the paths ---- */

/* A session has begun, or the path has: nothing is known of it. */
void jv_pathsize_forget(const struct jv_core *core, const struct jv_session *s,
                        struct jv_path *path);
/* It was just proven, or it is the path of a birth: the search begins, or goes on. */
void jv_pathsize_begin(struct jv_core *core, struct jv_session *s, struct jv_path *path);
/* The session moved to it. */
void jv_pathsize_moved(struct jv_core *core, struct jv_session *s, struct jv_path *path);
/* The device of its link has another MTU: a local fact. */
void jv_pathsize_link_mtu(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          uint32_t mtu);
/* Somebody says that it does not carry what it did; `claimed_mtu` is of IP and 0 where none is claimed. */
void jv_pathsize_doubt(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       uint32_t claimed_mtu);
/* The answer to a probe of `bytes`, authenticated. */
void jv_pathsize_on_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          uint64_t time_us, uint32_t bytes, struct jv_out *out);
/* The answer to a small one, which may have gone beside it. */
void jv_pathsize_on_small_reply(const struct jv_core *core, struct jv_path *path, uint64_t time_us);
struct jv_instant jv_pathsize_deadline(const struct jv_core *core, const struct jv_session *s);
void jv_pathsize_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);

/* What the device may have: the least of the paths that the session may be on at any moment (decision 0011). */
uint32_t jv_pathsize_device_mtu(struct jv_core *core, struct jv_session *s);
/* Compare it with what the device has; an order where it must change. */
void jv_pathsize_settle(struct jv_core *core, struct jv_session *s, struct jv_out *out);

/* ---- both ---- */

/* The largest inner packet for a path, and for the bound one. */
static inline uint32_t jv_pathsize_inner(const struct jv_path *path)
{
    uint32_t bytes = jv_pmtu_bytes(&path->size.search);
    return bytes > JV_TRAFFIC_OVERHEAD ? bytes - JV_TRAFFIC_OVERHEAD : 0;
}
static inline uint32_t jv_pathsize_limit(const struct jv_session *s)
{
    return JV_MIN(s->mtu, jv_pathsize_inner(s->bound));
}
/* The MTU that the MSS of a SYN must fit. */
uint32_t jv_pathsize_clamp(const struct jv_core *core, const struct jv_session *s);
/* A packet was sealed for the bound path. */
static inline void jv_pathsize_watch(const struct jv_core *core, struct jv_session *s,
                                     uint64_t epoch, uint64_t counter, uint32_t bytes)
{
    if (bytes > JV_PMTU_FLOOR && s->watch.len < JV_PMTU_WATCHED) {
        s->watch.packets[s->watch.len++] =
            (struct jv_watched){epoch, counter, core->now, (uint16_t)bytes};
    }
}
void jv_pathsize_on_report(struct jv_core *core, struct jv_session *s,
                           const struct jv_report *report, struct jv_out *out);
/* Another path is bound: what was watched says nothing of it. */
void jv_pathsize_rebound(struct jv_session *s);
/* Client: what to tell. */
struct jv_frame jv_pathsize_frame(const struct jv_core *core, const struct jv_session *s);
void jv_pathsize_on_frame(struct jv_core *core, struct jv_session *s,
                          const struct jv_frame_size *f);
/* Gateway: the client's word on the bound path; 0: it does not know. */
void jv_pathsize_told(struct jv_session *s, uint32_t bytes);
#endif /* JV_CORE_PATHSIZE_H */
