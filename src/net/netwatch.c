/* SPDX-License-Identifier: Apache-2.0 */
#include "netwatch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netcfg.h"
#include "rtnl.h"

#define BUF_BYTES 32768U            /* the kernel's largest dump message */
#define RECEIVE_BYTES (1024 * 1024) /* some thousands of notifications while the loop is away */
/* Messages and facts of one read: a flood of routes may not hold the loop. */
#define STEPS_MAX 4096U
#define LINK_LOWER_UP 0x10000U /* IFF_LOWER_UP, which net/if.h lacks and linux/if.h clashes over */
/* One message yields at most the end of every address and link and a note of it. */
#define FACTS_CAP (JV_NETWATCH_ADDRS_MAX + JV_NETWATCH_LINKS_MAX + 2U)

enum phase { PHASE_IDLE, PHASE_LINKS, PHASE_ADDRS };

struct link {
    uint32_t ifindex; /* 0: free */
    uint32_t mtu;
    uint32_t round; /* of the dump or notification that told it last */
    char name[JV_IFNAME_BYTES];
    bool is_up;
};

struct addr {
    uint32_t ifindex; /* 0: free */
    uint32_t bits;
    uint32_t round;
    struct jv_ip ip;
};

struct jv_netwatch {
    int fd; /* -1: detached */
    enum phase phase;
    uint32_t round;
    bool must_redump;
    struct jv_netwatch_counts counts;
    struct link links[JV_NETWATCH_LINKS_MAX];
    struct addr addrs[JV_NETWATCH_ADDRS_MAX];
    struct jv_net_fact
        facts[FACTS_CAP]; /* of the last message; facts_at .. facts_len are still to be read */
    uint32_t facts_at, facts_len;
    size_t buf_at, buf_len;
    _Alignas(struct nlmsghdr) uint8_t buf[BUF_BYTES];
};

static void request_dump(struct jv_netwatch *watch, enum phase phase)
{
    watch->phase = phase;
    if (watch->fd < 0) {
        return;
    }
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body; /* the longest of the fixed parts; all zero asks for everything */
    } req = {.head = {.nlmsg_len = sizeof(req),
                      .nlmsg_type = phase == PHASE_LINKS ? RTM_GETLINK : RTM_GETADDR,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                      .nlmsg_seq = watch->round}};
    if (send(watch->fd, &req, sizeof(req), 0) < 0) {
        /* What is known stays as it is, and the next message tries again. */
        watch->phase = PHASE_IDLE;
        watch->must_redump = true;
    }
}

static void begin_dump(struct jv_netwatch *watch)
{
    watch->must_redump = false;
    watch->round++;
    request_dump(watch, PHASE_LINKS);
}

enum jv_err jv_netwatch_open_detached(struct jv_netwatch **out)
{
    struct jv_netwatch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return JV_E_NOMEM;
    }
    watch->fd = -1;
    begin_dump(watch);
    *out = watch;
    return JV_E_OK;
}

enum jv_err jv_netwatch_open(struct jv_netwatch **out)
{
    struct sockaddr_nl addr = {.nl_family = AF_NETLINK,
                               .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                            RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) {
        return JV_E_SYSTEM;
    }
    int want = RECEIVE_BYTES;
    /* A smaller buffer only makes overruns likelier, and those are repaired. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof(want));
    struct jv_netwatch *watch = NULL;
    enum jv_err err = JV_E_SYSTEM;
    /* Subscribed before the first dump: what changes in between is told twice rather than not at all. */
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
        err = jv_netwatch_open_detached(&watch);
    }
    if (err != JV_E_OK) {
        int saved = errno;
        (void)close(fd); /* nothing was written to it */
        errno = saved;
        return err;
    }
    watch->fd = fd;
    begin_dump(watch);
    *out = watch;
    return JV_E_OK;
}

void jv_netwatch_close(struct jv_netwatch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->fd >= 0) {
        (void)close(watch->fd); /* only ever read from */
    }
    free(watch);
}

int jv_netwatch_fd(const struct jv_netwatch *watch)
{
    return watch->fd;
}

const struct jv_netwatch_counts *jv_netwatch_counts(const struct jv_netwatch *watch)
{
    return &watch->counts;
}

