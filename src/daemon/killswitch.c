/* SPDX-License-Identifier: Apache-2.0 */
#include "killswitch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "firewall.h"
#include "log.h"
#include "loop.h"
#include "server.h"

_Static_assert(JV_FIREWALL_NETS_MAX >= JV_CONF_PREFIXES_MAX, "every list of a profile fits");

struct jv_killswitch {
    char profile[JV_CONF_USER_BYTES];
    const struct jv_config *config; /* in force */
    struct jv_server *server;       /* NULL: not started */
    int watch_fd;                   /* -1: none */
    uint32_t port;                  /* of the last installation; 0: none */
    enum jv_killswitch_state state;
    bool is_let_go;
    uint64_t repairs, untold;
    struct jv_instant told_at;
    bool has_told;
};

static const char *remedy(enum jv_err err)
{
    if (err == JV_E_PERM) {
        return ": start jvd as root, or with CAP_NET_ADMIN";
    }
    return err == JV_E_UNSUPPORTED
               ? ": this kernel lacks nf_tables for inet, or its meta, payload, "
                 "lookup or socket expressions"
               : "";
}

bool jv_killswitch_is_wanted(const struct jv_config *config)
{
    return config->role == JV_CONFIG_CLIENT && config->session.kill_switch == JV_CONFIG_KILL_YES;
}

static enum jv_err install(const struct jv_config *config, uint32_t *port_out)
{
    const struct jv_config_session *session = &config->session;
    struct jv_firewall_cfg cfg = {.name = config->name,
                                  .tun = config->interface,
                                  .mark = session->fwmark,
                                  .allowed = session->allowed_ips.at,
                                  .allowed_len = session->allowed_ips.len,
                                  .lan = session->kill_switch_lan.at,
                                  .lan_len = session->kill_switch_lan.len};
    return jv_firewall_install(&cfg, port_out);
}

static enum jv_err put(const struct jv_config *config, uint32_t *port_out)
{
    enum jv_err err;
    if (jv_killswitch_is_wanted(config)) {
        err = install(config, port_out);
        if (err != JV_E_OK) {
            jv_log(JV_LOG_ERROR, "cannot install the kill switch: %s%s", strerror(errno),
                   remedy(err));
        }
        return err;
    }
    err = config->role == JV_CONFIG_CLIENT ? jv_killswitch_remove(config->name) : JV_E_NOTFOUND;
    if (err == JV_E_OK) {
        jv_log(JV_LOG_NOTICE, "removed the kill switch: KillSwitch is no");
    }
    return err == JV_E_NOTFOUND ? JV_E_OK : err;
}

enum jv_err jv_killswitch_set(const struct jv_config *config)
{
    uint32_t ignored = 0; /* nobody listens */
    return put(config, &ignored);
}

enum jv_err jv_killswitch_remove(const char *profile)
{
    enum jv_err err = jv_firewall_remove(profile);
    if (err != JV_E_OK && err != JV_E_NOTFOUND) {
        jv_log(JV_LOG_ERROR, "cannot remove the kill switch, table inet %s%s: %s%s",
               JV_FIREWALL_TABLE, profile, strerror(errno), remedy(err));
    }
    return err;
}

/* ---- the daemon's ---- */

static bool is_touched(struct jv_killswitch *ks)
{
    return ks->watch_fd >= 0 && jv_firewall_changed(ks->watch_fd, ks->profile, ks->port);
}

/*
 * What was announced before is overwritten, so it is read and forgotten; what comes from then on is judged by who did it. Ours is
 * announced like any other, and another's may stand beside it.
 */
static enum jv_err set(struct jv_killswitch *ks, const struct jv_config *config)
{
    (void)is_touched(ks);
    enum jv_err err = put(config, &ks->port);
    if (err == JV_E_OK) {
        ks->state = jv_killswitch_is_wanted(config) ? JV_KILLSWITCH_ON : JV_KILLSWITCH_OFF;
    }
    return err;
}

enum jv_err jv_killswitch_open(const struct jv_config *config, struct jv_killswitch **out)
{
    struct jv_killswitch *ks = calloc(1, sizeof(*ks));
    if (ks == NULL) {
        return JV_E_NOMEM;
    }
    ks->config = config;
    ks->watch_fd = -1;
    (void)snprintf(ks->profile, sizeof(ks->profile), "%s", config->name);
    enum jv_err err = set(ks, config);
    if (err != JV_E_OK && jv_killswitch_is_wanted(config)) {
        free(ks);
        return err;
    }
    *out = ks; /* what could not be removed was logged, and is no reason not to start */
    return JV_E_OK;
}

static void tell(struct jv_killswitch *ks, const char *text)
{
    jv_server_note(ks->server, JV_REC_KillSwitch, text);
}

