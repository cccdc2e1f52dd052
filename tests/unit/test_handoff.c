/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to which shard of a gateway, and what a core does with what belongs to another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handoff.h"
#include "locator.h"
#include "session.h"
#include "shard.h"
#include "shards.h"
#include "solo.h"
#include "users.h"
#include "wire.h"

#define SHARDS 4U
#define F 0x20U /* docs/protocol.md, 2 */

static struct shards world;

static int start_with(const struct shards_cfg *cfg)
{
    shards_init(&world, cfg);
    return 0;
}

static int start(void **state)
{
    return start_with(&(struct shards_cfg){.seed = 1, .shards = SHARDS, .clients = 8});
}

static int start_fixed(void **state)
{
    return start_with(
        &(struct shards_cfg){.seed = 1, .shards = SHARDS, .clients = 8, .has_fixed = true});
}

static int start_small(void **state)
{
    return start_with(&(struct shards_cfg){
        .seed = 1, .shards = SHARDS, .clients = 8, .half_open_max = 4, .sessions_max = 3});
}

static int stop(void **state)
{
    shards_fini(&world);
    return 0;
}

static uint64_t drops(uint32_t shard, enum jv_drop drop)
{
    struct jv_counters c;
    jv_core_counters(world.core[shard], &c);
    return c.drops[drop];
}

static uint64_t handed_out(const struct jv_counters *c)
{
    return c->handed_out;
}

static uint64_t handed_in(const struct jv_counters *c)
{
    return c->handed_in;
}

static uint32_t another_than(uint32_t shard)
{
    return (shard + 1) % SHARDS;
}

/* Message 1 of a client that begins, as it came from the wire, for `shard`. */
static struct shards_message first_message(uint32_t client, uint32_t shard)
{
    shards_up(&world, client);
    shards_tick(&world);
    assert_int_equal(world.queue_len, 1);
    struct shards_message m = shards_pull(&world, 0);
    assert_int_equal(m.bytes[0] & 0x1f, JV_TYPE_BIRTH_INIT);
    assert_int_equal(m.to, jv_load64(m.bytes + 8) % 256 % SHARDS);
    m.to = shard;
    return m;
}

static void attach(uint32_t client)
{
    shards_up(&world, client);
    shards_run(&world, 100);
    assert_true(shards_is_attached(&world, client));
}

/* ---- shard.h ---- */

static void everything_is_of_shard_0_where_there_is_one(void **state)
{
    const struct jv_key key = {{0xff, 0xfe, 0xfd, 0xfc}};
    for (uint32_t shards = 0; shards <= 1; shards++) {
        assert_int_equal(jv_shard_of_locator(0x1234567, shards), 0);
        assert_int_equal(jv_shard_of_key(&key, shards), 0);
        assert_int_equal(jv_shard_of_address(77, shards), 0);
        assert_int_equal(jv_shard_share(77, shards), 77);
        assert_int_equal(jv_shard_locator(0x1234567, 0, shards), 0x1234567);
    }
    assert_int_equal(jv_shard_of_key(&key, 16), 0xc);
    assert_int_equal(jv_shard_of_key(&key, 7), 0xfffefdfcU % 7);
}

static void shares_of_a_limit_are_even_and_make_up_all_of_it(void **state)
{
    for (uint32_t shards = 1; shards <= JV_SHARDS_MAX; shards++) {
        for (uint32_t total = 1; total < 100; total++) {
            uint32_t share = jv_shard_share(total, shards);
            assert_true(share >= 1 && share * shards >= total && (share - 1) * shards < total);
        }
    }
}

/* Each byte of a shard is drawn alike, the others never: counted over all values of the byte. */
static void locators_of_a_shard_are_all_alike(void **state)
{
    for (uint32_t shards = 2; shards <= JV_SHARDS_MAX; shards++) {
        for (uint32_t shard = 0; shard < shards; shard++) {
            uint32_t times[256] = {0};
            for (uint64_t byte = 0; byte < 256; byte++) {
                uint64_t random = 0xa1b2c3d4e5f60700ULL | byte;
                uint64_t locator = jv_shard_locator(random, shard, shards);
                if (locator != 0) {
                    assert_int_equal(locator >> 8, random >> 8);
                    assert_int_equal(jv_shard_of_locator(locator, shards), shard);
                    times[locator & 0xff]++;
                }
            }
            uint32_t values = 0;
            for (uint32_t byte = 0; byte < 256; byte++) {
                assert_true(times[byte] == 0 || times[byte] == shards);
                values += times[byte] != 0 ? 1 : 0;
            }
            assert_int_equal(values, 256 / shards);
        }
    }
}

