/* SPDX-License-Identifier: Apache-2.0 */
#include "resend.h"

#include "liveness.h"
#include "session.h"

/*
 * What is kept stands in a list of places, one for each buffer of the core, in the order of sealing. A place is named by the number of
 * its buffer plus one; 0 is none.
 */
static struct jv_kept *at(const struct jv_core *core, uint32_t place)
{
    return place != 0 ? &core->kept[place - 1] : NULL;
}

static struct jv_kept *first_of(const struct jv_core *core, const struct jv_session *s)
{
    return at(core, s->kept.first);
}

/* Unlinks the place behind `before` (0: the first one); there is one. Its buffer is given back. */
static void remove_behind(struct jv_core *core, struct jv_session *s, uint32_t before)
{
    uint32_t *link = before != 0 ? &core->kept[before - 1].next : &s->kept.first;
    uint32_t place = *link;
    const struct jv_kept *kept = &core->kept[place - 1];
    *link = kept->next;
    if (place == s->kept.last) {
        s->kept.last = before;
    }
    if (place == s->kept.due_from) {
        s->kept.due_from = kept->next;
    }
    core->kept_lent -= s->kept.len > core->kept_share ? 1 : 0;
    s->kept.len--;
    s->kept.due -= kept->is_due ? 1 : 0;
    jv_core_release(core, place - 1);
}

/* ---- the pool ---- */

void jv_resend_divide(struct jv_core *core)
{
    uint32_t share = core->kept_cap / 2 / core->cfg.sessions_max;
    core->kept_share = JV_MIN(share, JV_RESEND_SHARE);
    core->kept_lent_max = core->kept_cap - core->kept_share * core->cfg.sessions_max;
}

/* Nobody has reported it: a jump may have lost it for good. What a report has passed by was lost by the path, not by the jump. */
static void note_missed(const struct jv_session *s, struct jv_missed *missed, uint64_t epoch,
                        uint64_t counter)
{
    const struct jv_liveness *live = &s->live;
    if (live->reported_epoch > epoch ||
        (live->reported_epoch == epoch && live->reported_highest >= counter)) {
        return;
    }
    if (missed->count == 0 || missed->epoch != epoch) {
        *missed = (struct jv_missed){.epoch = epoch, .first = counter};
    }
    missed->last = counter;
    missed->count++;
}

static void push_out(struct jv_core *core, struct jv_session *s)
{
    const struct jv_kept *kept = &core->kept[s->kept.first - 1];
    note_missed(s, &s->kept.pushed, kept->epoch, kept->counter);
    core->count.resend_pushed_out++;
    remove_behind(core, s, 0);
}

bool jv_resend_make_place(struct jv_core *core, struct jv_session *s, uint64_t epoch,
                          uint64_t counter)
{
    while (s->kept.len > 0 && !jv_resend_has_place(core, s)) {
        push_out(core, s); /* one, but where a new policy made the room smaller */
    }
    if (jv_resend_has_place(core, s)) {
        return true;
    }
    note_missed(s, &s->kept.pushed, epoch, counter);
    core->count.resend_pushed_out++;
    return false;
}

/* ---- reports ---- */

/* The report has no place for what may be missing behind its last gap. */
static bool is_unsure(const struct jv_kept *kept, const struct jv_report *report)
{
    return report->gaps_len == JV_GAP_MAX && kept->counter < report->gaps[JV_GAP_MAX - 1].first;
}

/* Received. */
static bool is_settled(const struct jv_kept *kept, const struct jv_report *report)
{
    if (kept->epoch != report->epoch || report->received == 0 || kept->counter > report->highest) {
        return false;
    }
    for (uint32_t i = 0; i < report->gaps_len; i++) {
        if (kept->counter >= report->gaps[i].first && kept->counter <= report->gaps[i].last) {
            return false;
        }
    }
    return true;
}

/* A report that passes by them says what became of them. */
static void forget_missed(struct jv_missed *missed, const struct jv_report *report)
{
    if (report->epoch > missed->epoch ||
        (report->epoch == missed->epoch && report->highest >= missed->last)) {
        missed->count = 0;
    }
}

/*
 * On a path that reorders or loses, a report has not enough places for all that is missing. What it cannot name is kept while it may be
 * under way still, `unsure_ms`; at a jump for good, because then it may have died with the path. Twice is better than never.
 */
