/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a wg-quick file: refused with findings, or a profile that our own reader takes. No file is opened. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "wgfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    struct jv_wgfile wg;
    struct jv_diag diag = {0};
    enum jv_err err = jv_wgfile_parse((const char *)data, size, "fuzz.conf", &wg, &diag);
    JV_ASSERT((err == JV_E_OK) == (diag.errors == 0));
    for (int with_files = 0; err == JV_E_OK && with_files < 2; with_files++) {
        char *text = NULL;
        size_t len = 0;
        FILE *file = open_memstream(&text, &len);
        JV_ASSERT(file != NULL);
        JV_ASSERT(jv_wgfile_write(&wg, with_files ? "/etc/jv/x.key" : NULL,
                                  with_files ? "/etc/jv/x.psk" : NULL, file) == JV_E_OK);
        JV_ASSERT(fclose(file) == 0);
        struct jv_config_input input = {text, len, "x.conf", true, false};
        struct jv_config *config = NULL;
        JV_ASSERT(jv_config_parse(&input, &config, &diag) == JV_E_OK);
        JV_ASSERT(config->session.private_key.is_inline == (with_files == 0));
        JV_ASSERT(config->session.preshared.is_set == wg.has_preshared);
        JV_ASSERT(config->session.allowed_ips.len == wg.allowed_ips.len);
        jv_config_free(config);
        free(text);
    }
    if (err == JV_E_OK) {
        jv_wgfile_fini(&wg);
    }
    jv_diag_fini(&diag);
    return 0;
}
