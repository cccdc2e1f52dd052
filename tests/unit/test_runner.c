/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that stand for resolvectl and resolvconf here are fakes: scripts that write down what they were told. */
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

#include "runner_process.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[2][128];
    static uint32_t turn;
    turn = (turn + 1U) % 2U;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void write_script(const char *name, mode_t mode, const char *body)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", body) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}

/* What a script has written to `log`. */
static const char *logged(void)
{
    static char text[2048];
    FILE *file = fopen(in_folder("log"), "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1U, file);
    text[len] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/jv-runner.XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"log", "resolvectl", "resolvconf", "hook"};
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(names); i++) {
        (void)unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

static struct jv_run_answer run_sh(const char *line, uint32_t limit_ms)
{
    const struct jv_job job = {.path = "/bin/sh",
                               .argv = {"sh", "-c", line},
                               .env = {"PATH=/usr/bin:/bin"},
                               .limit_ms = limit_ms,
                               .ends_group = true};
    struct jv_run_answer answer = {0};
    jv_job_run(&job, &answer);
    return answer;
}

static void job_tells_status_and_first_line(void **state)
{
    (void)state;
    struct jv_run_answer answer = run_sh("echo 'no\tsuch thing' >&2; echo more; exit 3", 20000);
    assert_int_equal(answer.how, JV_RUN_FAILED);
    assert_int_equal(answer.status, 3);
    assert_string_equal(answer.text, "no?such thing");
    assert_int_equal(run_sh("exit 0", 20000).how, JV_RUN_OK);
    assert_int_equal(run_sh("kill -TERM $$", 20000).status, 128 + 15);
}

static void job_has_a_clean_environment_and_nothing_open(void **state)
{
    (void)state;
    assert_int_equal(setenv("LD_PRELOAD_OF_A_STRANGER", "1", 1), 0);
    struct jv_run_answer answer = run_sh("env | cut -d= -f1 | sort | tr '\\n' ' '", 20000);
    assert_string_equal(answer.text, "PATH PWD ");
    int left_open = dup(STDERR_FILENO); /* by a library that knows nothing of O_CLOEXEC */
    assert_in_range(left_open, 3, 9);
    answer = run_sh("for i in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$i ] || echo $i; done", 20000);
    assert_string_equal(answer.text, "");
    assert_int_equal(close(left_open), 0);
}

static void job_is_killed_at_its_limit_with_its_group(void **state)
{
    (void)state;
    struct jv_run_answer answer = run_sh("echo begun; sleep 1000 & sleep 1000", 200);
    assert_int_equal(answer.how, JV_RUN_TIMEOUT);
    assert_string_equal(answer.text, "begun");
    /* Output without end and ignored signals are no way around it. */
    assert_int_equal(run_sh("trap '' TERM INT HUP; while :; do echo flood; done", 200).how,
                     JV_RUN_TIMEOUT);
}

static void job_that_is_no_program_fails(void **state)
{
    const struct jv_job job = {
        .path = "/nowhere/at/all", .argv = {"x"}, .limit_ms = 20000, .ends_group = true};
    struct jv_run_answer answer = {0};
    (void)state;
    jv_job_run(&job, &answer);
    assert_int_equal(answer.how, JV_RUN_FAILED);
    assert_int_equal(answer.status, 127);
}

static struct jv_runner_task a_task(void)
{
    struct jv_runner_task task = {.name = "home", .interface = "jv0", .tools = folder};
    return task;
}

static void runner_gives_a_transition_its_environment(void **state)
{
    char body[256];
    struct jv_runner_task task = a_task();
    struct jv_run_answer answer;
    struct jv_run_request request = {.kind = JV_RUN_TRANSITION,
                                     .from = JV_ST_ATTACHED,
                                     .to = JV_ST_VOLATILE,
                                     .reason = JV_WHY_TRANSPORT_DEAD,
                                     .sid = {{0xab, 1}},
                                     .path = "wifi/udp"};
    (void)state;
    (void)snprintf(body, sizeof(body), "env >%s/log", folder);
    write_script("hook", 0755, body);
    (void)snprintf(task.hooks.on_transition, sizeof(task.hooks.on_transition), "%s",
                   in_folder("hook"));
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_OK);
    assert_has(logged(), "JV_FROM=ATTACHED\n");
    assert_has(logged(), "JV_TO=VOLATILE\n");
    assert_has(logged(), "JV_REASON=TRANSPORT_DEAD\n");
    assert_has(logged(), "JV_SID=ab010000000000000000000000000000\n");
    assert_has(logged(), "JV_PATH=wifi/udp\n");
    assert_has(logged(), "JV_NAME=home\n");
    assert_has(logged(), "JV_INTERFACE=jv0\n");
    /* Whoever may write it could become who runs it. */
    assert_int_equal(chmod(in_folder("hook"), 0775), 0);
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_CANNOT);
    assert_has(answer.text, "others may write it");
}

