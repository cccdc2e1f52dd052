/* SPDX-License-Identifier: Apache-2.0 */
#include "config_check.h"

#include <stdlib.h>
#include <string.h>

#define LAN_BITS4_MIN 8U /* 10.0.0.0/8 */
#define LAN_BITS6_MIN 7U /* fc00::/7 */

/* A user's network or address, sorted to find those that meet. */
struct claim {
    struct jv_prefix prefix;
    uint32_t user;
};

static int compare_users_by_key(const void *left, const void *right)
{
    const struct jv_config_user *const *a = left;
    const struct jv_config_user *const *b = right;
    int order = memcmp(&(*a)->public_key.key, &(*b)->public_key.key, sizeof(struct jv_key));
    return order != 0 ? order : ((*a)->line > (*b)->line) - ((*a)->line < (*b)->line);
}

static int compare_users_by_name(const void *left, const void *right)
{
    const struct jv_config_user *const *a = left;
    const struct jv_config_user *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);
    return order != 0 ? order : ((*a)->line > (*b)->line) - ((*a)->line < (*b)->line);
}

/* Networks before what lies in them: by family, address, length. */
static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left;
    const struct claim *b = right;
    if (a->prefix.ip.family != b->prefix.ip.family) {
        return a->prefix.ip.family < b->prefix.ip.family ? -1 : 1;
    }
    int order = memcmp(a->prefix.ip.b, b->prefix.ip.b, sizeof(a->prefix.ip.b));
    if (order != 0) {
        return order;
    }
    if (a->prefix.bits != b->prefix.bits) {
        return a->prefix.bits < b->prefix.bits ? -1 : 1;
    }
    return (a->user > b->user) - (a->user < b->user);
}

static bool do_overlap(const struct jv_prefix *a, const struct jv_prefix *b)
{
    return a->ip.family == b->ip.family &&
           (a->bits <= b->bits ? jv_prefix_has(a, &b->ip) : jv_prefix_has(b, &a->ip));
}

static void check_identities(const struct jv_config *config, const char *file, struct jv_diag *diag)
{
    const struct jv_config_user **order = calloc(config->users_len + 1, sizeof(*order));
    if (order == NULL) {
        jv_diag_error(diag, file, 0, "out of memory");
        return;
    }
    uint32_t len = 0;
    for (uint32_t i = 0; i < config->users_len; i++) {
        order[len++] = &config->users[i];
    }
    qsort(order, len, sizeof(*order), compare_users_by_name);
    for (uint32_t i = 1; i < len; i++) {
        if (strcmp(order[i]->name, order[i - 1]->name) == 0) {
            jv_diag_error(diag, file, order[i]->line, "[User %s] is there already, in line %u",
                          order[i]->name, order[i - 1]->line);
        }
    }
    qsort(order, len, sizeof(*order), compare_users_by_key);
    for (uint32_t i = 1; i < len; i++) {
        if (order[i]->public_key.is_set &&
            memcmp(&order[i]->public_key.key, &order[i - 1]->public_key.key,
                   sizeof(struct jv_key)) == 0) {
            jv_diag_error(diag, file, order[i]->line, "PublicKey of [User %s] is that of [User %s]",
                          order[i]->name, order[i - 1]->name);
        }
    }
    free(order);
}

static void check_address(const struct jv_config_user *user, const struct jv_ip *ip,
                          const struct jv_prefix *pool, const char *file, struct jv_diag *diag)
{
    if (ip->family == JV_AF_NONE || (pool->ip.family == ip->family && jv_prefix_has(pool, ip))) {
        return;
    }
    char text[JV_ADDR_TEXT_BYTES];
    (void)jv_ip_format(ip, text, sizeof(text));
    jv_diag_error(diag, file, user->line,
                  "Address of [User %s] is %s; it must be in the Pool of [Gateway]", user->name,
                  text);
}

static void add_claim(struct claim *claims, uint32_t *len, const struct jv_ip *ip, uint32_t user)
{
    if (ip->family != JV_AF_NONE) {
        claims[(*len)++] = (struct claim){{*ip, ip->family == JV_AF_4 ? 32U : 128U}, user};
    }
}

/* Sorted claims nest: one that meets an earlier one meets the widest that has not ended yet. */
static void check_claims(const struct jv_config *config, struct claim *claims, uint32_t len,
                         const char *what, const char *file, struct jv_diag *diag)
{
    qsort(claims, len, sizeof(*claims), compare_claims);
    uint32_t widest = 0;
    for (uint32_t i = 1; i < len; i++) {
        if (!do_overlap(&claims[widest].prefix, &claims[i].prefix)) {
            widest = i;
            continue;
        }
        const struct jv_config_user *first = &config->users[claims[widest].user];
        const struct jv_config_user *second = &config->users[claims[i].user];
        char text[JV_ADDR_TEXT_BYTES];
        (void)jv_prefix_format(&claims[i].prefix, text, sizeof(text));
        jv_diag_error(diag, file, second->line, "%s of [User %s]: %s meets one of [User %s]", what,
                      second->name, text, first->name);
    }
}

