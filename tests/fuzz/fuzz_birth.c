/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births by people with keys: messages 1 under the key of a user or of nobody, with payloads and headers of the input's making, and
 * messages 2 and cookies by a gateway that answers a real client with anything. Whatever is sealed right is read; the laws of both
 * ends hold (judge.h), and one key has one session.
 *
 * First byte: whether there is a session already. Then steps: an operation, its argument, and for messages the changes in them.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "aead.h"
#include "birth.h"
#include "judge.h"
#include "msg.h"
#include "noise.h"
#include "wire.h"

#define STEPS_MAX 40U
#define BUFFERS 512U
#define EVENTS 1024U
#define CHANGES_MAX 6U

static struct pair pair;
static struct pair_event asked; /* the newest message 1 of the real client */
static bool swallows_replies, swallows_traffic;
static uint8_t number; /* of the birth: another ephemeral each */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool pass(struct pair *p, const struct pair_event *e)
{
    (void)p;
    judge_datagram(e);
    uint8_t type = e->bytes[0] & 0x1f;
    if (e->to_gateway && type == JV_TYPE_BIRTH_INIT) {
        memcpy(&asked, e, offsetof(struct pair_event, bytes) + e->len);
    }
    return !(swallows_replies && type == JV_TYPE_BIRTH_REPLY) &&
           !(swallows_traffic && type == JV_TYPE_TRAFFIC);
}

static void change(struct jv_rd *rd, uint8_t *bytes, uint32_t len)
{
    for (uint32_t n = jv_rd_u8(rd) % CHANGES_MAX; n > 0 && len > 0; n--) {
        uint8_t place = jv_rd_u8(rd);
        bytes[place % len] ^= jv_rd_u8(rd);
    }
}

static struct jv_keypair pair_of(uint8_t fill)
{
    struct jv_keypair keys;
    memset(keys.private_key.b, fill, sizeof keys.private_key.b);
    JV_ASSERT(jv_dh_public(&keys.private_key, &keys.public_key) == JV_E_OK);
    return keys;
}

static struct jv_key fresh_ephemeral(void)
{
    struct jv_key key;
    memset(key.b, 0x70, sizeof key.b);
    key.b[0] = ++number;
    return key;
}

static struct jv_endpoint address(uint8_t which)
{
    struct jv_endpoint ep = {.ip = {{198, 51, 100, (uint8_t)(which & 7)}, JV_AF_4, {0}},
                             .port = 4000};
    if ((which & 8) == 0) {
        ep = (struct jv_endpoint){.ip = {{192, 0, 2, 1}, JV_AF_4, {0}},
                                  .port = pair.links[0].mapped_port};
    }
    return ep;
}

/* ---- to the gateway ---- */

static void send_init(uint8_t how, struct jv_rd *rd)
{
    static const struct jv_key no_key;
    uint8_t msg[JV_BIRTH_INIT_BYTES] = {0};
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    uint8_t mac1_key[JV_HASH_BYTES], cookie_key[JV_HASH_BYTES];
    struct jv_noise noise;
    const struct jv_keypair own = pair_of(how & 1 ? 0x33 : 0x11);
    const struct jv_keypair gateway = pair_of(0x22);
    const struct jv_key ephemeral = how & 2 ? no_key : fresh_ephemeral();
    struct jv_header header = {JV_TYPE_BIRTH_INIT, 0, (uint64_t)JV_KEX_X25519 << 32, how, false};
    struct jv_birth_init init = {.aead_offer = 1U << JV_SUITE_CHACHA20_POLY1305};
    const struct jv_session *s = jv_core_session_at(pair.gateway, 0);
    if (s != NULL && how & 4) {
        init.prior = s->sid;
    }
    jv_header_encode(&header, msg);
    change(rd, msg + 1, JV_HEADER_BYTES - 1);
    jv_birth_init_encode(&init, payload);
    change(rd, payload, sizeof payload);
    jv_birth_prologue(msg, prologue);
    if (jv_noise_init(&noise, JV_NOISE_INITIATOR, (struct jv_bytes){prologue, sizeof prologue},
                      &own, &gateway.public_key, &ephemeral) != JV_E_OK ||
        jv_noise_write1(&noise, payload, sizeof payload, msg + JV_HEADER_BYTES) != JV_E_OK) {
        return; /* an ephemeral of zeroes */
    }
    jv_birth_keys(&gateway.public_key, mac1_key, cookie_key);
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    jv_mac(mac1_key, JV_HASH_BYTES, &body, 1, msg + len);
    struct jv_endpoint from = address(how >> 3);
    pair_inject(&pair, true, 1, &from, msg, JV_BIRTH_INIT_BYTES);
    if (how & 0x80) { /* again, as it was */
        pair_inject(&pair, true, 1, &from, msg, JV_BIRTH_INIT_BYTES);
    }
}

/* ---- to the client ---- */

