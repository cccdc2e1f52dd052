/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "units.h"
#include "value.h"

/* The other direction of value.c: what a value must be, and the value in force as text. */

/* "a", "a or b", "a, b or c" of words apart by '|'. */
static void format_words(const char *words, char out[JV_VALUE_MUST_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *at = words; *at != '\0';) {
        size_t len = strcspn(at, "|");
        bool is_last = at[len] == '\0';
        bool is_before_last = !is_last && strchr(at + len + 1, '|') == NULL;
        const char *glue = is_last ? "" : is_before_last ? " or " : ", ";
        int n = snprintf(out + used, JV_VALUE_MUST_BYTES - used, "%.*s%s", (int)len, at, glue);
        used = JV_MIN(used + (n < 0 ? 0 : (size_t)n), (size_t)JV_VALUE_MUST_BYTES - 1);
        at += len + (is_last ? 0 : 1);
    }
}

static void format_ms_range(uint32_t min, uint32_t max, char out[JV_VALUE_MUST_BYTES])
{
    char least[JV_UNITS_TEXT_BYTES];
    char most[JV_UNITS_TEXT_BYTES];
    jv_units_format_ms(min, least);
    jv_units_format_ms(max, most);
    (void)snprintf(out, JV_VALUE_MUST_BYTES, "%s to %s", least, most);
}

void jv_value_must(const struct jv_value_row *row, char out[JV_VALUE_MUST_BYTES])
{
    const struct jv_config_row *r = &row->row;
    const size_t cap = JV_VALUE_MUST_BYTES; /* the longest text below has about 120 characters */
    switch (row->type) {
    case JV_VALUE_SECRET:
        (void)snprintf(out, cap,
                       "the absolute path of a key file or a key: 44 characters of base64");
        break;
    case JV_VALUE_PUBLIC:
        (void)snprintf(out, cap, "a public key: 44 characters of base64");
        break;
    case JV_VALUE_GATEWAYS:
        (void)snprintf(out, cap, "1 to %u different HOST or HOST:PORT, separated by commas",
                       r->max);
        break;
    case JV_VALUE_PREFIXES:
        (void)snprintf(out, cap, "1 to %u different ADDRESS/BITS, separated by commas", r->max);
        break;
    case JV_VALUE_POOL:
        (void)snprintf(
            out, cap, "an IPv4 prefix of /8 to /30, an IPv6 prefix of /32 to /126, or one of each");
        break;
    case JV_VALUE_ADDRESSES:
        (void)snprintf(out, cap, "an IPv4 address, an IPv6 address, or one of each");
        break;
    case JV_VALUE_RESOLVERS:
        (void)snprintf(out, cap, "%snone or 1 to %u different addresses, separated by commas",
                       r->roles == JV_CONFIG_CLIENT ? "auto, " : "", r->max);
        break;
    case JV_VALUE_LISTEN:
        (void)snprintf(out, cap, "1 to %u different udp://ADDRESS:PORT, separated by commas",
                       r->max);
        break;
    case JV_VALUE_ENDPOINTS:
        (void)snprintf(out, cap, "1 to %u different ADDRESS or ADDRESS:PORT, separated by commas",
                       r->max);
        break;
    case JV_VALUE_LOCAL:
        (void)snprintf(out, cap, "a loopback ADDRESS:PORT, such as 127.0.0.1:9433");
        break;
    case JV_VALUE_PROTOCOLS:
    case JV_VALUE_WORD:
    case JV_VALUE_FIXED:
        format_words(row->words, out);
        break;
    case JV_VALUE_NAME:
        (void)snprintf(out, cap, "1 to %u letters, digits and, after the first, '-', '_' or '.'",
                       JV_CONF_NAME_BYTES - 1);
        break;
    case JV_VALUE_ACCOUNT:
        (void)snprintf(out, cap, "the name of a user of this system, at most %u characters",
                       JV_CONF_USER_BYTES - 1);
        break;
    case JV_VALUE_PATH:
        (void)snprintf(out, cap, "%s%san absolute path of at most %u characters", row->words,
                       row->words[0] != '\0' ? " or " : "", JV_CONF_PATH_BYTES - 1);
        break;
    case JV_VALUE_COMMAND:
        (void)snprintf(out, cap, "a command line of at most %" PRIu32 " characters", r->max);
        break;
    case JV_VALUE_COUNT:
    case JV_VALUE_MARK:
        (void)snprintf(out, cap, "%" PRIu32 " to %" PRIu32, r->min, r->max);
        break;
    case JV_VALUE_RATE:
        (void)snprintf(out, cap, "%" PRIu32 " to %" PRIu32 "/min", r->min, r->max);
        break;
    case JV_VALUE_OFFLOADS:
        (void)snprintf(out, cap, "auto, none, or some of csum, tso, uso, gso, gro");
        break;
    case JV_VALUE_DSCP:
        (void)snprintf(out, cap, "copy or %" PRIu32 " to %" PRIu32, r->min, r->max);
        break;
    case JV_VALUE_MTU:
        (void)snprintf(out, cap, "auto or %" PRIu32 " to %" PRIu32, r->min, r->max);
        break;
    case JV_VALUE_MS:
        format_ms_range(r->min, r->max, out);
        break;
    case JV_VALUE_TYPES:
        out[0] = '\0';
        break;
    }
}