/* ---- configuration ---- */

static void shards_are_a_gateways_and_numbered(void **state)
{
    struct jv_core_cfg cfg = world.gateway;
    assert_true(jv_core_bytes(&cfg) > 0);
    cfg.shard = cfg.shards;
    assert_int_equal(jv_core_bytes(&cfg), 0);
    cfg.shards = JV_SHARDS_MAX + 1;
    assert_int_equal(jv_core_bytes(&cfg), 0);
    cfg.shards = JV_SHARDS_MAX;
    assert_true(jv_core_bytes(&cfg) > 0);
    cfg.cookie_seed = (struct jv_key){{0}};
    assert_int_equal(jv_core_bytes(&cfg), 0);
    cfg.shards = 1;
    assert_int_equal(jv_core_bytes(&cfg), 0); /* the first one is number 0 */
    cfg.shard = 0;
    assert_true(jv_core_bytes(&cfg) > 0);
    cfg.role = JV_ROLE_CLIENT;
    assert_true(jv_core_bytes(&cfg) > 0);
    cfg.shards = 2;
    cfg.cookie_seed.b[0] = 1;
    assert_int_equal(jv_core_bytes(&cfg), 0);
}

static void limits_are_divided(void **state)
{
    const struct jv_core *core = world.core[0];
    assert_int_equal(core->sessions_limit, 1); /* of 3 */
    assert_int_equal(core->half_open.cap, 1);  /* of 4 */
    assert_int_equal(core->births_rate.count, JV_BIRTHS_PER_S / SHARDS);
    assert_int_equal(core->births_rate.burst, JV_BIRTHS_PER_S / SHARDS);
    assert_int_equal(core->source_rate.count, (JV_BIRTHS_SOURCE_PER_S + SHARDS - 1) / SHARDS);
    assert_int_equal(core->source_rate.burst, JV_BIRTHS_SOURCE_BURST / SHARDS);
}

/* ---- births ---- */

static void first_message_goes_home_as_it_came(void **state)
{
    uint32_t home = shards_home(&world, 0);
    uint32_t away = another_than(home);
    struct shards_message m = first_message(0, away);
    shards_deliver(&world, &m);
    assert_int_equal(world.queue_len, 1);
    struct shards_message handed = shards_pull(&world, 0);
    assert_int_equal(handed.kind, SHARDS_HANDED);
    assert_int_equal(handed.to, home);
    assert_int_equal(handed.slot.len, m.slot.len);
    assert_memory_equal(handed.bytes, m.bytes, m.slot.len);
    assert_true(jv_endpoint_is_equal(&handed.slot.remote, &m.slot.remote));
    assert_true(jv_endpoint_is_equal(&handed.slot.local, &m.slot.local));
    assert_int_equal(world.core[away]->half_open.used, 0);
    assert_int_equal(world.core[away]->count.rx_datagrams, 0);
    assert_int_equal(world.core[away]->count.handed_out, 1);
    shards_deliver(&world, &handed);
    assert_int_equal(world.core[home]->half_open.used, 1);
    assert_int_equal(world.core[home]->count.rx_datagrams, 1);
    assert_int_equal(world.core[home]->count.handed_in, 1);
    shards_run(&world, 50);
    assert_true(shards_is_attached(&world, 0));
    assert_int_equal(shards_where(&world, 0), home);
    assert_int_equal(shards_sum(&world, handed_out), 1); /* all that followed came to its place */
}

static void first_message_at_its_home_stays(void **state)
{
    uint32_t home = shards_home(&world, 0);
    struct shards_message m = first_message(0, home);
    shards_deliver(&world, &m);
    assert_int_equal(world.core[home]->half_open.used, 1);
    assert_int_equal(world.core[home]->count.handed_out, 0);
}

