/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet -- many clients of one gateway in one process: what does a session more cost the gateway? `fleet --help` is the manual.
 *
 * The clients are real cores with real keys and a socket each; what a host behind them would send is made in the process, and the
 * packets are counted where they leave the gateway's TUN device, by a child in the gateway's namespace. How far the senders may
 * be ahead of that count is bounded, so that the gateway is kept busy and loses nothing: its CPU is then the price of what it did.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "bounds.h"
#include "client.h"
#include "sink.h"
#include "sys.h"

#define SESSIONS_MAX 1000U
#define LOOK_NS (200U * JV_NS_PER_US)  /* between two looks at sockets and deadlines under load */
#define STALL_NS (100U * JV_NS_PER_MS) /* without progress what is out counts as lost */
#define ATTACH_NS (120U * JV_NS_PER_S)
#define DRAIN_NS (500U * JV_NS_PER_MS)
#define BUFFERS_ALL 262144U /* of all cores together, and no core has more than BUFFERS_MOST */
#define BUFFERS_MOST 8192U
#define BUFFERS_LEAST 512U

static const char help[] =
    "usage: fleet users --sessions N --first ADDRESS --keys FILE\n"
    "       fleet run --keys FILE --gateway ENDPOINT --gateway-key KEY\n"
    "                 --sink-netns NAME --sink-device NAME --to ADDRESS [option ...]\n"
    "\n"
    "users  makes N keys, writes them to FILE and prints a [User] section for each,\n"
    "       with inner addresses from ADDRESS on\n"
    "run    attaches clients to the gateway, sends through them and prints a line of\n"
    "       JSON; packets are counted at the gateway's TUN device\n"
    "  --to ADDRESS       inner IPv4 address of the packets: one that the gateway's\n"
    "                     host drops, or its own with --echo\n"
    "  --sessions N       clients, of those in FILE (all of them; at most 1000)\n"
    "  --source PREFIX    /16 or /48: each client has an IPv4 address or an IPv6 /64\n"
    "                     of it (one address, the system's choice, for all)\n"
    "  --port N           of the packets (5201)\n"
    "  --tcp              segments of one TCP transfer a client, not UDP datagrams\n"
    "  --bytes N          of an inner packet, IP header included (1420)\n"
    "  --burst N          packets of one client in a row, 1 to 64 (32)\n"
    "  --window N         packets of all clients on their way at most (1024; 256 with\n"
    "                     --echo, for the gateway's TUN device queues 500)\n"
    "  --rate N           packets a second of all clients (0: what the window lets)\n"
    "  --warm-up S        before the measure (1)\n"
    "  --seconds S        of the measure (5)\n"
    "  --echo             the sink sends each datagram back\n"
    "  --chacha           AES-256-GCM is not offered\n"
    "  --pid N            the gateway: its CPU time and memory are reported\n"
    "\n"
    "The line: sessions; sent; packets, bytes (inner, counted at the device); frames\n"
    "(as the device got them, merged ones once); echoed; lost; unsent (refused by a\n"
    "socket); missed (by the sink); seconds; mbit_s; gateway_cpu_s;\n"
    "gateway_cpu_s_per_gb (10^9 bytes; with --echo of both directions);\n"
    "gateway_rss_kib; suite. Exit status: 0, 1 failed, 2 usage.\n";

struct options {
    const char *keys, *first, *source, *to, *gateway, *gateway_key, *netns, *device;
    uint64_t sessions, port, bytes, burst, window, rate, warm_up, seconds, pid;
    bool is_tcp, is_echo, is_chacha;
};

struct fleet {
    struct options options;
    struct client **clients;
    uint32_t len, next;
    struct sink sink;
    struct jv_instant now, looked_at, progress_at;
    uint64_t sent, written_off, seen; /* packets; `seen` had arrived at progress_at */
    int epoll_fd;
};

/* What is compared from the start of the measure to its end. */
struct mark {
    uint64_t sent, packets, bytes, frames, missed, unsent, unsent_back, echoed, echoed_bytes;
    uint64_t cpu_ticks;
    struct jv_instant at;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "fleet: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

__attribute__((noreturn)) static void usage(const char *what)
{
    (void)fprintf(stderr, "fleet: %s\n", what);
    exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < least ||
        value > most) {
        (void)fprintf(stderr, "fleet: --%s is %s; it must be %" PRIu64 " to %" PRIu64 "\n", option,
                      text, least, most);
        exit(2);
    }
    return value;
}

/* ---- users ---- */

