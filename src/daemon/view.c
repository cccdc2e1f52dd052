/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply.h"
#include "audit.h"
#include "crypto.h"
#include "dns.h"
#include "hooks.h"
#include "killswitch.h"
#include "links.h"
#include "names.h"
#include "server.h"
#include "shardio.h"
#include "surroundings.h"
#include "sys.h"
#include "tun.h"
#include "view_host.h"

void jv_view_sid(const struct jv_sid *sid, char out[33])
{
    for (uint32_t i = 0; i < JV_SID_BYTES; i++) {
        (void)snprintf(&out[2U * i], 3, "%02x", sid->b[i]);
    }
}

/* A number that JSON readers take whole; what is beyond stands for "for ever". */
static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* "never" and "unknown" are UINT64_MAX in the core and absent here. */
static void put_known(json_t *object, const char *key, uint64_t value)
{
    if (value != UINT64_MAX) {
        json_object_set_new(object, key, number(value));
    }
}

static void put_endpoint(json_t *object, const char *key, const struct jv_endpoint *ep)
{
    if (ep->ip.family != JV_AF_NONE) {
        char text[JV_ADDR_TEXT_BYTES];
        jv_endpoint_format(ep, text, sizeof(text));
        json_object_set_new(object, key, json_string(text));
    }
}

static const char *role_name(enum jv_path_role role)
{
    switch (role) {
    case JV_PATH_COLD:
        return "cold";
    case JV_PATH_PROBING:
        return "probing";
    case JV_PATH_STANDBY:
        return "standby";
    case JV_PATH_ACTIVE:
        return "active";
    case JV_PATH_SILENT:
        return "silent";
    case JV_PATH_OFF:
        return "off";
    }
    return "cold";
}

/* A ratio of too few packets is left out. */
static void put_ratio(json_t *object, const char *key, uint32_t ppm)
{
    put_known(object, key, ppm == UINT32_MAX ? UINT64_MAX : ppm);
}

static void put_health(json_t *object, const struct jv_path_status *path)
{
    put_known(object, "p95_us", path->p95_us == 0 ? UINT64_MAX : path->p95_us);
    put_known(object, "jitter_us", path->p95_us == 0 ? UINT64_MAX : path->jitter_us);
    put_ratio(object, "loss_up_ppm", path->loss_up_ppm);
    put_ratio(object, "loss_down_ppm", path->loss_down_ppm);
    put_ratio(object, "loss_probe_ppm", path->loss_probe_ppm);
    json_object_set_new(object, "stable_ms", number(path->stable_ms));
    json_object_set_new(object, "penalty_ms", number(path->penalty_ms));
    json_object_set_new(object, "score", number(path->score));
    json_object_set_new(object, "rank", number(path->rank));
    if (path->why_not != JV_WHY_NONE) {
        json_object_set_new(object, "why_not", json_string(jv_why_name(path->why_not)));
        json_object_set_new(object, "why_not_text", json_string(jv_why_text(path->why_not)));
    }
}

static const char *fit_name(enum jv_path_fit fit)
{
    switch (fit) {
    case JV_FIT_ASSUMED:
        return "assumed";
    case JV_FIT_PROBING:
        return "probing";
    case JV_FIT_FOUND:
        return "found";
    case JV_FIT_NARROW:
        return "narrow";
    case JV_FIT_REFUSED:
        return "refused";
    }
    return "assumed";
}

