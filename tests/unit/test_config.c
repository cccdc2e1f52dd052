/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

#define KEY1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

enum which { CLIENT, GATEWAY, WHOLE };

/* Lines 6 and 9 of a client's file, 4 and 7 of a gateway's, are where a case puts its own. */
static const struct {
    const char *head, *middle, *tail;
} templates[] = {
    [CLIENT] = {"[Session]\nPrivateKey = /etc/jv/k\nGateway = gw.example.net\nGatewayKey = " KEY1
                "\nAllowedIPs = 0.0.0.0/0, ::/0\n",
                "\n[Transport eth]\nDevice = eth0\n", "\n"},
    [GATEWAY] = {"[Gateway]\nPrivateKey = /etc/jv/k\nPool = 10.80.0.0/16, fd80:4a56::/64\n",
                 "\n[User alice]\nPublicKey = " KEY1 "\n", "\n"},
    [WHOLE] = {"", "", ""},
};

static struct jv_config *parse(const char *text, struct jv_diag *diag)
{
    struct jv_config *config = NULL;
    struct jv_config_input input = {.text = text, .len = strlen(text), .file = "/etc/jv/home.conf"};
    enum jv_err err = jv_config_parse(&input, &config, diag);
    assert_int_equal(err == JV_E_OK, config != NULL);
    return config;
}

static char *fill(enum which which, const char *first, const char *second)
{
    size_t room = strlen(templates[which].head) + strlen(first) + strlen(templates[which].middle) +
                  strlen(second) + strlen(templates[which].tail) + 1;
    char *text = malloc(room);
    assert_non_null(text);
    (void)snprintf(text, room, "%s%s%s%s%s", templates[which].head, first, templates[which].middle,
                   second, templates[which].tail);
    return text;
}

static struct jv_config *parse_filled(enum which which, const char *first, const char *second)
{
    struct jv_diag diag = {0};
    char *text = fill(which, first, second);
    struct jv_config *config = parse(text, &diag);
    for (uint32_t i = 0; config == NULL && i < diag.len; i++) {
        print_message("%s\n", diag.lines[i]);
    }
    assert_non_null(config);
    free(text);
    jv_diag_fini(&diag);
    return config;
}

struct bad {
    enum which which;
    const char *first, *second;
    const char *expected; /* every line of the diag, apart by newlines */
};

static const struct bad bads[] = {
#include "config_bad.h"
};

static void config_refuses_bad_values_with_place_value_and_range(void **state)
{
    uint32_t failures = 0;
    for (size_t i = 0; i < JV_ARRAY_LEN(bads); i++) {
        struct jv_diag diag = {0};
        char *text = fill(bads[i].which, bads[i].first, bads[i].second);
        struct jv_config *config = parse(text, &diag);
        char got[8192] = "";
        for (uint32_t k = 0; k < diag.len; k++) {
            size_t used = strlen(got);
            (void)snprintf(got + used, sizeof(got) - used, "%s%s", k > 0 ? "\n" : "",
                           diag.lines[k]);
        }
        if (config != NULL || strcmp(got, bads[i].expected) != 0) {
            print_message("case %zu: %s|%s\n  expected %s\n  got      %s\n", i, bads[i].first,
                          bads[i].second, bads[i].expected, got);
            failures++;
        }
        jv_config_free(config);
        free(text);
        jv_diag_fini(&diag);
    }
    assert_int_equal(failures, 0);
    assert_true(JV_ARRAY_LEN(bads) >= 60);
}