static void print_users(const struct options *options)
{
    struct in_addr at;
    if (options->first == NULL || inet_pton(AF_INET, options->first, &at) != 1) {
        die("--first must be an IPv4 address");
    }
    (void)umask(077);
    FILE *keys = fopen(options->keys, "w");
    if (keys == NULL) {
        die("%s: %s", options->keys, strerror(errno));
    }
    for (uint32_t i = 0; i < options->sessions; i++) {
        struct jv_key own, public;
        char text[JV_KEY_TEXT_BYTES];
        jv_sys_random(own.b, sizeof(own.b));
        if (jv_dh_public(&own, &public) != JV_E_OK) {
            die("X25519 failed");
        }
        jv_key_format(&own, text);
        (void)fprintf(keys, "%s\n", text);
        jv_key_format(&public, text);
        struct in_addr inner = {htonl(ntohl(at.s_addr) + i)};
        (void)printf("[User fleet%" PRIu32 "]\nPublicKey = %s\nAddress = %s\n", i, text,
                     inet_ntoa(inner));
    }
    if (fclose(keys) != 0) {
        die("%s: %s", options->keys, strerror(errno));
    }
}

/* ---- life ---- */

static struct jv_key read_key(FILE *file, const char *path, uint32_t line)
{
    char text[JV_KEY_TEXT_BYTES + 2U];
    struct jv_key key;
    if (fgets(text, sizeof(text), file) == NULL) {
        die("%s has no line %" PRIu32 ": fewer keys than sessions", path, line + 1);
    }
    if (jv_key_parse(text, strcspn(text, "\n"), &key) != JV_E_OK) {
        die("%s:%" PRIu32 ": no key", path, line + 1);
    }
    return key;
}

/* The gateway bounds births by IPv4 address and by IPv6 /64: those are counted through. */
static struct jv_endpoint source_of(const struct jv_prefix *prefix, uint32_t i)
{
    struct jv_endpoint local = {.ip = prefix->ip};
    bool is_4 = prefix->ip.family == JV_AF_4;
    if (prefix->bits > 0) {
        uint8_t *low = &local.ip.b[is_4 ? 2 : 6];
        low[0] = (uint8_t)((i + 1) / 256);
        low[1] = (uint8_t)((i + 1) % 256);
        local.ip.b[15] = is_4 ? 0 : 1;
    }
    return local;
}

static void open_clients(struct fleet *fleet)
{
    const struct options *o = &fleet->options;
    struct client_cfg cfg = {.to_port = (uint16_t)o->port,
                             .bytes = (uint32_t)o->bytes,
                             .is_tcp = o->is_tcp,
                             .has_aes = !o->is_chacha && jv_aead_has_fast_aes()};
    struct jv_prefix source = {0};
    if (jv_endpoint_parse(o->gateway, 0, &cfg.gateway) != JV_E_OK) {
        die("--gateway %s: not ADDRESS:PORT", o->gateway);
    }
    source.ip.family = cfg.gateway.ip.family;
    if (o->source != NULL && (jv_prefix_parse(o->source, false, &source) != JV_E_OK ||
                              source.ip.family != cfg.gateway.ip.family ||
                              source.bits != (source.ip.family == JV_AF_4 ? 16U : 48U))) {
        die("--source %s: not a prefix of the gateway's family, /16 or /48", o->source);
    }
    if (jv_key_parse(o->gateway_key, strlen(o->gateway_key), &cfg.gateway_key) != JV_E_OK) {
        die("--gateway-key: no key");
    }
    if (inet_pton(AF_INET, o->to, cfg.to) != 1) {
        die("--to %s: not an IPv4 address", o->to);
    }
    FILE *keys = fopen(o->keys, "r");
    if (keys == NULL) {
        die("%s: %s", o->keys, strerror(errno));
    }
    fleet->len = (uint32_t)o->sessions;
    fleet->clients = calloc(fleet->len, sizeof(struct client *));
    if (fleet->clients == NULL) {
        die("out of memory");
    }
    cfg.buffers = JV_MAX(JV_MIN(BUFFERS_ALL / fleet->len, BUFFERS_MOST), BUFFERS_LEAST);
    for (uint32_t i = 0; i < fleet->len; i++) {
        const char *step = "";
        cfg.private_key = read_key(keys, o->keys, i);
        cfg.local = source_of(&source, i);
        enum jv_err err = client_open(&cfg, jv_sys_now(), &fleet->clients[i], &step);
        if (err != JV_E_OK) {
            die("client %" PRIu32 ": %s: %s%s%s", i, step, jv_err_text(err),
                err == JV_E_SYSTEM ? ": " : "", err == JV_E_SYSTEM ? strerror(errno) : "");
        }
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, client_fd(fleet->clients[i]), &wanted) != 0) {
            die("epoll_ctl: %s", strerror(errno));
        }
    }
    (void)fclose(keys);
}

