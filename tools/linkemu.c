/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linkemu -- a link between two network namespaces: delay, jitter, loss, duplication, rate, black holes. A test tool.
 *
 * The kernels we test on lack sch_netem. Here each namespace gets a TUN device, and one process carries packets between the two.
 * What happens to the n-th packet of a direction is a hash of (seed, direction, n, purpose): it does not depend on timing.
 *
 * Owns     both devices; they vanish with the process.
 * Limits   QUEUE_MAX packets in flight over both directions; what does not fit is dropped and counted.
 * Threads  one.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "linkend.h"

#define QUEUE_MAX 32768U /* 200 ms of 1500-byte packets at 1.9 Gbit/s */
#define PACKET_MAX 9216U /* the largest MTU that --mtu takes */
#define READS_MAX 64U /* packets of one device in a row, so that the other direction has its turn */
#define RATE_QUEUE_NS 50000000U /* a rate-limited link holds 50 ms, as a home router would */
#define PPM 1000000U
#define LINE_BYTES 1024U

enum purpose { PURPOSE_LOSS = 1, PURPOSE_JITTER, PURPOSE_DUP };

struct packet {
    uint64_t due_ns;
    uint64_t order; /* breaks ties, so that equal times keep their order */
    uint32_t dir;
    uint32_t len;
    uint8_t *bytes;
};

struct direction {
    const char *name;
    int in_fd, out_fd;
    uint64_t delay_ns, jitter_ns, bits_per_s;
    uint32_t loss_ppm, dup_ppm;
    bool blackhole;
    uint64_t idx, last_due_ns, busy_until_ns;
    uint64_t received, delivered, lost, duplicated, blackholed, overflowed, bytes;
};

struct emulator {
    struct direction dirs[2]; /* 0: a to b, 1: b to a */
    struct packet *heap;
    uint8_t **spare; /* buffers that hold no packet */
    uint32_t queued, spares;
    uint64_t order, seed, armed_ns;
    int epoll_fd, timer_fd, control_fd, client_fd, signal_fd;
    char line[LINE_BYTES];
    size_t line_len;
};

struct options {
    struct linkend ends[2];
    const char *control;
    unsigned long mtu, delay_us;
    uint64_t seed;
};

static const char help[] =
    "usage: linkemu --ns-a NAME --ns-b NAME --control PATH [option ...]\n"
    "       linkemu ctl PATH COMMAND [argument ...]\n"
    "\n"
    "Joins two network namespaces by a pair of TUN devices and carries packets between them. It "
    "runs until SIGTERM or\n"
    "`quit`; the devices vanish with it. PATH appears when the link is up.\n"
    "\n"
    "  --ns-a NAME, --ns-b NAME      namespaces, as `ip netns` knows them\n"
    "  --dev-a NAME, --dev-b NAME    names of the devices (default: link0 at both ends)\n"
    "  --addr-a CIDR, --addr-b CIDR  IPv4 address of each end, such as 10.0.0.1/24 (default: "
    "none)\n"
    "  --mtu N                       MTU of both devices (default 1500, at most 9216)\n"
    "  --delay-us N                  one-way delay of both directions (default 0)\n"
    "  --seed N                      decides which packets are lost, late or doubled (default 1)\n"
    "  --control PATH                UNIX socket that takes commands\n"
    "\n"
    "Commands; DIR is a2b or b2a, both when absent. Each is answered by one JSON line; `at_ns` is "
    "the moment on\n"
    "CLOCK_MONOTONIC from which it holds.\n"
    "  delay MS [DIR]                one-way delay, decimals allowed; packets keep their order\n"
    "  jitter MS [DIR]               up to MS more for each packet; packets may overtake\n"
    "  loss PPM [DIR]                share of packets lost\n"
    "  dup PPM [DIR]                 share of packets that arrive twice\n"
    "  rate KBIT [DIR]               kbit/s with a queue of 50 ms; 0: no limit\n"
    "  blackhole on|off [DIR]        loses everything, what is under way included\n"
    "  stats                         counters\n"
    "  quit                          ends the process\n";

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* SplitMix64's finisher over the packet's coordinates. */
static uint64_t draw(const struct emulator *emu, uint32_t dir, uint64_t idx, enum purpose purpose)
{
    uint64_t z = emu->seed * 0x9e3779b97f4a7c15U + idx * 0xd1342543de82ef95U + dir * 0x2545f491U +
                 (uint64_t)purpose * 0x632be59bd9b4e019U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static bool strikes(const struct emulator *emu, uint32_t dir, uint64_t idx, enum purpose purpose,
                    uint32_t ppm)
{
    return ppm > 0 && draw(emu, dir, idx, purpose) % PPM < ppm;
}

static bool is_before(const struct packet *left, const struct packet *right)
{
    return left->due_ns != right->due_ns ? left->due_ns < right->due_ns
                                         : left->order < right->order;
}

static void push(struct emulator *emu, struct packet packet)
{
    uint32_t i = emu->queued++;
    while (i > 0 && is_before(&packet, &emu->heap[(i - 1) / 2])) {
        emu->heap[i] = emu->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    emu->heap[i] = packet;
}

static struct packet pop(struct emulator *emu)
{
    struct packet top = emu->heap[0];
    struct packet last = emu->heap[--emu->queued];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < emu->queued && is_before(&emu->heap[child + 1], &emu->heap[child])) {
            child++;
        }
        if (child >= emu->queued || !is_before(&emu->heap[child], &last)) {
            break;
        }
        emu->heap[i] = emu->heap[child];
        i = child;
    }
    emu->heap[i] = last;
    return top;
}

