/* SPDX-License-Identifier: Apache-2.0 */
/* Random records survive the line; a line changed in one byte is refused; what is accepted has one spelling. */
#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "prng.h"
#include "record.h"

#define RUNS 20000U
#define ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

static struct jv_prng prng = {2026};

static uint64_t number(void)
{
    return jv_prng_next(&prng) >> jv_prng_below(&prng, 64);
}

/* Mostly ASCII, with quotes, controls and bytes that may or may not be UTF-8. */
static void string(char *out, size_t cap)
{
    static const char pieces[][5] = {"a",
                                     "/",
                                     "\"",
                                     "\\",
                                     "\n",
                                     "\x7f",
                                     "\xc3\xa9",
                                     "\xe2\x82\xac",
                                     "\xf0\x9f\x9a\x80",
                                     "\xff",
                                     "\xc3",
                                     "\xed\xa0\x80",
                                     "\xc0\x80"};
    size_t len = 0;
    for (uint64_t left = jv_prng_below(&prng, cap); left > 0; left--) {
        const char *piece = pieces[jv_prng_below(&prng, sizeof pieces / sizeof pieces[0])];
        size_t n = strlen(piece);
        if (len + n < cap) {
            memcpy(out + len, piece, n);
            len += n;
        }
    }
    out[len] = '\0';
}

static void id(struct jv_sid *sid)
{
    for (size_t i = 0; i < sizeof sid->b && jv_prng_below(&prng, 4) != 0; i++) {
        sid->b[i] = (uint8_t)jv_prng_next(&prng);
    }
}

static const uint8_t row_from[] = {
    0,
#define JV_ST_ANY JV_ST_END
#define T(row, from, event, to, reasons, actions) JV_ST_##from,
#include "transition.def"
#undef T
};

static struct jv_record draw(void)
{
    struct jv_record rec = {
        .seq = number() | 1, .cause = number(), .v = number(), .policy = (uint32_t)number()};
    rec.event = (uint16_t)(1 + jv_prng_below(&prng, JV_REC_END - 1));
    rec.reason = (uint16_t)jv_prng_below(&prng, JV_WHY_END);
    rec.rule = (uint8_t)jv_prng_below(&prng, JV_RULE_END);
    rec.is_client = jv_prng_below(&prng, 2) != 0;
    rec.local = rec.is_client ? number() : 0;
    id(&rec.sid);
    id(&rec.link);
    if (jv_prng_below(&prng, 2) != 0) {
        rec.row = (uint8_t)(1 + jv_prng_below(&prng, sizeof row_from - 1));
        rec.from = row_from[rec.row] == JV_ST_ANY ? (uint8_t)jv_prng_below(&prng, JV_ST_END)
                                                  : row_from[rec.row];
        rec.to = (uint8_t)jv_prng_below(&prng, JV_ST_END);
    }
    if (jv_prng_below(&prng, 2) != 0) {
        rec.remote.ip.family = jv_prng_below(&prng, 2) != 0 ? JV_AF_4 : JV_AF_6;
        for (size_t i = 0; i < (rec.remote.ip.family == JV_AF_4 ? 4U : 16U); i++) {
            rec.remote.ip.b[i] = (uint8_t)number();
        }
        rec.remote.port = (uint16_t)(1 + jv_prng_below(&prng, 65535));
    }
    for (uint64_t n = jv_prng_below(&prng, JV_RECORD_FIELDS + 1U); n > 0; n--) {
        jv_record_put(&rec, (enum jv_record_key)jv_prng_below(&prng, JV_FD_END), number());
    }
    string(rec.path, sizeof rec.path);
    string(rec.text, sizeof rec.text);
    return rec;
}

/* Fields may change places between the groups, so they are compared as sets. */
static bool is_same(const struct jv_record *a, const struct jv_record *b)
{
    for (size_t i = 0; i < a->fields_len; i++) {
        enum jv_record_key key = (enum jv_record_key)a->fields[i].key;
        if (jv_record_get(b, key, ~a->fields[i].value) != a->fields[i].value) {
            return false;
        }
    }
    return a->fields_len == b->fields_len && a->seq == b->seq && a->cause == b->cause &&
           a->v == b->v && a->local == b->local && a->is_client == b->is_client &&
           a->policy == b->policy && a->event == b->event && a->reason == b->reason &&
           a->row == b->row && a->from == b->from && a->to == b->to && a->rule == b->rule &&
           memcmp(&a->sid, &b->sid, sizeof a->sid) == 0 &&
           memcmp(&a->link, &b->link, sizeof a->link) == 0 &&
           jv_endpoint_is_equal(&a->remote, &b->remote) && strcmp(a->path, b->path) == 0 &&
           strcmp(a->text, b->text) == 0;
}

static const char *round_trip(void)
{
    struct jv_record rec = draw();
    uint64_t wall_ns = jv_prng_next(&prng) % 18400000000000000000ULL;
    char node[JV_NAME_BYTES];
    char line[JV_RECORD_LINE_BYTES];
    char hash[JV_RECORD_HASH_TEXT];
    string(node, sizeof node);
    size_t len = jv_record_write(&rec, wall_ns, node, ZERO_HASH, line, sizeof line, hash);
    struct jv_record_line got;
    for (size_t i = 0; i + 1 < len; i++) {
        if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f) {
            return "a control character stands in the line";
        }
    }
    if (len == 0 || strlen(line) != len || jv_record_read(line, len, &got) != JV_E_OK) {
        return "a written line is not read";
    }
    if (!is_same(&rec, &got.rec) || got.rec.at.ns != wall_ns - wall_ns % JV_NS_PER_US ||
        strcmp(got.node, node) != 0 || strcmp(got.hash, hash) != 0) {
        return "the record changed on its way";
    }
    size_t at = jv_prng_below(&prng, len - 1);
    line[at] = (char)((uint8_t)line[at] ^ (1U << jv_prng_below(&prng, 8)));
    return jv_record_read(line, len, &got) == JV_E_OK ? "a changed byte is accepted" : NULL;
}

int main(void)
{
    const char *wrong = jv_crypto_init() == JV_E_OK ? NULL : "no crypto";
    unsigned run = 0;
    while (wrong == NULL && run < RUNS) {
        wrong = round_trip();
        run++;
    }
    printf("1..1\n%s 1 - prop_record_roundtrip (%u records)%s%s\n", wrong == NULL ? "ok" : "not ok",
           run, wrong == NULL ? "" : ": ", wrong == NULL ? "" : wrong);
    return wrong == NULL ? 0 : 1;
}
