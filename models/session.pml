/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session -- the pair: a client and a gateway from the birth on, and somebody who owns the network between them.
 *
 * The network is what was ever sent: from then on each datagram may arrive at any time, any number of times, or never, at the gateway
 * from any address, also under a forged one. So copies, delays, loss, reordering and replay need no step of their own. Nobody forges
 * what is sealed. What the gateway sends to an address reaches who is there: the client where the address is its own at that time,
 * else the adversary, who passes it on with RELAY only.
 *
 * Addresses: 0 and 1 of the client's paths, 2 of path 0 once the network maps it anew, 3 the adversary's. Rows of the table are in the
 * macros ROW_*; what makes an end take one (silence, loss, policy, timers) is left open: it may do so whenever the table lets it.
 * Bounded are ORDERS requests, BEATS heartbeats, one epoch; two paths (JUMP), or one that the network maps anew (REMAP).
 *
 * @safety jump -DJUMP -DORDERS=2: laws 1, 3, 4, 5 over two paths; who does not carry answers to the client is never bound
 * @safety remap -DREMAP -DORDERS=2: the same over one path that the network maps anew
 * @safety race -DRACE -DRELAY -DORDERS=2: nobody is bound who races copies of the bound path, while the client's packets arrive as well
 * @reach to-the-other-path -DJUMP -DORDERS=2 -DREACH_JUMP: the model lets a session move to the other path
 * @reach rebound -DREMAP -DORDERS=2 -DREACH_REBIND: and follow a new mapping of its path
 * @reach adopted -DJUMP -DORDERS=3 -DREACH_ADOPTED: and take up a commit whose ACK was lost
 * @reach relay-bound -DJUMP -DRELAY -DORDERS=2 -DREACH_X: and bind who relays a standby path both ways, as docs/threat-model.md says
 * @safety-long jump-3 -DJUMP -DORDERS=3: as jump, three requests
 * @mutant M_NO_TOKEN jump: a request without a path token commits
 * @mutant M_TOKEN_ANY jump: a token made for another address commits
 * @mutant M_ORDER_EQUAL jump: the order of the last commit is not refused from elsewhere
 * @mutant M_SPENT_IGNORED jump: what the client reports as given up is not spent
 * @mutant M_NO_VERSION jump: a request of a version from before the last commit is accepted
 * @mutant M_ACK_ANY jump: the client takes the ACK of a request that it gave up
 * @mutant M_ACK_OLD jump: an answer of a lower version sets the client's version back
 * @mutant M_REVIVE jump: a request that comes after the end is judged
 * @mutant M_ROW_TWICE jump: two rows of a commit are one step of the version
 * @mutant M_NO_VOID race: a request that rebinds is not void although the packet that it names has arrived
 * @mutant M_MARK_LOST race: the answer to a challenge names no packet any more
 * @mutant M_PLAIN_IN_PLACE race: a request on the bound path names no packet that has arrived
 */
#ifdef JUMP
#define JUMPS true
#else
#define JUMPS false
#endif
#ifndef ORDERS
#define ORDERS 3
#endif
#define BEATS 2
#define X 3
#define NOWHERE 4
#define NONE 2 /* no path */
#ifdef TRACE
#define BIT(n) 1 /* addresses without bound: who is where is in the trace */
#else
#define BIT(n) (1 << (n))
#endif

#define ATTACHED 1
#define VOLATILE 2
#define DEGRADED 3
#define RECOVERING 4
#define TERMINATED 5

/*
 * The client. Its version is the zero that the others are counted from: what is kept is by how much the gateway is ahead, and so for the
 * versions under way.
 */
byte cl_state = ATTACHED, cl_path = 0;
byte cl_out = 0; /* the order of the request that is out */
bit cl_quiet, cl_again, cl_challenged; /* it moves no row; it corrects an earlier one; its challenge was answered */
byte cl_order = 0;  /* the last that was used */
byte cl_spent = 0;  /* the highest that was given up */
byte cl_commit = 0; /* the last commit that it knows */
byte cl_token[2];   /* the address that the newest token of a path was made for */
byte cl_beat = 1, cl_reported = 1, cl_hinted = 1; /* heartbeats sent, reported, answered as a hint */
bit mapped = 0; /* path 0 is at address 2 */

