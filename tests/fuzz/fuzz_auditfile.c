/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an audit file that jv reads for people: lines add up to the file, what is printed of a record has no control
 * character, and a recovery ends where it begins or later. The bytes are also tried as what stands behind --since and --at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auditfile.h"
#include "crypto.h"
#include "demo.h"
#include "describe.h"
#include "recovery.h"

#define ARGUMENT_MAX 64U
#define TODAY_NS 1795252361000000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jv_auditfile file;

static void is_printable(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        JV_ASSERT((unsigned char)*at >= ' ' && *at != 0x7f);
    }
}

static void describe(const struct jv_record *rec)
{
    char text[JV_DESCRIBE_BYTES];
    char path[JV_RECOVERY_PATH_BYTES];
    jv_describe_time(rec->at.ns, JV_DATE_AND_TIME, text, sizeof text);
    is_printable(text);
    jv_describe_seen(rec, text, sizeof text);
    is_printable(text);
    jv_describe_limits(rec, text, sizeof text);
    is_printable(text);
    jv_describe_what(rec, text, sizeof text);
    is_printable(text);
    jv_recovery_path(rec, path);
    jv_describe_text(path, text, sizeof text);
    is_printable(text);
    jv_describe_text(rec->text, text, sizeof text);
    is_printable(text);
}

static void judge_recoveries(struct jv_recoveries *r)
{
    jv_recovery_end(r);
    JV_ASSERT(r->len <= r->cap);
    for (uint32_t i = 0; i < JV_TIMES; i++) {
        uint64_t half = jv_recovery_quantile(r, (enum jv_recovery_time)i, 50);
        JV_ASSERT(half <= jv_recovery_quantile(r, (enum jv_recovery_time)i, 100));
    }
}

static void read_file(const uint8_t *data, size_t size)
{
    struct jv_recoveries recoveries;
    struct jv_demo demo;
    struct jv_record_line line;
    char *text = NULL;
    size_t text_len = 0;
    size_t total = 0;
    uint8_t *copy = malloc(size); /* fmemopen() takes no const */
    JV_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    memset(&file, 0, sizeof file);
    file.stream = fmemopen(copy, size, "r");
    FILE *sink = open_memstream(&text, &text_len);
    JV_ASSERT(file.stream != NULL && sink != NULL);
    jv_recovery_begin(&recoveries);
    jv_demo_begin(&demo, sink);
    while (jv_auditfile_next(&file)) {
        JV_ASSERT(file.len <= sizeof file.line);
        total += file.len;
        enum jv_err err = jv_record_read(file.line, file.len, &line);
        if (err == JV_E_OK || err == JV_E_AUTH) {
            describe(&line.rec);
            JV_ASSERT(jv_recovery_feed(&recoveries, &line.rec) == JV_E_OK);
            jv_demo_feed(&demo, &line.rec, true);
        }
    }
    JV_ASSERT(total <= size);
    judge_recoveries(&recoveries);
    free(recoveries.at);
    (void)fclose(sink);
    for (size_t i = 0; i < text_len; i++) {
        JV_ASSERT(text[i] == '\n' || (unsigned char)text[i] >= ' ');
    }
    free(text);
    jv_auditfile_close(&file);
    free(copy);
}

static void read_arguments(const uint8_t *data, size_t size)
{
    char text[ARGUMENT_MAX] = "";
    uint64_t value = 0;
    memcpy(text, data, JV_MIN(size, sizeof text - 1));
    if (jv_audit_duration(text, &value)) {
        JV_ASSERT(value > 0);
    }
    if (jv_audit_moment(text, TODAY_NS, &value)) {
        JV_ASSERT(value > 0 && strlen(text) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    if (size > 0) {
        read_file(data, size);
        read_arguments(data, size);
    }
    return 0;
}
