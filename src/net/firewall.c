/* SPDX-License-Identifier: Apache-2.0 */
#include "firewall.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

/* Behind the C library's own: the two agree in this order only. */
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft.h"

#define TABLE_BYTES 64U
#define REMOVAL_BYTES 512U
/*
 * Behind address translation and every filter with a usual priority: what they let through is judged as it would leave. A drop is
 * final at any priority.
 */
#define PRIORITY 300
#define HOP_LIMIT_ND 255U /* RFC 4861: from no farther than the link */
#define HOP_LIMIT_MLD 1U  /* RFC 3810 */
#define MLD_REPORT_V2 143U
#define PORT_DNS 53U
#define PORT_DNS_TLS 853U

struct family {
    enum jv_family af;
    uint32_t bytes;
    uint8_t nfproto;
    uint32_t source_at, destination_at; /* in the network header */
    const char *named, *lan;            /* sets */
};
static const struct family families[] = {
    {JV_AF_4, 4, NFPROTO_IPV4, 12, 16, "named4", "lan4"},
    {JV_AF_6, 16, NFPROTO_IPV6, 8, 24, "named6", "lan6"},
};

struct judged {
    const struct family *family;
    enum jv_firewall_scope scope;
    bool has_lan;
};

struct writer {
    struct jv_nft nft;
    const struct jv_firewall_cfg *cfg;
    struct judged judged[JV_ARRAY_LEN(families)];
};

/* ---- networks ---- */

static int compare_spans(const void *left, const void *right)
{
    const struct jv_span *a = left;
    const struct jv_span *b = right;
    int order = memcmp(a->first, b->first, sizeof(a->first));
    return order != 0 ? order : memcmp(a->last, b->last, sizeof(a->last));
}

static void span_of(const struct jv_prefix *net, uint32_t bytes, struct jv_span *out)
{
    for (uint32_t i = 0; i < 16U; i++) {
        uint32_t bits = net->bits > i * 8U ? JV_MIN(net->bits - i * 8U, 8U) : 0U;
        uint8_t host = i < bytes ? (uint8_t)(0xffU >> bits) : 0U;
        out->first[i] = (uint8_t)(i < bytes ? net->ip.b[i] & (uint8_t)~host : 0U);
        out->last[i] = (uint8_t)(out->first[i] | host);
    }
}

/* The address behind `at`; false where there is none. */
static bool step(const uint8_t at[16], uint32_t bytes, uint8_t out[16])
{
    memcpy(out, at, 16);
    for (uint32_t i = bytes; i > 0; i--) {
        if (++out[i - 1U] != 0) {
            return true;
        }
    }
    return false;
}

static uint32_t bytes_of(enum jv_family family)
{
    return family == JV_AF_4 ? 4U : 16U;
}

uint32_t jv_firewall_merge(const struct jv_prefix *nets, uint32_t len, enum jv_family family,
                           struct jv_span *out)
{
    uint32_t n = 0;
    uint32_t bytes = bytes_of(family);
    for (uint32_t i = 0; i < len; i++) {
        if (nets[i].ip.family == family) {
            span_of(&nets[i], bytes, &out[n++]);
        }
    }
    if (n == 0) {
        return 0;
    }
    qsort(out, n, sizeof(out[0]), compare_spans);
    uint32_t last = 0;
    for (uint32_t i = 1; i < n; i++) {
        uint8_t behind[16];
        bool is_apart =
            step(out[last].last, bytes, behind) && memcmp(out[i].first, behind, sizeof(behind)) > 0;
        if (is_apart) {
            out[++last] = out[i];
        } else if (memcmp(out[i].last, out[last].last, sizeof(out[i].last)) > 0) {
            memcpy(out[last].last, out[i].last, sizeof(out[i].last));
        }
    }
    return last + 1U;
}

static bool is_whole(const struct jv_span *span, uint32_t bytes)
{
    uint8_t behind[16];
    static const uint8_t zero[16];
    return memcmp(span->first, zero, sizeof(zero)) == 0 && !step(span->last, bytes, behind);
}

