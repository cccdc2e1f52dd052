/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader. It takes the members in the one order that the writer uses and then writes the record again: what differs in
 * a single byte is refused, so that a line has one spelling and no second parser can read it otherwise.
 */
#include <string.h>

#include "record.h"

#define HEX_LEN 64U

struct scan {
    const char *line;
    size_t len, at;
    const char *error;
};

static bool fail(struct scan *s, const char *error)
{
    if (s->error == NULL) {
        s->error = error;
    }
    return false;
}

/* Take `text` if it stands here. Compared byte by byte: a loop for the length would become a call of strlen(). */
static bool has(struct scan *s, const char *text)
{
    size_t n = 0;
    while (text[n] != '\0' && s->at + n < s->len && s->line[s->at + n] == text[n]) {
        n++;
    }
    if (s->error != NULL || text[n] != '\0') {
        return false;
    }
    s->at += n;
    return true;
}

static bool expect(struct scan *s, const char *text, const char *error)
{
    return has(s, text) || fail(s, error);
}

static bool read_number(struct scan *s, uint64_t max, uint64_t *out)
{
    size_t start = s->at;
    uint64_t v = 0;
    while (s->at < s->len && s->line[s->at] >= '0' && s->line[s->at] <= '9') {
        uint64_t digit = (uint64_t)(s->line[s->at] - '0');
        if (v > (max - digit) / 10) {
            return fail(s, "number is out of range");
        }
        v = v * 10 + digit;
        s->at++;
    }
    if (s->at == start || (s->line[start] == '0' && s->at - start > 1)) {
        s->at = start;
        return fail(s, "a decimal number without leading zeros is due here");
    }
    *out = v;
    return true;
}

