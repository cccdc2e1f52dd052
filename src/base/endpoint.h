/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_BASE_ENDPOINT_H
#define JV_BASE_ENDPOINT_H
/*
 * endpoint -- IP addresses, prefixes and UDP endpoints of both families, as plain values without padding.
 *
 * Text forms: "192.0.2.1", "2001:db8::1", "10.0.0.0/8", "192.0.2.1:4433", "[2001:db8::1]:4433". A scope (link-local) is a
 * number after '%'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "errors.h"
#include "wire.h"

#define JV_ADDR_TEXT_BYTES 64U /* longest text of an endpoint, with its NUL */

enum jv_family { JV_AF_NONE = 0, JV_AF_4 = 4, JV_AF_6 = 6 };

struct jv_ip {
    uint8_t b[16];  /* network order; IPv4 uses the first four, the rest is zero */
    uint8_t family; /* enum jv_family */
    uint8_t zero[3];
};

struct jv_prefix {
    struct jv_ip ip; /* host bits zero after jv_prefix_parse() unless `host_bits` was asked for */
    uint32_t bits;   /* 0..32 or 0..128 */
};

struct jv_endpoint {
    struct jv_ip ip;
    uint32_t scope; /* interface index of a link-local address, else 0 */
    uint16_t port;  /* host order */
    uint8_t zero[2];
};

JV_INLINE bool jv_ip_is_equal(const struct jv_ip *a, const struct jv_ip *b)
{
    return a->family == b->family && memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool jv_endpoint_is_equal(const struct jv_endpoint *a, const struct jv_endpoint *b)
{
    return a->port == b->port && a->scope == b->scope && jv_ip_is_equal(&a->ip, &b->ip);
}

/* No prefix has an address of no family, and none one of the other family. */
JV_INLINE bool jv_prefix_has(const struct jv_prefix *prefix, const struct jv_ip *ip)
{
    if (ip->family == JV_AF_NONE || prefix->ip.family != ip->family) {
        return false;
    }
    uint64_t high = jv_load64(prefix->ip.b) ^ jv_load64(ip->b);
    uint64_t low = jv_load64(prefix->ip.b + 8) ^ jv_load64(ip->b + 8);
    if (prefix->bits <= 64) {
        return prefix->bits == 0 || high >> (64 - prefix->bits) == 0;
    }
    return high == 0 && (prefix->bits >= 128 ? low == 0 : low >> (128 - prefix->bits) == 0);
}

/* Each returns JV_E_SYNTAX or JV_E_RANGE and leaves the output untouched on bad text. */
JV_MUST_USE enum jv_err jv_ip_parse(const char *text, struct jv_ip *out);
JV_MUST_USE enum jv_err jv_prefix_parse(const char *text, bool host_bits, struct jv_prefix *out);
/* `default_port` is used where the text has none; 0 makes a port mandatory. */
JV_MUST_USE enum jv_err jv_endpoint_parse(const char *text, uint16_t default_port,
                                          struct jv_endpoint *out);

/* Write the text and its NUL; `cap` of JV_ADDR_TEXT_BYTES always suffices. Return the length without the NUL. */
size_t jv_ip_format(const struct jv_ip *ip, char *out, size_t cap);
size_t jv_prefix_format(const struct jv_prefix *prefix, char *out, size_t cap);
size_t jv_endpoint_format(const struct jv_endpoint *ep, char *out, size_t cap);
#endif /* JV_BASE_ENDPOINT_H */