static void print_prefix(const struct jv_prefix *prefix, const char *glue, FILE *file)
{
    char text[JV_ADDR_TEXT_BYTES];
    (void)jv_prefix_format(prefix, text, sizeof(text));
    (void)fprintf(file, "%s%s", glue, text);
}

static void print_ip(const struct jv_ip *ip, const char *glue, FILE *file)
{
    char text[JV_ADDR_TEXT_BYTES];
    (void)jv_ip_format(ip, text, sizeof(text));
    (void)fprintf(file, "%s%s", glue, text);
}

static void print_endpoint(const struct jv_endpoint *endpoint, const char *glue, FILE *file)
{
    char text[JV_ADDR_TEXT_BYTES];
    (void)jv_endpoint_format(endpoint, text, sizeof(text));
    (void)fprintf(file, "%s%s", glue, text);
}

static const char *glue_of(uint32_t idx)
{
    return idx == 0 ? " = " : ", ";
}

static bool print_secret(const struct jv_config_secret *secret, FILE *file)
{
    if (secret->is_set && !secret->is_inline) {
        (void)fprintf(file, " = %s", secret->path);
    }
    return secret->is_set && !secret->is_inline;
}

static bool print_public(const struct jv_config_public *public, FILE *file)
{
    if (public->is_set) {
        char text[JV_KEY_TEXT_BYTES];
        jv_key_format(&public->key, text);
        (void)fprintf(file, " = %s", text);
    }
    return public->is_set;
}

static bool print_gateways(const struct jv_config_gateways *list, FILE *file)
{
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->at[i].is_address) {
            print_endpoint(&list->at[i].endpoint, glue_of(i), file);
        } else {
            (void)fprintf(file, "%s%s:%u", glue_of(i), list->at[i].host, list->at[i].port);
        }
    }
    return list->len > 0;
}

static bool print_prefixes(const struct jv_config_prefixes *list, FILE *file)
{
    for (uint32_t i = 0; i < list->len; i++) {
        print_prefix(&list->at[i], glue_of(i), file);
    }
    return list->len > 0;
}

static bool print_pool(const struct jv_config_pool *pool, FILE *file)
{
    bool has_v4 = pool->v4.ip.family != JV_AF_NONE;
    bool has_v6 = pool->v6.ip.family != JV_AF_NONE;
    if (has_v4) {
        print_prefix(&pool->v4, " = ", file);
    }
    if (has_v6) {
        print_prefix(&pool->v6, has_v4 ? ", " : " = ", file);
    }
    return has_v4 || has_v6;
}

static bool print_addresses(const struct jv_config_addresses *addresses, FILE *file)
{
    bool has_v4 = addresses->v4.family != JV_AF_NONE;
    bool has_v6 = addresses->v6.family != JV_AF_NONE;
    if (has_v4) {
        print_ip(&addresses->v4, " = ", file);
    }
    if (has_v6) {
        print_ip(&addresses->v6, has_v4 ? ", " : " = ", file);
    }
    return has_v4 || has_v6;
}

static bool print_resolvers(const struct jv_config_resolvers *dns, FILE *file)
{
    switch (dns->kind) {
    case JV_CONFIG_DNS_AUTO:
        (void)fputs(" = auto", file);
        break;
    case JV_CONFIG_DNS_NONE:
        (void)fputs(" = none", file);
        break;
    case JV_CONFIG_DNS_LIST:
        for (uint32_t i = 0; i < dns->len; i++) {
            print_ip(&dns->at[i], glue_of(i), file);
        }
        break;
    }
    return true;
}

