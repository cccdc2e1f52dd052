/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include <string.h>

#include "crypto.h"

/* ---- names ---- */

static const char *const state_names[JV_ST_END] = {
    [JV_ST_BIRTH] = "BIRTH",           [JV_ST_ATTACHED] = "ATTACHED",
    [JV_ST_VOLATILE] = "VOLATILE",     [JV_ST_DEGRADED] = "DEGRADED",
    [JV_ST_RECOVERING] = "RECOVERING", [JV_ST_TERMINATED] = "TERMINATED",
};

static const char *const event_names[JV_REC_END] = {
    [JV_REC_NONE] = "",
#define EV(name, lane) [JV_REC_##name] = #name,
#include "record.def"
#undef EV
};

static const uint8_t event_lanes[JV_REC_END] = {
    [JV_REC_NONE] = JV_LANE_M,
#define EV(name, lane) [JV_REC_##name] = JV_LANE_##lane,
#include "record.def"
#undef EV
};

static const char *const field_names[JV_FD_END] = {
#define FD(name, group, class) [JV_FD_##name] = #name,
#include "record.def"
#undef FD
};

enum field_group { GROUP_SEEN, GROUP_LIMIT };
static const uint8_t field_groups[JV_FD_END] = {
#define FD(name, group, class) [JV_FD_##name] = GROUP_##group,
#include "record.def"
#undef FD
};

static const char *const rule_texts[JV_RULE_END] = {
#define RU(name, text) [JV_RULE_##name] = text,
#include "record.def"
#undef RU
};

/* The place of a row counts from 1; `from` JV_ST_END stands for ANY. */
#define JV_ST_ANY JV_ST_END
struct row {
    char id[6]; /* "TR_01" */
    uint8_t from, to;
};
static const struct row rows[] = {
    {"", 0, 0},
#define T(row, from, event, to, reasons, actions) {#row, JV_ST_##from, JV_ST_##to},
#include "transition.def"
#undef T
};
#define ROWS_END JV_ARRAY_LEN(rows)

/* Spelt out, because the preprocessor cannot turn TR_01 into TR-01 and the callers want a string that lives forever. */
static const char *const row_names[] = {
    "TR-00", "TR-01", "TR-02", "TR-03", "TR-04", "TR-05", "TR-06", "TR-07",
    "TR-08", "TR-09", "TR-10", "TR-11", "TR-12", "TR-13", "TR-14", "TR-15",
    "TR-16", "TR-17", "TR-18", "TR-19", "TR-20", "TR-21", "TR-22", "TR-23",
    "TR-24", "TR-25", "TR-26", "TR-27", "TR-28", "TR-29", "TR-30", "TR-31",
};

const char *jv_state_name(enum jv_state state)
{
    return state < JV_ST_END ? state_names[state] : "";
}

const char *jv_event_name(enum jv_event_type event)
{
    return event < JV_REC_END ? event_names[event] : "";
}

const char *jv_rule_text(enum jv_rule rule)
{
    return rule < JV_RULE_END ? rule_texts[rule] : "";
}

const char *jv_field_name(enum jv_record_key key)
{
    return key < JV_FD_END ? field_names[key] : "";
}

bool jv_field_is_limit(enum jv_record_key key)
{
    return key < JV_FD_END && field_groups[key] == GROUP_LIMIT;
}

enum jv_record_lane jv_event_lane(enum jv_event_type event)
{
    return event < JV_REC_END ? (enum jv_record_lane)event_lanes[event] : JV_LANE_M;
}

const char *jv_row_name(uint8_t row)
{
    if (row == JV_ROW_NONE || row >= ROWS_END) {
        return "";
    }
    size_t n = (size_t)(rows[row].id[3] - '0') * 10 + (size_t)(rows[row].id[4] - '0');
    JV_ASSERT(n < JV_ARRAY_LEN(row_names));
    return row_names[n];
}

void jv_record_put(struct jv_record *rec, enum jv_record_key key, uint64_t value)
{
    JV_ASSERT(key < JV_FD_END && rec->fields_len <= JV_RECORD_FIELDS);
    for (size_t i = 0; i < rec->fields_len; i++) {
        if (rec->fields[i].key == key) {
            rec->fields[i].value = value;
            return;
        }
    }
    if (rec->fields_len < JV_RECORD_FIELDS) {
        rec->fields[rec->fields_len++] = (struct jv_record_field){(uint16_t)key, value};
    }
}

uint64_t jv_record_get(const struct jv_record *rec, enum jv_record_key key, uint64_t absent)
{
    for (size_t i = 0; i < rec->fields_len; i++) {
        if (rec->fields[i].key == key) {
            return rec->fields[i].value;
        }
    }
    return absent;
}

/* ---- writer ---- */

#define TS_LEN 27U  /* 2026-11-21T09:12:41.402183Z */
#define HEX_LEN 64U /* a SHA-256 */

static const char hex_digits[] = "0123456789abcdef";

struct pen {
    char *at;
    size_t left;
    bool full;
};