static void what_was_handed_over_goes_nowhere_else(void **state)
{
    uint32_t away = another_than(shards_home(&world, 0));
    struct shards_message m = first_message(0, away);
    m.kind = SHARDS_HANDED;
    shards_deliver(&world, &m);
    assert_int_equal(world.queue_len, 0);
    assert_int_equal(world.core[away]->half_open.used, 0);
    assert_int_equal(drops(away, JV_DROP_BIRTH_UNKNOWN_KEY), 1);
    attach(0);
    struct shards_message packet = {.kind = SHARDS_HANDED_PACKET, .to = away};
    shards_packet_down(&world, another_than(shards_home(&world, 0)), &world.clients[0].inner,
                       &world.clients[0]);
    assert_int_equal(world.queue_len, 1);
    packet = shards_pull(&world, 0);
    assert_int_equal(packet.kind, SHARDS_HANDED_PACKET);
    packet.to = away;
    shards_deliver(&world, &packet);
    assert_int_equal(world.queue_len, 0);
    assert_int_equal(drops(away, JV_DROP_INNER_NO_SESSION), 1);
}

static void first_message_of_nobody_ends_where_it_arrives(void **state)
{
    struct jv_out out = shards_out();
    uint32_t home = shards_home(&world, 0);
    for (uint32_t k = 0; k < SHARDS; k++) {
        assert_int_equal(jv_users_replace(world.core[k], world.users + 1, 7, &out), JV_E_OK);
    }
    struct shards_message m = first_message(0, another_than(home));
    shards_deliver(&world, &m);
    assert_int_equal(world.queue_len, 0);
    assert_int_equal(drops(another_than(home), JV_DROP_BIRTH_UNKNOWN_KEY), 1);
}

static void newer_birth_replaces_the_older_wherever_it_arrives(void **state)
{
    attach(0);
    attach(0);
    attach(0);
    uint32_t sessions = 0;
    for (uint32_t k = 0; k < SHARDS; k++) {
        sessions += world.core[k]->sessions.used;
    }
    assert_int_equal(sessions, 1);
    assert_int_equal(shards_where(&world, 0), shards_home(&world, 0));
}

/* The receiving shard charged the source and the rate of all; the home does not do so again. */
static void home_does_not_charge_a_birth_again(void **state)
{
    uint32_t home = shards_home(&world, 0);
    struct jv_core *core = world.core[home];
    uint64_t before = core->births.credit;
    struct shards_message m = first_message(0, home);
    m.kind = SHARDS_HANDED;
    while (jv_sources_take(&core->sources, &core->source_rate, core->now, &m.slot.remote.ip)) {
    }
    shards_deliver(&world, &m);
    assert_int_equal(drops(home, JV_DROP_COOKIE), 0);
    assert_int_equal(core->half_open.used, 1);
    assert_true(core->births.credit >= before);
}

static void cookie_of_one_shard_is_good_at_another(void **state)
{
    for (uint32_t k = 0; k < SHARDS; k++) { /* all of them ask for one */
        struct jv_core *core = world.core[k];
        while (jv_sources_take(&core->sources, &core->source_rate, core->now,
                               &world.clients[0].at.ip)) {
        }
    }
    uint32_t home = shards_home(&world, 0);
    struct shards_message m = first_message(0, another_than(home));
    shards_deliver(&world, &m);
    assert_int_equal(drops(m.to, JV_DROP_COOKIE), 1);
    shards_settle(&world); /* the client has it, and begins again within 50 ms */
    while (world.queue_len == 0) {
        shards_tick(&world);
    }
    m = shards_pull(&world, 0);
    m.to = another_than(another_than(home));
    shards_deliver(&world, &m);
    assert_int_equal(drops(m.to, JV_DROP_COOKIE), 0);
    assert_int_equal(world.core[m.to]->count.handed_out, 1);
    shards_run(&world, 20);
    assert_true(shards_is_attached(&world, 0));
}

