/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "firewall.h"
#include "prng.h"

#define ROUNDS 2000U

static uint32_t parse(const char *const *texts, struct jv_prefix *out)
{
    uint32_t n = 0;
    for (; texts[n] != NULL; n++) {
        assert_int_equal(jv_prefix_parse(texts[n], false, &out[n]), JV_E_OK);
    }
    return n;
}

static enum jv_firewall_scope scope_of(const char *const *texts, enum jv_family family)
{
    struct jv_prefix nets[JV_FIREWALL_NETS_MAX];
    struct jv_firewall_cfg cfg = {.name = "c", .tun = "c", .mark = 1, .allowed = nets};
    cfg.allowed_len = parse(texts, nets);
    return jv_firewall_scope(&cfg, family);
}
#define SCOPE(family, ...) scope_of((const char *const[]){__VA_ARGS__, NULL}, family)

static void check_span(const struct jv_span *span, const char *first, const char *last)
{
    struct jv_ip ip;
    assert_int_equal(jv_ip_parse(first, &ip), JV_E_OK);
    assert_memory_equal(span->first, ip.b, 16);
    assert_int_equal(jv_ip_parse(last, &ip), JV_E_OK);
    assert_memory_equal(span->last, ip.b, 16);
}

static void firewall_merges_networks_that_meet_or_touch(void **state)
{
    static const char *const texts[] = {
        "192.168.0.0/16", "11.0.0.0/8",         "10.1.2.0/24", "fd00::/8",
        "10.0.0.0/8",     "255.255.255.255/32", NULL};
    struct jv_prefix nets[8];
    struct jv_span spans[8];
    uint32_t n = parse(texts, nets);
    assert_int_equal(jv_firewall_merge(nets, n, JV_AF_4, spans), 3);
    check_span(&spans[0], "10.0.0.0", "11.255.255.255");
    check_span(&spans[1], "192.168.0.0", "192.168.255.255");
    check_span(&spans[2], "255.255.255.255", "255.255.255.255");
    assert_int_equal(jv_firewall_merge(nets, n, JV_AF_6, spans), 1);
    check_span(&spans[0], "fd00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_int_equal(jv_firewall_merge(nets, 0, JV_AF_6, spans), 0);
}

/* An address is in a span where it is in a network, and spans are apart and in order. */
static void firewall_merge_agrees_with_the_networks(void **state)
{
    struct jv_prng prng = {9};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct jv_prefix nets[12];
        struct jv_span spans[12];
        uint32_t n = 1U + (uint32_t)jv_prng_below(&prng, 12);
        for (uint32_t i = 0; i < n; i++) {
            /* Few addresses, so that many meet: the last two bytes alone differ, of them few bits. */
            nets[i] = (struct jv_prefix){.bits = 18U + (uint32_t)jv_prng_below(&prng, 15)};
            nets[i].ip.family = JV_AF_4;
            nets[i].ip.b[2] = (uint8_t)jv_prng_below(&prng, 4);
            nets[i].ip.b[3] = (uint8_t)jv_prng_below(&prng, 256);
        }
        uint32_t len = jv_firewall_merge(nets, n, JV_AF_4, spans);
        assert_in_range(len, 1, n);
        for (uint32_t i = 1; i < len; i++) {
            assert_true(memcmp(spans[i - 1].last, spans[i].first, 16) < 0);
        }
        for (uint32_t probe = 0; probe < 200; probe++) {
            struct jv_ip ip = {.family = JV_AF_4};
            ip.b[2] = (uint8_t)jv_prng_below(&prng, 66);
            ip.b[3] = (uint8_t)jv_prng_below(&prng, 256);
            bool is_named = false;
            bool is_inside = false;
            for (uint32_t i = 0; i < n; i++) {
                is_named = is_named || jv_prefix_has(&nets[i], &ip);
            }
            for (uint32_t i = 0; i < len; i++) {
                is_inside = is_inside || (memcmp(spans[i].first, ip.b, 16) <= 0 &&
                                          memcmp(ip.b, spans[i].last, 16) <= 0);
            }
            assert_int_equal(is_inside, is_named);
        }
    }
}

