/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <inttypes.h>
#include <string.h>

#include "units.h"

/*
 * One entry of a list, the value of a field, or NULL for an empty one; the caller prints them apart
 * by commas.
 */
typedef enum jv_value_fault parse_fn(const struct jv_value_row *row, struct jv_text text,
                                     void *field);

static bool equals(struct jv_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

/* The place of `text` among words apart by '|', or -1. */
static int word_index(const char *words, struct jv_text text)
{
    int idx = 0;
    for (const char *at = words; *at != '\0'; idx++) {
        size_t len = strcspn(at, "|");
        if (len == text.len && memcmp(at, text.at, len) == 0) {
            return idx;
        }
        at += len + (at[len] == '|' ? 1 : 0);
    }
    return -1;
}

static bool copy(struct jv_text text, char *out, size_t cap)
{
    if (text.len >= cap || memchr(text.at, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static bool is_ip_text(struct jv_text text, struct jv_ip *ip_out)
{
    char buf[JV_ADDR_TEXT_BYTES];
    return copy(text, buf, sizeof(buf)) && jv_ip_parse(buf, ip_out) == JV_E_OK;
}

static bool is_endpoint_text(struct jv_text text, uint16_t port, struct jv_endpoint *endpoint_out)
{
    char buf[JV_ADDR_TEXT_BYTES];
    struct jv_endpoint endpoint;
    if (!copy(text, buf, sizeof(buf)) || jv_endpoint_parse(buf, port, &endpoint) != JV_E_OK ||
        endpoint.port == 0) {
        return false;
    }
    *endpoint_out = endpoint;
    return true;
}

static bool is_prefix_text(struct jv_text text, struct jv_prefix *prefix_out)
{
    char buf[JV_ADDR_TEXT_BYTES];
    return copy(text, buf, sizeof(buf)) && jv_prefix_parse(buf, false, prefix_out) == JV_E_OK;
}

static enum jv_value_fault parse_secret(const struct jv_value_row *row, struct jv_text text,
                                        void *field)
{
    struct jv_config_secret *secret = field;
    (void)row;
    secret->is_set = true;
    if (jv_key_parse(text.at, text.len, &secret->key) == JV_E_OK) {
        secret->is_inline = true;
        return jv_is_zero(&secret->key, sizeof(secret->key)) ? JV_VALUE_BAD : JV_VALUE_OK;
    }
    return text.at[0] == '/' && copy(text, secret->path, sizeof(secret->path)) ? JV_VALUE_OK
                                                                               : JV_VALUE_BAD;
}

static enum jv_value_fault parse_public(const struct jv_value_row *row, struct jv_text text,
                                        void *field)
{
    struct jv_config_public *public = field;
    (void)row;
    public->is_set = true;
    /* The zero point is no key: a Diffie-Hellman with it fails for everyone. */
    bool is_key = jv_key_parse(text.at, text.len, &public->key) == JV_E_OK &&
                  !jv_is_zero(&public->key, sizeof(public->key));
    return is_key ? JV_VALUE_OK : JV_VALUE_BAD;
}

/*
 * Labels of letters, digits and inner hyphens (RFC 1123 §2.1); the last one is not all digits, or
 * it would be an address.
 */
static bool is_host_name(struct jv_text text)
{
    size_t label = 0;
    bool is_number = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_last = i + 1 == text.len || text.at[i + 1] == '.';
        if (c == '.') {
            if (label == 0 || i + 1 == text.len) {
                return false;
            }
            label = 0;
            is_number = true;
            continue;
        }
        if (!is_digit && !is_letter && (c != '-' || label == 0 || is_last)) {
            return false;
        }
        is_number = is_number && is_digit;
        if (++label > 63) {
            return false;
        }
    }
    return text.len > 0 && !is_number;
}

static enum jv_value_fault parse_gateway(const struct jv_value_row *row, struct jv_text text,
                                         void *field)
{
    struct jv_config_gateways *list = field;
    struct jv_config_gateway gateway = {.port = (uint16_t)JV_CONF_PORT};
    if (list->len >= row->row.max) {
        return JV_VALUE_BAD;
    }
    if (is_endpoint_text(text, (uint16_t)JV_CONF_PORT, &gateway.endpoint)) {
        gateway.is_address = true;
        gateway.port = gateway.endpoint.port;
        (void)jv_ip_format(&gateway.endpoint.ip, gateway.host, sizeof(gateway.host));
    } else {
        const char *colon = text.len > 0 ? memchr(text.at, ':', text.len) : NULL;
        struct jv_text host = text;
        if (colon != NULL) {
            host.len = (size_t)(colon - text.at);
            uint64_t port = 0;
            struct jv_text digits = {colon + 1, text.len - host.len - 1};
            if (!jv_units_parse_count(digits, &port) || port == 0 || port > UINT16_MAX) {
                return JV_VALUE_BAD;
            }
            gateway.port = (uint16_t)port;
        }
        if (!is_host_name(host) || !copy(host, gateway.host, sizeof(gateway.host))) {
            return JV_VALUE_BAD;
        }
    }
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->at[i].port == gateway.port && strcmp(list->at[i].host, gateway.host) == 0) {
            return JV_VALUE_BAD;
        }
    }
    list->at[list->len++] = gateway;
    return JV_VALUE_OK;
}

/* Lists of networks differ in length only: the field is a count and an array behind it. */
_Static_assert(offsetof(struct jv_config_prefixes, at) == offsetof(struct jv_config_networks, at),
               "one parser serves both");

static enum jv_value_fault parse_prefix(const struct jv_value_row *row, struct jv_text text,
                                        void *field)
{
    struct jv_config_prefixes *list = field;
    struct jv_prefix prefix;
    if (list->len >= row->row.max || !is_prefix_text(text, &prefix)) {
        return JV_VALUE_BAD;
    }
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->at[i].bits == prefix.bits && jv_ip_is_equal(&list->at[i].ip, &prefix.ip)) {
            return JV_VALUE_BAD;
        }
    }
    list->at[list->len++] = prefix;
    return JV_VALUE_OK;
}

