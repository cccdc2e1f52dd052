/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worlds drawn from a seed: a client and a gateway, one to four links, a phase of faults, then calm. At every moment the laws hold
 * on both audit streams, at most one transport is active and no buffer is lost; in the calm the session comes home or has ended
 * within what its policy allows. The first seed runs twice and must leave the same trace.
 *
 * usage: prop_laws [--seed N] [--count N] [--print]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "verify.h"

#define SEEDS 300U
/* Worlds in which a law broke once. 102381: a refused switch kept a dead path from being lost, and the client spun.
 * 1000575: every path was off when a session ended, and none that came on again began another.
 * 1000582: the device's MTU was due to rise while a path was searched, and the client spun. */
static const uint64_t past[] = {102381, 1000575, 1000582};
/* Worlds of smaller seeds have the faults of the first twelve kinds only, so that past ones stay what they were. */
#define FIRST_SEED 1000001U
#define KINDS_FIRST 12U
#define KINDS 22U
#define RECORDED 64U
#define SESSIONS 256U
#define GARBAGE_BYTES 300U

struct world {
    struct pair pair;
    struct pair_cfg cfg;
    struct jv_policy policy;
    struct jv_prng prng;
    struct jv_verify *verify_c, *verify_g;
    struct pair_event recorded[RECORDED];
    uint64_t recorded_len;
    uint64_t faults; /* kinds that this world has, a bit each */
    uint64_t trace;
    struct tally {
        uint64_t records, switches, rebinds, rekeys, ends;
    } tally;
    bool must_live; /* when the calm began, every limit was far away */
    bool print, freezes_long, has_all_kinds;
    char wrong[512];
};

static uint32_t draw(struct world *w, uint32_t bound)
{
    return (uint32_t)jv_prng_below(&w->prng, bound);
}

static uint32_t between(struct world *w, uint32_t low, uint32_t high)
{
    return low + draw(w, high - low + 1);
}

static bool wrong(struct world *w, const char *what)
{
    if (w->wrong[0] == '\0') {
        uint64_t ms = (w->pair.now_ns - JV_NS_PER_S) / JV_NS_PER_MS;
        (void)snprintf(w->wrong, sizeof w->wrong, "at %" PRIu64 " ms: %s", ms, what);
    }
    return false;
}

/* ---- what is watched ---- */

static void mix(struct world *w, uint64_t value)
{
    w->trace = (w->trace ^ value) * 0x100000001b3ULL;
}

static void on_record(struct pair *p, bool client, const struct jv_record *rec)
{
    struct world *w = p->on_record_arg;
    struct jv_verify *v = client ? w->verify_c : w->verify_g;
    bool is_ttl = rec->reason == JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED;
    w->tally.records++;
    w->tally.switches += client && rec->event == JV_REC_TransportSwitch ? 1 : 0;
    w->tally.rebinds += client && rec->event == JV_REC_TransportRebound ? 1 : 0;
    w->tally.rekeys += client && rec->event == JV_REC_KeyRotated ? 1 : 0;
    w->tally.ends += rec->event == JV_REC_SessionTerminated ? 1 : 0;
    if (rec->event == JV_REC_SessionTerminated && !is_ttl) {
        w->must_live = false; /* another limit ended one side, and the other cannot come home */
    }
    if (w->must_live && rec->event == JV_REC_SessionTerminated && is_ttl) {
        (void)wrong(w, "the links are well, and the session ends without a transport");
    }
    mix(w, rec->at.ns);
    mix(w, rec->seq << 32 | (uint64_t)rec->event << 16 | rec->reason);
    if (!jv_verify_record(v, rec, client ? "C" : "G")) {
        const struct jv_verify_report *r = jv_verify_result(v);
        char text[320];
        (void)snprintf(text, sizeof text, "%c record %" PRIu64 ", %s: %s", client ? 'C' : 'G',
                       r->first_wrong, jv_verify_law_text(r->law), r->text);
        (void)wrong(w, text);
    }
}

static bool on_datagram(struct pair *p, const struct pair_event *e)
{
    struct world *w = p->filter_arg;
    w->recorded[w->recorded_len++ % RECORDED] = *e;
    mix(w, (uint64_t)e->len << 8 | e->bytes[e->len - 1]);
    return true;
}