static void firewall_scope_is_everything_where_all_is_covered(void **state)
{
    assert_int_equal(SCOPE(JV_AF_4, "0.0.0.0/0", "::/0"), JV_FIREWALL_EVERYTHING);
    assert_int_equal(SCOPE(JV_AF_6, "0.0.0.0/0", "::/0"), JV_FIREWALL_EVERYTHING);
    assert_int_equal(SCOPE(JV_AF_4, "128.0.0.0/1", "0.0.0.0/1"), JV_FIREWALL_EVERYTHING);
    assert_int_equal(SCOPE(JV_AF_6, "8000::/1", "::/2", "4000::/2"), JV_FIREWALL_EVERYTHING);
    /* All of IPv4 and nothing of IPv6: IPv6 beside the tunnel is what a kill switch is there to stop. */
    assert_int_equal(SCOPE(JV_AF_6, "0.0.0.0/0"), JV_FIREWALL_EVERYTHING);
    assert_int_equal(SCOPE(JV_AF_4, "::/0"), JV_FIREWALL_EVERYTHING);
}

static void firewall_scope_of_a_split_tunnel_is_what_it_names(void **state)
{
    assert_int_equal(SCOPE(JV_AF_4, "10.0.0.0/8"), JV_FIREWALL_NAMED);
    assert_int_equal(SCOPE(JV_AF_6, "10.0.0.0/8"), JV_FIREWALL_NOTHING);
    assert_int_equal(SCOPE(JV_AF_6, "0.0.0.0/0", "fd00::/8"), JV_FIREWALL_NAMED);
    assert_int_equal(SCOPE(JV_AF_4, "0.0.0.0/1", "128.0.0.0/2"), JV_FIREWALL_NAMED);
}

/* A batch: its messages, of which kind. */
struct batch {
    uint32_t total, tables, removals, chains, sets, elements, rules, acks;
};

static struct batch read_batch(const uint8_t *buf, size_t len, const char *table)
{
    struct batch b = {0};
    int left = (int)len;
    const struct nlmsghdr *msg = (const void *)buf;
    for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
        const struct nlattr *attr;
        assert_int_equal(msg->nlmsg_seq, b.total);
        b.total++;
        b.acks += (msg->nlmsg_flags & NLM_F_ACK) != 0;
        if (msg->nlmsg_type == NFNL_MSG_BATCH_BEGIN || msg->nlmsg_type == NFNL_MSG_BATCH_END) {
            continue;
        }
        assert_int_equal(msg->nlmsg_type >> 8, NFNL_SUBSYS_NFTABLES);
        /* The table is the first attribute of every message. */
        attr = mnl_nlmsg_get_payload_offset(msg, sizeof(struct nfgenmsg));
        assert_true(mnl_attr_ok(attr, (int)mnl_nlmsg_get_payload_len(msg)));
        assert_int_equal(mnl_attr_get_type(attr), 1);
        assert_string_equal(mnl_attr_get_str(attr), table);
        switch (msg->nlmsg_type & 0xffU) {
        case NFT_MSG_NEWTABLE:
            b.tables++;
            break;
        case NFT_MSG_DELTABLE:
            b.removals++;
            break;
        case NFT_MSG_NEWCHAIN:
            b.chains++;
            break;
        case NFT_MSG_NEWSET:
            b.sets++;
            break;
        case NFT_MSG_NEWSETELEM:
            b.elements++;
            break;
        case NFT_MSG_NEWRULE:
            b.rules++;
            break;
        default: /* an integer of the wire: no other kind is written */
            fail_msg("message %u", msg->nlmsg_type);
        }
    }
    assert_int_equal(left, 0);
    return b;
}

