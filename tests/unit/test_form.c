/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct jv_cli cli = {.program = "jv"};

static const char attached[] =
    "{\"name\":\"home\",\"role\":\"client\",\"version\":\"0.1.0\",\"events_dropped\":3,"
    "\"gateways\":[\"gw1.example.net\"],\"warnings\":[\"key memory is not locked\"],"
    "\"session\":{\"sid\":\"3f9c7a2100000000000000000000000f\",\"state\":\"ATTACHED\","
    "\"reason\":\"REATTACH_SUCCESS\",\"reason_text\":\"bound\",\"v\":41,\"in_state_ms\":8040000,"
    "\"age_ms\":97200000,\"lifetime_left_ms\":17460000,\"address\":[\"10.80.3.17/16\"],\"dns\":[],"
    "\"mtu\":1420,\"epoch\":7,\"suite\":\"AES-256-GCM\",\"rx_bytes\":19778000000,"
    "\"tx_bytes\":2265000000,\"switches\":6,\"switches_in_window\":0,\"switches_limit\":8,"
    "\"outage_total_us\":900000,\"outage_worst_us\":310000,\"last_switch_ms\":192000,"
    "\"last_switch_from\":\"lte/udp\",\"last_switch_to\":\"fibre/udp\","
    "\"last_switch_reason\":\"PREFERRED_PATH_AVAILABLE\",\"paths\":[{\"name\":\"fibre/udp\","
    "\"local\":\"192.168.1.20:40112\",\"remote\":\"203.0.113.7:4433\",\"role\":\"active\","
    "\"rtt_us\":11840,\"loss_ppm\":2000,\"score\":971234},{\"name\":\"lte/"
    "udp\",\"local\":\"100.72.4.9:51820\","
    "\"remote\":\"203.0.113.7:4433\",\"role\":\"standby\",\"standby\":\"warm\",\"metered\":true}]}"
    "}";

/* What a form prints; the caller frees it. */
static char *status_text(const char *json)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    json_t *status = json_loads(json, 0, NULL);
    assert_non_null(file);
    assert_non_null(status);
    jv_form_status(&cli, status, file);
    json_decref(status);
    (void)fclose(file);
    return text;
}

static void form_shows_a_session(void **state)
{
    static const char *const parts[] = {
        "session: home  3f9c\u00b77a21           state: ATTACHED for 2h14m  (v41)\n",
        "  gateway: gw1.example.net  epoch 7, AES-256-GCM\n",
        "  address: 10.80.3.17/16      dns: none     mtu: 1420\n",
        "  age: 1d 3h   lifetime left: 4h51m   switches: 6, 0 in the last minute (limit 8)\n",
        ("  transfer: 18.41 GiB received, 2.10 GiB sent     outage: 900ms in 6 switches (worst "
         "310ms)\n"),
        "11.8 ms    0.2%     97  \u25cf active\n",
        "     -    0.0%      -  \u25cb warm, metered\n",
        " lte/udp \u2192 fibre/udp, PREFERRED_PATH_AVAILABLE.  Why: jv explain --last\n",
        "  events dropped: 3\n",
        "  warning: key memory is not locked\n"};
    char *text = status_text(attached);
    for (size_t i = 0; i < JV_ARRAY_LEN(parts); i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("missing: %s in:\n%s", parts[i], text);
        }
    }
    free(text);
}

static void form_shows_what_the_network_does(void **state)
{
    char *text = status_text(
        "{\"name\":\"home\",\"role\":\"client\",\"interface\":\"home\",\"interface_mtu\":1340,"
        "\"session\":{\"state\":\"ATTACHED\",\"address\":[\"10.0.0.2/32\"],\"dns\":[],\"mtu\":1420,"
        "\"paths\":[{\"name\":\"a/udp\",\"local\":\"10.1.0.1:1\",\"remote\":\"10.2.0.1:2\","
        "\"observed\":\"192.0.2.1:3\",\"role\":\"active\"},{\"name\":\"b/udp\",\"local\":"
        "\"10.1.0.1:1\",\"observed\":\"10.1.0.1:1\",\"role\":\"silent\"}]}}");
    assert_non_null(strstr(text, "dns: none     mtu: 1340 of 1420 on home\n"));
    assert_non_null(strstr(text, "active, seen as 192.0.2.1:3\n"));
    assert_non_null(strstr(text, "silent\n"));
    free(text);
}

