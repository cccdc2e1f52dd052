/* SPDX-License-Identifier: Apache-2.0 */
#include "view_host.h"

#include "crypto.h"
#include "device.h"
#include "links.h"
#include "server.h"
#include "tun.h"

json_t *jv_view_aead(void)
{
    struct jv_aead_facts facts = jv_aead_facts();
    const char *why_not = jv_aead_why_not()[0] == '\0' ? NULL : jv_aead_why_not();
    return json_pack("{s:s,s:s,s:s,s:s*}", "library", facts.name, "version", facts.version, "cpu",
                     facts.cpu, "why_not", why_not);
}

json_t *jv_view_offloads(const struct jv_server *server)
{
    const struct jv_tun *tun = jv_server_device(server)->tun;
    bool has_gso = false;
    bool has_gro = false;
    jv_links_offloads(jv_server_links(server), &has_gso, &has_gro);
    return json_pack("{s:b,s:b,s:b,s:b,s:b}", "csum", tun != NULL && jv_tun_has_csum(tun), "tso",
                     tun != NULL && jv_tun_has_tso(tun), "uso", tun != NULL && jv_tun_has_uso(tun),
                     "gso", has_gso, "gro", has_gro);
}

json_t *jv_view_queue(const struct jv_server *server)
{
    const struct jv_device *device = jv_server_device(server);
    const char *why_not = device->no_lanes != NULL ? device->no_lanes : device->no_bound;
    uint64_t drops = device->tun == NULL ? 0 : jv_tun_bound_drops(device->tun);
    return json_pack("{s:b,s:I,s:I,s:s*}", "lanes", device->sparse != NULL, "bytes",
                     (json_int_t)device->queue_bytes, "drops", (json_int_t)drops, "why_not",
                     why_not);
}
