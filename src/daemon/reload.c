/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "core.h"
#include "killswitch.h"
#include "links.h"
#include "log.h"
#include "notify.h"
#include "reader.h"
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

static bool same_resolvers(const struct jv_config_resolvers *a, const struct jv_config_resolvers *b)
{
    bool is_same = a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = jv_ip_is_equal(&a->at[i], &b->at[i]);
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
    if ((a->dns.kind == JV_CONFIG_DNS_NONE) != (b->dns.kind == JV_CONFIG_DNS_NONE)) {
        return "DNS from or to none"; /* who sets name servers up is started with the daemon */
    }
    return a->on_terminated != b->on_terminated ? "OnTerminated" : NULL;
}

static bool same_networks(const struct jv_config_user *a, const struct jv_config_user *b)
{
    bool is_same = a->allowed_ips.len == b->allowed_ips.len &&
                   jv_ip_is_equal(&a->address.v4, &b->address.v4) &&
                   jv_ip_is_equal(&a->address.v6, &b->address.v6);
    for (uint32_t i = 0; is_same && i < a->allowed_ips.len; i++) {
        is_same = same_prefix(&a->allowed_ips.at[i], &b->allowed_ips.at[i]);
    }
    return is_same;
}

static int compare_keys(const void *left, const void *right)
{
    const struct jv_config_user *const *a = left;
    const struct jv_config_user *const *b = right;
    return memcmp(&(*a)->public_key.key, &(*b)->public_key.key, sizeof((*a)->public_key.key));
}

/* Users in the order of their public keys, which are different; NULL: no memory. The caller frees it. */
static const struct jv_config_user **by_key(const struct jv_config *config)
{
    const struct jv_config_user **list = calloc(config->users_len + 1U, sizeof(*list));
    for (uint32_t i = 0; list != NULL && i < config->users_len; i++) {
        list[i] = &config->users[i];
    }
    if (list != NULL) {
        qsort(list, config->users_len, sizeof(*list), compare_keys);
    }
    return list;
}

/* A running session has the addresses and networks of its birth, and the core keeps them for as long as it knows the key. */
static const char *users_blocker(const struct jv_config *old, const struct jv_config *new_config)
{
    const struct jv_config_user **was = by_key(old);
    const char *blocker = was == NULL ? "more than memory holds" : NULL;
    for (uint32_t i = 0; blocker == NULL && i < new_config->users_len; i++) {
        const struct jv_config_user *user = &new_config->users[i];
        const struct jv_config_user **found =
            bsearch(&user, was, old->users_len, sizeof(*was), compare_keys);
        if (found != NULL && !same_networks(*found, user)) {
            blocker = "Address or AllowedIPs of a [User]";
        }
    }
    free(was);
    return blocker;
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
    if (!same_endpoints(&a->endpoints, &b->endpoints)) {
        return "Endpoints";
    }
    if (!same_resolvers(&a->dns, &b->dns)) {
        return "DNS";
    }
    if (a->shards != b->shards) {
        return "Shards";
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
    if (old->dscp != new_config->dscp) {
        return "DSCP";
    }
    if (memcmp(&old->hooks, &new_config->hooks, sizeof(old->hooks)) != 0) {
        return "[Hooks]"; /* who could run them has given up the right to read them again */
    }
    if (strcmp(old->user, new_config->user) != 0) {
        return "User";
    }
    if (!jv_endpoint_is_equal(&old->metrics, &new_config->metrics)) {
        return "Listen of [Metrics]";
    }
    if ((old->audit_file[0] == '\0') != (new_config->audit_file[0] == '\0')) {
        return "File of [Audit]";
    }
    if (old->role == JV_CONFIG_CLIENT) {
        return client_blocker(&old->session, &new_config->session);
    }
    if (old->limits.sessions != new_config->limits.sessions) {
        return "Sessions of [Limits]";
    }
    const char *blocker = gateway_blocker(&old->gateway, &new_config->gateway);
    return blocker != NULL ? blocker : users_blocker(old, new_config);
}

static enum jv_err apply_policy(struct jv_server *server, const struct jv_config *config)
{
    struct jv_command command = {.kind = JV_CMD_POLICY,
                                 .policy = config->policy,
                                 .clamp = config->clamp,
                                 .is_grace = config->on_reload == JV_CONFIG_GRACE};
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

/*
 * A key that was replaced goes on as the previous one: the other end may read its file later. `users` are those of `config`, in
 * its order.
 */
static enum jv_err keep_previous(const struct jv_config *old, const struct jv_config *config,
                                 struct jv_user *users)
{
    const struct jv_config_user **was = by_key(old);
    if (was == NULL) {
        return JV_E_NOMEM;
    }
    for (uint32_t i = 0; i < config->users_len; i++) {
        const struct jv_config_user *user = &config->users[i];
        const struct jv_config_user **found =
            bsearch(&user, was, old->users_len, sizeof(*was), compare_keys);
        if (found != NULL && !same_key(&(*found)->preshared.key, &users[i].psk)) {
            users[i].psk_previous = (*found)->preshared.key;
        }
    }
    free(was);
    return JV_E_OK;
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
    err = keep_previous(jv_server_config(server), config, users);
    if (err == JV_E_OK) {
        struct jv_command command = {.kind = JV_CMD_USERS, .users = users, .users_len = len};
        err = jv_server_command(server, &command);
    }
    jv_setup_users_free(users, len);
    return err;
}

/*
 * All or nothing: the policy was judged when it was read and is judged again before anything is touched; the core takes a list of
 * users, or a pre-shared key, as a whole or not at all.
 */
static enum jv_err apply(struct jv_server *server, struct jv_config *config)
{
    enum jv_policy_field field;
    if (jv_policy_check(&config->policy, &field) != NULL) {
        return JV_E_RANGE;
    }
    enum jv_err err =
        config->role == JV_CONFIG_CLIENT ? apply_psk(server, config) : apply_users(server, config);
    if (err != JV_E_OK) {
        return err;
    }
    err = apply_policy(server, config);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "the policy in force stays: %s", jv_err_text(err));
    }
    jv_server_adopt(server, config);
    return JV_E_OK;
}