/* Of one family alone. */
static enum jv_firewall_scope own_scope(const struct jv_firewall_cfg *cfg, enum jv_family family)
{
    struct jv_span spans[JV_FIREWALL_NETS_MAX];
    uint32_t n = jv_firewall_merge(cfg->allowed, JV_MIN(cfg->allowed_len, JV_FIREWALL_NETS_MAX),
                                   family, spans);
    if (n == 0) {
        return JV_FIREWALL_NOTHING;
    }
    return n == 1U && is_whole(&spans[0], bytes_of(family)) ? JV_FIREWALL_EVERYTHING
                                                            : JV_FIREWALL_NAMED;
}

enum jv_firewall_scope jv_firewall_scope(const struct jv_firewall_cfg *cfg, enum jv_family family)
{
    enum jv_firewall_scope own = own_scope(cfg, family);
    enum jv_firewall_scope other = own_scope(cfg, family == JV_AF_4 ? JV_AF_6 : JV_AF_4);
    /* Who sends all of one family through the tunnel does not mean to send the other one beside it. */
    bool is_carried = own == JV_FIREWALL_NOTHING && other == JV_FIREWALL_EVERYTHING;
    return is_carried ? JV_FIREWALL_EVERYTHING : own;
}

/* ---- parts of rules ---- */

static void match_device(struct writer *w, enum nft_meta_keys key, const char *name,
                         enum nft_cmp_ops op)
{
    char device[IFNAMSIZ] = "";
    (void)snprintf(device, sizeof(device), "%s", name);
    jv_nft_load_meta(&w->nft, key);
    jv_nft_compare(&w->nft, op, device, sizeof(device));
}

static void match_group(struct writer *w, enum nft_meta_keys key, enum nft_cmp_ops op)
{
    uint32_t group = JV_FIREWALL_GROUP;
    jv_nft_load_meta(&w->nft, key);
    jv_nft_compare(&w->nft, op, &group, sizeof(group));
}

static void match_byte(struct writer *w, enum nft_meta_keys key, uint8_t value)
{
    jv_nft_load_meta(&w->nft, key);
    jv_nft_compare(&w->nft, NFT_CMP_EQ, &value, sizeof(value));
}

static void match_ports(struct writer *w, uint16_t from, uint16_t to)
{
    uint16_t ports[2] = {htons(from), htons(to)};
    jv_nft_load_payload(&w->nft, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(ports));
    jv_nft_compare(&w->nft, NFT_CMP_EQ, ports, sizeof(ports));
}

static void match_net(struct writer *w, const struct family *family, bool is_source,
                      const char *set, bool is_inverted)
{
    jv_nft_load_payload(&w->nft, NFT_PAYLOAD_NETWORK_HEADER,
                        is_source ? family->source_at : family->destination_at, family->bytes);
    jv_nft_lookup(&w->nft, set, is_inverted);
}

static void let_pass(struct writer *w)
{
    jv_nft_verdict(&w->nft, NF_ACCEPT);
    jv_nft_close(&w->nft);
}

static void drop(struct writer *w)
{
    jv_nft_count(&w->nft);
    jv_nft_verdict(&w->nft, NF_DROP);
    jv_nft_close(&w->nft);
}

/* ---- rules ---- */

static void accept_devices(struct writer *w, const char *chain, enum nft_meta_keys name,
                           enum nft_meta_keys group)
{
    const char *own[] = {"lo", w->cfg->tun};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(own); i++) {
        jv_nft_rule(&w->nft, chain);
        match_device(w, name, own[i], NFT_CMP_EQ);
        let_pass(w);
    }
    jv_nft_rule(&w->nft, chain);
    match_group(w, group, NFT_CMP_EQ);
    let_pass(w);
}