static void config_reads_a_client(void **state)
{
    struct jv_config *c = parse_filled(
        CLIENT,
        "DSCP = 46\nPresharedKey = /etc/jv/psk\nInterface = jv0 # comment\nMTU = "
        "1400\nOnTerminated = "
        "rebirth\n"
        "User = jv\nFwMark = 0x10\nKillSwitch = yes\nKillSwitchLAN = 192.168.1.0/24, "
        "fe80::/10\nAddress = auto\nDNS = 10.0.0.1",
        "Prefer = 7\nStandby = warm\nUse = udp\n[Policy]\nPreset = strict\nHysteresis = 20%\n"
        "Cooldown = 1s\nMaxSwitches = 9/min\nLossThreshold = 0.25\nEmitSwitchMetrics = no\n"
        "AllowedProtocols = udp, quic\n[Metrics]\nListen = [::1]:9433\n[Audit]\nFile = none\n"
        "OnFull = drop-and-count");
    assert_int_equal(c->role, JV_CONFIG_CLIENT);
    assert_string_equal(c->name, "home");
    assert_string_equal(c->interface, "jv0");
    assert_string_equal(c->user, "jv");
    assert_int_equal(c->mtu, 1400);
    assert_string_equal(c->session.private_key.path, "/etc/jv/k");
    assert_string_equal(c->session.preshared.path, "/etc/jv/psk");
    assert_true(c->session.preshared.is_set);
    assert_int_equal(c->session.gateways.len, 1);
    assert_string_equal(c->session.gateways.at[0].host, "gw.example.net");
    assert_int_equal(c->session.gateways.at[0].port, JV_CONF_PORT);
    assert_int_equal(c->session.allowed_ips.len, 2);
    assert_int_equal(c->session.on_terminated, JV_CONFIG_REBIRTH);
    assert_int_equal(c->session.fwmark, 16);
    assert_int_equal(c->session.kill_switch, JV_CONFIG_KILL_YES);
    assert_int_equal(c->session.kill_switch_lan.len, 2);
    assert_int_equal(c->session.dns.kind, JV_CONFIG_DNS_LIST);
    assert_int_equal(c->transports_len, 1);
    assert_string_equal(c->transports[0].name, "eth");
    assert_string_equal(c->transports[0].device, "eth0");
    assert_int_equal(c->transports[0].prefer, 7);
    assert_int_equal(c->transports[0].protocols, JV_PROTO_UDP);
    assert_int_equal(c->preset, JV_PRESET_STRICT);
    assert_int_equal(c->policy.switch_improvement_factor, 1200000);
    assert_int_equal(c->policy.switch_cooldown_ms, 1000);
    assert_int_equal(c->policy.max_switches_per_min, 9);
    assert_int_equal(c->policy.loss_volatile_threshold, 250000);
    assert_int_equal(c->policy.emit_switch_metrics, 0);
    assert_int_equal(c->policy.allowed_protocols, JV_PROTO_UDP | JV_PROTO_QUIC);
    assert_int_equal(c->policy.max_lifetime_ms, 28800000);
    assert_int_equal(c->metrics.port, 9433);
    assert_string_equal(c->audit_file, "");
    jv_config_free(c);
}

static void config_gives_a_client_its_defaults(void **state)
{
    struct jv_config *c = parse_filled(CLIENT, "", "");
    assert_string_equal(c->interface, "home");
    assert_string_equal(c->audit_file, "/var/log/jv/home.jsonl");
    assert_int_equal(c->metrics.ip.family, JV_AF_NONE);
    assert_int_equal(c->mtu, 0);
    assert_int_equal(c->session.on_terminated, JV_CONFIG_STOP);
    assert_int_equal(c->session.dns.kind, JV_CONFIG_DNS_NONE);
    assert_int_not_equal(c->session.fwmark, 0);
    assert_int_equal(c->session.kill_switch, JV_CONFIG_KILL_NO);
    assert_int_equal(c->session.kill_switch_lan.len, 0);
    assert_false(c->session.preshared.is_set);
    assert_int_equal(c->transports[0].prefer, 100);
    assert_int_equal(c->preset, JV_PRESET_MOBILE);
    assert_memory_equal(&c->policy, &jv_policy_presets[JV_PRESET_MOBILE], sizeof(c->policy));
    jv_config_free(c);
}

static void config_needs_no_transport(void **state)
{
    struct jv_config *c =
        parse_filled(WHOLE, "[Session]\nPrivateKey = /k\nGateway = gw\nGatewayKey = " KEY1 "\n",
                     "AllowedIPs = ::/0\n");
    assert_int_equal(c->transports_len, 0);
    jv_config_free(c);
}

