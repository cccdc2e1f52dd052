/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "form.h"
#include "record.h"

static int print_json(json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2)); /* a broken pipe is the reader's choice */
    (void)putchar('\n');
    json_decref(value);
    return JV_EXIT_OK;
}

static int one_status(const struct jv_cli *cli, const char *name, bool is_json, bool is_quiet)
{
    int code = JV_EXIT_OK;
    json_t *status = jv_client_call(cli, name, "status", NULL, is_quiet, &code);
    if (status == NULL) {
        return code;
    }
    if (is_quiet) {
        code = jv_form_exit(status);
        json_decref(status);
        return code;
    }
    if (is_json) {
        return print_json(status);
    }
    jv_form_status(cli, status, stdout);
    json_decref(status);
    return JV_EXIT_OK;
}

static int every_status(const struct jv_cli *cli, bool is_json, bool is_quiet)
{
    char names[JV_CLIENT_PROFILES_MAX][JV_CLIENT_NAME_BYTES];
    uint32_t len = jv_client_profiles(cli, names);
    int code = JV_EXIT_OK;
    if (len == 0) {
        if (!is_quiet) {
            (void)fprintf(stderr, "%s: nothing is running\n", cli->program);
        }
        return JV_EXIT_NO_DAEMON;
    }
    for (uint32_t i = 0; i < len; i++) {
        if (i > 0 && !is_json && !is_quiet) {
            (void)putchar('\n');
        }
        int one = one_status(cli, names[i], is_json, is_quiet);
        code = code == JV_EXIT_OK ? one : code;
    }
    return code;
}

int jv_cli_status(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'}, {"quiet", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};
    bool is_json = cli->json;
    bool is_quiet = false;
    for (int opt; (opt = getopt_long(argc, argv, "q", table, NULL)) != -1;) {
        if (opt == '?') {
            return JV_EXIT_USAGE;
        }
        is_json = is_json || opt == 'j';
        is_quiet = is_quiet || opt == 'q';
    }
    if (argc - optind > 1) {
        return JV_EXIT_USAGE;
    }
    return optind < argc ? one_status(cli, argv[optind], is_json, is_quiet)
                         : every_status(cli, is_json, is_quiet);
}

/* The optional NAME at `idx` of argv, --json before it; -1: too many words. */
static int parse_name(int argc, char **argv, const struct jv_cli *cli, int words, bool *is_json)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    *is_json = cli->json;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt == '?') {
            return -1;
        }
        *is_json = true;
    }
    int given = argc - optind;
    return given < words || given > words + 1 ? -1 : optind;
}

static json_t *next_page(const struct jv_cli *cli, const char *name, json_int_t cursor, int *code)
{
    json_t *args = json_object();
    if (cursor > 0) {
        json_object_set_new(args, "cursor", json_integer(cursor));
    }
    return jv_client_call(cli, name, "sessions", args, false, code);
}

/* Keeps the rows of one state; a new reference. */
static json_t *rows_in(const json_t *page, const char *state)
{
    json_t *kept = json_array();
    const json_t *rows = json_object_get(page, "sessions");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const char *has = json_string_value(json_object_get(row, "state"));
        if (state == NULL || (has != NULL && strcmp(has, state) == 0)) {
            json_array_append(kept, row);
        }
    }
    return kept;
}

static const char *state_word(const char *given)
{
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        if (strcasecmp(given, jv_state_name((enum jv_state)i)) == 0) {
            return jv_state_name((enum jv_state)i);
        }
    }
    return NULL;
}

int jv_cli_sessions(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'},
                                          {"state", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    bool is_json = cli->json;
    const char *state = NULL;
    char name[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    json_int_t cursor = 0;
    bool is_first = true;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt == '?') {
            return JV_EXIT_USAGE;
        }
        is_json = is_json || opt == 'j';
        state = opt == 's' ? state_word(optarg) : state;
        if (opt == 's' && state == NULL) {
            (void)fprintf(stderr,
                          "%s: no state %s: there are birth, attached, volatile, degraded, "
                          "recovering and terminated\n",
                          cli->program, optarg);
            return JV_EXIT_USAGE;
        }
    }
    if (argc - optind > 1) {
        return JV_EXIT_USAGE;
    }
    if (!jv_client_profile(cli, optind < argc ? argv[optind] : NULL, name, &code)) {
        return code;
    }
    json_t *all = json_array();
    do {
        json_t *page = next_page(cli, name, cursor, &code);
        if (page == NULL) {
            json_decref(all);
            return code;
        }
        json_t *rows = rows_in(page, state);
        if (is_json) {
            json_array_extend(all, rows);
        } else {
            jv_form_sessions(rows, is_first, stdout);
        }
        cursor = json_integer_value(json_object_get(page, "next"));
        is_first = false;
        json_decref(rows);
        json_decref(page);
    } while (cursor > 0);
    if (is_json) {
        return print_json(all);
    }
    json_decref(all);
    return JV_EXIT_OK;
}

int jv_cli_counters(int argc, char **argv, const struct jv_cli *cli)
{
    bool is_json = false;
    char name[JV_CLIENT_NAME_BYTES];
    int code = JV_EXIT_OK;
    int at = parse_name(argc, argv, cli, 0, &is_json);
    if (at < 0) {
        return JV_EXIT_USAGE;
    }
    if (!jv_client_profile(cli, at < argc ? argv[at] : NULL, name, &code)) {
        return code;
    }
    json_t *result = jv_client_call(cli, name, "counters", NULL, false, &code);
    return result == NULL ? code : print_json(result);
}
