/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that move a session or keep it where it is: switch, hold, recover, kick; and the words of `path`. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "auditfile.h"
#include "cli.h"
#include "client.h"
#include "form.h"
#include "probe.h"

/* Options of the commands here, then words. */
struct words {
    const char *at[4];
    int len;
    bool is_json, is_dry;
};

static bool parse(int argc, char **argv, const struct jv_cli *cli, int min, int max,
                  struct words *out)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'}, {"dry-run", no_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
    bool takes_dry = strcmp(argv[0], "switch") == 0;
    *out = (struct words){.is_json = cli->json};
    for (int opt; (opt = getopt_long(argc, argv, "n", table, NULL)) != -1;) {
        if (opt == '?' || (opt == 'n' && !takes_dry)) {
            return false;
        }
        out->is_json = out->is_json || opt == 'j';
        out->is_dry = out->is_dry || opt == 'n';
    }
    out->len = argc - optind;
    for (int i = 0; i < out->len && i < (int)JV_ARRAY_LEN(out->at); i++) {
        out->at[i] = argv[optind + i];
    }
    return out->len >= min && out->len <= max;
}

static int print_json(json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2)); /* a broken pipe is the reader's choice */
    (void)putchar('\n');
    json_decref(value);
    return JV_EXIT_OK;
}

/* One request; the result is printed only where JSON is wanted. `name` may be NULL: the only profile. `args` is taken over. */
static int ask(const struct jv_cli *cli, const char *name, const char *cmd, json_t *args,
               bool is_json)
{
    char profile[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    if (!jv_client_profile(cli, name, profile, &code)) {
        json_decref(args);
        return code;
    }
    json_t *result = jv_client_call(cli, profile, cmd, args, false, &code);
    if (result == NULL) {
        return code;
    }
    if (is_json) {
        return print_json(result);
    }
    json_decref(result);
    return JV_EXIT_OK;
}

int jv_cli_switch(int argc, char **argv, const struct jv_cli *cli)
{
    struct words w;
    char profile[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    if (!parse(argc, argv, cli, 1, 2, &w)) {
        return JV_EXIT_USAGE;
    }
    json_t *args = json_pack("{s:s}", "path", w.at[0]);
    if (!w.is_dry) {
        return ask(cli, w.at[1], "switch", args, w.is_json);
    }
    if (!jv_client_profile(cli, w.at[1], profile, &code)) {
        json_decref(args);
        return code;
    }
    json_t *verdict = jv_client_call(cli, profile, "would", args, false, &code);
    if (verdict == NULL) {
        return code;
    }
    code = json_is_true(json_object_get(verdict, "allowed")) ? JV_EXIT_OK : JV_EXIT_DENIED;
    if (w.is_json) {
        (void)print_json(verdict); /* it always prints */
        return code;
    }
    jv_form_verdict(w.at[0], verdict, stdout);
    json_decref(verdict);
    return code;
}

int jv_cli_kick(int argc, char **argv, const struct jv_cli *cli)
{
    struct words w;
    if (!parse(argc, argv, cli, 1, 2, &w)) {
        return JV_EXIT_USAGE;
    }
    return ask(cli, w.at[1], "terminate", json_pack("{s:s}", "sid", w.at[0]), w.is_json);
}

int jv_cli_hold(int argc, char **argv, const struct jv_cli *cli)
{
    struct words w;
    uint64_t ms = 0;
    if (!parse(argc, argv, cli, 1, 2, &w)) {
        return JV_EXIT_USAGE;
    }
    bool is_off = strcmp(w.at[0], "off") == 0;
    if (!is_off &&
        (!jv_audit_duration(w.at[0], &ms) || ms < JV_HOLD_MIN_MS || ms > JV_HOLD_MAX_MS)) {
        (void)fprintf(stderr, "%s: the hold is '%s'; it must be 1s to 24h with its unit, or off\n",
                      cli->program, w.at[0]);
        return JV_EXIT_USAGE;
    }
    int code = ask(cli, w.at[1], "hold", json_pack("{s:I}", "ms", (json_int_t)ms), w.is_json);
    if (code == JV_EXIT_OK && !w.is_json) {
        (void)printf("%s%s%s\n", is_off ? "moves by choice are free again" : "held for ",
                     is_off ? "" : w.at[0],
                     is_off ? "" : ": no moves by choice; a dead path is left all the same");
    }
    return code;
}

int jv_cli_recover(int argc, char **argv, const struct jv_cli *cli)
{
    struct words w;
    if (!parse(argc, argv, cli, 0, 1, &w)) {
        return JV_EXIT_USAGE;
    }
    return ask(cli, w.at[0], "recover", NULL, w.is_json);
}

/* path prefer PATH N, path disable PATH, path enable PATH. */
static int order(const struct jv_cli *cli, const struct words *w)
{
    bool is_prefer = strcmp(w->at[0], "prefer") == 0;
    int words = is_prefer ? 3 : 2;
    const char *name = w->len > words ? w->at[words] : NULL;
    uint64_t prefer = 0;
    if (w->len < words || w->len > words + 1) {
        return JV_EXIT_USAGE;
    }
    if (is_prefer && !jv_form_number(w->at[2], 1000, &prefer)) {
        (void)fprintf(stderr, "%s: the preference is '%s'; it must be 0 to 1000\n", cli->program,
                      w->at[2]);
        return JV_EXIT_USAGE;
    }
    json_t *args = json_pack("{s:s}", "path", w->at[1]);
    if (is_prefer) {
        json_object_set_new(args, "prefer", json_integer((json_int_t)prefer));
    }
    return ask(cli, name,
               is_prefer                          ? "path_prefer"
               : strcmp(w->at[0], "disable") == 0 ? "path_off"
                                                  : "path_on",
               args, w->is_json);
}

static int list(const struct jv_cli *cli, const struct words *w)
{
    char name[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    if (w->len > 2) {
        return JV_EXIT_USAGE;
    }
    if (!jv_client_profile(cli, w->at[1], name, &code)) {
        return code;
    }
    json_t *paths = jv_client_call(cli, name, "paths", NULL, false, &code);
    if (paths == NULL) {
        return code;
    }
    if (w->is_json) {
        return print_json(paths);
    }
    jv_form_paths(paths, stdout);
    json_decref(paths);
    return JV_EXIT_OK;
}

int jv_cli_path(int argc, char **argv, const struct jv_cli *cli)
{
    struct words w;
    if (argc > 1 && strcmp(argv[1], "test") == 0) {
        return jv_cli_path_test(argc - 1, argv + 1, cli);
    }
    if (!parse(argc, argv, cli, 1, 4, &w)) {
        return JV_EXIT_USAGE;
    }
    if (strcmp(w.at[0], "ls") == 0) {
        return list(cli, &w);
    }
    bool is_order = strcmp(w.at[0], "prefer") == 0 || strcmp(w.at[0], "disable") == 0 ||
                    strcmp(w.at[0], "enable") == 0;
    return is_order ? order(cli, &w) : JV_EXIT_USAGE;
}