static void check_networks(const struct jv_config *config, const char *file, struct jv_diag *diag)
{
    struct claim *claims =
        calloc((size_t)config->users_len * JV_CONF_USER_PREFIXES_MAX + 2, sizeof(*claims));
    if (claims == NULL) {
        jv_diag_error(diag, file, 0, "out of memory");
        return;
    }
    const struct jv_config_pool *pool = &config->gateway.pool;
    uint32_t len = 0;
    for (uint32_t i = 0; i < config->users_len; i++) {
        const struct jv_config_user *user = &config->users[i];
        check_address(user, &user->address.v4, &pool->v4, file, diag);
        check_address(user, &user->address.v6, &pool->v6, file, diag);
        add_claim(claims, &len, &user->address.v4, i);
        add_claim(claims, &len, &user->address.v6, i);
    }
    check_claims(config, claims, len, "Address", file, diag);
    len = 0;
    for (uint32_t i = 0; i < config->users_len; i++) {
        const struct jv_config_user *user = &config->users[i];
        for (uint32_t k = 0; k < user->allowed_ips.len; k++) {
            const struct jv_prefix *prefix = &user->allowed_ips.at[k];
            claims[len++] = (struct claim){*prefix, i};
            if (do_overlap(prefix, &pool->v4) || do_overlap(prefix, &pool->v6)) {
                jv_diag_error(diag, file, user->line,
                              "AllowedIPs of [User %s] meet the Pool of [Gateway]", user->name);
            }
        }
    }
    check_claims(config, claims, len, "AllowedIPs", file, diag);
    free(claims);
}

/*
 * The clamp must leave room for the rules of a policy; a client whose preset cannot be clamped is
 * refused at birth.
 */
static void check_clamp(const struct jv_config *config, uint32_t line, const char *file,
                        struct jv_diag *diag)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < JV_PRESETS; i++) {
        struct jv_policy policy;
        good += jv_policy_clamp(&jv_policy_presets[i], &config->clamp, &policy) == JV_E_OK ? 1 : 0;
    }
    if (good == 0) {
        jv_diag_error(diag, file, line, "[Limits] leave no valid policy to any preset");
        diag->policy_errors++;
        return;
    }
    for (uint32_t i = 0; good < JV_PRESETS && i < JV_PRESETS; i++) {
        struct jv_policy policy;
        if (jv_policy_clamp(&jv_policy_presets[i], &config->clamp, &policy) != JV_E_OK) {
            jv_diag_warn(diag, file, line, "[Limits] refuse clients with Preset = %s",
                         jv_preset_names[i]);
        }
    }
}

/* All zero where the private key was not read. */
static struct jv_key own_public(const struct jv_config_secret *own)
{
    struct jv_key public_key = {{0}};
    if (jv_is_zero(&own->key, sizeof(own->key)) ||
        jv_dh_public(&own->key, &public_key) != JV_E_OK) {
        return (struct jv_key){{0}};
    }
    return public_key;
}

/* A peer with our own key is a mix-up of the two files. */
static void check_own_key(const struct jv_key *own, const struct jv_config_public *other,
                          uint32_t line, const char *what, const char *file, struct jv_diag *diag)
{
    if (!jv_is_zero(own, sizeof(*own)) && other->is_set &&
        jv_equal(own, &other->key, sizeof(*own))) {
        jv_diag_error(diag, file, line, "%s belongs to the PrivateKey of this file", what);
    }
}

static void check_transports(const struct jv_config *config, const char *file, struct jv_diag *diag)
{
    for (uint32_t i = 0; i < config->transports_len; i++) {
        const struct jv_config_transport *a = &config->transports[i];
        for (uint32_t k = 0; k < i; k++) {
            const struct jv_config_transport *b = &config->transports[k];
            if (strcmp(a->name, b->name) == 0) {
                jv_diag_error(diag, file, a->line, "[Transport %s] is there already, in line %u",
                              a->name, b->line);
            } else if (a->device[0] != '\0' && strcmp(a->device, b->device) == 0) {
                jv_diag_error(diag, file, a->line,
                              "Device of [Transport %s] is that of [Transport %s]", a->name,
                              b->name);
            }
        }
        if (a->device[0] != '\0' && strcmp(a->device, config->interface) == 0) {
            jv_diag_error(diag, file, a->line,
                          "Device of [Transport %s] is the Interface of the session", a->name);
        }
    }
}

/* A LAN of half the world would be no kill switch. */
static void check_lan(const struct jv_config *config, uint32_t line, const char *file,
                      struct jv_diag *diag)
{
    const struct jv_config_prefixes *lan = &config->session.kill_switch_lan;
    for (uint32_t i = 0; i < lan->len; i++) {
        if (lan->at[i].bits < (lan->at[i].ip.family == JV_AF_4 ? LAN_BITS4_MIN : LAN_BITS6_MIN)) {
            char text[JV_ADDR_TEXT_BYTES];
            (void)jv_prefix_format(&lan->at[i], text, sizeof(text));
            jv_diag_error(diag, file, line,
                          "KillSwitchLAN is %s; it must be /%u or longer in IPv4, /%u in IPv6",
                          text, LAN_BITS4_MIN, LAN_BITS6_MIN);
        }
    }
    if (lan->len > 0 && config->session.kill_switch == JV_CONFIG_KILL_NO) {
        jv_diag_warn(diag, file, line, "KillSwitchLAN means nothing without KillSwitch = yes");
    }
}

void jv_config_check(const struct jv_config *config, const struct jv_config_lines *lines,
                     const char *file, struct jv_diag *diag)
{
    if (config->role == JV_CONFIG_CLIENT) {
        check_transports(config, file, diag);
        check_lan(config, lines->session, file, diag);
        struct jv_key own = own_public(&config->session.private_key);
        check_own_key(&own, &config->session.gateway_key, lines->session, "GatewayKey", file, diag);
        return;
    }
    check_identities(config, file, diag);
    check_networks(config, file, diag);
    check_clamp(config, lines->limits, file, diag);
    struct jv_key own = own_public(&config->gateway.private_key);
    for (uint32_t i = 0; i < config->users_len; i++) {
        check_own_key(&own, &config->users[i].public_key, config->users[i].line, "PublicKey", file,
                      diag);
    }
}