static void runner_puts_the_interface_into_commands(void **state)
{
    struct jv_runner_task task = a_task();
    struct jv_run_answer answer;
    struct jv_run_request request = {.kind = JV_RUN_POST_UP};
    (void)state;
    (void)snprintf(task.hooks.post_up, sizeof(task.hooks.post_up),
                   "echo %%i %%d $JV_NAME %%i >%s/log", folder);
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_OK);
    assert_string_equal(logged(), "jv0 %d home jv0\n");
    memset(task.hooks.post_up, 'i', sizeof(task.hooks.post_up) - 1U);
    for (uint32_t i = 0; i + 1U < sizeof(task.hooks.post_up); i += 2) {
        task.hooks.post_up[i] = '%';
    }
    memcpy(task.interface, "fifteen-letters", 16);
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_CANNOT);
}

static struct jv_run_request dns_request(bool is_default)
{
    struct jv_run_request request = {
        .kind = JV_RUN_DNS_SET, .is_default = is_default, .dns_len = 2};
    assert_int_equal(jv_ip_parse("10.0.0.1", &request.dns[0]), JV_E_OK);
    assert_int_equal(jv_ip_parse("fd00::1", &request.dns[1]), JV_E_OK);
    return request;
}

static void runner_gives_name_servers_to_resolved(void **state)
{
    char body[256];
    struct jv_runner_task task = a_task();
    struct jv_run_answer answer;
    struct jv_run_request request = dns_request(true);
    (void)state;
    (void)snprintf(body, sizeof(body), "echo \"$0 [$*]\" | sed 's|.*/||' >>%s/log", folder);
    write_script("resolvectl", 0755, body);
    write_script("resolvconf", 0755, body);
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_OK);
    assert_int_equal(answer.tool, JV_RUN_RESOLVED);
    request = dns_request(false);
    jv_runner_do(&task, &request, &answer);
    request.kind = JV_RUN_DNS_UNSET;
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_OK);
    assert_string_equal(logged(), "resolvectl [dns jv0 10.0.0.1 fd00::1]\n"
                                  "resolvectl [domain jv0 ~.]\n"
                                  "resolvectl [default-route jv0 yes]\n"
                                  "resolvectl [dns jv0 10.0.0.1 fd00::1]\n"
                                  "resolvectl [domain jv0 ]\n"
                                  "resolvectl [default-route jv0 yes]\n"
                                  "resolvectl [revert jv0]\n");
}

