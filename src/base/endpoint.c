/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static uint32_t family_bits(uint8_t family)
{
    return family == JV_AF_4 ? 32 : family == JV_AF_6 ? 128 : 0;
}

/* Zero the bits behind the first `bits`. */
static void mask_host(struct jv_ip *ip, uint32_t bits)
{
    for (uint32_t i = 0; i < sizeof ip->b; i++) {
        uint32_t kept = bits > 8 * i ? JV_MIN(bits - 8 * i, 8U) : 0;
        ip->b[i] &= (uint8_t)(0xff00U >> kept);
    }
}

/* inet_pton() wants a terminated string, while an address may end before the text does. */
static enum jv_err parse_ip(const char *text, size_t len, struct jv_ip *out)
{
    char copy[JV_ADDR_TEXT_BYTES];
    if (len == 0 || len >= sizeof copy) {
        return JV_E_SYNTAX;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    struct jv_ip ip = {0};
    if (inet_pton(AF_INET, copy, ip.b) == 1) {
        ip.family = JV_AF_4;
    } else if (inet_pton(AF_INET6, copy, ip.b) == 1) {
        ip.family = JV_AF_6;
    } else {
        return JV_E_SYNTAX;
    }
    *out = ip;
    return JV_E_OK;
}

/* A decimal number without sign, spaces or leading zeros, so that each value has one spelling. */
static enum jv_err parse_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    if (len == 0 || (len > 1 && text[0] == '0')) {
        return JV_E_SYNTAX;
    }
    uint64_t v = 0;
    bool too_big = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return JV_E_SYNTAX;
        }
        v = too_big ? v : v * 10 + (uint64_t)(text[i] - '0');
        too_big = v > max;
    }
    if (too_big) {
        return JV_E_RANGE;
    }
    *out = v;
    return JV_E_OK;
}

enum jv_err jv_ip_parse(const char *text, struct jv_ip *out)
{
    return parse_ip(text, strlen(text), out);
}

enum jv_err jv_prefix_parse(const char *text, bool host_bits, struct jv_prefix *out)
{
    const char *slash = strchr(text, '/');
    struct jv_prefix prefix = {0};
    enum jv_err err =
        parse_ip(text, slash == NULL ? strlen(text) : (size_t)(slash - text), &prefix.ip);
    if (err != JV_E_OK) {
        return err;
    }
    /* A bare address is the prefix of that one address, as in WireGuard's AllowedIPs. */
    uint64_t bits = family_bits(prefix.ip.family);
    if (slash != NULL) {
        err = parse_number(slash + 1, strlen(slash + 1), bits, &bits);
        if (err != JV_E_OK) {
            return err;
        }
    }
    prefix.bits = (uint32_t)bits;
    if (!host_bits) {
        mask_host(&prefix.ip, prefix.bits);
    }
    *out = prefix;
    return JV_E_OK;
}

static bool is_link_local(const struct jv_ip *ip)
{
    return ip->family == JV_AF_6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0U) == 0x80;
}

/* An address with an optional scope; a scope means something only where the address is link-local. */
static enum jv_err parse_scoped(const char *text, size_t len, struct jv_endpoint *ep)
{
    const char *percent = memchr(text, '%', len);
    size_t ip_len = percent == NULL ? len : (size_t)(percent - text);
    enum jv_err err = parse_ip(text, ip_len, &ep->ip);
    if (err != JV_E_OK || percent == NULL) {
        return err;
    }
    uint64_t scope = 0;
    err = parse_number(percent + 1, len - ip_len - 1, UINT32_MAX, &scope);
    if (err != JV_E_OK) {
        return err;
    }
    if (scope == 0 || !is_link_local(&ep->ip)) {
        return JV_E_RANGE;
    }
    ep->scope = (uint32_t)scope;
    return JV_E_OK;
}

/* Split `text` into address and port text; NULL where there is no port. False: brackets are wrong. */
static bool split_port(const char *text, const char **ip_out, size_t *ip_len_out,
                       const char **port_out)
{
    *ip_out = text;
    *port_out = NULL;
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        *ip_out = text + 1;
        *ip_len_out = (size_t)(end - text) - 1;
        *port_out = end[1] == ':' ? end + 2 : NULL;
        return true;
    }
    const char *colon = strchr(text, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        *ip_len_out = (size_t)(colon - text);
        *port_out = colon + 1;
    } else {
        *ip_len_out = strlen(text); /* no colon, or several: an IPv6 address without a port */
    }
    return true;
}

enum jv_err jv_endpoint_parse(const char *text, uint16_t default_port, struct jv_endpoint *out)
{
    struct jv_endpoint ep = {0};
    const char *ip = NULL;
    const char *port_text = NULL;
    size_t ip_len = 0;
    if (!split_port(text, &ip, &ip_len, &port_text)) {
        return JV_E_SYNTAX;
    }
    enum jv_err err = parse_scoped(ip, ip_len, &ep);
    if (err != JV_E_OK) {
        return err;
    }
    if (text[0] == '[' && ep.ip.family != JV_AF_6) {
        return JV_E_SYNTAX;
    }
    uint64_t port = default_port;
    if (port_text != NULL) {
        err = parse_number(port_text, strlen(port_text), UINT16_MAX, &port);
        if (err != JV_E_OK) {
            return err;
        }
    }
    if (port == 0) {
        return port_text == NULL ? JV_E_SYNTAX : JV_E_RANGE;
    }
    ep.port = (uint16_t)port;
    *out = ep;
    return JV_E_OK;
}

/* Copy what fits and terminate it. */
static size_t emit(const char *text, char *out, size_t cap)
{
    if (cap == 0) {
        return 0;
    }
    size_t len = strlen(text);
    len = JV_MIN(len, cap - 1);
    memcpy(out, text, len);
    out[len] = '\0';
    return len;
}

static void ip_text(const struct jv_ip *ip, char text[JV_ADDR_TEXT_BYTES])
{
    int family = ip->family == JV_AF_4 ? AF_INET : AF_INET6;
    if (ip->family == JV_AF_NONE || inet_ntop(family, ip->b, text, JV_ADDR_TEXT_BYTES) == NULL) {
        memcpy(text, "none", sizeof "none");
    }
}

size_t jv_ip_format(const struct jv_ip *ip, char *out, size_t cap)
{
    char text[JV_ADDR_TEXT_BYTES];
    ip_text(ip, text);
    return emit(text, out, cap);
}

size_t jv_prefix_format(const struct jv_prefix *prefix, char *out, size_t cap)
{
    char ip[JV_ADDR_TEXT_BYTES];
    char text[JV_ADDR_TEXT_BYTES + 16];
    ip_text(&prefix->ip, ip);
    (void)snprintf(text, sizeof text, "%s/%u", ip, (unsigned)prefix->bits); /* fits by its size */
    return emit(text, out, cap);
}

size_t jv_endpoint_format(const struct jv_endpoint *ep, char *out, size_t cap)
{
    char ip[JV_ADDR_TEXT_BYTES];
    char scope[16] = "";
    char text[JV_ADDR_TEXT_BYTES + 32];
    ip_text(&ep->ip, ip);
    if (ep->scope != 0) {
        (void)snprintf(scope, sizeof scope, "%%%u", (unsigned)ep->scope); /* fits by its size */
    }
    bool brackets = ep->ip.family == JV_AF_6;
    (void)snprintf(text, sizeof text, "%s%s%s%s:%u", brackets ? "[" : "", ip, scope,
                   brackets ? "]" : "", (unsigned)ep->port); /* fits by its size */
    return emit(text, out, cap);
}