static json_t *view_path(const struct jv_path_status *path)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(path->name));
    put_endpoint(object, "local", &path->local);
    put_endpoint(object, "remote", &path->remote);
    put_endpoint(object, "observed", &path->observed);
    json_object_set_new(object, "role", json_string(role_name(path->role)));
    json_object_set_new(object, "prefer", number(path->prefer));
    json_object_set_new(object, "cost", number(path->cost));
    json_object_set_new(object, "metered", json_boolean(path->is_metered));
    json_object_set_new(object, "standby", json_string(path->is_cold ? "cold" : "warm"));
    put_known(object, "rtt_us", path->srtt_us == 0 ? UINT64_MAX : path->srtt_us);
    put_known(object, "rttvar_us", path->srtt_us == 0 ? UINT64_MAX : path->rttvar_us);
    json_object_set_new(object, "loss_ppm", number(path->loss_ppm));
    json_object_set_new(object, "unanswered", number(path->unanswered));
    put_known(object, "heard_ms", path->heard_ms);
    json_object_set_new(object, "mtu", number(path->mtu));
    json_object_set_new(object, "inner_mtu", number(path->inner_mtu));
    json_object_set_new(object, "fit", json_string(fit_name(path->fit)));
    json_object_set_new(object, "probes_sent", number(path->probes_sent));
    json_object_set_new(object, "probes_answered", number(path->probes_answered));
    put_known(object, "probe_rtt_us", path->probe_rtt_us == 0 ? UINT64_MAX : path->probe_rtt_us);
    if (path->rank > 0) {
        put_health(object, path);
    }
    return object;
}

json_t *jv_view_paths(const struct jv_session_status *status)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < status->paths_len; i++) {
        json_array_append_new(list, view_path(&status->paths[i]));
    }
    return list;
}

