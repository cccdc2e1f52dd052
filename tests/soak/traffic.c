/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic -- one end of the soak: UDP flows of every shape and TCP streams to a second process like it, all contents compared.
 *
 * Told what to do by lines on its standard input, answers each with one on its standard output; `traffic --help` is the manual.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "datagrams.h"
#include "streams.h"

#define TICK_NS 1000000L
#define EVENTS 64
#define ON_TIMER 1000U
#define ON_COMMAND 1001U
#define ON_STREAMS 2000U
#define NS_PER_S 1000000000ULL
#define BEHIND_NS                                                                                  \
    (50U * 1000000ULL) /* what a busy machine left out for longer is not made up for */

static const char help[] =
    "usage: traffic --own4 IP --own6 IP --peer4 IP --peer6 IP [option ...]\n"
    "  --port N          first UDP port, and the TCP port (20000)\n"
    "  --connect         this end opens the TCP connections; the other one is started first\n"
    "  --corrupt-udp N   one datagram in N has a wrong byte\n"
    "  --corrupt-tcp N   one write in N has a wrong byte\n"
    "\n"
    "Commands: `go D B`: D datagrams and B bytes of TCP a second; `pause`; `report`: counts as\n"
    "a line of JSON; `finish`: the TCP streams end. The end of the input ends the process. A\n"
    "command is answered by a line: ok, or the counts.\n";

struct soak {
    struct datagram_hosts hosts;
    bool is_connecting;
    uint64_t corrupt_udp, corrupt_tcp;
    uint64_t datagrams_per_s, bytes_per_s;
    uint64_t datagrams_due, bytes_due; /* of 10^-9: what may be sent now */
    uint64_t last_ns;
    uint32_t next_flow;
    bool is_finishing;
    char line[128];
    size_t line_len;
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void report(void)
{
    const struct stream_counts *tcp = streams_counts();
    (void)printf("{\"udp\":[");
    for (uint32_t i = 0; i < DATAGRAM_FLOWS; i++) {
        const struct datagram_counts *c = datagrams_counts(i);
        (void)printf("%s{\"name\":\"%s\",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
                     ",\"refused\":%" PRIu64 ",\"wrong_content\":%" PRIu64
                     ",\"wrong_class\":%" PRIu64 ",\"wrong_options\":%" PRIu64 ",\"twice\":%" PRIu64
                     "}",
                     i == 0 ? "" : ",", c->name, c->sent, c->received, c->refused, c->wrong_content,
                     c->wrong_class, c->wrong_options, c->twice);
    }
    (void)printf("],\"tcp\":{\"wrong_content\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"open\":%" PRIu64
                 ",\"short_done\":%" PRIu64 ",\"short_bytes\":%" PRIu64 ",\"sent\":[",
                 tcp->wrong_content, tcp->broken, tcp->open, tcp->short_done, tcp->short_bytes);
    for (uint32_t i = 0; i < STREAMS_LASTING; i++) {
        (void)printf("%s%" PRIu64, i == 0 ? "" : ",", tcp->sent[i]);
    }
    (void)printf("],\"received\":[");
    for (uint32_t i = 0; i < STREAMS_LASTING; i++) {
        (void)printf("%s%" PRIu64, i == 0 ? "" : ",", tcp->received[i]);
    }
    (void)printf("]}}\n");
}

static void obey(struct soak *soak)
{
    uint64_t datagrams, bytes;
    if (strcmp(soak->line, "report") == 0) {
        report();
    } else if (sscanf(soak->line, "go %" SCNu64 " %" SCNu64, &datagrams, &bytes) == 2) {
        soak->datagrams_per_s = datagrams;
        soak->bytes_per_s = bytes;
        soak->last_ns = now_ns();
        (void)printf("ok\n");
    } else if (strcmp(soak->line, "pause") == 0) {
        soak->datagrams_per_s = soak->bytes_per_s = 0;
        soak->datagrams_due = soak->bytes_due = 0;
        (void)printf("ok\n");
    } else if (strcmp(soak->line, "finish") == 0) {
        soak->is_finishing = true;
        streams_finish();
        (void)printf("ok\n");
    } else {
        (void)printf("unknown command: %s\n", soak->line);
    }
    (void)fflush(stdout);
}

/* False: the input has ended. */
static bool read_commands(struct soak *soak)
{
    char bytes[128];
    ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));
    for (ssize_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            soak->line[soak->line_len] = '\0';
            soak->line_len = 0;
            obey(soak);
        } else if (soak->line_len < sizeof(soak->line) - 1) {
            soak->line[soak->line_len++] = bytes[i];
        }
    }
    return len > 0;
}

