/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "policyfile.h"

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t n = strlen(suffix);
    return len >= n && strcmp(text + len - n, suffix) == 0;
}

static void print_findings(struct jv_diag *diag)
{
    for (uint32_t i = 0; i < diag->len; i++) {
        (void)fprintf(stderr, "%s\n", diag->lines[i]);
    }
    if (diag->dropped > 0) {
        (void)fprintf(stderr, "and %u more\n", diag->dropped);
    }
    jv_diag_fini(diag);
}

static int check_profile(const char *path, bool does_print)
{
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    enum jv_err err = jv_config_load(path, &config, &diag);
    print_findings(&diag);
    if (err != JV_E_OK) {
        return JV_EXIT_BAD_CONFIG;
    }
    if (does_print) {
        err = jv_config_print(config, stdout);
    }
    jv_config_free(config);
    return err == JV_E_OK ? JV_EXIT_OK : JV_EXIT_FAILED;
}

static int check_policy(const char *path, bool does_print)
{
    struct jv_diag diag = {0};
    struct jv_policy policy;
    enum jv_err err = jv_policyfile_load(path, &policy, &diag);
    print_findings(&diag);
    if (err != JV_E_OK) {
        return JV_EXIT_BAD_CONFIG;
    }
    if (does_print) {
        err = jv_policyfile_print(&policy, stdout);
    }
    return err == JV_E_OK ? JV_EXIT_OK : JV_EXIT_FAILED;
}

int jv_cli_check(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {{"print", no_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    bool does_print = false;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt != 'p') {
            return JV_EXIT_USAGE;
        }
        does_print = true;
    }
    if (argc - optind != 1) {
        return JV_EXIT_USAGE;
    }
    if (jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: the cryptographic library does not start\n", cli->program);
        return JV_EXIT_FAILED;
    }
    const char *path = argv[optind];
    bool is_policy = ends_with(path, ".yaml") || ends_with(path, ".yml");
    return is_policy ? check_policy(path, does_print) : check_profile(path, does_print);
}