static void config_reads_a_gateway(void **state)
{
    struct jv_config *c = parse_filled(
        GATEWAY,
        "Listen = udp://[::]:4433, 192.0.2.1:500\nStateDir = /s\nDNS = 10.80.0.1, fd80:4a56::1\n"
        "MTU = 1300\nInterface = gw0\nEndpoints = 203.0.113.7, [2001:db8::1]:444\n[Limits]\n"
        "Sessions = 10\nPerUser = 1\nMaxLifetime = 1h\nMaxTransportLostTTL = 30s\nMaxSwitches = "
        "7/min\n"
        "MinHeartbeat = 100ms",
        "Address = 10.80.0.9, fd80:4a56::9\nAllowedIPs = 192.168.7.0/24\n[User bob]\nPublicKey "
        "= " KEY2 "\nPresharedKey = /p");
    assert_int_equal(c->role, JV_CONFIG_GATEWAY);
    assert_int_equal(c->gateway.listen.len, 2);
    assert_int_equal(c->gateway.listen.at[1].port, 500);
    assert_int_equal(c->gateway.pool.v4.bits, 16);
    assert_int_equal(c->gateway.pool.v6.bits, 64);
    assert_string_equal(c->gateway.state_dir, "/s");
    assert_int_equal(c->gateway.dns.kind, JV_CONFIG_DNS_LIST);
    assert_int_equal(c->gateway.dns.len, 2);
    assert_int_equal(c->gateway.endpoints.len, 2);
    assert_int_equal(c->gateway.endpoints.at[0].port, JV_CONF_PORT);
    assert_int_equal(c->limits.sessions, 10);
    assert_int_equal(c->clamp.max_lifetime_ms, 3600000);
    assert_int_equal(c->clamp.transport_lost_ttl_ms, 30000);
    assert_int_equal(c->clamp.max_switches_per_min, 7);
    assert_int_equal(c->clamp.heartbeat_min_ms, 100);
    assert_int_equal(c->mtu, 1300);
    assert_int_equal(c->users_len, 2);
    assert_string_equal(c->users[0].name, "alice");
    assert_int_equal(c->users[0].address.v4.family, JV_AF_4);
    assert_int_equal(c->users[0].address.v6.family, JV_AF_6);
    assert_int_equal(c->users[0].allowed_ips.len, 1);
    assert_string_equal(c->users[1].preshared.path, "/p");
    jv_config_free(c);
}

static void config_keeps_many_users_in_order(void **state)
{
    enum { USERS = 300 };
    char *text = calloc(USERS, 128);
    assert_non_null(text);
    size_t used = 0;
    for (unsigned i = 0; i < USERS; i++) {
        char key[JV_KEY_TEXT_BYTES];
        struct jv_key raw = {{(uint8_t)(i >> 8), (uint8_t)i, 1}};
        jv_key_format(&raw, key);
        used += (size_t)snprintf(text + used, 128, "[User u%u]\nPublicKey = %s\n", i, key);
    }
    struct jv_config *c = parse_filled(GATEWAY, "", text);
    assert_int_equal(c->users_len, USERS + 1);
    assert_string_equal(c->users[USERS].name, "u299");
    jv_config_free(c);
    free(text);
}

