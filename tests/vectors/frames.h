/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_VECTORS_FRAMES_H
#define JV_TESTS_VECTORS_FRAMES_H
/*
 * frames -- test vectors of what travels inside the traffic stream: every frame, and sealed packets of both suites.
 *
 * Takes    jv_crypto_init() was called.
 */
#include "vectors.h"

/* Ends the fields of the object that vector_frame_begin() has opened, and writes the bytes. */
static inline void vector_frame_end(struct json *j, const struct jv_frame *frame)
{
    uint8_t bytes[1500];
    struct jv_wr wr = jv_wr_init(bytes, sizeof bytes);
    jv_frame_encode(&wr, frame);
    JV_ASSERT(!wr.err);
    json_close(j, '}');
    json_number(j, "type", frame->type);
    json_hex(j, "bytes", bytes, sizeof bytes - wr.left);
    json_close(j, '}');
}

static inline void vector_frame_begin(struct json *j, const char *name)
{
    json_open(j, NULL, '{');
    json_text(j, "name", name);
    json_open(j, "fields", '{');
}

static inline void json_ip(struct json *j, const char *key, const struct jv_ip *ip)
{
    json_open(j, key, '{');
    json_number(j, "family", ip->family);
    json_hex(j, "address", ip->b, 16);
    json_close(j, '}');
}

static inline void json_prefix(struct json *j, const char *key, const struct jv_prefix *prefix)
{
    json_open(j, key, '{');
    json_number(j, "family", prefix->ip.family);
    json_hex(j, "address", prefix->ip.b, 16);
    json_number(j, "bits", prefix->bits);
    json_close(j, '}');
}

static inline void json_policy(struct json *j, const struct jv_policy *policy)
{
    json_open(j, "policy", '{');
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        json_number(j, jv_policy_rows[i].name, jv_policy_get(policy, (enum jv_policy_field)i));
    }
    json_close(j, '}');
}

static inline void vector_small_frames(struct json *j)
{
    struct jv_frame f = {.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {987654321}};
    vector_frame_begin(j, "HEARTBEAT");
    json_number(j, "time_us", f.u.heartbeat.time_us);
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_REKEY_ASK};
    vector_frame_begin(j, "REKEY_ASK");
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_TERMINATE, .u.terminate = {JV_WHY_OPERATOR_TERMINATED}};
    vector_frame_begin(j, "TERMINATE");
    json_number(j, "why", f.u.terminate.why);
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_BOUND,
                          .u.bound = {.order = 5, .next_epoch = 1, .next_counter = 1002}};
    vector_frame_begin(j, "BOUND");
    json_number(j, "order", f.u.bound.order);
    json_number(j, "next_epoch", f.u.bound.next_epoch);
    json_number(j, "next_counter", f.u.bound.next_counter);
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_QUIET, .u.quiet = {3, 275000}};
    vector_frame_begin(j, "QUIET");
    json_number(j, "n", f.u.quiet.n);
    json_number(j, "for_ms", f.u.quiet.for_ms);
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_POLICY_ASK};
    vector_frame_begin(j, "POLICY_ASK");
    vector_frame_end(j, &f);
    f = (struct jv_frame){.type = JV_FRAME_SIZE, .u.size = {.time_us = 987654321, .bytes = 1372}};
    vector_frame_begin(j, "SIZE");
    json_number(j, "time_us", f.u.size.time_us);
    json_number(j, "bytes", f.u.size.bytes);
    vector_frame_end(j, &f);
}

static inline void vector_policy_frame(struct json *j, enum jv_frame_type type, const char *name)
{
    const enum jv_preset preset =
        type == JV_FRAME_POLICY_WANTED ? JV_PRESET_FAST : JV_PRESET_STRICT;
    const struct jv_frame f = {.type = (uint8_t)type,
                               .u.policy = {.n = 3, .policy = jv_policy_presets[preset]}};
    vector_frame_begin(j, name);
    json_number(j, "n", f.u.policy.n);
    json_policy(j, &f.u.policy.policy);
    vector_frame_end(j, &f);
}

static inline void vector_report_frame(struct json *j)
{
    const struct jv_frame f = {.type = JV_FRAME_REPORT,
                               .u.report = {.report = vector_report(),
                                            .echo_us = 987654321,
                                            .hold_us = 1200,
                                            .state = JV_ST_ATTACHED,
                                            .version = 12,
                                            .order_spent = 5,
                                            .gateway_time_ms = 60000}};
    const struct jv_frame_report *r = &f.u.report;
    vector_frame_begin(j, "REPORT");
    json_report(j, &r->report);
    json_number(j, "echo_us", r->echo_us);
    json_number(j, "hold_us", r->hold_us);
    json_number(j, "state", r->state);
    json_number(j, "version", r->version);
    json_number(j, "order_spent", r->order_spent);
    json_number(j, "gateway_time_ms", r->gateway_time_ms);
    vector_frame_end(j, &f);
}

