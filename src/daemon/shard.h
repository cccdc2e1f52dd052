/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_SHARD_H
#define JV_DAEMON_SHARD_H
/*
 * shard -- a core and what feeds it: memory, loop, TUN queue, buffers that wait to be read into, outputs that wait to be sent.
 *
 * Owns     the core with its memory, the output arrays, the loop, what cuts and joins packets of the device.
 * Threads  one: the loop's.
 */
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "core.h"
#include "errors.h"
#include "instant.h"

struct jv_loop;
struct jv_loop_hooks;
struct jv_server;
struct jv_tun;
struct jv_tunio;
struct jv_udp;

/* Empty buffers of the core, ready to be read into. */
struct jv_intake {
    struct jv_slot slots[JV_BATCH_MAX];
    uint32_t len;
};

/* Each is a loss that no counter of the core tells. */
struct jv_shard_counts {
    uint64_t given_up;  /* inputs that the core did not take after JV_SERVER_TRIES calls */
    uint64_t no_buffer; /* packets that were read and dropped because the pool was empty */
    uint64_t dead_link; /* datagrams for a socket that is gone */
};

/* Laid open for server.c, shard.c and pump.c only. */
struct jv_shard {
    struct jv_server *server;
    struct jv_loop *loop;
    struct jv_core *core;
    void *core_mem;
    size_t core_bytes;
    bool is_locked;         /* the core's memory cannot be swapped out */
    struct jv_tunio *tunio; /* NULL: no device yet */
    struct jv_intake intake;
    struct jv_out out;
    struct jv_shard_counts counts;
    uint8_t scratch[JV_BUF_BYTES]; /* where packets end for which the pool has no buffer */
};

/* Loop and output arrays. JV_E_NOMEM, JV_E_SYSTEM: logged. */
JV_MUST_USE enum jv_err jv_shard_open(struct jv_shard *shard, struct jv_server *server,
                                      const struct jv_loop_hooks *hooks, uint32_t fds_max);
/* `cfg` is whole. What fails is logged. */
JV_MUST_USE enum jv_err jv_shard_open_core(struct jv_shard *shard, const struct jv_core_cfg *cfg);
/* Reads from `tun` and `sparse` (tunio.h; NULL: none) from here on, which stay the caller's and outlive the shard. */
JV_MUST_USE enum jv_err jv_shard_open_tun(struct jv_shard *shard, struct jv_tun *tun,
                                          struct jv_tun *sparse);
/* One that was opened in part, or not at all, is closed as well. */
void jv_shard_close(struct jv_shard *shard);

/* One command to the core, its outputs flushed. */
JV_MUST_USE enum jv_err jv_shard_command(struct jv_shard *shard, const struct jv_command *command);
/* Datagrams wait at this socket. */
void jv_shard_receive(struct jv_shard *shard, struct jv_udp *udp);
/* What the core has due; returns when it wants to be called again. */
struct jv_instant jv_shard_expire(struct jv_shard *shard, struct jv_instant now);
#endif /* JV_DAEMON_SHARD_H */
