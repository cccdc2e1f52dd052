/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "apply.h"
#include "audit.h"
#include "device.h"
#include "dns.h"
#include "gather.h"
#include "hooks.h"
#include "killswitch.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "notify.h"
#include "pump.h"
#include "setup.h"
#include "shard.h"
#include "surroundings.h"
#include "sys.h"
#include "tun.h"
#include "tunio.h"
#include "worker.h"

#define LOOP_FDS_MAX 128U      /* sockets, control connections, the resolver's */
#define SHARD_FDS_MAX 32U      /* sockets, a queue, what wakes it */
#define CURSOR_SHARD_SHIFT 27U /* below it a place in the table of a core (config.def: Sessions) */

static void on_signal(void *arg, int signo)
{
    struct jv_server *server = arg;
    if (signo == SIGHUP) {
        if (server->hangup != NULL) {
            server->hangup(server->hangup_arg);
        }
        return;
    }
    jv_server_stop(server);
}

/* A shard with a thread of its own; the main loop tells the operator. */
static void on_shard_woke(void *arg, uint64_t slept_ms)
{
    struct jv_command woke = {.kind = JV_CMD_WOKE, .slept_ms = slept_ms};
    /* Where the core has no room for it, its own deadlines show the same. */
    enum jv_err ignored = jv_shardio_command(arg, &woke);
    (void)ignored;
}

static void on_woke(void *arg, uint64_t slept_ms)
{
    struct jv_server *server = arg;
    struct jv_command woke = {.kind = JV_CMD_WOKE, .slept_ms = slept_ms};
    jv_log(JV_LOG_NOTICE, "the machine slept for %" PRIu64 ".%03" PRIu64 " s", slept_ms / 1000U,
           slept_ms % 1000U);
    /* Each shard's loop notices by itself. */
    enum jv_err ignored = jv_shardio_command(&server->shards[0], &woke);
    (void)ignored;
    if (server->config->role == JV_CONFIG_CLIENT) {
        jv_names_refresh(server->names, jv_server_now(server));
    }
}

/* ---- life ---- */

static enum jv_err open_main_loop(struct jv_server *server)
{
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct jv_loop_hooks hooks = {
        .signal = on_signal, .woke = on_woke, .after = jv_pump_after, .arg = server};
    enum jv_err err = jv_shardio_open(&server->shards[0], &hooks, LOOP_FDS_MAX);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_loop_catch_signals(server->shards[0].loop, signals, JV_ARRAY_LEN(signals));
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot catch signals: %s", strerror(errno));
    }
    return err;
}

static enum jv_err open_shard(struct jv_shard *shard)
{
    struct jv_loop_hooks hooks = {
        .before = jv_pump_begin, .woke = on_shard_woke, .after = jv_pump_finish, .arg = shard};
    return jv_shardio_open(shard, &hooks, SHARD_FDS_MAX);
}

static enum jv_err open_gather(struct jv_server *server, uint64_t first_seq)
{
    enum jv_err err = jv_gather_open(first_seq, server->shards_len, &server->gather);
    if (err == JV_E_OK) {
        err = jv_loop_add(server->shards[0].loop, jv_gather_fd(server->gather), EPOLLIN,
                          jv_pump_gathered, server);
    }
    return err;
}

/* Loops, and what ties several of them together. */
static enum jv_err open_shards(struct jv_server *server, uint32_t n, uint64_t first_seq)
{
    server->shards = calloc(n, sizeof(*server->shards));
    if (server->shards == NULL) {
        return JV_E_NOMEM;
    }
    server->shards_len = n;
    for (uint32_t i = 0; i < n; i++) {
        server->shards[i].server = server;
        server->shards[i].number = i;
    }
    enum jv_err err = open_main_loop(server);
    for (uint32_t i = 1; err == JV_E_OK && i < n; i++) {
        err = open_shard(&server->shards[i]);
    }
    if (err == JV_E_OK && n > 1) {
        err = open_gather(server, first_seq);
    }
    for (uint32_t i = 0; err == JV_E_OK && n > 1 && i < n; i++) {
        err = jv_shardio_open_crew(&server->shards[i]);
    }
    return err;
}

