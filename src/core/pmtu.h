/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PMTU_H
#define JV_CORE_PMTU_H
/*
 * pmtu -- the search for the largest datagram that a path carries in both directions, and the doubt whether it still does.
 *
 * Sources  RFC 8899 (DPLPMTUD): base, search, search complete, black hole; its states are `asked`, `size` and `failed` here.
 * Takes    verdicts on probes: came back, or was lost while a small one beside it came back or was lost too. No clock, no packet.
 * Gives    the size to be asked next, and the size that may be used meanwhile.
 * Threads  none: pure functions on the caller's struct.
 *
 * A size is the length of a datagram, headers of IP and UDP not counted, so that it means the same over IPv4 and IPv6.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"

struct jv_pmtu {
    uint16_t top;    /* more than this is never asked: what the link and the session allow */
    uint16_t size;   /* the largest that came back; 0: none yet */
    uint16_t failed; /* the least that did not; 0: none */
    uint16_t hint; /* where to look: somebody's claim, or a size whose neighbour decides; 0: none */
    uint16_t asked; /* 0: nothing is asked */
    bool is_verify; /* what is asked did come back once */
    uint8_t tries;  /* probes of `asked` that were sent */
    uint8_t lost;   /* of them while the small one came back */
    uint8_t barren; /* of them while the small one was lost too */
};

void jv_pmtu_init(struct jv_pmtu *p, uint32_t top_bytes);
/* The link or the session allows another size: a fact of this host. What is known below it stays, a higher top is asked. */
void jv_pmtu_set_top(struct jv_pmtu *p, uint32_t top_bytes);
/* Ask for more than is known, from the top. Left alone where something is asked already. */
void jv_pmtu_search(struct jv_pmtu *p);
/* The same in two questions where nothing has changed: the top, and a step more than is known. */
void jv_pmtu_raise(struct jv_pmtu *p);
/* Is the size still right? `claimed_bytes`: where to look if it is not, 0 nobody knows. Searches where none is known. */
void jv_pmtu_verify(struct jv_pmtu *p, uint32_t claimed_bytes);

/* A probe of `asked` was sent. True: a small one must go beside it, because the verdict needs to know that the path is alive. */
bool jv_pmtu_sent(struct jv_pmtu *p);
/* It came back. */
void jv_pmtu_passed(struct jv_pmtu *p);
/*
 * It did not in time; `small_came_back` where one went beside it. False: nothing came back for so long that the path must be left
 * alone for a while; `asked` stays.
 */
bool jv_pmtu_lost(struct jv_pmtu *p, bool small_came_back);

/*
 * The largest datagram that may be sent. What was never asked is taken for right (decision 0011): a tunnel cannot take back what it
 * told to the connections inside, and the answer is a round trip away.
 */
static inline uint32_t jv_pmtu_bytes(const struct jv_pmtu *p)
{
    if (p->size != 0) {
        return p->size;
    }
    if (p->failed == 0) {
        return p->top;
    }
    uint32_t safe = p->failed > JV_PMTU_BASE ? JV_PMTU_BASE : JV_PMTU_FLOOR;
    return JV_MIN(safe, p->top);
}
/* It does not carry an inner packet of JV_MTU_MIN. */
bool jv_pmtu_is_narrow(const struct jv_pmtu *p);
/* It does not even carry the floor. */
bool jv_pmtu_is_refused(const struct jv_pmtu *p);
#endif /* JV_CORE_PMTU_H */
