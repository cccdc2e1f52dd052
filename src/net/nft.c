/* SPDX-License-Identifier: Apache-2.0 */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h> /* behind the C library's netinet/in.h: the two agree in this order only */
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rtnl.h"

/* Types of set keys as the nft program numbers them; the kernel stores and returns them, so that it can print the set. */
#define KEY_IPV4 7U
#define KEY_IPV6 8U
#define ANSWER_BYTES 4096U
#define QUESTION_BYTES 256U
#define NEWS_MAX                                                                                   \
    4096U /* read in one go: a change of rules that never ends must not hold the loop */

static size_t room(const struct jv_nft *nft)
{
    return nft->cap - nft->len;
}

static void put(struct jv_nft *nft, uint16_t type, const void *data, size_t len)
{
    if (nft->msg != NULL && !nft->is_full) {
        nft->is_full = !mnl_attr_put_check(nft->msg, room(nft), type, len, data);
    }
}

static void put_u32(struct jv_nft *nft, uint16_t type, uint32_t value)
{
    uint32_t big = htonl(value);
    put(nft, type, &big, sizeof(big));
}

static void put_text(struct jv_nft *nft, uint16_t type, const char *text)
{
    put(nft, type, text, strlen(text) + 1U);
}

static struct nlattr *nest(struct jv_nft *nft, uint16_t type)
{
    struct nlattr *at = NULL;
    if (nft->msg != NULL && !nft->is_full) {
        at = mnl_attr_nest_start_check(nft->msg, room(nft), type);
        nft->is_full = at == NULL;
    }
    return at;
}

static void nest_end(struct jv_nft *nft, struct nlattr *at)
{
    if (at != NULL && !nft->is_full) {
        mnl_attr_nest_end(nft->msg, at);
    }
}

static void open_msg(struct jv_nft *nft, uint16_t type, uint16_t flags, uint8_t family,
                     uint16_t res_id)
{
    nft->msg = NULL;
    nft->is_full = nft->is_full || room(nft) < sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg);
    if (nft->is_full) {
        return;
    }
    struct nlmsghdr *msg = mnl_nlmsg_put_header(nft->buf + nft->len);
    msg->nlmsg_type = type;
    msg->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    msg->nlmsg_seq = nft->seq++;
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(msg, sizeof(*head));
    head->nfgen_family = family;
    head->version = NFNETLINK_V0;
    head->res_id = htons(res_id);
    nft->msg = msg;
}

static void open_nft(struct jv_nft *nft, uint16_t type, uint16_t flags)
{
    open_msg(nft, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8U) | type), flags, NFPROTO_INET, 0);
}

void jv_nft_close(struct jv_nft *nft)
{
    nest_end(nft, nft->list);
    nft->list = NULL;
    if (nft->msg != NULL && !nft->is_full) {
        nft->len += nft->msg->nlmsg_len; /* a multiple of four: attributes are padded */
        nft->last = nft->msg;
    }
    nft->msg = NULL;
}