/* The gateway. */
byte gw_state = ATTACHED, gw_at = 0;
byte gw_lead = 0;   /* its version less the client's */
byte gw_commit_lead = 0; /* the same for the version of the last commit; 0: the client knows of it */
byte gw_spent = 0, gw_commit = 0;
byte gw_beat = 1; /* the highest that the bound address has delivered */

/* What was sent. Answers only while they can count. */
byte r_path[ORDERS + 1], r_mark[ORDERS + 1];
bit is_fresh[ORDERS + 1];   /* its version is that of the last commit, or a later one */
byte r_tokens[ORDERS + 1];  /* with tokens for these addresses */
byte challenges = 0, acks = 0, rejects = 0; /* of the request that is out, to these addresses */
byte ack_lead = 0, reject_lead = 0, reject_last = 0;
byte hints = 0; /* for the last heartbeat, to these addresses */
bit end_c, end_g; /* TERMINATE, to the client, to the gateway */
#ifdef M_SPENT_IGNORED
byte heard = 0; /* what the gateway was told is given up */
#endif

#ifdef TRACE
short gw_v = 1; /* the gateway's version itself */
#endif

byte k; /* of loops; 0 between steps */

#define own(p) ((p) == 0 && mapped -> 2 : (p))
#ifdef TRACE
#define reaches(a, p) true
#elif defined(RELAY)
#define reaches(a, p) ((a) == own(p) || (a) == X)
#else
#define reaches(a, p) ((a) == own(p))
#endif
#define cl_lives (cl_state != TERMINATED)
#define gw_lives (gw_state != TERMINATED)
#define both (cl_lives && gw_lives) /* what one end does alone once the other has ended is to end */
#define is_shaken (cl_state == VOLATILE || cl_state == DEGRADED)
/* The gateway's version beyond the client's: the rows it runs alone before and after one commit, that commit, and the end. Two commits that the
 * client does not know of cannot be: the second asks for the version of the first. */
#ifndef GAP
#define GAP 9
#endif

/* A row is one step of the version, and there is none from TERMINATED (laws 4, 5). */
inline gw_row(to)
{
	assert(gw_state != TERMINATED);
	gw_state = to;
#ifdef TRACE
	gw_v++;
#endif
	gw_lead = (cl_lives -> gw_lead + 1 : 0);
	assert(gw_lead <= GAP)
}

/* The client learns of a version that is `by` above its own. */
inline learn(by)
{
#ifdef M_ACK_OLD
	ack_lead = (acks != 0 && ack_lead < by -> 255 : ack_lead - by);
#else
	acks = (ack_lead < by -> 0 : acks);
	ack_lead = (ack_lead < by -> 0 : ack_lead - by);
#endif
	reject_lead = (reject_lead < by -> 0 : reject_lead - by);
	gw_commit_lead = (gw_commit_lead < by -> 0 : gw_commit_lead - by);
	gw_lead = gw_lead - by
}

inline forget()
{
	cl_out = 0; cl_quiet = 0; cl_again = 0; cl_challenged = 0;
	challenges = 0; acks = 0; rejects = 0; ack_lead = 0; reject_lead = 0; reject_last = 0
}

inline give_up()
{
	cl_spent = (cl_out > cl_spent -> cl_out : cl_spent);
	forget()
}

/* One end is over: nothing but that matters any more. */
inline clean()
{
	forget();
	cl_path = NONE; hints = 0; cl_beat = 0; gw_beat = 0; cl_reported = 0; cl_hinted = 0; mapped = 0; gw_lead = 0; gw_commit_lead = 0;
	cl_spent = 0; cl_commit = 0; cl_token[0] = 0; cl_token[1] = 0;
#ifndef M_REVIVE
	k = 0;
	do
	:: k <= ORDERS -> r_path[k] = 0; r_mark[k] = 0; is_fresh[k] = 0; r_tokens[k] = 0; k++
	:: else -> break
	od;
	k = 0
#endif
}