static json_t *view_addresses(const struct jv_session_status *status)
{
    const struct jv_prefix *both[2] = {&status->address4, &status->address6};
    json_t *list = json_array();
    for (uint32_t i = 0; i < 2U; i++) {
        if (both[i]->ip.family != JV_AF_NONE) {
            char text[JV_ADDR_TEXT_BYTES];
            jv_prefix_format(both[i], text, sizeof(text));
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static void put_gateway_address(json_t *object, const struct jv_session_status *status)
{
    const struct jv_ip *ip =
        status->gateway4.family != JV_AF_NONE ? &status->gateway4 : &status->gateway6;
    if (ip->family != JV_AF_NONE) {
        char text[JV_ADDR_TEXT_BYTES];
        jv_ip_format(ip, text, sizeof(text));
        json_object_set_new(object, "gateway_address", json_string(text));
    }
}

static json_t *view_dns(const struct jv_session_status *status)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < status->dns_len; i++) {
        char text[JV_ADDR_TEXT_BYTES];
        jv_ip_format(&status->dns[i], text, sizeof(text));
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static void put_counts(json_t *object, const struct jv_session_status *status)
{
    json_object_set_new(object, "rx_packets", number(status->rx_packets));
    json_object_set_new(object, "rx_bytes", number(status->rx_bytes));
    json_object_set_new(object, "tx_packets", number(status->tx_packets));
    json_object_set_new(object, "tx_bytes", number(status->tx_bytes));
    json_object_set_new(object, "switches", number(status->switches));
    json_object_set_new(object, "rebinds", number(status->rebinds));
    json_object_set_new(object, "switches_in_window", number(status->switches_in_window));
    json_object_set_new(object, "switches_limit", number(status->switches_limit));
    json_object_set_new(object, "outage_total_us", number(status->outage_total_us));
    json_object_set_new(object, "outage_worst_us", number(status->outage_worst_us));
    if (status->last_switch_ms != UINT64_MAX) {
        json_object_set_new(object, "last_switch_ms", number(status->last_switch_ms));
        json_object_set_new(object, "last_switch_reason",
                            json_string(jv_why_name(status->last_switch_reason)));
        if (status->switched_to[0] != '\0') {
            json_object_set_new(object, "last_switch_from", json_string(status->switched_from));
            json_object_set_new(object, "last_switch_to", json_string(status->switched_to));
        }
    }
}

static const char *suite_name(uint8_t suite)
{
    switch (suite) {
    case JV_SUITE_CHACHA20_POLY1305:
        return "ChaCha20-Poly1305";
    case JV_SUITE_AES_256_GCM:
        return "AES-256-GCM";
    default: /* a byte of the core's status, not an enum: what has no name is shown as none */
        return "none";
    }
}

json_t *jv_view_session(const struct jv_session_status *status)
{
    char sid[33];
    json_t *object = json_object();
    jv_view_sid(&status->sid, sid);
    json_object_set_new(object, "sid", json_string(sid));
    if (status->user[0] != '\0') {
        json_object_set_new(object, "user", json_string(status->user));
    }
    json_object_set_new(object, "state", json_string(jv_state_name(status->state)));
    json_object_set_new(object, "reason", json_string(jv_why_name(status->reason)));
    json_object_set_new(object, "reason_text", json_string(jv_why_text(status->reason)));
    json_object_set_new(object, "v", number(status->v));
    json_object_set_new(object, "local", number(status->local));
    json_object_set_new(object, "in_state_ms", number(status->in_state_ms));
    json_object_set_new(object, "age_ms", number(status->age_ms));
    put_known(object, "lifetime_left_ms", status->lifetime_left_ms);
    json_object_set_new(object, "transportless_ms", number(status->transportless_ms));
    json_object_set_new(object, "quiet", json_boolean(status->is_quiet));
    json_object_set_new(object, "address", view_addresses(status));
    put_gateway_address(object, status);
    json_object_set_new(object, "dns", view_dns(status));
    json_object_set_new(object, "mtu", number(status->mtu));
    json_object_set_new(object, "inner_mtu", number(status->inner_mtu));
    json_object_set_new(object, "epoch", number(status->epoch));
    json_object_set_new(object, "suite", json_string(suite_name(status->suite)));
    json_object_set_new(object, "partial_checksums", json_boolean(status->has_partial_csum));
    json_object_set_new(object, "policy_id", number(status->policy_id));
    json_object_set_new(object, "metered_ms", number(status->metered_ms));
    json_object_set_new(object, "metered_alarm", json_boolean(status->is_metered_alarm));
    json_object_set_new(object, "hold_left_ms", number(status->hold_left_ms));
    put_counts(object, status);
    json_object_set_new(object, "paths", jv_view_paths(status));
    return object;
}

json_t *jv_view_policy(const struct jv_session_status *status)
{
    char sid[33];
    json_t *object = json_object();
    json_t *values = json_object();
    jv_view_sid(&status->sid, sid);
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        json_object_set_new(values, jv_policy_rows[i].name,
                            number(jv_policy_get(&status->policy, (enum jv_policy_field)i)));
    }
    json_object_set_new(object, "sid", json_string(sid));
    json_object_set_new(object, "policy_id", number(status->policy_id));
    json_object_set_new(object, "policy", values);
    return object;
}

json_t *jv_view_verdict(const struct jv_switch_verdict *verdict)
{
    json_t *object = json_object();
    json_t *list = json_array();
    json_object_set_new(object, "allowed", json_boolean(verdict->err == JV_E_OK));
    if (verdict->why != JV_WHY_NONE) {
        json_object_set_new(object, "reason", json_string(jv_why_name(verdict->why)));
        json_object_set_new(object, "reason_text", json_string(jv_why_text(verdict->why)));
    }
    if (verdict->rule != JV_RULE_NONE) {
        json_object_set_new(object, "rule", json_string(jv_rule_text(verdict->rule)));
    }
    json_object_set_new(object, "wait_ms", number(verdict->wait_ms));
    json_object_set_new(object, "cooldown_left_ms", number(verdict->cooldown_left_ms));
    json_object_set_new(object, "switches_in_window", number(verdict->switches_in_window));
    json_object_set_new(object, "switches_limit", number(verdict->switches_limit));
    for (uint32_t i = 0; i < verdict->candidates_len; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(verdict->candidates[i].name));
        put_endpoint(one, "remote", &verdict->candidates[i].remote);
        json_object_set_new(one, "is_active", json_boolean(verdict->candidates[i].is_bound));
        json_object_set_new(one, "prefer", number(verdict->candidates[i].prefer));
        put_known(one, "rtt_us",
                  verdict->candidates[i].srtt_us == 0 ? UINT64_MAX
                                                      : verdict->candidates[i].srtt_us);
        if (verdict->candidates[i].why != JV_WHY_NONE) {
            json_object_set_new(one, "reason",
                                json_string(jv_why_name(verdict->candidates[i].why)));
        }
        json_array_append_new(list, one);
    }
    json_object_set_new(object, "candidates", list);
    return object;
}

/* Why a client has nobody to talk to. */
static void warn_client(json_t *list, const struct jv_server *server)
{
    const char *trouble = jv_names_trouble(jv_server_names(server));
    uint32_t endpoints = 0;
    (void)jv_names_endpoints(jv_server_names(server), &endpoints); /* the number alone counts */
    if (trouble != NULL) {
        json_array_append_new(list, json_string(trouble));
    } else if (endpoints > 0 && jv_links_count(jv_server_links(server)) == 0) {
        json_array_append_new(list, json_string("no device that a [Transport] names, or none at "
                                                "all, has an address and a route to the gateway"));
    }
}

/* What a client pays for without noticing. */
static void warn_metered(json_t *list, const struct jv_server *server)
{
    struct jv_session_status *status = calloc(1, sizeof(*status));
    uint32_t cursor = 0;
    if (status != NULL &&
        jv_core_session(jv_server_core(server), jv_server_now(server), &cursor, status) &&
        status->is_metered_alarm) {
        json_array_append_new(list, json_string("the session is on a metered path for longer than "
                                                "MeteredAlarm"));
    }
    free(status);
}

static void warn_killswitch(json_t *list, const struct jv_server *server)
{
    const struct jv_killswitch *ks = jv_server_killswitch(server);
    if (jv_killswitch_state(ks) == JV_KILLSWITCH_FAILED) {
        json_array_append_new(
            list, json_string("THE KILL SWITCH IS GONE and cannot be set again: see the log"));
    } else if (jv_killswitch_repairs(ks) > 0) {
        json_array_append_new(list, json_string("the kill switch had to be set again: somebody "
                                                "else removes or changes rules of this host"));
    }
}

static json_t *view_warnings(const struct jv_server *server)
{
    const struct jv_config *config = jv_server_config(server);
    const struct jv_config_pool *pool = &config->gateway.pool;
    bool is_gateway = config->role == JV_CONFIG_GATEWAY;
    json_t *list = json_array();
    if (!jv_server_is_locked(server)) {
        json_array_append_new(list,
                              json_string("key memory is not locked: keys may be swapped out"));
    }
    if (is_gateway && pool->v4.ip.family != JV_AF_NONE && !jv_apply_forwards(JV_AF_4)) {
        json_array_append_new(
            list, json_string("this host does not forward IPv4: sysctl net.ipv4.ip_forward=1"));
    }
    if (is_gateway && pool->v6.ip.family != JV_AF_NONE && !jv_apply_forwards(JV_AF_6)) {
        json_array_append_new(
            list,
            json_string("this host does not forward IPv6: sysctl net.ipv6.conf.all.forwarding=1"));
    }
    if (jv_server_denies_births(server)) {
        json_array_append_new(
            list, json_string("the policy of the last reload is invalid: running sessions keep the "
                              "last valid one, new ones are denied; jv check tells what is wrong"));
    }
    if (!is_gateway) {
        warn_client(list, server);
        warn_metered(list, server);
        warn_killswitch(list, server);
    }
    const char *troubles[] = {jv_surroundings_silence(jv_server_surroundings(server)),
                              jv_surroundings_overlap(jv_server_surroundings(server)),
                              jv_dns_trouble(jv_server_dns(server))};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(troubles); i++) {
        if (troubles[i] != NULL) {
            json_array_append_new(list, json_string(troubles[i]));
        }
    }
    if (jv_apply_failures(jv_server_apply(server)) > 0) {
        json_array_append_new(list,
                              json_string("an address or route could not be set: see the log"));
    }
    return list;
}

