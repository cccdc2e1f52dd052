/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "log.h"
#include "resolve.h"
#include "server.h"

struct jv_names {
    struct jv_server *server;
    const struct jv_config *config;
    struct jv_resolve *resolve;
    struct jv_ip ips[JV_CONF_GATEWAYS_MAX][JV_ENDPOINT_MAX];
    uint32_t ips_len[JV_CONF_GATEWAYS_MAX];
    struct jv_endpoint endpoints[JV_ENDPOINT_MAX];
    uint32_t endpoints_len;
    struct jv_endpoint told[JV_ENDPOINT_MAX]; /* by the gateway */
    uint32_t told_len;
    bool is_told_anew;
    uint32_t waiting; /* queries without an answer */
    uint32_t failed;  /* of the last round */
    uint32_t ttl_s;   /* the shortest of the last round; 0: none */
    uint32_t attempts;
    uint64_t retry_ms;
    struct jv_instant ask_at, asked_at;
    char trouble[JV_NAMES_TROUBLE_BYTES];
};

enum jv_err jv_names_open(struct jv_server *server, const struct jv_config *config,
                          struct jv_names **out)
{
    struct jv_names *names = calloc(1, sizeof(*names));
    if (names == NULL) {
        return JV_E_NOMEM;
    }
    names->server = server;
    names->config = config;
    names->retry_ms = JV_NAMES_RETRY_MIN_MS;
    names->ask_at = JV_NEVER;
    *out = names;
    return JV_E_OK;
}

void jv_names_close(struct jv_names *names)
{
    if (names != NULL) {
        jv_resolve_close(names->resolve);
        free(names);
    }
}

uint32_t jv_names_merge(const struct jv_config_gateways *gateways,
                        struct jv_ip ips[][JV_ENDPOINT_MAX], const uint32_t *ips_len,
                        struct jv_endpoint out[JV_ENDPOINT_MAX])
{
    uint32_t len = 0;
    for (uint32_t round = 0; round < JV_ENDPOINT_MAX; round++) {
        for (uint32_t i = 0; i < gateways->len && len < JV_ENDPOINT_MAX; i++) {
            const struct jv_config_gateway *gateway = &gateways->at[i];
            if (gateway->is_address && round == 0) {
                out[len++] = gateway->endpoint;
            } else if (!gateway->is_address && round < ips_len[i]) {
                out[len++] = (struct jv_endpoint){.ip = ips[i][round], .port = gateway->port};
            }
        }
    }
    return len;
}

uint32_t jv_names_add(struct jv_endpoint list[JV_ENDPOINT_MAX], uint32_t len,
                      const struct jv_endpoint *more, uint32_t more_len)
{
    for (uint32_t i = 0; i < more_len && len < JV_ENDPOINT_MAX; i++) {
        bool is_there = false;
        for (uint32_t k = 0; k < len; k++) {
            is_there = is_there || jv_endpoint_is_equal(&list[k], &more[i]);
        }
        if (!is_there) {
            list[len++] = more[i];
        }
    }
    return len;
}

uint32_t jv_names_fresh_ms(uint32_t ttl_s)
{
    uint64_t ms = ttl_s * 1000ULL;
    ms = ttl_s == 0 ? JV_NAMES_FRESH_MS : JV_MAX(ms, (uint64_t)JV_NAMES_TTL_MIN_MS);
    return (uint32_t)JV_MIN(ms, (uint64_t)JV_NAMES_FRESH_MS);
}

static void publish(struct jv_names *names)
{
    struct jv_endpoint list[JV_ENDPOINT_MAX] = {0};
    uint32_t len =
        jv_names_merge(&names->config->session.gateways, names->ips, names->ips_len, list);
    len = jv_names_add(list, len, names->told, names->told_len);
    bool is_same = len == names->endpoints_len;
    for (uint32_t i = 0; is_same && i < len; i++) {
        is_same = jv_endpoint_is_equal(&list[i], &names->endpoints[i]);
    }
    if (is_same || len == 0) {
        return;
    }
    bool is_first = names->endpoints_len == 0;
    memcpy(names->endpoints, list, sizeof(list));
    names->endpoints_len = len;
    jv_server_endpoints(names->server, list, len, is_first);
}

static void ask_at(struct jv_names *names, struct jv_instant at)
{
    names->ask_at = at;
    jv_server_timer(names->server, JV_TIMER_NAMES, at);
}

static void schedule(struct jv_names *names)
{
    uint64_t wait_ms = jv_names_fresh_ms(names->ttl_s);
    if (names->failed > 0 || names->endpoints_len == 0) {
        /* One name that does not resolve is asked for ever more rarely while another one serves. */
        uint64_t max_ms = names->endpoints_len == 0 ? JV_NAMES_RETRY_MAX_MS : JV_NAMES_FRESH_MS;
        wait_ms = JV_MIN(wait_ms, names->retry_ms);
        names->retry_ms = JV_MIN(names->retry_ms * 2U, max_ms);
    } else {
        names->retry_ms = JV_NAMES_RETRY_MIN_MS;
    }
    ask_at(names, jv_add_ms(jv_server_now(names->server), wait_ms));
}