static enum jv_value_fault parse_pool(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    struct jv_config_pool *pool = field;
    struct jv_prefix prefix;
    (void)row;
    if (!is_prefix_text(text, &prefix)) {
        return JV_VALUE_BAD;
    }
    bool is_v4 = prefix.ip.family == JV_AF_4;
    struct jv_prefix *place = is_v4 ? &pool->v4 : &pool->v6;
    /*
     * A pool has room for the gateway and one client at least, and is no mistake for a default
     * route.
     */
    bool is_fit =
        is_v4 ? prefix.bits >= 8 && prefix.bits <= 30 : prefix.bits >= 32 && prefix.bits <= 126;
    if (!is_fit || place->ip.family != JV_AF_NONE) {
        return JV_VALUE_BAD;
    }
    *place = prefix;
    return JV_VALUE_OK;
}

static enum jv_value_fault parse_address(const struct jv_value_row *row, struct jv_text text,
                                         void *field)
{
    struct jv_config_addresses *addresses = field;
    struct jv_ip ip;
    (void)row;
    if (!is_ip_text(text, &ip)) {
        return JV_VALUE_BAD;
    }
    struct jv_ip *place = ip.family == JV_AF_4 ? &addresses->v4 : &addresses->v6;
    if (place->family != JV_AF_NONE) {
        return JV_VALUE_BAD;
    }
    *place = ip;
    return JV_VALUE_OK;
}

static enum jv_value_fault parse_resolver(const struct jv_value_row *row, struct jv_text text,
                                          void *field)
{
    struct jv_config_resolvers *dns = field;
    struct jv_ip ip;
    if (dns->len >= row->row.max || !is_ip_text(text, &ip)) {
        return JV_VALUE_BAD;
    }
    for (uint32_t i = 0; i < dns->len; i++) {
        if (jv_ip_is_equal(&dns->at[i], &ip)) {
            return JV_VALUE_BAD;
        }
    }
    dns->kind = JV_CONFIG_DNS_LIST;
    dns->at[dns->len++] = ip;
    return JV_VALUE_OK;
}

static enum jv_value_fault add_endpoint(const struct jv_value_row *row, struct jv_text text,
                                        struct jv_config_endpoints *list)
{
    struct jv_endpoint endpoint;
    if (list->len >= row->row.max || !is_endpoint_text(text, (uint16_t)JV_CONF_PORT, &endpoint)) {
        return JV_VALUE_BAD;
    }
    for (uint32_t i = 0; i < list->len; i++) {
        if (jv_endpoint_is_equal(&list->at[i], &endpoint)) {
            return JV_VALUE_BAD;
        }
    }
    list->at[list->len++] = endpoint;
    return JV_VALUE_OK;
}

static bool has_scheme(struct jv_text text, const char *scheme)
{
    size_t len = strlen(scheme);
    return text.len >= len && memcmp(text.at, scheme, len) == 0;
}

static enum jv_value_fault parse_listen(const struct jv_value_row *row, struct jv_text text,
                                        void *field)
{
    if (has_scheme(text, "quic://") || has_scheme(text, "tls://")) {
        return JV_VALUE_LATER;
    }
    if (has_scheme(text, "udp://")) {
        text.at += strlen("udp://");
        text.len -= strlen("udp://");
    }
    return add_endpoint(row, text, field);
}

