/* SPDX-License-Identifier: Apache-2.0 */
/* The resolvconf here is a fake: a script that writes down what it was told. The real one: tests/netns/181-dns.sh. */
#include <poll.h>
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

#include "dns.h"

static char folder[64], script[96], log_path[96];
static struct jv_config *config;
static struct jv_runner *runner;
static struct jv_dns *dns;

static int begin(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/jv-dns.XXXXXX");
    config = calloc(1, sizeof(*config));
    if (config == NULL || mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(script, sizeof(script), "%s/resolvconf", folder);
    (void)snprintf(log_path, sizeof(log_path), "%s/log", folder);
    memcpy(config->interface, "jv0", 4);
    struct jv_runner_cfg cfg = {.process = "jvd-test", .config = config, .tools = folder};
    return jv_runner_start(&cfg, &runner) == JV_E_OK && jv_dns_open(NULL, runner, &dns) == JV_E_OK
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    jv_dns_close(dns);
    jv_runner_close(runner);
    free(config);
    (void)unlink(script);
    (void)unlink(log_path);
    return rmdir(folder);
}

static void write_script(void)
{
    FILE *file = fopen(script, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\necho \"$1 $2 $(tr '\\n' ' ')\" >>%s\n", log_path) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(script, 0755), 0);
}

static void assert_logged(const char *expected)
{
    char text[512];
    FILE *file = fopen(log_path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1U, file);
    text[len] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
}

static void take_answer(void)
{
    struct pollfd p = {.fd = jv_runner_fd(runner), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    jv_dns_on_answer(dns);
}

static struct jv_order born_with(const char *server)
{
    struct jv_order order = {.kind = JV_ORDER_CONFIGURE, .dns_len = server == NULL ? 0 : 1};
    if (server != NULL) {
        assert_int_equal(jv_ip_parse(server, &order.dns[0]), JV_E_OK);
    }
    return order;
}

static void dns_of_the_gateway_or_of_the_list(void **state)
{
    struct jv_order order = born_with("10.0.0.1");
    (void)state;
    write_script();
    config->session.dns.kind = JV_CONFIG_DNS_AUTO;
    jv_dns_configure(dns, config, &order);
    take_answer();
    assert_string_equal(jv_dns_tool(dns), "resolvconf");
    config->session.dns.kind = JV_CONFIG_DNS_LIST;
    config->session.dns.len = 1;
    assert_int_equal(jv_ip_parse("10.0.0.9", &config->session.dns.at[0]), JV_E_OK);
    jv_dns_config(dns, config); /* a reload */
    take_answer();
    jv_dns_remove(dns);
    assert_logged("-a jv0 nameserver 10.0.0.1 \n-a jv0 nameserver 10.0.0.9 \n-u  \n-f -d \n");
}

static void dns_of_a_gateway_that_names_none_is_left_alone(void **state)
{
    struct jv_order order = born_with(NULL);
    (void)state;
    write_script();
    config->session.dns.kind = JV_CONFIG_DNS_AUTO;
    jv_dns_configure(dns, config, &order);
    assert_false(jv_runner_is_busy(runner));
    assert_string_equal(jv_dns_tool(dns), "none");
    assert_null(jv_dns_trouble(dns));
}

/* A later birth at a gateway that names none: those of the earlier one go. */
static void dns_changes_while_it_is_being_set_up_come_last(void **state)
{
    struct jv_order first = born_with("10.0.0.1");
    struct jv_order second = born_with("10.0.0.2");
    struct jv_order third = born_with(NULL);
    (void)state;
    write_script();
    config->session.dns.kind = JV_CONFIG_DNS_AUTO;
    jv_dns_configure(dns, config, &first);
    jv_dns_configure(dns, config, &second);
    jv_dns_configure(dns, config, &third);
    take_answer();
    take_answer();
    assert_false(jv_runner_is_busy(runner));
    assert_logged("-a jv0 nameserver 10.0.0.1 \n-f -d \n");
}

static void dns_without_any_tool_is_a_trouble_and_no_more(void **state)
{
    struct jv_order order = born_with("10.0.0.1");
    (void)state;
    config->session.dns.kind = JV_CONFIG_DNS_AUTO;
    jv_dns_configure(dns, config, &order);
    take_answer();
    assert_non_null(strstr(jv_dns_trouble(dns), "neither systemd-resolved nor resolvconf"));
    write_script();
    jv_dns_tick(dns, (struct jv_instant){0}); /* the network changed, and somebody installed it */
    take_answer();
    assert_null(jv_dns_trouble(dns));
}

static void dns_knows_a_default_route_by_its_halves(void **state)
{
    struct jv_config_prefixes list = {0};
    (void)state;
    assert_false(jv_dns_is_default(&list));
    list.len = 2;
    assert_int_equal(jv_prefix_parse("0.0.0.0/1", false, &list.at[0]), JV_E_OK);
    assert_int_equal(jv_prefix_parse("8000::/1", false, &list.at[1]), JV_E_OK);
    assert_false(jv_dns_is_default(&list));
    assert_int_equal(jv_prefix_parse("128.0.0.0/1", false, &list.at[1]), JV_E_OK);
    assert_true(jv_dns_is_default(&list));
    assert_int_equal(jv_prefix_parse("::/0", false, &list.at[0]), JV_E_OK);
    list.len = 1;
    assert_true(jv_dns_is_default(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dns_of_the_gateway_or_of_the_list, begin, end),
        cmocka_unit_test_setup_teardown(dns_of_a_gateway_that_names_none_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(dns_changes_while_it_is_being_set_up_come_last, begin, end),
        cmocka_unit_test_setup_teardown(dns_without_any_tool_is_a_trouble_and_no_more, begin, end),
        cmocka_unit_test(dns_knows_a_default_route_by_its_halves),
    };
    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
