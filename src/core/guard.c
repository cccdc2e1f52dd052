/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <string.h>

#include "wire.h"

static uint64_t token_cost(const struct jv_rate *rate)
{
    return (uint64_t)rate->per_s * JV_NS_PER_S;
}

static uint64_t full(const struct jv_rate *rate)
{
    JV_ASSERT(rate->count <= JV_RATE_MAX && rate->burst <= JV_RATE_MAX);
    JV_ASSERT(rate->per_s >= 1 && rate->per_s <= 3600);
    return (uint64_t)rate->burst * token_cost(rate);
}

/*
 * Credit at `now`. Counting in count * nanoseconds makes refilling exact: nothing is rounded away, however often the bucket is
 * asked. The time that fills the bucket is computed first, so that a long absence cannot overflow.
 */
static uint64_t credit_at(const struct jv_bucket *bucket, const struct jv_rate *rate,
                          struct jv_instant now)
{
    uint64_t max = full(rate);
    if (bucket->credit >= max) {
        return max; /* also after a reload made the burst smaller */
    }
    if (rate->count == 0) {
        return bucket->credit;
    }
    uint64_t missing = max - bucket->credit;
    uint64_t passed_ns = jv_since_ns(bucket->at, now);
    if (passed_ns > missing / rate->count) {
        return max;
    }
    //@ assert passed_ns * rate->count <= missing;
    return bucket->credit + passed_ns * rate->count;
}

void jv_bucket_init(struct jv_bucket *bucket, const struct jv_rate *rate, struct jv_instant now)
{
    *bucket = (struct jv_bucket){full(rate), now};
}

bool jv_bucket_take(struct jv_bucket *bucket, const struct jv_rate *rate, struct jv_instant now)
{
    uint64_t credit = credit_at(bucket, rate, now);
    /* The moment never goes back: else the same stretch of time would be paid twice. */
    if (jv_is_before(bucket->at, now)) {
        bucket->at = now;
    }
    bool enough = credit >= token_cost(rate);
    bucket->credit = enough ? credit - token_cost(rate) : credit;
    return enough;
}

uint64_t jv_bucket_wait_ms(const struct jv_bucket *bucket, const struct jv_rate *rate,
                           struct jv_instant now)
{
    uint64_t credit = credit_at(bucket, rate, now);
    uint64_t cost = token_cost(rate);
    if (credit >= cost) {
        return 0;
    }
    if (rate->count == 0 || rate->burst == 0) {
        return JV_WAIT_FOREVER;
    }
    /* A `now` before the bucket's moment must first catch up with it. */
    uint64_t missing_ns = (cost - credit + rate->count - 1) / rate->count;
    struct jv_instant from = jv_is_before(now, bucket->at) ? bucket->at : now;
    uint64_t wait_ns = jv_since_ns(now, jv_add_ns(from, missing_ns));
    return wait_ns / JV_NS_PER_MS + (wait_ns % JV_NS_PER_MS != 0 ? 1 : 0);
}

static uint64_t sets_for(uint32_t cap)
{
    uint64_t sets = 1;
    while (sets * JV_SOURCE_WAYS < cap) {
        sets *= 2;
    }
    return sets;
}

/* ---- events of a minute ---- */

#define SLOT_NS (5 * JV_NS_PER_S)

void jv_minute_add(struct jv_minute *minute, struct jv_instant now)
{
    uint64_t slot = now.ns / SLOT_NS;
    for (uint64_t i = minute->slot + 1; i <= slot && i <= minute->slot + JV_MINUTE_SLOTS; i++) {
        minute->counts[i % JV_MINUTE_SLOTS] = 0;
    }
    minute->slot = JV_MAX(minute->slot, slot);
    uint16_t *count = &minute->counts[minute->slot % JV_MINUTE_SLOTS];
    *count = *count == UINT16_MAX ? UINT16_MAX : (uint16_t)(*count + 1);
}

uint32_t jv_minute_count(const struct jv_minute *minute, struct jv_instant now)
{
    uint64_t slot = now.ns / SLOT_NS;
    uint32_t n = 0;
    for (uint64_t age = 0; age < JV_MINUTE_SLOTS && age <= minute->slot; age++) {
        uint64_t at = minute->slot - age;
        n += at + JV_MINUTE_SLOTS > slot ? minute->counts[at % JV_MINUTE_SLOTS] : 0U;
    }
    return n;
}

size_t jv_sources_bytes(uint32_t cap)
{
    return (size_t)(sets_for(cap) * JV_SOURCE_WAYS) * sizeof(struct jv_source);
}

void jv_sources_init(struct jv_sources *sources, void *mem, uint32_t cap, const uint8_t key[16])
{
    *sources = (struct jv_sources){.places = mem, .sets = sets_for(cap)};
    memcpy(sources->key, key, sizeof sources->key);
}

