/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SIM_PLAN_H
#define JV_SIM_PLAN_H
/*
 * plan -- what a seed means: the shape of a world, and its faults, each with its moment, its length and numbers of its own.
 *
 * All is drawn before the world begins, so that a fault can be taken out without another one becoming a different one: that is what
 * makes a plan smaller (shrink.h). Swarm testing: each seed turns whole kinds of fault off, some to extremes (Groce et al., "Swarm
 * Testing", ISSTA 2012).
 *
 * Threads  none: pure functions of the seed, and steps applied to a world.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "policy.h"

#define PLAN_STEPS 200U
#define PLAN_CLIENTS 6U
#define PLAN_LINKS 4U
#define PLAN_NATS 6U

enum plan_kind {
#define K(name, text) PLAN_##name,
#include "fault.def"
#undef K
    PLAN_KINDS
};

struct plan_step {
    uint64_t at_ms, until_ms; /* of virtual time; equal: an act of one moment */
    enum plan_kind kind;
    uint32_t client, link; /* whom it meets, where that matters */
    uint32_t a, b;         /* what it sets: see the kind */
    uint64_t seed;         /* for draws of its own */
    bool is_out;           /* shrunk away */
};

struct plan_client {
    struct jv_policy policy;
    enum jv_preset preset;
    bool rebirth, no_aes;
    uint32_t links_len, start_ms;
    struct plan_link {
        uint32_t rtt_us, nat; /* nat: PLAN_NATS means public */
        uint32_t prefer, cost;
        bool is_cold, is_metered, has_v6, is_tapped;
    } links[PLAN_LINKS];
    uint32_t up_us, up_bytes, down_us, down_bytes; /* flows; 0: none */
    int32_t drift_ppm;
};

struct sim_plan {
    uint64_t seed;
    uint32_t gateways_len, clients_len, nats_len, buffers;
    struct plan_client clients[PLAN_CLIENTS];
    struct {
        uint32_t mapping, filtering, lifetime_s;
        bool keeps_port;
    } nats[PLAN_NATS];
    int32_t gateway_drift_ppm;
    uint32_t half_open_max;
    bool stands_still;  /* some fault makes a node stand still for long */
    uint64_t faults_ms; /* the calm begins then */
    uint64_t kinds;     /* that this world may have, a bit each */
    struct plan_step steps[PLAN_STEPS];
    uint32_t steps_len;
};

struct sim_world;

void plan_draw(struct sim_plan *plan, uint64_t seed);
const char *plan_kind_name(enum plan_kind kind);
const char *plan_kind_text(enum plan_kind kind);
void plan_print(const struct sim_plan *plan, FILE *file);
/* A step begins or ends in the world. */
void plan_begin(struct sim_world *w, const struct plan_step *step);
void plan_end(struct sim_world *w, const struct plan_step *step);
/* What lies in wait for this client springs a moment later, by the steps that are armed. */
void plan_provoke(struct sim_world *w, uint32_t client);
void plan_spring(struct sim_world *w, const struct plan_step *step);
/* Everything is well again: links, NATs, clocks as they are, processes. */
void plan_calm(struct sim_world *w);
#endif /* JV_SIM_PLAN_H */