static bool print_endpoints(const struct jv_config_endpoints *list, const char *scheme, FILE *file)
{
    for (uint32_t i = 0; i < list->len; i++) {
        (void)fputs(glue_of(i), file);
        print_endpoint(&list->at[i], scheme, file);
    }
    return list->len > 0;
}

static bool print_text(const char *text, const char *empty, FILE *file)
{
    const char *shown = text[0] != '\0' ? text : empty;
    if (shown[0] != '\0') {
        (void)fprintf(file, " = %s", shown);
    }
    return shown[0] != '\0';
}

static bool print_offloads(const char *words, uint32_t offloads, FILE *file)
{
    if (offloads == 0 || offloads == JV_OFFLOAD_ALL) {
        return fprintf(file, " = %s", offloads == 0 ? "none" : "auto") > 0;
    }
    const char *glue = " = ";
    for (uint32_t i = 0; *words != '\0'; i++) {
        size_t len = strcspn(words, "|");
        if ((offloads >> i & 1U) != 0) {
            (void)fprintf(file, "%s%.*s", glue, (int)len, words);
            glue = ", ";
        }
        words += len + (words[len] != '\0' ? 1 : 0);
    }
    return true;
}

static bool print_word(const char *words, uint32_t idx, FILE *file)
{
    for (; idx > 0; idx--) {
        words += strcspn(words, "|") + 1;
    }
    (void)fprintf(file, " = %.*s", (int)strcspn(words, "|"), words);
    return true;
}

static bool print_number(const struct jv_value_row *row, uint32_t value, FILE *file)
{
    char text[JV_UNITS_TEXT_BYTES];
    if (value == 0 && row->row.min > 0) {
        return false; /* no limit of its own */
    }
    if (row->type == JV_VALUE_MS) {
        jv_units_format_ms(value, text);
    } else {
        (void)snprintf(text, sizeof(text), row->type == JV_VALUE_MARK ? "0x%" PRIx32 : "%" PRIu32,
                       value);
    }
    (void)fprintf(file, " = %s%s", text, row->type == JV_VALUE_RATE ? "/min" : "");
    return true;
}

bool jv_value_print(const struct jv_value_row *row, const void *object, FILE *file)
{
    const void *field = (const uint8_t *)object + row->offset;
    switch (row->type) {
    case JV_VALUE_SECRET:
        return print_secret(field, file);
    case JV_VALUE_PUBLIC:
        return print_public(field, file);
    case JV_VALUE_GATEWAYS:
        return print_gateways(field, file);
    case JV_VALUE_PREFIXES:
        return print_prefixes(field, file);
    case JV_VALUE_POOL:
        return print_pool(field, file);
    case JV_VALUE_ADDRESSES:
        return print_addresses(field, file);
    case JV_VALUE_RESOLVERS:
        return print_resolvers(field, file);
    case JV_VALUE_LISTEN:
        return print_endpoints(field, "udp://", file);
    case JV_VALUE_ENDPOINTS:
        return print_endpoints(field, "", file);
    case JV_VALUE_LOCAL: {
        const struct jv_endpoint *endpoint = field;
        if (endpoint->ip.family != JV_AF_NONE) {
            print_endpoint(endpoint, " = ", file);
        }
        return endpoint->ip.family != JV_AF_NONE;
    }
    case JV_VALUE_PROTOCOLS:
        return print_text(row->words, "", file);
    case JV_VALUE_WORD:
        return print_word(row->words, *(const uint32_t *)field, file);
    case JV_VALUE_FIXED:
        return print_text(row->words, "", file);
    case JV_VALUE_NAME:
    case JV_VALUE_ACCOUNT:
    case JV_VALUE_COMMAND:
        return print_text(field, "", file);
    case JV_VALUE_PATH:
        return print_text(field, row->words, file);
    case JV_VALUE_COUNT:
    case JV_VALUE_RATE:
    case JV_VALUE_MARK:
    case JV_VALUE_MS:
        return print_number(row, *(const uint32_t *)field, file);
    case JV_VALUE_OFFLOADS:
        return print_offloads(row->words, *(const uint32_t *)field, file);
    case JV_VALUE_DSCP:
        if (*(const uint32_t *)field == JV_DSCP_COPY) {
            return print_text("copy", "", file);
        }
        return print_number(row, *(const uint32_t *)field, file);
    case JV_VALUE_MTU:
        if (*(const uint32_t *)field == 0) {
            return print_text("auto", "", file);
        }
        return print_number(row, *(const uint32_t *)field, file);
    case JV_VALUE_TYPES:
        break;
    }
    return false;
}
