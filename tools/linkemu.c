/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linkemu -- a link between two network namespaces that delays, loses, doubles, reorders, limits and swallows. A test tool.
 *
 * The kernels we test on lack sch_netem. Here each namespace gets a TUN device, and one process carries packets between the two.
 * What happens to a packet is decided by emu.h, which the tests in virtual time use as well; how the link changes over time is told
 * by a script (emutext.h) or by commands on a socket. `linkemu --help` is the manual.
 *
 * Owns     both devices; they vanish with the process.
 * Limits   QUEUE_MAX packets in flight over both directions; what does not fit is dropped and counted.
 * Threads  one.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
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

#include "emuicmp.h"
#include "emutext.h"
#include "linkend.h"
#include "linkopt.h"

#define QUEUE_MAX 32768U /* 200 ms of 1500-byte packets at 1.9 Gbit/s */
#define READS_MAX 64U /* packets of one device in a row, so that the other direction has its turn */
#define LINE_BYTES 2048U

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
    uint64_t delivered, swallowed_late, overflowed, answered, bytes;
};

struct emulator {
    struct direction dirs[EMU_DIRS]; /* 0: a to b, 1: b to a */
    struct emu emu;
    struct emu_player player;
    struct packet *heap;
    uint8_t **spare; /* buffers that hold no packet */
    uint32_t queued, spares;
    uint64_t order, armed_ns;
    int epoll_fd, timer_fd, control_fd, client_fd, signal_fd;
    char line[LINE_BYTES];
    size_t line_len;
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
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

static void deliver(struct emulator *emu, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    struct direction *dir = &emu->dirs[at];
    if (emu->emu.dirs[at].shape.hole) {
        dir->swallowed_late++;
    } else if (write(dir->out_fd, bytes, len) == (ssize_t)len) {
        dir->delivered++;
        dir->bytes += len;
    } else {
        dir->overflowed++;
    }
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

/* The router before the narrow link tells the sender. */
static void answer(struct direction *dir, const uint8_t *bytes, uint32_t len, uint32_t mtu)
{
    uint8_t icmp[EMU_ICMP_BYTES];
    size_t icmp_len = emu_too_big(bytes, len, mtu, icmp);
    if (icmp_len > 0 && write(dir->in_fd, icmp, icmp_len) == (ssize_t)icmp_len) {
        dir->answered++;
    }
}

static void carry(struct emulator *emu, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    uint64_t now = now_ns();
    struct emu_fate fate = emu_decide(&emu->emu, at, now, len);
    if (fate.verdict == EMU_TOO_BIG) {
        answer(&emu->dirs[at], bytes, len, emu->emu.dirs[at].shape.mtu);
    }
    for (uint32_t i = 0; i < fate.copies; i++) {
        if (fate.due_ns[i] <= now && emu->queued == 0) {
            deliver(emu, at, bytes, len);
        } else {
            enqueue(emu, at, fate.due_ns[i], bytes, len);
        }
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

/* Takes the steps and delivers the packets that are due, then sets the timer. */
static void deliver_due(struct emulator *emu)
{
    uint64_t now = now_ns();
    uint64_t step_ns = emu_play(&emu->player, now, &emu->emu);
    while (emu->queued > 0 && emu->heap[0].due_ns <= now) {
        struct packet packet = pop(emu);
        deliver(emu, packet.dir, packet.bytes, packet.len);
        emu->spare[emu->spares++] = packet.bytes;
    }
    uint64_t next = emu->queued > 0 ? emu->heap[0].due_ns : UINT64_MAX;
    next = step_ns < next ? step_ns : next;
    next = next == UINT64_MAX ? 0 : next; /* a timer at 0 is off */
    if (next != emu->armed_ns) {
        struct itimerspec when = {.it_value = {.tv_sec = (time_t)(next / 1000000000U),
                                               .tv_nsec = (long)(next % 1000000000U)}};
        if (timerfd_settime(emu->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0) {
            die("timerfd_settime");
        }
        emu->armed_ns = next;
    }
}

static size_t append(char *out, size_t room, size_t len, const char *form, ...)
    __attribute__((format(printf, 4, 5)));
static size_t append(char *out, size_t room, size_t len, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    int n = vsnprintf(out + len, room - len, form, args);
    va_end(args);
    return n > 0 && (size_t)n < room - len ? len + (size_t)n : len;
}

static void write_stats(const struct emulator *emu, char *out, size_t room)
{
    size_t len = append(out, room, 0, "{\"at_ns\":%" PRIu64 ",\"queued\":%u,\"step\":%u", now_ns(),
                        emu->queued, emu->player.next);
    for (unsigned i = 0; i < EMU_DIRS; i++) {
        const struct direction *d = &emu->dirs[i];
        const struct emu_stats *s = &emu->emu.dirs[i].stats;
        len = append(out, room, len,
                     ",\"%s\":{\"received\":%" PRIu64 ",\"delivered\":%" PRIu64
                     ",\"bytes\":%" PRIu64 ",\"overflowed\":%" PRIu64 ",\"answered\":%" PRIu64
                     ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64,
                     d->name, s->packets, d->delivered, d->bytes, d->overflowed, d->answered,
                     s->doubled, s->reordered);
        for (unsigned v = EMU_PASSES + 1U; v < EMU_VERDICTS; v++) {
            uint64_t late = v == EMU_SWALLOWED ? d->swallowed_late : 0;
            len = append(out, room, len, ",\"%s\":%" PRIu64, emu_verdict_name((enum emu_verdict)v),
                         s->verdicts[v] + late);
        }
        len = append(out, room, len, "}");
    }
    (void)append(out, room, len, "}\n");
}

/* [DIR] SETTING ... [DIR]: all of the line is read before any of it holds. */
static bool set_shapes(struct emulator *emu, const struct emu_words *words, char *error)
{
    static const struct emu_bare bare = {1000000, 1, 1000};
    struct emu_setting settings[EMU_WORDS_MAX];
    uint32_t count = 0;
    uint32_t at = 0;
    uint32_t dirs = 0;
    while (at < words->len) {
        uint32_t named = emu_dirs_of(words->at[at]);
        if (named != 0 && dirs == 0 && (at == 0 || at + 1 == words->len)) {
            dirs = named;
            at++;
        } else if (emu_setting_parse(words, &at, &bare, &settings[count], error)) {
            count++;
        } else {
            return false;
        }
    }
    if (count == 0) {
        (void)snprintf(error, EMU_ERROR_BYTES, "no command; linkemu --help lists them");
        return false;
    }
    for (uint32_t i = 0; i < count * EMU_DIRS; i++) {
        uint32_t dir = i % EMU_DIRS;
        if (dirs == 0 || (dirs & 1U << dir) != 0) {
            emu_setting_apply(&settings[i / EMU_DIRS], &emu->emu.dirs[dir].shape);
        }
    }
    return true;
}

static bool steer_script(struct emulator *emu, const char *order, char *error)
{
    bool is_start = strcmp(order, "start") == 0;
    if ((!is_start && strcmp(order, "stop") != 0) || emu->player.script == NULL) {
        (void)snprintf(error, EMU_ERROR_BYTES, "%s",
                       emu->player.script == NULL ? "there is no script" : "script start|stop");
        return false;
    }
    emu->player.start_ns = now_ns();
    emu->player.next = is_start ? 0 : emu->player.script->steps_len;
    return true;
}

/* False: the process is to end. */
static bool obey(struct emulator *emu, char *line, char *out, size_t room)
{
    char error[EMU_ERROR_BYTES] = "too many words";
    struct emu_words words = {.len = 0};
    char *rest = NULL;
    char *word = strtok_r(line, " \t\r\n", &rest);
    for (; word != NULL && words.len < EMU_WORDS_MAX; word = strtok_r(NULL, " \t\r\n", &rest)) {
        words.at[words.len++] = word;
    }
    const char *first = words.len > 0 ? words.at[0] : "";
    bool is_quit = words.len == 1 && strcmp(first, "quit") == 0;
    if (words.len == 1 && strcmp(first, "stats") == 0) {
        write_stats(emu, out, room);
        return true;
    }
    bool ok = word == NULL;
    if (ok && words.len == 2 && strcmp(first, "script") == 0) {
        ok = steer_script(emu, words.at[1], error);
    } else if (ok && !is_quit) {
        ok = set_shapes(emu, &words, error);
    }
    if (ok) {
        (void)snprintf(out, room, "{\"ok\":true,\"at_ns\":%" PRIu64 "}\n", now_ns());
        return !is_quit;
    }
    /* What the client wrote stands in the text: keep the line JSON. */
    for (char *c = error; *c != '\0'; c++) {
        *c = *c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '?' : *c;
    }
    (void)snprintf(out, room, "{\"ok\":false,\"error\":\"%s\"}\n", error);
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

static void load_script(const char *path, struct emu_script *script)
{
    char error[EMU_ERROR_BYTES];
    if (!emu_script_load(path, script, error)) {
        errno = 0;
        die("%s", error);
    }
}

static void start_shapes(struct emulator *emu, const struct linkopt *opt)
{
    static struct emu_script script;
    uint64_t seed = opt->seed;
    if (opt->script != NULL) {
        load_script(opt->script, &script);
        seed = script.has_seed && !opt->has_seed ? script.seed : seed;
        emu->player.script = &script;
        emu->player.start_ns = now_ns();
        emu->player.next = opt->is_waiting ? script.steps_len : 0;
    }
    emu_init(&emu->emu, seed);
    for (uint32_t i = 0; i < EMU_DIRS; i++) {
        emu->emu.dirs[i].shape.delay_ns = (uint64_t)opt->delay_us * 1000U;
    }
}

static void start(struct emulator *emu, const struct linkopt *opt)
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
    emu->dirs[0] = (struct direction){.name = "a2b", .in_fd = a_fd, .out_fd = b_fd};
    emu->dirs[1] = (struct direction){.name = "b2a", .in_fd = b_fd, .out_fd = a_fd};
    start_shapes(emu, opt);

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

static int run(const struct linkopt *opt)
{
    static struct emulator emu;
    start(&emu, opt);
    deliver_due(&emu); /* the script's first step */
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

static int check(const char *path)
{
    static struct emu_script script;
    load_script(path, &script);
    for (uint32_t i = 0; i < script.steps_len; i++) {
        const struct emu_step *s = &script.steps[i];
        char text[EMU_SETTING_BYTES];
        emu_setting_print(&s->setting, text);
        (void)printf("%.3f s %s %s\n", (double)s->at_ns / 1e9,
                     s->dirs == 3   ? "both"
                     : s->dirs == 1 ? "a->b"
                                    : "b->a",
                     text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2]);
    }
    if (argc > 3 && strcmp(argv[1], "ctl") == 0) {
        return control(argc, argv);
    }
    struct linkopt opt;
    linkopt_read(argc, argv, &opt);
    return run(&opt);
}
