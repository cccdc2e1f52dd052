/* SPDX-License-Identifier: Apache-2.0 */
#include "netreport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct jv_net_facts host = {.addresses4 = 2,
                                         .addresses6 = 1,
                                         .clock_s = 1795252361,
                                         .is_clock_steered = true,
                                         .is_steering_known = true};
static const char status_text[] =
    "{\"name\":\"home\",\"gateways\":[\"gw1.example.net\"],\"endpoints\":[\"203.0.113.7:4433\"],"
    "\"session\":{\"state\":\"ATTACHED\",\"paths\":["
    "{\"name\":\"fibre/udp\",\"local\":\"192.0.2.1:40112\",\"observed\":\"198.51.100.4:2211\","
    "\"role\":\"active\",\"mtu\":1500},"
    "{\"name\":\"lte/udp\",\"local\":\"100.72.4.9:51820\",\"observed\":\"100.72.4.9:51820\","
    "\"role\":\"silent\",\"mtu\":1400},{\"name\":\"wifi/udp\",\"local\":\"192.0.2.9:7\","
    "\"observed\":\"192.0.2.9:9\"},{\"name\":\"sat/udp\",\"local\":\"192.0.2.8:7\"}]}}";
static const char rows_text[] =
    "[{\"name\":\"fibre/udp\",\"remote\":\"203.0.113.7:4433\",\"sent\":5,\"answered\":5,"
    "\"rtt_avg_us\":11840},{\"name\":\"lte/udp\",\"remote\":\"203.0.113.7:4433\",\"sent\":7,"
    "\"answered\":0}]";

static json_t *report(const char *status, const char *rows, const struct jv_net_facts *facts)
{
    json_t *s = json_loads(status, 0, NULL);
    json_t *r = rows == NULL ? NULL : json_loads(rows, 0, NULL);
    assert_non_null(s);
    json_t *made = jv_netreport(s, r, facts);
    json_decref(s);
    json_decref(r);
    assert_non_null(made);
    return made;
}

/* `index` -1: the member is no list. */
static void is(const json_t *made, const char *member, int index, const char *word)
{
    const json_t *one = json_object_get(made, member);
    one = index < 0 ? one : json_array_get(one, (size_t)index);
    const char *has = json_string_value(json_object_get(one, "verdict"));
    assert_non_null(has);
    assert_string_equal(has, word);
    assert_true(strlen(json_string_value(json_object_get(one, "text"))) > 0);
}

static void report_tells_what_the_probes_showed(void **state)
{
    (void)state;
    json_t *made = report(status_text, rows_text, &host);
    is(made, "udp", 0, "yes");
    is(made, "udp", 1, "no answer");
    is(made, "ipv4", -1, "yes");
    is(made, "ipv6", -1, "unknown"); /* there is an address, and nothing was sent over it */
    is(made, "nat64", -1, "unknown");
    is(made, "nat", 0, "yes");
    is(made, "nat", 1, "none");
    is(made, "nat", 2, "port only");
    is(made, "nat", 3, "unknown");
    is(made, "nat_lifetime", -1, "unknown");
    is(made, "portal", -1, "perhaps");
    is(made, "names", -1, "yes");
    is(made, "clock", -1, "steered");
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    jv_netreport_print(made, file);
    (void)fclose(file);
    static const char *const parts[] = {
        "netcheck: home  ATTACHED\n",
        "  UDP           fibre    yes        5 of 5 answered in 11.8 ms\n",
        "lte      no answer  none of 7 answered\n", "198.51.100.4:2211\n",
        "lte is up and mute: a captive portal or a filter for UDP may be there\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("missing: %s in:\n%s", parts[i], text);
        }
    }
    free(text);
    json_decref(made);
}

static void report_without_a_session_knows_little(void **state)
{
    const struct jv_net_facts bare = {.clock_s = 1000};
    (void)state;
    json_t *made =
        report("{\"name\":\"home\",\"gateways\":[\"gw1\"],\"endpoints\":[],\"session\":null,"
               "\"warnings\":[\"gw1: no such name\"]}",
               NULL, &bare);
    is(made, "names", -1, "no");
    is(made, "ipv4", -1, "no");
    is(made, "ipv6", -1, "no");
    is(made, "portal", -1, "unknown");
    is(made, "clock", -1, "wrong");
    assert_int_equal(json_array_size(json_object_get(made, "udp")), 0);
    json_decref(made);
}

static void report_knows_nat64_and_every_path_that_answers(void **state)
{
    struct jv_net_facts free_clock = host;
    (void)state;
    free_clock.is_clock_steered = false;
    json_t *made =
        report("{\"name\":\"home\",\"endpoints\":[\"[64:ff9b::cb00:7107]:4433\"],\"session\":"
               "{\"state\":\"ATTACHED\"}}",
               "[{\"name\":\"a/udp\",\"remote\":\"[64:ff9b::cb00:7107]:4433\",\"sent\":3,"
               "\"answered\":2,\"rtt_avg_us\":1000}]",
               &free_clock);
    is(made, "nat64", -1, "yes");
    is(made, "ipv6", -1, "yes");
    is(made, "ipv4", -1, "unknown");
    is(made, "portal", -1, "no sign");
    is(made, "clock", -1, "free");
    json_decref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_tells_what_the_probes_showed),
        cmocka_unit_test(report_without_a_session_knows_little),
        cmocka_unit_test(report_knows_nat64_and_every_path_that_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
