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

#include "keyfile.h"

#define KEY "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

static char dir[] = "/tmp/jv-test-keyfile-XXXXXX";
static char path[64];

static int setup(void **state)
{
    if (jv_crypto_init() != JV_E_OK || mkdtemp(dir) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/key", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)unlink(path);
    return rmdir(dir);
}

static enum jv_err load(const char *text, mode_t mode, struct jv_key *key, char *why)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    memset(key, 0, sizeof(*key));
    why[0] = '\0';
    return jv_keyfile_load(path, key, why);
}

static void keyfile_reads_a_key_with_and_without_newline(void **state)
{
    struct jv_key key;
    char why[JV_KEYFILE_WHY_BYTES];
    assert_int_equal(load(KEY "\n", 0600, &key, why), JV_E_OK);
    assert_int_equal(key.b[31], 2);
    assert_int_equal(load(KEY, 0400, &key, why), JV_E_OK);
    assert_int_equal(key.b[0], 2);
}

static void keyfile_refuses_what_is_not_one_key(void **state)
{
    static const char not_canonical[] = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgJ=";
    static const char *const texts[] = {
        "",           "\n",      (KEY "\n\n"), (KEY KEY),     (" " KEY "\n"),
        (KEY "\r\n"), "AQEB=\n", ("!" KEY),    not_canonical,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct jv_key key, zero = {{0}};
        char why[JV_KEYFILE_WHY_BYTES];
        assert_int_equal(load(texts[i], 0600, &key, why), JV_E_SYNTAX);
        assert_string_equal(why, "must hold one key: 44 characters of base64 and a newline");
        assert_memory_equal(&key, &zero, sizeof(key));
    }
}

static void keyfile_refuses_a_file_that_others_can_read(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0610, 0666, 0777};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct jv_key key;
        char why[JV_KEYFILE_WHY_BYTES];
        char expected[JV_KEYFILE_WHY_BYTES];
        assert_int_equal(load(KEY "\n", modes[i], &key, why), JV_E_PERM);
        (void)snprintf(expected, sizeof(expected),
                       "has mode %04o; others must not have access: chmod 600 %s",
                       (unsigned)modes[i], path);
        assert_string_equal(why, expected);
    }
}

static void keyfile_refuses_what_is_no_regular_file(void **state)
{
    struct jv_key key;
    char why[JV_KEYFILE_WHY_BYTES];
    assert_int_equal(jv_keyfile_load(dir, &key, why), JV_E_PERM);
    assert_string_equal(why, "must be a regular file");
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(jv_keyfile_load(path, &key, why), JV_E_PERM);
    (void)unlink(path);
    assert_int_equal(jv_keyfile_load(path, &key, why), JV_E_SYSTEM);
    assert_string_equal(
        why, "does not exist; jv genkey makes a private key, jv genpsk a pre-shared one");
}

static void keyfile_refuses_a_file_of_another_user(void **state)
{
    struct jv_key key;
    char why[JV_KEYFILE_WHY_BYTES];
    assert_int_equal(load(KEY "\n", 0600, &key, why), JV_E_OK);
    if (chown(path, 12345, (gid_t)-1) != 0) {
        skip(); /* only root may give a file away */
    }
    assert_int_equal(jv_keyfile_load(path, &key, why), JV_E_PERM);
    assert_string_equal(
        why, "belongs to user 12345; it must belong to root or to the user of this process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyfile_reads_a_key_with_and_without_newline),
        cmocka_unit_test(keyfile_refuses_what_is_not_one_key),
        cmocka_unit_test(keyfile_refuses_a_file_that_others_can_read),
        cmocka_unit_test(keyfile_refuses_what_is_no_regular_file),
        cmocka_unit_test(keyfile_refuses_a_file_of_another_user),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
