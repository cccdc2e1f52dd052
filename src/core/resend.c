/* SPDX-License-Identifier: Apache-2.0 */
#include "resend.h"

#include "session.h"

static struct jv_kept *first_of(const struct jv_core *core, const struct jv_session *s)
{
    return jv_slab_get(&core->kept, s->kept.first);
}

/* Unlinks and frees the entry behind `before` (NULL: the first one); the buffer is given back with it. */
static void remove_behind(struct jv_core *core, struct jv_session *s, struct jv_kept *before,
                          struct jv_handle before_handle)
{
    struct jv_handle handle = before != NULL ? before->next : s->kept.first;
    struct jv_kept *kept = jv_slab_get(&core->kept, handle);
    if (before != NULL) {
        before->next = kept->next;
    } else {
        s->kept.first = kept->next;
    }
    if (handle.idx == s->kept.last.idx && handle.gen == s->kept.last.gen) {
        s->kept.last = before != NULL ? before_handle : JV_NO_HANDLE;
    }
    s->kept.len--;
    s->kept.due -= kept->is_due ? 1 : 0;
    jv_core_give(core, &kept->slot, 1);
    jv_slab_remove(&core->kept, handle);
}

void jv_resend_keep(struct jv_core *core, struct jv_session *s, uint64_t epoch, uint64_t counter,
                    const struct jv_slot *slot)
{
    struct jv_handle handle;
    if (s->kept.len > 0 &&
        (s->kept.len >= JV_RESEND_PACKETS || core->kept.used == core->kept.cap)) {
        remove_behind(core, s, NULL, JV_NO_HANDLE);
        s->kept.pushed_out++;
    }
    struct jv_kept *kept = jv_slab_add(&core->kept, &handle);
    if (kept == NULL) {
        s->kept.pushed_out++;
        return;
    }
    kept->slot = *slot;
    kept->epoch = epoch;
    kept->counter = counter;
    kept->at = core->now;
    kept->next = JV_NO_HANDLE;
    jv_core_hold(core, slot);
    struct jv_kept *last = jv_slab_get(&core->kept, s->kept.last);
    if (last != NULL) {
        last->next = handle;
    } else {
        s->kept.first = handle;
    }
    s->kept.last = handle;
    s->kept.len++;
}

/* Received, or so old that the report cannot name it any more. */
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

void jv_resend_reported(struct jv_core *core, struct jv_session *s, const struct jv_report *report)
{
    struct jv_kept *before = NULL;
    struct jv_handle before_handle = JV_NO_HANDLE;
    struct jv_handle handle = s->kept.first;
    struct jv_kept *kept;
    while ((kept = jv_slab_get(&core->kept, handle)) != NULL &&
           (kept->epoch < report->epoch || kept->counter <= report->highest)) {
        struct jv_handle next = kept->next;
        if (is_settled(kept, report)) {
            remove_behind(core, s, before, before_handle);
        } else {
            before = kept;
            before_handle = handle;
        }
        handle = next;
    }
}

uint32_t jv_resend_begin(struct jv_core *core, struct jv_session *s, const struct jv_report *report)
{
    jv_resend_reported(core, s, report);
    jv_resend_expire(core, s);
    struct jv_kept *kept;
    for (struct jv_handle h = s->kept.first; (kept = jv_slab_get(&core->kept, h)) != NULL;
         h = kept->next) {
        if (!kept->is_due && jv_keys_at(s->keys, kept->epoch) != NULL) {
            kept->is_due = true;
            s->kept.due++;
        }
    }
    return s->kept.due;
}

bool jv_resend_is_busy(const struct jv_session *s)
{
    return s->kept.due > 0;
}

void jv_resend_run(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_kept *kept;
    if (s->kept.due == 0 || s->bound == NULL) {
        return;
    }
    for (struct jv_handle h = s->kept.first;
         (kept = jv_slab_get(&core->kept, h)) != NULL && s->kept.due > 0; h = kept->next) {
        if (!kept->is_due) {
            continue;
        }
        if (out->tx_cap - out->tx_len < JV_ROOM_TX) {
            break;
        }
        struct jv_slot slot = kept->slot;
        slot.link = s->bound->link;
        slot.remote = s->bound->remote;
        slot.local = s->bound->local;
        kept->is_due = false;
        s->kept.due--;
        s->kept.resent++;
        jv_core_hold(core, &slot);
        jv_core_send(core, &slot, out);
    }
    jv_core_touch(core, s);
}

void jv_resend_expire(struct jv_core *core, struct jv_session *s)
{
    const struct jv_kept *kept;
    while ((kept = first_of(core, s)) != NULL &&
           jv_since_ms(kept->at, core->now) >= JV_RESEND_AGE_MS) {
        remove_behind(core, s, NULL, JV_NO_HANDLE);
    }
}

struct jv_instant jv_resend_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_kept *kept = first_of(core, s);
    if (kept == NULL) {
        return JV_NEVER;
    }
    return s->kept.due > 0 && s->bound != NULL ? core->now : jv_add_ms(kept->at, JV_RESEND_AGE_MS);
}

struct jv_instant jv_resend_sent_at(const struct jv_core *core, const struct jv_session *s,
                                    uint64_t epoch, uint64_t counter)
{
    const struct jv_kept *kept;
    for (struct jv_handle h = s->kept.first; (kept = jv_slab_get(&core->kept, h)) != NULL;
         h = kept->next) {
        if (kept->epoch == epoch && kept->counter == counter) {
            return kept->at;
        }
    }
    return core->now;
}

void jv_resend_drop(struct jv_core *core, struct jv_session *s)
{
    while (s->kept.len > 0) {
        remove_behind(core, s, NULL, JV_NO_HANDLE);
    }
}

bool jv_resend_is_false(struct jv_session *s, const struct jv_report *report)
{
    const struct jv_epoch *epoch = jv_keys_at(s->keys, report->epoch);
    return epoch != NULL && report->received > 0 && report->highest >= epoch->tx_next;
}