/* `policy_errors_out`: how many of the findings are about the policy. */
static enum jv_err load(struct jv_server *server, struct jv_config **out,
                        char why[JV_RELOAD_TEXT_BYTES], uint32_t *policy_errors_out)
{
    struct jv_diag diag = {0};
    struct jv_reader *reader = jv_server_reader(server);
    enum jv_err err = reader != NULL ? jv_reader_load(reader, out, &diag)
                                     : jv_config_load(jv_server_dirs(server)->config, out, &diag);
    size_t used = 0;
    (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s", jv_err_text(err));
    for (uint32_t i = 0; i < diag.len; i++) {
        jv_log(err == JV_E_OK ? JV_LOG_WARNING : JV_LOG_ERROR, "%s", diag.lines[i]);
        if (used + strlen(diag.lines[i]) + 2U < JV_RELOAD_TEXT_BYTES) {
            used += (size_t)snprintf(why + used, JV_RELOAD_TEXT_BYTES - used, "%s%s",
                                     used == 0 ? "" : "\n", diag.lines[i]);
        }
    }
    *policy_errors_out = diag.policy_errors;
    jv_diag_fini(&diag);
    return err;
}

/* P-04: nobody new under bounds that their operator got wrong; who is there stays on the last valid ones. */
static void deny_births(struct jv_server *server)
{
    const struct jv_command command = {.kind = JV_CMD_POLICY_INVALID};
    if (jv_server_command(server, &command) == JV_E_OK) {
        jv_log(JV_LOG_ERROR, "the policy is invalid: sessions go on under the last valid one, new "
                             "ones are denied until a reload brings a valid one");
    }
}

/* What the core refuses of a list of users, in the operator's words. */
static const char *refusal_text(enum jv_err err)
{
    if (err == JV_E_FULL) {
        return "more users than were given room at start: that needs a restart";
    }
    return err == JV_E_EXISTS ? "the Address of an added [User] belongs to a running session"
                              : jv_err_text(err);
}

/* The kill switch before anything else is touched: one that cannot be had refuses the reload. */
static enum jv_err take_with_rules(struct jv_server *server, struct jv_config *config,
                                   char why[JV_RELOAD_TEXT_BYTES])
{
    struct jv_killswitch *ks = jv_server_killswitch(server);
    const struct jv_config *old = jv_server_config(server);
    enum jv_err err = jv_killswitch_change(ks, config);
    if (err != JV_E_OK) {
        (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "KillSwitch: the rules cannot be changed: %s",
                       jv_err_text(err));
        return err;
    }
    err = apply(server, config);
    if (err != JV_E_OK) {
        (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s", refusal_text(err));
        enum jv_err ignored = jv_killswitch_change(ks, old); /* logged there */
        (void)ignored;
        jv_killswitch_config(ks, old);
    }
    return err;
}

/* What is well in itself and cannot be taken under running sessions. */
static enum jv_err take(struct jv_server *server, struct jv_config *config,
                        char why[JV_RELOAD_TEXT_BYTES])
{
    const char *blocker = jv_reload_blocker(jv_server_config(server), config);
    enum jv_err err = JV_E_UNSUPPORTED;
    if (blocker != NULL) {
        (void)snprintf(why, JV_RELOAD_TEXT_BYTES, "%s changed: that needs a restart", blocker);
    } else {
        err = take_with_rules(server, config, why);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "%s", why);
        jv_config_free(config);
    }
    return err;
}

enum jv_err jv_reload(struct jv_server *server, char why[JV_RELOAD_TEXT_BYTES])
{
    struct jv_config *config = NULL;
    uint32_t policy_errors = 0;
    jv_notify_send("RELOADING=1");
    enum jv_err err = load(server, &config, why, &policy_errors);
    if (err == JV_E_OK) {
        err = take(server, config, why);
    } else if (policy_errors > 0) {
        deny_births(server);
    }
    if (err == JV_E_OK) {
        if (jv_server_audit(server) != NULL) {
            jv_audit_reopen(jv_server_audit(server), jv_server_dirs(server)->audit);
        }
        jv_links_reconcile(jv_server_links(server), jv_server_now(server));
        jv_log(JV_LOG_NOTICE, "configuration reloaded");
    } else {
        jv_log(JV_LOG_ERROR, "reload refused: the old configuration stays");
    }
    if (err != JV_E_OK && policy_errors == 0) {
        jv_server_note(server, JV_REC_PolicyInvalid, "reload refused");
    }
    jv_notify_send("READY=1");
    return err;
}
