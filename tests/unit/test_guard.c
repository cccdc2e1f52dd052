/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "guard.h"

static bool is_valid(const struct jv_cookies *cookies, const struct jv_endpoint *remote,
                     const uint8_t cookie[JV_COOKIE_BYTES])
{
    uint8_t expected[JV_COOKIE_BYTES];
    if (cookies->secrets > 0) {
        jv_cookies_make(cookies, remote, expected);
        if (jv_equal(expected, cookie, sizeof expected)) {
            return true;
        }
    }
    return jv_cookies_make_previous(cookies, remote, expected) &&
           jv_equal(expected, cookie, sizeof expected);
}

static const struct jv_rate three_a_minute = {.count = 3, .per_s = 60, .burst = 3};

static struct jv_instant ms(uint64_t v)
{
    return (struct jv_instant){v * JV_NS_PER_MS};
}

static int begin_all(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

static int end_all(void **state)
{
    jv_crypto_fini();
    return 0;
}

static void guard_bucket_gives_its_burst_and_no_more(void **state)
{
    struct jv_bucket bucket;
    jv_bucket_init(&bucket, &three_a_minute, ms(5));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jv_bucket_wait_ms(&bucket, &three_a_minute, ms(5)), 0);
        assert_true(jv_bucket_take(&bucket, &three_a_minute, ms(5)));
    }
    assert_false(jv_bucket_take(&bucket, &three_a_minute, ms(5)));
    assert_int_equal(jv_bucket_wait_ms(&bucket, &three_a_minute, ms(5)), 20000);
}

static void guard_bucket_refills_at_its_rate_exactly(void **state)
{
    struct jv_bucket bucket;
    jv_bucket_init(&bucket, &three_a_minute, ms(0));
    while (jv_bucket_take(&bucket, &three_a_minute, ms(0))) {
    }
    /* Asked every millisecond, nothing is lost to rounding. */
    for (uint64_t t = 1; t < 20000; t++) {
        assert_false(jv_bucket_take(&bucket, &three_a_minute, ms(t)));
    }
    assert_int_equal(jv_bucket_wait_ms(&bucket, &three_a_minute, ms(19999)), 1);
    assert_true(jv_bucket_take(&bucket, &three_a_minute, ms(20000)));
    assert_false(jv_bucket_take(&bucket, &three_a_minute, ms(20000)));
}

static void guard_bucket_holds_at_most_its_burst(void **state)
{
    struct jv_bucket bucket;
    struct jv_instant late = {UINT64_MAX - 1};
    int taken = 0;
    jv_bucket_init(&bucket, &three_a_minute, ms(0));
    assert_true(jv_bucket_take(&bucket, &three_a_minute, ms(0)));
    while (jv_bucket_take(&bucket, &three_a_minute, late)) {
        taken++;
    }
    assert_int_equal(taken, 3);
}

static void guard_bucket_ignores_time_going_back(void **state)
{
    struct jv_bucket bucket;
    jv_bucket_init(&bucket, &three_a_minute, ms(100000));
    while (jv_bucket_take(&bucket, &three_a_minute, ms(100000))) {
    }
    assert_false(jv_bucket_take(&bucket, &three_a_minute, ms(0)));
    assert_false(jv_bucket_take(&bucket, &three_a_minute, ms(100000)));
    assert_int_equal(jv_bucket_wait_ms(&bucket, &three_a_minute, ms(90000)), 30000);
    assert_true(jv_bucket_take(&bucket, &three_a_minute, ms(120000)));
}

static void guard_bucket_with_rate_zero_never_refills(void **state)
{
    static const struct jv_rate once = {.count = 0, .per_s = 1, .burst = 1};
    static const struct jv_rate nothing = {.count = 5, .per_s = 1, .burst = 0};
    struct jv_bucket bucket;
    jv_bucket_init(&bucket, &once, ms(0));
    assert_true(jv_bucket_take(&bucket, &once, ms(0)));
    assert_false(jv_bucket_take(&bucket, &once, ms(1000000)));
    assert_true(jv_bucket_wait_ms(&bucket, &once, ms(0)) == JV_WAIT_FOREVER);
    jv_bucket_init(&bucket, &nothing, ms(0));
    assert_false(jv_bucket_take(&bucket, &nothing, ms(1000000)));
    assert_true(jv_bucket_wait_ms(&bucket, &nothing, ms(0)) == JV_WAIT_FOREVER);
}

static void guard_bucket_largest_rate_does_not_overflow(void **state)
{
    static const struct jv_rate big = {JV_RATE_MAX, 3600, JV_RATE_MAX};
    struct jv_bucket bucket;
    uint32_t taken = 0;
    jv_bucket_init(&bucket, &big, ms(0));
    while (jv_bucket_take(&bucket, &big, ms(0))) {
        taken++;
    }
    assert_int_equal(taken, JV_RATE_MAX);
    assert_true(jv_bucket_take(&bucket, &big, ms(4)));
    assert_false(jv_bucket_take(&bucket, &big, ms(4)));
}