static void accept_dhcp(struct writer *w, const char *chain, bool is_out)
{
    static const struct {
        uint8_t nfproto;
        uint16_t client, server;
    } kinds[] = {{NFPROTO_IPV4, 68, 67}, {NFPROTO_IPV6, 546, 547}};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(kinds); i++) {
        jv_nft_rule(&w->nft, chain);
        match_byte(w, NFT_META_NFPROTO, kinds[i].nfproto);
        match_byte(w, NFT_META_L4PROTO, IPPROTO_UDP);
        match_ports(w, is_out ? kinds[i].client : kinds[i].server,
                    is_out ? kinds[i].server : kinds[i].client);
        let_pass(w);
    }
}

/* Types `first` to `last` of ICMPv6, sent with this hop limit. */
static void accept_icmp6(struct writer *w, const char *chain, uint8_t first, uint8_t last,
                         uint8_t hops)
{
    jv_nft_rule(&w->nft, chain);
    match_byte(w, NFT_META_NFPROTO, NFPROTO_IPV6);
    match_byte(w, NFT_META_L4PROTO, IPPROTO_ICMPV6);
    jv_nft_load_payload(&w->nft, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    if (first == last) {
        jv_nft_compare(&w->nft, NFT_CMP_EQ, &first, 1);
    } else {
        jv_nft_compare(&w->nft, NFT_CMP_GTE, &first, 1);
        jv_nft_compare(&w->nft, NFT_CMP_LTE, &last, 1);
    }
    jv_nft_load_payload(&w->nft, NFT_PAYLOAD_NETWORK_HEADER, 7, 1);
    jv_nft_compare(&w->nft, NFT_CMP_EQ, &hops, 1);
    let_pass(w);
}

/* Without them there is no IPv6 on a link, and no group of the solicited nodes behind a switch that listens in. */
static void accept_discovery(struct writer *w, const char *chain)
{
    accept_icmp6(w, chain, ND_ROUTER_SOLICIT, ND_NEIGHBOR_ADVERT, HOP_LIMIT_ND);
    accept_icmp6(w, chain, MLD_LISTENER_QUERY, MLD_LISTENER_REDUCTION, HOP_LIMIT_MLD);
    accept_icmp6(w, chain, MLD_REPORT_V2, MLD_REPORT_V2, HOP_LIMIT_MLD);
}

/* A name server of the LAN learns what this host asks for: the LAN is excepted, its name servers are not. */
static void drop_lan_dns(struct writer *w, const struct judged *j)
{
    static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
    static const uint16_t ports[] = {PORT_DNS, PORT_DNS_TLS};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(protocols) * JV_ARRAY_LEN(ports); i++) {
        uint16_t port = htons(ports[i / JV_ARRAY_LEN(protocols)]);
        jv_nft_rule(&w->nft, "out");
        match_byte(w, NFT_META_NFPROTO, j->family->nfproto);
        match_byte(w, NFT_META_L4PROTO, protocols[i % JV_ARRAY_LEN(protocols)]);
        jv_nft_load_payload(&w->nft, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(port));
        jv_nft_compare(&w->nft, NFT_CMP_EQ, &port, sizeof(port));
        drop(w);
    }
}

/* The end of a chain: the LAN passes, then what must not leave, or come in, is dropped. */
static void judge_rest(struct writer *w, const char *chain, bool is_source)
{
    for (uint32_t i = 0; i < JV_ARRAY_LEN(w->judged); i++) {
        const struct judged *j = &w->judged[i];
        if (j->has_lan && j->scope != JV_FIREWALL_NOTHING) {
            if (!is_source && j->scope == JV_FIREWALL_EVERYTHING) {
                drop_lan_dns(w, j);
            }
            jv_nft_rule(&w->nft, chain);
            match_byte(w, NFT_META_NFPROTO, j->family->nfproto);
            match_net(w, j->family, is_source, j->family->lan, false);
            let_pass(w);
        }
        if (j->scope != JV_FIREWALL_NOTHING) {
            jv_nft_rule(&w->nft, chain);
            match_byte(w, NFT_META_NFPROTO, j->family->nfproto);
            if (j->scope == JV_FIREWALL_NAMED) {
                match_net(w, j->family, is_source, j->family->named, false);
            }
            drop(w);
        }
    }
}