static void secrets_of_cookies_change_at_the_same_time(void **state)
{
    uint8_t cookie[SHARDS][JV_COOKIE_BYTES];
    uint8_t before[JV_COOKIE_BYTES];
    struct jv_out out = shards_out();
    for (uint64_t at_ms = 119000; at_ms < 500000; at_ms += 1000) {
        uint8_t previous[JV_COOKIE_BYTES];
        world.now_ns = at_ms * JV_NS_PER_MS;
        for (uint32_t k = 0; k < SHARDS; k++) {
            assert_int_equal(jv_core_expire(world.core[k], shards_now(&world), &out), JV_E_OK);
            jv_cookies_make(&world.core[k]->cookies, &world.clients[0].at, cookie[k]);
            assert_memory_equal(cookie[k], cookie[0], JV_COOKIE_BYTES);
        }
        if (at_ms % JV_COOKIE_ROTATE_MS == 0) {
            assert_memory_not_equal(cookie[0], before, JV_COOKIE_BYTES);
            assert_true(
                jv_cookies_make_previous(&world.core[1]->cookies, &world.clients[0].at, previous));
            assert_memory_equal(previous, before, JV_COOKIE_BYTES);
        } else if (at_ms > 119000) {
            assert_memory_equal(cookie[0], before, JV_COOKIE_BYTES);
        }
        memcpy(before, cookie[0], JV_COOKIE_BYTES);
    }
}

/* Where the receiving shard is idle and the home is not, the home asks: copies of a message 1 do not fill its table. */
static void home_under_load_asks_for_a_cookie(void **state)
{
    uint32_t home = shards_home(&world, 0);
    uint32_t away = another_than(home);
    struct shards_message m = first_message(0, away);
    shards_deliver(&world, &m);
    shards_settle(&world);
    assert_int_equal(world.core[home]->half_open.used, 0); /* it is a session by now */
    struct jv_handle handle;
    assert_non_null(jv_slab_add(&world.core[home]->half_open, &handle));
    m.slot.remote.port ^= 1;
    shards_deliver(&world, &m);
    assert_int_equal(world.core[away]->count.handed_out, 2);
    shards_settle(&world);
    assert_int_equal(drops(away, JV_DROP_COOKIE), 0);
    assert_int_equal(drops(home, JV_DROP_COOKIE), 1);
    assert_int_equal(drops(home, JV_DROP_BIRTH_FULL), 0);
    jv_slab_remove(&world.core[home]->half_open, handle);
}

/* ---- addresses and packets ---- */

static void shards_draw_addresses_of_their_own(void **state)
{
    static uint8_t mem[SHARDS][16 * sizeof(struct jv_address_slot)];
    const struct jv_prefix pool4 = {{{10, 0, 0, 0}, JV_AF_4, {0}}, 28};
    const struct jv_prefix none = {0};
    struct jv_addresses pool[SHARDS];
    uint32_t drawn = 0;
    memset(mem, 0, sizeof mem);
    for (uint32_t k = 0; k < SHARDS; k++) {
        uint32_t idx;
        uint32_t n = 0;
        jv_addresses_init(&pool[k], mem[k], &pool4, &none);
        jv_addresses_share(&pool[k], k, SHARDS);
        while (jv_addresses_take(&pool[k], 100 + n, shards_now(&world), &idx) == JV_E_OK) {
            assert_int_equal(jv_shard_of_address(idx, SHARDS), k);
            n++;
        }
        assert_int_equal(n, jv_addresses_drawn(&pool[k], k, SHARDS));
        drawn += n;
    }
    assert_int_equal(drawn, 16 - 3); /* network, gateway, broadcast */
    assert_int_equal(jv_addresses_drawn(&pool[0], 0, 1), 16 - 3);
}

static void packets_find_their_session(void **state)
{
    for (uint32_t i = 0; i < 8; i++) {
        attach(i);
    }
    const struct jv_ip behind = {{172, 16, 0, 9}, JV_AF_4, {0}};
    uint64_t sent = 0;
    for (uint32_t k = 0; k < SHARDS; k++) {
        for (uint32_t i = 0; i < 8; i++) {
            struct shards_client *c = &world.clients[i];
            shards_packet_down(&world, k, &c->inner, c);
            shards_settle(&world);
            assert_int_equal(c->received_down, c->sent_down);
            sent += k != shards_home(&world, i) ? 1 : 0;
        }
        shards_packet_down(&world, k, &behind, &world.clients[2]);
        shards_settle(&world);
        assert_int_equal(world.clients[2].received_down, world.clients[2].sent_down);
    }
    assert_int_equal(world.clients[1].inner.b[3], 77);
    assert_int_not_equal(shards_home(&world, 1), jv_shard_of_address(77, SHARDS));
    assert_true(sent > 0 && shards_sum(&world, handed_out) >= sent);
    assert_int_equal(shards_sum(&world, handed_out), shards_sum(&world, handed_in));
}