static bool holds(struct world *w)
{
    struct jv_session_status status;
    for (int client = 0; client < 2; client++) {
        if (pair_leaked(&w->pair, client != 0) != 0) {
            return wrong(w, client ? "C loses a buffer" : "G loses a buffer");
        }
        uint32_t active = 0;
        bool is_there = pair_status(&w->pair, client != 0, &status);
        for (uint32_t i = 0; is_there && i < status.paths_len; i++) {
            active += status.paths[i].role == JV_PATH_ACTIVE ? 1 : 0;
        }
        if (active > 1) {
            return wrong(w, "two transports are active");
        }
    }
    return w->wrong[0] == '\0';
}

/* ---- faults ---- */

static struct jv_endpoint draw_stranger(struct world *w, uint32_t link)
{
    struct jv_endpoint ep = {.ip = {{198, 51, 100, (uint8_t)between(w, 1, 4)}, JV_AF_4, {0}},
                             .port = (uint16_t)between(w, 1, 3)};
    if (draw(w, 2) == 0) {
        ep.ip = (struct jv_ip){{192, 0, 2, (uint8_t)(link + 1)}, JV_AF_4, {0}};
        ep.port = w->pair.links[link].mapped_port;
    }
    return ep;
}

/* A datagram of earlier, from where it came or from elsewhere. */
static void replay(struct world *w)
{
    if (w->recorded_len == 0) {
        return;
    }
    uint32_t kept = (uint32_t)JV_MIN(w->recorded_len, (uint64_t)RECORDED);
    struct pair_event e = w->recorded[draw(w, kept)];
    uint32_t link = draw(w, w->pair.links_len);
    if (e.to_gateway && draw(w, 2) == 0) {
        e.remote = draw_stranger(w, link);
    }
    if (draw(w, 4) == 0) {
        e.bytes[draw(w, e.len)] ^= (uint8_t)(1U << draw(w, 8));
    }
    pair_enqueue(&w->pair, e.to_gateway, e.link, &e.remote, draw(w, 50000), e.bytes, e.len);
}

static void inject_garbage(struct world *w)
{
    uint8_t bytes[GARBAGE_BYTES];
    uint32_t len = draw(w, sizeof bytes);
    uint32_t link = draw(w, w->pair.links_len);
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)jv_prng_next(&w->prng);
    }
    struct jv_endpoint from = draw_stranger(w, link);
    bool to_gateway = draw(w, 2) == 0;
    if (!to_gateway) {
        from = (struct jv_endpoint){.ip = {{203, 0, 113, 1}, JV_AF_4, {0}}, .port = 4433};
    }
    pair_enqueue(&w->pair, to_gateway, link, &from, 0, bytes, len);
}

static void set_holes(struct world *w, struct pair_link *link)
{
    uint32_t which = draw(w, 4);
    link->hole_up = (which & 1) != 0;
    link->hole_down = (which & 2) != 0;
}

static void flip_link(struct world *w, uint32_t link)
{
    if (w->pair.links[link].up) {
        pair_link_down(&w->pair, link);
    } else {
        pair_link_up(&w->pair, link);
    }
}

static void freeze(struct world *w)
{
    bool client = draw(w, 2) == 0;
    pair_pause(&w->pair, client, true);
    pair_run(&w->pair, between(w, 10, w->freezes_long ? 20000 : 1500));
    pair_pause(&w->pair, client, false);
}

static void order_switch(struct world *w, uint32_t link)
{
    const struct jv_command command = {.kind = JV_CMD_SWITCH, .link = w->pair.links[link].handle};
    (void)pair_command(&w->pair, true, &command); /* refused as often as not */
}

/* ---- orders, reloads, sleep: the kinds of newer worlds ---- */

static void order_path(struct world *w, uint32_t link)
{
    static const enum jv_command_kind kinds[] = {JV_CMD_PATH_OFF, JV_CMD_PATH_ON,
                                                 JV_CMD_PATH_PREFER, JV_CMD_PROBE};
    const struct jv_command command = {.kind = kinds[draw(w, JV_ARRAY_LEN(kinds))],
                                       .link = w->pair.links[link].handle,
                                       .prefer = between(w, 1, 200)};
    (void)pair_command(&w->pair, true, &command); /* refused where it is in use */
}

