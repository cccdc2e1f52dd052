/* SPDX-License-Identifier: Apache-2.0 */
#include "errand.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "killswitch.h"
#include "log.h"
#include "textfile.h"
#include "tun.h"

static enum jv_err load(const char *path, struct jv_config **out)
{
    struct jv_diag diag = {0};
    struct jv_textfile file = {0};
    enum jv_err err =
        jv_textfile_load(path, JV_CONF_FILE_BYTES, jv_textfile_name(path), &file, &diag);
    if (err == JV_E_OK) {
        struct jv_config_input input = {
            .text = file.text, .len = file.len, .file = path, .is_private = file.is_private};
        err = jv_config_parse(&input, out, &diag);
        jv_textfile_free(&file);
    }
    /* Warnings are for who serves the profile. */
    for (uint32_t i = 0; err != JV_E_OK && i < diag.len; i++) {
        (void)fprintf(stderr, "%s\n", diag.lines[i]);
    }
    jv_diag_fini(&diag);
    return err == JV_E_OK ? JV_E_OK : JV_E_SYNTAX;
}

enum jv_err jv_errand_kill_switch(const char *path)
{
    struct jv_config *config = NULL;
    enum jv_err err = load(path, &config);
    if (err == JV_E_OK) {
        err = jv_killswitch_set(config);
        jv_config_free(config);
    }
    return err;
}

/* JV_E_NOTFOUND: there is no such device. */
static enum jv_err remove_device(const struct jv_config *config)
{
    struct jv_tun_cfg cfg = {.name = config->interface, .takes_any = true};
    struct jv_tun *tun = NULL;
    struct jv_apply *apply = NULL;
    if (if_nametoindex(config->interface) == 0) {
        return JV_E_NOTFOUND;
    }
    enum jv_err err = jv_tun_open(&cfg, &tun, NULL);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot remove the device %s: %s%s", config->interface,
               strerror(errno),
               err == JV_E_EXISTS ? ": a process has it, or it is no TUN device" : "");
        return err == JV_E_EXISTS ? JV_E_STATE : err;
    }
    err = jv_apply_open(config, tun, false, &apply);
    if (err == JV_E_OK) {
        jv_apply_remove(apply);
        jv_apply_close(apply);
    }
    jv_tun_close(tun);
    return err;
}

enum jv_err jv_errand_clean_up(const char *path)
{
    struct jv_config *config = NULL;
    enum jv_err err = load(path, &config);
    if (err != JV_E_OK) {
        return err;
    }
    /* The device first: what still uses it would go out in clear once the rules are gone. */
    enum jv_err device = remove_device(config);
    if (device == JV_E_OK || device == JV_E_NOTFOUND) {
        err = jv_killswitch_remove(config->name);
        err = err == JV_E_NOTFOUND ? device : err;
    } else {
        err = device;
    }
    jv_config_free(config);
    return err;
}