/* One look at every deadline and at the sockets that have something; waits `wait_ns` for them at most. */
static void look(struct fleet *fleet, uint64_t wait_ns)
{
    struct epoll_event ready[JV_BATCH_MAX];
    struct timespec wait = {.tv_nsec = (long)wait_ns};
    int n = epoll_pwait2(fleet->epoll_fd, ready, JV_BATCH_MAX, &wait, NULL);
    fleet->now = jv_sys_now();
    fleet->looked_at = fleet->now;
    for (int i = 0; i < n; i++) {
        client_receive(fleet->clients[ready[i].data.u32], fleet->now);
    }
    for (uint32_t i = 0; i < fleet->len; i++) {
        client_expire(fleet->clients[i], fleet->now);
    }
}

static void attach(struct fleet *fleet)
{
    fleet->now = jv_sys_now();
    struct jv_instant end = jv_add_ns(fleet->now, ATTACH_NS);
    uint32_t attached = 0;
    while (attached < fleet->len && jv_is_before(fleet->now, end)) {
        look(fleet, JV_NS_PER_MS);
        while (attached < fleet->len && client_is_attached(fleet->clients[attached], fleet->now)) {
            attached++;
        }
    }
    if (attached < fleet->len) {
        die("client %" PRIu32 " of %" PRIu32
            " is not attached after %u s: is the gateway at %s, and "
            "has it these users?",
            attached, fleet->len, (unsigned)(ATTACH_NS / JV_NS_PER_S), fleet->options.gateway);
    }
}

/* ---- traffic ---- */

/* Packets that are known to be where they should: at the sink, or back. */
static uint64_t arrived(const struct fleet *fleet)
{
    if (!fleet->options.is_echo) {
        return fleet->sink.counts->packets;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < fleet->len; i++) {
        total += client_counts(fleet->clients[i])->echoed;
    }
    return total;
}

/* Packets that may be sent at this moment. */
static uint64_t room(struct fleet *fleet, struct jv_instant start, uint64_t base)
{
    uint64_t seen = arrived(fleet);
    if (seen != fleet->seen) {
        fleet->seen = seen;
        fleet->progress_at = fleet->now;
    } else if (jv_since_ns(fleet->progress_at, fleet->now) > STALL_NS) {
        fleet->written_off = fleet->sent - JV_MIN(seen, fleet->sent);
        fleet->progress_at = fleet->now;
    }
    uint64_t gone = seen + fleet->written_off;
    uint64_t out = fleet->sent > gone ? fleet->sent - gone : 0;
    uint64_t left = fleet->options.window > out ? fleet->options.window - out : 0;
    if (fleet->options.rate > 0) {
        uint64_t due =
            base + jv_since_us(start, fleet->now) * fleet->options.rate / (JV_NS_PER_S / 1000U);
        left = JV_MIN(left, due > fleet->sent ? due - fleet->sent : 0);
    }
    return left;
}

static void drive(struct fleet *fleet, uint64_t seconds)
{
    fleet->now = jv_sys_now();
    struct jv_instant start = fleet->now;
    struct jv_instant end = jv_add_ms(start, seconds * 1000U);
    uint64_t base = fleet->sent;
    uint32_t burst = (uint32_t)fleet->options.burst;
    fleet->progress_at = fleet->now;
    while (jv_is_before(fleet->now, end)) {
        /* Whole bursts: a client that sends has more than one packet. */
        if (room(fleet, start, base) >= burst) {
            fleet->sent += client_send(fleet->clients[fleet->next], fleet->now, burst);
            fleet->next = (fleet->next + 1) % fleet->len;
            fleet->now = jv_sys_now();
            if (jv_since_ns(fleet->looked_at, fleet->now) < LOOK_NS) {
                continue;
            }
            look(fleet, 0);
        } else {
            look(fleet, LOOK_NS / 4U);
        }
    }
}

/* utime + stime, fields 14 and 15 of proc_pid_stat(5). */
static uint64_t cpu_ticks(uint64_t pid)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "r");
    size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    text[len] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    uint64_t user, system_ticks;
    if (at == NULL ||
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system_ticks) != 2) {
        die("--pid %" PRIu64 ": no such process", pid);
    }
    return user + system_ticks;
}

