/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an audit file, three times: as it is; with its chain made right, so that an input reaches the laws without finding a
 * hash; and as records. The reader and the verifier must agree, and so must lines and records.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "record.h"
#include "verify.h"

#define SESSIONS 16U
#define LINES_MAX 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct judged {
    void *memory;
    struct jv_verify *verify;
};
static struct judged plain, chained, records;

static void begin(struct judged *j, const struct jv_verify_head *head)
{
    const struct jv_verify_cfg cfg = {.sessions_max = SESSIONS, .head = head};
    size_t bytes = jv_verify_bytes(SESSIONS);
    if (j->memory == NULL) {
        j->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
        JV_ASSERT(j->memory != NULL);
    }
    memset(j->memory, 0, bytes);
    j->verify = jv_verify_init(j->memory, &cfg);
}

/* Bytes of the next line with its newline, where it has one. */
static size_t line_len(const char *at, size_t left)
{
    const char *end = memchr(at, '\n', left);
    return end == NULL ? left : (size_t)(end - at) + 1;
}

static bool is_same_verdict(const struct jv_verify *a, const struct jv_verify *b)
{
    const struct jv_verify_report *x = jv_verify_result(a);
    const struct jv_verify_report *y = jv_verify_result(b);
    return x->lines == y->lines && x->sessions == y->sessions && x->transitions == y->transitions &&
           x->switches == y->switches && x->gaps == y->gaps && x->lost == y->lost &&
           x->first_wrong == y->first_wrong && x->law == y->law && strcmp(x->text, y->text) == 0;
}

/* As it is: a line that the verifier takes is one that the reader takes, and the first one that it does not take ends everything. */
static void judge_plain(const char *text, size_t size)
{
    bool was_right = true;
    begin(&plain, NULL);
    for (size_t at = 0; at < size;) {
        struct jv_record_line read;
        size_t len = line_len(text + at, size - at);
        bool is_right = jv_verify_line(plain.verify, text + at, len);
        JV_ASSERT(was_right || !is_right);
        JV_ASSERT(!is_right || jv_record_read(text + at, len, &read) == JV_E_OK);
        JV_ASSERT(is_right == (jv_verify_result(plain.verify)->first_wrong == 0));
        was_right = is_right;
        at += len;
    }
    (void)jv_verify_end(plain.verify); /* either answer is right here */
}

static void judge_chained(const char *text, size_t size)
{
    char prev[JV_RECORD_HASH_TEXT];
    char line[JV_RECORD_LINE_BYTES];
    char hash[JV_RECORD_HASH_TEXT];
    memset(prev, '0', sizeof prev - 1);
    prev[sizeof prev - 1] = '\0';
    begin(&chained, NULL);
    begin(&records, NULL);
    uint32_t n = 0;
    for (size_t at = 0; at < size && n < LINES_MAX; n++) {
        struct jv_record_line read;
        size_t len = line_len(text + at, size - at);
        enum jv_err err = jv_record_read(text + at, len, &read);
        at += len;
        if (err != JV_E_OK && err != JV_E_AUTH) {
            continue;
        }
        size_t written =
            jv_record_write(&read.rec, read.rec.at.ns, read.node, prev, line, sizeof line, hash);
        JV_ASSERT(written > 0);
        memcpy(prev, hash, sizeof prev);
        bool line_is_right = jv_verify_line(chained.verify, line, written);
        bool record_is_right = jv_verify_record(records.verify, &read.rec, read.node);
        JV_ASSERT(line_is_right == record_is_right);
    }
    JV_ASSERT(jv_verify_end(chained.verify) == jv_verify_end(records.verify));
    JV_ASSERT(is_same_verdict(chained.verify, records.verify));
    JV_ASSERT(jv_verify_result(chained.verify)->law != JV_LAW_FORM);
    JV_ASSERT(jv_verify_result(chained.verify)->law != JV_LAW_CHAIN);
}

static void judge_head(const char *text, size_t size)
{
    struct jv_verify_head head;
    if (jv_verify_head_parse(text, size, &head) == JV_E_OK) {
        JV_ASSERT(head.seq > 0 && strlen(head.hash) == sizeof head.hash - 1);
        begin(&plain, &head);
        JV_ASSERT(!jv_verify_end(plain.verify)); /* an empty file lacks that line */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    const char *text = (const char *)data;
    judge_plain(text, size);
    judge_chained(text, size);
    judge_head(text, size);
    return 0;
}
