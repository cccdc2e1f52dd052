/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner -- which node may serve a slot: heartbeats, compare-and-swap and watches over a store that is linearizable and nothing more.
 *
 * No clock runs out: times are rests and ages that saturate. A revision is kept as one bit for whoever holds one, "it is still the
 * store's": exact, since the protocol compares a revision with the store's own and with nothing else. So the state space is finite
 * without a bound on the length of a run. Bounded are: NODES; one slot; for each node one request about its record under way, one such
 * that it gave up and the network still holds, and one about the slot or another's record.
 *
 * The network loses requests and answers, holds them for any time, and brings what was given up long ago. A watch lags for any time.
 * A node may crash and come back at any moment. The owner's clock is the slowest that the bound on rates allows, the others' the quickest.
 * A request that the store would refuse, and whose refusal tells the sender nothing, is taken away at once: fewer states, same runs.
 *
 * Three faults of a different kind make three searches, so that each is complete: nodes that crash (CRASH), answers given up whose
 * request the network still brings (LATE), a slot that moves by agreement (HANDOVER).
 *
 * @safety crash -DCRASH: laws 1, 6: never two nodes that serve the slot; nodes crash and come back
 * @safety late -DLATE: the same; requests that were given up arrive
 * @safety hand-over -DHANDOVER: the same; the owner hands the slot over, and the outcome may stay unknown
 * @reach takeover -DLATE -DREACH_TAKEOVER: the model lets a node take over from one that is cut off
 * @reach home-again -DLATE -DREACH_HOME_AGAIN: and a node that was fenced serve again, its record being there still
 * @reach drained -DHANDOVER -DREACH_DRAINED: and a slot move by agreement
 * @mutant M_FROM_ANSWER late: the deadline counts from the answer, not from when the renewal was sent
 * @mutant M_TAKE_EARLY late: T_take is not above T_own by the bound on clocks
 * @mutant M_TAKE_BLIND late: a node is declared dead without comparing the revision that was seen
 * @mutant M_LEASE late: the record is a lease of the engine, which a stale leader may revoke early
 * @mutant M_READ_RENEWS late: after an unknown outcome, the read that finds one's own value moves the deadline
 * @mutant M_NO_GUARD late: what passed the check in time may leave late
 * @mutant M_CLAIM_LIVE late: a claim does not ask whether the incarnation in the slot has ended
 * @mutant M_CLAIM_ANY late: a claim does not compare the slot's revision
 * @mutant M_OLD_ANSWER late: the answer to a claim of an earlier incarnation is believed
 * @mutant M_KEEP_SLOTS late: a node that was declared dead begins anew and keeps its slots
 * @mutant M_SAME_BITS late: a second attempt to make a record repeats the random bits of the first
 * @mutant M_OLD_READ hand-over: a read of an earlier revision of the slot counts against a later one
 * @mutant M_OFFER_READ hand-over: who is handed a slot compares a revision that it read itself, not the one that the owner named
 * @mutant M_THAW_BY_READ hand-over: after a hand-over of unknown outcome the old owner goes on because a read shows the slot as its own
 */
#ifndef NODES
#define NODES 2
#endif
#ifndef T_OWN
#define T_OWN 1 /* ticks of a node's own clock from the sending of a renewal */
#endif
#define DRIFT 1 /* ticks that a clock may miss in that time */
#define LAG 1   /* what passed the check leaves at most this much later */
#ifdef M_NO_GUARD
#define GUARD 0
#else
#define GUARD LAG
#endif
#ifdef M_TAKE_EARLY
#define T_TAKE T_OWN
#else
#define T_TAKE (T_OWN + DRIFT)
#endif
#define LONGEST (T_OWN + DRIFT)

/* The store. */
bit there[NODES];  /* there is a record of this node */
bit is_own[NODES]; /* by the incarnation that the node has now */
byte owner = 0;    /* the node in the slot */
bit is_live = 1;   /* and its incarnation there is that of its record */