static size_t text_len(const char *text, size_t cap)
{
    const char *end = memchr(text, '\0', cap);
    return end == NULL ? cap : (size_t)(end - text);
}

static void put(struct pen *pen, const char *text, size_t len)
{
    if (pen->full || pen->left < len) {
        pen->full = true;
        return;
    }
    memcpy(pen->at, text, len);
    pen->at += len;
    pen->left -= len;
}

/* For texts of this program; none is longer than a line. */
static void put_text(struct pen *pen, const char *text)
{
    put(pen, text, text_len(text, JV_RECORD_LINE_BYTES));
}

static void put_number(struct pen *pen, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(pen, digits + at, sizeof digits - at);
}

static void put_hex(struct pen *pen, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char pair[2] = {hex_digits[bytes[i] >> 4], hex_digits[bytes[i] & 15]};
        put(pen, pair, sizeof pair);
    }
}

static bool is_tail(const uint8_t *b, size_t len, size_t i)
{
    return i < len && (b[i] & 0xc0) == 0x80;
}

/* Bytes of the well-formed UTF-8 sequence of more than one byte at `b` (Unicode table 3-7); 0 where there is none. */
static size_t utf8_len(const uint8_t *b, size_t len)
{
    if (b[0] >= 0xc2 && b[0] <= 0xdf) {
        return is_tail(b, len, 1) ? 2 : 0;
    }
    if (b[0] >= 0xe0 && b[0] <= 0xef) {
        bool ok = is_tail(b, len, 1) && is_tail(b, len, 2) && (b[0] != 0xe0 || b[1] >= 0xa0) &&
                  (b[0] != 0xed || b[1] <= 0x9f);
        return ok ? 3 : 0;
    }
    if (b[0] >= 0xf0 && b[0] <= 0xf4) {
        bool ok = is_tail(b, len, 1) && is_tail(b, len, 2) && is_tail(b, len, 3) &&
                  (b[0] != 0xf0 || b[1] >= 0x90) && (b[0] != 0xf4 || b[1] <= 0x8f);
        return ok ? 4 : 0;
    }
    return 0;
}

static void put_string(struct pen *pen, const char *text, size_t cap)
{
    const uint8_t *b = (const uint8_t *)text;
    size_t len = text_len(text, cap);
    put(pen, "\"", 1);
    for (size_t i = 0; i < len;) {
        size_t n = 1;
        if (b[i] == '"' || b[i] == '\\') {
            const char pair[2] = {'\\', text[i]};
            put(pen, pair, sizeof pair);
        } else if (b[i] >= 0x20 && b[i] < 0x7f) {
            put(pen, text + i, 1);
        } else if ((n = utf8_len(b + i, len - i)) > 0) {
            put(pen, text + i, n);
        } else {
            put(pen, "\\u00", 4);
            put_hex(pen, b + i, 1);
            n = 1;
        }
        i += n;
    }
    put(pen, "\"", 1);
}

/* The civil date of a day number, by Howard Hinnant's "chrono-compatible low-level date algorithms". */
static void put_ts(struct pen *pen, uint64_t wall_ns)
{
    uint64_t s = wall_ns / JV_NS_PER_S;
    uint64_t z = s / 86400 + 719468;
    uint64_t era = z / 146097;
    uint64_t doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9;
    const uint64_t value[7] = {yoe + era * 400 + (month <= 2 ? 1 : 0),
                               month,
                               doy - (153 * mp + 2) / 5 + 1,
                               s / 3600 % 24,
                               s / 60 % 60,
                               s % 60,
                               wall_ns / JV_NS_PER_US % 1000000};
    static const uint8_t width[7] = {4, 2, 2, 2, 2, 2, 6};
    static const char after[7] = {'-', '-', 'T', ':', ':', '.', 'Z'};
    for (size_t i = 0; i < 7; i++) {
        char digits[7];
        uint64_t v = value[i];
        for (size_t k = width[i]; k-- > 0;) {
            digits[k] = (char)('0' + v % 10);
            v /= 10;
        }
        digits[width[i]] = after[i];
        put(pen, digits, width[i] + 1U);
    }
}

/* `name` with its comma, quotes and colon. */
static void put_member_text(struct pen *pen, const char *name, const char *text)
{
    put_text(pen, name);
    put(pen, "\"", 1);
    put_text(pen, text);
    put(pen, "\"", 1);
}

static void put_member_number(struct pen *pen, const char *name, uint64_t value)
{
    put_text(pen, name);
    put_number(pen, value);
}

static void put_member_string(struct pen *pen, const char *name, const char *text, size_t cap)
{
    if (text[0] != '\0') {
        put_text(pen, name);
        put_string(pen, text, cap);
    }
}

static bool sid_is_none(const struct jv_sid *sid)
{
    static const struct jv_sid none;
    return memcmp(sid, &none, sizeof none) == 0;
}

