/* SPDX-License-Identifier: Apache-2.0 */
#include "pmtu.h"

#include <string.h>

#include "base.h"

static uint16_t capped(uint32_t bytes)
{
    return (uint16_t)JV_MIN(bytes, JV_DATAGRAM_MAX);
}

/* Below what failed and with nothing proven: somebody's claim first, then the base, then the floor. */
static uint32_t below(const struct jv_pmtu *p)
{
    if (p->hint >= JV_PMTU_FLOOR && p->hint < p->failed) {
        return p->hint;
    }
    return p->failed > JV_PMTU_BASE ? JV_PMTU_BASE : p->failed > JV_PMTU_FLOOR ? JV_PMTU_FLOOR : 0;
}

static uint32_t next_size(const struct jv_pmtu *p)
{
    if (p->failed == 0) {
        return p->size < p->top ? p->top : 0;
    }
    if (p->size == 0) {
        return below(p);
    }
    if ((uint32_t)p->failed - p->size <= JV_PMTU_STEP) {
        return 0;
    }
    if (p->size == p->hint) {
        return p->size + JV_PMTU_STEP; /* a true claim ends the search here */
    }
    uint32_t middle = ((uint32_t)p->size + p->failed) / 2 / JV_PMTU_STEP * JV_PMTU_STEP;
    return JV_MAX(middle, p->size + JV_PMTU_STEP);
}

static void ask(struct jv_pmtu *p, uint32_t bytes, bool is_verify)
{
    p->asked = (uint16_t)bytes;
    p->is_verify = is_verify;
    p->tries = p->lost = p->barren = 0;
}

void jv_pmtu_init(struct jv_pmtu *p, uint32_t top_bytes)
{
    memset(p, 0, sizeof *p);
    p->top = capped(top_bytes);
}

void jv_pmtu_set_top(struct jv_pmtu *p, uint32_t top_bytes)
{
    uint16_t top = capped(top_bytes);
    if (top == p->top) {
        return;
    }
    bool has_risen = top > p->top;
    bool was_asked = p->asked != 0;
    p->top = top;
    p->size = JV_MIN(p->size, top);
    if (has_risen || p->failed > top) {
        p->failed = 0;
    }
    if (has_risen || was_asked) {
        ask(p, next_size(p), false);
    }
}

void jv_pmtu_search(struct jv_pmtu *p)
{
    if (p->asked != 0) {
        return;
    }
    p->hint = 0;
    if (p->size == 0 && p->failed != 0) {
        ask(p, JV_MIN(JV_PMTU_FLOOR, (uint32_t)p->top),
            false); /* nothing passed the last time: the least first */
    } else {
        p->failed = 0;
        ask(p, next_size(p), false);
    }
}

void jv_pmtu_raise(struct jv_pmtu *p)
{
    if (p->asked == 0) {
        jv_pmtu_search(p);
        p->hint = p->size;
    }
}

void jv_pmtu_verify(struct jv_pmtu *p, uint32_t claimed_bytes)
{
    if (p->asked != 0) {
        return;
    }
    if (p->size == 0) {
        jv_pmtu_search(p);
    } else {
        ask(p, p->size, true);
    }
    p->hint = capped(claimed_bytes);
}

bool jv_pmtu_sent(struct jv_pmtu *p)
{
    bool is_alone = p->tries == 0;
    p->tries = (uint8_t)JV_MIN(p->tries + 1U, (uint32_t)UINT8_MAX);
    return !is_alone;
}

void jv_pmtu_passed(struct jv_pmtu *p)
{
    bool was_verify = p->is_verify;
    p->size = JV_MAX(p->size, p->asked);
    p->failed = p->failed > p->size ? p->failed : 0;
    ask(p, was_verify ? 0 : next_size(p), false);
}

static void give_up(struct jv_pmtu *p)
{
    p->failed = p->asked;
    if (p->size >= p->failed) {
        p->size = 0;
    }
    ask(p, next_size(p), false);
}

bool jv_pmtu_lost(struct jv_pmtu *p, bool small_came_back)
{
    if (p->tries < 2) {
        return true; /* it went alone: nobody knows whether its size was the reason */
    }
    if (!small_came_back) {
        p->barren++;
        if (p->barren >= JV_PMTU_BARREN_MAX) {
            p->tries = p->barren = 0;
            return false;
        }
        return true;
    }
    p->barren = 0;
    p->lost++;
    if (p->lost >= (p->is_verify ? JV_PMTU_FALL_LOST : JV_PMTU_SEARCH_LOST)) {
        give_up(p);
    }
    return true;
}

bool jv_pmtu_is_narrow(const struct jv_pmtu *p)
{
    return jv_pmtu_bytes(p) < JV_PMTU_BASE;
}

bool jv_pmtu_is_refused(const struct jv_pmtu *p)
{
    bool has_failed = p->size == 0 && p->failed != 0 && p->failed <= JV_PMTU_FLOOR;
    return has_failed || jv_pmtu_bytes(p) < JV_PMTU_FLOOR;
}
