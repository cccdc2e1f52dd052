/* SPDX-License-Identifier: Apache-2.0 */
#include "loss.h"

#include "health.h"

static struct jv_loss_count sent_now(const struct jv_session *s)
{
    const struct jv_liveness *live = &s->live;
    return (struct jv_loss_count){live->reported_epoch, live->reported_highest,
                                  live->reported_received};
}

static struct jv_loss_count received_now(const struct jv_session *s)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    return (struct jv_loss_count){epoch->n, epoch->window.any ? epoch->window.top : 0,
                                  epoch->rx_count};
}

static void begin(struct jv_core *core, struct jv_session *s)
{
    s->loss.sent = sent_now(s);
    s->loss.received = received_now(s);
    s->loss.window_at = jv_add_ms(core->now, s->policy.loss_window_ms);
}

static void show_from_here(struct jv_session *s)
{
    s->loss.shown_sent = sent_now(s);
    s->loss.shown_received = received_now(s);
    s->loss.shown_windows = 0;
}

void jv_loss_restart(struct jv_core *core, struct jv_session *s)
{
    s->loss.is_warm = false;
    begin(core, s);
    show_from_here(s);
}

static bool is_equal(const struct jv_loss_count *a, const struct jv_loss_count *b)
{
    return a->epoch == b->epoch && a->highest == b->highest && a->count == b->count;
}

/* A window in which nothing went closes with the first packet behind it: an idle client need not wake for it. */
static bool is_empty(const struct jv_session *s)
{
    const struct jv_loss_count sent = sent_now(s);
    const struct jv_loss_count received = received_now(s);
    return s->state == JV_ST_ATTACHED && is_equal(&sent, &s->loss.sent) &&
           is_equal(&received, &s->loss.received);
}

struct jv_instant jv_loss_deadline(const struct jv_session *s)
{
    return s->bound == NULL || is_empty(s) ? JV_NEVER : s->loss.window_at;
}

/* False where the epoch changed within the window or too few packets went. */
static bool ratio(const struct jv_loss_count *from, const struct jv_loss_count *to, uint32_t *ppm)
{
    uint64_t due = to->highest - from->highest;
    uint64_t got = to->count - from->count;
    if (from->epoch != to->epoch || to->highest < from->highest || due < JV_LOSS_SAMPLE_MIN) {
        return false;
    }
    *ppm = got >= due ? 0 : (uint32_t)((due - got) * 1000000 / due);
    return true;
}

/* An idle path has a ratio too, over as many windows as it takes. */
static void show(struct jv_core *core, struct jv_session *s)
{
    const struct jv_loss_count sent = sent_now(s);
    const struct jv_loss_count received = received_now(s);
    uint32_t up = JV_HEALTH_UNKNOWN;
    uint32_t down = JV_HEALTH_UNKNOWN;
    bool has_up = ratio(&s->loss.shown_sent, &sent, &up);
    bool has_down = ratio(&s->loss.shown_received, &received, &down);
    jv_health_loss(core, s->bound, up, down);
    if ((has_up && has_down) || ++s->loss.shown_windows >= JV_HEALTH_WINDOWS) {
        show_from_here(s);
    }
}

bool jv_loss_close(struct jv_core *core, struct jv_session *s, uint32_t *ppm_out)
{
    const struct jv_loss_count sent = sent_now(s);
    const struct jv_loss_count received = received_now(s);
    uint32_t up = 0;
    uint32_t down = 0;
    bool has_up = ratio(&s->loss.sent, &sent, &up);
    bool has_down = ratio(&s->loss.received, &received, &down);
    bool was_warm = s->loss.is_warm;
    if (was_warm) {
        show(core, s);
    } else {
        show_from_here(s);
    }
    s->loss.is_warm = true;
    begin(core, s);
    *ppm_out = JV_MAX(up, down);
    return was_warm && (has_up || has_down);
}

void jv_loss_look_again(struct jv_core *core, struct jv_session *s, uint32_t ms)
{
    s->loss.window_at = jv_add_ms(core->now, ms > 0 ? ms : s->policy.loss_window_ms / 2);
}
