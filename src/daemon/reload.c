/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "core.h"
#include "links.h"
#include "log.h"
#include "notify.h"
#include "server.h"
#include "setup.h"

static bool same_key(const struct jv_key *a, const struct jv_key *b)
{
    return jv_equal(a, b, sizeof(*a));
}

static bool same_gateways(const struct jv_config_gateways *a, const struct jv_config_gateways *b)
{
    bool is_same = a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = strcmp(a->at[i].host, b->at[i].host) == 0 && a->at[i].port == b->at[i].port;
    }
    return is_same;
}

static bool same_prefix(const struct jv_prefix *a, const struct jv_prefix *b)
{
    return a->bits == b->bits && jv_ip_is_equal(&a->ip, &b->ip);
}

static bool same_prefixes(const struct jv_config_prefixes *a, const struct jv_config_prefixes *b)
{
    bool is_same = a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = same_prefix(&a->at[i], &b->at[i]);
    }
    return is_same;
}

static bool same_endpoints(const struct jv_config_endpoints *a, const struct jv_config_endpoints *b)
{
    bool is_same = a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = jv_endpoint_is_equal(&a->at[i], &b->at[i]);
    }
    return is_same;
}

static const char *client_blocker(const struct jv_config_session *a,
                                  const struct jv_config_session *b)
{
    if (!same_key(&a->private_key.key, &b->private_key.key)) {
        return "PrivateKey";
    }
    if (!same_key(&a->gateway_key.key, &b->gateway_key.key)) {
        return "GatewayKey";
    }
    if (!same_gateways(&a->gateways, &b->gateways)) {
        return "Gateway";
    }
    if (!same_prefixes(&a->allowed_ips, &b->allowed_ips)) {
        return "AllowedIPs";
    }
    if (a->fwmark != b->fwmark) {
        return "FwMark";
    }
    return a->on_terminated != b->on_terminated ? "OnTerminated" : NULL;
}

static const char *gateway_blocker(const struct jv_config_server *a,
                                   const struct jv_config_server *b)
{
    if (!same_key(&a->private_key.key, &b->private_key.key)) {
        return "PrivateKey";
    }
    if (!same_endpoints(&a->listen, &b->listen)) {
        return "Listen";
    }
    if (!same_prefix(&a->pool.v4, &b->pool.v4) || !same_prefix(&a->pool.v6, &b->pool.v6)) {
        return "Pool";
    }
    return strcmp(a->state_dir, b->state_dir) != 0 ? "StateDir" : NULL;
}

const char *jv_reload_blocker(const struct jv_config *old, const struct jv_config *new_config)
{
    if (old->role != new_config->role) {
        return "the role";
    }
    if (strcmp(old->interface, new_config->interface) != 0) {
        return "Interface";
    }
    if (old->mtu != new_config->mtu) {
        return "MTU";
    }
    if (old->role == JV_CONFIG_CLIENT) {
        return client_blocker(&old->session, &new_config->session);
    }
    if (old->limits.sessions != new_config->limits.sessions) {
        return "Sessions";
    }
    return gateway_blocker(&old->gateway, &new_config->gateway);
}

static enum jv_err apply_policy(struct jv_server *server, const struct jv_config *config)
{
    struct jv_command command = {.kind = JV_CMD_POLICY,
                                 .policy = config->policy,
                                 .policy_id = jv_setup_policy_id(&config->policy)};
    return jv_server_command(server, &command);
}

static enum jv_err apply_psk(struct jv_server *server, const struct jv_config *config)
{
    const struct jv_config_session *old = &jv_server_config(server)->session;
    if (same_key(&old->preshared.key, &config->session.preshared.key)) {
        return JV_E_OK;
    }
    struct jv_command command = {.kind = JV_CMD_PSK,
                                 .psk = config->session.preshared.key,
                                 .psk_previous = old->preshared.key};
    enum jv_err err = jv_server_command(server, &command);
    jv_wipe(&command, sizeof(command));
    return err;
}

/* A key that was replaced goes on as the previous one: the other end may read its file later. */
static void keep_previous(const struct jv_config *old, struct jv_user *users, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        for (uint32_t k = 0; k < old->users_len; k++) {
            const struct jv_config_user *was = &old->users[k];
            if (same_key(&was->public_key.key, &users[i].public_key) &&
                !same_key(&was->preshared.key, &users[i].psk)) {
                users[i].psk_previous = was->preshared.key;
            }
        }
    }
}

static enum jv_err apply_users(struct jv_server *server, const struct jv_config *config)
{
    char user[JV_CONF_USER_BYTES] = "";
    struct jv_user *users = NULL;
    uint32_t len = 0;
    enum jv_err err = jv_setup_users(config, &users, &len, user);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "user %s: %s", user, jv_err_text(err));
        return err;
    }
    keep_previous(jv_server_config(server), users, len);
    struct jv_command command = {.kind = JV_CMD_USERS, .users = users, .users_len = len};
    err = jv_server_command(server, &command);
    jv_setup_users_free(users, len);
    return err;
}

static enum jv_err apply(struct jv_server *server, struct jv_config *config)
{
    enum jv_err err =
        config->role == JV_CONFIG_CLIENT ? apply_psk(server, config) : apply_users(server, config);
    if (err == JV_E_OK) {
        err = apply_policy(server, config);
    }
    if (err == JV_E_OK) {
        jv_server_adopt(server, config);
    }
    return err;
}

static enum jv_err load(struct jv_server *server, struct jv_config **out,
                        char why[JV_RELOAD_TEXT_BYTES])
{
    struct jv_diag diag = {0};
    enum jv_err err = jv_config_load(jv_server_dirs(server)->config, out, &diag);
    for (uint32_t i = 0; i < diag.len; i++) {
        jv_log(err == JV_E_OK ? JV_LOG_WARNING : JV_LOG_ERROR, "%s", diag.lines[i]);
    }
    (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s",
                   diag.len > 0 ? diag.lines[0] : jv_err_text(err));
    jv_diag_fini(&diag);
    return err;
}

enum jv_err jv_reload(struct jv_server *server, char why[JV_RELOAD_TEXT_BYTES])
{
    struct jv_config *config = NULL;
    jv_notify_send("RELOADING=1");
    enum jv_err err = load(server, &config, why);
    if (err == JV_E_OK) {
        const char *blocker = jv_reload_blocker(jv_server_config(server), config);
        if (blocker != NULL) {
            (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s changed: that needs a restart", blocker);
            err = JV_E_UNSUPPORTED;
        } else {
            err = apply(server, config);
            (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s", jv_err_text(err));
        }
        if (err != JV_E_OK) {
            jv_config_free(config);
        }
    }
    if (err == JV_E_OK) {
        if (jv_server_audit(server) != NULL) {
            jv_audit_reopen(jv_server_audit(server), jv_server_dirs(server)->audit);
        }
        jv_links_reconcile(jv_server_links(server), jv_server_now(server));
        jv_log(JV_LOG_NOTICE, "configuration reloaded");
    } else {
        jv_log(JV_LOG_ERROR, "reload refused, the old configuration stays: %s", why);
    }
    jv_server_note(server, err == JV_E_OK ? JV_REC_PolicyChanged : JV_REC_PolicyInvalid,
                   err == JV_E_OK ? "configuration reloaded" : "reload refused");
    jv_notify_send("READY=1");
    return err;
}