static inline void vector_rekey_frame(struct json *j, enum jv_frame_type type, const char *name)
{
    const struct jv_rekey_mix mix = vector_mix();
    struct jv_frame f = {.type = (uint8_t)type, .u.rekey = {.epoch = 2, .order = 6}};
    bool init = type == JV_FRAME_REKEY_INIT;
    f.u.rekey.ephemeral_public = init ? vector_pair(0x22).public_key : mix.peer_public;
    memcpy(f.u.rekey.random, init ? mix.client_random : mix.gateway_random, 16);
    vector_frame_begin(j, name);
    json_number(j, "epoch", f.u.rekey.epoch);
    json_number(j, "order", f.u.rekey.order);
    json_hex(j, "ephemeral_public", f.u.rekey.ephemeral_public.b, JV_KEY_BYTES);
    json_hex(j, "random", f.u.rekey.random, 16);
    vector_frame_end(j, &f);
}

static inline struct jv_frame vector_confirm(void)
{
    return (struct jv_frame){
        .type = JV_FRAME_CONFIRM,
        .u.confirm = {.path_id = 2, .policy = jv_policy_presets[JV_PRESET_MOBILE]}};
}

static inline struct jv_frame vector_birth_ack(void)
{
    struct jv_frame f = {.type = JV_FRAME_BIRTH_ACK};
    struct jv_frame_birth_ack *ack = &f.u.birth_ack;
    ack->version = 1;
    ack->policy = jv_policy_presets[JV_PRESET_MOBILE];
    ack->address4 = (struct jv_prefix){{.family = JV_AF_4, .b = {10, 80, 3, 17}}, 16};
    ack->address6 = (struct jv_prefix){{.family = JV_AF_6, .b = {0xfd, 0x80, 0x4a, 0x56}}, 64};
    ack->address6.ip.b[15] = 0x11;
    ack->gateway4 = (struct jv_ip){.family = JV_AF_4, .b = {10, 80, 0, 1}};
    ack->gateway6 = (struct jv_ip){.family = JV_AF_NONE};
    ack->mtu = 1420;
    ack->gateway_time_ms = 60000;
    ack->nets_len = 1;
    ack->nets[0] = (struct jv_prefix){{.family = JV_AF_4, .b = {192, 168, 9}}, 24};
    ack->dns_len = 1;
    ack->dns[0] = ack->gateway4;
    ack->endpoints_len = 2;
    ack->endpoints[0] = vector_endpoint4(1, 4433);
    ack->endpoints[1] = vector_endpoint6(1, 4433);
    ack->endpoint_keys[0] = ack->endpoint_keys[1] = vector_pair(0x40).public_key;
    ack->spares_len = 2;
    ack->spares[0] = 0x3132333435363738ULL;
    ack->spares[1] = 0x4142434445464748ULL;
    return f;
}