static void take_answer(void *arg, const char *name, const struct jv_resolve_answer *answer)
{
    struct jv_names *names = arg;
    const struct jv_config_gateways *gateways = &names->config->session.gateways;
    names->waiting = names->waiting > 0 ? names->waiting - 1U : 0;
    for (uint32_t i = 0; answer->err == JV_E_OK && i < gateways->len; i++) {
        if (!gateways->at[i].is_address && strcmp(gateways->at[i].host, name) == 0) {
            names->ips_len[i] = JV_MIN(answer->len, JV_ENDPOINT_MAX);
            memcpy(names->ips[i], answer->ips, names->ips_len[i] * sizeof(names->ips[i][0]));
        }
    }
    names->failed += answer->err != JV_E_OK ? 1 : 0;
    if (answer->err == JV_E_OK && answer->ttl_s != 0) {
        names->ttl_s = names->ttl_s == 0 ? answer->ttl_s : JV_MIN(names->ttl_s, answer->ttl_s);
    }
    if (answer->err != JV_E_OK && names->endpoints_len == 0) {
        (void)snprintf(names->trouble, sizeof(names->trouble), "%s does not resolve: %s", name,
                       answer->detail);
        jv_log(JV_LOG_WARNING, "%s", names->trouble);
    }
    publish(names);
    if (names->waiting == 0) {
        schedule(names);
    }
}

static bool is_repeated(const struct jv_config_gateways *gateways, uint32_t idx)
{
    for (uint32_t i = 0; i < idx; i++) {
        if (strcmp(gateways->at[i].host, gateways->at[idx].host) == 0) {
            return true;
        }
    }
    return false;
}

/* The resolver anew: what /etc/resolv.conf says changes with the network. */
static enum jv_err open_resolver(struct jv_names *names)
{
    struct jv_resolve_cfg cfg = {.mark = names->config->session.fwmark};
    cfg.device = jv_links_device(jv_server_links(names->server), names->attempts);
    names->attempts++;
    jv_resolve_close(names->resolve);
    names->resolve = NULL;
    return jv_resolve_open(jv_server_loop(names->server), &cfg, &names->resolve);
}

static void ask(struct jv_names *names)
{
    const struct jv_config_gateways *gateways = &names->config->session.gateways;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < gateways->len; i++) {
        wanted += !gateways->at[i].is_address && !is_repeated(gateways, i);
    }
    names->waiting = names->failed = names->ttl_s = 0;
    names->ask_at = JV_NEVER;
    names->asked_at = jv_server_now(names->server);
    if (wanted == 0) {
        return; /* addresses only: nothing to ask, ever */
    }
    if (open_resolver(names) != JV_E_OK) {
        schedule(names);
        return;
    }
    for (uint32_t i = 0; i < gateways->len; i++) {
        if (gateways->at[i].is_address || is_repeated(gateways, i)) {
            continue;
        }
        if (jv_resolve_start(names->resolve, gateways->at[i].host, take_answer, names) == JV_E_OK) {
            names->waiting++;
        }
    }
    if (names->waiting == 0) {
        schedule(names);
    }
}

void jv_names_start(struct jv_names *names)
{
    publish(names);
    ask(names);
}

void jv_names_tick(struct jv_names *names, struct jv_instant now)
{
    if (names->is_told_anew) {
        names->is_told_anew = false;
        publish(names);
    }
    if (jv_is_due(names->ask_at, now)) {
        ask(names);
    } else if (!jv_is_never(names->ask_at)) {
        jv_server_timer(names->server, JV_TIMER_NAMES, names->ask_at);
    }
}

void jv_names_refresh(struct jv_names *names, struct jv_instant now)
{
    const struct jv_config_gateways *gateways = &names->config->session.gateways;
    bool has_name = false;
    for (uint32_t i = 0; i < gateways->len; i++) {
        has_name = has_name || !gateways->at[i].is_address;
    }
    if (has_name) {
        /* Also where a question is out: it may have left by a network that is gone. */
        struct jv_instant soon = jv_add_ms(now, JV_NAMES_SOON_MS);
        struct jv_instant pause = jv_add_ms(names->asked_at, JV_NAMES_PAUSE_MS);
        soon = jv_is_before(soon, pause) ? pause : soon;
        names->retry_ms = JV_NAMES_RETRY_MIN_MS;
        ask_at(names, jv_earlier(names->ask_at, soon));
    }
}

void jv_names_order(struct jv_names *names, const struct jv_order *order)
{
    struct jv_instant now = jv_server_now(names->server);
    if (order->kind == JV_ORDER_LOOK_UP) {
        jv_names_refresh(names, now);
    } else if (order->kind == JV_ORDER_CONFIGURE) {
        /* The core is at work: it gets them back as endpoints when it has finished. */
        names->told_len = JV_MIN(order->endpoints_len, JV_ENDPOINT_MAX);
        memcpy(names->told, order->endpoints, sizeof(names->told));
        names->is_told_anew = true;
        jv_server_timer(names->server, JV_TIMER_NAMES, now);
    }
}

const char *jv_names_trouble(const struct jv_names *names)
{
    return names->endpoints_len == 0 && names->trouble[0] != '\0' ? names->trouble : NULL;
}

const struct jv_endpoint *jv_names_endpoints(const struct jv_names *names, uint32_t *len_out)
{
    *len_out = names->endpoints_len;
    return names->endpoints;
}

void jv_names_config(struct jv_names *names, const struct jv_config *config)
{
    names->config = config;
}