static void deliver(struct direction *dir, const uint8_t *bytes, uint32_t len)
{
    if (dir->blackhole) {
        dir->blackholed++;
    } else if (write(dir->out_fd, bytes, len) == (ssize_t)len) {
        dir->delivered++;
        dir->bytes += len;
    } else {
        dir->overflowed++;
    }
}

/* When the packet is due at the far end, its time on a limited wire included; 0: the queue before that wire is full. */
static uint64_t due_time(struct emulator *emu, uint32_t at, uint64_t idx, uint64_t now,
                         uint32_t len)
{
    struct direction *dir = &emu->dirs[at];
    uint64_t start = now;
    if (dir->bits_per_s > 0) {
        if (dir->busy_until_ns > now + RATE_QUEUE_NS) {
            return 0;
        }
        start = (dir->busy_until_ns > now ? dir->busy_until_ns : now) +
                (uint64_t)len * 8U * 1000000000U / dir->bits_per_s;
        dir->busy_until_ns = start;
    }
    uint64_t due = start + dir->delay_ns;
    if (dir->jitter_ns > 0) {
        return due + draw(emu, at, idx, PURPOSE_JITTER) % dir->jitter_ns;
    }
    /* A delay that was just lowered must not let packets overtake those already on their way. */
    dir->last_due_ns = due > dir->last_due_ns ? due : dir->last_due_ns;
    return dir->last_due_ns;
}

static void enqueue(struct emulator *emu, uint32_t at, uint64_t due, const uint8_t *bytes,
                    uint32_t len)
{
    if (emu->spares == 0) {
        emu->dirs[at].overflowed++;
        return;
    }
    uint8_t *buf = emu->spare[--emu->spares];
    memcpy(buf, bytes, len);
    push(emu, (struct packet){due, emu->order++, at, len, buf});
}

static void carry(struct emulator *emu, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    struct direction *dir = &emu->dirs[at];
    uint64_t idx = dir->idx++;
    dir->received++;
    if (dir->blackhole) {
        dir->blackholed++;
        return;
    }
    if (strikes(emu, at, idx, PURPOSE_LOSS, dir->loss_ppm)) {
        dir->lost++;
        return;
    }
    uint64_t now = now_ns();
    uint64_t due = due_time(emu, at, idx, now, len);
    if (due == 0) {
        dir->overflowed++;
        return;
    }
    if (due <= now && emu->queued == 0) {
        deliver(dir, bytes, len);
    } else {
        enqueue(emu, at, due, bytes, len);
    }
    if (strikes(emu, at, idx, PURPOSE_DUP, dir->dup_ppm)) {
        dir->duplicated++;
        enqueue(emu, at, due, bytes, len);
    }
}