/* A queue of the device for each shard. */
static enum jv_err open_tun(struct jv_server *server)
{
    struct jv_device *device = &server->device;
    enum jv_err err = jv_device_open(server->config, server->shards_len, device);
    if (err == JV_E_OK) {
        err = jv_shardio_open_tun(&server->shards[0], device->tun, device->sparse);
    }
    for (uint32_t i = 1; err == JV_E_OK && i < server->shards_len; i++) {
        err = jv_shardio_open_tun(&server->shards[i], device->further[i - 1U], NULL);
    }
    return err == JV_E_OK
               ? jv_apply_open(server->config, device->tun, device->is_new, &server->apply)
               : err;
}

/* Each has memory, keys and a stream of chance of its own, the secret of cookies is shared. */
static enum jv_err open_cores(struct jv_server *server, struct jv_core_cfg *cfg)
{
    uint32_t n = server->shards_len;
    enum jv_err err = JV_E_OK;
    cfg->offer_aes = jv_aead_has_fast_aes();
    /* A device that cannot complete them gets them completed (tunio). */
    cfg->offer_partial_csum = (server->config->offloads & JV_OFFLOAD_CSUM) != 0;
    if (n > 1) {
        cfg->shards = n;
        cfg->buffers = JV_MAX(jv_shard_share(cfg->buffers, n), JV_SETUP_BUFFERS_GATEWAY_MIN);
        cfg->next_seq = jv_gather_seq;
        cfg->next_seq_arg = server->gather;
        jv_sys_random(&cfg->cookie_seed, sizeof(cfg->cookie_seed));
    }
    for (cfg->shard = 0; err == JV_E_OK && cfg->shard < n; cfg->shard++) {
        jv_sys_random(&cfg->jitter_seed, sizeof(cfg->jitter_seed));
        err = jv_shardio_open_core(&server->shards[cfg->shard], cfg);
    }
    return err;
}

static uint32_t shards_of(const struct jv_config *config, const struct jv_core_cfg *cfg)
{
    uint32_t wanted = config->gateway.shards;
    if (config->role != JV_CONFIG_GATEWAY) {
        return 1;
    }
    if (wanted == 0) {
        /* Real-time threads need a limit that not every host allows to set: they are asked for by number. */
        return config->scheduling == JV_SCHEDULING_REALTIME ? 1U
                                                            : jv_setup_shards(cfg, jv_sys_cpus());
    }
    if (!jv_core_fits_shards(cfg, wanted)) {
        jv_log(
            JV_LOG_WARNING,
            "Shards = %u: with an even share of Sessions and Pool not every user finds a place at "
            "the same time",
            wanted);
    }
    return wanted;
}

/* The number of shards depends on what the cores are to hold, so these come together. */
static enum jv_err open_protocol(struct jv_server *server, struct jv_core_cfg *cfg,
                                 uint64_t first_seq)
{
    char user[JV_CONF_USER_BYTES] = "";
    struct jv_user *users = NULL;
    uint32_t users_len = 0;
    enum jv_err err = jv_setup_users(server->config, &users, &users_len, user);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "user %s: %s (at most %u networks)", user, jv_err_text(err),
               JV_USER_NETS_MAX);
        return err;
    }
    jv_setup_core(server->config, users, users_len, cfg);
    cfg->first_seq = first_seq;
    err = open_shards(server, shards_of(server->config, cfg), first_seq);
    if (err == JV_E_OK) {
        server->facts.started_at = jv_server_now(server);
        err = open_cores(server, cfg);
    }
    jv_setup_users_free(users, users_len);
    return err;
}

static enum jv_err open_parts(struct jv_server *server, uint64_t first_seq)
{
    struct jv_core_cfg *cfg = calloc(1, sizeof(*cfg)); /* tens of kilobytes: too much for a stack */
    if (cfg == NULL) {
        return JV_E_NOMEM;
    }
    enum jv_err err = open_protocol(server, cfg, first_seq);
    jv_wipe(cfg, sizeof(*cfg));
    free(cfg);
    if (err != JV_E_OK) {
        return err;
    }
    err = open_tun(server);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_links_open(server, server->config, jv_tun_ifindex(server->device.tun), &server->links);
    if (err == JV_E_OK) {
        err = jv_names_open(server, server->config, &server->names);
    }
    if (err == JV_E_OK && server->config->role == JV_CONFIG_CLIENT) {
        err = jv_surroundings_open(server, &server->surroundings);
    }
    return err;
}

