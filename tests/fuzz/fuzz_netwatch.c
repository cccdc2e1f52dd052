/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_netwatch -- netlink bytes, cut into datagrams at 0xff 0xff, into the table of links and addresses.
 *
 * Law besides memory safety: no more addresses are told gone than were told, and no more are known than there is room for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netwatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void drain(struct jv_netwatch *watch, int *addrs)
{
    struct jv_net_fact facts[16];
    uint32_t n;
    while ((n = jv_netwatch_read(watch, facts, 16)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            *addrs += facts[i].kind == JV_NET_ADDR_ADDED;
            *addrs -= facts[i].kind == JV_NET_ADDR_GONE;
            JV_ASSERT(*addrs >= 0 && *addrs <= (int)JV_NETWATCH_ADDRS_MAX);
            JV_ASSERT(memchr(facts[i].name, 0, sizeof(facts[i].name)) != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct jv_netwatch *watch;
    if (jv_netwatch_open_detached(&watch) != JV_E_OK) {
        return 0;
    }
    int addrs = 0;
    size_t start = 0;
    for (size_t at = 0; at <= len; at++) {
        if (at == len || (at + 1 < len && data[at] == 0xff && data[at + 1] == 0xff)) {
            jv_netwatch_feed(watch, data + start, at - start);
            drain(watch, &addrs);
            start = at + 2;
            at++;
        }
    }
    jv_netwatch_close(watch);
    return 0;
}