/* Index 0 finds a free place. */
static struct link *find_link(struct jv_netwatch *watch, uint32_t ifindex)
{
    for (uint32_t i = 0; i < JV_NETWATCH_LINKS_MAX; i++) {
        if (watch->links[i].ifindex == ifindex) {
            return &watch->links[i];
        }
    }
    return NULL;
}

static struct addr *find_addr(struct jv_netwatch *watch, const struct addr *want)
{
    for (uint32_t i = 0; i < JV_NETWATCH_ADDRS_MAX; i++) {
        struct addr *addr = &watch->addrs[i];
        if (addr->ifindex == want->ifindex &&
            (want->ifindex == 0 ||
             (addr->bits == want->bits && jv_ip_is_equal(&addr->ip, &want->ip)))) {
            return addr;
        }
    }
    return NULL;
}

static struct jv_net_fact *tell(struct jv_netwatch *watch, enum jv_net_fact_kind kind,
                                uint32_t ifindex)
{
    JV_ASSERT(watch->facts_len < FACTS_CAP);
    struct jv_net_fact *fact = &watch->facts[watch->facts_len++];
    *fact = (struct jv_net_fact){.kind = kind, .ifindex = ifindex};
    const struct link *link = ifindex != 0 ? find_link(watch, ifindex) : NULL;
    if (link != NULL) {
        fact->mtu = link->mtu;
        memcpy(fact->name, link->name, sizeof(fact->name));
    }
    return fact;
}

static void tell_addr(struct jv_netwatch *watch, enum jv_net_fact_kind kind,
                      const struct addr *addr)
{
    struct jv_net_fact *fact = tell(watch, kind, addr->ifindex);
    fact->ip = addr->ip;
    fact->bits = addr->bits;
}

static void lose_addr(struct jv_netwatch *watch, struct addr *addr)
{
    tell_addr(watch, JV_NET_ADDR_GONE, addr);
    addr->ifindex = 0;
}

static void lose_link(struct jv_netwatch *watch, struct link *link)
{
    for (uint32_t i = 0; i < JV_NETWATCH_ADDRS_MAX; i++) {
        if (watch->addrs[i].ifindex == link->ifindex) {
            lose_addr(watch, &watch->addrs[i]);
        }
    }
    (void)tell(watch, JV_NET_LINK_GONE, link->ifindex);
    link->ifindex = 0;
}

static void read_name(const struct jv_rtnl_attrs *attrs, char name[JV_IFNAME_BYTES])
{
    const struct nlattr *attr = attrs->at[IFLA_IFNAME];
    memset(name, 0, JV_IFNAME_BYTES);
    if (attr != NULL) {
        size_t len = mnl_attr_get_payload_len(attr);
        memcpy(name, mnl_attr_get_payload(attr), JV_MIN(len, JV_IFNAME_BYTES - 1U));
    }
}

static void update_link(struct jv_netwatch *watch, const struct ifinfomsg *info,
                        const struct jv_rtnl_attrs *attrs)
{
    struct link *link = find_link(watch, (uint32_t)info->ifi_index);
    bool is_first = link == NULL;
    if (is_first) {
        link = find_link(watch, 0);
    }
    if (link == NULL) {
        watch->counts.links_full++;
        return;
    }
    /* RUNNING excludes a dormant link (a Wi-Fi that is not yet authenticated), LOWER_UP one without carrier. */
    const unsigned wanted = IFF_UP | IFF_RUNNING | LINK_LOWER_UP;
    struct link fresh = {.ifindex = (uint32_t)info->ifi_index,
                         .mtu = jv_rtnl_u32(attrs, IFLA_MTU, link->mtu),
                         .round = watch->round,
                         .is_up = (info->ifi_flags & wanted) == wanted};
    read_name(attrs, fresh.name);
    bool has_flipped = is_first || fresh.is_up != link->is_up;
    bool has_changed =
        fresh.mtu != link->mtu || memcmp(fresh.name, link->name, sizeof(fresh.name)) != 0;
    *link = fresh;
    if (has_flipped) {
        (void)tell(watch, fresh.is_up ? JV_NET_LINK_UP : JV_NET_LINK_DOWN, fresh.ifindex);
    } else if (has_changed) {
        (void)tell(watch, JV_NET_LINK_MTU, fresh.ifindex);
    }
}