static void send_reply(uint8_t how, struct jv_rd *rd)
{
    uint8_t msg[JV_BIRTH_REPLY_BYTES] = {0};
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    uint8_t answer[JV_BIRTH_REPLY_PAYLOAD_BYTES];
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    struct jv_noise noise;
    struct jv_header header;
    struct jv_key psk;
    const struct jv_keypair gateway = pair_of(0x22);
    const struct jv_key ephemeral = fresh_ephemeral();
    struct jv_birth_reply reply = {.locator = 77U + how, .suite = JV_SUITE_CHACHA20_POLY1305};
    memset(reply.sid.b, 0x40 | (how & 3), sizeof reply.sid.b);
    memset(psk.b, how & 4 ? 0x45 : 0x44, sizeof psk.b);
    jv_birth_prologue(asked.bytes, prologue);
    if (asked.len != JV_BIRTH_INIT_BYTES || !jv_header_decode(asked.bytes, &header) ||
        jv_noise_init(&noise, JV_NOISE_RESPONDER, (struct jv_bytes){prologue, sizeof prologue},
                      &gateway, NULL, &ephemeral) != JV_E_OK ||
        jv_noise_read1(&noise, asked.bytes + JV_HEADER_BYTES, JV_BIRTH_INIT_NOISE_BYTES, payload) !=
            JV_E_OK) {
        return;
    }
    header.type = JV_TYPE_BIRTH_REPLY;
    header.counter = 0;
    jv_header_encode(&header, msg);
    change(rd, msg + 1, JV_HEADER_BYTES - 1);
    jv_birth_reply_encode(&reply, answer);
    change(rd, answer, sizeof answer);
    if (jv_noise_write2(&noise, &psk, answer, sizeof answer, msg + JV_HEADER_BYTES) == JV_E_OK) {
        pair_inject(&pair, false, pair.links[0].handle, &pair.endpoints[0], msg, sizeof msg);
    }
}

static void send_cookie(uint8_t how, struct jv_rd *rd)
{
    static const uint8_t zero_nonce[12];
    uint8_t msg[JV_COOKIE_MSG_BYTES] = {0};
    uint8_t mac1_key[JV_HASH_BYTES], cookie_key[JV_HASH_BYTES];
    uint8_t cookie[JV_COOKIE_BYTES];
    struct jv_header header;
    struct jv_key key;
    const struct jv_keypair gateway = pair_of(0x22);
    if (asked.len != JV_BIRTH_INIT_BYTES || !jv_header_decode(asked.bytes, &header)) {
        return;
    }
    const uint8_t *mac1 = asked.bytes + JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    header.type = JV_TYPE_COOKIE;
    header.counter = 0;
    jv_header_encode(&header, msg);
    change(rd, msg + 1, JV_HEADER_BYTES - 1);
    memset(cookie, how, sizeof cookie);
    uint8_t *random = msg + JV_HEADER_BYTES;
    memset(random, how, JV_CONTROL_RANDOM_BYTES);
    jv_birth_keys(&gateway.public_key, mac1_key, cookie_key);
    memcpy(key.b, cookie_key, JV_KEY_BYTES);
    const struct jv_bytes context[] = {{random, JV_CONTROL_RANDOM_BYTES}, {mac1, JV_MAC_BYTES}};
    jv_kdf(&key, "jv1 cookie", context, 2, &key);
    jv_chacha_seal(&key, zero_nonce, mac1, JV_MAC_BYTES, cookie, sizeof cookie,
                   random + JV_CONTROL_RANDOM_BYTES);
    change(rd, random, sizeof msg - JV_HEADER_BYTES);
    pair_inject(&pair, false, pair.links[0].handle, &pair.endpoints[0], msg, sizeof msg);
}

/* ---- the rest of the world ---- */

static void order(uint8_t what)
{
    struct jv_command c = {.kind = what & 1 ? JV_CMD_DOWN : JV_CMD_UP};
    (void)pair_command(&pair, (what & 2) == 0, &c); /* a refusal is an answer */
    swallows_replies = (what & 4) != 0;
    swallows_traffic = (what & 8) != 0;
}

static void begin(uint8_t how)
{
    const struct pair_cfg cfg = {.seed = 9,
                                 .links = 1,
                                 .rtt_us = {20000},
                                 .preset = JV_PRESET_FAST,
                                 .half_open_max = 4,
                                 .buffers = BUFFERS,
                                 .events = EVENTS,
                                 .rebirth = (how & 2) != 0,
                                 .wrong_psk = (how & 4) != 0,
                                 .no_aes = true};
    number = 0;
    asked.len = 0;
    swallows_replies = (how & 8) != 0;
    swallows_traffic = (how & 16) != 0;
    judge_begin(true);
    pair_init(&pair, &cfg);
    judge_watch(&pair);
    pair.filter = pass;
    if (how & 1) {
        pair_run(&pair, 100);
    }
}

static uint64_t play(const uint8_t *data, size_t size, uint8_t fill)
{
    struct jv_rd rd = jv_rd_init(data, size);
    begin(jv_rd_u8(&rd));
    pair.fill = fill;
    for (uint32_t n = 0; n < STEPS_MAX && rd.left > 1; n++) {
        uint8_t op = jv_rd_u8(&rd);
        uint8_t arg = jv_rd_u8(&rd);
        switch (op % 5) {
        case 0:
            send_init(arg, &rd);
            break;
        case 1:
            send_reply(arg, &rd);
            break;
        case 2:
            send_cookie(arg, &rd);
            break;
        case 3:
            pair_run(&pair, arg < 200 ? arg : (arg - 200U) * 100U);
            break;
        default:
            order(arg);
            break;
        }
        judge_both(&pair);
    }
    pair_run(&pair, 300);
    judge_both(&pair);
    pair_fini(&pair);
    return judge.trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return judge_twice(play, data, size);
}