/* What one side of a forwarded packet forbids; marks, DHCP and discovery are this host's own and excuse nothing here. */
static void judge_forwarded(struct writer *w, bool is_source)
{
    enum nft_meta_keys name = is_source ? NFT_META_IIFNAME : NFT_META_OIFNAME;
    enum nft_meta_keys group = is_source ? NFT_META_IIFGROUP : NFT_META_OIFGROUP;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(w->judged); i++) {
        const struct judged *j = &w->judged[i];
        if (j->scope == JV_FIREWALL_NOTHING) {
            continue;
        }
        jv_nft_rule(&w->nft, "forward");
        match_device(w, name, w->cfg->tun, NFT_CMP_NEQ);
        match_group(w, group, NFT_CMP_NEQ);
        match_byte(w, NFT_META_NFPROTO, j->family->nfproto);
        if (j->has_lan) {
            match_net(w, j->family, is_source, j->family->lan, true);
        }
        if (j->scope == JV_FIREWALL_NAMED) {
            match_net(w, j->family, is_source, j->family->named, false);
        }
        drop(w);
    }
}

static void write_set(struct writer *w, const char *set, const struct jv_prefix *nets, uint32_t len,
                      const struct family *family)
{
    struct jv_span spans[JV_FIREWALL_NETS_MAX];
    uint32_t n = jv_firewall_merge(nets, len, family->af, spans);
    jv_nft_intervals(&w->nft, set, family->bytes);
    jv_nft_elements(&w->nft, set);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t behind[16];
        jv_nft_element(&w->nft, spans[i].first, family->bytes, false);
        if (step(spans[i].last, family->bytes, behind)) {
            jv_nft_element(&w->nft, behind, family->bytes, true);
        }
    }
    jv_nft_close(&w->nft);
}

static bool has_family(const struct jv_prefix *nets, uint32_t len, enum jv_family family)
{
    for (uint32_t i = 0; i < len; i++) {
        if (nets[i].ip.family == family) {
            return true;
        }
    }
    return false;
}

static void write_sets(struct writer *w)
{
    const struct jv_firewall_cfg *cfg = w->cfg;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(w->judged); i++) {
        struct judged *j = &w->judged[i];
        j->family = &families[i];
        j->scope = jv_firewall_scope(cfg, families[i].af);
        j->has_lan = has_family(cfg->lan, cfg->lan_len, families[i].af);
        if (j->scope == JV_FIREWALL_NAMED) {
            write_set(w, families[i].named, cfg->allowed, cfg->allowed_len, &families[i]);
        }
        if (j->has_lan) {
            write_set(w, families[i].lan, cfg->lan, cfg->lan_len, &families[i]);
        }
    }
}

/*
 * Out is judged behind the last routing decision: a route that another program's mark, or a hostile DHCP server, has changed names
 * the device by which the packet would really leave.
 */
static void write_chains(struct writer *w)
{
    const struct jv_firewall_cfg *cfg = w->cfg;
    jv_nft_chain(&w->nft, "out", NF_INET_POST_ROUTING, PRIORITY);
    accept_devices(w, "out", NFT_META_OIFNAME, NFT_META_OIFGROUP);
    jv_nft_rule(&w->nft, "out");
    jv_nft_load_meta(&w->nft, NFT_META_MARK);
    jv_nft_compare(&w->nft, NFT_CMP_EQ, &cfg->mark, sizeof(cfg->mark));
    let_pass(w);
    accept_dhcp(w, "out", true);
    accept_discovery(w, "out");
    judge_rest(w, "out", false);

    jv_nft_chain(&w->nft, "in", NF_INET_LOCAL_IN, PRIORITY);
    accept_devices(w, "in", NFT_META_IIFNAME, NFT_META_IIFGROUP);
    jv_nft_rule(&w->nft, "in");
    jv_nft_load_socket_mark(&w->nft);
    jv_nft_compare(&w->nft, NFT_CMP_EQ, &cfg->mark, sizeof(cfg->mark));
    let_pass(w);
    accept_dhcp(w, "in", false);
    accept_discovery(w, "in");
    judge_rest(w, "in", true);

    jv_nft_chain(&w->nft, "forward", NF_INET_FORWARD, PRIORITY);
    judge_forwarded(w, true);
    judge_forwarded(w, false);
}