static void order_hold(struct world *w)
{
    const struct jv_command command = {.kind = JV_CMD_HOLD,
                                       .hold_ms = draw(w, 2) == 0 ? 0 : between(w, 1000, 60000)};
    (void)pair_command(&w->pair, true, &command);
}

/* Other bounds under the session that runs; what the calm is measured by stays. */
static void reload(struct world *w)
{
    enum jv_policy_field field;
    struct jv_command command = {.kind = JV_CMD_POLICY, .is_grace = draw(w, 3) == 0};
    const struct jv_policy *preset = &jv_policy_presets[draw(w, JV_PRESETS)];
    command.policy = w->policy;
    command.policy.heartbeat_interval_ms = preset->heartbeat_interval_ms;
    command.policy.heartbeat_idle_ms = preset->heartbeat_idle_ms;
    command.policy.silence_floor_ms = preset->silence_floor_ms;
    command.policy.standby_probe_ms = preset->standby_probe_ms;
    command.policy.metered_probe_ms = preset->metered_probe_ms;
    command.policy.path_valid_ms = preset->path_valid_ms;
    command.policy.quiet_after_ms = draw(w, 2) == 0 ? 0 : between(w, 500, 5000);
    command.policy.stability_window_ms = JV_MIN(w->policy.stability_window_ms, 500U);
    command.policy.resend_max_kib = draw(w, 3) == 0 ? draw(w, 64) : w->policy.resend_max_kib;
    command.policy.waiting_age_ms = draw(w, 3) == 0 ? draw(w, 500) : w->policy.waiting_age_ms;
    if (draw(w, 3) == 0) {
        command.policy = w->policy;
    }
    bool client = draw(w, 2) == 0;
    if (jv_policy_check(&command.policy, &field) != NULL) {
        return;
    }
    if (!client) {
        command.clamp.has_bounds = draw(w, 2) == 0;
        command.clamp.bounds = w->policy;
        command.clamp.heartbeat_min_ms = draw(w, 3) == 0 ? between(w, 20, 400) : 0;
    }
    (void)pair_command(&w->pair, client, &command); /* a clamp that fits nothing is refused */
}

/* Nobody says anything for a while: sessions become quiet, or stay awake for heartbeats. */
static void fall_silent(struct world *w)
{
    w->pair.up.on = w->pair.down.on = false;
    pair_run(&w->pair, between(w, 100, 15000));
    w->pair.up.on = w->pair.down.on = true;
    w->pair.up.next_ns = w->pair.down.next_ns = w->pair.now_ns;
}

static void set_sizes(struct world *w, struct pair_link *link, uint32_t idx)
{
    link->mtu_up = draw(w, 3) == 0 ? between(w, 700, 1500) : 0;
    link->mtu_down = draw(w, 3) == 0 ? between(w, 700, 1500) : 0;
    if (draw(w, 4) == 0 && link->up) {
        pair_link_mtu(&w->pair, idx, between(w, 1280, 1500));
    }
}

static void newer_fault(struct world *w, uint32_t kind, uint32_t idx)
{
    switch (kind) {
    case 12:
    case 13:
        pair_kill_ports(&w->pair, idx);
        break;
    case 14:
        pair_sleep(&w->pair, between(w, 5, w->freezes_long ? 20000 : 1500));
        break;
    case 15:
    case 16:
        reload(w);
        break;
    case 17:
        order_hold(w);
        break;
    case 18:
        order_path(w, idx);
        break;
    case 19:
        fall_silent(w);
        break;
    case 20:
        set_sizes(w, &w->pair.links[idx], idx);
        break;
    default:
        pair_tell_endpoints(&w->pair, between(w, 1, 7));
        break;
    }
}

