/* SPDX-License-Identifier: Apache-2.0 */
#include "pathsize.h"

#include <string.h>

#include "client_state.h"
#include "control.h"
#include "liveness.h"
#include "path.h"
#include "session.h"
#include "tunnel.h"

#define PAUSE_MS 10000U /* after a path said nothing at all */
#define FRESH_MS 10000U /* a size that was checked within this is not checked for a move */
#define BUSY_MS                                                                                    \
    2000U /* sizes are checked anew only while data flows: an idle session costs nothing */
#define QUEUE_US 20000U /* beyond twice the least round trip and this, a queue stands on the path */
#define QUEUE_MEMORY_MS 600000U
#define REORDERED 3U /* a packet is lost when this many later ones have arrived (RFC 9002 §6.1.1) */
#define WATCH_OLD_MS 5000U /* no report will tell */

static uint32_t headers(enum jv_family family)
{
    return (family == JV_AF_6 ? 40U : 20U) + 8U;
}

/* A larger datagram than the session's MTU asks for is never sent, so no larger one is looked for. */
static uint32_t top_of(const struct jv_session *s, const struct jv_path *path)
{
    uint32_t top = s->mtu + JV_TRAFFIC_OVERHEAD;
    uint32_t used = headers((enum jv_family)path->local.ip.family);
    if (path->mtu != 0) {
        top = JV_MIN(top, path->mtu > used ? path->mtu - used : 0);
    }
    return top;
}

/* ---- telling ---- */

struct jv_frame jv_pathsize_frame(const struct jv_core *core, const struct jv_session *s)
{
    return (struct jv_frame){
        .type = JV_FRAME_SIZE,
        .u.size = {jv_core_time_us(core), (uint16_t)jv_pmtu_bytes(&s->bound->size.search)}};
}

static void record_size(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                        struct jv_out *out)
{
    struct jv_path_size *size = &path->size;
    uint32_t inner = jv_pathsize_inner(path);
    if (inner == size->recorded) {
        return;
    }
    bool is_refused = jv_pmtu_is_refused(&size->search);
    enum jv_why why = is_refused                         ? JV_WHY_PATH_TOO_NARROW
                      : jv_pmtu_is_narrow(&size->search) ? JV_WHY_PATH_NARROW
                      : inner < size->recorded           ? JV_WHY_PATH_MTU_FELL
                                                         : JV_WHY_PATH_MTU_ROSE;
    struct jv_record *rec = jv_session_record(core, s, JV_REC_PathMtu, why, out);
    jv_record_path(rec, path);
    rec->rule = JV_RULE_SIZE_PROBES;
    jv_record_put(rec, JV_FD_mtu, inner);
    jv_record_put(rec, JV_FD_mtu_before, size->recorded);
    jv_record_put(rec, JV_FD_mtu_wanted, s->mtu);
    size->recorded = (uint16_t)inner;
    size->raises = 0;
}

/* What may be sent has changed while the search goes on, or has ended. */
static void after_step(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       uint32_t before, struct jv_out *out)
{
    struct jv_path_size *size = &path->size;
    bool has_changed = jv_pmtu_bytes(&size->search) != before;
    if (size->search.asked == 0) {
        size->checked_at = core->now;
        size->due = JV_NEVER;
        record_size(core, s, path, out);
    }
    if (has_changed && path == s->bound) {
        jv_pathsize_rebound(s);
        core->client->failback_at = core->now; /* a path that is not narrow may be better */
        jv_liveness_send_heartbeat(core, s, out);
    }
    jv_core_touch(core, s);
}

/* ---- probing ---- */

