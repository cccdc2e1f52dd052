/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_INSTANT_H
#define JV_BASE_INSTANT_H
/*
 * instant -- a moment on the monotonic clock, and arithmetic on it that saturates.
 *
 * A moment is a struct so that a duration cannot be passed for one (OpenBGPD's monotime). Durations are plain integers with
 * their unit in the name. JV_NEVER is the far end of time: later than every moment, and adding to it changes nothing.
 */
#include <stdbool.h>
#include <stdint.h>

struct jv_instant {
    uint64_t ns; /* since an origin that the caller of the core chose; never goes back */
};

#define JV_NEVER ((struct jv_instant){UINT64_MAX})
#define JV_NS_PER_US 1000ULL
#define JV_NS_PER_MS 1000000ULL
#define JV_NS_PER_S 1000000000ULL

static inline bool jv_is_never(struct jv_instant t)
{
    return t.ns == UINT64_MAX;
}

static inline struct jv_instant jv_add_ns(struct jv_instant t, uint64_t ns)
{
    return ns > UINT64_MAX - t.ns ? JV_NEVER : (struct jv_instant){t.ns + ns};
}

static inline struct jv_instant jv_add_us(struct jv_instant t, uint64_t us)
{
    return us > UINT64_MAX / JV_NS_PER_US ? JV_NEVER : jv_add_ns(t, us * JV_NS_PER_US);
}

static inline struct jv_instant jv_add_ms(struct jv_instant t, uint64_t ms)
{
    return ms > UINT64_MAX / JV_NS_PER_MS ? JV_NEVER : jv_add_ns(t, ms * JV_NS_PER_MS);
}

/* Time from `from` to `to`; 0 where `to` is not later. */
static inline uint64_t jv_since_ns(struct jv_instant from, struct jv_instant to)
{
    return to.ns > from.ns ? to.ns - from.ns : 0;
}

static inline uint64_t jv_since_us(struct jv_instant from, struct jv_instant to)
{
    return jv_since_ns(from, to) / JV_NS_PER_US;
}

static inline uint64_t jv_since_ms(struct jv_instant from, struct jv_instant to)
{
    return jv_since_ns(from, to) / JV_NS_PER_MS;
}

static inline bool jv_is_before(struct jv_instant a, struct jv_instant b)
{
    return a.ns < b.ns;
}

/* A deadline is due at its moment, not after it. */
static inline bool jv_is_due(struct jv_instant deadline, struct jv_instant now)
{
    return deadline.ns <= now.ns;
}

static inline struct jv_instant jv_earlier(struct jv_instant a, struct jv_instant b)
{
    return a.ns < b.ns ? a : b;
}
#endif /* JV_BASE_INSTANT_H */