/* The nodes. */
bit up[NODES], has[NODES]; /* it runs; it believes in a record of its own */
bit known[NODES];          /* the revision of it that it knows is the store's */
byte left[NODES];          /* ticks to its deadline */
bit mine[NODES], frozen[NODES];
bit offer = 0;     /* the revision of the slot that the owner named when it froze it is the store's */
bit outlet[NODES]; /* something that passed the check is still to leave */
/* What node i sees of node j, at i * NODES + j. */
bit pending[NODES * NODES];  /* its watch has not delivered all */
byte silence[NODES * NODES]; /* ticks since it saw the revision first that is the store's; 0 while it has not */

mtype = { FREE,
	RENEW,  /* compare the own record's revision, put */
	CREATE, /* compare that there is none, put */
	READ,   /* own record and slot, linearizable */
	RENEWED, CREATED, IS_MINE, IS_NOT_MINE,
	KILL,  /* compare the revision of another's record, delete */
	CLAIM, /* compare slot, own record, and that the incarnation in the slot has ended; put oneself */
	TAKE,  /* the same for a slot that its owner has frozen, which is alive */
	KEEP,  /* compare the slot, put the same: the owner that froze it goes on */
	GOT, KEPT, LOST };

/* About the own record; and one that was given up. */
mtype ask[NODES] = FREE, past[NODES] = FREE;
byte age[NODES];      /* ticks since it was sent */
bit current[NODES];   /* an answer: the revision in it is still the store's */
bit was_owner[NODES]; /* IS_MINE: and so was the slot */
bit past_same[NODES]; /* the node has the incarnation of the past request still */
/* About the slot, or another's record. */
mtype act[NODES] = FREE;
byte target[NODES];
bit waited[NODES];
bit gone[NODES]; /* M_CLAIM_ANY: the incarnation that the claimer read has ended */

byte a; /* of loops; 0 between steps */

#define accepts(i) (up[i] && mine[i] && !frozen[i] && left[i] > GUARD)
#define serves(i) (accepts(i) || outlet[i])
#if NODES == 2
#define SERVING (serves(0) + serves(1))
#else
#define SERVING (serves(0) + serves(1) + serves(2))
#endif

inline clear_ask(who) { ask[who] = FREE; age[who] = 0; current[who] = 0; was_owner[who] = 0 }
inline clear_past(who) { past[who] = FREE; past_same[who] = 0 }
inline clear_act(who) { act[who] = FREE; target[who] = 0; waited[who] = 0; gone[who] = 0 }

/* The record has another revision: what anybody holds is the store's no more. */
inline touch_record(rec)
{
	known[rec] = 0;
	current[rec] = 0;
	if
	:: ask[rec] == RENEW -> clear_ask(rec)
	:: else
	fi;
	if
	:: past[rec] == RENEW -> clear_past(rec)
	:: else
	fi;
	if
	:: act[rec] == CLAIM || act[rec] == TAKE -> clear_act(rec)
	:: else
	fi;
	a = 0;
	do
	:: a < NODES ->
		if
		:: a != rec ->
			pending[a * NODES + rec] = 1;
#ifndef M_TAKE_BLIND
			silence[a * NODES + rec] = 0
#endif
		:: else
		fi;
#ifndef M_TAKE_BLIND
		if
		:: act[a] == KILL && target[a] == rec -> clear_act(a)
		:: else
		fi;
#endif
		a++
	:: else -> break
	od;
	a = 0
}

inline touch_slot()
{
#ifndef M_OFFER_READ
	offer = 0;
#endif
	a = 0;
	do
	:: a < NODES ->
		if
#ifndef M_CLAIM_ANY
		:: act[a] == CLAIM -> clear_act(a)
#endif
		:: act[a] == TAKE -> clear_act(a)
		:: act[a] == KEEP && waited[a] -> act[a] = LOST
		:: act[a] == KEEP && !waited[a] -> clear_act(a)
		:: else
		fi;
		a++
	:: else -> break
	od;
	a = 0
}