static void send_probe(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       struct jv_out *out)
{
    struct jv_path_size *size = &path->size;
    uint8_t body[JV_PROBE_BODY_MAX] = {0};
    const struct jv_probe probe = {jv_core_time_us(core), core->client->order_spent};
    const struct jv_control_to to = {path->link, path->remote, path->local, path->locator};
    uint64_t wait_ms = (jv_rtt_srtt_us(&path->rtt) + 4 * jv_rtt_jitter_us(&path->rtt)) / 1000 + 1;
    wait_ms =
        JV_MIN(JV_MAX(wait_ms, (uint64_t)JV_PMTU_RETRY_MIN_MS), (uint64_t)JV_PROBE_RETRY_MAX_MS)
        << JV_MIN((uint32_t)size->search.barren, 4U);
    size->due = jv_add_ms(core->now, wait_ms);
    size->small_us = UINT64_MAX;
    size->has_small_answer = false;
    if (path->locator == 0) {
        return;
    }
    bool is_first = size->search.tries == 0;
    if (jv_pmtu_sent(&size->search)) {
        /* The small one goes first: a device that refuses the large one may drop what stands behind it in the batch. */
        const struct jv_path before = *path;
        jv_path_probe(core, s, path, out);
        size->small_us = path->newest_us != before.newest_us ? path->newest_us : UINT64_MAX;
        /* It asks about sizes: where it stays unanswered, nobody need doubt that the path lives. */
        path->unanswered = before.unanswered;
        path->probe_time_us = before.probe_time_us;
        path->probe_sent = before.probe_sent;
        path->probe_due = before.probe_due;
    }
    jv_probe_encode(&probe, body);
    size->first_us = is_first ? probe.time_us : size->first_us;
    size->last_us = probe.time_us;
    (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_PROBE, &to, body,
                          size->search.asked - JV_CONTROL_OVERHEAD, out);
}

static void ask_now(struct jv_core *core, struct jv_session *s, struct jv_path *path)
{
    if (path->size.search.asked != 0 && jv_is_never(path->size.due)) {
        path->size.due = core->now;
    }
    jv_core_touch(core, s);
}

void jv_pathsize_forget(const struct jv_core *core, const struct jv_session *s,
                        struct jv_path *path)
{
    (void)core;
    memset(&path->size, 0, sizeof path->size);
    jv_pmtu_init(&path->size.search, top_of(s, path));
    path->size.due = JV_NEVER;
    path->size.recorded = (uint16_t)jv_pathsize_inner(path);
}

void jv_pathsize_begin(struct jv_core *core, struct jv_session *s, struct jv_path *path)
{
    struct jv_pmtu *search = &path->size.search;
    if (search->size == 0 || jv_pmtu_is_refused(search)) {
        jv_pmtu_search(search);
    }
    ask_now(core, s, path);
}

void jv_pathsize_moved(struct jv_core *core, struct jv_session *s, struct jv_path *path)
{
    struct jv_path_size *size = &path->size;
    bool is_fresh = size->search.size != 0 && jv_since_ms(size->checked_at, core->now) < FRESH_MS;
    if (!is_fresh) {
        jv_pmtu_verify(&size->search, 0);
    }
    ask_now(core, s, path);
}

void jv_pathsize_link_mtu(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          uint32_t mtu)
{
    path->mtu = mtu;
    if (s == NULL) {
        return;
    }
    uint32_t before = jv_pmtu_bytes(&path->size.search);
    if (top_of(s, path) == path->size.search.top) {
        return;
    }
    jv_pmtu_set_top(&path->size.search, top_of(s, path));
    path->size.due = JV_NEVER;
    ask_now(core, s, path);
    if (path == s->bound && jv_pmtu_bytes(&path->size.search) != before) {
        s->live.heartbeat_due = core->now; /* it tells the gateway */
    }
}

void jv_pathsize_doubt(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       uint32_t claimed_mtu)
{
    struct jv_path_size *size = &path->size;
    uint32_t used = headers((enum jv_family)path->local.ip.family);
    if (size->search.asked != 0 || !jv_is_due(size->doubt_at, core->now)) {
        return; /* a flood of claims is one probe a second, and fewer where it goes on */
    }
    if (jv_since_ms(size->doubt_at, core->now) > (uint64_t)JV_PMTU_DOUBT_MS << 7) {
        size->doubts = 0;
    }
    size->doubt_at = jv_add_ms(core->now, (uint64_t)JV_PMTU_DOUBT_MS << size->doubts);
    size->doubts = (uint8_t)JV_MIN(size->doubts + 1U, 6U);
    jv_pmtu_verify(&size->search, claimed_mtu > used ? claimed_mtu - used : 0);
    ask_now(core, s, path);
}