static void settle(struct jv_core *core, struct jv_session *s, const struct jv_report *report,
                   uint64_t unsure_ms)
{
    uint32_t before = 0;
    const struct jv_kept *kept;
    for (uint32_t place = s->kept.first;
         (kept = at(core, place)) != NULL &&
         (kept->epoch < report->epoch ||
          (kept->epoch == report->epoch && kept->counter <= report->highest));) {
        uint32_t next = kept->next;
        bool is_open = is_unsure(kept, report) && jv_since_ms(kept->at, core->now) < unsure_ms;
        if (is_settled(kept, report) && !is_open) {
            remove_behind(core, s, before);
        } else {
            before = place;
        }
        place = next;
    }
}

void jv_resend_reported(struct jv_core *core, struct jv_session *s, const struct jv_report *report)
{
    settle(core, s, report, JV_RESEND_UNSURE_MS);
    if (report->received > 0) {
        forget_missed(&s->kept.pushed, report);
        forget_missed(&s->kept.aged, report);
    }
}

static uint64_t overlap(uint64_t a_first, uint64_t a_last, uint64_t b_first, uint64_t b_last)
{
    uint64_t first = JV_MAX(a_first, b_first);
    uint64_t last = JV_MIN(a_last, b_last);
    return first <= last ? last - first + 1 : 0;
}

/* How many of them the peer lacks by its report. Frames have counters too, so this is an upper bound, as `count` is another. */
static uint32_t count_missed(const struct jv_missed *missed, const struct jv_report *report)
{
    if (missed->count == 0 || report->epoch > missed->epoch) {
        return 0;
    }
    if (report->epoch < missed->epoch || report->received == 0) {
        return missed->count;
    }
    uint64_t n = overlap(missed->first, missed->last, report->highest + 1, UINT64_MAX);
    for (uint32_t i = 0; i < report->gaps_len; i++) {
        n += overlap(missed->first, missed->last, report->gaps[i].first, report->gaps[i].last);
    }
    return (uint32_t)JV_MIN(n, (uint64_t)missed->count);
}

/* ---- a jump ---- */

/* Bytes a second of the stream when it was interrupted: of the older half, because what came later may have come into the silence. */
static uint64_t stream_bps(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_kept *kept = at(core, s->kept.due_from);
    const struct jv_kept *first = kept;
    uint64_t bytes = 0;
    uint64_t span_us = 0;
    for (uint32_t n = 0; kept != NULL && n < s->kept.due / 2; n++) {
        bytes += kept->len;
        span_us = jv_since_us(first->at, kept->at);
        kept = at(core, kept->next);
    }
    return bytes * 1000000 / JV_MAX(span_us, (uint64_t)10000);
}

/* What was sealed before the mark and has a key yet goes again. */
static void make_due(struct jv_core *core, struct jv_session *s, uint64_t epoch, uint64_t received)
{
    struct jv_kept *kept;
    s->kept.settle_at = JV_NEVER;
    s->kept.due_from = s->kept.first;
    for (uint32_t place = s->kept.first; (kept = at(core, place)) != NULL; place = kept->next) {
        bool is_before = kept->epoch < s->kept.mark_epoch || (kept->epoch == s->kept.mark_epoch &&
                                                              kept->counter < s->kept.mark_counter);
        if (!kept->is_due && is_before && jv_keys_at(s->keys, kept->epoch) != NULL) {
            kept->is_due = true;
            s->kept.due++;
        }
    }
    if (s->kept.due > 0 || s->waiting_len > 0) {
        const struct jv_kept *first = first_of(core, s);
        jv_pace_begin(&s->pace, core->now, stream_bps(core, s), epoch, received);
        /* Nobody reports what arrives under the key before: there will be no proof. */
        s->pace.is_quick = first != NULL && first->epoch < s->kept.mark_epoch;
    }
}

