/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_SERVER_H
#define JV_DAEMON_SERVER_H
/*
 * server -- drains inputs into the core, flushes its outputs; holds the parts of the daemon together.
 *
 * One wake-up: sockets and TUN are read into buffers of the core's pool, each batch goes through the core, what came out is sent;
 * then commands, then what is due; `now` is the loop's one reading of the clock.
 *
 * Owns     the shards (shardio.h), every part that jv_server_open() makes.
 * Limits   JV_SERVER_BATCHES batches a descriptor and wake-up, so that one busy socket does not starve the rest. Nothing is
 *          allocated per packet.
 * Threads  the main loop's, which is that of the first shard as well. Another shard's thread calls jv_server_shard() alone.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"
#include "instant.h"

#define JV_SERVER_BATCHES 4U
/* Calls for one input: the first, and after each flush another one; a command that ends sessions may take one for each. */
#define JV_SERVER_TRIES 4U
#define JV_SERVER_TICKS 3U /* parts that are called each second: control, metrics, kill switch */
#define JV_SERVER_STOP_MS 100U
#define JV_SERVER_PATH_BYTES 1024U

struct jv_apply;
struct jv_device;
struct jv_dns;
struct jv_hooks;
struct jv_runner;
struct jv_audit;
struct jv_killswitch;
struct jv_links;
struct jv_loop;
struct jv_names;
struct jv_reader;
struct jv_shard;
struct jv_shard_counts;
struct jv_surroundings;

/* What waits for a moment of its own; each has one deadline. */
enum jv_timer {
    JV_TIMER_NAMES,
    JV_TIMER_LINKS,
    JV_TIMER_DNS,
    JV_TIMER_TICK,
    JV_TIMER_WATCHDOG,
    JV_TIMER_STOP,
    JV_TIMERS
};

struct jv_dirs {
    char run[JV_SERVER_PATH_BYTES];
    char state[JV_SERVER_PATH_BYTES];
    char config[JV_SERVER_PATH_BYTES]; /* the file itself */
    char audit[JV_SERVER_PATH_BYTES];  /* the file; empty: none */
};

/* What the operator should see, beside the sessions. */
struct jv_server_facts {
    bool is_stopping;
    struct jv_instant started_at;
    uint64_t reloads, reloads_refused;
    enum jv_why last_end; /* of a session; NONE: none has ended */
};

struct jv_server;

/* Takes `config` over. The audit stays the caller's and may be NULL. On failure what failed is logged. */
JV_MUST_USE enum jv_err jv_server_open(struct jv_config *config, const struct jv_dirs *dirs,
                                       struct jv_audit *audit, uint64_t first_seq,
                                       struct jv_server **out);
/* Starts: sockets, names, the first birth. */
JV_MUST_USE enum jv_err jv_server_start(struct jv_server *server);
/*
 * Threads of the shards behind the first, which hear nothing before jv_server_run(): privileges are given up, the filter of system calls
 * is not in force. Logged.
 */
JV_MUST_USE enum jv_err jv_server_start_shards(struct jv_server *server);
/* Until jv_server_stop(). JV_E_SYSTEM: the loop of a shard failed, errno tells. */
JV_MUST_USE enum jv_err jv_server_run(struct jv_server *server);
/* PreDown, where there is one; then sessions end with OPERATOR_TERMINATED; JV_SERVER_STOP_MS later the loop returns. */
void jv_server_stop(struct jv_server *server);
/*
 * After the loop: hooks that wait, then name servers, addresses, routes and the TUN device go (`jv down`), then PostDown. What still
 * looks at the server meanwhile sees neither links nor names. NULL is ignored.
 */
void jv_server_take_down(struct jv_server *server);
/* The same, where it was not called, and everything is closed. NULL is ignored. */
void jv_server_close(struct jv_server *server);