static void put_member_sid(struct pen *pen, const char *name, const struct jv_sid *sid)
{
    if (!sid_is_none(sid)) {
        put_text(pen, name);
        put(pen, "\"", 1);
        put_hex(pen, sid->b, sizeof sid->b);
        put(pen, "\"", 1);
    }
}

static void put_fields(struct pen *pen, const struct jv_record *rec, enum field_group group,
                       const char *name)
{
    bool any = false;
    for (size_t i = 0; i < rec->fields_len; i++) {
        if (field_groups[rec->fields[i].key] != group) {
            continue;
        }
        put_text(pen, any ? "," : name);
        put(pen, "\"", 1);
        put_text(pen, field_names[rec->fields[i].key]);
        put_member_number(pen, "\":", rec->fields[i].value);
        any = true;
    }
    if (any) {
        put(pen, "}", 1);
    }
}

static void put_state(struct pen *pen, const struct jv_record *rec)
{
    if (rec->row != JV_ROW_NONE) {
        put_member_text(pen, ",\"from\":", state_names[rec->from]);
        put_member_text(pen, ",\"to\":", state_names[rec->to]);
    }
    if (rec->v != 0) {
        put_member_number(pen, ",\"v\":", rec->v);
    }
    if (rec->is_client) {
        put_member_number(pen, ",\"local\":", rec->local);
    }
    if (rec->row != JV_ROW_NONE) {
        put_member_text(pen, ",\"row\":", jv_row_name(rec->row));
    }
    if (rec->reason != JV_WHY_NONE) {
        put_member_text(pen, ",\"reason\":", jv_why_name((enum jv_why)rec->reason));
    }
    if (rec->cause != 0) {
        put_member_number(pen, ",\"cause\":", rec->cause);
    }
}

/* A record outside the tables is a bug of the core: strangers choose no number in it. */
static void check(const struct jv_record *rec)
{
    JV_ASSERT(rec->event > JV_REC_NONE && rec->event < JV_REC_END && rec->reason < JV_WHY_END);
    JV_ASSERT(rec->row < ROWS_END && rec->from < JV_ST_END && rec->to < JV_ST_END);
    JV_ASSERT(rec->rule < JV_RULE_END && rec->fields_len <= JV_RECORD_FIELDS && rec->seq > 0);
    for (size_t i = 0; i < rec->fields_len; i++) {
        JV_ASSERT(rec->fields[i].key < JV_FD_END);
    }
}

static void hash_text(const char *prev, const char *line, size_t len, char out[JV_RECORD_HASH_TEXT])
{
    uint8_t digest[32];
    const struct jv_bytes parts[2] = {{prev, HEX_LEN}, {line, len}};
    jv_sha256(parts, 2, digest);
    struct pen pen = {out, HEX_LEN, false};
    put_hex(&pen, digest, sizeof digest);
    out[HEX_LEN] = '\0';
}

size_t jv_record_write(const struct jv_record *rec, uint64_t wall_ns, const char *node,
                       const char *prev, char *out, size_t cap, char hash_out[JV_RECORD_HASH_TEXT])
{
    check(rec);
    struct pen pen = {out, cap, false};
    put_text(&pen, "{\"ts\":\"");
    put_ts(&pen, wall_ns);
    put_member_number(&pen, "\",\"seq\":", rec->seq);
    put_member_string(&pen, ",\"node\":", node, JV_NAME_BYTES - 1);
    put_member_sid(&pen, ",\"sid\":", &rec->sid);
    put_member_text(&pen, ",\"event\":", event_names[rec->event]);
    put_state(&pen, rec);
    put_member_string(&pen, ",\"path\":", rec->path, sizeof rec->path - 1);
    if (rec->remote.ip.family != JV_AF_NONE) {
        char remote[JV_ADDR_TEXT_BYTES];
        (void)jv_endpoint_format(&rec->remote, remote,
                                 sizeof remote); /* the size always suffices */
        put_member_text(&pen, ",\"remote\":", remote);
    }
    put_member_sid(&pen, ",\"link\":", &rec->link);
    put_fields(&pen, rec, GROUP_SEEN, ",\"seen\":{");
    put_fields(&pen, rec, GROUP_LIMIT, ",\"limits\":{");
    if (rec->rule != JV_RULE_NONE) {
        put_member_text(&pen, ",\"rule\":", rule_texts[rec->rule]);
    }
    if (rec->policy != 0) {
        put_member_number(&pen, ",\"policy\":", rec->policy);
    }
    put_member_string(&pen, ",\"text\":", rec->text, sizeof rec->text - 1);
    put_member_text(&pen, ",\"prev\":", prev);
    char hash[JV_RECORD_HASH_TEXT] = "";
    if (!pen.full) {
        hash_text(prev, out, cap - pen.left, hash);
    }
    put_member_text(&pen, ",\"hash\":", hash);
    put(&pen, "}\n", sizeof "}\n"); /* with its NUL */
    if (pen.full) {
        return 0;
    }
    memcpy(hash_out, hash, sizeof hash);
    return cap - pen.left - 1;
}