static void guard_bucket_follows_a_smaller_rate(void **state)
{
    static const struct jv_rate smaller = {.count = 1, .per_s = 60, .burst = 1};
    struct jv_bucket bucket;
    jv_bucket_init(&bucket, &three_a_minute, ms(0));
    assert_true(jv_bucket_take(&bucket, &smaller, ms(0)));
    assert_false(jv_bucket_take(&bucket, &smaller, ms(0)));
    assert_int_equal(jv_bucket_wait_ms(&bucket, &smaller, ms(0)), 60000);
}

#define PLACES 8U
static const uint8_t table_key[16] = {1, 2, 3};
static const struct jv_rate one_a_second = {.count = 1, .per_s = 1, .burst = 1};
static struct jv_sources sources;
static void *mem;

static int begin_sources(void **state)
{
    mem = calloc(1, jv_sources_bytes(PLACES));
    if (mem == NULL) {
        return -1;
    }
    jv_sources_init(&sources, mem, PLACES, table_key);
    return 0;
}

static int end_sources(void **state)
{
    free(mem);
    return 0;
}

static bool take(const char *text, struct jv_instant now)
{
    struct jv_ip ip;
    assert_int_equal(jv_ip_parse(text, &ip), JV_E_OK);
    return jv_sources_take(&sources, &one_a_second, now, &ip);
}

static void guard_minute_forgets_after_a_minute(void **state)
{
    struct jv_minute minute = {0};
    assert_int_equal(jv_minute_count(&minute, ms(0)), 0);
    for (uint32_t i = 0; i < 3; i++) {
        jv_minute_add(&minute, ms(i * 10000));
    }
    assert_int_equal(jv_minute_count(&minute, ms(20000)), 3);
    assert_int_equal(jv_minute_count(&minute, ms(59999)), 3);
    assert_int_equal(jv_minute_count(&minute, ms(60000)), 2);
    assert_int_equal(jv_minute_count(&minute, ms(80000)), 0);
    jv_minute_add(&minute, ms(10000000));
    assert_int_equal(jv_minute_count(&minute, ms(10000000)), 1);
}

static void guard_sources_have_a_bucket_each(void **state)
{
    assert_true(take("192.0.2.1", ms(0)));
    assert_false(take("192.0.2.1", ms(0)));
    assert_true(take("192.0.2.2", ms(0)));
    assert_false(take("192.0.2.2", ms(0)));
    assert_true(take("192.0.2.1", ms(1000)));
    assert_int_equal(sources.evicted, 0);
}

static void guard_sources_count_v6_by_its_64(void **state)
{
    assert_true(take("2001:db8::1", ms(0)));
    assert_false(take("2001:db8::ffff:2", ms(0)));
    assert_false(take("2001:db8:0:0:ff00::1", ms(0)));
    assert_true(take("2001:db8:0:1::1", ms(0)));
    /* The same bytes in the other family are another source. */
    assert_true(take("32.1.13.184", ms(0)));
}

static void guard_sources_evict_the_least_recently_used(void **state)
{
    /* One set of four places: the fifth source displaces the one that was silent longest. */
    jv_sources_init(&sources, mem, JV_SOURCE_WAYS, table_key);
    assert_true(take("192.0.2.1", ms(1)));
    assert_true(take("192.0.2.2", ms(2)));
    assert_true(take("192.0.2.3", ms(3)));
    assert_true(take("192.0.2.4", ms(4)));
    assert_false(take("192.0.2.1", ms(5)));
    assert_true(take("192.0.2.5", ms(6)));
    assert_int_equal(sources.evicted, 1);
    assert_false(take("192.0.2.1", ms(7)));
    assert_false(take("192.0.2.3", ms(7)));
    assert_false(take("192.0.2.4", ms(7)));
    assert_true(take("192.0.2.2", ms(7))); /* was displaced and begins anew, in place of 5 */
    assert_int_equal(sources.evicted, 2);
    assert_true(take("192.0.2.5", ms(8)));
}

static void guard_sources_memory_is_what_was_asked_for(void **state)
{
    assert_true(jv_sources_bytes(0) >= sizeof(struct jv_source));
    assert_true(jv_sources_bytes(1000) >= 1000 * sizeof(struct jv_source));
    assert_true(jv_sources_bytes(1000) <= 2048 * sizeof(struct jv_source));
}

static void endpoint_of(const char *text, struct jv_endpoint *out)
{
    assert_int_equal(jv_endpoint_parse(text, 0, out), JV_E_OK);
}

static void guard_cookie_is_bound_to_address_and_port(void **state)
{
    struct jv_cookies cookies;
    struct jv_key secret = {{7}};
    struct jv_endpoint a, other;
    uint8_t cookie[JV_COOKIE_BYTES];
    jv_cookies_init(&cookies);
    jv_cookies_rotate(&cookies, ms(0), &secret);
    endpoint_of("192.0.2.1:1000", &a);
    jv_cookies_make(&cookies, &a, cookie);
    assert_true(is_valid(&cookies, &a, cookie));
    static const char *const others[] = {"192.0.2.1:1001", "192.0.2.2:1000", "192.0.2.1:1256",
                                         "[c000:201::]:1000"};
    for (size_t i = 0; i < JV_ARRAY_LEN(others); i++) {
        endpoint_of(others[i], &other);
        assert_false(is_valid(&cookies, &other, cookie));
    }
    for (size_t i = 0; i < JV_COOKIE_BYTES; i++) {
        cookie[i] ^= 1;
        assert_false(is_valid(&cookies, &a, cookie));
        cookie[i] ^= 1;
    }
}

