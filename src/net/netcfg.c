/* SPDX-License-Identifier: Apache-2.0 */
#include "netcfg.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "rtnl.h"

#define BUF_BYTES 32768U
#define ERROR_BYTES 160U
#define ERROR_LAST 4095 /* MAX_ERRNO of the kernel */
/* Rounds of "list some, remove them": more than 64 entries a round never need as many. */
#define FLUSH_ROUNDS_MAX 1024U
#define FLUSH_AT_ONCE 64U

struct jv_netcfg {
    struct mnl_socket *socket;
    uint32_t seq;
    int code; /* errno of the last failure */
    char text[ERROR_BYTES];
    _Alignas(struct nlmsghdr) uint8_t buf[BUF_BYTES];
};

typedef void answer_fn(void *arg, const struct nlmsghdr *msg);

static enum jv_err fail(struct jv_netcfg *cfg, int code)
{
    cfg->code = code;
    switch (code) {
    case EPERM:
    case EACCES:
        return JV_E_PERM;
    case ENODEV:
    case ENXIO:
    case ENOENT:
    case ESRCH:
    case EADDRNOTAVAIL:
        return JV_E_NOTFOUND;
    case EEXIST:
        return JV_E_EXISTS;
    case EINVAL:
    case ERANGE:
        return JV_E_RANGE;
    default:
        return JV_E_SYSTEM;
    }
}