static void drain_device(struct emulator *emu, uint32_t at)
{
    static uint8_t bytes[PACKET_MAX];
    for (unsigned n = 0; n < READS_MAX; n++) {
        ssize_t len = read(emu->dirs[at].in_fd, bytes, sizeof bytes);
        if (len <= 0) {
            return;
        }
        carry(emu, at, bytes, (uint32_t)len);
    }
}

static void deliver_due(struct emulator *emu)
{
    uint64_t now = now_ns();
    while (emu->queued > 0 && emu->heap[0].due_ns <= now) {
        struct packet packet = pop(emu);
        deliver(&emu->dirs[packet.dir], packet.bytes, packet.len);
        emu->spare[emu->spares++] = packet.bytes;
    }
    uint64_t next = emu->queued > 0 ? emu->heap[0].due_ns : 0;
    if (next != emu->armed_ns) {
        struct itimerspec when = {.it_value = {.tv_sec = (time_t)(next / 1000000000U),
                                               .tv_nsec = (long)(next % 1000000000U)}};
        if (timerfd_settime(emu->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0) {
            die("timerfd_settime");
        }
        emu->armed_ns = next;
    }
}

static void write_stats(const struct emulator *emu, char *out, size_t room)
{
    size_t len =
        (size_t)snprintf(out, room, "{\"at_ns\":%" PRIu64 ",\"queued\":%u", now_ns(), emu->queued);
    for (unsigned i = 0; i < 2; i++) {
        const struct direction *d = &emu->dirs[i];
        int n = snprintf(out + len, room - len,
                         ",\"%s\":{\"received\":%" PRIu64 ",\"delivered\":%" PRIu64
                         ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"blackholed\":%" PRIu64
                         ",\"overflowed\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
                         d->name, d->received, d->delivered, d->lost, d->duplicated, d->blackholed,
                         d->overflowed, d->bytes);
        len += n > 0 && (size_t)n < room - len ? (size_t)n : 0;
    }
    (void)snprintf(out + len, room - len, "}\n");
}

/* Sets one parameter of one direction; false: no such command or a bad value. */
static bool set_parameter(struct direction *dir, const char *word, const char *value)
{
    if (strcmp(word, "blackhole") == 0) {
        dir->blackhole = strcmp(value, "on") == 0;
        return dir->blackhole || strcmp(value, "off") == 0;
    }
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !(number >= 0.0 && number <= 1e9)) {
        return false;
    }
    if (strcmp(word, "delay") == 0) {
        dir->delay_ns = (uint64_t)(number * 1e6);
    } else if (strcmp(word, "jitter") == 0) {
        dir->jitter_ns = (uint64_t)(number * 1e6);
    } else if (strcmp(word, "rate") == 0) {
        dir->bits_per_s = (uint64_t)(number * 1e3);
        dir->busy_until_ns = 0;
    } else if (strcmp(word, "loss") == 0 && number <= PPM) {
        dir->loss_ppm = (uint32_t)number;
    } else if (strcmp(word, "dup") == 0 && number <= PPM) {
        dir->dup_ppm = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

/* False: the process is to end. */
static bool obey(struct emulator *emu, char *line, char *out, size_t room)
{
    char *rest = NULL;
    const char *word = strtok_r(line, " \t\r\n", &rest);
    const char *value = strtok_r(NULL, " \t\r\n", &rest);
    const char *which = strtok_r(NULL, " \t\r\n", &rest);
    if (word != NULL && value == NULL && strcmp(word, "stats") == 0) {
        write_stats(emu, out, room);
        return true;
    }
    if (word != NULL && value == NULL && strcmp(word, "quit") == 0) {
        (void)snprintf(out, room, "{\"ok\":true,\"at_ns\":%" PRIu64 "}\n", now_ns());
        return false;
    }
    unsigned done = 0;
    for (unsigned i = 0; word != NULL && value != NULL && i < 2; i++) {
        if (which == NULL || strcmp(which, emu->dirs[i].name) == 0) {
            done += set_parameter(&emu->dirs[i], word, value) ? 1U : 0U;
        }
    }
    if (done == (which == NULL ? 2U : 1U)) {
        (void)snprintf(out, room, "{\"ok\":true,\"at_ns\":%" PRIu64 "}\n", now_ns());
    } else {
        (void)snprintf(out, room, "{\"ok\":false,\"error\":\"unknown command or bad value\"}\n");
    }
    return true;
}

static void hang_up(struct emulator *emu)
{
    (void)close(emu->client_fd); /* also leaves the epoll set */
    emu->client_fd = -1;
    emu->line_len = 0;
}

/* One client at a time; the others wait in the backlog. */
static void accept_client(struct emulator *emu)
{
    int fd = accept4(emu->control_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (emu->client_fd >= 0) {
        hang_up(emu);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(emu->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
    emu->client_fd = fd;
}

static bool serve_client(struct emulator *emu)
{
    char answer[LINE_BYTES];
    size_t room = sizeof emu->line - 1 - emu->line_len;
    ssize_t len = read(emu->client_fd, emu->line + emu->line_len, room);
    if (len <= 0) {
        hang_up(emu);
        return true;
    }
    emu->line_len += (size_t)len;
    emu->line[emu->line_len] = '\0';
    bool go_on = true;
    char *newline = NULL;
    while (go_on && (newline = strchr(emu->line, '\n')) != NULL) {
        *newline = '\0';
        go_on = obey(emu, emu->line, answer, sizeof answer);
        /* A client that left before its answer loses nothing but the answer. */
        (void)send(emu->client_fd, answer, strlen(answer), MSG_NOSIGNAL);
        emu->line_len -= (size_t)(newline + 1 - emu->line);
        memmove(emu->line, newline + 1, emu->line_len + 1);
    }
    if (emu->line_len == sizeof emu->line - 1) {
        hang_up(emu);
    }
    return go_on;
}

static struct sockaddr_un control_address(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path) >= (int)sizeof sun.sun_path) {
        errno = ENAMETOOLONG;
        die("%s", path);
    }
    return sun;
}

static void watch(const struct emulator *emu, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(emu->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void start(struct emulator *emu, const struct options *opt)
{
    emu->heap = calloc(QUEUE_MAX, sizeof *emu->heap);
    emu->spare = calloc(QUEUE_MAX, sizeof *emu->spare);
    uint8_t *bytes = calloc(QUEUE_MAX, PACKET_MAX); /* touched only as far as the queue grows */
    if (emu->heap == NULL || emu->spare == NULL || bytes == NULL) {
        die("memory");
    }
    for (emu->spares = 0; emu->spares < QUEUE_MAX; emu->spares++) {
        emu->spare[emu->spares] = bytes + (size_t)(QUEUE_MAX - 1 - emu->spares) * PACKET_MAX;
    }
    int a_fd = linkend_open(&opt->ends[0], opt->mtu);
    int b_fd = linkend_open(&opt->ends[1], opt->mtu);
    uint64_t delay_ns = (uint64_t)opt->delay_us * 1000U;
    emu->dirs[0] =
        (struct direction){.name = "a2b", .in_fd = a_fd, .out_fd = b_fd, .delay_ns = delay_ns};
    emu->dirs[1] =
        (struct direction){.name = "b2a", .in_fd = b_fd, .out_fd = a_fd, .delay_ns = delay_ns};
    emu->seed = opt->seed;

    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        die("sigprocmask");
    }
    emu->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    emu->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    emu->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    emu->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    emu->client_fd = -1;
    struct sockaddr_un sun = control_address(opt->control);
    (void)unlink(opt->control); /* left by a process that was killed, or absent */
    if (emu->signal_fd < 0 || emu->epoll_fd < 0 || emu->timer_fd < 0 || emu->control_fd < 0 ||
        bind(emu->control_fd, (const struct sockaddr *)&sun, sizeof sun) != 0 ||
        listen(emu->control_fd, 16) != 0) {
        die("%s", opt->control);
    }
    int fds[] = {a_fd, b_fd, emu->timer_fd, emu->control_fd, emu->signal_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        watch(emu, fds[i]);
    }
}

/* False: the process is to end. */
static bool handle(struct emulator *emu, int fd)
{
    uint64_t ticks = 0;
    if (fd == emu->dirs[0].in_fd || fd == emu->dirs[1].in_fd) {
        drain_device(emu, fd == emu->dirs[0].in_fd ? 0 : 1);
    } else if (fd == emu->timer_fd) {
        emu->armed_ns = 0;
        return read(fd, &ticks, sizeof ticks) >= 0 || errno == EAGAIN;
    } else if (fd == emu->control_fd) {
        accept_client(emu);
    } else if (fd == emu->client_fd) {
        return serve_client(emu);
    } else {
        return fd != emu->signal_fd;
    }
    return true;
}

static int run(const struct options *opt)
{
    static struct emulator emu;
    start(&emu, opt);
    for (bool go_on = true; go_on;) {
        struct epoll_event events[8];
        int count = epoll_wait(emu.epoll_fd, events, 8, -1);
        if (count < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; go_on && i < count; i++) {
            go_on = handle(&emu, events[i].data.fd);
        }
        deliver_due(&emu);
    }
    (void)unlink(opt->control);
    return 0;
}

/* Sends one command and prints its answer. */
static int control(int argc, char **argv)
{
    char line[LINE_BYTES] = "";
    size_t len = 0;
    for (int i = 3; i < argc; i++) {
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%s", argv[i],
                                i + 1 < argc ? " " : "\n");
        if (len >= sizeof line) {
            errno = E2BIG;
            die("command");
        }
    }
    struct sockaddr_un sun = control_address(argv[2]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof sun) != 0 ||
        send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len || shutdown(fd, SHUT_WR) != 0) {
        die("%s", argv[2]);
    }
    ssize_t got = read(fd, line, sizeof line - 1);
    if (got <= 0) {
        die("%s: no answer", argv[2]);
    }
    line[got] = '\0';
    (void)fputs(line, stdout);
    return strstr(line, "\"ok\":false") == NULL ? 0 : 1;
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > max) {
        errno = 0;
        die("%s: it must be a number up to %" PRIu64, text, max);
    }
    return value;
}

static void read_options(int argc, char **argv, struct options *opt)
{
    static const struct option table[] = {
        {"ns-a", 1, NULL, 'a'},    {"ns-b", 1, NULL, 'b'},   {"dev-a", 1, NULL, 'c'},
        {"dev-b", 1, NULL, 'd'},   {"addr-a", 1, NULL, 'e'}, {"addr-b", 1, NULL, 'f'},
        {"mtu", 1, NULL, 'm'},     {"seed", 1, NULL, 's'},   {"delay-us", 1, NULL, 'u'},
        {"control", 1, NULL, 'x'}, {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0}};
    for (int c = 0; (c = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        switch (c) {
        case 'a':
        case 'b':
            opt->ends[c - 'a'].ns = optarg;
            break;
        case 'c':
        case 'd':
            opt->ends[c - 'c'].dev = optarg;
            break;
        case 'e':
        case 'f':
            opt->ends[c - 'e'].cidr = optarg;
            break;
        case 'm':
            opt->mtu = number(optarg, PACKET_MAX);
            break;
        case 's':
            opt->seed = number(optarg, UINT64_MAX);
            break;
        case 'u':
            opt->delay_us = number(optarg, 60000000U);
            break;
        case 'x':
            opt->control = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            exit(0);
        default:
            (void)fputs(help, stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "ctl") == 0) {
        return control(argc, argv);
    }
    struct options opt = {.ends = {{.dev = "link0"}, {.dev = "link0"}}, .mtu = 1500, .seed = 1};
    read_options(argc, argv, &opt);
    if (optind != argc || opt.ends[0].ns == NULL || opt.ends[1].ns == NULL || opt.control == NULL) {
        (void)fputs(help, stderr);
        return 2;
    }
    return run(&opt);
}