static void put_events(json_t *object, const struct jv_server *server)
{
    struct jv_audit *audit = jv_server_audit(server);
    if (audit == NULL) {
        json_object_set_new(object, "events_dropped", number(0));
        return;
    }
    struct jv_audit_counts counts = jv_audit_counts(audit);
    json_object_set_new(object, "events_written", number(counts.written));
    json_object_set_new(object, "events_dropped", number(jv_server_events_lost(server)));
    json_object_set_new(object, "audit", json_string(jv_server_dirs(server)->audit));
}

static json_t *view_states(const struct jv_counters *counters)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        json_object_set_new(object, jv_state_name((enum jv_state)i), number(counters->sessions[i]));
    }
    return object;
}

static json_t *view_endpoints(const struct jv_server *server)
{
    uint32_t len = 0;
    const struct jv_endpoint *endpoints = jv_names_endpoints(jv_server_names(server), &len);
    json_t *list = json_array();
    for (uint32_t i = 0; i < len; i++) {
        char text[JV_ADDR_TEXT_BYTES];
        jv_endpoint_format(&endpoints[i], text, sizeof(text));
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static const char *kill_switch_name(const struct jv_server *server)
{
    switch (jv_killswitch_state(jv_server_killswitch(server))) {
    case JV_KILLSWITCH_OFF:
        return "off";
    case JV_KILLSWITCH_ON:
        return "on";
    case JV_KILLSWITCH_FAILED:
        return "failed";
    }
    return "off";
}

static void put_client(json_t *object, const struct jv_server *server)
{
    const struct jv_config_gateways *gateways = &jv_server_config(server)->session.gateways;
    struct jv_session_status *status = calloc(1, sizeof(*status));
    uint32_t cursor = 0;
    json_t *list = json_array();
    for (uint32_t i = 0; i < gateways->len; i++) {
        json_array_append_new(list, json_string(gateways->at[i].host));
    }
    json_object_set_new(object, "gateways", list);
    json_object_set_new(object, "resolver", json_string(jv_dns_tool(jv_server_dns(server))));
    json_object_set_new(object, "endpoints", view_endpoints(server));
    json_object_set_new(object, "kill_switch", json_string(kill_switch_name(server)));
    json_object_set_new(object, "links", number(jv_links_count(jv_server_links(server))));
    if (status != NULL &&
        jv_core_session(jv_server_core(server), jv_server_now(server), &cursor, status)) {
        json_object_set_new(object, "session", jv_view_session(status));
    } else {
        json_object_set_new(object, "session", json_null());
    }
    free(status);
}

static void put_gateway(json_t *object, const struct jv_server *server)
{
    const struct jv_config_endpoints *listen = &jv_server_config(server)->gateway.listen;
    struct jv_counters *counters = calloc(1, sizeof(*counters));
    json_t *list = json_array();
    for (uint32_t i = 0; i < listen->len; i++) {
        char text[JV_ADDR_TEXT_BYTES];
        jv_endpoint_format(&listen->at[i], text, sizeof(text));
        json_array_append_new(list, json_string(text));
    }
    json_object_set_new(object, "listen", list);
    if (counters != NULL) {
        jv_server_counters(server, counters);
        json_object_set_new(object, "sessions", view_states(counters));
        json_object_set_new(object, "half_open", number(counters->half_open));
    }
    json_object_set_new(object, "shards", number(jv_server_shards(server)));
    json_object_set_new(object, "sessions_max", number(jv_server_config(server)->limits.sessions));
    free(counters);
}

json_t *jv_view_status(const struct jv_server *server)
{
    const struct jv_config *config = jv_server_config(server);
    const struct jv_server_facts *facts = jv_server_facts(server);
    bool is_client = config->role == JV_CONFIG_CLIENT;
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(config->name));
    json_object_set_new(object, "role", json_string(is_client ? "client" : "gateway"));
    json_object_set_new(object, "version", json_string(JV_PROJECT_VERSION));
    json_object_set_new(object, "pid", number((uint64_t)getpid()));
    json_object_set_new(object, "uptime_ms",
                        number(jv_since_ms(facts->started_at, jv_server_now(server))));
    json_object_set_new(object, "interface", json_string(config->interface));
    json_object_set_new(object, "interface_mtu", number(jv_apply_mtu(jv_server_apply(server))));
    json_object_set_new(object, "aead", jv_view_aead());
    json_object_set_new(object, "offloads", jv_view_offloads(server));
    json_object_set_new(object, "queue", jv_view_queue(server));
    json_object_set_new(object, "scheduling",
                        json_string(jv_sys_is_realtime() ? "realtime" : "normal"));
    put_events(object, server);
    json_object_set_new(object, "warnings", view_warnings(server));
    if (facts->last_end != JV_WHY_NONE) {
        json_object_set_new(object, "last_end", json_string(jv_why_name(facts->last_end)));
        json_object_set_new(object, "last_end_text", json_string(jv_why_text(facts->last_end)));
    }
    if (is_client) {
        put_client(object, server);
    } else {
        put_gateway(object, server);
    }
    return object;
}

struct page {
    json_t *list;
    bool has_shards;
};

static bool add_session(void *arg, const struct jv_session_status *status, uint32_t shard)
{
    struct page *page = arg;
    json_t *session = jv_view_session(status);
    if (page->has_shards) {
        json_object_set_new(session, "shard", number(shard));
    }
    json_array_append_new(page->list, session);
    return json_array_size(page->list) < JV_VIEW_PAGE;
}

json_t *jv_view_sessions(const struct jv_server *server, uint32_t cursor)
{
    struct jv_session_status *status = calloc(1, sizeof(*status));
    if (status == NULL) {
        return NULL;
    }
    json_t *object = json_object();
    struct page page = {.list = json_array(), .has_shards = jv_server_shards(server) > 1};
    bool has_more = jv_server_sessions(server, &cursor, status, add_session, &page);
    json_object_set_new(object, "sessions", page.list);
    if (has_more) {
        json_object_set_new(object, "next", number(cursor));
    }
    free(status);
    return object;
}

static json_t *view_drops(const struct jv_counters *counters)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        char name[JV_NAME_BYTES];
        (void)snprintf(name, sizeof(name), "%s", jv_drop_name((enum jv_drop)i));
        for (char *at = name; *at != '\0'; at++) {
            *at = (char)tolower((unsigned char)*at);
        }
        json_object_set_new(object, name, number(counters->drops[i]));
    }
    return object;
}

