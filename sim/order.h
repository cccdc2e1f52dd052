/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_SIM_ORDER_H
#define JV_SIM_ORDER_H
/*
 * order -- what people want of the nodes of a world: links, policies, users, ends; and what ICMP claims. For act.c.
 *
 * A node that does not run gets no order.
 * Threads  one.
 */
#include "plan.h"
#include "world.h"

/* The client of the step, or its gateway. */
struct sim_node *order_peer(struct sim_world *w, const struct plan_step *s, bool is_gateway);
void order_give(struct sim_world *w, struct sim_node *node, const struct jv_command *command);
/* About the step's link, with the step's `a` as preference or time. */
void order_link(struct sim_world *w, const struct plan_step *s, enum jv_command_kind kind);
/* Other bounds under a session that runs; what the calm is measured by stays. */
void order_reload(struct sim_world *w, const struct plan_step *s);
void order_policy_back(struct sim_world *w, const struct plan_step *s, bool is_gateway);
/* The list of users without the step's client, or whole. */
void order_users(struct sim_world *w, const struct plan_step *s, bool is_whole);
void order_end(struct sim_world *w, const struct plan_step *s);
void order_again(struct sim_world *w, uint32_t client);
void order_doubts(struct sim_world *w, const struct plan_step *s);
#endif /* JV_SIM_ORDER_H */
