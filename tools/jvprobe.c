/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jvprobe -- a UDP echo stream that measures silence: a numbered datagram every few milliseconds, and when each echo came back.
 *
 * All times are CLOCK_MONOTONIC in ns, which network namespaces share: they compare with the answers of linkemu.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ECHOES_MAX 10000000U /* numbers kept of one stream: 13 hours at 5 ms */
#define DATAGRAM_MAX 9000U
#define NS_PER_MS 1000000U
#define SOCKET_BYTES (16 * 1048576)  /* a second and more of 50 Mbit/s */
#define DRAIN_NS (1000U * NS_PER_MS) /* how long the last echoes are waited for */

static const char help[] =
    "usage: jvprobe serve ADDRESS PORT\n"
    "       jvprobe send ADDRESS PORT --log FILE [--every-ms N | --every-us N] [--for-ms N] "
    "[--bytes N]\n"
    "       jvprobe report FILE [--after NS]\n"
    "\n"
    "serve   sends every datagram back to where it came from\n"
    "send    sends a numbered datagram every N ms (5) or us for N ms (until SIGTERM), writes `S "
    "number "
    "ns` and\n"
    "        `R number ns` to FILE, then prints the report\n"
    "report  one line of JSON:\n"
    "          sent, received, lost, doubled   datagrams; lost: no echo came at all\n"
    "          longest_gap_ms, gap_from_ns     longest time between one echo and the next\n"
    "          after_gap_ms                    the same, only gaps that end after NS\n"
    "          first_echo_ns                   when the first echo after NS came\n"
    "          first_sent_ns, first_back_ns    the first datagram sent after NS that came back\n"
    "All times are of CLOCK_MONOTONIC.\n";

struct options {
    const char *log;
    uint64_t every_us, for_ms, bytes, after_ns;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "jvprobe: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static int open_socket(const char *address, const char *port, bool serving)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    int err = getaddrinfo(address, port, &hints, &found);
    if (err != 0) {
        (void)fprintf(stderr, "jvprobe: %s %s: %s\n", address, port, gai_strerror(err));
        exit(1);
    }
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
        die("socket");
    }
    /* What a slow reader's buffer drops would count as lost on the way. Without CAP_NET_ADMIN the default has to do. */
    int room = SOCKET_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    err = serving ? bind(fd, found->ai_addr, found->ai_addrlen)
                  : connect(fd, found->ai_addr, found->ai_addrlen);
    if (err != 0) {
        die(address);
    }
    freeaddrinfo(found);
    return fd;
}

static int serve(const char *address, const char *port)
{
    static uint8_t buf[DATAGRAM_MAX];
    int fd = open_socket(address, port, true);
    while (!stopped) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &from_len);
        if (len >= 0) {
            /* What cannot be sent back shows at the sender as lost. */
            (void)sendto(fd, buf, (size_t)len, 0, (const struct sockaddr *)&from, from_len);
        }
    }
    return 0;
}

struct tally {
    uint64_t *sent_ns; /* by number; 0: not sent */
    bool *is_back;
    uint64_t sent, received, doubled, last_ns, gap_ns, gap_from_ns, after_gap_ns;
    uint64_t first_echo_ns, first_sent_ns, first_back_ns;
};

static void count_echo(struct tally *t, uint64_t id, uint64_t ns, uint64_t after_ns)
{
    if (t->sent_ns[id] == 0) {
        return;
    }
    t->received += t->is_back[id] ? 0U : 1U;
    t->doubled += t->is_back[id] ? 1U : 0U;
    t->is_back[id] = true;
    if (t->last_ns != 0 && ns > t->last_ns) {
        uint64_t gap = ns - t->last_ns;
        if (gap > t->gap_ns) {
            t->gap_ns = gap;
            t->gap_from_ns = t->last_ns;
        }
        if (ns >= after_ns && gap > t->after_gap_ns) {
            t->after_gap_ns = gap;
        }
    }
    t->last_ns = ns;
    if (ns >= after_ns && t->first_echo_ns == 0) {
        t->first_echo_ns = ns;
    }
    if (t->sent_ns[id] >= after_ns && t->first_sent_ns == 0) {
        t->first_sent_ns = t->sent_ns[id];
        t->first_back_ns = ns;
    }
}

