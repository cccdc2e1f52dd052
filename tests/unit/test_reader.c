/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

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

#define KEY_A "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_B "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define GATEWAY "[Gateway]\nPrivateKey = %s/key\nPool = 10.80.0.0/16\n[Audit]\nFile = none\n"
#define ALICE "[User alice]\nPublicKey = " KEY_A "\n"
#define BOB "[User bob]\nPublicKey = " KEY_B "\nPresharedKey = %s/key\n"

struct fixture {
    char dir[64], config[96], key[96];
    struct jv_reader *reader;
};

static void write_file(const char *path, mode_t mode, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void write_config(const struct fixture *fx, const char *form)
{
    char text[1024];
    const char *at = form;
    size_t len = 0;
    for (; *at != '\0' && len + sizeof(fx->dir) < sizeof(text); at++) {
        if (at[0] == '%' && at[1] == 's') {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", fx->dir);
            at++;
        } else {
            text[len++] = *at;
        }
    }
    text[len] = '\0';
    write_file(fx->config, 0644, text);
}

static int set_up(void **state)
{
    struct fixture *fx = calloc(1, sizeof(*fx));
    assert_non_null(fx);
    assert_int_equal(jv_crypto_init(), JV_E_OK);
    (void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/jv-reader.XXXXXX");
    assert_non_null(mkdtemp(fx->dir));
    (void)snprintf(fx->config, sizeof(fx->config), "%s/gw.conf", fx->dir);
    (void)snprintf(fx->key, sizeof(fx->key), "%s/key", fx->dir);
    write_file(fx->key, 0600, "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n");
    write_config(fx, GATEWAY ALICE);
    assert_int_equal(jv_reader_start(fx->config, &fx->reader), JV_E_OK);
    assert_int_equal(jv_reader_await(fx->reader), JV_E_OK);
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;
    jv_reader_close(fx->reader);
    (void)unlink(fx->config);
    (void)unlink(fx->key);
    (void)rmdir(fx->dir);
    free(fx);
    return 0;
}

static void reader_hands_over_users_and_keys_as_they_are_now(void **state)
{
    struct fixture *fx = *state;
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_OK);
    assert_int_equal(config->users_len, 1);
    assert_int_equal(config->gateway.private_key.key.b[0], 3);
    jv_config_free(config);
    write_config(fx, GATEWAY ALICE BOB);
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_OK);
    assert_int_equal(config->users_len, 2);
    assert_string_equal(config->users[1].name, "bob");
    assert_int_equal(config->users[1].preshared.key.b[31], 3);
    assert_int_equal(diag.errors, 0);
    jv_config_free(config);
    jv_diag_fini(&diag);
}

static void reader_hands_over_what_is_wrong(void **state)
{
    struct fixture *fx = *state;
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    write_config(fx, GATEWAY "[Limits]\nSessions = 0\nBogus = 1\n" ALICE);
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_SYNTAX);
    assert_null(config);
    assert_int_equal(diag.errors, 2);
    assert_string_equal(diag.lines[0], "gw.conf:7: Sessions is 0; it must be 1 to 1000000");
    jv_diag_fini(&diag);
    assert_int_equal(chmod(fx->key, 0644), 0);
    write_config(fx, GATEWAY ALICE);
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_SYNTAX);
    assert_non_null(strstr(diag.lines[0], "others must not have access"));
    jv_diag_fini(&diag);
    assert_int_equal(chmod(fx->key, 0600), 0);
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_OK);
    jv_config_free(config);
    jv_diag_fini(&diag);
}

static void reader_keeps_to_the_path_of_its_start(void **state)
{
    struct fixture *fx = *state;
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    assert_int_equal(unlink(fx->config), 0);
    assert_int_equal(jv_reader_load(fx->reader, &config, &diag), JV_E_SYSTEM);
    assert_string_equal(diag.lines[0], "gw.conf: cannot be opened: No such file or directory");
    jv_diag_fini(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reader_hands_over_users_and_keys_as_they_are_now, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reader_hands_over_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_keeps_to_the_path_of_its_start, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
