/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace -- does the model of session.pml allow what two running cores did? models/trace writes the steps; each one is a step of that
 * model with its guard, and between them the model may do what leaves no record. The end of the trace must be reached: `done` fails.
 */
#define TRACE
#define RELAY
#define JUMP
#define ORDERS 250
#include "session.pml"

/* Steps; what they carry is in brackets. */
#define C_SHAKE 1   /* ATTACHED to VOLATILE */
#define C_DEGRADE 2 /* VOLATILE or RECOVERING to DEGRADED */
#define C_LOSE 3    /* no path is bound */
#define C_RECOVER 4 /* VOLATILE or DEGRADED to RECOVERING */
#define C_ASK 5     /* a request [order, path] */
#define C_BOUND 6   /* its answer is taken [order, path] */
#define C_END 7
#define C_VERSION 8 /* the client knows this version of the gateway's [low, high byte] */
#define G_SHAKE 11
#define G_DEGRADE 12
#define G_LOSE 13
#define G_COMMIT 14 /* [order, address] */
#define G_END 15
#define G_VERSION 16 /* the gateway is at this version */
#define END 20

c_decl {
	#include "steps.h"
};
short at = 0;
byte what = 0, x = 0, y = 0;

inline next()
{
	c_code {
		now.what = steps[now.at][0];
		now.x = steps[now.at][1];
		now.y = steps[now.at][2];
		now.at++;
	}
}

active proctype run_of_the_cores()
{
	short v;
	d_step { cl_token[0] = NOWHERE; cl_token[1] = NOWHERE; next() }
	do
	:: d_step { what == C_SHAKE && cl_state == ATTACHED -> cl_state = VOLATILE; next() }
	:: d_step { what == C_DEGRADE && cl_lives && (cl_state == VOLATILE || cl_state == RECOVERING) -> cl_state = DEGRADED; give_up(); next() }
	:: d_step { what == C_LOSE && cl_lives && cl_path != NONE -> cl_path = NONE; cl_state = (cl_state == ATTACHED -> VOLATILE : cl_state); next() }
	:: d_step { what == C_RECOVER && cl_lives && is_shaken -> cl_state = RECOVERING; give_up(); next() }
	:: d_step { what == C_ASK && cl_lives && x > cl_order && (cl_state == RECOVERING || (cl_state == ATTACHED && cl_path == y)) ->
		v = (cl_state == ATTACHED); cl_order = x - 1; ask(y, 0, NOWHERE); cl_quiet = v; v = 0; next() }
	:: d_step { what == C_BOUND && cl_lives && x == cl_out && r_path[x] == y && acks != 0 && (cl_quiet || cl_state == RECOVERING) ->
		assert(ack_lead <= gw_lead);
		learn(ack_lead);
		cl_commit = cl_out;
		cl_path = (cl_quiet -> cl_path : r_path[cl_out]);
		cl_state = (cl_quiet -> cl_state : ATTACHED);
		forget(); bury(); next() }
	:: d_step { what == C_END && cl_lives -> cl_state = TERMINATED; next() }
	:: d_step { what == C_VERSION && cl_lives && gw_v - gw_lead <= x + 256 * y && x + 256 * y <= gw_v ->
		v = x + 256 * y - (gw_v - gw_lead); learn(v); v = 0; next() }
	:: d_step { what == G_SHAKE && gw_state == ATTACHED -> gw_row(VOLATILE); next() }
	:: d_step { what == G_DEGRADE && gw_state == VOLATILE -> gw_row(DEGRADED); next() }
	:: d_step { what == G_LOSE && gw_lives && gw_at != NOWHERE -> gw_at = NOWHERE; gw_row((gw_state == ATTACHED -> VOLATILE : gw_state)); next() }
	:: d_step { what == G_COMMIT && gw_lives && x <= cl_order && x != gw_commit && !IS_SPENT(x) && !IS_STALE(x) && r_path[x] != NONE &&
		!in_place(y) -> commit(x, y); next() }
	:: d_step { what == G_END && gw_lives -> gw_row(TERMINATED); gw_at = NOWHERE; next() }
	:: d_step { what == G_VERSION && gw_v == x + 256 * y -> next() }
	:: d_step { what == END -> assert(false) }
	/* Without a record: an answer in place, a repetition of the answer and of the request, news. */
	:: d_step { gw_state == ATTACHED && cl_out != 0 && cl_out > gw_spent -> gw_spent = cl_out; gw_commit = cl_out; bury(); answer_ack(cl_out, 0) }
	:: d_step { gw_lives && cl_out != 0 && cl_out == gw_commit && acks == 0 -> answer_ack(cl_out, 0) }
	:: d_step { cl_out != 0 && gw_commit_lead == 0 && cl_out > gw_spent && !is_fresh[cl_out] -> is_fresh[cl_out] = 1 }
	:: d_step { cl_lives && gw_lead > 0 -> learn(gw_lead) }
	od
}