static void firewall_writes_one_batch_that_replaces_the_table(void **state)
{
    static const char *const texts[] = {"0.0.0.0/0", "fd00::/8", NULL};
    static const char *const lan_texts[] = {"192.168.1.0/24", NULL};
    _Alignas(struct nlmsghdr) uint8_t buf[16384];
    struct jv_prefix nets[4];
    struct jv_prefix lan[4];
    size_t len = 0;
    struct jv_firewall_cfg cfg = {
        .name = "home", .tun = "jv0", .mark = 0x6a76, .allowed = nets, .lan = lan};
    cfg.allowed_len = parse(texts, nets);
    cfg.lan_len = parse(lan_texts, lan);
    assert_int_equal(jv_firewall_write(&cfg, true, buf, sizeof(buf), &len), JV_E_OK);
    struct batch b = read_batch(buf, len, "jv_home");
    assert_int_equal(b.tables, 2);
    assert_int_equal(b.removals, 1);
    assert_int_equal(b.chains, 3);
    assert_int_equal(b.sets, 2);
    assert_int_equal(b.elements, 2);
    /*
     * out and in: three devices, mark, DHCP twice, three kinds of discovery, one drop a family; forward: two directions of two
     * families; the LAN of IPv4: two rules, and in out the four of its name servers.
     */
    assert_int_equal(b.rules, 2 * (3 + 1 + 2 + 3 + 2) + 4 + 2 + 4);
    assert_int_equal(b.acks, 1);
    uint8_t again[sizeof(buf)];
    size_t again_len = 0;
    memset(again, 0xff, sizeof(again));
    assert_int_equal(jv_firewall_write(&cfg, true, again, sizeof(again), &again_len), JV_E_OK);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, buf, len);
}

static void firewall_write_fails_in_every_smaller_buffer(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8", "fd00::/8", NULL};
    struct jv_prefix nets[4];
    size_t len = 0;
    size_t none = 7;
    struct jv_firewall_cfg cfg = {.name = "home", .tun = "jv0", .mark = 1, .allowed = nets};
    cfg.allowed_len = parse(texts, nets);
    uint8_t *whole = malloc(JV_FIREWALL_BYTES);
    assert_int_equal(jv_firewall_write(&cfg, true, whole, JV_FIREWALL_BYTES, &len), JV_E_OK);
    for (size_t cap = 0; cap < len; cap += 4) {
        uint8_t *tight =
            malloc(cap == 0 ? 1 : cap); /* its own allocation, so that a sanitizer sees its end */
        assert_int_equal(jv_firewall_write(&cfg, true, tight, cap, &none), JV_E_FULL);
        assert_int_equal(none, 7);
        free(tight);
    }
    free(whole);
}

static void firewall_longest_lists_fit(void **state)
{
    struct jv_prefix nets[JV_FIREWALL_NETS_MAX];
    struct jv_prefix lan[JV_FIREWALL_NETS_MAX];
    size_t len = 0;
    for (uint32_t i = 0; i < JV_FIREWALL_NETS_MAX; i++) {
        nets[i] = (struct jv_prefix){.bits = 128};
        nets[i].ip.family = JV_AF_6;
        nets[i].ip.b[0] = 0xfd;
        nets[i].ip.b[15] = (uint8_t)(2U * i);
        lan[i] = nets[i];
    }
    struct jv_firewall_cfg cfg = {.name = "0123456789012345678901234567890",
                                  .tun = "jv0",
                                  .mark = 1,
                                  .allowed = nets,
                                  .allowed_len = JV_FIREWALL_NETS_MAX,
                                  .lan = lan,
                                  .lan_len = JV_FIREWALL_NETS_MAX};
    uint8_t *buf = malloc(JV_FIREWALL_BYTES);
    assert_int_equal(jv_firewall_write(&cfg, true, buf, JV_FIREWALL_BYTES, &len), JV_E_OK);
    assert_in_range(len, 1, JV_FIREWALL_BYTES / 2);
    cfg.allowed_len++;
    assert_int_equal(jv_firewall_write(&cfg, true, buf, JV_FIREWALL_BYTES, &len), JV_E_RANGE);
    free(buf);
}

/* ---- removal: the linker puts these in the place of libmnl's two (--wrap) ---- */

#define SENT_MAX 4U

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buf, size_t cap);

