/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "instant.h"
#include "loop.h"

#define NAME_MAX_BYTES 253U /* RFC 1035, as text */
#define TIMEOUT_MS 2000
#define TRIES 3
#define FILE_BYTES 64U
#define RESOLV_CONF "/etc/resolv.conf"

enum query_state { QUERY_FREE, QUERY_ASKED, QUERY_ANSWERED };

struct query {
    enum query_state state;
    jv_resolve_fn *fn; /* NULL: cancelled */
    void *arg;
    char name[NAME_MAX_BYTES + 1U];
    struct jv_resolve_answer answer;
};

struct jv_resolve {
    struct jv_loop *loop;
    ares_channel channel;
    bool has_channel, has_library;
    int timer_fd;
    uint32_t mark;
    char device[IFNAMSIZ];
    struct query queries[JV_RESOLVE_QUERIES_MAX];
};

/* Sets the timer to the channel's next timeout; at once where answers wait to be delivered. */
static void arm(struct jv_resolve *resolve)
{
    struct timeval wait = {0};
    struct itimerspec spec = {0};
    if (ares_timeout(resolve->channel, NULL, &wait) != NULL) {
        /* A millisecond later than asked: woken too early by rounding, c-ares would do nothing and be asked again. */
        uint64_t ns = (uint64_t)wait.tv_sec * JV_NS_PER_S + (uint64_t)wait.tv_usec * JV_NS_PER_US +
                      JV_NS_PER_MS;
        spec.it_value.tv_sec = (time_t)(ns / JV_NS_PER_S);
        spec.it_value.tv_nsec = (long)(ns % JV_NS_PER_S);
    }
    for (uint32_t i = 0; i < JV_RESOLVE_QUERIES_MAX; i++) {
        if (resolve->queries[i].state == QUERY_ANSWERED) {
            spec.it_value.tv_sec = 0;
            spec.it_value.tv_nsec = 1;
        }
    }
    JV_ASSERT(timerfd_settime(resolve->timer_fd, 0, &spec, NULL) == 0);
}

static void deliver(struct jv_resolve *resolve)
{
    for (uint32_t i = 0; i < JV_RESOLVE_QUERIES_MAX; i++) {
        struct query *query = &resolve->queries[i];
        if (query->state == QUERY_ANSWERED) {
            /* Freed first: the callback may start the next query. */
            struct query copy = *query;
            query->state = QUERY_FREE;
            if (copy.fn != NULL) {
                copy.fn(copy.arg, copy.name, &copy.answer);
            }
        }
    }
}

static void on_timer(void *arg, int fd, uint32_t events)
{
    (void)events; /* only EPOLLIN was asked for */
    struct jv_resolve *resolve = arg;
    uint64_t expired;
    if (read(fd, &expired, sizeof(expired)) < 0) {
        return; /* set again since it expired: it will come */
    }
    ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    deliver(resolve);
    arm(resolve);
}

static void on_socket(void *arg, int fd, uint32_t events)
{
    struct jv_resolve *resolve = arg;
    /* An error is found by reading. */
    bool may_read = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    bool may_write = (events & EPOLLOUT) != 0;
    ares_process_fd(resolve->channel, may_read ? fd : ARES_SOCKET_BAD,
                    may_write ? fd : ARES_SOCKET_BAD);
    /* Delivered from the timer: a callback here could close the socket that the loop is at. */
    arm(resolve);
}

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct jv_resolve *resolve = arg;
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0U) | (writable ? (uint32_t)EPOLLOUT : 0U);
    if (events == 0) {
        jv_loop_remove(resolve->loop, fd);
        return;
    }
    enum jv_err err = jv_loop_change(resolve->loop, fd, events);
    if (err == JV_E_NOTFOUND) {
        err = jv_loop_add(resolve->loop, fd, events, on_socket, resolve);
    }
    /* A socket that the loop has no room for is never read; the query then ends by its timeout, with an error. */
    (void)err;
}

static int on_create(ares_socket_t fd, int type, void *arg)
{
    (void)type; /* UDP and TCP alike */
    const struct jv_resolve *resolve = arg;
    if (resolve->mark != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_MARK, &resolve->mark, sizeof(resolve->mark)) != 0) {
        return -1;
    }
    if (resolve->device[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, resolve->device,
                                                 (socklen_t)strlen(resolve->device) + 1U) != 0) {
        return -1;
    }
    return 0;
}