static void form_shows_that_there_is_no_session(void **state)
{
    char *text = status_text("{\"name\":\"home\",\"role\":\"client\",\"session\":null,"
                             "\"last_end\":\"PEER_TERMINATED\"}");
    assert_non_null(strstr(text, "no session yet, the last one ended: PEER_TERMINATED"));
    free(text);
}

static void form_shows_a_gateway(void **state)
{
    char *text = status_text("{\"name\":\"gw\",\"role\":\"gateway\",\"version\":\"0.1.0\","
                             "\"uptime_ms\":61000,\"listen\":[\"[::]:4433\"],\"sessions\":"
                             "{\"ATTACHED\":2,\"VOLATILE\":0},\"half_open\":0,\"sessions_max\":9,"
                             "\"shards\":4}");
    assert_non_null(strstr(text, "running for 1m01s   listening on [::]:4433"));
    assert_non_null(strstr(text, "sessions: ATTACHED 2   half open 0   at most 9   shards 4\n"));
    free(text);
}

static void form_shows_what_seals(void **state)
{
    char *text =
        status_text("{\"name\":\"gw\",\"role\":\"gateway\",\"aead\":{\"library\":\"ipsec-mb\","
                    "\"version\":\"1.3.0\",\"cpu\":\"VAES, AVX-512\"}}");
    assert_non_null(strstr(text, "\n  sealed by: ipsec-mb 1.3.0 (VAES, AVX-512)\n"));
    free(text);
    text =
        status_text("{\"name\":\"home\",\"role\":\"client\",\"session\":null,\"aead\":{\"library\":"
                    "\"libcrypto\",\"version\":\"3.0.15\",\"cpu\":\"\",\"why_not\":\"too old\"}}");
    assert_non_null(strstr(text, "\n  sealed by: libcrypto 3.0.15; not by ipsec-mb: too old\n"));
    free(text);
    text = status_text("{\"name\":\"home\",\"role\":\"client\",\"session\":null}");
    assert_null(strstr(text, "sealed by"));
    free(text);
}

static void form_shows_what_the_kernel_does_for_many(void **state)
{
    static const struct {
        const char *json, *line;
    } rows[] = {
        {"\"offloads\":{\"csum\":true,\"tso\":true,\"uso\":true,\"gso\":true,\"gro\":true},"
         "\"scheduling\":\"realtime\"",
         "\n  offloads: csum, tso, uso, gso, gro   scheduling: realtime\n"},
        {"\"offloads\":{\"csum\":false,\"tso\":true,\"uso\":false,\"gso\":false,\"gro\":true},"
         "\"scheduling\":\"normal\"",
         "\n  offloads: tso, gro   scheduling: normal\n"},
        {"\"offloads\":{\"csum\":false,\"tso\":false,\"uso\":false,\"gso\":false,"
         "\"gro\":false},\"scheduling\":\"normal\"",
         "\n  offloads: none   scheduling: normal\n"},
        {"\"offloads\":{},\"scheduling\":\"realtime\"",
         "\n  offloads: none   scheduling: realtime\n"},
    };
    for (size_t i = 0; i < 2 * JV_ARRAY_LEN(rows); i++) {
        char json[512];
        (void)snprintf(json, sizeof json, "{\"name\":\"x\",\"role\":\"%s\",\"session\":null,%s}",
                       i % 2 == 0 ? "client" : "gateway", rows[i / 2].json);
        char *text = status_text(json);
        if (strstr(text, rows[i / 2].line) == NULL) {
            fail_msg("missing: %s in:\n%s", rows[i / 2].line, text);
        }
        free(text);
    }
    char *text = status_text("{\"name\":\"x\",\"role\":\"client\",\"session\":null,"
                             "\"scheduling\":\"normal\"}"); /* of an older daemon */
    assert_null(strstr(text, "offloads"));
    free(text);
}

