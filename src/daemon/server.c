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
#include "hooks.h"
#include "killswitch.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "notify.h"
#include "pump.h"
#include "setup.h"
#include "surroundings.h"
#include "sys.h"
#include "tun.h"

#define LOOP_FDS_MAX 128U /* sockets, control connections, the resolver's */

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

static void on_woke(void *arg, uint64_t slept_ms)
{
    struct jv_server *server = arg;
    struct jv_command woke = {.kind = JV_CMD_WOKE, .slept_ms = slept_ms};
    jv_log(JV_LOG_NOTICE, "the machine slept for %" PRIu64 ".%03" PRIu64 " s", slept_ms / 1000U,
           slept_ms % 1000U);
    /* Where the core has no room for it, its own deadlines show the same. */
    enum jv_err ignored = jv_server_command(server, &woke);
    (void)ignored;
    if (server->config->role == JV_CONFIG_CLIENT) {
        jv_names_refresh(server->names, jv_server_now(server));
    }
}

/* ---- life ---- */

static enum jv_err open_shard(struct jv_server *server)
{
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct jv_loop_hooks hooks = {
        .signal = on_signal, .woke = on_woke, .after = jv_pump_after, .arg = server};
    server->shard = calloc(1, sizeof(*server->shard));
    if (server->shard == NULL) {
        return JV_E_NOMEM;
    }
    enum jv_err err = jv_shard_open(server->shard, server, &hooks, LOOP_FDS_MAX);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_loop_catch_signals(server->shard->loop, signals, JV_ARRAY_LEN(signals));
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot catch signals: %s", strerror(errno));
    }
    return err;
}

static enum jv_err open_tun(struct jv_server *server)
{
    enum jv_err err = jv_device_open(server->config, &server->device);
    if (err == JV_E_OK) {
        err = jv_shard_open_tun(server->shard, server->device.tun, server->device.sparse);
    }
    return err == JV_E_OK ? jv_apply_open(server->config, server->device.tun, &server->apply) : err;
}

static enum jv_err open_core(struct jv_server *server, struct jv_core_cfg *cfg, uint64_t first_seq)
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
    cfg->offer_aes = jv_aead_has_fast_aes();
    /* A device that cannot complete them gets them completed (tunio). */
    cfg->offer_partial_csum = (server->config->offloads & JV_OFFLOAD_CSUM) != 0;
    jv_sys_random(&cfg->jitter_seed, sizeof(cfg->jitter_seed));
    err = jv_shard_open_core(server->shard, cfg);
    jv_setup_users_free(users, users_len);
    return err;
}

static enum jv_err open_parts(struct jv_server *server, uint64_t first_seq)
{
    enum jv_err err = open_shard(server);
    if (err != JV_E_OK) {
        return err;
    }
    server->facts.started_at = jv_loop_now(server->shard->loop);
    struct jv_core_cfg *cfg = calloc(1, sizeof(*cfg)); /* tens of kilobytes: too much for a stack */
    if (cfg == NULL) {
        return JV_E_NOMEM;
    }
    err = open_core(server, cfg, first_seq);
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

enum jv_err jv_server_run(struct jv_server *server)
{
    return jv_loop_run(server->shard->loop);
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
        jv_loop_stop(server->shard->loop); /* asked twice: at once */
        return;
    }
    server->facts.is_stopping = true;
    jv_notify_send("STOPPING=1");
    if (!jv_hooks_down(server->hooks, end_sessions, server)) {
        end_sessions(server);
    }
}

void jv_server_take_down(struct jv_server *server)
{
    if (server == NULL || server->is_down) {
        return;
    }
    server->is_down = true;
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
    if (server->shard != NULL) {
        jv_shard_close(server->shard);
        free(server->shard);
    }
    jv_config_free(server->config);
    free(server);
}

/* ---- events ---- */

enum jv_err jv_server_command(struct jv_server *server, const struct jv_command *command)
{
    return jv_shard_command(server->shard, command);
}

void jv_server_receive(struct jv_server *server, struct jv_udp *udp)
{
    jv_shard_receive(server->shard, udp);
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
                            .seq = jv_core_next_seq(server->shard->core),
                            .event = (uint16_t)event,
                            .is_client = server->config->role == JV_CONFIG_CLIENT};
    (void)snprintf(rec.text, sizeof(rec.text), "%s", text);
    if (server->audit != NULL) {
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
    return server->shard->loop;
}

struct jv_core *jv_server_core(const struct jv_server *server)
{
    return server->shard->core;
}

const struct jv_device *jv_server_device(const struct jv_server *server)
{
    return &server->device;
}

const struct jv_tunio *jv_server_tunio(const struct jv_server *server)
{
    return server->shard->tunio;
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

const struct jv_shard_counts *jv_server_counts(const struct jv_server *server)
{
    return &server->shard->counts;
}

bool jv_server_is_locked(const struct jv_server *server)
{
    return server->shard->is_locked;
}

const struct jv_server_facts *jv_server_facts(const struct jv_server *server)
{
    return &server->facts;
}

struct jv_instant jv_server_now(const struct jv_server *server)
{
    return jv_loop_now(server->shard->loop);
}