void jv_pathsize_on_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          uint64_t time_us, uint32_t bytes, struct jv_out *out)
{
    struct jv_path_size *size = &path->size;
    uint32_t before = jv_pmtu_bytes(&size->search);
    if (size->search.asked != bytes || size->search.tries == 0 || time_us < size->first_us ||
        time_us > size->last_us) {
        return;
    }
    jv_pmtu_passed(&size->search);
    if (size->search.asked != 0) {
        send_probe(core, s, path, out);
    }
    after_step(core, s, path, before, out);
}

/* The least round trip is one without a queue; it is forgotten when the path has changed for long. */
static void note_rtt(const struct jv_core *core, struct jv_path *path)
{
    struct jv_path_size *size = &path->size;
    if (!path->rtt.any) {
        return;
    }
    if (jv_since_ms(size->rtt.since, core->now) >= QUEUE_MEMORY_MS) {
        size->rtt.before_us = size->rtt.least_us;
        size->rtt.least_us = 0;
        size->rtt.since = core->now;
    }
    bool is_least = size->rtt.least_us == 0 || path->rtt.srtt_us < size->rtt.least_us;
    size->rtt.least_us = is_least ? path->rtt.srtt_us : size->rtt.least_us;
}

/* A queue that is full has room for small packets and none for large ones: then a loss by size is no limit of the path. */
static bool is_queued(const struct jv_path_size *size, uint64_t sample_us)
{
    uint64_t least = size->rtt.before_us == 0 ? size->rtt.least_us
                                              : JV_MIN(size->rtt.least_us, size->rtt.before_us);
    return least != 0 && sample_us > 2 * least + QUEUE_US;
}

void jv_pathsize_on_small_reply(const struct jv_core *core, struct jv_path *path, uint64_t time_us)
{
    struct jv_path_size *size = &path->size;
    uint64_t now_us = jv_core_time_us(core);
    if (time_us >= size->small_us && !is_queued(size, now_us > time_us ? now_us - time_us : 0)) {
        size->has_small_answer = true;
    }
}

static bool is_busy(const struct jv_core *core, const struct jv_session *s)
{
    return s->live.had_data && jv_since_ms(s->live.last_data, core->now) < BUSY_MS;
}

/* After a fall soon, then more rarely: what looked like a limit may have been a bad moment. */
static uint64_t raise_ms(const struct jv_path_size *size)
{
    return JV_MIN((uint64_t)JV_PMTU_RAISE_MIN_MS << JV_MIN(size->raises, 8U),
                  (uint64_t)JV_PMTU_RAISE_MS);
}

/* A bound path that carries all that is wanted is checked by its data. */
static struct jv_instant check_at(const struct jv_core *core, const struct jv_session *s,
                                  const struct jv_path *path)
{
    const struct jv_path_size *size = &path->size;
    bool is_all = size->search.size == size->search.top;
    if (size->search.asked != 0 || !is_busy(core, s) || (path == s->bound && is_all) ||
        (path != s->bound && !jv_path_is_answering(core, s, path))) {
        return JV_NEVER;
    }
    return jv_add_ms(size->checked_at, is_all ? JV_PMTU_RAISE_MS : raise_ms(size));
}

static bool is_live(const struct jv_session *s)
{
    return s->state != JV_ST_TERMINATED && s->state != JV_ST_BIRTH;
}

struct jv_instant jv_pathsize_deadline(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_instant t = is_live(s) ? s->inner.rise_at : JV_NEVER;
    for (uint32_t i = 0; is_live(s) && i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        if (path->used) {
            t = jv_earlier(t, jv_earlier(path->size.due, check_at(core, s, path)));
        }
    }
    return t;
}

