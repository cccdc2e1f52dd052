/* SPDX-License-Identifier: Apache-2.0 */
#include "linkopt.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: linkemu --ns-a NAME --ns-b NAME --control PATH [option ...]\n"
    "       linkemu ctl PATH COMMAND [argument ...]\n"
    "       linkemu check SCRIPT\n"
    "\n"
    "Joins two network namespaces by a pair of TUN devices and carries packets between them, until "
    "SIGTERM or `quit`; the\n"
    "devices vanish with it. PATH appears when the link is up. `check` reads a script and prints "
    "its "
    "steps.\n"
    "\n"
    "  --ns-a NAME, --ns-b NAME      namespaces, as `ip netns` knows them\n"
    "  --dev-a NAME, --dev-b NAME    names of the devices (default: link0 at both ends)\n"
    "  --addr-a CIDR, --addr-b CIDR  IPv4 address of each end, such as 10.0.0.1/24 (default: "
    "none)\n"
    "  --mtu N                       MTU of both devices (default 1500, at most 9216)\n"
    "  --delay-us N                  one-way delay of both directions (default 0)\n"
    "  --seed N                      decides which packets are lost, late or doubled (default: the "
    "script's, or 1)\n"
    "  --script FILE                 what happens when, counted from when the link is up\n"
    "  --wait                        the script begins with the command `script start`\n"
    "  --control PATH                UNIX socket that takes commands\n"
    "\n"
    "The n-th packet of a direction has the same fate for the same seed and settings, whenever it "
    "comes; a full queue and\n"
    "the order of arrival alone depend on time.\n"
    "\n"
    "Settings, in scripts and as commands:\n"
    "  delay TIME                    one way; packets keep their order\n"
    "  jitter TIME                   below TIME more for each packet; packets overtake\n"
    "  loss SHARE                    each packet for itself\n"
    "  burst ENTER LEAVE [LOSS]      Gilbert-Elliott: chances a packet to turn bad and good, loss "
    "while bad (100%)\n"
    "  reorder SHARE by TIME         that share arrives later by TIME\n"
    "  duplicate SHARE               that share arrives twice\n"
    "  rate RATE [queue BYTES]       what does not fit into the queue is lost (default: 50 ms of "
    "the "
    "rate)\n"
    "  mtu BYTES answer|silent       longer IP packets are lost; the sender is told by ICMP, or "
    "not\n"
    "  blackhole on|off              loses everything, what is under way included\n"
    "  clear                         a perfect link; `burst off`, `rate off`, `mtu off` end these "
    "alone\n"
    "TIME: 20us 1.5ms 2s. SHARE: 30% 0.5% 500ppm. RATE: 64kbit 10mbit 1gbit. DIR: a->b (a2b), b->a "
    "(b2a), both.\n"
    "\n"
    "Script, a line each, # begins a comment:\n"
    "  seed N\n"
    "  at TIME DIR SETTING ...\n"
    "  from TIME repeat N every TIME     the `at` lines up to `end` count from each beginning\n"
    "  end\n"
    "\n"
    "Commands; each is answered by one JSON line, `at_ns` is the moment on CLOCK_MONOTONIC from "
    "which "
    "it holds:\n"
    "  [DIR] SETTING ... [DIR]       both where no DIR is given; a number without a unit: ms, ppm, "
    "kbit\n"
    "  script start|stop             from its beginning; no further steps\n"
    "  stats                         counters\n"
    "  quit                          ends the process\n";

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

void linkopt_read(int argc, char **argv, struct linkopt *opt)
{
    static const struct option table[] = {
        {"ns-a", 1, NULL, 'a'},    {"ns-b", 1, NULL, 'b'},   {"dev-a", 1, NULL, 'c'},
        {"dev-b", 1, NULL, 'd'},   {"addr-a", 1, NULL, 'e'}, {"addr-b", 1, NULL, 'f'},
        {"mtu", 1, NULL, 'm'},     {"seed", 1, NULL, 's'},   {"delay-us", 1, NULL, 'u'},
        {"control", 1, NULL, 'x'}, {"script", 1, NULL, 'z'}, {"wait", 0, NULL, 'w'},
        {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
    *opt = (struct linkopt){.ends = {{.dev = "link0"}, {.dev = "link0"}}, .mtu = 1500, .seed = 1};
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
            opt->has_seed = true;
            break;
        case 'u':
            opt->delay_us = number(optarg, 60000000U);
            break;
        case 'w':
            opt->is_waiting = true;
            break;
        case 'z':
            opt->script = optarg;
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
    if (optind != argc || opt->ends[0].ns == NULL || opt->ends[1].ns == NULL ||
        opt->control == NULL) {
        (void)fputs(help, stderr);
        exit(2);
    }
}
