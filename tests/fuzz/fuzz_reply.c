/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a daemon answers to jv, in every view that jv has of it. No text that came from there reaches a terminal with a
 * control character, no line of `jv top` is wider than the terminal, and what jv prints as JSON is JSON.
 *
 * First byte: width and height of the terminal; the rest is the reply.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "describe.h"
#include "form.h"
#include "netreport.h"
#include "probe.h"
#include "topview.h"

#define REPLY_MAX 8192U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jv_top_line lines[JV_TOP_LINES];
static struct jv_top top;

/* What went into `file` so far: no control character but the ends of lines. */
static void judge_text(FILE *file, char **text, size_t *len)
{
    JV_ASSERT(fclose(file) == 0);
    for (size_t i = 0; i < *len; i++) {
        unsigned char c = (unsigned char)(*text)[i];
        JV_ASSERT((c >= ' ' || c == '\n') && c != 0x7f);
    }
    free(*text);
    *text = NULL;
}

static void print_forms(const json_t *reply)
{
    const struct jv_cli cli = {.program = "jv"};
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    JV_ASSERT(file != NULL);
    jv_form_status(&cli, reply, file);
    jv_form_paths(reply, file);
    jv_form_sessions(reply, true, file);
    jv_form_verdict("fibre", reply, file);
    (void)jv_form_exit(reply); /* any number is one */
    judge_text(file, &text, &len);
}

static void print_probes(const json_t *reply)
{
    static const struct jv_net_facts facts = {
        .addresses4 = 1, .clock_s = 1795252361, .is_steering_known = true};
    struct jv_probe_row rows[JV_PROBE_PATHS];
    char *text = NULL;
    size_t len = 0;
    uint32_t n = jv_probe_rows(reply, NULL, rows);
    JV_ASSERT(n <= JV_PROBE_PATHS);
    jv_probe_round(rows, n);
    (void)jv_probe_update(reply, rows, n); /* either answer is right here */
    FILE *file = open_memstream(&text, &len);
    JV_ASSERT(file != NULL);
    jv_probe_table(rows, n, file);
    json_t *made = jv_probe_json(rows, n);
    json_t *report = jv_netreport(reply, made, &facts);
    JV_ASSERT(report != NULL);
    jv_netreport_print(report, file);
    json_decref(report);
    json_decref(made);
    judge_text(file, &text, &len);
}

static void judge_lines(uint32_t n, uint32_t height, uint32_t width)
{
    JV_ASSERT(n <= height && n <= JV_TOP_LINES);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t columns = 0;
        for (const char *at = lines[i].text; *at != '\0'; at++) {
            JV_ASSERT((unsigned char)*at >= ' ' && *at != 0x7f);
            columns += ((unsigned char)*at & 0xc0) != 0x80 ? 1 : 0;
        }
        JV_ASSERT(columns <= width);
    }
}

static void look(json_t *reply, uint32_t width, uint32_t height)
{
    static const struct jv_top_process process = {.cpu_ms = 1, .rss_kib = 1, .is_known = true};
    const json_t *counters = json_object_get(reply, "counters");
    json_t *sessions = json_object_get(reply, "sessions");
    memset(&top, 0, sizeof top);
    for (uint64_t i = 1; i < 3; i++) {
        json_t *list = json_is_array(sessions) ? json_incref(sessions) : json_array();
        jv_top_take(&top, i * 1000000000ULL, json_incref(reply), list, json_deep_copy(counters),
                    &process);
        jv_top_arrange(&top);
        jv_top_move(&top, 1);
    }
    judge_lines(jv_top_sessions(&top, width, height, lines), height, width);
    judge_lines(jv_top_paths(&top, width, height, lines), height, width);
    jv_top_free(&top);
}

/* The text of a reply printed as a string of JSON reads back as it was. */
static void print_string(const char *word)
{
    char *text = NULL;
    size_t len = 0;
    FILE *kept = stdout;
    FILE *file = open_memstream(&text, &len);
    JV_ASSERT(file != NULL);
    stdout = file;
    jv_print_json(word);
    stdout = kept;
    JV_ASSERT(fclose(file) == 0);
    json_t *back = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    JV_ASSERT(back != NULL && strcmp(json_string_value(back), word) == 0);
    json_decref(back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > REPLY_MAX) {
        return 0;
    }
    static char text[REPLY_MAX];
    memcpy(text, data + 1, size - 1);
    jv_client_soften(text, size - 1);
    json_t *reply = json_loadb(text, size - 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (reply != NULL) {
        print_forms(reply);
        print_probes(reply);
        look(reply, JV_MIN(20U + data[0], JV_TOP_COLUMNS_MAX), 1U + data[0] % 32U);
        if (json_is_string(reply)) {
            print_string(json_string_value(reply));
        }
        json_decref(reply);
    }
    return 0;
}
