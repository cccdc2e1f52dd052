/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "wgfile.h"

/* The other direction of wgfile.c: the profile that the file becomes. */

static void write_key(const char *name, const char *path, const struct jv_key *key, FILE *file)
{
    char text[JV_KEY_TEXT_BYTES];
    if (path != NULL) {
        (void)fprintf(file, "%s = %s\n", name, path);
        return;
    }
    jv_key_format(key, text);
    (void)fprintf(file, "%s = %s\n", name, text);
    jv_wipe(text, sizeof(text));
}

static void write_gateway(const struct jv_config_gateway *gateway, FILE *file)
{
    bool is_v6 = gateway->is_address && gateway->endpoint.ip.family == JV_AF_6;
    (void)fprintf(file, is_v6 ? "Gateway = [%s]:%u\n" : "Gateway = %s:%u\n", gateway->host,
                  gateway->port);
}

static void write_lists(const struct jv_wgfile *wg, FILE *file)
{
    char text[JV_ADDR_TEXT_BYTES];
    for (uint32_t i = 0; i < wg->dns_len; i++) {
        (void)jv_ip_format(&wg->dns[i], text, sizeof(text));
        (void)fprintf(file, "%s%s", i == 0 ? "DNS = " : ", ", text);
    }
    (void)fputs(wg->dns_len > 0 ? "\n" : "", file);
    for (uint32_t i = 0; i < wg->allowed_ips.len; i++) {
        (void)jv_prefix_format(&wg->allowed_ips.at[i], text, sizeof(text));
        (void)fprintf(file, "%s%s", i == 0 ? "AllowedIPs = " : ", ", text);
    }
    (void)fputs("\n", file);
}

static void write_notes(const struct jv_wgfile *wg, FILE *file)
{
    for (uint32_t i = 0; i < wg->notes.len; i++) {
        (void)fprintf(file, "# %s\n", wg->notes.lines[i]);
    }
}

static void write_hooks(const struct jv_wgfile *wg, FILE *file)
{
    static const char *const names[JV_WGFILE_HOOKS] = {
        [JV_WGFILE_POST_UP] = "PostUp",
        [JV_WGFILE_PRE_DOWN] = "PreDown",
        [JV_WGFILE_POST_DOWN] = "PostDown",
    };
    bool has_section = false;
    for (uint32_t i = 0; i < JV_WGFILE_HOOKS; i++) {
        if (names[i] != NULL && wg->hooks[i][0] != '\0') {
            (void)fprintf(file, "%s%s = %s\n", has_section ? "" : "\n[Hooks]\n", names[i],
                          wg->hooks[i]);
            has_section = true;
        }
    }
}

enum jv_err jv_wgfile_write(const struct jv_wgfile *wg, const char *private_path,
                            const char *preshared_path, FILE *file)
{
    if (private_path == NULL) {
        (void)fputs("# This file holds a key: it must have mode 0600.\n", file);
    }
    write_notes(wg, file);
    if (wg->hooks[JV_WGFILE_PRE_UP][0] != '\0') {
        (void)fprintf(file, "# PreUp = %s\n", wg->hooks[JV_WGFILE_PRE_UP]);
    }
    (void)fputs("[Session]\n", file);
    write_key("PrivateKey", private_path, &wg->private_key, file);
    (void)fputs("# There jvd must listen, with the private key of this public key.\n", file);
    write_gateway(&wg->gateway.at[0], file);
    write_key("GatewayKey", NULL, &wg->public_key, file);
    if (wg->has_preshared) {
        write_key("PresharedKey", preshared_path, &wg->preshared, file);
    }
    write_lists(wg, file);
    if (wg->mtu != 0) {
        (void)fprintf(file, "MTU = %" PRIu32 "\n", wg->mtu);
    }
    if (wg->fwmark != 0) {
        (void)fprintf(file, "FwMark = 0x%" PRIx32 "\n", wg->fwmark);
    }
    if (wg->keepalive_s != 0) {
        (void)fprintf(file, "\n[Policy]\nHeartbeatIdle = %" PRIu32 "s # PersistentKeepalive\n",
                      wg->keepalive_s);
    }
    write_hooks(wg, file);
    return ferror(file) == 0 && fflush(file) == 0 ? JV_E_OK : JV_E_SYSTEM;
}