enum jv_err jv_server_open(struct jv_config *config, const struct jv_dirs *dirs,
                           struct jv_audit *audit, uint64_t first_seq, struct jv_server **out)
{
    struct jv_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        jv_config_free(config);
        return JV_E_NOMEM;
    }
    server->config = config;
    server->dirs = *dirs;
    server->audit = audit;
    for (uint32_t i = 0; i < JV_TIMERS; i++) {
        server->timers[i] = JV_NEVER;
    }
    enum jv_err err = open_parts(server, first_seq);
    if (err != JV_E_OK) {
        jv_server_close(server);
        return err;
    }
    *out = server;
    return JV_E_OK;
}

static void warn_forwarding(struct jv_server *server)
{
    const struct jv_config_pool *pool = &server->config->gateway.pool;
    if (server->config->role != JV_CONFIG_GATEWAY) {
        return;
    }
    if (pool->v4.ip.family != JV_AF_NONE && !jv_apply_forwards(JV_AF_4)) {
        jv_log(JV_LOG_WARNING, "this host does not forward IPv4: sysctl net.ipv4.ip_forward=1");
    }
    if (pool->v6.ip.family != JV_AF_NONE && !jv_apply_forwards(JV_AF_6)) {
        jv_log(JV_LOG_WARNING,
               "this host does not forward IPv6: sysctl net.ipv6.conf.all.forwarding=1");
    }
}

enum jv_err jv_server_start(struct jv_server *server)
{
    struct jv_instant now = jv_server_now(server);
    enum jv_err err;
    warn_forwarding(server);
    if (server->config->role == JV_CONFIG_GATEWAY) {
        err = jv_links_listen(server->links);
        if (err == JV_E_OK) {
            jv_hooks_up(server->hooks); /* its device has been set up already */
        }
    } else {
        err = jv_links_watch(server->links);
        if (err == JV_E_OK) {
            jv_names_start(server->names);
        }
    }
    if (jv_notify_watchdog_ms() > 0) {
        jv_server_timer(server, JV_TIMER_WATCHDOG, now);
    }
    jv_server_timer(server, JV_TIMER_TICK, now);
    jv_pump_after(server, now); /* what the start set is due before the loop's first sleep */
    return err;
}

enum jv_err jv_server_start_shards(struct jv_server *server)
{
    bool is_realtime = jv_sys_is_realtime();
    for (uint32_t i = 1; i < server->shards_len; i++) {
        enum jv_err err = jv_worker_start(server->shards[i].worker, is_realtime);
        if (err != JV_E_OK) {
            jv_log(JV_LOG_ERROR, "cannot start the thread of shard %u: %s", i, jv_err_text(err));
            return err;
        }
    }
    return JV_E_OK;
}

enum jv_err jv_server_run(struct jv_server *server)
{
    for (uint32_t i = 1; i < server->shards_len; i++) {
        jv_worker_release(server->shards[i].worker);
    }
    enum jv_err err = jv_loop_run(server->shards[0].loop);
    int error = atomic_load(&server->shard_errno);
    if (err == JV_E_OK && error != 0) {
        errno = error;
        err = JV_E_SYSTEM;
    }
    return err;
}

/* PreDown has been run, or there is none. */
static void end_sessions(void *arg)
{
    struct jv_server *server = arg;
    struct jv_command down = {.kind = JV_CMD_DOWN};
    enum jv_err err = jv_server_command(server, &down);
    if (err != JV_E_OK && err != JV_E_STATE && err != JV_E_NOTFOUND) {
        jv_log(JV_LOG_WARNING, "sessions did not end cleanly: %s", jv_err_text(err));
    }
    jv_server_timer(server, JV_TIMER_STOP, jv_add_ms(jv_server_now(server), JV_SERVER_STOP_MS));
}

void jv_server_stop(struct jv_server *server)
{
    if (server->facts.is_stopping) {
        jv_loop_stop(server->shards[0].loop); /* asked twice: at once */
        return;
    }
    server->facts.is_stopping = true;
    jv_notify_send("STOPPING=1");
    if (!jv_hooks_down(server->hooks, end_sessions, server)) {
        end_sessions(server);
    }
}