static enum jv_value_fault parse_endpoint(const struct jv_value_row *row, struct jv_text text,
                                          void *field)
{
    return add_endpoint(row, text, field);
}

static enum jv_value_fault parse_local(const struct jv_value_row *row, struct jv_text text,
                                       void *field)
{
    struct jv_endpoint *endpoint = field;
    static const struct jv_ip v6_loopback = {.b = {[15] = 1}, .family = JV_AF_6};
    (void)row;
    if (!is_endpoint_text(text, 0, endpoint)) {
        return JV_VALUE_BAD;
    }
    bool is_loopback = endpoint->ip.family == JV_AF_4 ? endpoint->ip.b[0] == 127
                                                      : jv_ip_is_equal(&endpoint->ip, &v6_loopback);
    return is_loopback ? JV_VALUE_OK : JV_VALUE_BAD;
}

static enum jv_value_fault parse_protocol(const struct jv_value_row *row, struct jv_text text,
                                          void *field)
{
    uint32_t *protocols = field;
    (void)row;
    if (equals(text, "quic") || equals(text, "tls")) {
        return JV_VALUE_LATER;
    }
    if (!equals(text, "udp") || (*protocols & JV_PROTO_UDP) != 0) {
        return JV_VALUE_BAD;
    }
    *protocols |= JV_PROTO_UDP;
    return JV_VALUE_OK;
}

static enum jv_value_fault parse_word(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    int idx = word_index(row->words, text);
    if (idx < 0) {
        return JV_VALUE_BAD;
    }
    *(uint32_t *)field = (uint32_t)idx;
    return JV_VALUE_OK;
}

static enum jv_value_fault parse_fixed_word(const struct jv_value_row *row, struct jv_text text,
                                            void *field)
{
    (void)field;
    return word_index(row->words, text) >= 0 ? JV_VALUE_OK : JV_VALUE_LATER;
}

/* What the kernel takes for an interface, less the characters that only make trouble elsewhere. */
static enum jv_value_fault parse_name(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    (void)row;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (i == 0 || (c != '-' && c != '_' && c != '.'))) {
            return JV_VALUE_BAD;
        }
    }
    return text.len > 0 && copy(text, field, JV_CONF_NAME_BYTES) ? JV_VALUE_OK : JV_VALUE_BAD;
}

static enum jv_value_fault parse_account(const struct jv_value_row *row, struct jv_text text,
                                         void *field)
{
    (void)row;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_first_ok = (c >= 'a' && c <= 'z') || c == '_';
        if (!is_first_ok && (i == 0 || (c != '-' && (c < '0' || c > '9')))) {
            return JV_VALUE_BAD;
        }
    }
    return text.len > 0 && copy(text, field, JV_CONF_USER_BYTES) ? JV_VALUE_OK : JV_VALUE_BAD;
}

static enum jv_value_fault parse_path(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    if (row->words[0] != '\0' && equals(text, row->words)) {
        return JV_VALUE_OK; /* "none": the field stays empty */
    }
    return text.len > 1 && text.at[0] == '/' && copy(text, field, JV_CONF_PATH_BYTES)
               ? JV_VALUE_OK
               : JV_VALUE_BAD;
}

/* For a shell; what it means is the shell's business. */
static enum jv_value_fault parse_command(const struct jv_value_row *row, struct jv_text text,
                                         void *field)
{
    return text.len > 0 && copy(text, field, row->row.max + 1U) ? JV_VALUE_OK : JV_VALUE_BAD;
}

static enum jv_value_fault store_number(const struct jv_value_row *row, uint64_t value, void *field)
{
    if (value < row->row.min || value > row->row.max) {
        return JV_VALUE_BAD;
    }
    *(uint32_t *)field = (uint32_t)value;
    return JV_VALUE_OK;
}

static struct jv_text without_per_min(struct jv_text text)
{
    const size_t tail = strlen("/min");
    if (text.len > tail && memcmp(text.at + text.len - tail, "/min", tail) == 0) {
        text.len -= tail;
    }
    return text;
}

static enum jv_value_fault parse_count(const struct jv_value_row *row, struct jv_text text,
                                       void *field)
{
    uint64_t value = 0;
    return jv_units_parse_count(text, &value) ? store_number(row, value, field) : JV_VALUE_BAD;
}

static enum jv_value_fault parse_rate(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    return parse_count(row, without_per_min(text), field);
}

static enum jv_value_fault parse_mtu(const struct jv_value_row *row, struct jv_text text,
                                     void *field)
{
    if (equals(text, "auto")) {
        return JV_VALUE_OK; /* the field stays 0 */
    }
    return parse_count(row, text, field);
}

