/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BENCH_RIG_H
#define JV_BENCH_RIG_H
/*
 * rig -- a client's and a gateway's core in one process, joined by memory in virtual time, for what the core itself costs.
 *
 * The kernel's part is the caller's memcpy between the two pools; it stands outside every stage. Entropy is a seeded stream and time is
 * what the rig says, so that two runs over the same work execute the same instructions.
 *
 * Owns     the memory of both cores. Aborts where anything fails: there is nobody to tell.
 * Threads  one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core.h"
#include "instant.h"
#include "prng.h"

enum rig_stage {
    RIG_TAKE,
    RIG_SEAL,
    RIG_GIVE_TX,
    RIG_TAKE_RX,
    RIG_OPEN,
    RIG_GIVE_TUN,
    RIG_REST,
    RIG_STAGES
};
/* REST: deadlines, frames and what they lead to (receive reports, the resend pool's clearing) at both ends. */
extern const char *const rig_stage_names[RIG_STAGES];

struct rig_side {
    struct jv_core *core;
    void *mem;
    struct jv_prng entropy;
    struct jv_out out;
    struct jv_slot tx[JV_OUT_TX_MIN], tun[JV_OUT_TUN_MIN];
    struct jv_record records[JV_OUT_RECORDS_MIN];
    struct jv_order orders[JV_OUT_ORDERS_MIN];
};

struct rig {
    struct jv_instant now;
    struct rig_side client, gateway;
    struct jv_user user;
    uint8_t address[4];            /* inner, of the client */
    uint64_t ticks[2][RIG_STAGES]; /* by direction: up, down */
    uint64_t frames;               /* datagrams with frames, both ways */
};

struct rig_cfg {
    bool is_aes;         /* AES-256-GCM, else ChaCha20-Poly1305 */
    uint32_t buffers;    /* of each core */
    uint32_t resend_kib; /* 0: none is kept */
};

/* Both ends are ATTACHED behind it, and the search for the path's size is over. */
void rig_start(struct rig *rig, const struct rig_cfg *cfg);
void rig_stop(struct rig *rig);
/* `n` (at most JV_BATCH_MAX) inner packets of `bytes` from one end to the other; `gap_ns` of virtual time pass, deadlines are served. */
void rig_batch(struct rig *rig, bool is_up, uint32_t n, uint32_t bytes, uint64_t gap_ns);
#endif /* JV_BENCH_RIG_H */