static void runner_gives_name_servers_to_resolvconf_else(void **state)
{
    char body[256];
    struct jv_runner_task task = a_task();
    struct jv_run_answer answer;
    struct jv_run_request request = dns_request(true);
    (void)state;
    write_script("resolvectl", 0755, "exit 1"); /* the command is there, the service is not */
    (void)snprintf(body, sizeof(body), "echo \"[$*]\" >>%s/log; cat >>%s/log", folder, folder);
    write_script("resolvconf", 0755, body);
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_OK);
    assert_int_equal(answer.tool, JV_RUN_RESOLVCONF);
    assert_string_equal(logged(), "[-a jv0 -m 0 -x]\nnameserver 10.0.0.1\nnameserver fd00::1\n");
    (void)unlink(in_folder("log"));
    jv_runner_do(&task, &request, &answer); /* again: what it knows it would not write */
    assert_has(logged(), "fd00::1\n[-u]\n");
    (void)unlink(in_folder("log"));
    request.kind = JV_RUN_DNS_UNSET;
    jv_runner_do(&task, &request, &answer);
    assert_string_equal(logged(), "[-f -d jv0]\n");
}

static void runner_says_that_there_is_no_tool(void **state)
{
    struct jv_runner_task task = a_task();
    struct jv_run_answer answer;
    struct jv_run_request request = dns_request(true);
    (void)state;
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_CANNOT);
    assert_int_equal(answer.tool, JV_RUN_NO_TOOL);
    write_script("resolvconf", 0755, "echo broken; exit 9");
    jv_runner_do(&task, &request, &answer);
    assert_int_equal(answer.how, JV_RUN_FAILED);
    assert_string_equal(answer.text, "broken");
}

static void runner_accepts_requests_of_its_form_only(void **state)
{
    struct jv_run_request good = dns_request(true);
    struct jv_run_request bad;
    (void)state;
    assert_true(jv_run_is_valid(&good));
    bad = good;
    bad.kind = JV_RUN_END;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.from = JV_ST_END;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.reason = JV_WHY_END;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.dns_len = JV_DNS_MAX + 1U;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.dns_len = 0;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.dns[1].family = 7;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    bad.is_default = 2;
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    memcpy(bad.path, "a;b", 4);
    assert_false(jv_run_is_valid(&bad));
    bad = good;
    memset(bad.path, 'a', sizeof(bad.path));
    assert_false(jv_run_is_valid(&bad));
}

static void runner_process_answers_and_ends_with_its_socket(void **state)
{
    struct jv_config *config = calloc(1, sizeof(*config));
    struct jv_runner *runner = NULL;
    struct jv_run_answer answer;
    const struct jv_run_request request = {.kind = JV_RUN_POST_UP};
    (void)state;
    assert_non_null(config);
    memcpy(config->interface, "jv0", 4);
    (void)snprintf(config->hooks.post_up, sizeof(config->hooks.post_up), "echo %%i; exit 4");
    struct jv_runner_cfg cfg = {.process = "jvd-test", .config = config};
    assert_int_equal(jv_runner_start(&cfg, &runner), JV_E_OK);
    assert_int_equal(jv_runner_call(runner, &request, &answer), JV_E_OK);
    assert_int_equal(answer.how, JV_RUN_FAILED);
    assert_int_equal(answer.status, 4);
    assert_string_equal(answer.text, "jv0");
    assert_int_equal(jv_runner_send(runner, &request), JV_E_OK);
    assert_int_equal(jv_runner_send(runner, &request), JV_E_AGAIN);
    assert_int_equal(jv_runner_call(runner, &request, &answer), JV_E_OK);
    jv_runner_close(runner);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_tells_status_and_first_line),
        cmocka_unit_test(job_has_a_clean_environment_and_nothing_open),
        cmocka_unit_test(job_is_killed_at_its_limit_with_its_group),
        cmocka_unit_test(job_that_is_no_program_fails),
        cmocka_unit_test_setup_teardown(runner_gives_a_transition_its_environment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(runner_puts_the_interface_into_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runner_gives_name_servers_to_resolved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runner_gives_name_servers_to_resolvconf_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(runner_says_that_there_is_no_tool, set_up, tear_down),
        cmocka_unit_test(runner_accepts_requests_of_its_form_only),
        cmocka_unit_test(runner_process_answers_and_ends_with_its_socket),
    };
    return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