static inline void vector_birth_frames(struct json *j)
{
    const struct jv_frame confirm = vector_confirm();
    const struct jv_frame f = vector_birth_ack();
    const struct jv_frame_birth_ack *ack = &f.u.birth_ack;
    vector_frame_begin(j, "CONFIRM");
    json_number(j, "path_id", confirm.u.confirm.path_id);
    json_policy(j, &confirm.u.confirm.policy);
    vector_frame_end(j, &confirm);
    vector_frame_begin(j, "BIRTH_ACK");
    json_number(j, "version", ack->version);
    json_policy(j, &ack->policy);
    json_prefix(j, "address4", &ack->address4);
    json_prefix(j, "address6", &ack->address6);
    json_ip(j, "gateway4", &ack->gateway4);
    json_ip(j, "gateway6", &ack->gateway6);
    json_number(j, "mtu", ack->mtu);
    json_number(j, "gateway_time_ms", ack->gateway_time_ms);
    json_open(j, "nets", '[');
    for (uint32_t i = 0; i < ack->nets_len; i++) {
        json_prefix(j, NULL, &ack->nets[i]);
    }
    json_close(j, ']');
    json_open(j, "dns", '[');
    for (uint32_t i = 0; i < ack->dns_len; i++) {
        json_ip(j, NULL, &ack->dns[i]);
    }
    json_close(j, ']');
    json_open(j, "endpoints", '[');
    for (uint32_t i = 0; i < ack->endpoints_len; i++) {
        json_open(j, NULL, '{');
        json_endpoint(j, "endpoint", &ack->endpoints[i]);
        json_hex(j, "key", ack->endpoint_keys[i].b, JV_KEY_BYTES);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_open(j, "spares", '[');
    for (uint32_t i = 0; i < ack->spares_len; i++) {
        json_locator(j, NULL, ack->spares[i]);
    }
    json_close(j, ']');
    vector_frame_end(j, &f);
}

struct vector_packet {
    const char *name;
    enum jv_suite suite;
    bool from_client;
    uint64_t epoch, counter;
};

static inline void vector_sealed(struct json *j, const struct vector_packet *p, const uint8_t *text,
                                 size_t len)
{
    static struct jv_keys keys;
    uint8_t msg[JV_TRAFFIC_OVERHEAD + 1500];
    vector_keys(&keys, p->suite, p->from_client, p->epoch);
    const struct jv_header header = {JV_TYPE_TRAFFIC, (uint8_t)p->epoch, p->counter, VECTOR_LOCATOR,
                                     false};
    jv_header_encode(&header, msg);
    memcpy(msg + JV_HEADER_BYTES, text, len);
    struct jv_aead_op op = {msg + JV_HEADER_BYTES, len, msg, JV_HEADER_BYTES, p->counter, false};
    jv_aead_run(&keys.epochs[JV_EPOCH_CURRENT].tx, &op, 1);
    JV_ASSERT(op.ok);
    jv_keys_fini(&keys);
    json_open(j, NULL, '{');
    json_text(j, "name", p->name);
    json_number(j, "suite", p->suite);
    json_number(j, "to_client", p->from_client ? 0 : 1);
    json_number(j, "epoch", p->epoch);
    json_number(j, "counter", p->counter);
    json_hex(j, "text", text, len);
    json_hex(j, "datagram", msg, len + JV_TRAFFIC_OVERHEAD);
    json_close(j, '}');
}

/* An IPv4 packet of 28 bytes: UDP without payload. */
static inline const uint8_t *vector_inner(size_t *len_out)
{
    static const uint8_t packet[28] = {0x45, 0,  0,  28, 0, 1, 0,    0,    64, 17, 0, 0, 10, 80,
                                       3,    17, 10, 80, 0, 1, 0x30, 0x39, 0,  53, 0, 8, 0,  0};
    *len_out = sizeof packet;
    return packet;
}

static inline void vector_packets(struct json *j)
{
    uint8_t text[1500];
    struct jv_wr wr = jv_wr_init(text, sizeof text);
    const struct jv_frame confirm = vector_confirm();
    const struct jv_frame ack = vector_birth_ack();
    const struct jv_frame heartbeat = {.type = JV_FRAME_HEARTBEAT, .u.heartbeat = {987654321}};
    size_t inner_len;
    const uint8_t *inner = vector_inner(&inner_len);
    jv_frame_encode(&wr, &confirm);
    vector_sealed(j, &(struct vector_packet){"confirm", JV_SUITE_CHACHA20_POLY1305, true, 1, 0},
                  text, sizeof text - wr.left);
    wr = jv_wr_init(text, sizeof text);
    jv_frame_encode(&wr, &ack);
    vector_sealed(j, &(struct vector_packet){"birth_ack", JV_SUITE_CHACHA20_POLY1305, false, 1, 0},
                  text, sizeof text - wr.left);
    wr = jv_wr_init(text, JV_HINT_BYTES - JV_TRAFFIC_OVERHEAD);
    jv_frame_encode(&wr, &heartbeat);
    jv_wr_zero(&wr, wr.left);
    vector_sealed(j, &(struct vector_packet){"heartbeat", JV_SUITE_AES_256_GCM, true, 1, 1}, text,
                  JV_HINT_BYTES - JV_TRAFFIC_OVERHEAD);
    vector_sealed(j, &(struct vector_packet){"data", JV_SUITE_CHACHA20_POLY1305, true, 1, 1001},
                  inner, inner_len);
    vector_sealed(j, &(struct vector_packet){"data", JV_SUITE_AES_256_GCM, false, 1, 0xaabbccddee},
                  inner, inner_len);
    vector_sealed(j, &(struct vector_packet){"data", JV_SUITE_AES_256_GCM, true, 2, 0}, inner,
                  inner_len);
}

static inline void vector_write_traffic(FILE *to)
{
    struct json j = {.to = to};
    json_open(&j, NULL, '{');
    json_open(&j, "frames", '[');
    vector_small_frames(&j);
    vector_report_frame(&j);
    vector_rekey_frame(&j, JV_FRAME_REKEY_INIT, "REKEY_INIT");
    vector_rekey_frame(&j, JV_FRAME_REKEY_REPLY, "REKEY_REPLY");
    vector_policy_frame(&j, JV_FRAME_POLICY_WANTED, "POLICY_WANTED");
    vector_policy_frame(&j, JV_FRAME_POLICY_GRANTED, "POLICY_GRANTED");
    vector_birth_frames(&j);
    json_close(&j, ']');
    json_locator(&j, "locator", VECTOR_LOCATOR);
    json_open(&j, "packets", '[');
    vector_packets(&j);
    json_close(&j, ']');
    json_close(&j, '}');
}

/* ---- the files ---- */

struct vector_file {
    const char *name;
    void (*write)(FILE *to);
};
static const struct vector_file vector_files[] = {
    {"tests/vectors/birth.json", vector_write_birth},
    {"tests/vectors/keys.json", vector_write_keys},
    {"tests/vectors/control.json", vector_write_control},
    {"tests/vectors/traffic.json", vector_write_traffic}};
#endif /* JV_TESTS_VECTORS_FRAMES_H */
