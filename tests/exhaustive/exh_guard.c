/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits against models that keep every moment: token buckets and the switches of a minute, events of the last minute, the age of
 * cookies. Every sequence of attempts with these pauses between them is tried.
 */
#include "exh.h"
#include "guard.h"
#include "session.h"

#define S JV_NS_PER_S
#define LEN_MAX 10U

/* ---- buckets ---- */

struct granted {
    uint64_t at[LEN_MAX];
    uint32_t len;
};

/*
 * What a bucket promises, said of moments alone: whichever earlier grant one begins to count at, there are never more than the burst
 * and what the time since then earned.
 */
static bool may_pass(const struct granted *g, const struct jv_rate *rate, uint64_t now)
{
    bool good = rate->burst > 0;
    for (uint32_t i = 0; i < g->len; i++) {
        uint64_t n = g->len - i + 1;
        good = good && (n <= rate->burst ||
                        (n - rate->burst) * rate->per_s * S <= (now - g->at[i]) * rate->count);
    }
    return good;
}

static void check_wait(const struct jv_bucket *bucket, const struct jv_rate *rate,
                       const struct granted *g, uint64_t now)
{
    uint64_t wait = jv_bucket_wait_ms(bucket, rate, (struct jv_instant){now});
    if (wait == JV_WAIT_FOREVER) {
        EXH_CASE(!may_pass(g, rate, now + 100000 * S), "forever, and yet");
        return;
    }
    EXH_CASE(may_pass(g, rate, now + wait * JV_NS_PER_MS) &&
                 (wait == 0 || !may_pass(g, rate, now + (wait - 1) * JV_NS_PER_MS)),
             "rate %u in %u s, burst %u: %llu ms", rate->count, rate->per_s, rate->burst,
             (unsigned long long)wait);
}

static void attempts(const struct jv_rate *rate, uint32_t most, const struct jv_bucket *from,
                     const struct granted *known, uint64_t now, uint32_t depth)
{
    static const uint64_t pauses[] = {0,          1,      333333, 10 * S, 20 * S,
                                      30 * S - 1, 30 * S, 60 * S, 61 * S};
    for (size_t i = 0; depth > 0 && i < JV_ARRAY_LEN(pauses); i++) {
        struct jv_bucket bucket = *from;
        struct granted g = *known;
        uint64_t at = now + pauses[i];
        bool want = may_pass(&g, rate, at);
        check_wait(&bucket, rate, &g, at);
        bool got = jv_bucket_take(&bucket, rate, (struct jv_instant){at});
        if (got) {
            g.at[g.len++] = at;
        }
        uint32_t in_minute = 0;
        for (uint32_t k = 0; k < g.len; k++) {
            in_minute += at - g.at[k] <= 60 * S ? 1 : 0;
        }
        EXH_CASE(got == want && (most == 0 || in_minute <= most),
                 "rate %u in %u s, burst %u: %s, %u in a minute", rate->count, rate->per_s,
                 rate->burst, got ? "passed" : "refused", in_minute);
        attempts(rate, most, &bucket, &g, at, depth - 1);
    }
}

static void buckets(uint32_t depth)
{
    /* A third of a second is no whole number of nanoseconds: there the wait is rounded up. */
    for (uint32_t v = 0; v < 2 * 4 * 4; v++) {
        const struct jv_rate rate = {v % 4, v < 16 ? 60 : 1, v / 4 % 4};
        struct jv_bucket bucket;
        const struct granted none = {{0}, 0};
        jv_bucket_init(&bucket, &rate, (struct jv_instant){5 * S});
        attempts(&rate, 0, &bucket, &none, 5 * S, depth);
    }
    exh_law("a bucket passes what the moments of all grants before allow, and says how long to "
            "wait to the millisecond");
}

/* ---- the switches of a minute ---- */

static void switches(uint32_t depth)
{
    static struct jv_session s;
    for (uint32_t most = 1; most <= 4; most++) {
        for (uint32_t burst = 1; burst <= 4; burst++) {
            s.policy.max_switches_per_min = most;
            s.policy.switch_burst = burst;
            const struct jv_rate rate = jv_session_switch_rate(&s);
            const struct granted none = {{0}, 0};
            struct jv_bucket bucket;
            jv_bucket_init(&bucket, &rate, (struct jv_instant){5 * S});
            attempts(&rate, most, &bucket, &none, 5 * S, depth);
        }
    }
    exh_law(
        "switches in any sixty seconds never exceed the cap, whatever cap, burst and pauses are");
}

