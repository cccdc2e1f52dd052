/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_GUARD_H
#define JV_CORE_GUARD_H
/*
 * guard -- token buckets, a limiter for each source address, and address cookies: what stands
 * before any costly work.
 *
 * Sources  the token bucket in whole numbers is RFC 2697's (credit grows with time, up to the
 *          burst); the cookie is WireGuard's (Donenfeld, NDSS 2017, section 5.4.7: a MAC over
 *          address and port under a secret that changes every two minutes), which descends from
 *          DTLS (RFC 6347 section 4.2.1).
 * Owns     nothing outside the structs and the memory given to jv_sources_init().
 * Takes    `now` and secret bytes as arguments.
 * Limits   a table of sources has a fixed number of places; a full set of places gives up its
 *          least recently used one.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "crypto.h"
#include "endpoint.h"
#include "instant.h"

/* At most `count` tokens every `per_s` seconds in the long run, `burst` at once. */
struct jv_rate {
    uint32_t count; /* 0..JV_RATE_MAX; 0: never refills */
    uint32_t per_s; /* 1: a second, 60: a minute; 1..3600 */
    uint32_t burst; /* 0..JV_RATE_MAX; 0: nothing ever passes */
};
#define JV_RATE_MAX 1000000U /* keeps burst * period in nanoseconds within 64 bits */

/* The rate is given at each call, so that a reload takes effect on buckets that exist. */
struct jv_bucket {
    uint64_t credit;      /* count * nanoseconds; one token costs per_s * 10^9 */
    struct jv_instant at; /* moment up to which credit was given */
};

#define JV_WAIT_FOREVER UINT64_MAX

/* A full bucket. */
void jv_bucket_init(struct jv_bucket *bucket, const struct jv_rate *rate, struct jv_instant now);
/* Take one token; false: there was none. A `now` before the last one gives no credit. */
JV_MUST_USE bool jv_bucket_take(struct jv_bucket *bucket, const struct jv_rate *rate,
                                struct jv_instant now);
/* Milliseconds, rounded up, until a token is there: 0 at once, JV_WAIT_FOREVER never. */
uint64_t jv_bucket_wait_ms(const struct jv_bucket *bucket, const struct jv_rate *rate,
                           struct jv_instant now);

/*
 * Events of the last minute, in slots of five seconds: what is older than 60 s is never counted, what is younger than 55 s always.
 * All zero: none.
 */
#define JV_MINUTE_SLOTS 12U
struct jv_minute {
    uint16_t counts[JV_MINUTE_SLOTS]; /* saturate */
    uint64_t slot;                    /* of the newest event */
};
void jv_minute_add(struct jv_minute *minute, struct jv_instant now);
uint32_t jv_minute_count(const struct jv_minute *minute, struct jv_instant now);

#define JV_SOURCE_WAYS 4U /* places among which one address is looked for */

/* One place of the table: keyed hash of the source and its bucket. */
struct jv_source {
    uint64_t hash;
    struct jv_bucket bucket;
    struct jv_instant used;
    bool taken;
};

struct jv_sources {
    struct jv_source *places;
    uint64_t sets;    /* power of two */
    uint64_t evicted; /* sources that lost their place to another: "was full" */
    uint8_t key[16];
};

/* Memory for at least `cap` sources. */
size_t jv_sources_bytes(uint32_t cap);
/* `mem` is zeroed and aligned to 16. `key` is secret, so that strangers cannot choose a set. */
void jv_sources_init(struct jv_sources *sources, void *mem, uint32_t cap, const uint8_t key[16]);
/*
 * Take one token of the bucket of this source. IPv4 counts by address, IPv6 by /64: a host has a
 * whole /64 to send from. An unknown source begins with a full bucket, in a free place or in that
 * of the least recently used of its set (the lowest index among equals). The address is unverified:
 * a limiter is all that it may touch.
 */
JV_MUST_USE bool jv_sources_take(struct jv_sources *sources, const struct jv_rate *rate,
                                 struct jv_instant now, const struct jv_ip *unverified_source);

#define JV_COOKIE_BYTES JV_MAC_BYTES
/* WireGuard's two minutes: a cookie is good for two to four. */
#define JV_COOKIE_ROTATE_MS 120000U

struct jv_cookies {
    struct jv_key secret, previous;
    struct jv_instant rotate; /* when the next secret is due */
    uint8_t secrets;          /* 0, 1 or 2 of them are set */
};

/* No secret: every check fails and jv_cookies_deadline() is due at once. */
void jv_cookies_init(struct jv_cookies *cookies);
void jv_cookies_wipe(struct jv_cookies *cookies);
/* When jv_cookies_rotate() wants to be called. */
struct jv_instant jv_cookies_deadline(const struct jv_cookies *cookies);
/* The current secret becomes the previous one, `fresh` (random, copied) the current one. */
void jv_cookies_rotate(struct jv_cookies *cookies, struct jv_instant now,
                       const struct jv_key *fresh);
/*
 * In place of jv_cookies_rotate() where several cores share `seed` and the clock: all have the same two secrets at the same time, so that
 * each takes the cookies of all. The times are multiples of JV_COOKIE_ROTATE_MS on that clock.
 */
void jv_cookies_follow(struct jv_cookies *cookies, struct jv_instant now,
                       const struct jv_key *seed);
/* Keyed BLAKE2s over family, address and port. A secret must have been set. */
void jv_cookies_make(const struct jv_cookies *cookies, const struct jv_endpoint *unverified_remote,
                     uint8_t cookie_out[JV_COOKIE_BYTES]);
/* The same under the secret before; false: there is none. */
JV_MUST_USE bool jv_cookies_make_previous(const struct jv_cookies *cookies,
                                          const struct jv_endpoint *unverified_remote,
                                          uint8_t cookie_out[JV_COOKIE_BYTES]);
#endif /* JV_CORE_GUARD_H */