static void packets_for_nobody_end_where_they_are(void **state)
{
    const struct jv_ip elsewhere = {{8, 8, 8, 8}, JV_AF_4, {0}};
    const struct jv_ip own = {{10, 80, 0, SHARDS * 5}, JV_AF_4, {0}};
    shards_packet_down(&world, 0, &elsewhere, NULL);
    shards_packet_down(&world, 0, &own, NULL); /* of this shard, and of no session */
    assert_int_equal(world.queue_len, 0);
    assert_int_equal(drops(0, JV_DROP_INNER_NO_SESSION), 2);
    shards_packet_down(&world, 1, &own, NULL);
    assert_int_equal(world.queue_len, 1);
    shards_settle(&world);
    assert_int_equal(drops(0, JV_DROP_INNER_NO_SESSION), 3);
    assert_int_equal(drops(1, JV_DROP_INNER_NO_SESSION), 0);
    assert_int_equal(world.core[0]->count.rx_packets, 3);
    assert_int_equal(world.core[1]->count.rx_packets, 0);
}

static void datagram_under_anothers_locator_goes_there(void **state)
{
    attach(0);
    uint32_t home = shards_home(&world, 0);
    uint64_t before = shards_sum(&world, handed_out);
    shards_packet_up(&world, 0);
    struct shards_message m = shards_pull(&world, 0);
    assert_int_equal(world.queue_len, 0);
    assert_int_equal(m.to, home);
    m.to = another_than(home);
    shards_deliver(&world, &m);
    shards_settle(&world);
    assert_int_equal(world.clients[0].received_up, 1);
    assert_int_equal(shards_sum(&world, handed_out), before + 1);
    assert_int_equal(drops(another_than(home), JV_DROP_UNKNOWN_LOCATOR), 0);
}

/* Only the shard of the session knows whether F was agreed to; where nobody has the session it is unknown. */
static void partial_flag_is_judged_by_the_owner(void **state)
{
    attach(0);
    uint32_t home = shards_home(&world, 0);
    uint64_t before = shards_sum(&world, handed_out);
    shards_packet_up(&world, 0);
    struct shards_message m = shards_pull(&world, 0);
    m.bytes[0] |= F;
    m.to = another_than(home);
    shards_deliver(&world, &m);
    shards_settle(&world);
    assert_int_equal(shards_sum(&world, handed_out), before + 1);
    assert_int_equal(drops(another_than(home), JV_DROP_UNKNOWN_TYPE), 0);
    assert_int_equal(drops(home, JV_DROP_UNKNOWN_TYPE), 1);
    assert_int_equal(world.clients[0].received_up, 0);
    m.bytes[8] ^= 0xff; /* another locator, of the same shard */
    m.to = home;
    shards_deliver(&world, &m);
    assert_int_equal(drops(home, JV_DROP_UNKNOWN_TYPE), 2);
    m.bytes[0] ^= F;
    shards_deliver(&world, &m);
    assert_int_equal(drops(home, JV_DROP_UNKNOWN_LOCATOR), 1);
    assert_int_equal(shards_sum(&world, handed_out), before + 1);
}