static void expire_path(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                        struct jv_out *out)
{
    struct jv_path_size *size = &path->size;
    uint32_t before = jv_pmtu_bytes(&size->search);
    if (jv_is_due(check_at(core, s, path), core->now)) {
        if (size->search.size == size->search.top) {
            jv_pmtu_verify(&size->search, 0);
        } else {
            jv_pmtu_raise(&size->search);
            size->raises++;
        }
        size->due = core->now;
    }
    if (!jv_is_due(size->due, core->now)) {
        return;
    }
    if (path != s->bound && !jv_path_is_answering(core, s, path)) {
        size->due = JV_NEVER; /* its next proof goes on with it */
        size->search.tries = 0;
        return;
    }
    if (size->search.tries > 0 && !jv_pmtu_lost(&size->search, size->has_small_answer)) {
        size->due = jv_add_ms(core->now, PAUSE_MS);
        return;
    }
    if (size->search.asked != 0) {
        send_probe(core, s, path, out);
    }
    after_step(core, s, path, before, out);
}

void jv_pathsize_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    for (uint32_t i = 0; is_live(s) && i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used) {
            expire_path(core, s, path, out);
        }
    }
}

/* ---- the TUN device ---- */

/* Narrow paths are a last resort: they take nothing from the others while they wait. */
static bool may_carry(struct jv_core *core, struct jv_session *s, const struct jv_path *path)
{
    return path->used && (path == s->bound || (jv_path_is_proven(core, s, path) &&
                                               !jv_pmtu_is_narrow(&path->size.search)));
}

static uint32_t least_inner(struct jv_core *core, struct jv_session *s)
{
    uint32_t least = s->mtu;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        least = may_carry(core, s, path) ? JV_MIN(least, jv_pathsize_inner(path)) : least;
    }
    return least;
}

uint32_t jv_pathsize_device_mtu(struct jv_core *core, struct jv_session *s)
{
    s->inner.clamp = least_inner(core, s);
    s->inner.rise_at = JV_NEVER;
    /* A device below 1280 loses IPv6 altogether; what a narrow path does not carry is answered packet by packet. */
    s->inner.device = JV_MAX(s->inner.clamp, JV_MTU_MIN);
    return s->inner.device;
}

/* Between two sizes the device would only go down and up again; meanwhile each packet that is too large is answered. */
static bool is_between(struct jv_core *core, struct jv_session *s)
{
    bool is = false;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        const struct jv_pmtu *search = &path->size.search;
        is = is || (may_carry(core, s, path) && search->asked != 0 && search->failed != 0);
    }
    return is;
}

void jv_pathsize_settle(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (!is_live(s) || s->inner.device == 0) {
        return;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (core->client->paths[i].used) {
            note_rtt(core, &core->client->paths[i]);
        }
    }
    s->inner.clamp = least_inner(core, s);
    if (is_between(core, s)) {
        if (jv_is_due(s->inner.rise_at, core->now)) {
            s->inner.rise_at =
                jv_add_ms(core->now, JV_MTU_RISE_MS); /* or it would be due for ever */
        }
        return;
    }
    uint32_t mtu = JV_MAX(s->inner.clamp, JV_MTU_MIN);
    if (mtu == s->inner.device) {
        s->inner.rise_at = JV_NEVER;
        return;
    }
    if (mtu > s->inner.device && !jv_is_due(s->inner.rise_at, core->now)) {
        if (jv_is_never(s->inner.rise_at)) {
            s->inner.rise_at = jv_add_ms(core->now, JV_MTU_RISE_MS);
        }
        return;
    }
    s->inner.rise_at = JV_NEVER;
    s->inner.device = mtu;
    jv_core_order(out, JV_ORDER_MTU, s)->mtu = mtu;
}

/* ---- what is sent ---- */

uint32_t jv_pathsize_clamp(const struct jv_core *core, const struct jv_session *s)
{
    uint32_t mtu = jv_core_is_client(core) ? s->inner.clamp
                   : s->bound == NULL      ? s->mtu
                                           : jv_pathsize_limit(s);
    return JV_MAX(mtu, JV_PMTU_FLOOR - JV_TRAFFIC_OVERHEAD);
}

void jv_pathsize_rebound(struct jv_session *s)
{
    memset(&s->watch, 0, sizeof s->watch);
}