static json_t *view_hooks(const struct jv_server *server)
{
    struct jv_hooks_counts counts = jv_hooks_counts(jv_server_hooks(server));
    json_t *object = json_object();
    json_object_set_new(object, "ok", number(counts.ok));
    json_object_set_new(object, "failed", number(counts.failed));
    json_object_set_new(object, "timed_out", number(counts.timed_out));
    json_object_set_new(object, "dropped", number(counts.dropped));
    return object;
}

json_t *jv_view_counters(const struct jv_server *server)
{
    const struct jv_shard_counts losses = jv_server_counts(server);
    struct jv_counters *counters = calloc(1, sizeof(*counters));
    if (counters == NULL) {
        return NULL;
    }
    jv_server_counters(server, counters);
    json_t *object = json_object();
    json_object_set_new(object, "drops", view_drops(counters));
    json_object_set_new(object, "sessions", view_states(counters));
    json_object_set_new(object, "rx_datagrams", number(counters->rx_datagrams));
    json_object_set_new(object, "tx_datagrams", number(counters->tx_datagrams));
    json_object_set_new(object, "rx_packets", number(counters->rx_packets));
    json_object_set_new(object, "tx_packets", number(counters->tx_packets));
    json_object_set_new(object, "told_too_big", number(counters->told_too_big));
    json_object_set_new(object, "fragmented", number(counters->fragmented));
    json_object_set_new(object, "births", number(counters->births));
    json_object_set_new(object, "births_refused", number(counters->births_refused));
    json_object_set_new(object, "rows_refused", number(counters->rows_refused));
    json_object_set_new(object, "jumps", number(counters->jumps));
    json_object_set_new(object, "rebinds", number(counters->rebinds));
    json_object_set_new(object, "reattach_denied", number(counters->reattach_denied));
    json_object_set_new(object, "rekeys", number(counters->rekeys));
    json_object_set_new(object, "ends", number(counters->ends));
    json_object_set_new(object, "buffers_free", number(counters->buffers_free));
    json_object_set_new(object, "given_up", number(losses.given_up));
    json_object_set_new(object, "no_buffer", number(losses.no_buffer));
    json_object_set_new(object, "tun_refused", number(losses.tun_refused));
    json_object_set_new(object, "dead_link", number(losses.dead_link));
    if (jv_server_shards(server) > 1) {
        json_object_set_new(object, "handed_over", number(counters->handed_out));
        json_object_set_new(object, "inbox_full", number(losses.inbox_full));
    }
    json_object_set_new(object, "hooks", view_hooks(server));
    free(counters);
    return object;
}