/* Nobody but this thread is left afterwards. */
static void stop_shards(struct jv_server *server)
{
    for (uint32_t i = 1; i < server->shards_len; i++) {
        jv_worker_stop(server->shards[i].worker);
    }
    if (server->gather != NULL && server->apply != NULL) {
        jv_gather_finish(server->gather);
        jv_pump_gathered(server, -1, 0);
    }
}

void jv_server_take_down(struct jv_server *server)
{
    if (server == NULL || server->is_down) {
        return;
    }
    server->is_down = true;
    stop_shards(server);
    jv_names_close(server->names);
    jv_links_close(server->links);
    server->names = NULL;
    server->links = NULL;
    jv_hooks_drain(server->hooks);
    jv_dns_remove(server->dns);
    if (server->apply != NULL) {
        jv_apply_remove(server->apply);
    }
    jv_device_close(&server->device); /* the device goes with its last descriptor */
    jv_hooks_after_down(server->hooks);
}

void jv_server_close(struct jv_server *server)
{
    if (server == NULL) {
        return;
    }
    jv_server_take_down(server);
    jv_surroundings_close(server->surroundings);
    jv_dns_close(server->dns);
    jv_hooks_close(server->hooks);
    jv_apply_close(server->apply);
    jv_device_close(&server->device);
    for (uint32_t i = server->shards_len; i > 0; i--) {
        jv_shardio_close(&server->shards[i - 1U]);
    }
    free(server->shards);
    jv_gather_close(server->gather);
    jv_config_free(server->config);
    free(server);
}

/* ---- events ---- */

struct jv_shard *jv_server_enter(const struct jv_server *server, uint32_t number)
{
    struct jv_shard *shard = &server->shards[number];
    if (shard->worker != NULL) {
        jv_worker_enter(shard->worker);
        shard->is_entered = true;
    }
    return shard;
}

void jv_server_leave(struct jv_shard *shard, bool is_changed)
{
    if (shard->worker != NULL) {
        shard->is_entered = false;
        jv_worker_leave(shard->worker, is_changed);
    }
}

static enum jv_err command_one(struct jv_server *server, uint32_t number,
                               const struct jv_command *command)
{
    struct jv_shard *shard = jv_server_enter(server, number);
    enum jv_err err = jv_shardio_command(shard, command);
    jv_server_leave(shard, true);
    return err;
}

/* All of them, though some may refuse: what the first of those says. */
static enum jv_err command_each(struct jv_server *server, const struct jv_command *command)
{
    enum jv_err result = JV_E_OK;
    for (uint32_t i = 0; i < server->shards_len; i++) {
        enum jv_err err = command_one(server, i, command);
        result = result == JV_E_OK ? err : result;
    }
    return result;
}

/* The shard that has the session. */
static enum jv_err command_owner(struct jv_server *server, const struct jv_command *command)
{
    enum jv_err err = JV_E_NOTFOUND;
    for (uint32_t i = 0; i < server->shards_len && err == JV_E_NOTFOUND; i++) {
        err = command_one(server, i, command);
    }
    return err;
}

/* Users are taken by all shards or by none: no session comes or goes between the question and the order. */
static enum jv_err command_users(struct jv_server *server, const struct jv_command *command)
{
    struct jv_command trial = *command;
    enum jv_err err = JV_E_OK;
    trial.is_trial = true;
    for (uint32_t i = 0; i < server->shards_len; i++) {
        struct jv_shard *shard = jv_server_enter(server, i);
        if (err == JV_E_OK) {
            err = jv_shardio_command(shard, &trial);
        }
    }
    for (uint32_t i = 0; i < server->shards_len; i++) {
        struct jv_shard *shard = &server->shards[i];
        if (err == JV_E_OK) {
            err = jv_shardio_command(shard, command);
        }
        jv_server_leave(shard, true);
    }
    jv_wipe(&trial, sizeof(trial));
    return err;
}

enum jv_err jv_server_command(struct jv_server *server, const struct jv_command *command)
{
    static const struct jv_sid all;
    if (server->shards_len == 1) {
        return jv_shardio_command(&server->shards[0], command);
    }
    if (command->kind == JV_CMD_USERS) {
        return command_users(server, command);
    }
    return command->kind == JV_CMD_DOWN && memcmp(&command->sid, &all, sizeof(all)) != 0
               ? command_owner(server, command)
               : command_each(server, command);
}