static void fault(struct world *w)
{
    uint32_t i = draw(w, w->pair.links_len);
    struct pair_link *link = &w->pair.links[i];
    uint32_t kind = draw(w, w->has_all_kinds ? KINDS : KINDS_FIRST);
    if ((w->faults >> kind & 1) == 0) {
        return;
    }
    if (w->print) {
        printf("%12llu * fault %u link%u\n",
               (unsigned long long)((w->pair.now_ns - JV_NS_PER_S) / JV_NS_PER_MS), kind, i);
    }
    switch (kind) {
    case 0:
    case 1:
        set_holes(w, link);
        break;
    case 2:
        flip_link(w, i);
        break;
    case 3:
        pair_rebind(&w->pair, i);
        break;
    case 4:
        link->loss_ppm = draw(w, 3) == 0 ? draw(w, 400000) : 0;
        break;
    case 5:
        link->dup_ppm = draw(w, 2) == 0 ? draw(w, 300000) : 0;
        break;
    case 6:
        link->jitter_us = draw(w, 2) == 0 ? draw(w, 60000) : 0;
        break;
    case 7:
    case 8:
        for (uint32_t n = draw(w, 12); n > 0; n--) {
            replay(w);
        }
        break;
    case 9:
        inject_garbage(w);
        break;
    case 10:
        freeze(w);
        break;
    case 11:
        order_switch(w, i);
        break;
    default:
        newer_fault(w, kind, i);
        break;
    }
}

static void calm(struct world *w)
{
    for (uint32_t i = 0; i < w->pair.links_len; i++) {
        struct pair_link *link = &w->pair.links[i];
        link->hole_up = link->hole_down = false;
        link->loss_ppm = link->dup_ppm = link->jitter_us = 0;
        link->mtu_up = link->mtu_down = 0;
        link->is_dead = false;
        if (!link->up) {
            pair_link_up(&w->pair, i);
        }
        if (w->has_all_kinds) {
            const struct jv_command on = {.kind = JV_CMD_PATH_ON, .link = link->handle};
            (void)pair_command(&w->pair, true, &on); /* what is on already stays so */
        }
    }
    for (uint32_t i = 0; i < PAIR_EXTRA; i++) {
        w->pair.extra[i].is_dead = false;
    }
    if (w->has_all_kinds) {
        pair_tell_endpoints(&w->pair, 7);
    }
}

/* ---- a world ---- */

static void draw_policy(struct world *w)
{
    static const uint32_t ttls_ms[] = {13000, 20000, 45000};
    enum jv_policy_field field;
    enum jv_preset preset = (enum jv_preset)draw(w, JV_PRESETS);
    w->policy = jv_policy_presets[preset];
    w->policy.transport_lost_ttl_ms = ttls_ms[draw(w, JV_ARRAY_LEN(ttls_ms))];
    if (w->has_all_kinds && draw(w, 2) == 0) {
        w->policy.quiet_after_ms = between(w, 500, 4000);
        w->policy.quiet_max_ms = between(w, 1000, 60000);
        w->policy.heartbeat_idle_ms = JV_MIN(w->policy.heartbeat_idle_ms, 3000U);
    }
    w->policy.recovery_window_ms =
        JV_MIN(w->policy.recovery_window_ms, w->policy.transport_lost_ttl_ms / 2);
    if (draw(w, 3) == 0) {
        w->policy.key_max_age_ms = between(w, 10000, 30000);
    }
    if (draw(w, 6) == 0) {
        w->policy.max_lifetime_ms = between(w, 60000, 90000);
    }
    if (jv_policy_check(&w->policy, &field) != NULL) {
        w->policy = jv_policy_presets[JV_PRESET_FAST];
    }
}

/* Who sleeps past a limit breaks none: such worlds are judged by the clock that stops in silence. */
static struct jv_verify *new_verify(bool is_exact_time)
{
    const struct jv_verify_cfg cfg = {.sessions_max = SESSIONS, .is_exact_time = is_exact_time};
    size_t bytes = (jv_verify_bytes(SESSIONS) + 15) & ~(size_t)15;
    void *mem = aligned_alloc(16, bytes);
    if (mem == NULL) {
        abort();
    }
    memset(mem, 0, bytes);
    return jv_verify_init(mem, &cfg);
}

