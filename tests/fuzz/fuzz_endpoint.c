/* SPDX-License-Identifier: Apache-2.0 */
/* Text of an endpoint, a prefix or an address: what is accepted must format to text that means the same. */
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"

#define TEXT_MAX 256U

static void endpoint_is_stable(const char *text)
{
    struct jv_endpoint ep, back;
    char again[JV_ADDR_TEXT_BYTES];
    if (jv_endpoint_parse(text, 4433, &ep) == JV_E_OK) {
        size_t len = jv_endpoint_format(&ep, again, sizeof again);
        JV_ASSERT(len == strlen(again));
        JV_ASSERT(jv_endpoint_parse(again, 0, &back) == JV_E_OK);
        JV_ASSERT(jv_endpoint_is_equal(&ep, &back));
    }
}

static void prefix_is_stable(const char *text)
{
    struct jv_prefix prefix, back;
    char again[JV_ADDR_TEXT_BYTES];
    if (jv_prefix_parse(text, true, &prefix) == JV_E_OK) {
        (void)jv_prefix_format(&prefix, again, sizeof again); /* the length says nothing here */
        JV_ASSERT(jv_prefix_parse(again, true, &back) == JV_E_OK);
        JV_ASSERT(memcmp(&prefix, &back, sizeof prefix) == 0);
        JV_ASSERT(jv_prefix_has(&prefix, &prefix.ip));
        JV_ASSERT(jv_prefix_parse(text, false, &back) == JV_E_OK);
        JV_ASSERT(jv_prefix_has(&back, &prefix.ip));
    }
}

static void ip_is_stable(const char *text)
{
    struct jv_ip ip, back;
    char again[JV_ADDR_TEXT_BYTES];
    if (jv_ip_parse(text, &ip) == JV_E_OK) {
        (void)jv_ip_format(&ip, again, sizeof again); /* the length says nothing here */
        JV_ASSERT(jv_ip_parse(again, &back) == JV_E_OK);
        JV_ASSERT(jv_ip_is_equal(&ip, &back));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len >= TEXT_MAX) {
        return 0;
    }
    /* An allocation of the exact size, so that a sanitizer sees a read past the terminator. */
    char *text = malloc(len + 1);
    if (text == NULL) {
        return 0;
    }
    if (len > 0) {
        memcpy(text, data, len);
    }
    text[len] = '\0';
    endpoint_is_stable(text);
    prefix_is_stable(text);
    ip_is_stable(text);
    free(text);
    return 0;
}