static enum jv_value_fault parse_ms(const struct jv_value_row *row, struct jv_text text,
                                    void *field)
{
    uint64_t value = 0;
    return jv_units_parse_ms(text, &value) ? store_number(row, value, field) : JV_VALUE_BAD;
}

static enum jv_value_fault parse_mark(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    uint64_t value = 0;
    return jv_units_parse_hex(text, &value) ? store_number(row, value, field)
                                            : parse_count(row, text, field);
}

static enum jv_value_fault parse_dscp(const struct jv_value_row *row, struct jv_text text,
                                      void *field)
{
    if (equals(text, "copy")) {
        *(uint32_t *)field = JV_DSCP_COPY;
        return JV_VALUE_OK;
    }
    return parse_count(row, text, field);
}

static enum jv_value_fault parse_offload(const struct jv_value_row *row, struct jv_text text,
                                         void *field)
{
    uint32_t *offloads = field;
    int idx = word_index(row->words, text);
    if (idx < 0 || (*offloads >> idx & 1U) != 0) {
        return JV_VALUE_BAD;
    }
    *offloads |= 1U << idx;
    return JV_VALUE_OK;
}

static const struct {
    parse_fn *parse;
    bool is_list;
} types[JV_VALUE_TYPES] = {
    [JV_VALUE_SECRET] = {parse_secret, false},     [JV_VALUE_PUBLIC] = {parse_public, false},
    [JV_VALUE_GATEWAYS] = {parse_gateway, true},   [JV_VALUE_PREFIXES] = {parse_prefix, true},
    [JV_VALUE_POOL] = {parse_pool, true},          [JV_VALUE_ADDRESSES] = {parse_address, true},
    [JV_VALUE_RESOLVERS] = {parse_resolver, true}, [JV_VALUE_LISTEN] = {parse_listen, true},
    [JV_VALUE_ENDPOINTS] = {parse_endpoint, true}, [JV_VALUE_LOCAL] = {parse_local, false},
    [JV_VALUE_PROTOCOLS] = {parse_protocol, true}, [JV_VALUE_WORD] = {parse_word, false},
    [JV_VALUE_FIXED] = {parse_fixed_word, false},  [JV_VALUE_NAME] = {parse_name, false},
    [JV_VALUE_ACCOUNT] = {parse_account, false},   [JV_VALUE_PATH] = {parse_path, false},
    [JV_VALUE_COMMAND] = {parse_command, false},   [JV_VALUE_COUNT] = {parse_count, false},
    [JV_VALUE_RATE] = {parse_rate, false},         [JV_VALUE_MTU] = {parse_mtu, false},
    [JV_VALUE_MARK] = {parse_mark, false},         [JV_VALUE_DSCP] = {parse_dscp, false},
    [JV_VALUE_OFFLOADS] = {parse_offload, true},   [JV_VALUE_MS] = {parse_ms, false},
};

/* "auto" and "none" stand for a whole list of resolvers, never within one. */
static bool is_whole_resolvers(const struct jv_value_row *row, struct jv_text text,
                               struct jv_config_resolvers *dns)
{
    if (equals(text, "none")) {
        dns->kind = JV_CONFIG_DNS_NONE;
        return true;
    }
    if (row->words[0] != '\0' && equals(text, "auto")) {
        dns->kind = JV_CONFIG_DNS_AUTO;
        return true;
    }
    return false;
}

/* The same of offloads: auto is every one of them. */
static bool is_whole_offloads(struct jv_text text, uint32_t *offloads)
{
    bool is_auto = equals(text, "auto");
    if (is_auto || equals(text, "none")) {
        *offloads = is_auto ? JV_OFFLOAD_ALL : 0;
        return true;
    }
    return false;
}

enum jv_value_fault jv_value_parse(const struct jv_value_row *row, struct jv_text text,
                                   void *object, struct jv_text *bad_out)
{
    void *field = (uint8_t *)object + row->offset;
    *bad_out = text;
    if (row->type == JV_VALUE_RESOLVERS && is_whole_resolvers(row, text, field)) {
        return JV_VALUE_OK;
    }
    if (row->type == JV_VALUE_OFFLOADS && is_whole_offloads(text, field)) {
        return JV_VALUE_OK;
    }
    if (!types[row->type].is_list) {
        return types[row->type].parse(row, text, field);
    }
    struct jv_text rest = text;
    struct jv_text entry;
    while (jv_text_next(&rest, &entry)) {
        *bad_out = entry;
        enum jv_value_fault fault =
            entry.len == 0 ? JV_VALUE_BAD : types[row->type].parse(row, entry, field);
        if (fault != JV_VALUE_OK) {
            return fault;
        }
    }
    return JV_VALUE_OK;
}