static void open_world(struct world *w, uint64_t seed, bool print)
{
    memset(w, 0, sizeof *w);
    w->print = print;
    w->has_all_kinds = seed >= FIRST_SEED;
    w->prng.state = seed * 0x9e3779b97f4a7c15ULL;
    w->faults = draw(w, 3) == 0 ? UINT64_MAX : jv_prng_next(&w->prng);
    w->freezes_long = draw(w, 8) == 0;
    draw_policy(w);
    w->cfg.seed = seed;
    w->cfg.links = between(w, 1, PAIR_LINKS);
    w->cfg.policy = &w->policy;
    w->cfg.rebirth = draw(w, 4) == 0;
    w->cfg.no_aes = draw(w, 2) == 0;
    w->cfg.has_second = w->has_all_kinds && draw(w, 3) == 0;
    for (uint32_t i = 0; i < w->cfg.links; i++) {
        w->cfg.rtt_us[i] = between(w, 1000, draw(w, 5) == 0 ? 400000 : 60000);
    }
    w->verify_c = new_verify(!w->freezes_long);
    w->verify_g = new_verify(!w->freezes_long);
    pair_init(&w->pair, &w->cfg);
    w->pair.on_record = on_record;
    w->pair.on_record_arg = w;
    w->pair.filter = on_datagram;
    w->pair.filter_arg = w;
}

static void close_world(struct world *w)
{
    pair_fini(&w->pair);
    free(w->verify_c);
    free(w->verify_g);
}

static bool both_attached(const struct world *w)
{
    struct jv_session_status c, g;
    return pair_status(&w->pair, true, &c) && pair_status(&w->pair, false, &g) &&
           c.state == JV_ST_ATTACHED && g.state == JV_ST_ATTACHED &&
           memcmp(&c.sid, &g.sid, sizeof c.sid) == 0;
}

static bool is_over(const struct world *w)
{
    enum jv_state state = pair_state(&w->pair, true);
    return !w->cfg.rebirth && state == JV_ST_TERMINATED && pair_state(&w->pair, false) == JV_ST_END;
}

static bool under_faults(struct world *w)
{
    uint32_t steps = between(w, 5, draw(w, 3) == 0 ? 160 : 60);
    for (uint32_t i = 0; i < steps; i++) {
        fault(w);
        pair_run(&w->pair, between(w, 1, draw(w, 6) == 0 ? 4000 : 500));
        if (!holds(w)) {
            return false;
        }
    }
    return true;
}

/* What the policy grants at the worst: both limits of a session that is lost, a doubled window, a minute of tokens. */
static uint64_t calm_ms(const struct world *w)
{
    const struct jv_policy *p = &w->policy;
    uint64_t ms = 2ULL * p->transport_lost_ttl_ms + p->transport_dead_ms +
                  p->volatile_to_degraded_ms + p->recovery_window_ms +
                  ((uint64_t)p->stability_window_ms << 6) + 60000;
    return w->cfg.rebirth ? ms + p->birth_timeout_ms + 150000 : ms;
}

/* Both ends live, and the transport limit leaves time for a patient probe and for a switch token. */
static bool is_far_from_limits(const struct world *w)
{
    const struct jv_policy *p = &w->policy;
    uint64_t token_ms = 60000 / (p->max_switches_per_min - p->switch_burst);
    uint64_t need_ms = 2 * JV_PROBE_RETRY_MAX_MS + token_ms;
    for (int client = 0; client < 2; client++) {
        struct jv_session_status status;
        if (!pair_status(&w->pair, client != 0, &status) || status.state == JV_ST_TERMINATED ||
            status.transportless_ms + need_ms > p->transport_lost_ttl_ms) {
            return false;
        }
    }
    return true;
}

static bool in_calm(struct world *w)
{
    uint64_t left_ms = calm_ms(w);
    calm(w);
    w->must_live = is_far_from_limits(w);
    while (!both_attached(w) && !is_over(w)) {
        if (left_ms < 250) {
            char text[100];
            (void)snprintf(text, sizeof text, "in the calm C is %s and G is %s",
                           jv_state_name(pair_state(&w->pair, true)),
                           pair_state(&w->pair, false) == JV_ST_END
                               ? "gone"
                               : jv_state_name(pair_state(&w->pair, false)));
            return wrong(w, text);
        }
        pair_run(&w->pair, 250);
        left_ms -= 250;
        if (!holds(w)) {
            return false;
        }
    }
    if (is_over(w)) {
        return true;
    }
    uint64_t up = w->pair.up.received;
    uint64_t down = w->pair.down.received;
    /* A mapping that moved just before is noticed by silence, at the latest at the policy's ceiling of 5 s. */
    for (uint32_t i = 0; i < 3 && (w->pair.up.received == up || w->pair.down.received == down);
         i++) {
        pair_run(&w->pair, 3000);
        if (!holds(w)) {
            return false;
        }
    }
    if (both_attached(w) && (w->pair.up.received == up || w->pair.down.received == down)) {
        return wrong(w, "both ends are ATTACHED and no data passes");
    }
    return true;
}