void jv_server_endpoints(struct jv_server *server, const struct jv_endpoint *endpoints,
                         uint32_t len, bool is_first)
{
    struct jv_command command = {.kind = JV_CMD_ENDPOINTS, .endpoints_len = len};
    memcpy(command.endpoints, endpoints, len * sizeof(endpoints[0]));
    enum jv_err err = jv_server_command(server, &command);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "gateway endpoints refused: %s", jv_err_text(err));
        return;
    }
    jv_links_reconcile(server->links, jv_server_now(server));
    if (is_first) {
        struct jv_command up = {.kind = JV_CMD_UP};
        err = jv_server_command(server, &up);
        if (err != JV_E_OK) {
            jv_log(JV_LOG_ERROR, "no birth begun: %s", jv_err_text(err));
        }
    }
}

void jv_server_network_changed(struct jv_server *server)
{
    jv_names_refresh(server->names, jv_server_now(server));
    jv_dns_network_changed(server->dns, jv_server_now(server));
}

void jv_server_note(struct jv_server *server, enum jv_event_type event, const char *text)
{
    struct jv_record rec = {.at = jv_server_now(server),
                            .seq = jv_core_next_seq(server->shards[0].core),
                            .event = (uint16_t)event,
                            .is_client = server->config->role == JV_CONFIG_CLIENT};
    (void)snprintf(rec.text, sizeof(rec.text), "%s", text);
    if (server->gather != NULL) {
        jv_gather_put(server->gather, &rec, 1);
    } else if (server->audit != NULL) {
        jv_audit_push(server->audit, &rec, 1);
    }
}

void jv_server_on_tick(struct jv_server *server, void (*tick)(void *arg, struct jv_instant now),
                       void *arg)
{
    uint32_t idx = 0;
    while (idx < JV_SERVER_TICKS && server->tick[idx] != NULL) {
        idx++;
    }
    JV_ASSERT(idx < JV_SERVER_TICKS);
    server->tick[idx] = tick;
    server->tick_arg[idx] = arg;
}

void jv_server_on_hangup(struct jv_server *server, void (*hangup)(void *arg), void *arg)
{
    server->hangup = hangup;
    server->hangup_arg = arg;
}

void jv_server_use_reader(struct jv_server *server, struct jv_reader *reader)
{
    server->reader = reader;
}

enum jv_err jv_server_use_runners(struct jv_server *server, struct jv_runner *hooks_runner,
                                  struct jv_runner *dns_runner)
{
    enum jv_err err = JV_E_OK;
    if (hooks_runner != NULL) {
        err = jv_hooks_open(server, hooks_runner, server->config, &server->hooks);
    }
    if (err == JV_E_OK && dns_runner != NULL) {
        err = jv_dns_open(server, dns_runner, &server->dns);
    }
    return err;
}

struct jv_hooks *jv_server_hooks(const struct jv_server *server)
{
    return server->hooks;
}

struct jv_surroundings *jv_server_surroundings(const struct jv_server *server)
{
    return server->surroundings;
}

struct jv_dns *jv_server_dns(const struct jv_server *server)
{
    return server->dns;
}

struct jv_reader *jv_server_reader(const struct jv_server *server)
{
    return server->reader;
}

void jv_server_use_killswitch(struct jv_server *server, struct jv_killswitch *killswitch)
{
    server->killswitch = killswitch;
}

struct jv_killswitch *jv_server_killswitch(const struct jv_server *server)
{
    return server->killswitch;
}

void jv_server_adopt(struct jv_server *server, struct jv_config *config)
{
    struct jv_config *old = server->config;
    server->config = config;
    jv_apply_config(server->apply, config);
    jv_links_config(server->links, config);
    jv_names_config(server->names, config);
    jv_killswitch_config(server->killswitch, config);
    jv_dns_config(server->dns, config);
    if (config->audit_file[0] != '\0' && strcmp(old->audit_file, config->audit_file) != 0) {
        (void)snprintf(server->dirs.audit, sizeof(server->dirs.audit), "%s", config->audit_file);
    }
    jv_config_free(old);
}

/* ---- looking ---- */

