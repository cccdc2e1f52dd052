/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include <string.h>

#include "client_state.h"
#include "liveness.h"

struct jv_health *jv_health_of(const struct jv_core *core, const struct jv_path *path)
{
    return &core->client->health[path->id];
}

void jv_health_reset(struct jv_core *core, const struct jv_path *path)
{
    memset(jv_health_of(core, path), 0, sizeof(struct jv_health));
}

void jv_health_round_trip(struct jv_core *core, struct jv_path *path, uint64_t sample_us)
{
    jv_rtt_sample(&path->rtt, sample_us);
    if (!jv_core_is_client(core)) {
        return;
    }
    struct jv_health *h = jv_health_of(core, path);
    if (h->best_us == 0 || jv_since_ms(h->best_since, core->now) >= JV_HEALTH_BEST_MS) {
        h->best_before_us = h->best_us;
        h->best_us = UINT64_MAX;
        h->best_since = core->now;
    }
    h->best_us = JV_MIN(h->best_us, JV_MAX(sample_us, (uint64_t)1));
    h->samples[h->samples_next].rtt_us = (uint32_t)JV_MIN(sample_us, (uint64_t)UINT32_MAX);
    h->samples[h->samples_next].at = core->now;
    h->samples_next = (h->samples_next + 1) % JV_HEALTH_SAMPLES;
    h->samples_len = JV_MIN(h->samples_len + 1, JV_HEALTH_SAMPLES);
}

void jv_health_probe(struct jv_core *core, const struct jv_path *path, bool is_answered)
{
    struct jv_health *h = jv_health_of(core, path);
    if (is_answered && path->unanswered >= JV_HEALTH_DEAD_PROBES) {
        /* It was dead and is not: that was no loss, and would be taken for it as long as the probes are rare. */
        h->probes_lost = 0;
        h->probes_len = 0;
    }
    h->probes_lost = h->probes_lost << 1 | (is_answered ? 0U : 1U);
    h->probes_len = JV_MIN(h->probes_len + 1, JV_HEALTH_PROBES);
}

void jv_health_loss(struct jv_core *core, const struct jv_path *path, uint32_t up_ppm,
                    uint32_t down_ppm)
{
    struct jv_health *h = jv_health_of(core, path);
    if (up_ppm != JV_HEALTH_UNKNOWN) {
        h->up = (struct jv_loss_seen){up_ppm, true, core->now};
    }
    if (down_ppm != JV_HEALTH_UNKNOWN) {
        h->down = (struct jv_loss_seen){down_ppm, true, core->now};
    }
}

void jv_health_shaken(struct jv_core *core, struct jv_path *path)
{
    path->stable_since = core->now;
}

/* ---- round trips ---- */

/* Those after `since`, the oldest first. */
static uint32_t collect(const struct jv_core *core, const struct jv_path *path,
                        struct jv_instant since, uint32_t out[JV_HEALTH_SAMPLES])
{
    const struct jv_health *h = jv_health_of(core, path);
    uint32_t first = (h->samples_next + JV_HEALTH_SAMPLES - h->samples_len) % JV_HEALTH_SAMPLES;
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->samples_len; i++) {
        const struct jv_health_sample *sample = &h->samples[(first + i) % JV_HEALTH_SAMPLES];
        if (jv_is_before(since, sample->at)) {
            out[n++] = sample->rtt_us;
        }
    }
    return n;
}

uint32_t jv_health_samples(const struct jv_core *core, const struct jv_path *path,
                           struct jv_instant since)
{
    uint32_t samples[JV_HEALTH_SAMPLES];
    return collect(core, path, since, samples);
}

uint64_t jv_health_p95_us(const struct jv_core *core, const struct jv_path *path,
                          struct jv_instant since)
{
    uint32_t samples[JV_HEALTH_SAMPLES];
    uint32_t sorted[JV_HEALTH_SAMPLES];
    uint32_t n = collect(core, path, since, samples);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1] > samples[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = samples[i];
    }
    return n == 0 ? 0 : sorted[(n * 95 + 99) / 100 - 1];
}

uint64_t jv_health_jitter_us(const struct jv_core *core, const struct jv_path *path,
                             struct jv_instant since)
{
    uint32_t samples[JV_HEALTH_SAMPLES];
    uint32_t n = collect(core, path, since, samples);
    uint64_t sum = 0;
    for (uint32_t i = 1; i < n; i++) {
        sum +=
            samples[i] > samples[i - 1] ? samples[i] - samples[i - 1] : samples[i - 1] - samples[i];
    }
    return n < 2 ? 0 : sum / (n - 1);
}

uint64_t jv_health_best_us(const struct jv_core *core, const struct jv_path *path)
{
    const struct jv_health *h = jv_health_of(core, path);
    return h->best_before_us == 0 ? h->best_us : JV_MIN(h->best_us, h->best_before_us);
}

/* ---- loss ---- */

static uint32_t known(const struct jv_core *core, const struct jv_loss_seen *seen)
{
    bool is_fresh = seen->any && jv_since_ms(seen->at, core->now) < JV_HEALTH_LOSS_MS;
    return is_fresh ? seen->ppm : JV_HEALTH_UNKNOWN;
}

uint32_t jv_health_loss_up(const struct jv_core *core, const struct jv_path *path)
{
    return known(core, &jv_health_of(core, path)->up);
}

uint32_t jv_health_loss_down(const struct jv_core *core, const struct jv_path *path)
{
    return known(core, &jv_health_of(core, path)->down);
}

uint32_t jv_health_loss_probe(const struct jv_core *core, const struct jv_path *path)
{
    const struct jv_health *h = jv_health_of(core, path);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < h->probes_len; i++) {
        lost += h->probes_lost >> i & 1U;
    }
    return h->probes_len < JV_HEALTH_PROBES_MIN ? JV_HEALTH_UNKNOWN
                                                : lost * 1000000 / h->probes_len;
}

uint32_t jv_health_worst_loss(const struct jv_core *core, const struct jv_path *path)
{
    const uint32_t all[] = {jv_health_loss_up(core, path), jv_health_loss_down(core, path),
                            jv_health_loss_probe(core, path)};
    uint32_t worst = 0;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(all); i++) {
        worst = all[i] == JV_HEALTH_UNKNOWN ? worst : JV_MAX(worst, all[i]);
    }
    return worst;
}

/* ---- in sum ---- */

uint64_t jv_health_stable_ms(const struct jv_core *core, const struct jv_session *s,
                             const struct jv_path *path)
{
    bool is_well = path == s->bound ? s->state == JV_ST_ATTACHED && !core->client->suspected
                                    : path->was_heard && path->unanswered == 0;
    return is_well ? jv_since_ms(path->stable_since, core->now) : 0;
}

uint32_t jv_health_score(const struct jv_core *core, const struct jv_path *path)
{
    uint64_t cost_us = JV_SCORE_UNIT_US + jv_rtt_srtt_us(&path->rtt) +
                       4 * jv_rtt_jitter_us(&path->rtt) +
                       (uint64_t)jv_health_worst_loss(core, path) * JV_SCORE_LOSS_US_PER_PPM;
    return path->rtt.any ? (uint32_t)((uint64_t)JV_SCORE_MAX * JV_SCORE_UNIT_US / cost_us) : 0;
}
