/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SHARDS_H
#define JV_TESTS_SHARDS_H
/*
 * shards -- the cores of one gateway and some clients in one place, joined by a queue that a test or chance empties in any order.
 *
 * A fake of the kernel and of the daemon: a datagram goes to the shard that its locator names, or to any; what a core hands over goes to
 * the core it names, as it came. A core that hands over what was handed to it, or to itself, ends the test.
 * Client i: private key of bytes 0x10 + i, 192.0.2.(i+1):40000. Gateway: private key of bytes 0x22, 203.0.113.1:4433, pool 10.80.0.0/24.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core.h"
#include "prng.h"

#define SHARDS_CLIENTS 12U
#define SHARDS_QUEUE 1024U

enum shards_kind { SHARDS_TO_CLIENT, SHARDS_TO_GATEWAY, SHARDS_HANDED, SHARDS_HANDED_PACKET };

struct shards_message {
    enum shards_kind kind;
    uint32_t to;         /* client, or shard */
    struct jv_slot slot; /* its `buf` is not used */
    uint8_t bytes[JV_BUF_ROOM];
};

struct shards_client {
    struct jv_core *core;
    void *mem;
    struct jv_endpoint at;
    struct jv_ip inner; /* that it was told */
    uint64_t sent_up, received_up, sent_down, received_down;
    uint64_t tag; /* of what was sent last in either direction */
};

struct shards_cfg {
    uint64_t seed;
    uint32_t shards, clients;
    uint32_t stray_ppm; /* of the datagrams: they arrive at any shard */
    bool has_fixed;     /* client 1: 10.80.0.77, in the pool; client 2: 172.16.0.0/24 behind it */
    uint32_t sessions_max, half_open_max; /* 0: 64, 64 */
};

struct shards {
    struct shards_cfg cfg;
    uint64_t now_ns, seq, records;
    struct jv_prng prng, entropy;
    struct jv_user users[SHARDS_CLIENTS];
    struct jv_core_cfg gateway;
    struct jv_core *core[JV_SHARDS_MAX];
    void *mem[JV_SHARDS_MAX];
    struct shards_client clients[SHARDS_CLIENTS];
    struct shards_message *queue;
    uint32_t queue_len;
    uint64_t fed_datagrams, fed_packets; /* to the gateway, by the kernel */
};

void shards_init(struct shards *w, const struct shards_cfg *cfg);
void shards_fini(struct shards *w);
/* A client begins anew, knowing nothing, and wants a session. */
void shards_up(struct shards *w, uint32_t client);
void shards_down(struct shards *w, uint32_t client);
/* Take message `at` out of the queue. */
struct shards_message shards_pull(struct shards *w, uint32_t at);
/* Give a message to whom it is for; SHARDS_TO_GATEWAY: to shard `to`. */
void shards_deliver(struct shards *w, const struct shards_message *m);
/* Deliver all that is in the queue and all that follows from it, in any order. */
void shards_settle(struct shards *w);
/* A millisecond passes at all; what they say is in the queue. */
void shards_tick(struct shards *w);
void shards_run(struct shards *w, uint64_t ms);
/* One inner packet to `ip`, which the TUN device of `shard` gives; of a client's that it counts as sent to it, or NULL. */
void shards_packet_down(struct shards *w, uint32_t shard, const struct jv_ip *ip,
                        struct shards_client *client);
void shards_packet_up(struct shards *w, uint32_t client);
struct jv_out shards_out(void);
void shards_drain(struct shards *w, uint32_t shard, struct jv_out *out);
struct jv_instant shards_now(const struct shards *w);
/* The home of a client; the shard that has a session of it, JV_SHARDS_MAX: none. */
uint32_t shards_home(const struct shards *w, uint32_t client);
uint32_t shards_where(const struct shards *w, uint32_t client);
uint64_t shards_sum(const struct shards *w, uint64_t (*what)(const struct jv_counters *));
bool shards_is_attached(const struct shards *w, uint32_t client);
#endif /* JV_TESTS_SHARDS_H */