static void switch_window(void)
{
    static struct jv_session s;
    static const uint64_t ages[] = {0,      1,          60 * S - 1000001, 60 * S - 1,
                                    60 * S, 60 * S + 1, 100 * S};
    for (uint32_t v = 0; v < 7 * 7 * 7 * 7; v++) {
        uint32_t want = 0;
        s.switch_times_len = 0;
        for (uint32_t k = v; s.switch_times_len < 4; k /= 7) {
            s.switch_times[s.switch_times_len++] = (struct jv_instant){200 * S - ages[k % 7]};
            want += ages[k % 7] < 60 * S ? 1 : 0;
        }
        EXH_CASE(jv_session_switches_in_window(&s, (struct jv_instant){200 * S}) == want, "case %u",
                 v);
    }
    exh_law("the switches that are shown are those of less than sixty seconds ago");
}

/* ---- events of the last minute ---- */

struct events {
    uint64_t at[LEN_MAX];
    uint32_t len;
};

static void minutes(const struct jv_minute *from, const struct events *known, uint64_t now,
                    uint32_t depth)
{
    static const uint64_t pauses[] = {0,      1,          5 * S - 1, 5 * S,  55 * S - 1,
                                      55 * S, 60 * S - 1, 60 * S,    65 * S, 1000000 * S};
    for (size_t i = 0; i < JV_ARRAY_LEN(pauses); i++) {
        uint64_t at = now + pauses[i];
        uint32_t surely = 0;
        uint32_t at_most = 0;
        for (uint32_t k = 0; k < known->len; k++) {
            surely += at - known->at[k] < 55 * S ? 1 : 0;
            at_most += at - known->at[k] <= 60 * S ? 1 : 0;
        }
        uint32_t n = jv_minute_count(from, (struct jv_instant){at});
        EXH_CASE(surely <= n && n <= at_most, "%u of %u..%u", n, surely, at_most);
        if (depth > 0) {
            struct jv_minute minute = *from;
            struct events e = *known;
            jv_minute_add(&minute, (struct jv_instant){at});
            e.at[e.len++] = at;
            minutes(&minute, &e, at, depth - 1);
        }
    }
}

/* ---- cookies ---- */

static void cookies(uint32_t depth)
{
    static const uint64_t pauses_ms[] = {0,      1,      119999, 120000, 120001,
                                         239999, 240000, 240001, 600000};
    const struct jv_endpoint remote = {.ip = {.b = {192, 0, 2, 1}, .family = JV_AF_4}, .port = 9};
    uint32_t all = 1;
    for (uint32_t i = 0; i < depth; i++) {
        all *= (uint32_t)JV_ARRAY_LEN(pauses_ms);
    }
    for (uint32_t v = 0; v < all; v++) {
        struct jv_cookies c;
        uint64_t now_ms = 1000;
        uint8_t last[JV_COOKIE_BYTES] = {0};
        uint8_t cookie[JV_COOKIE_BYTES];
        jv_cookies_init(&c);
        EXH_CASE(jv_cookies_deadline(&c).ns == 0 && !jv_cookies_make_previous(&c, &remote, cookie),
                 "at first");
        for (uint32_t i = 0, k = v; i <= depth; i++, k /= (uint32_t)JV_ARRAY_LEN(pauses_ms)) {
            /* The first secret comes with the first turn; the pause before it says nothing. */
            uint64_t pause_ms = i == 0 ? 0 : pauses_ms[k % JV_ARRAY_LEN(pauses_ms)];
            k = i == 0 ? v * (uint32_t)JV_ARRAY_LEN(pauses_ms) : k;
            now_ms += pause_ms;
            const struct jv_key fresh = {{(uint8_t)(i + 1)}};
            jv_cookies_rotate(&c, jv_add_ms((struct jv_instant){0}, now_ms), &fresh);
            bool has = jv_cookies_make_previous(&c, &remote, cookie);
            EXH_CASE(has == (i > 0 && pause_ms < 240000) &&
                         (!has || memcmp(cookie, last, sizeof last) == 0) &&
                         jv_cookies_deadline(&c).ns == (now_ms + 120000) * JV_NS_PER_MS,
                     "turn %u after %llu ms", i, (unsigned long long)pause_ms);
            jv_cookies_make(&c, &remote, last);
        }
    }
    exh_law("a cookie of the secret before is taken for less than four minutes after that secret "
            "came, and no older one is");
}

int main(int argc, char **argv)
{
    uint32_t more = exh_is_wide(argc, argv) ? 1 : 0;
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    buckets(6 + more);
    switches(6 + more);
    switch_window();
    static const uint64_t starts[] = {0, 1, 5 * S - 1, 60 * S, 1ULL << 62};
    for (size_t i = 0; i < JV_ARRAY_LEN(starts); i++) {
        const struct jv_minute minute = {{0}, 0};
        const struct events none = {{0}, 0};
        minutes(&minute, &none, starts[i], 4 + more);
    }
    exh_law("an event is counted for fifty-five seconds surely and after sixty never");
    cookies(3);
    return exh_end();
}