static char *print(const struct jv_config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    assert_int_equal(jv_config_print(config, file), JV_E_OK);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void config_prints_what_parses_to_the_same(void **state)
{
    static const struct {
        enum which which;
        const char *first, *second;
    } cases[] = {
        {CLIENT, "", ""},
        {CLIENT,
         "PresharedKey = /p\nDNS = auto\nMTU = 1400\nUser = jv\nOnTerminated = rebirth\nKillSwitch "
         "= "
         "yes\nKillSwitchLAN = 10.1.0.0/16",
         "[Transport lte]\nDevice = wwan0\nStandby = warm\n[Policy]\nPreset = fast\nHysteresis = "
         "12.5%\n"
         "Cooldown = 1500ms\nMaxSwitches = 0\nAllowedProtocols = udp, tcp\nEnforceHysteresis = no\n"
         "[Metrics]\nListen = 127.0.0.1:9433\n[Audit]\nFile = none"},
        {CLIENT, "", "[Policy]\nFile = /etc/jv/p.yaml\nCooldown = 2s"},
        {GATEWAY, "", ""},
        {GATEWAY,
         "Listen = udp://[::]:1, udp://0.0.0.0:2\nEndpoints = 192.0.2.1:7\nDNS = 10.80.0.1\n"
         "[Limits]\nMaxLifetime = 90min\nMaxSwitches = 8/min\nMinHeartbeat = 250ms",
         "Address = 10.80.0.9\nAllowedIPs = 10.9.0.0/24, fd00::/64\n[User bob]\nPublicKey = " KEY2},
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        struct jv_config *first = parse_filled(cases[i].which, cases[i].first, cases[i].second);
        char *text = print(first);
        struct jv_config *second = parse_filled(WHOLE, text, "");
        char *again = print(second);
        assert_string_equal(text, again);
        assert_memory_equal(&first->policy, &second->policy, sizeof(first->policy));
        assert_memory_equal(&first->clamp, &second->clamp, sizeof(first->clamp));
        assert_memory_equal(first->policy_set, second->policy_set, sizeof(first->policy_set));
        assert_int_equal(first->users_len, second->users_len);
        assert_int_equal(first->transports_len, second->transports_len);
        free(text);
        free(again);
        jv_config_free(first);
        jv_config_free(second);
    }
}

static void config_reads_and_prints_the_queue(void **state)
{
    static const struct {
        const char *lines, *queue;
        uint32_t kind;
    } rows[] = {{"", "Queue = fair", JV_QUEUE_FAIR},
                {"Queue = fair", "Queue = fair", JV_QUEUE_FAIR},
                {"Queue = device", "Queue = device", JV_QUEUE_DEVICE}};
    for (size_t i = 0; i < 2 * JV_ARRAY_LEN(rows); i++) {
        enum which which = i % 2 == 0 ? CLIENT : GATEWAY;
        struct jv_config *config = parse_filled(which, rows[i / 2].lines, "");
        char *text = print(config);
        struct jv_config *again = parse_filled(WHOLE, text, "");
        char line[128];
        assert_int_equal(config->queue, rows[i / 2].kind);
        assert_int_equal(again->queue, rows[i / 2].kind);
        (void)snprintf(line, sizeof line, "\n%s\n", rows[i / 2].queue);
        assert_non_null(strstr(text, line));
        free(text);
        jv_config_free(config);
        jv_config_free(again);
    }
}

static void config_reads_and_prints_offloads_and_scheduling(void **state)
{
    static const struct {
        const char *lines, *offload, *scheduling;
        uint32_t offloads, kind;
    } rows[] = {
        {"", "Offload = auto", "Scheduling = normal", JV_OFFLOAD_ALL, JV_SCHEDULING_NORMAL},
        {"Offload = auto\nScheduling = normal", "Offload = auto", "Scheduling = normal",
         JV_OFFLOAD_ALL, JV_SCHEDULING_NORMAL},
        {"Offload = none\nScheduling = realtime", "Offload = none", "Scheduling = realtime", 0,
         JV_SCHEDULING_REALTIME},
        {"Offload = csum", "Offload = csum", "Scheduling = normal", JV_OFFLOAD_CSUM,
         JV_SCHEDULING_NORMAL},
        {"Offload = gro, tso", "Offload = tso, gro", "Scheduling = normal",
         JV_OFFLOAD_TSO | JV_OFFLOAD_GRO, JV_SCHEDULING_NORMAL},
        {"Offload = uso,gso", "Offload = uso, gso", "Scheduling = normal",
         JV_OFFLOAD_USO | JV_OFFLOAD_GSO, JV_SCHEDULING_NORMAL},
        {"Offload = csum, tso, uso, gso, gro", "Offload = auto", "Scheduling = normal",
         JV_OFFLOAD_ALL, JV_SCHEDULING_NORMAL},
    };
    for (size_t i = 0; i < 2 * JV_ARRAY_LEN(rows); i++) {
        enum which which = i % 2 == 0 ? CLIENT : GATEWAY;
        struct jv_config *config = parse_filled(which, rows[i / 2].lines, "");
        char *text = print(config);
        struct jv_config *again = parse_filled(WHOLE, text, "");
        char line[128];
        assert_int_equal(config->offloads, rows[i / 2].offloads);
        assert_int_equal(config->scheduling, rows[i / 2].kind);
        assert_int_equal(again->offloads, rows[i / 2].offloads);
        assert_int_equal(again->scheduling, rows[i / 2].kind);
        (void)snprintf(line, sizeof line, "\n%s\n", rows[i / 2].offload);
        assert_non_null(strstr(text, line));
        (void)snprintf(line, sizeof line, "\n%s\n", rows[i / 2].scheduling);
        assert_non_null(strstr(text, line));
        free(text);
        jv_config_free(config);
        jv_config_free(again);
    }
}

static void config_never_prints_an_inline_secret(void **state)
{
    const char *text = "[Session]\nPrivateKey = " KEY2 "\nPresharedKey = " KEY2
                       "\nGateway = 192.0.2.1\nGatewayKey = " KEY1
                       "\nAllowedIPs = ::/0\n[Transport a]\nDevice = eth0\n";
    struct jv_config_input input = {text, strlen(text), "home.conf", true, false};
    struct jv_config *config = NULL;
    struct jv_diag diag = {0};
    assert_int_equal(jv_config_parse(&input, &config, &diag), JV_E_OK);
    assert_true(config->session.private_key.is_inline);
    assert_int_equal(config->session.private_key.key.b[31], 2);
    char *printed = print(config);
    assert_null(strstr(printed, KEY2));
    assert_non_null(strstr(printed, "# PrivateKey stands in the file itself and is not shown"));
    free(printed);
    jv_config_free(config);
    jv_diag_fini(&diag);
}

static void config_reads_hooks_of_both_roles(void **state)
{
    struct jv_config *c =
        parse_filled(CLIENT, "",
                     "[Hooks]\nPostUp = ip route show dev %i; true # as wg-quick\nPreDown = a\n"
                     "PostDown = b\nOnTransition = /etc/jv/hooks/notify");
    assert_string_equal(c->hooks.post_up, "ip route show dev %i; true");
    assert_string_equal(c->hooks.pre_down, "a");
    assert_string_equal(c->hooks.post_down, "b");
    assert_string_equal(c->hooks.on_transition, "/etc/jv/hooks/notify");
    jv_config_free(c);
    c = parse_filled(GATEWAY, "", "[Hooks]\nPostUp = a");
    assert_string_equal(c->hooks.post_up, "a");
    assert_string_equal(c->hooks.on_transition, "");
    jv_config_free(c);
}

static void config_reports_at_most_fifty_findings(void **state)
{
    char text[4096] = "[Session]\n";
    for (unsigned i = 0; i < 80; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "Bogus%u = 1\n", i);
    }
    struct jv_diag diag = {0};
    assert_null(parse(text, &diag));
    assert_int_equal(diag.len, JV_DIAG_MAX);
    assert_true(diag.errors > 80);
    assert_int_equal(diag.dropped, diag.errors - JV_DIAG_MAX);
    assert_string_equal(diag.lines[0], "home.conf:2: Bogus0 is not a key of [Session]");
    jv_diag_fini(&diag);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void config_loads_keys_and_policy_file(void **state)
{
    char dir[] = "/tmp/jv-test-config-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char key[128], policy[128], conf[128], text[2048];
    (void)snprintf(key, sizeof(key), "%s/k", dir);
    (void)snprintf(policy, sizeof(policy), "%s/p.yaml", dir);
    (void)snprintf(conf, sizeof(conf), "%s/home.conf", dir);
    write_file(key, KEY2 "\n", 0600);
    write_file(
        policy,
        "version: \"1.0\"\nsession: {max_lifetime_ms: 28800000, transport_lost_ttl_ms: 20000}\n"
        "volatility: {loss_volatile_threshold: 0.20}\n"
        "switching: {max_switches_per_min: 8, recovery_window_ms: 8000}\n"
        "security: {reattach_proof_max_age_ms: 5000}\n",
        0644);
    (void)snprintf(text, sizeof(text),
                   "[Session]\nPrivateKey = %s\nGateway = gw\nGatewayKey = " KEY1
                   "\nAllowedIPs = ::/0\n[Transport a]\nDevice = eth0\n[Policy]\nFile = %s\n"
                   "Cooldown = 2s\n",
                   key, policy);
    write_file(conf, text, 0644);
    struct jv_config *config = NULL;
    struct jv_diag diag = {0};
    assert_int_equal(jv_config_load(conf, &config, &diag), JV_E_OK);
    assert_int_equal(config->session.private_key.key.b[0], 2);
    assert_int_equal(config->policy.transport_lost_ttl_ms, 20000);
    assert_int_equal(config->policy.switch_cooldown_ms, 2000);
    assert_string_not_equal(config->user, "");
    jv_config_free(config);
    config = NULL;

    /* The key can be read by others: refused, and told how to mend it. */
    assert_int_equal(chmod(key, 0640), 0);
    assert_int_equal(jv_config_load(conf, &config, &diag), JV_E_SYNTAX);
    assert_null(config);
    char expected[512];
    (void)snprintf(
        expected, sizeof(expected),
        "home.conf:2: PrivateKey is %s, which has mode 0640; others must not have access: "
        "chmod 600 %s",
        key, key);
    assert_int_equal(diag.len, 1);
    assert_string_equal(diag.lines[0], expected);
    jv_diag_fini(&diag);

    /* An inline key needs a private file. */
    (void)snprintf(text, sizeof(text),
                   "[Session]\nPrivateKey = " KEY2 "\nGateway = gw\nGatewayKey = " KEY1
                   "\nAllowedIPs = ::/0\n[Transport a]\nDevice = eth0\n");
    write_file(conf, text, 0644);
    assert_int_equal(jv_config_load(conf, &config, &diag), JV_E_SYNTAX);
    assert_string_equal(diag.lines[0],
                        "home.conf:2: PrivateKey stands in a file that others can read; it must be "
                        "the path of a key file, or this file must have mode 0600");
    jv_diag_fini(&diag);
    assert_int_equal(chmod(conf, 0600), 0);
    assert_int_equal(jv_config_load(conf, &config, &diag), JV_E_OK);
    jv_config_free(config);
    config = NULL;

    assert_int_equal(chmod(conf, 0606), 0);
    assert_int_equal(jv_config_load(conf, &config, &diag), JV_E_PERM);
    assert_int_equal(jv_config_load("/nonexistent/x.conf", &config, &diag), JV_E_SYSTEM);
    assert_string_equal(diag.lines[diag.len - 1],
                        "x.conf: cannot be opened: No such file or directory");
    jv_diag_fini(&diag);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(unlink(policy), 0);
    assert_int_equal(unlink(conf), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void config_examples_are_accepted(void **state)
{
    static const char *const paths[] = {"packaging/examples/home.conf",
                                        "packaging/examples/gateway.conf"};
    for (size_t i = 0; i < JV_ARRAY_LEN(paths); i++) {
        char text[16384];
        FILE *file = fopen(paths[i], "r");
        assert_non_null(file);
        size_t len = fread(text, 1, sizeof(text), file);
        (void)fclose(file);
        struct jv_config_input input = {text, len, paths[i], false, false};
        struct jv_config *config = NULL;
        struct jv_diag diag = {0};
        enum jv_err err = jv_config_parse(&input, &config, &diag);
        for (uint32_t k = 0; k < diag.len; k++) {
            print_message("%s\n", diag.lines[k]);
        }
        assert_int_equal(err, JV_E_OK);
        assert_int_equal(diag.len, 0);
        jv_config_free(config);
        jv_diag_fini(&diag);
    }
}

static int setup(void **state)
{
    return jv_crypto_init() == JV_E_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_refuses_bad_values_with_place_value_and_range),
        cmocka_unit_test(config_reads_a_client),
        cmocka_unit_test(config_gives_a_client_its_defaults),
        cmocka_unit_test(config_needs_no_transport),
        cmocka_unit_test(config_reads_a_gateway),
        cmocka_unit_test(config_keeps_many_users_in_order),
        cmocka_unit_test(config_prints_what_parses_to_the_same),
        cmocka_unit_test(config_reads_and_prints_the_queue),
        cmocka_unit_test(config_reads_and_prints_offloads_and_scheduling),
        cmocka_unit_test(config_never_prints_an_inline_secret),
        cmocka_unit_test(config_reads_hooks_of_both_roles),
        cmocka_unit_test(config_reports_at_most_fifty_findings),
        cmocka_unit_test(config_loads_keys_and_policy_file),
        cmocka_unit_test(config_examples_are_accepted),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