/* A number that the writer leaves out where it is zero. */
static bool read_positive(struct scan *s, uint64_t max, uint64_t *out)
{
    size_t start = s->at;
    if (!read_number(s, max, out)) {
        return false;
    }
    if (*out == 0) {
        s->at = start;
        return fail(s, "zero is never written here");
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `len` bytes as lower-case hex, then the closing quote. */
static bool read_hex(struct scan *s, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < 2 * len; i++, s->at++) {
        int v = s->at < s->len ? hex_value(s->line[s->at]) : -1;
        if (v < 0) {
            return fail(s, "a lower-case hex digit is due here");
        }
        out[i / 2] = i % 2 == 0 ? (uint8_t)(v << 4) : (uint8_t)(out[i / 2] | v);
    }
    return expect(s, "\"", "the text of hex digits is too long");
}

static bool read_hash(struct scan *s, char out[JV_RECORD_HASH_TEXT])
{
    uint8_t digest[HEX_LEN / 2];
    size_t start = s->at;
    if (!read_hex(s, digest, sizeof digest)) {
        return false;
    }
    memcpy(out, s->line + start, HEX_LEN);
    out[HEX_LEN] = '\0';
    return true;
}

/* Two hex digits of \u00XX. */
static bool read_escape(struct scan *s, char *out)
{
    if (has(s, "\"") || has(s, "\\")) {
        *out = s->line[s->at - 1];
        return true;
    }
    if (!expect(s, "u00", "no such escape")) {
        return false;
    }
    int high = s->len - s->at >= 2 ? hex_value(s->line[s->at]) : -1;
    int low = s->len - s->at >= 2 ? hex_value(s->line[s->at + 1]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
        return fail(s, "no such escape");
    }
    *out = (char)(high << 4 | low);
    s->at += 2;
    return true;
}

/* A string after its opening quote; the comparison at the end finds what was escaped without need. */
static bool read_string(struct scan *s, char *out, size_t cap)
{
    size_t n = 0;
    while (s->at < s->len && s->line[s->at] != '"') {
        if (n + 1 >= cap) {
            return fail(s, "string is too long");
        }
        char c = s->line[s->at++];
        if (c == '\0') {
            s->at--;
            return fail(s, "control character in a string");
        }
        if (c == '\\' && !read_escape(s, &c)) {
            return false;
        }
        out[n++] = c;
    }
    if (n == 0) {
        return fail(s, "an empty string is never written");
    }
    out[n] = '\0';
    return expect(s, "\"", "string has no end");
}

/* The bytes up to the closing quote, which is taken; for names out of tables. */
static bool read_name(struct scan *s, const char **name_out, size_t *len_out)
{
    const char *start = s->line + s->at;
    const char *end = s->error == NULL ? memchr(start, '"', s->len - s->at) : NULL;
    if (end == NULL) {
        return fail(s, "string has no end");
    }
    *name_out = start;
    *len_out = (size_t)(end - start);
    s->at += *len_out + 1;
    return true;
}

static bool is_name(const char *name, size_t len, const char *text)
{
    size_t n = 0;
    while (n < len && text[n] == name[n] && text[n] != '\0') {
        n++;
    }
    return n == len && text[n] == '\0';
}

/* Put the offset back to where the unknown name begins. */
static bool fail_name(struct scan *s, const char *name, const char *error)
{
    s->at = (size_t)(name - s->line);
    return fail(s, error);
}

static bool read_ts(struct scan *s, uint64_t *ns_out)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    uint64_t part[7] = {0};
    size_t k = 0;
    for (size_t i = 0; i < sizeof form - 1; i++, s->at++) {
        char c = s->at < s->len ? s->line[s->at] : '\0';
        if (form[i] == 'd' ? c < '0' || c > '9' : c != form[i]) {
            return fail(s, "a time like 2026-11-21T09:12:41.402183Z is due here");
        }
        if (form[i] == 'd') {
            part[k] = part[k] * 10 + (uint64_t)(c - '0');
        } else {
            k++;
        }
    }
    s->at -= sizeof form - 1;
    /* 64 bits of nanoseconds end within the year 2554. */
    if (part[0] < 1970 || part[0] > 2553 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 59) {
        return fail(s, "no such time");
    }
    uint64_t y = part[1] <= 2 ? part[0] - 1 : part[0];
    uint64_t mp = part[1] > 2 ? part[1] - 3 : part[1] + 9;
    uint64_t doe = y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + (153 * mp + 2) / 5 + part[2] - 1;
    uint64_t days = y / 400 * 146097 + doe - 719468;
    uint64_t seconds = ((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5];
    *ns_out = seconds * JV_NS_PER_S + part[6] * JV_NS_PER_US;
    s->at += sizeof form - 1;
    return true;
}

static bool read_event(struct scan *s, uint16_t *out)
{
    const char *name = NULL;
    size_t len = 0;
    if (!expect(s, ",\"event\":\"", "unknown member, or members out of order") ||
        !read_name(s, &name, &len)) {
        return false;
    }
    for (uint16_t event = JV_REC_NONE + 1; event < JV_REC_END; event++) {
        if (is_name(name, len, jv_event_name((enum jv_event_type)event))) {
            *out = event;
            return true;
        }
    }
    return fail_name(s, name, "no such event");
}

static bool read_state(struct scan *s, uint8_t *out)
{
    const char *name = NULL;
    size_t len = 0;
    if (!read_name(s, &name, &len)) {
        return false;
    }
    for (uint8_t state = 0; state < JV_ST_END; state++) {
        if (is_name(name, len, jv_state_name((enum jv_state)state))) {
            *out = state;
            return true;
        }
    }
    return fail_name(s, name, "no such state");
}

/*
 * TR-18 and TR-20 name several places of the table; `from` tells which one is meant. Where none fits, any place of that name is
 * taken: whether a row may start in a state is for verify to judge.
 */
static bool read_row(struct scan *s, struct jv_record *rec)
{
    static const uint8_t from_of[] = {
        JV_ST_END,
#define JV_ST_ANY JV_ST_END
#define T(row, from, event, to, reasons, actions) JV_ST_##from,
#include "transition.def"
#undef T
    };
    const char *name = NULL;
    size_t len = 0;
    if (!read_name(s, &name, &len)) {
        return false;
    }
    for (uint8_t row = JV_ROW_FIRST; row < JV_ARRAY_LEN(from_of); row++) {
        if (is_name(name, len, jv_row_name(row)) &&
            (rec->row == JV_ROW_NONE || from_of[row] == rec->from)) {
            rec->row = row;
        }
    }
    return rec->row != JV_ROW_NONE || fail_name(s, name, "no such row");
}

static bool read_states(struct scan *s, struct jv_record *rec)
{
    bool is_transition = has(s, ",\"from\":\"");
    if (is_transition &&
        (!read_state(s, &rec->from) || !expect(s, ",\"to\":\"", "\"to\" must follow \"from\"") ||
         !read_state(s, &rec->to))) {
        return false;
    }
    if (has(s, ",\"v\":") && !read_positive(s, UINT64_MAX, &rec->v)) {
        return false;
    }
    if (has(s, ",\"local\":")) {
        rec->is_client = true;
        if (!read_number(s, UINT64_MAX, &rec->local)) {
            return false;
        }
    }
    return !is_transition ||
           (expect(s, ",\"row\":\"", "a transition must name its row") && read_row(s, rec));
}

static bool read_reason(struct scan *s, uint16_t *out)
{
    const char *name = NULL;
    size_t len = 0;
    if (!read_name(s, &name, &len)) {
        return false;
    }
    *out = (uint16_t)jv_why_parse(name, len);
    return *out != JV_WHY_NONE || fail_name(s, name, "no such reason");
}

static bool read_remote(struct scan *s, struct jv_endpoint *out)
{
    char text[JV_ADDR_TEXT_BYTES];
    size_t start = s->at;
    if (!read_string(s, text, sizeof text)) {
        return false;
    }
    if (jv_endpoint_parse(text, 0, out) != JV_E_OK) {
        s->at = start;
        return fail(s, "no such address and port");
    }
    return true;
}

static bool read_fields(struct scan *s, struct jv_record *rec, bool is_limit)
{
    do {
        const char *name = NULL;
        size_t len = 0;
        uint16_t key = 0;
        if (!expect(s, "\"", "a measured value or a limit is due here") ||
            !read_name(s, &name, &len)) {
            return false;
        }
        while (key < JV_FD_END && !is_name(name, len, jv_field_name((enum jv_record_key)key))) {
            key++;
        }
        if (key == JV_FD_END || jv_field_is_limit((enum jv_record_key)key) != is_limit) {
            return fail_name(s, name, "no such value in this group");
        }
        for (size_t i = 0; i < rec->fields_len; i++) {
            if (rec->fields[i].key == key) {
                return fail_name(s, name, "value is there twice");
            }
        }
        if (rec->fields_len == JV_RECORD_FIELDS) {
            return fail_name(s, name, "too many values");
        }
        struct jv_record_field *field = &rec->fields[rec->fields_len++];
        field->key = key;
        if (!expect(s, ":", "a colon is due here") || !read_number(s, UINT64_MAX, &field->value)) {
            return false;
        }
    } while (has(s, ","));
    return expect(s, "}", "the group of values has no end");
}

static bool read_rule(struct scan *s, uint8_t *out)
{
    const char *name = NULL;
    size_t len = 0;
    if (!read_name(s, &name, &len)) {
        return false;
    }
    for (uint8_t rule = JV_RULE_NONE + 1; rule < JV_RULE_END; rule++) {
        if (is_name(name, len, jv_rule_text((enum jv_rule)rule))) {
            *out = rule;
            return true;
        }
    }
    return fail_name(s, name, "no such rule");
}

/* Everything between `event` and `prev`. Each member is absent or right. */
static bool read_members(struct scan *s, struct jv_record *rec)
{
    uint64_t policy = 0;
    bool ok = read_event(s, &rec->event) && read_states(s, rec) &&
              (!has(s, ",\"reason\":\"") || read_reason(s, &rec->reason)) &&
              (!has(s, ",\"cause\":") || read_positive(s, UINT64_MAX, &rec->cause)) &&
              (!has(s, ",\"path\":\"") || read_string(s, rec->path, sizeof rec->path)) &&
              (!has(s, ",\"remote\":\"") || read_remote(s, &rec->remote)) &&
              (!has(s, ",\"link\":\"") || read_hex(s, rec->link.b, sizeof rec->link.b)) &&
              (!has(s, ",\"seen\":{") || read_fields(s, rec, false)) &&
              (!has(s, ",\"limits\":{") || read_fields(s, rec, true)) &&
              (!has(s, ",\"rule\":\"") || read_rule(s, &rec->rule)) &&
              (!has(s, ",\"policy\":") || read_positive(s, UINT32_MAX, &policy)) &&
              (!has(s, ",\"text\":\"") || read_string(s, rec->text, sizeof rec->text));
    rec->policy = (uint32_t)policy;
    return ok;
}

/* Where the line first differs from what the writer makes of the same record; s->len where it does not. */
static size_t first_difference(const struct scan *s, const struct jv_record_line *out,
                               char hash[JV_RECORD_HASH_TEXT])
{
    char again[JV_RECORD_LINE_BYTES];
    size_t len =
        jv_record_write(&out->rec, out->rec.at.ns, out->node, out->prev, again, sizeof again, hash);
    size_t at = 0;
    while (at < len && at < s->len && again[at] == s->line[at]) {
        at++;
    }
    return at;
}

static enum jv_err read_line(struct scan *s, struct jv_record_line *out)
{
    bool ok = expect(s, "{\"ts\":\"", "the line must begin with {\"ts\":") &&
              read_ts(s, &out->rec.at.ns) &&
              expect(s, "\",\"seq\":", "unknown member, or members out of order") &&
              read_positive(s, UINT64_MAX, &out->rec.seq) &&
              (!has(s, ",\"node\":\"") || read_string(s, out->node, sizeof out->node)) &&
              (!has(s, ",\"sid\":\"") || read_hex(s, out->rec.sid.b, sizeof out->rec.sid.b)) &&
              read_members(s, &out->rec) &&
              expect(s, ",\"prev\":\"", "unknown member, or members out of order") &&
              read_hash(s, out->prev);
    size_t hash_at = s->at;
    ok = ok && expect(s, ",\"hash\":\"", "\"hash\" must follow \"prev\"") &&
         read_hash(s, out->hash) && expect(s, "}", "nothing may follow \"hash\"");
    if (ok && s->at != s->len) {
        ok = fail(s, "nothing may follow the line");
    }
    if (!ok) {
        return JV_E_SYNTAX;
    }
    char hash[JV_RECORD_HASH_TEXT] = "";
    size_t at = first_difference(s, out, hash);
    if (at < hash_at) {
        s->at = at;
        (void)fail(s, "not the one spelling that the writer uses"); /* always false */
        return JV_E_SYNTAX;
    }
    if (memcmp(hash, out->hash, sizeof hash) != 0) {
        s->at = hash_at;
        (void)fail(s, "hash does not match the line"); /* always false */
        return JV_E_AUTH;
    }
    return JV_E_OK;
}

enum jv_err jv_record_read(const char *line, size_t len, struct jv_record_line *out)
{
    *out = (struct jv_record_line){0};
    if (len > 0 && line[len - 1] == '\n') {
        len--;
    }
    struct scan s = {line, len, 0, NULL};
    if (len + 2 > JV_RECORD_LINE_BYTES) {
        s.at = JV_RECORD_LINE_BYTES - 2;
        (void)fail(&s, "line is too long"); /* always false */
    }
    enum jv_err err = s.error == NULL ? read_line(&s, out) : JV_E_SYNTAX;
    out->error = s.error;
    out->error_at = s.at;
    return err;
}