enum fate { FATE_OPEN, FATE_ARRIVED, FATE_LOST, FATE_UNKNOWN };

static enum fate fate_of(const struct jv_core *core, const struct jv_session *s,
                         const struct jv_watched *w, const struct jv_report *r)
{
    if (r->epoch != w->epoch) {
        return r->epoch > w->epoch ? FATE_UNKNOWN : FATE_OPEN;
    }
    if (r->received == 0 || r->highest < w->counter) {
        return jv_since_ms(w->at, core->now) > WATCH_OLD_MS ? FATE_UNKNOWN : FATE_OPEN;
    }
    for (uint32_t i = 0; i < r->gaps_len; i++) {
        if (w->counter >= r->gaps[i].first && w->counter <= r->gaps[i].last) {
            uint64_t late_us =
                jv_rtt_srtt_us(&s->bound->rtt) + 4 * jv_rtt_jitter_us(&s->bound->rtt);
            bool is_late =
                r->highest - w->counter >= REORDERED || jv_since_us(w->at, core->now) > late_us;
            return is_late ? FATE_LOST : FATE_OPEN;
        }
    }
    bool is_told = r->gaps_len < JV_GAP_MAX || w->counter > r->gaps[r->gaps_len - 1].last;
    return is_told ? FATE_ARRIVED : FATE_UNKNOWN;
}

static void judge(struct jv_session *s, const struct jv_watched *w, enum fate fate)
{
    if (fate == FATE_LOST) {
        s->watch.least_lost =
            s->watch.streak == 0 ? w->bytes : JV_MIN(s->watch.least_lost, w->bytes);
        s->watch.streak++;
    } else if (fate == FATE_ARRIVED && w->bytes >= s->watch.least_lost) {
        s->watch.streak = 0; /* it was no matter of size */
    }
}

/* A gateway cannot probe: the client does, with a probe that is answered in the same size. */
static void ask_client(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_path_size *size = &s->bound->size;
    const struct jv_frame frame = jv_pathsize_frame(core, s);
    if (jv_is_due(size->doubt_at, core->now) && jv_tunnel_frames(core, s, &frame, 1, 0, out)) {
        size->doubt_at = jv_add_ms(core->now, JV_PMTU_DOUBT_MS);
    }
}

void jv_pathsize_on_report(struct jv_core *core, struct jv_session *s,
                           const struct jv_report *report, struct jv_out *out)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; s->bound != NULL && i < s->watch.len; i++) {
        enum fate fate = fate_of(core, s, &s->watch.packets[i], report);
        if (fate == FATE_OPEN) {
            s->watch.packets[kept++] = s->watch.packets[i];
        } else {
            judge(s, &s->watch.packets[i], fate);
        }
    }
    s->watch.len = kept;
    if (s->watch.streak < JV_PMTU_STREAK || s->bound == NULL) {
        return;
    }
    s->watch.streak = 0;
    if (jv_core_is_client(core)) {
        jv_pathsize_doubt(core, s, s->bound, 0);
    } else {
        ask_client(core, s, out);
    }
}

void jv_pathsize_on_frame(struct jv_core *core, struct jv_session *s, const struct jv_frame_size *f)
{
    if (s->bound == NULL || f->time_us <= s->size_told_us) {
        return; /* overtaken by a younger one */
    }
    s->size_told_us = f->time_us;
    if (!jv_core_is_client(core)) {
        jv_pathsize_told(s, f->bytes);
    } else if (f->bytes > JV_PMTU_FLOOR) {
        jv_pathsize_doubt(core, s, s->bound, 0);
    }
}

void jv_pathsize_told(struct jv_session *s, uint32_t bytes)
{
    struct jv_pmtu *search = &s->own.size.search;
    search->top = (uint16_t)(s->mtu + JV_TRAFFIC_OVERHEAD);
    uint32_t size = bytes == 0 ? 0 : JV_MIN(JV_MAX(bytes, JV_PMTU_FLOOR), (uint32_t)search->top);
    if (size != search->size) {
        search->size = (uint16_t)size;
        jv_pathsize_rebound(s);
    }
}