static struct {
    uint16_t types[SENT_MAX][SENT_MAX]; /* of the first messages of each request */
    uint16_t table_flags[SENT_MAX];     /* of its last one that makes a table */
    uint32_t len;
    int codes[SENT_MAX]; /* the answer to each */
    uint32_t seq;        /* of the message that asks for an answer */
} kernel;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *buf, size_t len)
{
    int left = (int)len;
    uint32_t n = 0;
    (void)socket;
    assert_in_range(kernel.len, 0, SENT_MAX - 1U);
    for (const struct nlmsghdr *msg = buf; mnl_nlmsg_ok(msg, left);
         msg = mnl_nlmsg_next(msg, &left)) {
        if (n < SENT_MAX) {
            kernel.types[kernel.len][n++] = msg->nlmsg_type;
        }
        if (msg->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWTABLE)) {
            kernel.table_flags[kernel.len] = msg->nlmsg_flags;
        }
        kernel.seq = (msg->nlmsg_flags & NLM_F_ACK) != 0 ? msg->nlmsg_seq : kernel.seq;
    }
    kernel.len++;
    return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buf, size_t cap)
{
    struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
    struct nlmsgerr *error = mnl_nlmsg_put_extra_header(msg, sizeof(*error));
    (void)socket;
    assert_in_range(msg->nlmsg_len, 0, cap);
    msg->nlmsg_type = NLMSG_ERROR;
    msg->nlmsg_seq = kernel.seq;
    error->error = -kernel.codes[kernel.len - 1U];
    return (ssize_t)msg->nlmsg_len;
}

static uint32_t port;
static const struct jv_firewall_cfg home = {.name = "home", .tun = "jv0", .mark = 1};

static void check_question(void)
{
    assert_int_equal(kernel.types[0][0], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_GETTABLE);
    assert_int_equal(kernel.types[0][1], 0);
}

static void check_removal(void)
{
    assert_int_equal(kernel.len, 2);
    check_question();
    assert_int_equal(kernel.types[1][0], NFNL_MSG_BATCH_BEGIN);
    assert_int_equal(kernel.types[1][1], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_DELTABLE);
    assert_int_equal(kernel.types[1][2], NFNL_MSG_BATCH_END);
}

/* A batch that the kernel takes back costs a grace period of RCU, at each start of a profile without a kill switch. */
static void firewall_removal_of_what_is_not_there_only_asks(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = ENOENT;
    assert_int_equal(jv_firewall_remove("home"), JV_E_NOTFOUND);
    assert_int_equal(kernel.len, 1);
    check_question();
}

static void firewall_removal_takes_what_is_there(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    assert_int_equal(jv_firewall_remove("home"), JV_E_OK);
    check_removal();
}

static void firewall_removal_is_tried_where_the_kernel_does_not_say(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = EINVAL;
    assert_int_equal(jv_firewall_remove("home"), JV_E_OK);
    check_removal();
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = EINVAL;
    kernel.codes[1] = EOPNOTSUPP;
    assert_int_equal(jv_firewall_remove("home"), JV_E_NOTFOUND);
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = EPERM;
    kernel.codes[1] = EPERM;
    assert_int_equal(jv_firewall_remove("home"), JV_E_PERM);
}