inline remove_record(dead)
{
	touch_record(dead);
	there[dead] = 0;
	is_own[dead] = 0;
	a = 0;
	do
	:: a < NODES ->
		silence[a * NODES + dead] = 0;
#ifdef M_CLAIM_ANY
		if
		:: act[a] == CLAIM && target[a] == dead && owner == dead && is_live -> gone[a] = 1
		:: else
		fi;
#endif
		a++
	:: else -> break
	od;
	a = 0;
	if
	:: owner == dead -> is_live = 0
	:: else
	fi
}

#ifdef M_CLAIM_ANY
#define MAY_CLAIM(i) gone[i]
#elif defined(M_CLAIM_LIVE)
#define MAY_CLAIM(i) true
#else
#define MAY_CLAIM(i) (!is_live)
#endif

/* What was asked about the slot is done; `now` tells the sender, if it waits. */
inline done_act(who, now)
{
	if
	:: waited[who] -> act[who] = now; target[who] = 0; gone[who] = 0
	:: else -> clear_act(who)
	fi
}

/* The network may hold it still. */
inline give_up(self2)
{
	if
	:: (ask[self2] == RENEW || ask[self2] == CREATE) && past[self2] == FREE -> past[self2] = ask[self2]; past_same[self2] = (ask[self2] == CREATE)
	:: else
	fi;
	clear_ask(self2)
}

/* An incarnation ends. What it held in memory is dropped, and nobody waits for what it asked for. */
inline begin_anew(self)
{
	has[self] = 0; known[self] = 0; left[self] = 0; frozen[self] = 0; is_own[self] = 0; past_same[self] = 0;
#ifndef M_KEEP_SLOTS
	mine[self] = 0;
#endif
	give_up(self);
	past_same[self] = 0;
	if
#ifdef M_OLD_ANSWER
	:: act[self] == GOT || act[self] == CLAIM
#else
	:: act[self] == GOT -> clear_act(self)
#endif
	:: act[self] == KEPT || act[self] == LOST -> clear_act(self)
	:: else -> waited[self] = 0
	fi
}

