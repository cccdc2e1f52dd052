/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"

static void metrics_name_build_states_and_drops(void **state)
{
    struct jv_counters *counters = calloc(1, sizeof(*counters));
    struct jv_aead_facts aead = {"ipsec-mb", "1.3.0", "VAES, AVX-512"};
    struct jv_metrics_extra extra = {.events_dropped = 9, .aead = &aead};
    char *page = malloc(JV_METRICS_BYTES);
    counters->sessions[JV_ST_ATTACHED] = 3;
    counters->transitions[JV_ST_BIRTH][JV_ST_ATTACHED] = 4;
    counters->drops[JV_DROP_REPLAY_SEEN] = 5;
    counters->outage_sum_us = 1500000;
    size_t len = jv_metrics_write(counters, &extra, page, JV_METRICS_BYTES);
    assert_int_equal(len, strlen(page));
    assert_true(len < JV_METRICS_BYTES / 2U);
    assert_non_null(strstr(page, "jv_build_info{version="));
    assert_non_null(strstr(
        page, "\njv_aead_info{library=\"ipsec-mb\",version=\"1.3.0\",cpu=\"VAES, AVX-512\"} 1\n"));
    assert_non_null(strstr(page, "\njv_sessions{state=\"ATTACHED\"} 3\n"));
    assert_non_null(strstr(page, "jv_transitions_total{from=\"BIRTH\",to=\"ATTACHED\"} 4\n"));
    assert_non_null(strstr(page, "jv_packets_dropped_total{reason=\"replay_seen\"} 5\n"));
    assert_non_null(strstr(page, "jv_switch_outage_seconds_sum 1.500000\n"));
    assert_non_null(strstr(page, "\njv_events_dropped_total 9\n"));
    free(page);
    free(counters);
}

static void metrics_leave_out_whole_lines_where_there_is_no_room(void **state)
{
    struct jv_counters *counters = calloc(1, sizeof(*counters));
    struct jv_metrics_extra extra = {0};
    char page[200];
    size_t len = jv_metrics_write(counters, &extra, page, sizeof(page));
    assert_true(len < sizeof(page));
    assert_int_equal(page[len - 1U], '\n');
    free(counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_name_build_states_and_drops),
        cmocka_unit_test(metrics_leave_out_whole_lines_where_there_is_no_room),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