enum jv_err jv_netcfg_open(struct jv_netcfg **out)
{
    struct jv_netcfg *cfg = calloc(1, sizeof(*cfg));
    if (cfg == NULL) {
        return JV_E_NOMEM;
    }
    cfg->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    const struct timeval wait = {.tv_sec = JV_NETCFG_WAIT_MS / 1000U};
    if (cfg->socket == NULL || mnl_socket_bind(cfg->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        setsockopt(mnl_socket_get_fd(cfg->socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) !=
            0) {
        int saved = errno;
        jv_netcfg_close(cfg);
        errno = saved;
        return JV_E_SYSTEM;
    }
    int on = 1;
    /* Older kernels lack one or the other: then errors have no text, and dumps are longer than needed. */
    (void)mnl_socket_setsockopt(cfg->socket, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(cfg->socket, NETLINK_CAP_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(cfg->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    *out = cfg;
    return JV_E_OK;
}

void jv_netcfg_close(struct jv_netcfg *cfg)
{
    if (cfg == NULL) {
        return;
    }
    if (cfg->socket != NULL) {
        (void)mnl_socket_close(cfg->socket); /* every request was answered or given up */
    }
    free(cfg);
}

int jv_netcfg_errno(const struct jv_netcfg *cfg)
{
    return cfg->code;
}

const char *jv_netcfg_error(const struct jv_netcfg *cfg)
{
    const char *known =
        strerrordesc_np(cfg->code); /* NULL: a code that the C library has no words for */
    return cfg->text[0] != '\0' ? cfg->text : known != NULL ? known : "unknown error";
}

/* The request being built lies in cfg->buf; its answer overwrites it. */
static struct nlmsghdr *begin(struct jv_netcfg *cfg, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *msg = mnl_nlmsg_put_header(cfg->buf);
    msg->nlmsg_type = type;
    msg->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    msg->nlmsg_seq = ++cfg->seq;
    return msg;
}

static int keep_text(const struct nlattr *attr, void *arg)
{
    char *text = arg;
    if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
        size_t len = JV_MIN((size_t)mnl_attr_get_payload_len(attr), ERROR_BYTES - 1U);
        memcpy(text, mnl_attr_get_payload(attr), len);
        text[len] = '\0';
    }
    return MNL_CB_OK;
}

static enum jv_err read_error(struct jv_netcfg *cfg, const struct nlmsghdr *msg)
{
    struct nlmsgerr error;
    if (mnl_nlmsg_get_payload_len(msg) < sizeof(error)) {
        return fail(cfg, EBADMSG);
    }
    memcpy(&error, mnl_nlmsg_get_payload(msg), sizeof(error));
    if (error.error == 0) {
        return JV_E_OK;
    }
    /* Only a capped acknowledgement has its attributes right behind the fixed part. */
    const uint16_t both = NLM_F_ACK_TLVS | NLM_F_CAPPED;
    if ((msg->nlmsg_flags & both) == both) {
        (void)mnl_attr_parse(msg, sizeof(error), keep_text,
                             cfg->text); /* a broken text is no text */
    }
    return fail(cfg, error.error > 0 || error.error < -ERROR_LAST ? EBADMSG : -error.error);
}

/* True: the answer ends here, `err_out` tells how. */
static bool take_answer(struct jv_netcfg *cfg, const struct nlmsghdr *msg, answer_fn *fn, void *arg,
                        enum jv_err *err_out)
{
    *err_out = JV_E_OK;
    if (msg->nlmsg_seq != cfg->seq) {
        return false; /* of a request that was given up */
    }
    if (msg->nlmsg_type == NLMSG_ERROR) {
        *err_out = read_error(cfg, msg);
        return true;
    }
    if (msg->nlmsg_type == NLMSG_DONE) {
        int code = 0; /* of a dump that broke off */
        if (mnl_nlmsg_get_payload_len(msg) >= sizeof(code)) {
            memcpy(&code, mnl_nlmsg_get_payload(msg), sizeof(code));
        }
        *err_out = code < 0 ? fail(cfg, code < -ERROR_LAST ? EBADMSG : -code) : JV_E_OK;
        return true;
    }
    if (fn != NULL) {
        fn(arg, msg);
    }
    return (msg->nlmsg_flags & NLM_F_MULTI) == 0;
}

static enum jv_err transact(struct jv_netcfg *cfg, const struct nlmsghdr *request, answer_fn *fn,
                            void *arg)
{
    cfg->code = 0;
    cfg->text[0] = '\0';
    if (mnl_socket_sendto(cfg->socket, request, request->nlmsg_len) < 0) {
        return fail(cfg, errno);
    }
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(cfg->socket, cfg->buf, sizeof(cfg->buf));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(cfg, errno == EAGAIN ? ETIMEDOUT : errno);
        }
        int left = (int)got;
        for (const struct nlmsghdr *msg = (const struct nlmsghdr *)(const void *)cfg->buf;
             jv_rtnl_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
            enum jv_err err;
            if (take_answer(cfg, msg, fn, arg, &err)) {
                return err;
            }
        }
    }
}

static size_t ip_bytes(const struct jv_ip *ip)
{
    return ip->family == JV_AF_6 ? 16U : 4U;
}

static uint8_t af_of(const struct jv_ip *ip)
{
    return ip->family == JV_AF_6 ? AF_INET6 : AF_INET;
}

static bool is_prefix(const struct jv_prefix *prefix)
{
    return (prefix->ip.family == JV_AF_4 && prefix->bits <= 32) ||
           (prefix->ip.family == JV_AF_6 && prefix->bits <= 128);
}

static void put_ip(struct nlmsghdr *msg, uint16_t type, const struct jv_ip *ip)
{
    mnl_attr_put(msg, type, ip_bytes(ip), ip->b);
}

enum jv_err jv_netcfg_ifindex(struct jv_netcfg *cfg, const char *name, uint32_t *out)
{
    cfg->text[0] = '\0';
    uint32_t ifindex = if_nametoindex(name);
    if (ifindex == 0) {
        return fail(cfg, errno);
    }
    *out = ifindex;
    return JV_E_OK;
}

enum jv_err jv_netcfg_link_set(struct jv_netcfg *cfg, uint32_t ifindex, bool up, uint32_t mtu)
{
    struct nlmsghdr *msg = begin(cfg, RTM_NEWLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    info->ifi_change = IFF_UP;
    info->ifi_flags = up ? IFF_UP : 0U;
    if (mtu != 0) {
        mnl_attr_put_u32(msg, IFLA_MTU, mtu);
    }
    return transact(cfg, msg, NULL, NULL);
}

static enum jv_err set_link(struct jv_netcfg *cfg, uint32_t ifindex, uint16_t attr, uint32_t value)
{
    struct nlmsghdr *msg = begin(cfg, RTM_NEWLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    mnl_attr_put_u32(msg, attr, value);
    return transact(cfg, msg, NULL, NULL);
}

enum jv_err jv_netcfg_link_group(struct jv_netcfg *cfg, uint32_t ifindex, uint32_t group)
{
    return set_link(cfg, ifindex, IFLA_GROUP, group);
}

enum jv_err jv_netcfg_link_gso(struct jv_netcfg *cfg, uint32_t ifindex, uint32_t bytes)
{
    return set_link(cfg, ifindex, IFLA_GSO_MAX_SIZE, bytes);
}

struct queues {
    bool is_told;
    uint32_t len;
};

static void collect_queues(void *arg, const struct nlmsghdr *msg)
{
    struct queues *queues = arg;
    struct jv_rtnl_attrs link, kind, tun;
    if (msg->nlmsg_type != RTM_NEWLINK || !jv_rtnl_parse(msg, sizeof(struct ifinfomsg), &link) ||
        !jv_rtnl_nested(&link, IFLA_LINKINFO, &kind) || kind.at[IFLA_INFO_KIND] == NULL ||
        strncmp(mnl_attr_get_payload(kind.at[IFLA_INFO_KIND]), "tun",
                mnl_attr_get_payload_len(kind.at[IFLA_INFO_KIND])) != 0 ||
        !jv_rtnl_nested(&kind, IFLA_INFO_DATA, &tun) || tun.at[IFLA_TUN_NUM_QUEUES] == NULL) {
        return;
    }
    queues->is_told = true;
    queues->len = jv_rtnl_u32(&tun, IFLA_TUN_NUM_QUEUES, 0) +
                  jv_rtnl_u32(&tun, IFLA_TUN_NUM_DISABLED_QUEUES, 0);
}

enum jv_err jv_netcfg_tun_queues(struct jv_netcfg *cfg, uint32_t ifindex, uint32_t *out)
{
    struct queues queues = {0};
    struct nlmsghdr *msg = begin(cfg, RTM_GETLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    enum jv_err err = transact(cfg, msg, collect_queues, &queues);
    if (err == JV_E_OK && !queues.is_told) {
        err = fail(cfg, ENOENT);
    }
    if (err == JV_E_OK) {
        *out = queues.len;
    }
    return err;
}

static enum jv_err change_addr(struct jv_netcfg *cfg, uint16_t type, uint16_t flags,
                               uint32_t ifindex, const struct jv_prefix *addr)
{
    if (!is_prefix(addr)) {
        return fail(cfg, ERANGE);
    }
    struct nlmsghdr *msg = begin(cfg, type, (uint16_t)(NLM_F_ACK | flags));
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->ifa_family = af_of(&addr->ip);
    info->ifa_prefixlen = (uint8_t)addr->bits;
    info->ifa_flags = addr->ip.family == JV_AF_6 ? IFA_F_NODAD : 0U;
    info->ifa_scope = RT_SCOPE_UNIVERSE;
    info->ifa_index = ifindex;
    put_ip(msg, IFA_LOCAL, &addr->ip);
    put_ip(msg, IFA_ADDRESS, &addr->ip);
    return transact(cfg, msg, NULL, NULL);
}

enum jv_err jv_netcfg_addr_add(struct jv_netcfg *cfg, uint32_t ifindex,
                               const struct jv_prefix *addr)
{
    return change_addr(cfg, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr);
}

enum jv_err jv_netcfg_addr_remove(struct jv_netcfg *cfg, uint32_t ifindex,
                                  const struct jv_prefix *addr)
{
    return change_addr(cfg, RTM_DELADDR, 0, ifindex, addr);
}

struct addr_list {
    uint32_t ifindex;
    const struct jv_prefix *keep;
    uint32_t keep_len;
    struct jv_prefix found[FLUSH_AT_ONCE];
    uint32_t len;
};

static bool is_kept(const struct addr_list *list, const struct jv_prefix *addr)
{
    for (uint32_t i = 0; i < list->keep_len; i++) {
        if (list->keep[i].bits == addr->bits && jv_ip_is_equal(&list->keep[i].ip, &addr->ip)) {
            return true;
        }
    }
    return false;
}

static void collect_addr(void *arg, const struct nlmsghdr *msg)
{
    struct addr_list *list = arg;
    struct jv_rtnl_attrs attrs;
    if (msg->nlmsg_type != RTM_NEWADDR || !jv_rtnl_parse(msg, sizeof(struct ifaddrmsg), &attrs)) {
        return;
    }
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
    bool is_v6 = info->ifa_family == AF_INET6;
    struct jv_prefix addr = {.bits = info->ifa_prefixlen};
    if (info->ifa_index != list->ifindex || info->ifa_scope == RT_SCOPE_LINK ||
        list->len == FLUSH_AT_ONCE ||
        (!jv_rtnl_ip(&attrs, IFA_LOCAL, is_v6, &addr.ip) &&
         !jv_rtnl_ip(&attrs, IFA_ADDRESS, is_v6, &addr.ip)) ||
        is_kept(list, &addr)) {
        return;
    }
    list->found[list->len++] = addr;
}

enum jv_err jv_netcfg_addr_flush(struct jv_netcfg *cfg, uint32_t ifindex,
                                 const struct jv_prefix *keep, uint32_t n, uint32_t *removed_out)
{
    uint32_t removed = 0;
    for (uint32_t round = 0; round < FLUSH_ROUNDS_MAX; round++) {
        struct addr_list list = {.ifindex = ifindex, .keep = keep, .keep_len = n};
        struct nlmsghdr *msg = begin(cfg, RTM_GETADDR, NLM_F_DUMP);
        struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
        info->ifa_family = AF_UNSPEC;
        enum jv_err err = transact(cfg, msg, collect_addr, &list);
        for (uint32_t i = 0; i < list.len && err == JV_E_OK; i++) {
            err = jv_netcfg_addr_remove(cfg, ifindex, &list.found[i]);
            removed += err == JV_E_OK;
            /* With a primary IPv4 address the kernel removes the secondary ones of its prefix. */
            err = err == JV_E_NOTFOUND ? JV_E_OK : err;
        }
        if (err != JV_E_OK) {
            return err;
        }
        if (list.len == 0) {
            *removed_out = removed;
            return JV_E_OK;
        }
    }
    return fail(cfg, EBUSY);
}

static enum jv_err change_route(struct jv_netcfg *cfg, uint16_t type, uint16_t flags,
                                const struct jv_route *route)
{
    bool has_gateway = route->gateway.family != JV_AF_NONE;
    if (!is_prefix(&route->dst) || (has_gateway && route->gateway.family != route->dst.ip.family) ||
        (route->source.family != JV_AF_NONE && route->source.family != route->dst.ip.family)) {
        return fail(cfg, ERANGE);
    }
    struct nlmsghdr *msg = begin(cfg, type, (uint16_t)(NLM_F_ACK | flags));
    struct rtmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->rtm_family = af_of(&route->dst.ip);
    info->rtm_dst_len = (uint8_t)route->dst.bits;
    info->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE has room for all 32 bits */
    info->rtm_protocol = JV_NETCFG_PROTO;
    info->rtm_type = route->is_unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
    info->rtm_scope = type == RTM_DELROUTE                   ? RT_SCOPE_NOWHERE
                      : has_gateway || route->is_unreachable ? RT_SCOPE_UNIVERSE
                                                             : RT_SCOPE_LINK;
    put_ip(msg, RTA_DST, &route->dst.ip);
    mnl_attr_put_u32(msg, RTA_TABLE, route->table != 0 ? route->table : RT_TABLE_MAIN);
    if (has_gateway) {
        put_ip(msg, RTA_GATEWAY, &route->gateway);
    }
    if (route->source.family != JV_AF_NONE) {
        put_ip(msg, RTA_PREFSRC, &route->source);
    }
    if (route->ifindex != 0) {
        mnl_attr_put_u32(msg, RTA_OIF, route->ifindex);
    }
    if (route->metric != 0) {
        mnl_attr_put_u32(msg, RTA_PRIORITY, route->metric);
    }
    return transact(cfg, msg, NULL, NULL);
}

enum jv_err jv_netcfg_route_add(struct jv_netcfg *cfg, const struct jv_route *route)
{
    return change_route(cfg, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

enum jv_err jv_netcfg_route_remove(struct jv_netcfg *cfg, const struct jv_route *route)
{
    return change_route(cfg, RTM_DELROUTE, 0, route);
}

struct route_list {
    uint32_t ifindex;
    struct jv_route *out;
    uint32_t cap, total;
};

static void collect_route(void *arg, const struct nlmsghdr *msg)
{
    struct route_list *list = arg;
    struct jv_rtnl_attrs attrs;
    if (msg->nlmsg_type != RTM_NEWROUTE || !jv_rtnl_parse(msg, sizeof(struct rtmsg), &attrs)) {
        return;
    }
    const struct rtmsg *info = mnl_nlmsg_get_payload(msg);
    bool is_v6 = info->rtm_family == AF_INET6;
    struct jv_route route = {.is_unreachable = info->rtm_type == RTN_UNREACHABLE};
    /* IPv6 shows an unreachable route as one through the loopback device. */
    route.ifindex = route.is_unreachable ? 0 : jv_rtnl_u32(&attrs, RTA_OIF, 0);
    if (info->rtm_protocol != JV_NETCFG_PROTO || (info->rtm_flags & RTM_F_CLONED) != 0 ||
        (!is_v6 && info->rtm_family != AF_INET) || info->rtm_dst_len > (is_v6 ? 128 : 32) ||
        (list->ifindex != 0 && route.ifindex != list->ifindex)) {
        return;
    }
    if (list->total++ >= list->cap) {
        return;
    }
    if (!jv_rtnl_ip(&attrs, RTA_DST, is_v6, &route.dst.ip)) {
        route.dst.ip.family = is_v6 ? JV_AF_6 : JV_AF_4; /* a default route has no destination */
    }
    route.dst.bits = info->rtm_dst_len;
    (void)jv_rtnl_ip(&attrs, RTA_GATEWAY, is_v6, &route.gateway); /* family NONE where absent */
    (void)jv_rtnl_ip(&attrs, RTA_PREFSRC, is_v6, &route.source);  /* likewise */
    route.table = jv_rtnl_u32(&attrs, RTA_TABLE, info->rtm_table);
    route.metric = jv_rtnl_u32(&attrs, RTA_PRIORITY, 0);
    list->out[list->total - 1U] = route;
}

enum jv_err jv_netcfg_route_list(struct jv_netcfg *cfg, uint32_t ifindex, struct jv_route *out,
                                 uint32_t cap, uint32_t *total_out)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct route_list list = {.ifindex = ifindex, .out = out, .cap = cap};
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        struct nlmsghdr *msg = begin(cfg, RTM_GETROUTE, NLM_F_DUMP);
        struct rtmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
        info->rtm_family = families[i];
        info->rtm_protocol =
            JV_NETCFG_PROTO; /* the kernel filters where it can; collect_route() always */
        enum jv_err err = transact(cfg, msg, collect_route, &list);
        if (err != JV_E_OK) {
            return err;
        }
    }
    *total_out = list.total;
    return JV_E_OK;
}

enum jv_err jv_netcfg_route_flush(struct jv_netcfg *cfg, uint32_t ifindex, uint32_t *removed_out)
{
    uint32_t removed = 0;
    for (uint32_t round = 0; round < FLUSH_ROUNDS_MAX; round++) {
        struct jv_route found[FLUSH_AT_ONCE];
        uint32_t total = 0;
        enum jv_err err = jv_netcfg_route_list(cfg, ifindex, found, FLUSH_AT_ONCE, &total);
        for (uint32_t i = 0; i < JV_MIN(total, FLUSH_AT_ONCE) && err == JV_E_OK; i++) {
            err = jv_netcfg_route_remove(cfg, &found[i]);
            removed += err == JV_E_OK;
            err = err == JV_E_NOTFOUND ? JV_E_OK : err; /* its device went meanwhile */
        }
        if (err != JV_E_OK) {
            return err;
        }
        if (total == 0) {
            *removed_out = removed;
            return JV_E_OK;
        }
    }
    return fail(cfg, EBUSY);
}

struct route_answer {
    uint32_t ifindex;
    bool leaves;
};

static void judge_route(void *arg, const struct nlmsghdr *msg)
{
    struct route_answer *answer = arg;
    struct jv_rtnl_attrs attrs;
    if (msg->nlmsg_type != RTM_NEWROUTE || !jv_rtnl_parse(msg, sizeof(struct rtmsg), &attrs)) {
        return;
    }
    const struct rtmsg *info = mnl_nlmsg_get_payload(msg);
    answer->leaves = info->rtm_type == RTN_UNICAST &&
                     jv_rtnl_u32(&attrs, RTA_OIF, answer->ifindex) == answer->ifindex;
}

enum jv_err jv_netcfg_has_route(struct jv_netcfg *cfg, const struct jv_ip *dst, uint32_t ifindex,
                                bool *out)
{
    struct route_answer answer = {.ifindex = ifindex};
    struct nlmsghdr *msg = begin(cfg, RTM_GETROUTE, 0);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
    info->rtm_family = af_of(dst);
    info->rtm_dst_len = (uint8_t)(ip_bytes(dst) * 8U);
    /* Without FIB_MATCH the IPv4 answer is worthless: given an output interface and no route, the kernel assumes that the
     * destination is on the link, and says so. */
    info->rtm_flags = RTM_F_FIB_MATCH;
    put_ip(msg, RTA_DST, dst);
    mnl_attr_put_u32(msg, RTA_OIF, ifindex);
    enum jv_err err = transact(cfg, msg, judge_route, &answer);
    if (err != JV_E_OK && (cfg->code == ENETUNREACH || cfg->code == EHOSTUNREACH)) {
        err = JV_E_OK; /* "no" is an answer */
    }
    if (err == JV_E_OK) {
        *out = answer.leaves;
    }
    return err;
}

uint32_t jv_netcfg_split(const struct jv_prefix *allowed, struct jv_prefix out[2])
{
    out[0] = *allowed;
    if (allowed->bits != 0) {
        return 1;
    }
    out[0].bits = 1;
    out[1] = out[0];
    out[1].ip.b[0] = 0x80;
    return 2;
}