void jv_resend_begin(struct jv_core *core, struct jv_session *s, const struct jv_report *report,
                     bool is_left_alive)
{
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    settle(core, s, report, UINT64_MAX);
    jv_resend_expire(core, s);
    s->kept.jump.kept = s->kept.len;
    s->kept.jump.pushed_out = count_missed(&s->kept.pushed, report);
    s->kept.jump.too_old = count_missed(&s->kept.aged, report);
    s->kept.pushed.count = s->kept.aged.count = 0;
    s->kept.mark_epoch = epoch->n;
    s->kept.mark_counter = epoch->tx_next;
    if (is_left_alive && s->kept.due == 0 && s->waiting_len == 0) {
        /* The reports that come over the new path say what the old one delivered after all. */
        uint64_t wait_us = s->policy.retired_rx_grace_ms * 1000ULL +
                           s->policy.ack_delay_ms * 1000ULL + jv_rtt_srtt_us(&s->bind_next->rtt);
        s->kept.settle_at = jv_add_us(core->now, wait_us);
    } else {
        make_due(core, s, report->epoch, report->received);
    }
    s->kept.jump.resent = s->kept.due;
}

void jv_resend_record(const struct jv_session *s, struct jv_record *rec)
{
    jv_record_put(rec, JV_FD_kept, s->kept.jump.kept);
    jv_record_put(rec, JV_FD_resent, s->kept.jump.resent);
    jv_record_put(rec, JV_FD_pushed_out, s->kept.jump.pushed_out);
    jv_record_put(rec, JV_FD_too_old, s->kept.jump.too_old);
}

void jv_resend_run(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_kept *kept;
    if (s->kept.due == 0 || s->bound == NULL) {
        return;
    }
    while (s->kept.due > 0 && (kept = at(core, s->kept.due_from)) != NULL) {
        if (kept->is_due) {
            if (out->tx_cap - out->tx_len < JV_ROOM_TX ||
                !jv_pace_take(&s->pace, core->now, kept->len)) {
                break;
            }
            struct jv_slot slot = {.buf = jv_core_buffer(core, s->kept.due_from - 1),
                                   .off = kept->off,
                                   .len = kept->len,
                                   .link = s->bound->link,
                                   .remote = s->bound->remote,
                                   .local = s->bound->local,
                                   .ecn = kept->ecn,
                                   .dscp = kept->dscp};
            kept->is_due = false;
            s->kept.due--;
            s->kept.resent++;
            core->count.resent++;
            (void)jv_core_hold(core, &slot);
            jv_core_send(core, &slot, out);
        }
        s->kept.due_from = kept->next;
    }
    jv_core_touch(core, s);
}

void jv_resend_expire(struct jv_core *core, struct jv_session *s)
{
    const struct jv_kept *kept;
    if (s->bound != NULL && jv_is_due(s->kept.settle_at, core->now)) {
        make_due(core, s, s->live.reported_epoch, s->live.reported_received);
    }
    /* What is due was judged at the commit; its turn comes within JV_PACE_MAX_MS, where there is a path. */
    while ((kept = first_of(core, s)) != NULL && (!kept->is_due || s->bound == NULL) &&
           jv_since_ms(kept->at, core->now) >= s->policy.resend_age_ms) {
        note_missed(s, &s->kept.aged, kept->epoch, kept->counter);
        remove_behind(core, s, 0);
    }
}

struct jv_instant jv_resend_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_kept *kept = first_of(core, s);
    if (kept == NULL) {
        return JV_NEVER;
    }
    if (s->kept.due > 0 && s->bound != NULL) {
        return jv_pace_deadline(&s->pace, core->now);
    }
    struct jv_instant settle = s->bound != NULL ? s->kept.settle_at : JV_NEVER;
    return jv_earlier(settle, jv_add_ms(kept->at, s->policy.resend_age_ms));
}

struct jv_instant jv_resend_sent_at(const struct jv_core *core, const struct jv_session *s,
                                    uint64_t epoch, uint64_t counter)
{
    const struct jv_kept *kept;
    for (uint32_t place = s->kept.first; (kept = at(core, place)) != NULL; place = kept->next) {
        if (kept->epoch == epoch && kept->counter == counter) {
            return kept->at;
        }
    }
    return core->now;
}

void jv_resend_drop(struct jv_core *core, struct jv_session *s)
{
    while (s->kept.len > 0) {
        remove_behind(core, s, 0);
    }
    s->kept.settle_at = JV_NEVER;
    s->pace.on = false;
}

bool jv_resend_is_false(struct jv_session *s, const struct jv_report *report)
{
    const struct jv_epoch *epoch = jv_keys_at(s->keys, report->epoch);
    bool is_ahead = report->epoch > s->keys->epochs[JV_EPOCH_CURRENT].n;
    return report->received > 0 &&
           (is_ahead || (epoch != NULL && report->highest >= epoch->tx_next));
}