static void users_that_come_and_go_are_known_to_all(void **state)
{
    const struct jv_ip fixed6 = {{0xfd, 0x80, [15] = 7}, JV_AF_6, {0}};
    struct jv_out out = shards_out();
    const struct jv_ip behind = {{172, 16, 0, 9}, JV_AF_4, {0}};
    uint32_t home = shards_home(&world, 2);
    uint32_t shard = JV_SHARDS_MAX;
    struct jv_core *core = world.core[another_than(home)];
    assert_true(jv_handoff_find(core, &behind, &shard));
    assert_int_equal(shard, home);
    assert_int_equal(jv_users_replace(core, world.users, 2, &out), JV_E_OK);
    assert_false(jv_handoff_find(core, &behind, &shard));
    assert_false(jv_handoff_find(core, &fixed6, &shard));
    world.users[2].address6 = fixed6;
    assert_int_equal(jv_users_replace(core, world.users, 3, &out), JV_E_OK);
    assert_true(jv_handoff_find(core, &behind, &shard));
    assert_true(jv_handoff_find(core, &fixed6, &shard));
}

static void first_shard_tells_of_the_policy(void **state)
{
    struct jv_command commands[] = {
        {.kind = JV_CMD_POLICY_INVALID},
        {.kind = JV_CMD_POLICY, .policy = jv_policy_presets[JV_PRESET_MOBILE]}};
    const uint16_t events[] = {JV_REC_PolicyInvalid, JV_REC_PolicyChanged};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(commands); i++) {
        for (uint32_t k = 0; k < SHARDS; k++) {
            struct jv_out out = shards_out();
            enum jv_err err =
                jv_core_command(world.core[k], shards_now(&world), &commands[i], &out);
            assert_int_equal(err, JV_E_OK);
            assert_int_equal(out.records_len, k == 0 ? 1 : 0);
            if (k == 0) {
                assert_int_equal(out.records[0].event, events[i]);
            }
            assert_int_equal(jv_core_denies_births(world.core[k]), i == 0);
        }
    }
}

static void list_of_users_can_be_tried(void **state)
{
    struct jv_out out = shards_out();
    struct jv_command cmd = {
        .kind = JV_CMD_USERS, .users = world.users, .users_len = 1, .is_trial = true};
    attach(1);
    struct jv_core *core = world.core[shards_home(&world, 1)];
    assert_int_equal(jv_core_command(core, shards_now(&world), &cmd, &out), JV_E_OK);
    assert_int_equal(core->sessions.used, 1);
    assert_int_equal(out.records_len + out.tx_len, 0);
    cmd.users_len = SHARDS_CLIENTS;
    for (uint32_t i = 8; i < SHARDS_CLIENTS; i++) {
        world.users[i].public_key = world.users[0].public_key;
        world.users[i].public_key.b[31] ^= (uint8_t)i;
    }
    world.users[9].address4 = (struct jv_ip){{10, 80, 0, 77}, JV_AF_4, {0}}; /* client 1's */
    assert_int_equal(jv_core_command(core, shards_now(&world), &cmd, &out), JV_E_EXISTS);
    cmd.is_trial = false;
    cmd.users_len = 1;
    assert_int_equal(jv_core_command(core, shards_now(&world), &cmd, &out), JV_E_OK);
    assert_int_equal(core->sessions.used, 0);
    shards_drain(&world, shards_home(&world, 1), &out);
}

static void batch_begins_where_all_of_it_has_room(void **state)
{
    struct jv_slot slots[2];
    struct jv_out out = shards_out();
    struct jv_core *core = world.core[0];
    assert_int_equal(jv_core_take(core, slots, 2), 2);
    for (uint32_t i = 0; i < 2; i++) {
        slots[i].off = JV_BUF_HEADROOM;
        slots[i].len = JV_HEADER_BYTES;
        const struct jv_header header = {JV_TYPE_TRAFFIC, 1, 1, 0x100 + i + 1, false};
        jv_header_encode(&header, slots[i].buf + slots[i].off);
    }
    struct jv_batch batch = {slots, 2, 0};
    out.handoff_cap = 1;
    assert_int_equal(jv_core_datagrams(core, shards_now(&world), &batch, &out), JV_E_AGAIN);
    assert_int_equal(jv_core_packets(core, shards_now(&world), &batch, &out), JV_E_AGAIN);
    assert_int_equal(batch.done, 0);
    assert_int_equal(out.handoff_len, 0);
    struct jv_batch empty = {slots, 0, 0};
    assert_int_equal(jv_core_datagrams(core, shards_now(&world), &empty, &out), JV_E_OK);
    out.handoff_cap = 2;
    assert_int_equal(jv_core_datagrams(core, shards_now(&world), &batch, &out), JV_E_OK);
    assert_int_equal(out.handoff_len, 2);
    assert_int_equal(out.handoff[0].shard, 1);
    assert_int_equal(out.handoff[1].shard, 2);
    shards_drain(&world, 0, &out);
}