/* Requests that the gateway will refuse, whatever comes. */
inline bury()
{
	k = 1;
	do
	:: k <= ORDERS ->
		if
		:: k <= gw_spent && k != cl_out && k != gw_commit -> r_mark[k] = 0; is_fresh[k] = 0; r_tokens[k] = 0
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

/* A request on path p. Where it would move the binding, `mark` names the packet that voids it; `token` is the address of its token. */
inline ask(p, mark, token)
{
	give_up();
	cl_order++;
	cl_out = cl_order;
	r_path[cl_out] = p;
	is_fresh[cl_out] = (gw_commit_lead == 0);
	r_mark[cl_out] = mark;
	r_tokens[cl_out] = BIT(token) & ~BIT(NOWHERE);
	bury();
#ifdef RACE
	/* What it names left half a round trip before, and nothing of the client's is lost here. */
	if
	:: r_mark[cl_out] > gw_beat && gw_at == own(r_path[cl_out]) -> gw_beat = r_mark[cl_out]
	:: else
	fi
#endif
}

/* A request on the bound path names a packet that has arrived: it proves the path in place, and moves nothing from elsewhere. */
#ifdef M_PLAIN_IN_PLACE
#define IN_PLACE 0
#else
#define IN_PLACE cl_reported
#endif

#ifndef TRACE
proctype client()
{
	do
	/* Rows by itself. */
	:: d_step { both && cl_state == ATTACHED && cl_order < ORDERS -> cl_state = VOLATILE }
	:: d_step { both && cl_state == VOLATILE -> cl_state = DEGRADED }
	:: d_step { both && cl_state == RECOVERING -> cl_state = DEGRADED; give_up() }
#ifndef RACE
	:: d_step { both && cl_path != NONE -> cl_path = NONE; cl_state = (cl_state == ATTACHED -> VOLATILE : cl_state) }
	:: d_step { cl_lives && (cl_path == NONE || cl_state == DEGRADED) -> cl_state = TERMINATED; clean(); end_g = 1 }
	/* To a path that was proven, or to the next one. */
	:: d_step { both && (is_shaken || (cl_state == RECOVERING && r_path[cl_out] != 0)) && cl_order < ORDERS && cl_path != 0 && cl_token[0] != NOWHERE ->
		cl_state = RECOVERING; ask(0, 0, cl_token[0]) }
#ifdef JUMP
	:: d_step { both && (is_shaken || (cl_state == RECOVERING && r_path[cl_out] != 1)) && cl_order < ORDERS && cl_path != 1 && cl_token[1] != NOWHERE ->
		cl_state = RECOVERING; ask(1, 0, cl_token[1]) }
#endif
#ifdef REMAP
	/* What was under way to the old address is lost. */
	:: d_step { both && !mapped -> mapped = 1; challenges = challenges & ~BIT(0); acks = acks & ~BIT(0); rejects = rejects & ~BIT(0); hints = hints & ~BIT(0) }
#endif
#endif
	/* In place: the path is well again, or the gateway doubts it. */
	:: d_step { both && is_shaken && cl_path != NONE && cl_order < ORDERS -> cl_state = RECOVERING; ask(cl_path, IN_PLACE, cl_token[cl_path]) }
	:: d_step { cl_state == ATTACHED && cl_out == 0 && (gw_state == VOLATILE || gw_state == DEGRADED) && cl_order < ORDERS ->
		ask(cl_path, IN_PLACE, cl_token[cl_path]); cl_quiet = 1 }
	/* A repetition takes the younger token. */
	:: d_step { both && cl_out != 0 && cl_token[r_path[cl_out]] != NOWHERE && (r_tokens[cl_out] & BIT(cl_token[r_path[cl_out]])) == 0 ->
		r_tokens[cl_out] = r_tokens[cl_out] | BIT(cl_token[r_path[cl_out]]) }
#ifndef JUMP
	:: d_step { both && cl_path != NONE && cl_beat < BEATS -> cl_beat++ }
#endif
	od
}
#endif

/* The network maps the bound path elsewhere, says a hint or the answer to a probe. */
inline rebind(mark2, token2)
{
	cl_state = RECOVERING;
	ask(cl_path, mark2, token2)
}

#ifndef TRACE
/* What comes to the client beside the answers to its requests: answers to probes, reports, hints, the end. */
proctype news()
{
	byte at, p;
	do
	:: atomic {
		both ->
		if
		:: p = 0
#if defined(JUMP) && defined(RELAY)
		:: p = 1
#endif
		fi;
		if
		:: at = own(p)
#ifdef RELAY
		:: at = X
#endif
		fi;
		d_step {
			cl_token[p] = at;
			learn(gw_lead);
			/* A heartbeat left right before the probe, and the answer tells that the gateway does not see this path there. */
			if
			:: p == cl_path && at != gw_at && cl_out == 0 && cl_order < ORDERS && cl_beat < BEATS -> cl_beat++; rebind(cl_beat, at)
			:: else
			fi;
			at = 0; p = 0
		}
	}
	:: d_step { both && cl_path != NONE && gw_at == own(cl_path) && cl_reported < gw_beat -> cl_reported = gw_beat }
	:: atomic {
		both && cl_path != NONE && (cl_out == 0 || cl_quiet) && cl_order < ORDERS && BEATS > cl_hinted && BEATS > cl_reported ->
		if
		:: (hints & BIT(own(cl_path))) != 0 -> at = own(cl_path)
#ifdef RELAY
		:: (hints & BIT(X)) != 0 -> at = X
#endif
		fi;
		d_step { cl_hinted = BEATS; rebind(BEATS, at); at = 0 }
	}
	:: d_step { cl_lives && end_c -> cl_state = TERMINATED; clean() }
	:: d_step { gw_lives && end_g -> gw_row(TERMINATED); gw_at = NOWHERE; clean() }
	od
}
#endif

/* The gateway committed an earlier request, and every ACK of that was lost: the client asks there again, instead of moving once more. */
#define IS_MISSED (reject_last > cl_commit && reject_last < cl_out && !cl_again && r_path[reject_last] != r_path[cl_out])

inline challenged(at2)
{
	cl_challenged = 1;
	challenges = 0;
	r_tokens[cl_out] = r_tokens[cl_out] | BIT(at2);
#ifdef M_MARK_LOST
	r_mark[cl_out] = 0
#endif
}

#ifndef TRACE
/* The answers to the request that is out. */
proctype answers()
{
	bit quiet;
#ifdef REACH_ADOPTED
	bit missed;
#endif
	do
	:: d_step { both && acks != 0 && (cl_quiet || cl_state == RECOVERING) ->
#ifdef REACH_ADOPTED
		assert(!(missed && cl_again));
#endif
		assert(ack_lead <= gw_lead); /* the version goes forward, and not beyond the gateway's */
		learn(ack_lead);
		cl_commit = cl_out;
		cl_path = (cl_quiet -> cl_path : r_path[cl_out]);
		cl_state = (cl_quiet -> cl_state : ATTACHED);
		forget(); bury() }
	:: d_step { both && !cl_challenged && (challenges & ~BIT(X)) != 0 -> challenged(own(r_path[cl_out])) }
	:: d_step { both && !cl_challenged && (challenges & BIT(X)) != 0 -> challenged(X) }
	:: d_step { both && rejects != 0 ->
		learn(reject_lead);
		if
		:: IS_MISSED && cl_order < ORDERS && !cl_quiet -> 
#ifdef REACH_ADOPTED
			missed = 1;
#endif
			ask(r_path[reject_last], 0, cl_token[r_path[reject_last]]); cl_again = 1
		:: !IS_MISSED && !cl_again && cl_order < ORDERS ->
			quiet = cl_quiet; ask(r_path[cl_out], r_mark[cl_out], cl_token[r_path[cl_out]]); cl_again = 1; cl_quiet = quiet; quiet = 0
		:: else ->
			cl_state = (cl_state == RECOVERING && !cl_quiet -> DEGRADED : cl_state);
			give_up()
		fi }
#ifdef M_ACK_ANY
	:: d_step { cl_state == RECOVERING && gw_commit != 0 && gw_commit < cl_out && gw_commit != cl_commit ->
		assert(gw_commit > cl_spent) /* what was given up is over */ }
#endif
	od
}
#endif

#ifdef M_NO_TOKEN
#define IS_PROVEN(o, a) true
#elif defined(M_TOKEN_ANY)
#define IS_PROVEN(o, a) (r_tokens[o] != 0)
#else
#define IS_PROVEN(o, a) ((r_tokens[o] & BIT(a)) != 0)
#endif
#ifdef M_ORDER_EQUAL
#define IS_SPENT(o) (o < gw_spent)
#define MAY_COME(o) true
#else
#define IS_SPENT(o) (o <= gw_spent)
#define MAY_COME(o) (o != gw_commit)
#endif
#ifdef M_NO_VERSION
#define IS_STALE(o) false
#else
#define IS_STALE(o) (!is_fresh[o])
#endif
#ifdef M_NO_VOID
#define IS_VOID(o, a) false
#else
#define IS_VOID(o, a) (gw_at != a && gw_at != NOWHERE && r_mark[o] != 0 && gw_beat >= r_mark[o])
#endif
#ifdef M_REVIVE
#define MAY_JUDGE true
#else
#define MAY_JUDGE both
#endif

inline answer_ack(o4, at4)
{
	if
	:: o4 == cl_out && reaches(at4, r_path[o4]) -> acks = acks | BIT(at4); ack_lead = gw_lead
	:: else
	fi
}

inline commit(o3, at3)
{
	assert(o3 != gw_commit);                /* one commit for one request, and one that was asked for */
	assert(is_fresh[o3]);                   /* the client knew of the commit before */
#ifdef M_SPENT_IGNORED
	assert(o3 > heard);                     /* what the client gave up, and said so, moves nothing */
#endif
	k = gw_lead;
	if
	:: gw_state == ATTACHED ->
#ifndef M_ROW_TWICE
		gw_row(VOLATILE);
#endif
		gw_row(RECOVERING); gw_row(ATTACHED);
		assert(!cl_lives || gw_lead == k + 3)
	:: else ->
		gw_row(RECOVERING); gw_row(ATTACHED);
		assert(!cl_lives || gw_lead == k + 2)
	fi;
#ifdef REACH_JUMP
	assert(!(gw_at == 0 && at3 == 1));
#endif
#ifdef REACH_REBIND
	assert(!(gw_at == 0 && at3 == 2 && r_mark[o3] != 0));
#endif
#ifdef REACH_X
	assert(at3 != X);
#endif
	gw_at = at3;
#if defined(RACE) || !defined(RELAY)
	assert(gw_at != X); /* law 1, and the hijack of docs/threat-model.md, TH-04 */
#endif
	gw_spent = o3; gw_commit = o3; gw_commit_lead = gw_lead;
	k = 0;
	do
	:: k <= ORDERS -> is_fresh[k] = 0; k++
	:: else -> break
	od;
	bury();
	answer_ack(o3, at3)
}

#define in_place(a) ((a) == gw_at && gw_state == ATTACHED)
/* Request o comes to the gateway from address a, as protocol.md §10.2 has it: step 6, 9, 10, 17, and 9, 14, 15. */
#define REQUEST(o, a) \
	:: d_step { MAY_JUDGE && o == cl_out && o == gw_commit && gw_at == a && acks == 0 && reaches(a, r_path[o]) -> answer_ack(o, a) } \
	:: d_step { MAY_JUDGE && o <= cl_order && o != gw_commit && !IS_SPENT(o) && in_place(a) && IS_PROVEN(o, a) -> \
		gw_spent = o; gw_commit = o; bury(); answer_ack(o, a) } \
	:: d_step { MAY_JUDGE && o == cl_out && MAY_COME(o) && !IS_SPENT(o) && !in_place(a) && IS_STALE(o) && reaches(a, r_path[o]) && rejects == 0 -> \
		rejects = BIT(a); reject_lead = gw_lead; reject_last = gw_commit } \
	:: d_step { MAY_JUDGE && o == cl_out && o == gw_commit && gw_at == NOWHERE && reaches(a, r_path[o]) && rejects == 0 -> \
		rejects = BIT(a); reject_lead = gw_lead; reject_last = gw_commit } \
	:: d_step { MAY_JUDGE && o <= cl_order && MAY_COME(o) && !IS_SPENT(o) && !(in_place(a) && o != gw_commit) && !IS_STALE(o) && !IS_VOID(o, a) && \
		IS_PROVEN(o, a) -> commit(o, a) } \
	:: d_step { MAY_JUDGE && o == cl_out && o != gw_commit && !IS_SPENT(o) && (in_place(a) || (!IS_STALE(o) && !IS_VOID(o, a))) && \
		reaches(a, r_path[o]) && !cl_challenged && (challenges & BIT(a)) == 0 -> challenges = challenges | BIT(a) }

#ifndef TRACE
proctype requests()
{
	do
	REQUEST(1, 0)
#ifdef JUMP
	REQUEST(1, 1)
	REQUEST(2, 1)
#if ORDERS > 2
	REQUEST(3, 1)
#endif
#endif
#ifdef REMAP
	REQUEST(1, 2)
	REQUEST(2, 2)
#if ORDERS > 2
	REQUEST(3, 2)
#endif
#endif
	REQUEST(1, X)
	REQUEST(2, 0)
	REQUEST(2, X)
#if ORDERS > 2
	REQUEST(3, 0)
	REQUEST(3, X)
#endif
	od
}

proctype gateway()
{
	do
	:: d_step { both && gw_state == ATTACHED -> gw_row(VOLATILE) }
	:: d_step { both && gw_state == VOLATILE -> gw_row(DEGRADED) }
#ifndef RACE
	:: d_step { both && gw_at != NOWHERE -> gw_at = NOWHERE; gw_row((gw_state == ATTACHED -> VOLATILE : gw_state)) }
	:: d_step { gw_lives && (gw_at == NOWHERE || gw_state == DEGRADED) -> gw_row(TERMINATED); gw_at = NOWHERE; clean(); end_c = 1 }
#endif
	/* A heartbeat from the bound address, or a copy of it from another one. */
	:: d_step { both && gw_at != NOWHERE && cl_beat > gw_beat -> gw_beat = cl_beat }
	:: d_step { both && cl_beat == BEATS && gw_beat < BEATS && cl_hinted < BEATS && cl_path != NONE && gw_at != own(cl_path) -> hints = hints | BIT(own(cl_path)) }
#ifdef RELAY
	:: d_step { both && cl_beat == BEATS && gw_beat < BEATS && cl_hinted < BEATS && gw_at != X -> hints = hints | BIT(X) }
#endif
#ifdef M_SPENT_IGNORED
	:: d_step { gw_lives && heard < cl_spent -> heard = cl_spent }
#else
	:: d_step { both && gw_spent < cl_spent -> gw_spent = cl_spent; bury() }
#endif
	od
}

init {
	atomic {
		cl_token[0] = NOWHERE; cl_token[1] = (JUMPS -> 1 : NOWHERE);
		run client(); run news(); run answers(); run requests(); run gateway()
	}
}
#endif