/* ---- for the parts ---- */
struct jv_loop *jv_server_loop(const struct jv_server *server);
/* A client's, or the first of a gateway. */
struct jv_core *jv_server_core(const struct jv_server *server);
const struct jv_device *jv_server_device(const struct jv_server *server);
struct jv_links *jv_server_links(const struct jv_server *server);
struct jv_names *jv_server_names(const struct jv_server *server);
struct jv_apply *jv_server_apply(const struct jv_server *server);
struct jv_audit *jv_server_audit(const struct jv_server *server);
const struct jv_config *jv_server_config(const struct jv_server *server);
const struct jv_dirs *jv_server_dirs(const struct jv_server *server);
const struct jv_server_facts *jv_server_facts(const struct jv_server *server);
/* Number of shards, 1 or more. */
uint32_t jv_server_shards(const struct jv_server *server);
/* For links, and for the shard's own loop. */
struct jv_shard *jv_server_shard(const struct jv_server *server, uint32_t number);
/*
 * Stand in for the shard's own loop: it is between two wake-ups until jv_server_leave(). `is_changed`: there may be another deadline. Both do
 * nothing for the shard that the main thread runs.
 */
struct jv_shard *jv_server_enter(const struct jv_server *server, uint32_t number);
void jv_server_leave(struct jv_shard *shard, bool is_changed);
/* False: that was enough. It may enter no shard; `status` is gone with the return. */
typedef bool jv_server_session_fn(void *arg, const struct jv_session_status *status,
                                  uint32_t shard);
/*
 * Sessions of all shards from `*cursor` on, which begins as 0, until `fn` says that it is enough or there is none left (false). A shard is
 * entered once for all that is looked at. `status` is the caller's, to write into.
 */
bool jv_server_sessions(const struct jv_server *server, uint32_t *cursor,
                        struct jv_session_status *status, jv_server_session_fn *fn, void *arg);
/* Sums over all shards. */
void jv_server_counters(const struct jv_server *server, struct jv_counters *out);
/* Records that are in no audit file: by the audit, and on their way to it. */
uint64_t jv_server_events_lost(const struct jv_server *server);
struct jv_shard_counts jv_server_counts(const struct jv_server *server);
bool jv_server_denies_births(const struct jv_server *server);
/* The memory that holds keys cannot be swapped out. */
bool jv_server_is_locked(const struct jv_server *server);
struct jv_instant jv_server_now(const struct jv_server *server);
/* The timer fires at `due` or earlier, if it was set earlier. */
void jv_server_timer(struct jv_server *server, enum jv_timer timer, struct jv_instant due);
/* One command to the core, its outputs flushed. With several: to the one that has the session which it names, else to each. */
JV_MUST_USE enum jv_err jv_server_command(struct jv_server *server,
                                          const struct jv_command *command);
/* The gateway's endpoints are known, for the first time or anew. */
void jv_server_endpoints(struct jv_server *server, const struct jv_endpoint *endpoints,
                         uint32_t len, bool is_first);
/* The host's links, addresses or routes changed. */
void jv_server_network_changed(struct jv_server *server);
/* A record of the daemon's own; `text` may be empty. */
void jv_server_note(struct jv_server *server, enum jv_event_type event, const char *text);
/* Called once a second and before the loop sleeps, for parts that the server does not know (control, metrics). */
void jv_server_on_tick(struct jv_server *server, void (*tick)(void *arg, struct jv_instant now),
                       void *arg);
/* Called for SIGHUP. */
void jv_server_on_hangup(struct jv_server *server, void (*hangup)(void *arg), void *arg);
/* Who reads the profile for a reload; NULL: this process itself. It stays the caller's. */
void jv_server_use_reader(struct jv_server *server, struct jv_reader *reader);
struct jv_reader *jv_server_reader(const struct jv_server *server);
/* Told of a reload, and asked by the parts. It stays the caller's. */
void jv_server_use_killswitch(struct jv_server *server, struct jv_killswitch *killswitch);
struct jv_killswitch *jv_server_killswitch(const struct jv_server *server);
/*
 * Who runs hooks, and who sets name servers up; NULL: the profile has none. They stay the caller's. Before jv_server_start().
 */
JV_MUST_USE enum jv_err jv_server_use_runners(struct jv_server *server,
                                              struct jv_runner *hooks_runner,
                                              struct jv_runner *dns_runner);
/* NULL where the profile has none. */
struct jv_hooks *jv_server_hooks(const struct jv_server *server);
struct jv_dns *jv_server_dns(const struct jv_server *server);
/* NULL at a gateway. */
struct jv_surroundings *jv_server_surroundings(const struct jv_server *server);
/* A reload was applied: the parts see `config`, which is taken over, from here on. The old one is freed. */
void jv_server_adopt(struct jv_server *server, struct jv_config *config);
#endif /* JV_DAEMON_SERVER_H */