void jv_nft_begin(struct jv_nft *nft, uint8_t *buf, size_t cap)
{
    *nft = (struct jv_nft){.buf = buf, .cap = cap};
    memset(buf, 0, cap); /* the bytes between attributes too: one input, one output */
    open_msg(nft, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    jv_nft_close(nft);
}

enum jv_err jv_nft_end(struct jv_nft *nft)
{
    if (nft->last != NULL) {
        nft->last->nlmsg_flags |= NLM_F_ACK; /* one answer for all: refusals are sent anyway */
    }
    open_msg(nft, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    jv_nft_close(nft);
    return nft->is_full ? JV_E_FULL : JV_E_OK;
}

static void make_table(struct jv_nft *nft, const char *name, uint16_t flags)
{
    nft->table = name;
    open_nft(nft, NFT_MSG_NEWTABLE, flags);
    put_text(nft, NFTA_TABLE_NAME, name);
    jv_nft_close(nft);
}

void jv_nft_table(struct jv_nft *nft, const char *name)
{
    make_table(nft, name, NLM_F_CREATE);
}

void jv_nft_table_first(struct jv_nft *nft, const char *name)
{
    make_table(nft, name, NLM_F_CREATE | NLM_F_EXCL);
}

void jv_nft_table_remove(struct jv_nft *nft, const char *name)
{
    open_nft(nft, NFT_MSG_DELTABLE, 0);
    put_text(nft, NFTA_TABLE_NAME, name);
    jv_nft_close(nft);
}

void jv_nft_chain(struct jv_nft *nft, const char *name, uint32_t hook, int32_t priority)
{
    open_nft(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    put_text(nft, NFTA_CHAIN_TABLE, nft->table);
    put_text(nft, NFTA_CHAIN_NAME, name);
    struct nlattr *at = nest(nft, NFTA_CHAIN_HOOK);
    put_u32(nft, NFTA_HOOK_HOOKNUM, hook);
    put_u32(nft, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    nest_end(nft, at);
    put_u32(nft, NFTA_CHAIN_POLICY, NF_ACCEPT);
    put_text(nft, NFTA_CHAIN_TYPE, "filter");
    jv_nft_close(nft);
}

void jv_nft_intervals(struct jv_nft *nft, const char *name, uint32_t bytes)
{
    open_nft(nft, NFT_MSG_NEWSET, NLM_F_CREATE);
    put_text(nft, NFTA_SET_TABLE, nft->table);
    put_text(nft, NFTA_SET_NAME, name);
    put_u32(nft, NFTA_SET_FLAGS, NFT_SET_INTERVAL);
    put_u32(nft, NFTA_SET_KEY_TYPE, bytes == 4U ? KEY_IPV4 : KEY_IPV6);
    put_u32(nft, NFTA_SET_KEY_LEN, bytes);
    put_u32(nft, NFTA_SET_ID, nft->seq);
    jv_nft_close(nft);
}

void jv_nft_elements(struct jv_nft *nft, const char *set)
{
    open_nft(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
    put_text(nft, NFTA_SET_ELEM_LIST_TABLE, nft->table);
    put_text(nft, NFTA_SET_ELEM_LIST_SET, set);
    nft->list = nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void jv_nft_element(struct jv_nft *nft, const uint8_t *key, uint32_t bytes, bool is_end)
{
    struct nlattr *element = nest(nft, NFTA_LIST_ELEM);
    struct nlattr *at = nest(nft, NFTA_SET_ELEM_KEY);
    put(nft, NFTA_DATA_VALUE, key, bytes);
    nest_end(nft, at);
    if (is_end) {
        put_u32(nft, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    }
    nest_end(nft, element);
}

/* ---- rules ---- */

struct expression {
    struct nlattr *element, *data;
};

static struct expression open_expression(struct jv_nft *nft, const char *name)
{
    struct expression expr = {.element = nest(nft, NFTA_LIST_ELEM)};
    put_text(nft, NFTA_EXPR_NAME, name);
    expr.data = nest(nft, NFTA_EXPR_DATA);
    return expr;
}

static void close_expression(struct jv_nft *nft, struct expression expr)
{
    nest_end(nft, expr.data);
    nest_end(nft, expr.element);
}

void jv_nft_rule(struct jv_nft *nft, const char *chain)
{
    open_nft(nft, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    put_text(nft, NFTA_RULE_TABLE, nft->table);
    put_text(nft, NFTA_RULE_CHAIN, chain);
    nft->list = nest(nft, NFTA_RULE_EXPRESSIONS);
}

void jv_nft_load_meta(struct jv_nft *nft, enum nft_meta_keys key)
{
    struct expression expr = open_expression(nft, "meta");
    put_u32(nft, NFTA_META_KEY, key);
    put_u32(nft, NFTA_META_DREG, NFT_REG_1);
    close_expression(nft, expr);
}

void jv_nft_load_payload(struct jv_nft *nft, enum nft_payload_bases base, uint32_t offset,
                         uint32_t bytes)
{
    struct expression expr = open_expression(nft, "payload");
    put_u32(nft, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_u32(nft, NFTA_PAYLOAD_BASE, base);
    put_u32(nft, NFTA_PAYLOAD_OFFSET, offset);
    put_u32(nft, NFTA_PAYLOAD_LEN, bytes);
    close_expression(nft, expr);
}

void jv_nft_load_socket_mark(struct jv_nft *nft)
{
    struct expression expr = open_expression(nft, "socket");
    put_u32(nft, NFTA_SOCKET_KEY, NFT_SOCKET_MARK);
    put_u32(nft, NFTA_SOCKET_DREG, NFT_REG_1);
    close_expression(nft, expr);
}

void jv_nft_compare(struct jv_nft *nft, enum nft_cmp_ops op, const void *value, size_t bytes)
{
    struct expression expr = open_expression(nft, "cmp");
    put_u32(nft, NFTA_CMP_SREG, NFT_REG_1);
    put_u32(nft, NFTA_CMP_OP, op);
    struct nlattr *at = nest(nft, NFTA_CMP_DATA);
    put(nft, NFTA_DATA_VALUE, value, bytes);
    nest_end(nft, at);
    close_expression(nft, expr);
}

void jv_nft_lookup(struct jv_nft *nft, const char *set, bool is_inverted)
{
    struct expression expr = open_expression(nft, "lookup");
    put_text(nft, NFTA_LOOKUP_SET, set);
    put_u32(nft, NFTA_LOOKUP_SREG, NFT_REG_1);
    put_u32(nft, NFTA_LOOKUP_FLAGS, is_inverted ? NFT_LOOKUP_F_INV : 0U);
    close_expression(nft, expr);
}

void jv_nft_count(struct jv_nft *nft)
{
    close_expression(nft, open_expression(nft, "counter"));
}

void jv_nft_verdict(struct jv_nft *nft, uint32_t verdict)
{
    struct expression expr = open_expression(nft, "immediate");
    put_u32(nft, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    struct nlattr *data = nest(nft, NFTA_IMMEDIATE_DATA);
    struct nlattr *at = nest(nft, NFTA_DATA_VERDICT);
    put_u32(nft, NFTA_VERDICT_CODE, verdict);
    nest_end(nft, at);
    nest_end(nft, data);
    close_expression(nft, expr);
}

/* ---- delivery ---- */

static enum jv_err error_of(int code)
{
    switch (code) {
    case EPERM:
    case EACCES:
        return JV_E_PERM;
    case ENOENT:
        return JV_E_NOTFOUND;
    case EEXIST:
        return JV_E_EXISTS;
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
        return JV_E_UNSUPPORTED;
    default:
        return JV_E_SYSTEM;
    }
}

/* True: the answers end here, `code_out` is 0 or the errno of what was refused. */
static bool take_answers(const void *buf, size_t len, uint32_t last_seq, int *code_out)
{
    int left = (int)len;
    for (const struct nlmsghdr *msg = buf; jv_rtnl_ok(msg, left);
         msg = mnl_nlmsg_next(msg, &left)) {
        struct nlmsgerr error;
        if (msg->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(msg) < sizeof(error)) {
            continue;
        }
        memcpy(&error, mnl_nlmsg_get_payload(msg), sizeof(error));
        /* Refusals come before the acknowledgement of what follows them. */
        if (error.error != 0 || msg->nlmsg_seq == last_seq) {
            *code_out = -error.error;
            return true;
        }
    }
    return false;
}

/* Number of the message before the end of the batch, the one that asks for an answer. */
static uint32_t acknowledged(const void *buf, size_t len)
{
    uint32_t seq = 0;
    int left = (int)len;
    for (const struct nlmsghdr *msg = buf; jv_rtnl_ok(msg, left);
         msg = mnl_nlmsg_next(msg, &left)) {
        seq = (msg->nlmsg_flags & NLM_F_ACK) != 0 ? msg->nlmsg_seq : seq;
    }
    return seq;
}

static int exchange(struct mnl_socket *socket, const uint8_t *buf, size_t len)
{
    _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
    uint32_t last_seq = acknowledged(buf, len);
    int code = 0;
    if (mnl_socket_sendto(socket, buf, len) < 0) {
        return errno;
    }
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(socket, answer, sizeof(answer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno == EAGAIN ? ETIMEDOUT : errno;
        }
        if (take_answers(answer, (size_t)got, last_seq, &code)) {
            return code;
        }
    }
}

enum jv_err jv_nft_send(const uint8_t *buf, size_t len, uint32_t *port_out)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (socket == NULL) {
        return error_of(errno);
    }
    const struct timeval wait = {.tv_sec = JV_NFT_WAIT_MS / 1000U};
    int on = 1;
    int code = 0;
    /* A refusal repeats the message that it refuses, unless it is asked not to. */
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on)) < 0 ||
        setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0) {
        code = errno;
    } else {
        *port_out = mnl_socket_get_portid(socket);
        code = exchange(socket, buf, len);
    }
    (void)mnl_socket_close(socket); /* the batch was answered or given up */
    errno = code;
    return code == 0 ? JV_E_OK : error_of(code);
}

enum jv_err jv_nft_find(const char *table)
{
    _Alignas(struct nlmsghdr) uint8_t buf[QUESTION_BYTES] = {0};
    struct jv_nft nft = {.buf = buf, .cap = sizeof(buf)};
    uint32_t port = 0; /* a question is no news to anyone */
    open_nft(&nft, NFT_MSG_GETTABLE, NLM_F_ACK);
    put_text(&nft, NFTA_TABLE_NAME, table);
    jv_nft_close(&nft);
    return nft.is_full ? JV_E_FULL : jv_nft_send(buf, nft.len, &port);
}

/* ---- news ---- */

int jv_nft_watch(void)
{
    int group = NFNLGRP_NFTABLES;
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&self, sizeof(self)) != 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
        int saved = errno;
        (void)close(fd); /* nothing was read */
        errno = saved;
        return -1;
    }
    return fd;
}

/* The first attribute of a table, chain, rule, set or list of elements is the table's name. */
static bool names_table(const struct nlmsghdr *msg, const char *table)
{
    if (msg->nlmsg_type >> 8U != NFNL_SUBSYS_NFTABLES ||
        mnl_nlmsg_get_payload_len(msg) < sizeof(struct nfgenmsg)) {
        return false;
    }
    const struct nfgenmsg *head = mnl_nlmsg_get_payload(msg);
    const struct nlattr *attr = mnl_nlmsg_get_payload_offset(msg, sizeof(*head));
    size_t len = strlen(table) + 1U;
    return head->nfgen_family == NFPROTO_INET &&
           mnl_attr_ok(attr, (int)(mnl_nlmsg_get_payload_len(msg) - sizeof(*head))) &&
           mnl_attr_get_type(attr) == NFTA_TABLE_NAME && mnl_attr_get_payload_len(attr) == len &&
           memcmp(mnl_attr_get_payload(attr), table, len) == 0;
}

bool jv_nft_heard(int fd, const char *table, uint32_t own_port)
{
    _Alignas(struct nlmsghdr) uint8_t news[ANSWER_BYTES];
    bool is_heard = false;
    for (uint32_t i = 0; i < NEWS_MAX; i++) {
        ssize_t got = recv(fd, news, sizeof(news), MSG_TRUNC);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return is_heard || errno == ENOBUFS;
        }
        int left = (int)JV_MIN((size_t)got, sizeof(news));
        for (const struct nlmsghdr *msg = (const void *)news; jv_rtnl_ok(msg, left);
             msg = mnl_nlmsg_next(msg, &left)) {
            bool is_own = own_port != 0 && msg->nlmsg_pid == own_port;
            is_heard = is_heard || (!is_own && names_table(msg, table));
        }
        is_heard = is_heard || (size_t)got > sizeof(news); /* cut: what was in it is not known */
    }
    return true;
}
