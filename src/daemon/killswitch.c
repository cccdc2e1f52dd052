/* SPDX-License-Identifier: Apache-2.0 */
#include "killswitch.h"

#include <errno.h>
#include <string.h>

#include "firewall.h"
#include "log.h"

_Static_assert(JV_FIREWALL_NETS_MAX >= JV_CONF_PREFIXES_MAX, "every list of a profile fits");

static const char *remedy(enum jv_err err)
{
    if (err == JV_E_PERM) {
        return ": start jvd as root, or with CAP_NET_ADMIN";
    }
    return err == JV_E_UNSUPPORTED ? ": this kernel lacks nf_tables for inet, or its meta, "
                                     "payload, lookup or socket expressions"
                                   : "";
}

bool jv_killswitch_is_wanted(const struct jv_config *config)
{
    return config->role == JV_CONFIG_CLIENT && config->session.kill_switch == JV_CONFIG_KILL_YES;
}

static enum jv_err install(const struct jv_config *config)
{
    const struct jv_config_session *session = &config->session;
    struct jv_firewall_cfg cfg = {.name = config->name,
                                  .tun = config->interface,
                                  .mark = session->fwmark,
                                  .allowed = session->allowed_ips.at,
                                  .allowed_len = session->allowed_ips.len,
                                  .lan = session->kill_switch_lan.at,
                                  .lan_len = session->kill_switch_lan.len};
    enum jv_err err = jv_firewall_install(&cfg);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot install the kill switch: %s%s", strerror(errno), remedy(err));
    }
    return err;
}

enum jv_err jv_killswitch_set(const struct jv_config *config)
{
    if (jv_killswitch_is_wanted(config)) {
        return install(config);
    }
    enum jv_err err =
        config->role == JV_CONFIG_CLIENT ? jv_killswitch_remove(config->name) : JV_E_NOTFOUND;
    if (err == JV_E_OK) {
        jv_log(JV_LOG_NOTICE, "removed the kill switch of an earlier run: KillSwitch is no");
    }
    return err == JV_E_NOTFOUND ? JV_E_OK : err;
}

enum jv_err jv_killswitch_remove(const char *profile)
{
    enum jv_err err = jv_firewall_remove(profile);
    if (err != JV_E_OK && err != JV_E_NOTFOUND) {
        jv_log(JV_LOG_ERROR, "cannot remove the kill switch, table inet %s%s: %s%s",
               JV_FIREWALL_TABLE, profile, strerror(errno), remedy(err));
    }
    return err;
}

bool jv_killswitch_differs(const struct jv_config *old, const struct jv_config *config)
{
    const struct jv_config_prefixes *a = &old->session.kill_switch_lan;
    const struct jv_config_prefixes *b = &config->session.kill_switch_lan;
    bool is_same =
        jv_killswitch_is_wanted(old) == jv_killswitch_is_wanted(config) && a->len == b->len;
    for (uint32_t i = 0; is_same && i < a->len; i++) {
        is_same = a->at[i].bits == b->at[i].bits && jv_ip_is_equal(&a->at[i].ip, &b->at[i].ip);
    }
    return !is_same;
}
