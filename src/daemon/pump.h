/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_PUMP_H
#define JV_DAEMON_PUMP_H
/*
 * pump -- the part of server that runs at every wake-up: packets in, outputs out, what is due. Private to server.c, shardio.c and pump.c.
 *
 * Owns     nothing: all state is that of struct jv_shard and struct jv_server, which is laid open here for these files only.
 * Threads  the loop's.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "instant.h"
#include "server.h"
#include "shardio.h"

struct jv_server {
    struct jv_config *config;
    struct jv_dirs dirs;
    struct jv_shard *shards; /* the first one is the main thread's; fixed once the server is open */
    uint32_t shards_len;
    struct jv_gather *gather; /* NULL: one shard, which serves its records and orders itself */
    atomic_int
        shard_errno; /* why the loop of a shard behind the first ended by itself; 0: none did */
    struct jv_device device;
    struct jv_apply *apply;
    struct jv_links *links;
    struct jv_surroundings *surroundings; /* NULL at a gateway */
    struct jv_hooks *hooks;               /* NULL: the profile has none */
    struct jv_dns *dns;                   /* NULL: it leaves the host's resolver alone */
    struct jv_names *names;
    struct jv_audit *audit;
    struct jv_instant timers[JV_TIMERS];
    struct jv_server_facts facts;
    void (*tick[JV_SERVER_TICKS])(void *arg, struct jv_instant now);
    void *tick_arg[JV_SERVER_TICKS];
    void (*hangup)(void *arg);
    void *hangup_arg;
    struct jv_killswitch *killswitch; /* the caller's */
    bool is_down;                     /* jv_server_take_down() was called */
    struct jv_reader *reader;         /* the caller's; NULL: we read the profile ourselves */
};

/* Packets wait at the TUN device; a callback of the loop, `arg` is the shard. */
void jv_pump_tun(void *arg, int fd, uint32_t events);
/* The moment for a call of the core: the later reading of the two loops where another thread has entered the shard. */
struct jv_instant jv_pump_now(const struct jv_shard *shard);
/* Another shard handed something over; `arg` is the shard. */
void jv_pump_inbox(void *arg, int fd, uint32_t events);
/* What the shards have put together for the main thread; `arg` is the server. */
void jv_pump_gathered(void *arg, int fd, uint32_t events);
/* The loop of a shard with a thread of its own ended by itself: so does the main loop. `arg` is the shard. */
void jv_pump_failed(void *arg, int error);
/* First and last step of a wake-up of a shard with a thread of its own; `arg` is the shard. */
void jv_pump_begin(void *arg);
void jv_pump_finish(void *arg, struct jv_instant now);
/* The last step of a wake-up: timers, the core's deadlines, the loop's next one; `arg` is the server. */
void jv_pump_after(void *arg, struct jv_instant now);
#endif /* JV_DAEMON_PUMP_H */
