/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_RECORD_H
#define JV_CORE_RECORD_H
/*
 * record -- one audit record: the struct that the core emits, its JSON line, and the strict reader of that line.
 *
 * Line     {"ts","seq","node","sid","event","from","to","v","local","row","reason","cause","path","remote","link","seen":{..},
 *          "limits":{..},"rule","policy","text","prev","hash"}; a member that has nothing to say is left out, the order is this
 *          one, hash is last. `hash` is SHA-256 in hex of the previous hash's hex (64 characters) and the line's bytes up to `,"hash"`
 *          (design §7). The first line of a file has prev = 64 zeroes; a file that continues a rotated one has the last hash of that.
 * Strings  bytes 20..7e and well-formed UTF-8 stand as they are, `"` and `\` behind a backslash; every other byte, control characters and
 *          what is not UTF-8, is \u00XX of that byte in lower-case hex (RFC 8259 §7). There is no other escape and no second spelling.
 * Numbers  decimal, without sign or leading zeros. Zero is left out where it means "none" (v, cause, policy).
 * Counts   `seq` counts the records of one core without a gap; a gap in a file is loss. `v` is the gateway's state_version, `local`
 *          the client's own sequence (0: the file is a gateway's); each STATE_CHANGE adds exactly 1 to the file's own count.
 * Bounds   a line is at most JV_RECORD_LINE_BYTES with its newline and NUL.
 * Threads  none: pure functions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "bounds.h"
#include "endpoint.h"
#include "errors.h"
#include "instant.h"
#include "reason.h"

#define JV_RECORD_FIELDS 12U
#define JV_RECORD_TEXT_BYTES 96U
/* The longest record, each byte of its strings escaped, stays below it (tests/unit/test_record.c). */
#define JV_RECORD_LINE_BYTES 2560U
#define JV_RECORD_HASH_TEXT 65U /* 64 hex digits and NUL */

enum jv_state {
    JV_ST_BIRTH,
    JV_ST_ATTACHED,
    JV_ST_VOLATILE,
    JV_ST_DEGRADED,
    JV_ST_RECOVERING,
    JV_ST_TERMINATED,
    JV_ST_END
};

enum jv_event_type {
    JV_REC_NONE = 0,
#define EV(name, lane) JV_REC_##name,
#include "record.def"
#undef EV
    JV_REC_END
};
enum jv_record_lane { JV_LANE_T, JV_LANE_S, JV_LANE_M };

enum jv_record_key {
#define FD(name, group, class) JV_FD_##name,
#include "record.def"
#undef FD
    JV_FD_END
};

enum jv_rule {
#define RU(name, text) JV_RULE_##name,
#include "record.def"
#undef RU
    JV_RULE_END
};

/* Rows of the transition table, for the record and for verify. JV_ROW_NONE: the record is no transition. */
enum jv_row {
    JV_ROW_NONE = 0,
    JV_ROW_FIRST = 1 /* then the place in transition.def, counted from 1 */
};

struct jv_record_field {
    uint16_t key; /* enum jv_record_key */
    uint64_t value;
};

struct jv_record {
    struct jv_instant at; /* the writer turns it into ts */
    uint64_t seq;
    uint64_t cause; /* seq of the record that led here; 0: none */
    uint64_t v, local;
    struct jv_sid sid;  /* all zero: no session yet, or the daemon itself */
    struct jv_sid link; /* the older or newer session this one is linked with; all zero: none */
    struct jv_endpoint remote; /* family NONE: none; its port is never 0 */
    uint32_t policy;           /* id of the policy snapshot; 0: none */
    uint16_t event;            /* enum jv_event_type */
    uint16_t reason;           /* enum jv_why; 0: none */
    uint8_t row;               /* enum jv_row */
    uint8_t from, to;          /* enum jv_state, where row is set */
    uint8_t rule;              /* enum jv_rule */
    uint8_t fields_len;
    bool is_client; /* print `local` */
    struct jv_record_field fields[JV_RECORD_FIELDS];
    char path[JV_NAME_BYTES]; /* "" none; "fibre/udp" */
    char text
        [JV_RECORD_TEXT_BYTES]; /* "" none: a user's name, a daemon's version; escaped by the writer */
};

/* Add a measured value or a limit, or replace it; what does not fit is dropped (JV_RECORD_FIELDS suffices for every record of the core). */
void jv_record_put(struct jv_record *rec, enum jv_record_key key, uint64_t value);
/* The value of `key`, or `absent`. */
uint64_t jv_record_get(const struct jv_record *rec, enum jv_record_key key, uint64_t absent);

const char *jv_state_name(enum jv_state state);
const char *jv_event_name(enum jv_event_type event);
const char *jv_rule_text(enum jv_rule rule);
const char *jv_field_name(enum jv_record_key key);
bool jv_field_is_limit(enum jv_record_key key);
enum jv_record_lane jv_event_lane(enum jv_event_type event);
/* "TR-01" of a row's place in transition.def; "" for JV_ROW_NONE. */
const char *jv_row_name(uint8_t row);

/*
 * Write the line with its newline and NUL. `wall_ns` is the wall clock (Unix epoch) at rec->at; `prev` and `hash_out` are 64 hex
 * digits with a NUL. A record whose numbers are outside the tables is a bug of the caller (JV_ASSERT). Returns the bytes written without the NUL; 0 where `cap` is too small.
 */
size_t jv_record_write(const struct jv_record *rec, uint64_t wall_ns, const char *node,
                       const char *prev, char *out, size_t cap, char hash_out[JV_RECORD_HASH_TEXT]);

/* What the reader found beside the record itself. */
struct jv_record_line {
    struct jv_record rec; /* `at` holds the wall clock of ts, in ns */
    char node[JV_NAME_BYTES];
    char prev[JV_RECORD_HASH_TEXT], hash[JV_RECORD_HASH_TEXT];
    const char *error; /* on failure: what is wrong, a static text */
    size_t error_at;   /* byte offset in the line */
};
/*
 * Strict: exactly the form that jv_record_write() makes, with or without the newline. JV_E_SYNTAX: not that form. JV_E_AUTH: the form
 * is right and `hash` does not match the bytes.
 */
JV_MUST_USE enum jv_err jv_record_read(const char *line, size_t len, struct jv_record_line *out);
#endif /* JV_CORE_RECORD_H */
