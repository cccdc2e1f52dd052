/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TOOLS_LINKOPT_H
#define JV_TOOLS_LINKOPT_H
/*
 * linkopt -- the command line of linkemu, and its manual (--help).
 */
#include <stdbool.h>
#include <stdint.h>

#include "linkend.h"

#define PACKET_MAX 9216U /* the largest MTU that --mtu takes */

struct linkopt {
    struct linkend ends[2];
    const char *control;
    const char *script;
    bool is_waiting; /* the script begins with a command */
    bool has_seed;
    unsigned long mtu, delay_us;
    uint64_t seed;
};

/* Ends the process where the line is wrong (2) or asks for the manual (0). */
void linkopt_read(int argc, char **argv, struct linkopt *opt);
#endif /* JV_TOOLS_LINKOPT_H */