proctype node(byte i; byte j)
{
	do
	/* Renewals and reads. */
	:: d_step { up[i] && has[i] && known[i] && ask[i] == FREE -> ask[i] = RENEW }
	:: d_step { up[i] && ask[i] == FREE && (!known[i] || frozen[i] || mine[i] != (owner == i && is_live)) -> ask[i] = READ }
	/* Each attempt draws bits of its own: what an earlier one brings late is somebody else's. */
	:: d_step { up[i] && !has[i] && ask[i] == FREE -> ask[i] = CREATE;
#ifndef M_SAME_BITS
		past_same[i] = 0; is_own[i] = 0
#endif
	}
#ifdef LATE
	:: d_step { (ask[i] == RENEW || ask[i] == CREATE) && past[i] == FREE -> give_up(i) }
#endif
	/* The record of an earlier incarnation on this boot: that process is gone, and this one need not wait. */
	:: d_step { up[i] && !has[i] && there[i] && !is_own[i] && act[i] == FREE -> act[i] = KILL; target[i] = i }
	/* Another is silent. */
	:: d_step { up[i] && has[i] && silence[i * NODES + j] >= T_TAKE && !pending[i * NODES + j] && there[j] && act[i] == FREE ->
		act[i] = KILL; target[i] = j }
#ifdef M_TAKE_BLIND
	:: d_step { up[i] && has[i] && silence[i * NODES + j] >= T_TAKE && act[i] == FREE -> act[i] = KILL; target[i] = j }
#endif
	/* It claims on any belief: the store's comparisons must hold. */
	:: d_step { up[i] && has[i] && !mine[i] && known[i] && act[i] == FREE ->
		act[i] = CLAIM; waited[i] = 1; target[i] = owner;
#ifdef M_CLAIM_ANY
		gone[i] = !is_live
#endif
	}
#ifdef HANDOVER
	/* A hand-over by agreement. The owner stops first; a read that is under way is no news of what comes after. */
	:: d_step { accepts(i) && ask[i] != READ && ask[i] != IS_MINE && act[i] == FREE -> frozen[i] = 1; offer = 1; outlet[i] = 0 }
	:: d_step { up[i] && has[i] && !mine[i] && known[i] && owner == j && frozen[j] && is_live && offer && act[i] == FREE -> act[i] = TAKE; waited[i] = 1 }
	/* The outcome is not known. The owner goes on once the store has taken its word, which kills a TAKE under way. */
	:: d_step { up[i] && frozen[i] && act[i] == FREE && owner == i && is_live -> act[i] = KEEP; waited[i] = 1 }
	:: d_step { up[i] && frozen[i] && act[i] == FREE && !(owner == i && is_live) -> act[i] = LOST }
#endif
	:: d_step { act[i] != FREE && waited[i] && act[i] != GOT && act[i] != KEPT && act[i] != LOST -> waited[i] = 0 }
#ifdef CRASH
	/* A crash; what it saw of others is forgotten too. */
	:: d_step { up[i] ->
		begin_anew(i); up[i] = 0; outlet[i] = 0; mine[i] = 0; pending[i * NODES + j] = 1; silence[i * NODES + j] = 0;
#if NODES > 2
		pending[i * NODES + 3 - i - j] = 1; silence[i * NODES + 3 - i - j] = 0
#endif
	}
	:: d_step { !up[i] -> up[i] = 1 }
#endif
	/* A watch delivers all that happened to a record. A part of it would tell of a revision that no comparison accepts. */
	:: d_step { up[i] && pending[i * NODES + j] -> silence[i * NODES + j] = 0; pending[i * NODES + j] = 0 }
#ifdef M_LEASE
	:: d_step { there[i] -> remove_record(i) }
#endif
	od
}