static void what_is_left_of_a_batch_is_handed_in_later(void **state)
{
    struct jv_slot slots[3];
    struct jv_out out = shards_out();
    struct jv_core *core = world.core[0];
    assert_int_equal(jv_core_take(core, slots, 3), 3);
    for (uint32_t i = 0; i < 3; i++) {
        slots[i].is_handed = true;
    }
    struct jv_batch batch = {slots, 3, 1};
    jv_core_give(core, &slots[0], 1);
    out.tx_cap = 1; /* no room for anything */
    assert_int_equal(jv_core_datagrams(core, shards_now(&world), &batch, &out), JV_E_AGAIN);
    assert_int_equal(core->count.handed_in, 0);
    out.tx_cap = JV_OUT_TX_MIN;
    assert_int_equal(jv_core_datagrams(core, shards_now(&world), &batch, &out), JV_E_OK);
    assert_int_equal(core->count.handed_in, 2);
}

/* ---- seq ---- */

static void seq_is_the_callers_where_it_wants(void **state)
{
    attach(0);
    attach(1);
    assert_true(world.records > 4);
    assert_int_equal(world.seq, world.records);
    assert_int_equal(jv_core_next_seq(world.core[3]), world.records + 1);
    assert_int_equal(jv_core_next_seq(world.core[2]), world.records + 2);
}

/* ---- planning ---- */

static void plan_tells_whether_each_user_finds_room(void **state)
{
    struct jv_core_cfg cfg = world.gateway;
    uint32_t most = 0;
    uint32_t at[SHARDS] = {0};
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t n = ++at[shards_home(&world, i)];
        most = JV_MAX(most, n);
    }
    assert_true(most > 8 / SHARDS);
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    cfg.sessions_max = 8;
    assert_false(jv_core_fits_shards(&cfg, SHARDS)); /* two each, and one home has more */
    assert_true(jv_core_fits_shards(&cfg, 1));
    cfg.sessions_max = most * SHARDS;
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    cfg.sessions_max = 7; /* one core has no room for all either */
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    cfg.sessions_max = 64;
    cfg.pool4.bits = 28; /* 13 addresses: without network, gateway and broadcast */
    bool has_room = at[0] <= 3 && at[1] <= 3 && at[2] <= 4 && at[3] <= 3;
    assert_int_equal(jv_core_fits_shards(&cfg, SHARDS), has_room);
    cfg.pool4.bits = 29; /* 5 addresses for 8 */
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    cfg.pool4.ip.family = JV_AF_NONE;
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
}

/* All at home in one shard, so that chance decides nothing. */
static void plan_counts_addresses_by_shard(void **state)
{
    struct jv_user users[6];
    struct jv_core_cfg cfg = {.role = JV_ROLE_GATEWAY, .users = users, .sessions_max = 64};
    memset(users, 0, sizeof users);
    for (uint32_t i = 0; i < 6; i++) {
        users[i].public_key.b[3] = (uint8_t)(4 * i);
    }
    assert_int_equal(jv_prefix_parse("10.80.0.0/28", true, &cfg.pool4), JV_E_OK);
    cfg.users_len = 3;
    assert_true(jv_core_fits_shards(&cfg, SHARDS)); /* 4, 8 and 12 */
    cfg.users_len = 4;
    assert_false(jv_core_fits_shards(&cfg, SHARDS));
    assert_true(jv_core_fits_shards(&cfg, 3));                        /* 3, 6, 9, 12 */
    users[0].address4 = (struct jv_ip){{10, 80, 0, 5}, JV_AF_4, {0}}; /* of another shard */
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    users[0].address4.b[3] = 4;
    assert_false(jv_core_fits_shards(&cfg, SHARDS));
    cfg.users_len = 3;
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    assert_int_equal(jv_prefix_parse("fd80::/124", true, &cfg.pool6), JV_E_OK);
    users[0].address6 = (struct jv_ip){{0xfd, 0x80, [15] = 4}, JV_AF_6, {0}}; /* the same index */
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    users[0].address6.b[15] = 8;
    assert_false(jv_core_fits_shards(&cfg, SHARDS));
    users[0].address4.family = JV_AF_NONE; /* then 8 alone is taken */
    assert_true(jv_core_fits_shards(&cfg, SHARDS));
    cfg.users_len = 4;
    assert_false(jv_core_fits_shards(&cfg, SHARDS));
    for (uint32_t i = 0; i < 4; i++) { /* more than there are */
        users[i].address4 = (struct jv_ip){{10, 80, 0, (uint8_t)(4 * i)}, JV_AF_4, {0}};
    }
    cfg.users_len = 5;
    assert_false(jv_core_fits_shards(&cfg, SHARDS));
}