static void guard_cookie_lives_through_one_rotation(void **state)
{
    struct jv_cookies cookies;
    struct jv_key first = {{1}}, second = {{2}}, third = {{3}};
    struct jv_endpoint a;
    uint8_t cookie[JV_COOKIE_BYTES];
    endpoint_of("192.0.2.1:1000", &a);
    jv_cookies_init(&cookies);
    assert_true(jv_is_due(jv_cookies_deadline(&cookies), ms(0)));
    jv_cookies_rotate(&cookies, ms(10), &first);
    assert_true(jv_cookies_deadline(&cookies).ns == ms(10 + JV_COOKIE_ROTATE_MS).ns);
    jv_cookies_make(&cookies, &a, cookie);
    jv_cookies_rotate(&cookies, ms(120010), &second);
    assert_true(is_valid(&cookies, &a, cookie));
    jv_cookies_rotate(&cookies, ms(240010), &third);
    assert_false(is_valid(&cookies, &a, cookie));
}

static void guard_cookie_of_a_stale_secret_is_refused(void **state)
{
    struct jv_cookies cookies;
    struct jv_key first = {{1}}, second = {{2}};
    struct jv_endpoint a;
    uint8_t cookie[JV_COOKIE_BYTES];
    endpoint_of("192.0.2.1:1000", &a);
    jv_cookies_init(&cookies);
    jv_cookies_rotate(&cookies, ms(0), &first);
    jv_cookies_make(&cookies, &a, cookie);
    jv_cookies_rotate(&cookies, ms(3600000), &second);
    assert_false(is_valid(&cookies, &a, cookie));
}

static void guard_cookie_is_never_valid_without_a_secret(void **state)
{
    struct jv_cookies cookies;
    struct jv_key zero = {{0}}, other = {{4}};
    struct jv_endpoint a;
    uint8_t cookie[JV_COOKIE_BYTES];
    endpoint_of("192.0.2.1:1000", &a);
    jv_cookies_init(&cookies);
    /* What anyone could make from the zeroes of a fresh or wiped struct is not a cookie. */
    jv_cookies_rotate(&cookies, ms(0), &zero);
    jv_cookies_make(&cookies, &a, cookie);
    jv_cookies_init(&cookies);
    assert_false(is_valid(&cookies, &a, cookie));
    jv_cookies_rotate(&cookies, ms(0), &other);
    assert_false(is_valid(&cookies, &a, cookie));
    jv_cookies_wipe(&cookies);
    assert_false(is_valid(&cookies, &a, cookie));
}

static void minute_counts_no_further_than_it_can_and_never_back(void **state)
{
    struct jv_minute minute = {0};
    const struct jv_instant now = {100 * JV_NS_PER_S};
    for (uint32_t i = 0; i < UINT16_MAX + 10U; i++) {
        jv_minute_add(&minute, now);
    }
    assert_int_equal(jv_minute_count(&minute, now), UINT16_MAX);
    /* What comes with an older moment counts with the newest. */
    jv_minute_add(&minute, (struct jv_instant){50 * JV_NS_PER_S});
    assert_int_equal(jv_minute_count(&minute, now), UINT16_MAX);
    assert_int_equal(minute.slot, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minute_counts_no_further_than_it_can_and_never_back),
        cmocka_unit_test(guard_bucket_gives_its_burst_and_no_more),
        cmocka_unit_test(guard_bucket_refills_at_its_rate_exactly),
        cmocka_unit_test(guard_bucket_holds_at_most_its_burst),
        cmocka_unit_test(guard_bucket_ignores_time_going_back),
        cmocka_unit_test(guard_bucket_with_rate_zero_never_refills),
        cmocka_unit_test(guard_bucket_largest_rate_does_not_overflow),
        cmocka_unit_test(guard_bucket_follows_a_smaller_rate),
        cmocka_unit_test(guard_minute_forgets_after_a_minute),
        cmocka_unit_test_setup_teardown(guard_sources_have_a_bucket_each, begin_sources,
                                        end_sources),
        cmocka_unit_test_setup_teardown(guard_sources_count_v6_by_its_64, begin_sources,
                                        end_sources),
        cmocka_unit_test_setup_teardown(guard_sources_evict_the_least_recently_used, begin_sources,
                                        end_sources),
        cmocka_unit_test(guard_sources_memory_is_what_was_asked_for),
        cmocka_unit_test(guard_cookie_is_bound_to_address_and_port),
        cmocka_unit_test(guard_cookie_lives_through_one_rotation),
        cmocka_unit_test(guard_cookie_of_a_stale_secret_is_refused),
        cmocka_unit_test(guard_cookie_is_never_valid_without_a_secret),
    };
    return cmocka_run_group_tests_name("guard", tests, begin_all, end_all);
}
