/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One real core in virtual time, that does what lines on its standard input say and answers in lines; the other side of the protocol
 * is peer.go. All that comes after one command is printed before a line with a dot.
 *
 *     usage: interop_core client|gateway OWN_PRIVATE PEER_PUBLIC PSK AES SEED     keys in hex, AES 0 or 1
 *     datagram PORT HEX    it arrives from the peer's address and this port
 *     packet HEX           an inner packet from the TUN device
 *     run MS               so much time passes
 *     ->  datagram PORT HEX | packet HEX | state NUMBER
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "crypto.h"
#include "prng.h"
#include "state.h"

#define LINE_MAX_BYTES 8192U
#define LINK 1U

static struct jv_core *core;
static struct jv_instant now = {JV_NS_PER_S};
static struct jv_slot out_tx[JV_OUT_TX_MIN], out_tun[JV_OUT_TUN_MIN];
static struct jv_record out_records[JV_OUT_RECORDS_MIN];
static struct jv_order out_orders[JV_OUT_ORDERS_MIN];

static void fill(void *arg, uint8_t *out, size_t len)
{
    struct jv_prng *prng = arg;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

static void fail(const char *what)
{
    fprintf(stderr, "interop_core: %s\n", what);
    exit(2);
}

static size_t from_hex(const char *text, uint8_t *out, size_t cap)
{
    size_t len = 0;
    for (; text[0] != '\0' && text[0] != '\n' && text[0] != ' '; text += 2) {
        const char digits[3] = {text[0], text[1], '\0'};
        char *end;
        unsigned long v = strtoul(digits, &end, 16);
        if (len == cap || end != digits + 2) {
            fail("not hex, or too long");
        }
        out[len++] = (uint8_t)v;
    }
    return len;
}

static struct jv_key key_from(const char *text)
{
    struct jv_key key;
    if (from_hex(text, key.b, sizeof key.b) != sizeof key.b) {
        fail("a key has 64 digits");
    }
    return key;
}

static void print_bytes(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

static struct jv_out fresh_out(void)
{
    return (struct jv_out){out_tx,      0, JV_OUT_TX_MIN,
                           out_tun,     0, JV_OUT_TUN_MIN,
                           out_records, 0, JV_OUT_RECORDS_MIN,
                           out_orders,  0, JV_OUT_ORDERS_MIN,
                           NULL,        0, 0};
}

static void print_out(const struct jv_out *out)
{
    for (uint32_t i = 0; i < out->tx_len; i++) {
        const struct jv_slot *slot = &out->tx[i];
        printf("datagram %u ", (unsigned)slot->remote.port);
        print_bytes(slot->buf + slot->off, slot->len);
    }
    for (uint32_t i = 0; i < out->tun_len; i++) {
        printf("packet ");
        print_bytes(out->tun[i].buf + out->tun[i].off, out->tun[i].len);
    }
    jv_core_give(core, out->tx, out->tx_len);
    jv_core_give(core, out->tun, out->tun_len);
}

static void expire(void)
{
    enum jv_err err = JV_E_AGAIN;
    while (err == JV_E_AGAIN) {
        struct jv_out out = fresh_out();
        err = jv_core_expire(core, now, &out);
        print_out(&out);
    }
}

static void run_for(uint64_t ms)
{
    struct jv_instant end = jv_add_ms(now, ms);
    while (jv_is_due(jv_core_deadline(core), end)) {
        struct jv_instant due = jv_core_deadline(core);
        now = jv_is_before(now, due) ? due : now;
        expire();
    }
    now = end;
}

static struct jv_endpoint endpoint(const char *text)
{
    struct jv_endpoint ep;
    if (jv_endpoint_parse(text, 0, &ep) != JV_E_OK) {
        fail("an endpoint");
    }
    return ep;
}

/* The client is 192.0.2.1:40000, the gateway 203.0.113.1:4433; `port` stands for the port of whoever is the peer. */
static struct jv_endpoint end_of(bool own, uint16_t port)
{
    bool is_client_end = jv_core_is_client(core) == own;
    struct jv_endpoint ep = endpoint(is_client_end ? "192.0.2.1:40000" : "203.0.113.1:4433");
    ep.port = own ? ep.port : port;
    return ep;
}

static void give(const char *hex, bool is_datagram, uint16_t port)
{
    struct jv_slot slot;
    if (jv_core_take(core, &slot, 1) != 1) {
        fail("no buffer");
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = (uint32_t)from_hex(hex, slot.buf + slot.off, JV_BUF_ROOM);
    slot.link = LINK;
    slot.remote = end_of(false, port);
    slot.local = end_of(true, 0);
    slot.received = now;
    struct jv_batch batch = {&slot, 1, 0};
    struct jv_out out = fresh_out();
    enum jv_err err = is_datagram ? jv_core_datagrams(core, now, &batch, &out)
                                  : jv_core_packets(core, now, &batch, &out);
    if (err != JV_E_OK) {
        fail("no room");
    }
    print_out(&out);
    expire();
}

static void command(const struct jv_command *cmd)
{
    struct jv_out out = fresh_out();
    if (jv_core_command(core, now, cmd, &out) != JV_E_OK) {
        fail("a command was refused");
    }
    print_out(&out);
}

static void begin(char **argv)
{
    static struct jv_prng prng;
    static struct jv_user user = {.name = "peer"};
    struct jv_core_cfg cfg = {.private_key = key_from(argv[2]),
                              .policy = jv_policy_presets[JV_PRESET_MOBILE],
                              .buffers = 512,
                              .first_seq = 1,
                              .mtu = JV_MTU_DEFAULT,
                              .offer_aes = argv[5][0] == '1'};
    bool is_client = strcmp(argv[1], "client") == 0;
    prng.state = strtoull(argv[6], NULL, 10);
    cfg.role = is_client ? JV_ROLE_CLIENT : JV_ROLE_GATEWAY;
    if (is_client) {
        cfg.gateway_key = key_from(argv[3]);
        cfg.psk = key_from(argv[4]);
        cfg.allowed[0] = (struct jv_prefix){{{0}, JV_AF_4, {0}}, 0};
        cfg.allowed_len = 1;
    } else {
        user.public_key = key_from(argv[3]);
        user.psk = key_from(argv[4]);
        cfg.users = &user;
        cfg.users_len = cfg.users_max = cfg.sessions_max = 1;
        cfg.half_open_max = 8;
        cfg.pool4 = (struct jv_prefix){{{10, 80, 0, 0}, JV_AF_4, {0}}, 24};
    }
    size_t bytes = (jv_core_bytes(&cfg) + 63) & ~(size_t)63;
    void *mem = aligned_alloc(64, bytes);
    if (mem == NULL || jv_crypto_init() != JV_E_OK) {
        fail("no memory, or no crypto");
    }
    memset(mem, 0, bytes);
    if (jv_core_init(mem, &cfg, (struct jv_entropy){fill, &prng}, now, &core) != JV_E_OK) {
        fail("the core does not start");
    }
    if (is_client) {
        struct jv_command cmd = {.kind = JV_CMD_LINK_ADDED,
                                 .link = LINK,
                                 .name = "wire",
                                 .local = endpoint("192.0.2.1:40000"),
                                 .prefer = 100,
                                 .mtu = 1500};
        command(&cmd);
        cmd = (struct jv_command){.kind = JV_CMD_ENDPOINTS, .endpoints_len = 1};
        cmd.endpoints[0] = endpoint("203.0.113.1:4433");
        command(&cmd);
        command(&(struct jv_command){.kind = JV_CMD_UP});
    }
}

static void print_state(void)
{
    const struct jv_session *s = jv_core_session_at(core, 0);
    printf("state %d\n.\n", s == NULL ? -1 : (int)s->state);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static char line[LINE_MAX_BYTES];
    if (argc != 7) {
        fail("client|gateway OWN_PRIVATE PEER_PUBLIC PSK AES SEED");
    }
    begin(argv);
    print_state();
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "datagram ", 9) == 0) {
            char *rest;
            uint16_t port = (uint16_t)strtoul(line + 9, &rest, 10);
            give(rest + 1, true, port);
        } else if (strncmp(line, "packet ", 7) == 0) {
            give(line + 7, false, 0);
        } else if (strncmp(line, "run ", 4) == 0) {
            run_for(strtoull(line + 4, NULL, 10));
        } else {
            fail("a command that nobody knows");
        }
        print_state();
    }
    return 0;
}
