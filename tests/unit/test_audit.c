/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"

static char path[64];

static int make_path(void **state)
{
    (void)snprintf(path, sizeof(path), "/tmp/jv-test-audit-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    return 0;
}

static int remove_path(void **state)
{
    return unlink(path);
}

static struct jv_audit *open_audit(const char *file)
{
    struct jv_audit *audit = NULL;
    struct jv_chain_found found;
    assert_int_equal(jv_audit_open(file, NULL, "home", &audit, &found), JV_E_OK);
    return audit;
}

static void push(struct jv_audit *audit, uint64_t first, uint64_t n, enum jv_event_type event)
{
    for (uint64_t i = 0; i < n; i++) {
        struct jv_record rec = {.seq = first + i, .event = (uint16_t)event};
        jv_audit_push(audit, &rec, 1);
    }
}

static uint32_t count_lines(const char *needle)
{
    char text[JV_RECORD_LINE_BYTES];
    uint32_t len = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file) != NULL) {
        len += strstr(text, needle) != NULL;
    }
    (void)fclose(file);
    return len;
}

static void audit_writes_in_order(void **state)
{
    struct jv_audit *audit = open_audit(path);
    push(audit, 1, 10, JV_REC_KeyRotated);
    assert_int_equal(jv_audit_drain(audit), 10);
    assert_int_equal(jv_audit_counts(audit).written, 10);
    jv_audit_close(audit);
    assert_int_equal(count_lines("KeyRotated"), 10);
}

static void audit_drops_and_counts_when_the_queue_is_full(void **state)
{
    struct jv_audit *audit = open_audit(path);
    push(audit, 1, JV_AUDIT_QUEUE + 5U, JV_REC_KeyRotated);
    assert_int_equal(jv_audit_counts(audit).dropped_queue, 5);
    (void)jv_audit_drain(audit);
    push(audit, JV_AUDIT_QUEUE + 6U, 1, JV_REC_KeyRotated);
    (void)jv_audit_drain(audit);
    jv_audit_close(audit);
    assert_int_equal(count_lines("TelemetryDegraded"), 1);
    assert_int_equal(count_lines("\"count\":5"), 1);
}

static void audit_drops_telemetry_first(void **state)
{
    struct jv_audit *audit = open_audit(path);
    push(audit, 1, JV_AUDIT_QUEUE / 4U * 3U, JV_REC_KeyRotated);
    push(audit, JV_AUDIT_QUEUE, 1, JV_REC_TelemetryTick);
    assert_int_equal(jv_audit_counts(audit).dropped_queue, 1);
    push(audit, JV_AUDIT_QUEUE + 1U, 1, JV_REC_KeyRotated);
    assert_int_equal(jv_audit_counts(audit).dropped_queue, 1);
    jv_audit_close(audit);
}

static void audit_counts_what_a_full_disk_refuses(void **state)
{
    struct jv_audit *audit = open_audit("/dev/full");
    push(audit, 1, 7, JV_REC_KeyRotated);
    assert_int_equal(jv_audit_drain(audit), 7);
    assert_int_equal(jv_audit_counts(audit).dropped_file, 7);
    jv_audit_reopen(audit, path);
    push(audit, 8, 1, JV_REC_KeyRotated);
    (void)jv_audit_drain(audit);
    jv_audit_close(audit);
    assert_int_equal(count_lines("\"first_lost_seq\":1,"), 1);
    assert_int_equal(count_lines("KeyRotated"), 1);
}

static void audit_writer_empties_the_queue_at_the_end(void **state)
{
    struct jv_audit *audit = open_audit(path);
    assert_int_equal(jv_audit_start(audit), JV_E_OK);
    push(audit, 1, 500, JV_REC_KeyRotated);
    jv_audit_close(audit);
    assert_int_equal(count_lines("KeyRotated"), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(audit_writes_in_order, make_path, remove_path),
        cmocka_unit_test_setup_teardown(audit_drops_and_counts_when_the_queue_is_full, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(audit_drops_telemetry_first, make_path, remove_path),
        cmocka_unit_test_setup_teardown(audit_counts_what_a_full_disk_refuses, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(audit_writer_empties_the_queue_at_the_end, make_path,
                                        remove_path),
    };
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