static void repair(struct jv_killswitch *ks)
{
    (void)is_touched(ks); /* as in set() */
    enum jv_err err = install(ks->config, &ks->port);
    int code = errno;
    struct jv_instant now = jv_server_now(ks->server);
    bool is_news = !ks->has_told || jv_since_ms(ks->told_at, now) >= JV_KILLSWITCH_TELL_MS;
    bool was_on = ks->state == JV_KILLSWITCH_ON;
    ks->state = err == JV_E_OK ? JV_KILLSWITCH_ON : JV_KILLSWITCH_FAILED;
    ks->repairs += err == JV_E_OK;
    if (!is_news && was_on == (err == JV_E_OK)) {
        ks->untold++;
        return;
    }
    if (err == JV_E_OK) {
        jv_log(JV_LOG_WARNING,
               "somebody touched the kill switch: set again (%llu times before, not told)",
               (unsigned long long)ks->untold);
        tell(ks, "restored: somebody else had removed or changed it");
    } else {
        jv_log(JV_LOG_ERROR, "the kill switch is gone and cannot be set again: %s%s",
               strerror(code), remedy(err));
        tell(ks, "lost: somebody else removed it, and it cannot be set again");
    }
    ks->untold = 0;
    ks->told_at = now;
    ks->has_told = true;
}

static void on_change(void *arg, int fd, uint32_t events)
{
    struct jv_killswitch *ks = arg;
    (void)fd;     /* ours */
    (void)events; /* an error is an overrun, which reads as a change */
    if (is_touched(ks) && jv_killswitch_is_wanted(ks->config)) {
        repair(ks);
    }
}

static void on_tick(void *arg, struct jv_instant now)
{
    struct jv_killswitch *ks = arg;
    (void)now;
    if (ks->state == JV_KILLSWITCH_FAILED) {
        repair(ks);
    }
}

enum jv_err jv_killswitch_start(struct jv_killswitch *ks, struct jv_server *server)
{
    ks->server = server;
    if (ks->config->role != JV_CONFIG_CLIENT) {
        return JV_E_OK;
    }
    if (ks->state == JV_KILLSWITCH_ON) {
        tell(ks, "set");
    }
    ks->watch_fd = jv_firewall_watch();
    if (ks->watch_fd < 0) {
        /* A kernel without nf_tables: then there is nothing to look after either. */
        return ks->state == JV_KILLSWITCH_OFF ? JV_E_OK : JV_E_SYSTEM;
    }
    jv_server_on_tick(server, on_tick, ks);
    return jv_loop_add(jv_server_loop(server), ks->watch_fd, EPOLLIN, on_change, ks);
}

static bool differs(const struct jv_config *old, const struct jv_config *config)
{
    const struct jv_config_prefixes *a = &old->session.kill_switch_lan;
    const struct jv_config_prefixes *b = &config->session.kill_switch_lan;
    bool is_same =
        jv_killswitch_is_wanted(old) == jv_killswitch_is_wanted(config) && a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = a->at[i].bits == b->at[i].bits && jv_ip_is_equal(&a->at[i].ip, &b->at[i].ip);
    }
    return !is_same;
}

enum jv_err jv_killswitch_change(struct jv_killswitch *ks, const struct jv_config *config)
{
    enum jv_err err = differs(ks->config, config) ? set(ks, config) : JV_E_OK;
    if (err == JV_E_OK) {
        ks->config = config;
    }
    return err;
}

void jv_killswitch_config(struct jv_killswitch *ks, const struct jv_config *config)
{
    ks->config = config;
}

enum jv_killswitch_state jv_killswitch_state(const struct jv_killswitch *ks)
{
    return ks->state;
}

uint64_t jv_killswitch_repairs(const struct jv_killswitch *ks)
{
    return ks->repairs;
}

void jv_killswitch_let_go(struct jv_killswitch *ks)
{
    if (!ks->is_let_go && ks->state != JV_KILLSWITCH_OFF) {
        tell(ks, "let go: jv down");
    }
    ks->is_let_go = true;
}

void jv_killswitch_close(struct jv_killswitch *ks)
{
    if (ks == NULL) {
        return;
    }
    if (ks->watch_fd >= 0) {
        (void)close(ks->watch_fd); /* it has nothing to say any more; the loop is closed */
    }
    if (ks->state != JV_KILLSWITCH_OFF && ks->is_let_go) {
        (void)jv_killswitch_remove(ks->profile); /* logged there */
    } else if (ks->state != JV_KILLSWITCH_OFF) {
        jv_log(JV_LOG_NOTICE, "the kill switch stays: jv down %s removes it", ks->profile);
    }
    free(ks);
}