static void check_first(void)
{
    assert_int_equal(kernel.types[1][0], NFNL_MSG_BATCH_BEGIN);
    assert_int_equal(kernel.types[1][1], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWTABLE);
    assert_int_equal(kernel.types[1][2], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWCHAIN);
    assert_int_equal(kernel.table_flags[1], NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
}

static void check_replacement(uint32_t request)
{
    assert_int_equal(kernel.types[request][0], NFNL_MSG_BATCH_BEGIN);
    assert_int_equal(kernel.types[request][1], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWTABLE);
    assert_int_equal(kernel.types[request][2], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_DELTABLE);
    assert_int_equal(kernel.types[request][3], NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWTABLE);
    assert_int_equal(kernel.table_flags[request], NLM_F_REQUEST | NLM_F_CREATE);
}

/* A removal costs a grace period of RCU: the first installation has none. */
static void firewall_first_installation_removes_nothing(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = ENOENT;
    assert_int_equal(jv_firewall_install(&home, &port), JV_E_OK);
    assert_int_equal(kernel.len, 2);
    check_question();
    check_first();
}

static void firewall_installation_replaces_what_is_there(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    assert_int_equal(jv_firewall_install(&home, &port), JV_E_OK);
    assert_int_equal(kernel.len, 2);
    check_question();
    check_replacement(1);
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = EINVAL; /* it would not say */
    assert_int_equal(jv_firewall_install(&home, &port), JV_E_OK);
    check_replacement(1);
}

/* Somebody has made the table between the question and the batch. */
static void firewall_installation_replaces_what_has_come_meanwhile(void **state)
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.codes[0] = ENOENT;
    kernel.codes[1] = EEXIST;
    assert_int_equal(jv_firewall_install(&home, &port), JV_E_OK);
    assert_int_equal(kernel.len, 3);
    check_first();
    check_replacement(2);
}

static void firewall_installation_says_what_failed(void **state)
{
    static const struct {
        int code;
        enum jv_err err;
    } cases[] = {{EPERM, JV_E_PERM}, {ENOENT, JV_E_UNSUPPORTED}, {ENOMEM, JV_E_SYSTEM}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&kernel, 0, sizeof(kernel));
        kernel.codes[0] = ENOENT;
        kernel.codes[1] = cases[i].code;
        assert_int_equal(jv_firewall_install(&home, &port), cases[i].err);
        assert_int_equal(kernel.len, 2);
    }
}

/* ---- news ---- */

static void announce(int fd, const char *table, uint32_t by)
{
    _Alignas(struct nlmsghdr) uint8_t buf[256] = {0};
    struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
    msg->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_DELTABLE;
    msg->nlmsg_pid = by;
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(msg, sizeof(*head));
    head->nfgen_family = 1; /* inet */
    mnl_attr_put_strz(msg, NFTA_TABLE_NAME, table);
    assert_int_equal(send(fd, buf, msg->nlmsg_len, 0), msg->nlmsg_len);
}

static void firewall_hears_what_others_do_beside_its_own(void **state)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_false(jv_firewall_changed(fds[1], "home", 5));
    announce(fds[0], "jv_home", 5);
    announce(fds[0], "jv_work", 6);
    assert_false(jv_firewall_changed(fds[1], "home", 5));
    announce(fds[0], "jv_home", 5);
    announce(fds[0], "jv_home", 6);
    announce(fds[0], "jv_home", 5);
    assert_true(jv_firewall_changed(fds[1], "home", 5));
    announce(fds[0], "jv_home", 0);
    assert_true(jv_firewall_changed(fds[1], "home", 0));
    assert_false(jv_firewall_changed(fds[1], "home", 5));
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(firewall_merges_networks_that_meet_or_touch),
        cmocka_unit_test(firewall_merge_agrees_with_the_networks),
        cmocka_unit_test(firewall_scope_is_everything_where_all_is_covered),
        cmocka_unit_test(firewall_scope_of_a_split_tunnel_is_what_it_names),
        cmocka_unit_test(firewall_writes_one_batch_that_replaces_the_table),
        cmocka_unit_test(firewall_write_fails_in_every_smaller_buffer),
        cmocka_unit_test(firewall_longest_lists_fit),
        cmocka_unit_test(firewall_removal_of_what_is_not_there_only_asks),
        cmocka_unit_test(firewall_removal_takes_what_is_there),
        cmocka_unit_test(firewall_removal_is_tried_where_the_kernel_does_not_say),
        cmocka_unit_test(firewall_first_installation_removes_nothing),
        cmocka_unit_test(firewall_installation_replaces_what_is_there),
        cmocka_unit_test(firewall_installation_replaces_what_has_come_meanwhile),
        cmocka_unit_test(firewall_installation_says_what_failed),
        cmocka_unit_test(firewall_hears_what_others_do_beside_its_own),
    };
    return cmocka_run_group_tests_name("firewall", tests, NULL, NULL);
}
