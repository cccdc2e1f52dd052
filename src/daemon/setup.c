/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum jv_err convert_user(const struct jv_config_user *from, struct jv_user *to)
{
    if (from->allowed_ips.len > JV_USER_NETS_MAX) {
        return JV_E_RANGE;
    }
    (void)snprintf(to->name, sizeof(to->name), "%.*s", (int)sizeof(to->name) - 1, from->name);
    to->public_key = from->public_key.key;
    to->psk = from->preshared.key;
    to->address4 = from->address.v4;
    to->address6 = from->address.v6;
    to->nets_len = from->allowed_ips.len;
    memcpy(to->nets, from->allowed_ips.at, to->nets_len * sizeof(to->nets[0]));
    return JV_E_OK;
}

enum jv_err jv_setup_users(const struct jv_config *config, struct jv_user **out, uint32_t *len_out,
                           char detail[JV_CONF_USER_BYTES])
{
    struct jv_user *users = calloc(config->users_len + 1U, sizeof(*users));
    if (users == NULL) {
        return JV_E_NOMEM;
    }
    for (uint32_t i = 0; i < config->users_len; i++) {
        enum jv_err err = convert_user(&config->users[i], &users[i]);
        if (err != JV_E_OK) {
            (void)snprintf(detail, JV_CONF_USER_BYTES, "%s", config->users[i].name);
            jv_setup_users_free(users, i);
            return err;
        }
    }
    *out = users;
    *len_out = config->users_len;
    return JV_E_OK;
}

void jv_setup_users_free(struct jv_user *users, uint32_t len)
{
    if (users != NULL) {
        jv_wipe(users, len * sizeof(*users));
        free(users);
    }
}

static void fill_client(const struct jv_config *config, struct jv_core_cfg *out)
{
    const struct jv_config_session *session = &config->session;
    out->role = JV_ROLE_CLIENT;
    out->private_key = session->private_key.key;
    out->gateway_key = session->gateway_key.key;
    out->psk = session->preshared.key;
    out->buffers = JV_SETUP_BUFFERS_CLIENT;
    out->rebirth = session->on_terminated == JV_CONFIG_REBIRTH;
    out->allowed_len = session->allowed_ips.len;
    memcpy(out->allowed, session->allowed_ips.at, out->allowed_len * sizeof(out->allowed[0]));
}

static void fill_gateway(const struct jv_config *config, const struct jv_user *users,
                         uint32_t users_len, struct jv_core_cfg *out)
{
    const struct jv_config_server *gateway = &config->gateway;
    out->role = JV_ROLE_GATEWAY;
    out->private_key = gateway->private_key.key;
    out->buffers = JV_MIN(
        JV_MAX(config->limits.sessions * JV_SETUP_BUFFERS_SESSION, JV_SETUP_BUFFERS_GATEWAY_MIN),
        JV_SETUP_BUFFERS_GATEWAY_MAX);
    out->sessions_max = config->limits.sessions;
    /* A storm of births is metered by cookies; a quarter of the sessions half open at once is already one. */
    out->half_open_max = JV_MIN(JV_MAX(config->limits.sessions / 4U, 64U), 4096U);
    out->users = users;
    out->users_len = users_len;
    out->users_max = JV_MIN(JV_MAX(2U * users_len, JV_SETUP_USERS_MIN), JV_CONF_USERS_MAX);
    out->pool4 = gateway->pool.v4;
    out->pool6 = gateway->pool.v6;
    out->clamp = config->clamp;
    out->dns_len = JV_MIN(gateway->dns.len, JV_DNS_MAX);
    memcpy(out->dns, gateway->dns.at, out->dns_len * sizeof(out->dns[0]));
    out->endpoints_len = JV_MIN(gateway->endpoints.len, JV_ENDPOINT_MAX);
    memcpy(out->endpoints, gateway->endpoints.at, out->endpoints_len * sizeof(out->endpoints[0]));
}

void jv_setup_core(const struct jv_config *config, const struct jv_user *users, uint32_t users_len,
                   struct jv_core_cfg *out)
{
    *out = (struct jv_core_cfg){.policy = config->policy,
                                .dscp = (uint8_t)config->dscp,
                                .mtu = config->mtu == 0 ? JV_MTU_DEFAULT : config->mtu};
    if (config->role == JV_CONFIG_CLIENT) {
        fill_client(config, out);
    } else {
        fill_gateway(config, users, users_len, out);
    }
}

uint32_t jv_setup_shards(const struct jv_core_cfg *cfg, uint32_t cpus)
{
    uint32_t n = cpus < JV_SETUP_SHARDS_CPUS_MIN ? 1U : JV_MIN(cpus / 2U, JV_SETUP_SHARDS_MAX);
    while (n > 1U && !jv_core_fits_shards(cfg, n)) {
        n /= 2U;
    }
    return n;
}

static bool has_host_bits(const struct jv_prefix *pool)
{
    uint32_t bytes = pool->ip.family == JV_AF_4 ? 4U : 16U;
    for (uint32_t bit = pool->bits; bit < bytes * 8U; bit++) {
        if ((pool->ip.b[bit / 8U] & (0x80U >> bit % 8U)) != 0) {
            return true;
        }
    }
    return false;
}

struct jv_prefix jv_setup_gateway_address(const struct jv_prefix *pool)
{
    struct jv_prefix own = *pool;
    if (own.ip.family != JV_AF_NONE && !has_host_bits(pool)) {
        own.ip.b[own.ip.family == JV_AF_4 ? 3U : 15U] |= 1U;
    }
    return own;
}