/* Everything ends, and every buffer comes home. */
static bool at_the_end(struct world *w)
{
    const struct jv_command down = {.kind = JV_CMD_DOWN};
    w->pair.up.on = w->pair.down.on = w->must_live = false;
    for (int client = 0; client < 2; client++) {
        (void)pair_command(&w->pair, client != 0, &down); /* it may be over */
    }
    pair_run(&w->pair, 2000);
    enum jv_state state = pair_state(&w->pair, true);
    if (!holds(w)) {
        return false;
    }
    if ((state != JV_ST_TERMINATED && state != JV_ST_END) ||
        pair_state(&w->pair, false) != JV_ST_END) {
        return wrong(w, "an operator's end does not end it");
    }
    return (jv_verify_end(w->verify_c) && jv_verify_end(w->verify_g)) ||
           wrong(w, "the end of a stream breaks a law");
}

static bool run_world(struct world *w, uint64_t seed, bool print)
{
    open_world(w, seed, print);
    bool ok = pair_attach(&w->pair, 5000) || wrong(w, "no birth on good links");
    if (ok) {
        pair_flow_start(&w->pair, &w->pair.up, between(w, 10, 80) * 1000, between(w, 28, 1200));
        pair_flow_start(&w->pair, &w->pair.down, between(w, 10, 80) * 1000, between(w, 28, 1200));
        ok = under_faults(w) && in_calm(w) && at_the_end(w);
    }
    if (print) {
        pair_print(&w->pair, true);
        printf("# seed %" PRIu64 ": trace %016" PRIx64 "\n", seed, w->trace);
    }
    close_world(w);
    return ok;
}

static void add_tally(struct tally *sum, const struct tally *more)
{
    sum->records += more->records;
    sum->switches += more->switches;
    sum->rebinds += more->rebinds;
    sum->rekeys += more->rekeys;
    sum->ends += more->ends;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtoull(argv[i + 1], NULL, 10);
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t first = option(argc, argv, "--seed", FIRST_SEED);
    uint64_t count = option(argc, argv, "--count", SEEDS);
    bool print = argc > 1 && strcmp(argv[argc - 1], "--print") == 0;
    uint64_t failed = 0;
    struct tally sum = {0};
    (void)run_world(&w, first, false);
    uint64_t trace = w.trace;
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!run_world(&w, seed, print)) {
            failed++;
            printf("# replay: %s --seed %" PRIu64 " --count 1   %s\n", argv[0], seed, w.wrong);
        } else if (seed == first && w.trace != trace) {
            failed++;
            printf("# replay: %s --seed %" PRIu64
                   " --count 1   the second run left another trace\n",
                   argv[0], seed);
        }
        add_tally(&sum, &w.tally);
    }
    for (uint32_t i = 0; argc == 1 && i < JV_ARRAY_LEN(past); i++) {
        if (!run_world(&w, past[i], false)) {
            failed++;
            printf("# replay: %s --seed %" PRIu64 " --count 1   %s\n", argv[0], past[i], w.wrong);
        }
    }
    printf("# %" PRIu64 " worlds: %" PRIu64 " records, %" PRIu64 " switches, %" PRIu64
           " rebindings, %" PRIu64 " rekeys, %" PRIu64 " ends\n",
           count, sum.records, sum.switches, sum.rebinds, sum.rekeys, sum.ends);
    printf("1..1\n%s 1 - prop_laws_hold_under_faults_and_in_calm\n", failed == 0 ? "ok" : "not ok");
    return failed == 0 ? 0 : 1;
}
