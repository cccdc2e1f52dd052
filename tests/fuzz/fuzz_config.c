/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration: refused with findings, or accepted; what is accepted is printed and must parse again to the same text.
 * No file is opened.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static char *print(const struct jv_config *config, size_t *len)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, len);
    JV_ASSERT(file != NULL);
    JV_ASSERT(jv_config_print(config, file) == JV_E_OK);
    JV_ASSERT(fclose(file) == 0);
    return text;
}

static bool has_inline_secret(const struct jv_config *config)
{
    bool is_found = config->session.private_key.is_inline || config->session.preshared.is_inline ||
                    config->gateway.private_key.is_inline;
    for (uint32_t i = 0; i < config->users_len; i++) {
        is_found = is_found || config->users[i].preshared.is_inline;
    }
    return is_found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    struct jv_config_input input = {(const char *)data, size, "fuzz.conf", true, false};
    struct jv_config *config = NULL;
    struct jv_diag diag = {0};
    enum jv_err err = jv_config_parse(&input, &config, &diag);
    JV_ASSERT((err == JV_E_OK) == (config != NULL));
    JV_ASSERT((err == JV_E_OK) == (diag.errors == 0));
    /* Secrets are not printed, so a file that holds one cannot be read back. */
    if (config != NULL && !has_inline_secret(config)) {
        size_t len = 0;
        size_t again_len = 0;
        char *text = print(config, &len);
        struct jv_config_input printed = {text, len, "fuzz.conf", false, false};
        struct jv_config *again = NULL;
        JV_ASSERT(jv_config_parse(&printed, &again, &diag) == JV_E_OK);
        char *again_text = print(again, &again_len);
        JV_ASSERT(len == again_len && memcmp(text, again_text, len) == 0);
        free(text);
        free(again_text);
        jv_config_free(again);
    }
    jv_config_free(config);
    jv_diag_fini(&diag);
    return 0;
}