static void form_shows_how_packets_wait(void **state)
{
    static const struct {
        const char *json, *line;
    } rows[] = {
        {"{\"lanes\":true,\"bytes\":2097152,\"drops\":7}",
         "\n  queue: sparse flows first, 2048 KiB at most (met by 7 packets)\n"},
        {"{\"lanes\":false,\"bytes\":2097152,\"drops\":0,\"why_not\":\"not supported\"}",
         "\n  queue: in the device's order, 2048 KiB at most (met by 0 packets); not as wanted: "
         "not "
         "supported\n"},
        {"{\"lanes\":false,\"bytes\":0,\"drops\":0}", "\n  queue: in the device's order\n"},
    };
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        char json[512];
        (void)snprintf(json, sizeof json,
                       "{\"name\":\"x\",\"role\":\"client\",\"session\":null,\"queue\":%s}",
                       rows[i].json);
        char *text = status_text(json);
        if (strstr(text, rows[i].line) == NULL) {
            fail_msg("missing: %s in:\n%s", rows[i].line, text);
        }
        free(text);
    }
    char *text = status_text("{\"name\":\"x\",\"role\":\"client\",\"session\":null}");
    assert_null(strstr(text, "queue"));
    free(text);
}

static void form_gives_the_exit_code_of_each_state(void **state)
{
    static const struct {
        const char *json;
        int code;
    } rows[] = {{"{\"role\":\"client\",\"session\":{\"state\":\"ATTACHED\"}}", 0},
                {"{\"role\":\"client\",\"session\":{\"state\":\"BIRTH\"}}", 10},
                {"{\"role\":\"client\",\"session\":{\"state\":\"VOLATILE\"}}", 11},
                {"{\"role\":\"client\",\"session\":{\"state\":\"RECOVERING\"}}", 12},
                {"{\"role\":\"client\",\"session\":{\"state\":\"DEGRADED\"}}", 13},
                {"{\"role\":\"client\",\"session\":{\"state\":\"TERMINATED\"}}", 14},
                {"{\"role\":\"client\",\"session\":null}", 10},
                {"{\"role\":\"client\",\"session\":null,\"last_end\":\"PEER_TERMINATED\"}", 14},
                {"{\"role\":\"gateway\"}", 0}};
    for (size_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        json_t *status = json_loads(rows[i].json, 0, NULL);
        assert_int_equal(jv_form_exit(status), rows[i].code);
        json_decref(status);
    }
}

static void form_cuts_durations_and_sizes(void **state)
{
    char text[JV_FORM_BYTES];
    jv_form_duration(0, text);
    assert_string_equal(text, "0ms");
    jv_form_duration(59999, text);
    assert_string_equal(text, "59.9s");
    jv_form_duration(UINT64_MAX, text);
    assert_non_null(strstr(text, "d "));
    jv_form_size(1023, text);
    assert_string_equal(text, "1023 B");
    jv_form_size(1536, text);
    assert_string_equal(text, "1.50 KiB");
    jv_form_size(UINT64_MAX, text);
    assert_string_equal(text, "15.99 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_shows_a_session),
        cmocka_unit_test(form_shows_what_the_network_does),
        cmocka_unit_test(form_shows_that_there_is_no_session),
        cmocka_unit_test(form_shows_a_gateway),
        cmocka_unit_test(form_shows_what_seals),
        cmocka_unit_test(form_shows_what_the_kernel_does_for_many),
        cmocka_unit_test(form_shows_how_packets_wait),
        cmocka_unit_test(form_gives_the_exit_code_of_each_state),
        cmocka_unit_test(form_cuts_durations_and_sizes),
    };
    return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