static bool take_link(struct jv_netwatch *watch, const struct nlmsghdr *msg)
{
    struct jv_rtnl_attrs attrs;
    if (!jv_rtnl_parse(msg, sizeof(struct ifinfomsg), &attrs)) {
        return false;
    }
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
    /* Other families: a bridge tells of its ports by the same message types, also that a port has left it. */
    if (info->ifi_family != AF_UNSPEC || (info->ifi_flags & IFF_LOOPBACK) != 0) {
        return true;
    }
    if (info->ifi_index <= 0) {
        return false;
    }
    if (msg->nlmsg_type == RTM_NEWLINK) {
        update_link(watch, info, &attrs);
        return true;
    }
    struct link *link = find_link(watch, (uint32_t)info->ifi_index);
    if (link != NULL) {
        lose_link(watch, link);
    }
    return true;
}

static void add_addr(struct jv_netwatch *watch, const struct addr *fresh)
{
    static const struct addr none = {0};
    struct addr *place = find_addr(watch, &none);
    if (place == NULL) {
        watch->counts.addrs_full++;
        return;
    }
    *place = *fresh;
    tell_addr(watch, JV_NET_ADDR_ADDED, place);
}

static bool take_addr(struct jv_netwatch *watch, const struct nlmsghdr *msg)
{
    struct jv_rtnl_attrs attrs;
    if (!jv_rtnl_parse(msg, sizeof(struct ifaddrmsg), &attrs)) {
        return false;
    }
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
    bool is_v6 = info->ifa_family == AF_INET6;
    struct addr fresh = {
        .ifindex = info->ifa_index, .bits = info->ifa_prefixlen, .round = watch->round};
    if (!is_v6 && info->ifa_family != AF_INET) {
        return true;
    }
    /* On a point-to-point link IFA_ADDRESS is the other end's. */
    if (!jv_rtnl_ip(&attrs, IFA_LOCAL, is_v6, &fresh.ip) &&
        !jv_rtnl_ip(&attrs, IFA_ADDRESS, is_v6, &fresh.ip)) {
        return false;
    }
    if (fresh.ifindex == 0 || fresh.bits > (is_v6 ? 128U : 32U)) {
        return false;
    }
    if (find_link(watch, fresh.ifindex) == NULL || info->ifa_scope != RT_SCOPE_UNIVERSE) {
        return true;
    }
    uint32_t flags = jv_rtnl_u32(&attrs, IFA_FLAGS, info->ifa_flags);
    bool works =
        msg->nlmsg_type == RTM_NEWADDR && (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
    struct addr *known = find_addr(watch, &fresh);
    if (known != NULL && works) {
        known->round = watch->round;
    } else if (known != NULL) {
        lose_addr(watch, known);
    } else if (works && (flags & IFA_F_DEPRECATED) == 0) {
        add_addr(watch, &fresh);
    }
    return true;
}

static bool take_route(struct jv_netwatch *watch, const struct nlmsghdr *msg)
{
    struct jv_rtnl_attrs attrs;
    if (!jv_rtnl_parse(msg, sizeof(struct rtmsg), &attrs)) {
        return false;
    }
    const struct rtmsg *info = mnl_nlmsg_get_payload(msg);
    /* Local, broadcast and multicast entries follow the addresses, which are told by themselves. */
    bool is_path = info->rtm_type == RTN_UNICAST || info->rtm_type == RTN_UNREACHABLE ||
                   info->rtm_type == RTN_BLACKHOLE || info->rtm_type == RTN_PROHIBIT;
    if (is_path && info->rtm_protocol != JV_NETCFG_PROTO && (info->rtm_flags & RTM_F_CLONED) == 0) {
        (void)tell(watch, JV_NET_ROUTE_CHANGED, jv_rtnl_u32(&attrs, RTA_OIF, 0));
    }
    return true;
}

/* What the finished dump did not tell is gone. */
static void sweep(struct jv_netwatch *watch)
{
    for (uint32_t i = 0; i < JV_NETWATCH_ADDRS_MAX; i++) {
        struct addr *addr = &watch->addrs[i];
        if (addr->ifindex != 0 && addr->round != watch->round) {
            lose_addr(watch, addr);
        }
    }
    for (uint32_t i = 0; i < JV_NETWATCH_LINKS_MAX; i++) {
        struct link *link = &watch->links[i];
        if (link->ifindex != 0 && link->round != watch->round) {
            lose_link(watch, link);
        }
    }
}

static void finish_phase(struct jv_netwatch *watch)
{
    switch (watch->phase) {
    case PHASE_LINKS:
        request_dump(watch, PHASE_ADDRS);
        break;
    case PHASE_ADDRS:
        watch->phase = PHASE_IDLE;
        if (watch->must_redump) {
            begin_dump(watch);
        } else {
            sweep(watch);
            (void)tell(watch, JV_NET_SYNCED, 0);
        }
        break;
    case PHASE_IDLE:
        break;
    }
}

static void take_message(struct jv_netwatch *watch, const struct nlmsghdr *msg)
{
    bool is_sound = true;
    watch->counts.messages++;
    /* The kernel says that something changed under the dump's feet. */
    watch->must_redump = watch->must_redump || (msg->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (watch->must_redump && watch->phase == PHASE_IDLE) {
        begin_dump(watch);
    }
    switch (msg->nlmsg_type) {
    case NLMSG_DONE:
        finish_phase(watch);
        break;
    case NLMSG_ERROR:
        /* A refused dump says nothing about what exists: nothing is swept, the next message tries again. */
        watch->phase = PHASE_IDLE;
        watch->must_redump = true;
        break;
    case RTM_NEWLINK:
    case RTM_DELLINK:
        is_sound = take_link(watch, msg);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        is_sound = take_addr(watch, msg);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        is_sound = take_route(watch, msg);
        break;
    default:
        break;
    }
    watch->counts.malformed += !is_sound;
}

/* True: bytes are in the buffer. */
static bool receive(struct jv_netwatch *watch)
{
    if (watch->fd < 0) {
        return false;
    }
    struct sockaddr_nl from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t got = recvfrom(watch->fd, watch->buf, sizeof(watch->buf), MSG_DONTWAIT | MSG_TRUNC,
                           (struct sockaddr *)&from, &from_len);
    bool is_lost = got > (ssize_t)sizeof(watch->buf) || (got < 0 && errno == ENOBUFS);
    if (is_lost) {
        watch->counts.overruns++;
        watch->must_redump = true;
        if (watch->phase == PHASE_IDLE) {
            begin_dump(watch);
        }
    }
    watch->buf_at = 0;
    watch->buf_len = 0;
    if (is_lost || (got < 0 && errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    /* Only the kernel (port 0) is believed. */
    watch->buf_len = from.nl_pid == 0 ? (size_t)got : 0;
    return true;
}

/* Handles one message, or fetches more of them. False: there is nothing to handle. */
static bool step(struct jv_netwatch *watch)
{
    watch->facts_at = 0;
    watch->facts_len = 0;
    size_t left = watch->buf_len - watch->buf_at;
    if (left == 0) {
        return receive(watch);
    }
    const struct nlmsghdr *msg = (const struct nlmsghdr *)(const void *)&watch->buf[watch->buf_at];
    if (!jv_rtnl_ok(msg, (int)left)) {
        watch->counts.malformed++;
        watch->buf_at = watch->buf_len;
        return true;
    }
    take_message(watch, msg);
    watch->buf_at += JV_MIN(((size_t)msg->nlmsg_len + 3U) & ~(size_t)3U, left);
    return true;
}

uint32_t jv_netwatch_read(struct jv_netwatch *watch, struct jv_net_fact *facts, uint32_t cap)
{
    uint32_t filled = 0;
    for (uint32_t steps = 0; filled < cap && steps < STEPS_MAX; steps++) {
        if (watch->facts_at < watch->facts_len) {
            facts[filled++] = watch->facts[watch->facts_at++];
        } else if (!step(watch)) {
            break;
        }
    }
    return filled;
}

void jv_netwatch_feed(struct jv_netwatch *watch, const void *bytes, size_t len)
{
    watch->buf_at = 0;
    watch->buf_len = JV_MIN(len, sizeof(watch->buf));
    memcpy(watch->buf, bytes, watch->buf_len);
}
