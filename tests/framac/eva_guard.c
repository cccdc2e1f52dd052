/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets, the minute, sources and cookies with any content, at any moment and for any rate within its limits.
 *
 * eva: core/guard.c
 */
#include "any.h"
#include "guard.h"

static struct jv_bucket bucket;
static struct jv_minute minute;
static struct jv_source places[16];
static struct jv_sources sources;
static struct jv_cookies cookies;

static struct jv_instant any_moment(void)
{
    return (struct jv_instant){any64()};
}

static struct jv_rate any_rate(void)
{
    return (struct jv_rate){Frama_C_unsigned_int_interval(0, JV_RATE_MAX),
                            Frama_C_unsigned_int_interval(1, 3600),
                            Frama_C_unsigned_int_interval(0, JV_RATE_MAX)};
}

static void buckets(void)
{
    struct jv_rate rate = any_rate();
    bucket = (struct jv_bucket){any64(), any_moment()};
    (void)jv_bucket_take(&bucket, &rate, any_moment());
    (void)jv_bucket_wait_ms(&bucket, &rate, any_moment());
    jv_bucket_init(&bucket, &rate, any_moment());
}

static void minutes(void)
{
    any_bytes(minute.counts, sizeof minute.counts);
    minute.slot = any64() / (5 * JV_NS_PER_S);
    jv_minute_add(&minute, any_moment());
    (void)jv_minute_count(&minute, any_moment());
}

static void strangers(void)
{
    uint8_t key[16];
    struct jv_ip ip;
    struct jv_rate rate = any_rate();
    any_bytes(key, sizeof key);
    any_bytes(&ip, sizeof ip);
    jv_sources_init(&sources, places, 16, key);
    for (int i = 0; i < 16; i++) {
        places[i].taken = any_bool();
        places[i].hash = any64();
        places[i].used = any_moment();
        places[i].bucket = (struct jv_bucket){any64(), any_moment()};
    }
    (void)jv_sources_take(&sources, &rate, any_moment(), &ip);
    (void)jv_sources_bytes(any32());
}

static void addresses(void)
{
    struct jv_key key;
    struct jv_endpoint remote;
    uint8_t cookie[JV_COOKIE_BYTES];
    any_bytes(&key, sizeof key);
    any_bytes(&remote, sizeof remote);
    jv_cookies_init(&cookies);
    jv_cookies_rotate(&cookies, any_moment(), &key);
    jv_cookies_make(&cookies, &remote, cookie);
    jv_cookies_rotate(&cookies, any_moment(), &key);
    (void)jv_cookies_make_previous(&cookies, &remote, cookie);
    (void)jv_cookies_deadline(&cookies);
    jv_cookies_wipe(&cookies);
}

int main(void)
{
    buckets();
    minutes();
    strangers();
    addresses();
    return 0;
}