static enum jv_err error_of(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return JV_E_NOTFOUND;
    case ARES_ENOMEM:
        return JV_E_NOMEM;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
        return JV_E_AGAIN;
    default:
        return JV_E_SYSTEM;
    }
}

static void add_ip(struct jv_resolve_answer *answer, const struct jv_ip *ip)
{
    for (uint32_t i = 0; i < answer->len; i++) {
        if (jv_ip_is_equal(&answer->ips[i], ip)) {
            return;
        }
    }
    if (answer->len < JV_RESOLVE_MAX) {
        answer->ips[answer->len++] = *ip;
    }
}

static void add_node(struct jv_resolve_answer *answer, const struct ares_addrinfo_node *node)
{
    struct jv_ip ip = {0};
    if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in sa;
        memcpy(&sa, node->ai_addr, sizeof(sa));
        ip.family = JV_AF_4;
        memcpy(ip.b, &sa.sin_addr, sizeof(sa.sin_addr));
    } else if (node->ai_family == AF_INET6 && node->ai_addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 sa;
        memcpy(&sa, node->ai_addr, sizeof(sa));
        ip.family = JV_AF_6;
        memcpy(ip.b, &sa.sin6_addr, sizeof(sa.sin6_addr));
    } else {
        return;
    }
    add_ip(answer, &ip);
    if (node->ai_ttl > 0) {
        uint32_t ttl_s = (uint32_t)node->ai_ttl;
        answer->ttl_s = answer->ttl_s == 0 ? ttl_s : JV_MIN(answer->ttl_s, ttl_s);
    }
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts; /* how often a server was silent; the final status is what counts */
    struct query *query = arg;
    query->answer = (struct jv_resolve_answer){.detail = ares_strerror(status)};
    if (status == ARES_SUCCESS && info != NULL) {
        for (const struct ares_addrinfo_node *n = info->nodes; n != NULL; n = n->ai_next) {
            add_node(&query->answer, n);
        }
        query->answer.err = query->answer.len > 0 ? JV_E_OK : JV_E_NOTFOUND;
    } else {
        query->answer.err = error_of(status);
    }
    ares_freeaddrinfo(info);
    query->state = QUERY_ANSWERED;
}

static bool is_loopback(const struct ares_addr_port_node *server)
{
    return server->family == AF_INET
               ? (ntohl(server->addr.addr4.s_addr) >> IN_CLASSA_NSHIFT) == IN_LOOPBACKNET
               : IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)&server->addr.addr6);
}

/* No server but on this host, also where none is known at all. */
static bool asks_this_host(ares_channel channel)
{
    struct ares_addr_port_node *servers = NULL;
    if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS) {
        return true;
    }
    bool is_local = true;
    for (const struct ares_addr_port_node *at = servers; at != NULL; at = at->next) {
        is_local = is_local && is_loopback(at);
    }
    ares_free_data(servers);
    return is_local;
}

static enum jv_err init_channel(struct jv_resolve *resolve, const struct jv_resolve_cfg *cfg,
                                const char *file)
{
    char lookups[] = "fb"; /* the hosts file, then DNS */
    char path[FILE_BYTES];
    struct ares_options options = {
        .timeout = cfg->timeout_ms != 0 ? (int)JV_MIN(cfg->timeout_ms, 60000U) : TIMEOUT_MS,
        .tries = cfg->tries != 0 ? (int)JV_MIN(cfg->tries, 10U) : TRIES,
        .lookups = lookups,
        .resolvconf_path = path,
        .sock_state_cb = on_state,
        .sock_state_cb_data = resolve};
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_RESOLVCONF;
    (void)snprintf(path, sizeof(path), "%s", file);
    if (ares_init_options(&resolve->channel, &options, mask) != ARES_SUCCESS) {
        return JV_E_SYSTEM;
    }
    resolve->has_channel = true;
    return JV_E_OK;
}

/*
 * A resolver on this host asks on with sockets that bear no mark of ours: they end in the tunnel, or in the kill switch, while there
 * is no session. What it would ask stands in a file of its own; where that is not known either, the resolver itself is asked.
 */
