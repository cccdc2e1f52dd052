/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_POLICY_H
#define JV_CORE_POLICY_H
/*
 * policy -- bounds as data: the struct, its presets, its checks. Everything here is pure.
 *
 * Fields, ranges and presets come from policy.def; ratios are ppm, durations milliseconds. A
 * session carries an immutable copy.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

enum jv_protocol {
    JV_PROTO_UDP = 1,
    JV_PROTO_QUIC = 2,
    JV_PROTO_TCP = 4
}; /* bits of allowed_protocols */

struct jv_policy {
#define P(name, section, key, unit, min, max, strict, mobile, fast) uint32_t name;
#include "policy.def"
#undef P
};

enum jv_policy_field {
#define P(name, section, key, unit, min, max, strict, mobile, fast) JV_POLICY_##name,
#include "policy.def"
#undef P
    JV_POLICY_FIELDS
};

enum jv_policy_unit { JV_UNIT_MS, JV_UNIT_COUNT, JV_UNIT_PPM, JV_UNIT_BOOL, JV_UNIT_MASK };

/* One row of the table: what the loader, the printer and the manual page need. */
struct jv_policy_row {
    const char *name, *section, *key;
    uint32_t unit; /* enum jv_policy_unit */
    uint32_t min, max;
};
extern const struct jv_policy_row jv_policy_rows[JV_POLICY_FIELDS];

enum jv_preset { JV_PRESET_STRICT, JV_PRESET_MOBILE, JV_PRESET_FAST, JV_PRESETS };
extern const struct jv_policy jv_policy_presets[JV_PRESETS];
extern const char *const jv_preset_names[JV_PRESETS];

uint32_t jv_policy_get(const struct jv_policy *policy, enum jv_policy_field field);
void jv_policy_set(struct jv_policy *policy, enum jv_policy_field field, uint32_t value);

/*
 * The rules that tie fields together ([R §4.2], design §5), after the range of every field. NULL:
 * kept; otherwise what the field must be, in words that follow "it must be", and `field_out` names
 * the field to blame.
 */
#define JV_POLICY_RULES 15U
const char *jv_policy_broken(const struct jv_policy *policy, uint32_t rule,
                             enum jv_policy_field *field_out);

/* A number for these values, never 0: equal policies have equal numbers on every host (FNV-1a). */
uint32_t jv_policy_id(const struct jv_policy *policy);

/* The first broken rule, ranges included, or NULL. */
const char *jv_policy_check(const struct jv_policy *policy, enum jv_policy_field *field_out);

/* Which way a gateway's own value bounds what a client wants in a field. */
enum jv_policy_side {
    JV_SIDE_FREE, /* the client's affair */
    JV_SIDE_MOST, /* no more than the gateway's */
    JV_SIDE_LEAST,
    JV_SIDE_MASK /* only bits that the gateway has as well */
};
enum jv_policy_side jv_policy_side(enum jv_policy_field field);

/* What the operator of a gateway allows at most. */
struct jv_policy_clamp {
    bool has_bounds; /* there is a policy of the gateway's own: each field bounds on its side */
    struct jv_policy bounds;
    /* 0: no limit of its own */
    uint32_t max_lifetime_ms, transport_lost_ttl_ms, heartbeat_min_ms, max_switches_per_min;
};
/*
 * The policy that a session gets: `wanted` within `clamp`. Fields that depend on a clamped one
 * follow it as far as their rules ask (a shorter TTL shortens the recovery window); where that is not
 * enough, all fields of a broken rule become the gateway's, which keep it. So the result passes
 * jv_policy_check(). JV_E_RANGE: `wanted` fails the check, or nothing within `clamp` keeps the rules.
 */
JV_MUST_USE enum jv_err jv_policy_clamp(const struct jv_policy *wanted,
                                        const struct jv_policy_clamp *clamp, struct jv_policy *out);
#endif /* JV_CORE_POLICY_H */
