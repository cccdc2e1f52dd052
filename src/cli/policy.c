/* SPDX-License-Identifier: Apache-2.0 */
/* jv policy show [PRESET|FILE|PROFILE|--session [SID]] [--json]: bounds as a policy file, from where they are asked for. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "config.h"
#include "crypto.h"
#include "policyfile.h"

#define PATH_BYTES 1024U

static int print_policy(const struct jv_cli *cli, const struct jv_policy *policy, bool is_json)
{
    if (!is_json) {
        return jv_policyfile_print(policy, stdout) == JV_E_OK ? JV_EXIT_OK : JV_EXIT_FAILED;
    }
    json_t *values = json_object();
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        json_object_set_new(values, jv_policy_rows[i].name,
                            json_integer(jv_policy_get(policy, (enum jv_policy_field)i)));
    }
    bool is_out = json_dumpf(values, stdout, JSON_INDENT(2)) == 0;
    (void)putchar('\n');
    json_decref(values);
    if (!is_out) {
        (void)fprintf(stderr, "%s: cannot write\n", cli->program);
    }
    return is_out ? JV_EXIT_OK : JV_EXIT_FAILED;
}

static void print_findings(struct jv_diag *diag)
{
    for (uint32_t i = 0; i < diag->len; i++) {
        (void)fprintf(stderr, "%s\n", diag->lines[i]);
    }
    jv_diag_fini(diag);
}

static int of_file(const struct jv_cli *cli, const char *path, bool is_json)
{
    struct jv_diag diag = {0};
    struct jv_policy policy;
    enum jv_err err = jv_policyfile_load(path, &policy, &diag);
    print_findings(&diag);
    return err == JV_E_OK ? print_policy(cli, &policy, is_json) : JV_EXIT_BAD_CONFIG;
}

/* What the profile asks for; the gateway may clamp it. */
static int of_profile(const struct jv_cli *cli, const char *path, bool is_json)
{
    struct jv_diag diag = {0};
    struct jv_config *config = NULL;
    if (jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: the cryptographic library does not start\n", cli->program);
        return JV_EXIT_FAILED;
    }
    enum jv_err err = jv_config_load(path, &config, &diag);
    print_findings(&diag);
    if (err != JV_E_OK) {
        return JV_EXIT_BAD_CONFIG;
    }
    int code = print_policy(cli, &config->policy, is_json);
    jv_config_free(config);
    return code;
}

/* What bounds a session that lives, as its gateway clamped it. */
static int of_session(const struct jv_cli *cli, const char *sid, const char *name, bool is_json)
{
    char profile[JV_CLIENT_NAME_BYTES];
    struct jv_policy policy = jv_policy_presets[JV_PRESET_STRICT];
    int code = JV_EXIT_OK;
    if (!jv_client_profile(cli, name, profile, &code)) {
        return code;
    }
    json_t *args = sid == NULL ? NULL : json_pack("{s:s}", "sid", sid);
    json_t *result = jv_client_call(cli, profile, "policy", args, false, &code);
    if (result == NULL) {
        return code;
    }
    const json_t *values = json_object_get(result, "policy");
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        const json_t *value = json_object_get(values, jv_policy_rows[i].name);
        if (!json_is_integer(value)) {
            (void)fprintf(stderr, "%s: %s does not tell %s: it runs another version\n",
                          cli->program, profile, jv_policy_rows[i].name);
            json_decref(result);
            return JV_EXIT_FAILED;
        }
        jv_policy_set(&policy, (enum jv_policy_field)i, (uint32_t)json_integer_value(value));
    }
    if (!is_json) {
        (void)printf("# session %s, policy %" JSON_INTEGER_FORMAT ", as the gateway clamped it\n",
                     json_string_value(json_object_get(result, "sid")),
                     json_integer_value(json_object_get(result, "policy_id")));
    }
    json_decref(result);
    return print_policy(cli, &policy, is_json);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t n = strlen(suffix);
    return len >= n && strcmp(text + len - n, suffix) == 0;
}

static int show(const struct jv_cli *cli, const char *what, bool is_json)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < JV_PRESETS; i++) {
        if (strcmp(what, jv_preset_names[i]) == 0) {
            return print_policy(cli, &jv_policy_presets[i], is_json);
        }
    }
    if (ends_with(what, ".yaml") || ends_with(what, ".yml")) {
        return of_file(cli, what, is_json);
    }
    if (ends_with(what, ".conf")) {
        return of_profile(cli, what, is_json);
    }
    int n = snprintf(path, sizeof(path), "%s/%s.conf", cli->conf_dir, what);
    if (n > 0 && (size_t)n < sizeof(path) && strchr(what, '/') == NULL && access(path, F_OK) == 0) {
        return of_profile(cli, path, is_json);
    }
    (void)fprintf(stderr,
                  "%s: no policy %s: it must be strict, mobile, fast, a profile in %s, or a file "
                  "that ends in .yaml or .conf\n",
                  cli->program, what, cli->conf_dir);
    return JV_EXIT_USAGE;
}

static bool is_sid(const char *text)
{
    size_t len = strlen(text);
    return len >= 4U && len <= 32U && strspn(text, "0123456789abcdef") == len;
}

int jv_cli_policy(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'}, {"session", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    bool is_json = cli->json;
    bool is_session = false;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt == '?') {
            return JV_EXIT_USAGE;
        }
        is_json = is_json || opt == 'j';
        is_session = is_session || opt == 's';
    }
    int given = argc - optind;
    if (given < 1 || strcmp(argv[optind], "show") != 0 || given > (is_session ? 3 : 2)) {
        return JV_EXIT_USAGE;
    }
    const char *first = given > 1 ? argv[optind + 1] : NULL;
    if (is_session || first == NULL) {
        bool has_sid = first != NULL && (given == 3 || is_sid(first));
        return of_session(cli, has_sid ? first : NULL,
                          given == 3 ? argv[optind + 2]
                          : has_sid  ? NULL
                                     : first,
                          is_json);
    }
    return show(cli, first, is_json);
}
