/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "choice.h"
#include "client_state.h"
#include "core.h"
#include "health.h"
#include "liveness.h"
#include "metered.h"
#include "pathsize.h"
#include "penalty.h"
#include "rank.h"
#include "session.h"
#include "state.h"
#include "steer.h"

/* Round trips of the last ten minutes are shown: as long as a proof lives. */
#define SHOWN_NS (600 * JV_NS_PER_S)

static const char *const drop_texts[JV_DROPS] = {
#define D(name, text) text,
#include "drop.def"
#undef D
};

static const char *const drop_names[JV_DROPS] = {
#define D(name, text) #name,
#include "drop.def"
#undef D
};

const char *jv_drop_name(enum jv_drop drop)
{
    return drop < JV_DROPS ? drop_names[drop] : "UNKNOWN";
}

const char *jv_drop_text(enum jv_drop drop)
{
    return drop < JV_DROPS ? drop_texts[drop] : "unknown";
}

void jv_core_counters(const struct jv_core *core, struct jv_counters *out)
{
    *out = core->count;
    out->half_open = core->half_open.used;
    out->buffers_free = core->buf_cap - core->buf_high + core->buf_free_len;
}

static enum jv_path_role role_of(const struct jv_core *core, const struct jv_session *s,
                                 const struct jv_path *path)
{
    bool is_client = jv_core_is_client(core);
    if (path->is_off) {
        return JV_PATH_OFF;
    }
    if (path == s->bound) {
        return is_client && core->client->suspected ? JV_PATH_SILENT : JV_PATH_ACTIVE;
    }
    if (path->is_cold && s->state == JV_ST_ATTACHED) {
        return JV_PATH_COLD;
    }
    if (!path->was_heard) {
        return path->probe_time_us != 0 ? JV_PATH_PROBING : JV_PATH_COLD;
    }
    return path->unanswered > 0 ? JV_PATH_SILENT : JV_PATH_STANDBY;
}

static enum jv_path_fit fit_of(const struct jv_path *path)
{
    const struct jv_pmtu *search = &path->size.search;
    return jv_pmtu_is_refused(search)  ? JV_FIT_REFUSED
           : search->asked != 0        ? JV_FIT_PROBING
           : jv_pmtu_is_narrow(search) ? JV_FIT_NARROW
           : search->size != 0         ? JV_FIT_FOUND
                                       : JV_FIT_ASSUMED;
}

static void path_status(const struct jv_core *core, const struct jv_session *s,
                        const struct jv_path *path, struct jv_path_status *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, path->name, sizeof out->name);
    out->link = path->link;
    out->local = path->local;
    out->remote = path->remote;
    out->observed = path->observed;
    out->role = role_of(core, s, path);
    out->prefer = path->prefer;
    out->cost = path->cost;
    out->is_cold = path->is_cold;
    out->is_metered = path->is_metered;
    out->srtt_us = path->rtt.any ? path->rtt.srtt_us : 0;
    out->rttvar_us = path->rtt.any ? path->rtt.jitter_us : 0;
    out->loss_ppm = path == s->bound ? s->live.loss_ppm : 0;
    out->unanswered = path->unanswered;
    out->mtu = path->mtu;
    out->probes_sent = path->probes_sent;
    out->probes_answered = path->probes_answered;
    out->probe_rtt_us = path->probe_rtt_us;
    uint32_t bytes = jv_pmtu_bytes(&path->size.search);
    out->inner_mtu = bytes > JV_TRAFFIC_OVERHEAD ? bytes - JV_TRAFFIC_OVERHEAD : 0;
    out->fit = fit_of(path);
    out->heard_ms = path->was_heard ? jv_since_ms(path->heard, core->now) : UINT64_MAX;
    out->loss_up_ppm = out->loss_down_ppm = out->loss_probe_ppm = UINT32_MAX;
}