static enum jv_err find_servers(struct jv_resolve *resolve, const struct jv_resolve_cfg *cfg)
{
    static const char *const files[] = {RESOLV_CONF, "/run/systemd/resolve/resolv.conf",
                                        "/run/NetworkManager/no-stub-resolv.conf", RESOLV_CONF};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(files); i++) {
        enum jv_err err = init_channel(resolve, cfg, files[i]);
        if (err != JV_E_OK) {
            return err;
        }
        if (cfg->servers != NULL || i + 1U == JV_ARRAY_LEN(files) ||
            !asks_this_host(resolve->channel)) {
            break;
        }
        ares_destroy(resolve->channel);
        resolve->has_channel = false;
    }
    return JV_E_OK;
}

static enum jv_err open_channel(struct jv_resolve *resolve, const struct jv_resolve_cfg *cfg)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return JV_E_SYSTEM;
    }
    resolve->has_library = true;
    enum jv_err err = find_servers(resolve, cfg);
    if (err != JV_E_OK) {
        return err;
    }
    ares_set_socket_configure_callback(resolve->channel, on_create, resolve);
    if (cfg->servers != NULL &&
        ares_set_servers_ports_csv(resolve->channel, cfg->servers) != ARES_SUCCESS) {
        return JV_E_SYNTAX;
    }
    return JV_E_OK;
}

enum jv_err jv_resolve_open(struct jv_loop *loop, const struct jv_resolve_cfg *cfg,
                            struct jv_resolve **out)
{
    if (cfg->device != NULL && strnlen(cfg->device, IFNAMSIZ) >= IFNAMSIZ) {
        return JV_E_RANGE;
    }
    struct jv_resolve *resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL) {
        return JV_E_NOMEM;
    }
    resolve->loop = loop;
    resolve->mark = cfg->mark;
    if (cfg->device != NULL) {
        memcpy(resolve->device, cfg->device, strlen(cfg->device) + 1U);
    }
    enum jv_err err = JV_E_SYSTEM;
    resolve->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (resolve->timer_fd >= 0) {
        err = jv_loop_add(loop, resolve->timer_fd, EPOLLIN, on_timer, resolve);
    }
    if (err == JV_E_OK) {
        err = open_channel(resolve, cfg);
    }
    if (err != JV_E_OK) {
        jv_resolve_close(resolve);
        return err;
    }
    *out = resolve;
    return JV_E_OK;
}

void jv_resolve_close(struct jv_resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    if (resolve->has_channel) {
        ares_destroy(
            resolve
                ->channel); /* ends every query through on_answer(), where it stays undelivered */
    }
    if (resolve->has_library) {
        ares_library_cleanup();
    }
    if (resolve->timer_fd >= 0) {
        jv_loop_remove(resolve->loop, resolve->timer_fd);
        (void)close(resolve->timer_fd); /* a timer has nothing to flush */
    }
    free(resolve);
}

enum jv_err jv_resolve_start(struct jv_resolve *resolve, const char *name, jv_resolve_fn *fn,
                             void *arg)
{
    size_t len = strnlen(name, NAME_MAX_BYTES + 1U);
    if (len == 0 || len > NAME_MAX_BYTES) {
        return JV_E_RANGE;
    }
    struct query *query = NULL;
    for (uint32_t i = 0; i < JV_RESOLVE_QUERIES_MAX && query == NULL; i++) {
        if (resolve->queries[i].state == QUERY_FREE) {
            query = &resolve->queries[i];
        }
    }
    if (query == NULL) {
        return JV_E_FULL;
    }
    *query = (struct query){.state = QUERY_ASKED, .fn = fn, .arg = arg};
    memcpy(query->name, name, len + 1);
    struct jv_ip ip;
    if (jv_ip_parse(name, &ip) == JV_E_OK) {
        query->answer = (struct jv_resolve_answer){.detail = "literal address", .len = 1};
        query->answer.ips[0] = ip;
        query->state = QUERY_ANSWERED;
    } else {
        /* Unsorted: sorting would probe the routes of this host with sockets that are not ours to mark. */
        const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                                  .ai_flags = ARES_AI_NOSORT};
        ares_getaddrinfo(resolve->channel, query->name, NULL, &hints, on_answer, query);
    }
    arm(resolve);
    return JV_E_OK;
}

void jv_resolve_cancel(struct jv_resolve *resolve, const void *arg)
{
    for (uint32_t i = 0; i < JV_RESOLVE_QUERIES_MAX; i++) {
        struct query *query = &resolve->queries[i];
        if (query->state != QUERY_FREE && query->arg == arg) {
            query->fn = NULL; /* its place is free again when c-ares is done with it */
        }
    }
}
