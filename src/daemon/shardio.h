/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_SHARDIO_H
#define JV_DAEMON_SHARDIO_H
/*
 * shardio -- a core and what feeds it: memory, loop, TUN queue, buffers that wait to be read into, outputs that wait to be sent.
 *
 * Owns     the core with its memory, the output arrays, the loop, what cuts and joins packets of the device; where there are several shards,
 *          an inbox for what others hand over, and for all but the first one a thread.
 * Threads  one: the loop's. Another one stands between jv_worker_enter() and jv_worker_leave() (jv_server_enter()).
 */
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "core.h"
#include "errors.h"
#include "instant.h"

struct jv_inbox;
struct jv_loop;
struct jv_loop_hooks;
struct jv_server;
struct jv_tun;
struct jv_tunio;
struct jv_udp;
struct jv_worker;

/* Empty buffers of the core, ready to be read into. */
struct jv_intake {
    struct jv_slot slots[JV_BATCH_MAX];
    uint32_t len;
};

/* Each is a loss that no counter of the core tells. */
struct jv_shard_counts {
    uint64_t given_up;   /* inputs that the core did not take after JV_SERVER_TRIES calls */
    uint64_t no_buffer;  /* packets that were read and dropped because the pool was empty */
    uint64_t dead_link;  /* datagrams for a socket that is gone */
    uint64_t inbox_full; /* packets and datagrams that another shard had no room for */
    uint64_t
        tun_refused; /* packets of the device that are not what the kernel says of them; set by jv_server_counts() */
};

/* Laid open for server.c, shardio.c and pump.c only. */
struct jv_shard {
    struct jv_server *server;
    uint32_t number; /* 0: the server's own loop, and the only one where there is one shard */
    struct jv_loop *loop;
    struct jv_core *core;
    void *core_mem;
    size_t core_bytes;
    bool is_locked;         /* the core's memory cannot be swapped out */
    struct jv_tunio *tunio; /* NULL: no device yet */
    struct jv_intake intake;
    struct jv_out out;
    struct jv_shard_counts counts;
    struct jv_inbox *inbox;   /* NULL: the only shard */
    struct jv_worker *worker; /* NULL: the main thread runs it */
    bool is_entered;          /* by the main thread, which takes what is gathered itself */
    struct jv_slot handed[JV_BATCH_MAX]; /* on their way to another shard */
};

/* Loop and output arrays; `server` and `number` are set. JV_E_NOMEM, JV_E_SYSTEM: logged. */
JV_MUST_USE enum jv_err jv_shardio_open(struct jv_shard *shard, const struct jv_loop_hooks *hooks,
                                        uint32_t fds_max);
/* One of several: the inbox, and for all but the first one the thread, which does not run yet. What fails is logged. */
JV_MUST_USE enum jv_err jv_shardio_open_crew(struct jv_shard *shard);
/* `cfg` is whole. What fails is logged. */
JV_MUST_USE enum jv_err jv_shardio_open_core(struct jv_shard *shard, const struct jv_core_cfg *cfg);
/* Reads from `tun` and `sparse` (tunio.h; NULL: none) from here on, which stay the caller's and outlive the shard. */
JV_MUST_USE enum jv_err jv_shardio_open_tun(struct jv_shard *shard, struct jv_tun *tun,
                                            struct jv_tun *sparse);
/* One that was opened in part, or not at all, is closed as well. */
void jv_shardio_close(struct jv_shard *shard);

/* One command to the core, its outputs flushed. Another thread has entered the shard. */
JV_MUST_USE enum jv_err jv_shardio_command(struct jv_shard *shard,
                                           const struct jv_command *command);
/* Datagrams wait at this socket. */
void jv_shardio_receive(struct jv_shard *shard, struct jv_udp *udp);
/* What the core has due; returns when it wants to be called again. */
struct jv_instant jv_shardio_expire(struct jv_shard *shard, struct jv_instant now);
#endif /* JV_DAEMON_SHARDIO_H */