static uint64_t rss_kib(uint64_t pid)
{
    char path[64], line[256];
    uint64_t kib = 0;
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

static struct mark mark(const struct fleet *fleet)
{
    struct mark m = {.sent = fleet->sent,
                     .packets = fleet->sink.counts->packets,
                     .bytes = fleet->sink.counts->bytes,
                     .frames = fleet->sink.counts->frames,
                     .missed = fleet->sink.counts->missed,
                     .unsent_back = fleet->sink.counts->unsent,
                     .at = jv_sys_now()};
    for (uint32_t i = 0; i < fleet->len; i++) {
        m.unsent += client_counts(fleet->clients[i])->unsent;
        m.echoed += client_counts(fleet->clients[i])->echoed;
        m.echoed_bytes += client_counts(fleet->clients[i])->echoed_bytes;
    }
    m.cpu_ticks = fleet->options.pid > 0 ? cpu_ticks(fleet->options.pid) : 0;
    return m;
}

/* All that is out arrives or is lost: the measure begins and ends with nothing on its way. */
static void drain(struct fleet *fleet)
{
    fleet->now = jv_sys_now();
    struct jv_instant end = jv_add_ns(fleet->now, DRAIN_NS);
    while (jv_is_before(fleet->now, end) && arrived(fleet) + fleet->written_off < fleet->sent) {
        look(fleet, JV_NS_PER_MS / 2U);
    }
    fleet->written_off = fleet->sent - JV_MIN(arrived(fleet), fleet->sent);
}

static void report(const struct fleet *fleet, const struct mark *a, const struct mark *b)
{
    static const char *const suites[] = {"none", "ChaCha20-Poly1305", "AES-256-GCM"};
    bool is_echo = fleet->options.is_echo;
    uint64_t sent = b->sent - a->sent, packets = b->packets - a->packets;
    uint64_t bytes = b->bytes - a->bytes, back = b->echoed - a->echoed;
    uint64_t moved = bytes + (is_echo ? b->echoed_bytes - a->echoed_bytes : 0);
    uint64_t there = is_echo ? back : packets;
    double seconds = (double)jv_since_ns(a->at, b->at) / (double)JV_NS_PER_S;
    uint8_t suite = client_suite(fleet->clients[0], fleet->now);
    (void)printf(
        "{\"sessions\":%" PRIu32 ",\"sent\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
        ",\"frames\":%" PRIu64 ",\"echoed\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"unsent\":%" PRIu64
        ",\"missed\":%" PRIu64 ",\"seconds\":%.3f,\"mbit_s\":%.1f",
        fleet->len, sent, packets, bytes, b->frames - a->frames, is_echo ? back : 0,
        sent > there ? sent - there : 0, b->unsent - a->unsent + b->unsent_back - a->unsent_back,
        b->missed - a->missed, seconds, (double)moved * 8.0 / seconds / 1e6);
    if (fleet->options.pid > 0) {
        double cpu = (double)(b->cpu_ticks - a->cpu_ticks) / (double)sysconf(_SC_CLK_TCK);
        (void)printf(
            ",\"gateway_cpu_s\":%.2f,\"gateway_cpu_s_per_gb\":%.4f,\"gateway_rss_kib\":%" PRIu64,
            cpu, moved > 0 ? cpu / ((double)moved / 1e9) : 0.0, rss_kib(fleet->options.pid));
    }
    (void)printf(",\"suite\":\"%s\"}\n", suite < JV_ARRAY_LEN(suites) ? suites[suite] : "unknown");
}

static int run(struct fleet *fleet)
{
    const struct options *o = &fleet->options;
    struct sink_cfg sink = {.netns = o->netns,
                            .device = o->device,
                            .to_port = (uint16_t)o->port,
                            .is_echo = o->is_echo};
    if (inet_pton(AF_INET, o->to, sink.to) != 1) {
        die("--to %s: not an IPv4 address", o->to);
    }
    struct rlimit files = {.rlim_cur = SESSIONS_MAX + 64U, .rlim_max = SESSIONS_MAX + 64U};
    (void)setrlimit(RLIMIT_NOFILE, &files); /* too few: opening a client tells */
    if (!sink_start(&sink, &fleet->sink)) {
        die("the sink does not start");
    }
    fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (fleet->epoll_fd < 0) {
        die("epoll: %s", strerror(errno));
    }
    open_clients(fleet);
    attach(fleet);
    drive(fleet, o->warm_up);
    drain(fleet);
    struct mark before = mark(fleet);
    drive(fleet, o->seconds);
    struct jv_instant stopped = jv_sys_now();
    drain(fleet);
    struct mark after = mark(fleet);
    after.at = stopped;
    report(fleet, &before, &after);
    for (uint32_t i = 0; i < fleet->len; i++) {
        client_close(fleet->clients[i], jv_sys_now());
    }
    free(fleet->clients);
    sink_stop(&fleet->sink);
    (void)close(fleet->epoll_fd);
    return after.packets > before.packets ? 0 : 1;
}

static void parse(int argc, char **argv, struct options *o)
{
    enum { KEYS = 256, FIRST, SOURCE, TO, GATEWAY, KEY, NETNS, DEVICE, TCP, ECHO, CHACHA, NUMBERS };
    struct {
        const char *name;
        uint64_t *value, least, most;
    } numbers[] = {{"sessions", &o->sessions, 1, SESSIONS_MAX},
                   {"port", &o->port, 1, UINT16_MAX},
                   {"bytes", &o->bytes, PACKET_BYTES_MIN, JV_MTU_DEFAULT},
                   {"burst", &o->burst, 1, JV_BATCH_MAX},
                   {"window", &o->window, JV_BATCH_MAX, 1000000},
                   {"rate", &o->rate, 0, 100000000},
                   {"warm-up", &o->warm_up, 0, 3600},
                   {"seconds", &o->seconds, 1, 86400},
                   {"pid", &o->pid, 1, INT32_MAX}};
    static const struct {
        const char *name;
        int has_arg, code;
    } others[] = {{"keys", 1, KEYS},        {"first", 1, FIRST},
                  {"source", 1, SOURCE},    {"to", 1, TO},
                  {"gateway", 1, GATEWAY},  {"gateway-key", 1, KEY},
                  {"sink-netns", 1, NETNS}, {"sink-device", 1, DEVICE},
                  {"tcp", 0, TCP},          {"echo", 0, ECHO},
                  {"chacha", 0, CHACHA}};
    struct option longs[JV_ARRAY_LEN(numbers) + JV_ARRAY_LEN(others) + 1] = {0};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(numbers); i++) {
        longs[i] = (struct option){numbers[i].name, 1, NULL, NUMBERS + (int)i};
    }
    for (uint32_t i = 0; i < JV_ARRAY_LEN(others); i++) {
        longs[JV_ARRAY_LEN(numbers) + i] =
            (struct option){others[i].name, others[i].has_arg, NULL, others[i].code};
    }
    const char **texts[] = {&o->keys,    &o->first,       &o->source, &o->to,
                            &o->gateway, &o->gateway_key, &o->netns,  &o->device};
    int code;
    while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (code >= NUMBERS) {
            *numbers[code - NUMBERS].value =
                number(numbers[code - NUMBERS].name, optarg, numbers[code - NUMBERS].least,
                       numbers[code - NUMBERS].most);
        } else if (code >= KEYS && code <= DEVICE) {
            *texts[code - KEYS] = optarg;
        } else if (code == TCP) {
            o->is_tcp = true;
        } else if (code == ECHO) {
            o->is_echo = true;
        } else if (code == CHACHA) {
            o->is_chacha = true;
        } else {
            usage("see fleet --help");
        }
    }
    if (optind < argc) {
        usage("an argument too many; see fleet --help");
    }
}