struct jv_loop *jv_server_loop(const struct jv_server *server)
{
    return server->shards[0].loop;
}

struct jv_core *jv_server_core(const struct jv_server *server)
{
    return server->shards[0].core;
}

const struct jv_device *jv_server_device(const struct jv_server *server)
{
    return &server->device;
}

struct jv_links *jv_server_links(const struct jv_server *server)
{
    return server->links;
}

struct jv_names *jv_server_names(const struct jv_server *server)
{
    return server->names;
}

struct jv_apply *jv_server_apply(const struct jv_server *server)
{
    return server->apply;
}

struct jv_audit *jv_server_audit(const struct jv_server *server)
{
    return server->audit;
}

const struct jv_config *jv_server_config(const struct jv_server *server)
{
    return server->config;
}

const struct jv_dirs *jv_server_dirs(const struct jv_server *server)
{
    return &server->dirs;
}

uint32_t jv_server_shards(const struct jv_server *server)
{
    return server->shards_len;
}

struct jv_shard *jv_server_shard(const struct jv_server *server, uint32_t number)
{
    return &server->shards[number];
}

bool jv_server_is_locked(const struct jv_server *server)
{
    bool is_locked = true;
    for (uint32_t i = 0; i < server->shards_len; i++) {
        is_locked = is_locked && server->shards[i].is_locked;
    }
    return is_locked;
}

bool jv_server_sessions(const struct jv_server *server, uint32_t *cursor,
                        struct jv_session_status *status, jv_server_session_fn *fn, void *arg)
{
    uint32_t number = *cursor >> CURSOR_SHARD_SHIFT;
    uint32_t at = *cursor & ((1U << CURSOR_SHARD_SHIFT) - 1U);
    bool is_enough = false;
    while (!is_enough && number < server->shards_len) {
        struct jv_shard *shard = jv_server_enter(server, number);
        while (!is_enough && jv_core_session(shard->core, jv_pump_now(shard), &at, status)) {
            is_enough = !fn(arg, status, number);
        }
        jv_server_leave(shard, false);
        if (!is_enough) {
            number++;
            at = 0;
        }
    }
    *cursor = number << CURSOR_SHARD_SHIFT | at;
    return is_enough;
}

/* Every member is a count, so the sum of two is that of their members. */
static void add(struct jv_counters *sum, const struct jv_counters *more)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)more;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
        to[i] += from[i];
    }
}

void jv_server_counters(const struct jv_server *server, struct jv_counters *out)
{
    struct jv_counters more;
    for (uint32_t i = 0; i < server->shards_len; i++) {
        struct jv_shard *shard = jv_server_enter(server, i);
        jv_core_counters(shard->core, i == 0 ? out : &more);
        jv_server_leave(shard, false);
        if (i > 0) {
            add(out, &more);
        }
    }
}

struct jv_shard_counts jv_server_counts(const struct jv_server *server)
{
    struct jv_shard_counts sum = {0};
    for (uint32_t i = 0; i < server->shards_len; i++) {
        struct jv_shard *shard = jv_server_enter(server, i);
        sum.given_up += shard->counts.given_up;
        sum.no_buffer += shard->counts.no_buffer;
        sum.dead_link += shard->counts.dead_link;
        sum.inbox_full += shard->counts.inbox_full;
        sum.tun_refused += jv_tunio_refused(shard->tunio);
        jv_server_leave(shard, false);
    }
    return sum;
}

uint64_t jv_server_events_lost(const struct jv_server *server)
{
    if (server->audit == NULL) {
        return 0;
    }
    struct jv_audit_counts counts = jv_audit_counts(server->audit);
    return counts.dropped_queue + counts.dropped_file +
           (server->gather == NULL ? 0U : jv_gather_lost(server->gather));
}

bool jv_server_denies_births(const struct jv_server *server)
{
    bool does = false;
    for (uint32_t i = 0; !does && i < server->shards_len; i++) {
        struct jv_shard *shard = jv_server_enter(server, i);
        does = jv_core_denies_births(shard->core);
        jv_server_leave(shard, false);
    }
    return does;
}

const struct jv_server_facts *jv_server_facts(const struct jv_server *server)
{
    return &server->facts;
}

struct jv_instant jv_server_now(const struct jv_server *server)
{
    return jv_loop_now(server->shards[0].loop);
}