static void tick(struct soak *soak)
{
    uint64_t now = now_ns();
    uint64_t since = now - soak->last_ns;
    soak->last_ns = now;
    since = since < BEHIND_NS ? since : BEHIND_NS;
    soak->datagrams_due += since * soak->datagrams_per_s;
    soak->bytes_due += since * soak->bytes_per_s;
    while (soak->datagrams_due >= NS_PER_S) {
        uint64_t sent = datagrams_send(soak->next_flow, soak->corrupt_udp);
        soak->next_flow = (soak->next_flow + 1) % DATAGRAM_FLOWS;
        uint64_t cost = (sent > 0 ? sent : 1) * NS_PER_S;
        soak->datagrams_due -= cost < soak->datagrams_due ? cost : soak->datagrams_due;
    }
    if (soak->bytes_per_s > 0 || soak->is_finishing) {
        uint64_t budget = soak->bytes_due / NS_PER_S;
        uint64_t sent =
            streams_send(soak->is_finishing ? UINT32_MAX : budget, soak->corrupt_tcp, true);
        sent = sent < budget ? sent : budget;
        soak->bytes_due -= sent * NS_PER_S;
        /* What the streams had no room for is not saved up. */
        uint64_t most = BEHIND_NS * soak->bytes_per_s;
        soak->bytes_due = soak->bytes_due < most ? soak->bytes_due : most;
    }
}

static void add(int epoll_fd, int fd, uint32_t data)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = data};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted) != 0) {
        die("epoll_ctl");
    }
}

static int start_timer(void)
{
    struct itimerspec every = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0) {
        die("timerfd");
    }
    return fd;
}

static void run(struct soak *soak)
{
    struct stream_hosts hosts = {.own4 = soak->hosts.own4,
                                 .own6 = soak->hosts.own6,
                                 .peer4 = soak->hosts.peer4,
                                 .peer6 = soak->hosts.peer6,
                                 .port = soak->hosts.port,
                                 .is_connecting = soak->is_connecting};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), timer = start_timer();
    if (epoll_fd < 0) {
        die("epoll");
    }
    if (!datagrams_open(&soak->hosts) || !streams_open(&hosts, epoll_fd, ON_STREAMS)) {
        exit(1);
    }
    add(epoll_fd, timer, ON_TIMER);
    add(epoll_fd, STDIN_FILENO, ON_COMMAND);
    for (uint32_t i = 0; i < DATAGRAM_FLOWS; i++) {
        add(epoll_fd, datagrams_fd(i), i);
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    soak->last_ns = now_ns();
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            uint32_t data = events[i].data.u32;
            uint64_t expirations;
            if (data >= ON_STREAMS) {
                streams_event(data, events[i].events);
            } else if (data == ON_TIMER) {
                (void)!read(timer, &expirations, sizeof(expirations)); /* tick() asks the clock */
                tick(soak);
            } else if (data == ON_COMMAND) {
                if (!read_commands(soak)) {
                    return;
                }
            } else {
                datagrams_receive(data);
            }
        }
    }
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > most) {
        (void)fprintf(stderr, "traffic: %s is not a number from 1 to %" PRIu64 "\n", text, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"own4", 1, NULL, 'a'},  {"own6", 1, NULL, 'b'},        {"peer4", 1, NULL, 'c'},
        {"peer6", 1, NULL, 'd'}, {"port", 1, NULL, 'p'},        {"connect", 0, NULL, 'o'},
        {"help", 0, NULL, 'h'},  {"corrupt-udp", 1, NULL, 'u'}, {"corrupt-tcp", 1, NULL, 't'},
        {NULL, 0, NULL, 0}};
    static struct soak soak = {.hosts.port = 20000};
    int code;
    while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (code) {
        case 'a':
            soak.hosts.own4 = optarg;
            break;
        case 'b':
            soak.hosts.own6 = optarg;
            break;
        case 'c':
            soak.hosts.peer4 = optarg;
            break;
        case 'd':
            soak.hosts.peer6 = optarg;
            break;
        case 'p':
            soak.hosts.port = (uint16_t)number(optarg, 60000);
            break;
        case 'o':
            soak.is_connecting = true;
            break;
        case 'u':
            soak.corrupt_udp = number(optarg, UINT32_MAX);
            break;
        case 't':
            soak.corrupt_tcp = number(optarg, UINT32_MAX);
            break;
        case 'h':
            (void)fputs(help, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (soak.hosts.own4 == NULL || soak.hosts.own6 == NULL || soak.hosts.peer4 == NULL ||
        soak.hosts.peer6 == NULL) {
        (void)fprintf(stderr, "traffic: four addresses are needed; see traffic --help\n");
        return 2;
    }
    run(&soak);
    datagrams_close();
    return 0;
}