static int report(const char *path, uint64_t after_ns)
{
    FILE *file = fopen(path, "r");
    struct tally t = {.sent_ns = calloc(ECHOES_MAX, sizeof(uint64_t)),
                      .is_back = calloc(ECHOES_MAX, sizeof(bool))};
    if (file == NULL || t.sent_ns == NULL || t.is_back == NULL) {
        die(path);
    }
    char kind = 0;
    uint64_t id = 0;
    uint64_t ns = 0;
    while (fscanf(file, " %c %" SCNu64 " %" SCNu64, &kind, &id, &ns) == 3) {
        if (id >= ECHOES_MAX) {
            continue;
        }
        if (kind == 'S') {
            t.sent_ns[id] = ns;
            t.sent++;
        } else {
            count_echo(&t, id, ns, after_ns);
        }
    }
    (void)fclose(file); /* read only: nothing can be lost */
    (void)printf("{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"doubled\":%" PRIu64 ",\"longest_gap_ms\":%.3f,\"gap_from_ns\":%" PRIu64
                 ",\"after_gap_ms\":%.3f,\"first_echo_ns\":%" PRIu64 ",\"first_sent_ns\":%" PRIu64
                 ",\"first_back_ns\":%" PRIu64 "}\n",
                 t.sent, t.received, t.sent - t.received, t.doubled, (double)t.gap_ns / NS_PER_MS,
                 t.gap_from_ns, (double)t.after_gap_ns / NS_PER_MS, t.first_echo_ns,
                 t.first_sent_ns, t.first_back_ns);
    free(t.sent_ns);
    free(t.is_back);
    return 0;
}

/* Takes all echoes that came until `until_ns`. */
static void receive(int fd, FILE *log, uint64_t until_ns)
{
    static uint8_t buf[DATAGRAM_MAX];
    for (;;) {
        uint64_t now = now_ns();
        uint64_t left = until_ns > now ? until_ns - now : 0;
        struct timespec wait = {.tv_sec = (time_t)(left / 1000000000U),
                                .tv_nsec = (long)(left % 1000000000U)};
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        if (ppoll(&pfd, 1, &wait, NULL) <= 0) {
            return;
        }
        uint64_t id = 0;
        ssize_t len =
            recv(fd, buf, sizeof buf, MSG_DONTWAIT); /* an ICMP error is read, and is no echo */
        if (len >= (ssize_t)sizeof id) {
            memcpy(&id, buf, sizeof id);
            (void)fprintf(log, "R %" PRIu64 " %" PRIu64 "\n", id, now_ns());
        }
    }
}

static int send_stream(const char *address, const char *port, const struct options *opt)
{
    static uint8_t buf[DATAGRAM_MAX];
    FILE *log = opt->log != NULL ? fopen(opt->log, "w") : NULL;
    if (log == NULL) {
        die("--log");
    }
    int fd = open_socket(address, port, false);
    uint64_t start_ns = now_ns();
    uint64_t every_ns = opt->every_us * 1000U;
    for (uint64_t id = 0; !stopped && id < ECHOES_MAX; id++) {
        uint64_t at_ns = start_ns + id * every_ns;
        if (opt->for_ms > 0 && at_ns - start_ns >= opt->for_ms * NS_PER_MS) {
            break;
        }
        receive(fd, log, at_ns);
        memcpy(buf, &id, sizeof id);
        (void)fprintf(log, "S %" PRIu64 " %" PRIu64 "\n", id, now_ns());
        (void)send(fd, buf, (size_t)opt->bytes,
                   MSG_DONTWAIT); /* what cannot be sent shows as lost */
    }
    receive(fd, log, now_ns() + DRAIN_NS);
    (void)close(fd);
    if (fclose(log) != 0) {
        die(opt->log);
    }
    return report(opt->log, opt->after_ns);
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        errno = EINVAL;
        die(text);
    }
    return value;
}

static void read_options(int argc, char **argv, struct options *opt)
{
    static const struct option table[] = {{"log", 1, NULL, 'l'},    {"every-ms", 1, NULL, 'e'},
                                          {"for-ms", 1, NULL, 'f'}, {"bytes", 1, NULL, 'b'},
                                          {"after", 1, NULL, 'a'},  {"every-us", 1, NULL, 'u'},
                                          {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0}};
    for (int c = 0; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        switch (c) {
        case 'l':
            opt->log = optarg;
            break;
        case 'e':
            opt->every_us = number(optarg) * 1000U;
            break;
        case 'u':
            opt->every_us = number(optarg);
            break;
        case 'f':
            opt->for_ms = number(optarg);
            break;
        case 'b':
            opt->bytes = number(optarg);
            break;
        case 'a':
            opt->after_ns = number(optarg);
            break;
        default:
            (void)fputs(help, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
    if (opt->bytes < sizeof(uint64_t) || opt->bytes > DATAGRAM_MAX || opt->every_us == 0) {
        errno = ERANGE;
        die("--bytes, --every-ms or --every-us");
    }
}

int main(int argc, char **argv)
{
    struct options opt = {.every_us = 5000, .bytes = 64};
    read_options(argc, argv, &opt);
    struct sigaction action = {.sa_handler = on_signal};
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0) {
        die("sigaction");
    }
    char **args = argv + optind;
    int count = argc - optind;
    if (count == 3 && strcmp(args[0], "serve") == 0) {
        return serve(args[1], args[2]);
    }
    if (count == 3 && strcmp(args[0], "send") == 0) {
        return send_stream(args[1], args[2], &opt);
    }
    if (count == 2 && strcmp(args[0], "report") == 0) {
        return report(args[1], opt.after_ns);
    }
    (void)fputs(help, stderr);
    return 2;
}