static void table_of(const char *name, char out[TABLE_BYTES])
{
    (void)snprintf(out, TABLE_BYTES, JV_FIREWALL_TABLE "%s", name);
}

enum jv_err jv_firewall_write(const struct jv_firewall_cfg *cfg, bool is_there, uint8_t *buf,
                              size_t cap, size_t *len_out)
{
    char table[TABLE_BYTES];
    struct writer w = {.cfg = cfg};
    if (cfg->allowed_len > JV_FIREWALL_NETS_MAX || cfg->lan_len > JV_FIREWALL_NETS_MAX) {
        return JV_E_RANGE;
    }
    table_of(cfg->name, table);
    jv_nft_begin(&w.nft, buf, cap);
    if (is_there) {
        /* Made, removed, made anew: the removal then never fails, and all of it is one step to the kernel. */
        jv_nft_table(&w.nft, table);
        jv_nft_table_remove(&w.nft, table);
        jv_nft_table(&w.nft, table);
    } else {
        /* Not into a table that somebody else has made meanwhile. */
        jv_nft_table_first(&w.nft, table);
    }
    write_sets(&w);
    write_chains(&w);
    enum jv_err err = jv_nft_end(&w.nft);
    if (err == JV_E_OK) {
        *len_out = w.nft.len;
    }
    return err;
}

static enum jv_err deliver(const struct jv_firewall_cfg *cfg, bool is_there, uint32_t *port_out)
{
    size_t len = 0;
    uint8_t *buf = malloc(JV_FIREWALL_BYTES);
    if (buf == NULL) {
        return JV_E_NOMEM;
    }
    enum jv_err err = jv_firewall_write(cfg, is_there, buf, JV_FIREWALL_BYTES, &len);
    if (err == JV_E_OK) {
        err = jv_nft_send(buf, len, port_out);
    }
    free(buf);
    return err;
}

enum jv_err jv_firewall_install(const struct jv_firewall_cfg *cfg, uint32_t *port_out)
{
    char table[TABLE_BYTES];
    table_of(cfg->name, table);
    /* Where the kernel would not say, a batch that replaces the table is right in both cases. */
    bool is_there = jv_nft_find(table) != JV_E_NOTFOUND;
    enum jv_err err = deliver(cfg, is_there, port_out);
    if (err == JV_E_EXISTS && !is_there) {
        err = deliver(cfg, true, port_out);
    }
    /* What a kernel does not know of (a kind of expression, of chain) it calls missing. */
    return err == JV_E_NOTFOUND ? JV_E_UNSUPPORTED : err;
}

enum jv_err jv_firewall_remove(const char *name)
{
    _Alignas(struct nlmsghdr) uint8_t buf[REMOVAL_BYTES];
    char table[TABLE_BYTES];
    struct jv_nft nft;
    uint32_t port = 0; /* who removes looks after nothing any more */
    table_of(name, table);
    if (jv_nft_find(table) == JV_E_NOTFOUND) {
        return JV_E_NOTFOUND;
    }
    /* It is there, or the kernel would not say: then the removal itself finds out. */
    jv_nft_begin(&nft, buf, sizeof(buf));
    jv_nft_table_remove(&nft, table);
    enum jv_err err = jv_nft_end(&nft);
    if (err == JV_E_OK) {
        err = jv_nft_send(buf, nft.len, &port);
    }
    return err == JV_E_UNSUPPORTED ? JV_E_NOTFOUND : err;
}

int jv_firewall_watch(void)
{
    return jv_nft_watch();
}

bool jv_firewall_changed(int fd, const char *name, uint32_t own_port)
{
    char table[TABLE_BYTES];
    table_of(name, table);
    return jv_nft_heard(fd, table, own_port);
}