static void small_pools_give_what_is_nobodys(void **state)
{
    const struct jv_prefix none = {0};
    struct jv_addresses a;
    struct jv_prefix pool;
    assert_int_equal(jv_prefix_parse("10.0.0.0/32", true, &pool), JV_E_OK);
    jv_addresses_plan(&a, &pool, &none);
    assert_int_equal(jv_addresses_drawn(&a, 0, 1), 0);
    assert_int_equal(jv_addresses_drawn(&a, 1, 2), 0);
    assert_int_equal(jv_prefix_parse("10.0.0.0/31", true, &pool), JV_E_OK);
    jv_addresses_plan(&a, &pool, &none);
    assert_int_equal(jv_addresses_drawn(&a, 0, 1), 0);
    assert_int_equal(jv_prefix_parse("fd80::/126", true, &pool), JV_E_OK);
    jv_addresses_plan(&a, &none, &pool);
    assert_int_equal(jv_addresses_drawn(&a, 0, 1), 2); /* no broadcast address */
    assert_int_equal(jv_addresses_drawn(&a, 1, 2), 1);
}

static void locators_given_are_of_the_shard(void **state)
{
    for (uint32_t k = 0; k < SHARDS; k++) {
        for (uint32_t i = 0; i < 100; i++) {
            assert_int_equal(jv_shard_of_locator(jv_locator_draw(world.core[k]), SHARDS), k);
        }
    }
}

#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_of_shard_0_where_there_is_one),
        cmocka_unit_test(shares_of_a_limit_are_even_and_make_up_all_of_it),
        cmocka_unit_test(locators_of_a_shard_are_all_alike),
        T(shards_are_a_gateways_and_numbered, start),
        T(limits_are_divided, start_small),
        T(first_message_goes_home_as_it_came, start),
        T(first_message_at_its_home_stays, start),
        T(what_was_handed_over_goes_nowhere_else, start),
        T(first_message_of_nobody_ends_where_it_arrives, start),
        T(newer_birth_replaces_the_older_wherever_it_arrives, start),
        T(home_does_not_charge_a_birth_again, start),
        T(cookie_of_one_shard_is_good_at_another, start),
        T(secrets_of_cookies_change_at_the_same_time, start),
        T(home_under_load_asks_for_a_cookie, start_small),
        T(shards_draw_addresses_of_their_own, start),
        T(packets_find_their_session, start_fixed),
        T(packets_for_nobody_end_where_they_are, start),
        T(datagram_under_anothers_locator_goes_there, start),
        T(partial_flag_is_judged_by_the_owner, start),
        T(users_that_come_and_go_are_known_to_all, start_fixed),
        T(first_shard_tells_of_the_policy, start),
        T(list_of_users_can_be_tried, start_fixed),
        T(batch_begins_where_all_of_it_has_room, start),
        T(what_is_left_of_a_batch_is_handed_in_later, start),
        T(seq_is_the_callers_where_it_wants, start),
        T(plan_tells_whether_each_user_finds_room, start),
        cmocka_unit_test(plan_counts_addresses_by_shard),
        cmocka_unit_test(small_pools_give_what_is_nobodys),
        T(locators_given_are_of_the_shard, start),
    };
    return cmocka_run_group_tests_name("handoff", tests, NULL, NULL);
}
