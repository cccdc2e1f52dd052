/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_WGFILE_H
#define JV_CONF_WGFILE_H
/*
 * wgfile -- a file of wg-quick(8) read strictly and written as a client's profile (jv.conf(5)).
 *
 * Owns     nothing outside the struct; jv_wgfile_fini() wipes its keys.
 * Takes    the form that wg(8) and wg-quick(8) read: sections [Interface] and [Peer], keys without
 *          regard to case, '#' starts a comment anywhere.
 * Gives    every finding at once (diag.h), or a whole profile. What WireGuard has and a session has
 *          not is no error: it is told in `notes`, each with its line, and stands as a comment in
 *          what is written.
 * Limits   one [Peer], because a session has one gateway key; JV_DIAG_MAX notes, more are an error.
 * Threads  one at a time; after jv_crypto_init().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "diag.h"
#include "errors.h"

#define JV_WGFILE_BYTES (1U << 20)

enum jv_wgfile_hook {
    JV_WGFILE_PRE_UP,
    JV_WGFILE_POST_UP,
    JV_WGFILE_PRE_DOWN,
    JV_WGFILE_POST_DOWN,
    JV_WGFILE_HOOKS
};

struct jv_wgfile {
    struct jv_key private_key, public_key, preshared;
    bool has_preshared;
    struct jv_config_gateways gateway; /* the Endpoint: one entry */
    struct jv_config_prefixes allowed_ips;
    struct jv_ip dns[JV_CONF_DNS_MAX];
    uint32_t dns_len;
    uint32_t mtu;         /* 0: not set, or out of our range and noted */
    uint32_t fwmark;      /* 0: not set, or off */
    uint32_t keepalive_s; /* 0: not set, off, or out of our range and noted */
    char hooks[JV_WGFILE_HOOKS][JV_CONF_HOOK_BYTES]; /* several commands of one kind are joined */
    struct jv_diag notes;                            /* what is not carried over, as warnings */
};

/*
 * JV_E_SYNTAX: something in it is wrong, told in `diag`; *out holds nothing then. `file` is the name
 * that messages show.
 */
JV_MUST_USE enum jv_err jv_wgfile_parse(const char *text, size_t len, const char *file,
                                        struct jv_wgfile *out, struct jv_diag *diag);
/*
 * Write the profile. Keys stand in it where their path is NULL, else the path does. JV_E_SYSTEM
 * where writing failed.
 */
JV_MUST_USE enum jv_err jv_wgfile_write(const struct jv_wgfile *wg, const char *private_path,
                                        const char *preshared_path, FILE *file);
void jv_wgfile_fini(struct jv_wgfile *wg);
#endif /* JV_CONF_WGFILE_H */