/* What a client measured, and what follows from it. */
static void health_status(const struct jv_core *core, const struct jv_session *s,
                          const struct jv_path *path, struct jv_path_status *out)
{
    struct jv_instant since = {core->now.ns > SHOWN_NS ? core->now.ns - SHOWN_NS : 0};
    out->p95_us = jv_health_p95_us(core, path, since);
    out->jitter_us = jv_health_jitter_us(core, path, since);
    out->loss_up_ppm = jv_health_loss_up(core, path);
    out->loss_down_ppm = jv_health_loss_down(core, path);
    out->loss_probe_ppm = jv_health_loss_probe(core, path);
    out->stable_ms = jv_health_stable_ms(core, s, path);
    out->penalty_ms = jv_penalty_ms(core, path);
    out->score = jv_health_score(core, path);
    out->why_not = jv_choice_why_not(core, s, path);
}

static void limits_status(const struct jv_session *s, struct jv_instant now,
                          struct jv_session_status *out)
{
    out->in_state_ms = jv_since_ms(s->state_since, now);
    out->age_ms = jv_since_ms(s->created, now);
    out->lifetime_left_ms = jv_is_never(s->lifetime_at) ? 0 : jv_since_ms(now, s->lifetime_at);
    out->transportless_ms = jv_is_never(s->unbound_at) ? 0 : jv_since_ms(s->unbound_at, now);
    out->is_quiet = s->quiet.on && !jv_is_due(s->quiet.until, now);
    out->switches = s->switches_total;
    out->rebinds = s->rebinds_total;
    out->switches_in_window = jv_session_switches_in_window(s, now);
    out->switches_limit = s->policy.max_switches_per_min;
    out->outage_total_us = s->outage_total_us;
    out->outage_worst_us = s->outage_worst_us;
    out->last_switch_ms = s->switches_total > 0 ? jv_since_ms(s->last_switch, now) : UINT64_MAX;
    out->last_switch_reason = s->last_switch_why;
    memcpy(out->switched_from, s->switched_from, sizeof out->switched_from);
    memcpy(out->switched_to, s->switched_to, sizeof out->switched_to);
}

static void paths_status(const struct jv_core *core, const struct jv_session *s,
                         struct jv_session_status *out)
{
    if (!jv_core_is_client(core)) {
        if (s->bound != NULL) {
            path_status(core, s, s->bound, &out->paths[out->paths_len++]);
        }
        return;
    }
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, order);
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        if (path->used) {
            struct jv_path_status *status = &out->paths[out->paths_len++];
            path_status(core, s, path, status);
            health_status(core, s, path, status);
            while (status->rank < n && order[status->rank] != i) {
                status->rank++;
            }
            status->rank++;
        }
    }
    out->gateway4 = core->client->gateway4;
    out->gateway6 = core->client->gateway6;
    out->metered_ms = jv_metered_ms(core);
    out->is_metered_alarm = jv_metered_is_alarming(core);
    out->hold_left_ms = jv_steer_hold_left_ms(core);
    out->dns_len = core->client->dns_len;
    memcpy(out->dns, core->client->dns, sizeof out->dns);
}

bool jv_core_session(const struct jv_core *core, struct jv_instant now, uint32_t *cursor,
                     struct jv_session_status *out)
{
    const struct jv_session *s = NULL;
    while (s == NULL && *cursor < core->sessions.high) {
        s = jv_core_session_at(core, (*cursor)++);
    }
    if (s == NULL) {
        return false;
    }
    memset(out, 0, sizeof *out);
    out->handle = s->handle;
    out->sid = s->sid;
    if (!jv_core_is_client(core)) {
        memcpy(out->user, core->users[s->user].user.name, sizeof out->user);
    }
    out->state = s->state;
    out->reason = s->why;
    out->v = s->v;
    out->local = s->local;
    limits_status(s, now, out);
    out->address4 = s->address4;
    out->address6 = s->address6;
    out->mtu = s->mtu;
    out->inner_mtu = s->bound == NULL ? s->mtu : jv_pathsize_limit(s);
    out->epoch = s->keys->epochs[JV_EPOCH_CURRENT].n;
    out->suite = s->keys->suite;
    out->has_partial_csum = (s->features & JV_FEATURE_PARTIAL_CSUM) != 0;
    out->rx_packets = s->rx_packets;
    out->rx_bytes = s->rx_bytes;
    out->tx_packets = s->tx_packets;
    out->tx_bytes = s->tx_bytes;
    out->policy_id = s->policy_id;
    out->policy = s->policy;
    paths_status(core, s, out);
    return true;
}