/* The store does what was asked, the network brings the answer, or either is lost. */
proctype net(byte i)
{
	do
	:: d_step { ask[i] == RENEW -> clear_ask(i) }
	:: d_step { ask[i] == RENEW -> ask[i] = FREE; touch_record(i); ask[i] = RENEWED; current[i] = 1 }
	:: d_step { ask[i] == CREATE && there[i] -> clear_ask(i) }
	:: d_step { ask[i] == CREATE && !there[i] -> touch_record(i); there[i] = 1; is_own[i] = 1; ask[i] = CREATED; current[i] = 1 }
	:: d_step { ask[i] == READ && there[i] && is_own[i] -> ask[i] = IS_MINE; current[i] = 1; was_owner[i] = (owner == i && is_live) }
	:: d_step { ask[i] == READ && !(there[i] && is_own[i]) ->
		if
		:: has[i] -> ask[i] = IS_NOT_MINE
		:: else -> clear_ask(i)
		fi }
	:: d_step { ask[i] == CREATE || ask[i] == READ || ask[i] == RENEWED || ask[i] == CREATED || ask[i] == IS_MINE || ask[i] == IS_NOT_MINE ->
		clear_ask(i) }
	:: d_step { ask[i] == RENEWED || ask[i] == CREATED ->
#ifdef REACH_HOME_AGAIN
		assert(!(mine[i] && left[i] == 0 && age[i] == 0));
#endif
		has[i] = 1; known[i] = current[i];
#ifdef M_FROM_ANSWER
		left[i] = LONGEST;
#else
		left[i] = (LONGEST - age[i] > left[i] -> LONGEST - age[i] : left[i]);
#endif
		clear_ask(i);
		assert(SERVING <= 1) }
	:: d_step { ask[i] == IS_MINE ->
		has[i] = 1; known[i] = current[i];
#ifdef M_READ_RENEWS
		left[i] = LONGEST;
#endif
#ifdef M_THAW_BY_READ
		mine[i] = was_owner[i]; frozen[i] = 0;
#else
		if
		:: !frozen[i] || !was_owner[i] -> mine[i] = was_owner[i]; frozen[i] = 0
		:: else
		fi;
#endif
		clear_ask(i);
		assert(SERVING <= 1) }
	:: d_step { ask[i] == IS_NOT_MINE -> clear_ask(i); begin_anew(i) }

	:: d_step { past[i] == RENEW -> touch_record(i) }
	:: d_step { past[i] == CREATE && !there[i] -> touch_record(i); there[i] = 1; is_own[i] = past_same[i]; clear_past(i) }
	:: d_step { past[i] != FREE -> clear_past(i) }

	:: d_step { act[i] == KILL && target[i] == 0 && there[0] -> clear_act(i); remove_record(0) }
	:: d_step { act[i] == KILL && target[i] == 1 && there[1] -> clear_act(i); remove_record(1) }
#if NODES > 2
	:: d_step { act[i] == KILL && target[i] == 2 && there[2] -> clear_act(i); remove_record(2) }
#endif
	:: d_step { act[i] == CLAIM && MAY_CLAIM(i) -> done_act(i, GOT); touch_slot(); owner = i; is_live = 1 }
	:: d_step { act[i] == TAKE -> done_act(i, GOT); touch_slot(); owner = i; is_live = 1 }
	:: d_step { act[i] == KEEP -> done_act(i, KEPT); touch_slot() }
	:: d_step { act[i] != FREE && act[i] != LOST -> clear_act(i) }
	:: d_step { act[i] == GOT ->
		mine[i] = 1;
		clear_act(i);
#ifdef REACH_TAKEOVER
		assert(!(up[0] && up[1] && there[0] == 0 && serves(i)));
#endif
#ifdef REACH_DRAINED
		assert(!(i == 1 && frozen[0] && serves(i)));
#endif
		assert(SERVING <= 1) }
	:: d_step { act[i] == KEPT -> frozen[i] = 0; clear_act(i); assert(SERVING <= 1) }
	/* What a read says of the slot at an earlier revision is void with this. */
	:: d_step { act[i] == LOST -> mine[i] = 0; frozen[i] = 0; clear_act(i);
#ifndef M_OLD_READ
		was_owner[i] = 0
#endif
	}
	od
}

#ifdef M_TAKE_BLIND
#define COUNTS(i, j) true
#else
#define COUNTS(i, j) (up[i] && !pending[(i) * NODES + (j)])
#endif
proctype clock()
{
	byte i = 0;
	do
	:: d_step {
		do
		:: i < NODES ->
			outlet[i] = accepts(i);
			left[i] = (left[i] > 0 -> left[i] - 1 : 0);
			outlet[i] = (outlet[i] && !accepts(i));
			a = 0;
			do
			:: a < NODES ->
				if
				:: silence[i * NODES + a] < T_TAKE && there[a] && a != i && COUNTS(i, a) -> silence[i * NODES + a]++
				:: else
				fi;
				a++
			:: else -> break
			od;
			a = 0;
			if
			:: (ask[i] == RENEW || ask[i] == CREATE || ask[i] == RENEWED || ask[i] == CREATED) && age[i] < LONGEST -> age[i]++
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		assert(SERVING <= 1)
	}
	od
}

init {
	byte i = 0;
	atomic {
		do
		:: i < NODES ->
			up[i] = 1; there[i] = 1; is_own[i] = 1; has[i] = 1; known[i] = 1; left[i] = LONGEST;
			run node(i, (i + 1) % NODES);
			run net(i);
			i++
		:: else -> break
		od;
		i = 0;
		mine[0] = 1;
		run clock()
	}
}