static uint64_t keys_in(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    uint64_t lines = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        lines += c == '\n';
    }
    (void)fclose(file);
    return lines;
}

int main(int argc, char **argv)
{
    static struct fleet fleet;
    struct options *o = &fleet.options;
    *o = (struct options){.port = 5201,
                          .bytes = JV_MTU_DEFAULT,
                          .burst = 32,

                          .warm_up = 1,
                          .seconds = 5};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(help, stdout);
        return 0;
    }
    bool is_run = argc > 1 && strcmp(argv[1], "run") == 0;
    if (!is_run && (argc < 2 || strcmp(argv[1], "users") != 0)) {
        usage("the first argument is users or run; see fleet --help");
    }
    parse(argc - 1, argv + 1, o);
    if (o->keys == NULL) {
        usage("--keys is missing");
    }
    if (jv_crypto_init() != JV_E_OK) {
        die("the crypto library does not start");
    }
    if (!is_run) {
        if (o->sessions == 0 || o->first == NULL) {
            usage("users needs --sessions and --first");
        }
        print_users(o);
        return 0;
    }
    if (o->gateway == NULL || o->gateway_key == NULL || o->netns == NULL || o->device == NULL ||
        o->to == NULL) {
        usage("run needs --gateway, --gateway-key, --sink-netns, --sink-device and --to");
    }
    if (o->is_tcp && o->is_echo) {
        usage("--tcp and --echo exclude each other: nobody answers a segment");
    }
    if (o->window == 0) {
        o->window = o->is_echo ? 256 : 1024;
    }
    if (o->sessions == 0) {
        o->sessions = JV_MIN(keys_in(o->keys), SESSIONS_MAX);
    }
    return run(&fleet);
}
