/* SPDX-License-Identifier: Apache-2.0 */
#include "ctlreq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum jv_err parse(const char *line, struct jv_ctlreq *req)
{
    const char *error = "";
    enum jv_err err = jv_ctlreq_parse(line, strlen(line), req, &error);
    assert_true(err == JV_E_OK || error[0] != '\0');
    return err;
}

static void ctlreq_takes_every_command(void **state)
{
    static const char *const lines[] = {
        "{\"id\":1,\"cmd\":\"status\"}",
        "{\"id\":1,\"cmd\":\"sessions\",\"cursor\":7}",
        "{\"id\":1,\"cmd\":\"paths\"}",
        "{\"id\":1,\"cmd\":\"counters\"}",
        "{\"id\":1,\"cmd\":\"policy\",\"sid\":\"3f9c\"}",
        "{\"id\":1,\"cmd\":\"would\",\"path\":\"lte/udp\"}",
        "{\"id\":1,\"cmd\":\"reload\"}",
        "{\"id\":1,\"cmd\":\"down\"}",
        "{\"id\":1,\"cmd\":\"up\"}",
        "{\"id\":1,\"cmd\":\"terminate\",\"sid\":\"3f9c7a21\"}",
        "{\"cmd\":\"switch\",\"path\":\"lte/udp\",\"id\":1}",
        "{\"id\":1,\"cmd\":\"hold\",\"ms\":600000}",
        "{\"id\":1,\"cmd\":\"probe\"}",
        "{\"id\":1,\"cmd\":\"recover\"}",
        "{\"id\":1,\"cmd\":\"path_off\",\"path\":\"lte\"}",
        "{\"id\":1,\"cmd\":\"path_on\",\"path\":\"lte\"}",
        "{\"id\":1,\"cmd\":\"path_prefer\",\"path\":\"lte/udp\",\"prefer\":1000}"};
    struct jv_ctlreq req;
    for (uint32_t i = 0; i < JV_REQ_END; i++) {
        assert_int_equal(parse(lines[i], &req), JV_E_OK);
        assert_int_equal(req.cmd, i);
        assert_int_equal(jv_ctlreq_is_change(req.cmd), i >= JV_REQ_RELOAD);
    }
    assert_string_equal(req.path, "lte/udp");
    assert_int_equal(req.prefer, 1000);
    assert_int_equal(parse(lines[JV_REQ_HOLD], &req), JV_E_OK);
    assert_int_equal(req.ms, 600000);
}

static void ctlreq_refuses_what_it_does_not_know(void **state)
{
    static const char *const lines[] = {
        "",
        "[]",
        "status",
        "{\"id\":1}",
        "{\"cmd\":\"status\"}",
        "{\"id\":1,\"cmd\":\"status\",\"more\":1}",
        "{\"id\":1,\"id\":2,\"cmd\":\"status\"}",
        "{\"id\":-1,\"cmd\":\"status\"}",
        "{\"id\":\"1\",\"cmd\":\"status\"}",
        "{\"id\":1,\"cmd\":\"format\"}",
        "{\"id\":1,\"cmd\":7}",
        "{\"id\":1,\"cmd\":\"status\"} {}",
        "{\"id\":1,\"cmd\":\"terminate\"}",
        "{\"id\":1,\"cmd\":\"terminate\",\"sid\":\"3f\"}",
        "{\"id\":1,\"cmd\":\"terminate\",\"sid\":\"3F9C7A21\"}",
        "{\"id\":1,\"cmd\":\"terminate\",\"sid\":\"3f9c7a213f9c7a213f9c7a213f9c7a210\"}",
        "{\"id\":1,\"cmd\":\"status\",\"sid\":\"3f9c7a21\"}",
        "{\"id\":1,\"cmd\":\"switch\"}",
        "{\"id\":1,\"cmd\":\"switch\",\"path\":\"\"}",
        "{\"id\":1,\"cmd\":\"switch\",\"path\":\"a\\u0000b\"}",
        "{\"id\":1,\"cmd\":\"sessions\",\"cursor\":4294967296}",
        "{\"id\":1,\"cmd\":\"hold\"}",
        "{\"id\":1,\"cmd\":\"hold\",\"ms\":\"10m\"}",
        "{\"id\":1,\"cmd\":\"hold\",\"ms\":4294967296}",
        "{\"id\":1,\"cmd\":\"hold\",\"ms\":1000,\"path\":\"lte\"}",
        "{\"id\":1,\"cmd\":\"status\",\"ms\":1000}",
        "{\"id\":1,\"cmd\":\"would\"}",
        "{\"id\":1,\"cmd\":\"path_off\"}",
        "{\"id\":1,\"cmd\":\"path_prefer\",\"path\":\"lte\"}",
        "{\"id\":1,\"cmd\":\"path_prefer\",\"path\":\"lte\",\"prefer\":1001}"};
    struct jv_ctlreq req;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i], &req), JV_E_SYNTAX);
    }
}

static void ctlreq_keeps_the_number_of_a_bad_one(void **state)
{
    struct jv_ctlreq req;
    assert_int_equal(parse("{\"id\":42,\"cmd\":\"format\"}", &req), JV_E_SYNTAX);
    assert_int_equal(req.id, 42);
}

static void ctlreq_refuses_a_line_that_is_too_long(void **state)
{
    char line[JV_CTLREQ_BYTES + 1U];
    const char *error = "";
    struct jv_ctlreq req;
    memset(line, ' ', sizeof(line));
    memcpy(line, "{\"id\":1,\"cmd\":\"status\"}", 23);
    assert_int_equal(jv_ctlreq_parse(line, JV_CTLREQ_BYTES, &req, &error), JV_E_SYNTAX);
    assert_int_equal(jv_ctlreq_parse(line, JV_CTLREQ_BYTES - 1U, &req, &error), JV_E_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctlreq_takes_every_command),
        cmocka_unit_test(ctlreq_refuses_what_it_does_not_know),
        cmocka_unit_test(ctlreq_keeps_the_number_of_a_bad_one),
        cmocka_unit_test(ctlreq_refuses_a_line_that_is_too_long),
    };
    return cmocka_run_group_tests_name("ctlreq", tests, NULL, NULL);
}