static uint64_t hash_of(const struct jv_sources *sources, const struct jv_ip *source)
{
    uint8_t input[9] = {0};
    input[0] = source->family;
    memcpy(input + 1, source->b, source->family == JV_AF_6 ? 8 : 4);
    return jv_siphash(sources->key, input, sizeof input);
}

static bool is_better_victim(const struct jv_source *a, const struct jv_source *b)
{
    if (a->taken != b->taken) {
        return !a->taken;
    }
    return jv_is_before(a->used, b->used);
}

bool jv_sources_take(struct jv_sources *sources, const struct jv_rate *rate, struct jv_instant now,
                     const struct jv_ip *unverified_source)
{
    uint64_t hash = hash_of(sources, unverified_source);
    struct jv_source *set = sources->places + (hash & (sources->sets - 1)) * JV_SOURCE_WAYS;
    struct jv_source *place = NULL;
    struct jv_source *victim = set;
    for (size_t i = 0; i < JV_SOURCE_WAYS; i++) {
        if (set[i].taken && set[i].hash == hash) {
            place = &set[i];
        } else if (is_better_victim(&set[i], victim)) {
            victim = &set[i];
        }
    }
    if (place == NULL) {
        place = victim;
        sources->evicted += place->taken ? 1 : 0;
        place->taken = true;
        place->hash = hash;
        place->used = now;
        jv_bucket_init(&place->bucket, rate, now);
    }
    if (jv_is_before(place->used, now)) {
        place->used = now;
    }
    return jv_bucket_take(&place->bucket, rate, now);
}

void jv_cookies_init(struct jv_cookies *cookies)
{
    memset(cookies, 0, sizeof *cookies);
}

void jv_cookies_wipe(struct jv_cookies *cookies)
{
    jv_wipe(cookies, sizeof *cookies);
}

struct jv_instant jv_cookies_deadline(const struct jv_cookies *cookies)
{
    return cookies->rotate;
}

void jv_cookies_rotate(struct jv_cookies *cookies, struct jv_instant now,
                       const struct jv_key *fresh)
{
    /* A secret that nobody rotated in time has lived its four minutes and is not accepted again. */
    bool stale = jv_since_ms(cookies->rotate, now) >= JV_COOKIE_ROTATE_MS;
    cookies->previous = cookies->secret;
    cookies->secret = *fresh;
    cookies->secrets = cookies->secrets == 0 || stale ? 1 : 2;
    cookies->rotate = jv_add_ms(now, JV_COOKIE_ROTATE_MS);
}

void jv_cookies_follow(struct jv_cookies *cookies, struct jv_instant now, const struct jv_key *seed)
{
    uint64_t n = now.ns / (JV_COOKIE_ROTATE_MS * (uint64_t)JV_NS_PER_MS);
    struct jv_key *secrets[] = {&cookies->secret, &cookies->previous};
    for (uint64_t i = 0; i < JV_ARRAY_LEN(secrets); i++) {
        uint8_t number[8];
        jv_store64(number, n - i);
        const struct jv_bytes context = {number, sizeof number};
        jv_kdf(seed, "jv1 cookie secret", &context, 1, secrets[i]);
    }
    cookies->secrets = 2;
    cookies->rotate = jv_add_ms((struct jv_instant){0}, (n + 1) * JV_COOKIE_ROTATE_MS);
}

/* The scope of a link-local address is our own index of the interface: the sender cannot choose it. */
static void cookie_under(const struct jv_key *secret, const struct jv_endpoint *remote,
                         uint8_t out[JV_COOKIE_BYTES])
{
    uint8_t input[1 + 16 + 2];
    input[0] = remote->ip.family;
    memcpy(input + 1, remote->ip.b, 16);
    input[17] = (uint8_t)(remote->port >> 8);
    input[18] = (uint8_t)remote->port;
    struct jv_bytes part = {input, sizeof input};
    jv_mac(secret->b, sizeof secret->b, &part, 1, out);
}

void jv_cookies_make(const struct jv_cookies *cookies, const struct jv_endpoint *unverified_remote,
                     uint8_t cookie_out[JV_COOKIE_BYTES])
{
    JV_ASSERT(cookies->secrets > 0);
    cookie_under(&cookies->secret, unverified_remote, cookie_out);
}

bool jv_cookies_make_previous(const struct jv_cookies *cookies,
                              const struct jv_endpoint *unverified_remote,
                              uint8_t cookie_out[JV_COOKIE_BYTES])
{
    if (cookies->secrets < 2) {
        return false;
    }
    cookie_under(&cookies->previous, unverified_remote, cookie_out);
    return true;
}
