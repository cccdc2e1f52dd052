/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rekey -- new traffic keys together with jumps: the slots previous, current and next of both ends, while somebody owns the network.
 *
 * What was sent may arrive at any time, any number of times, or never. A key is named by the order of the offer that made it, 0 by the
 * birth: offers and requests draw orders from one row. An end may drop its previous key at any time. Bounded are ORDERS orders.
 *
 * @safety common-key: never two ends without a key in common: the gateway opens what the client seals, and the client what the gateway
 *   seals, or the client's next packet makes it so
 * @reach rotated -DREACH_ROTATED: the model lets both ends move on
 * @reach twice -DREACH_TWICE: and once more
 * @reach jumped -DREACH_JUMPED: and a jump commit while an epoch is prepared
 * @safety-long common-key-9 -DORDERS=9: the same with nine orders
 * @mutant M_SWITCH_EARLY common-key: the gateway moves on when it replies, not when it has opened something
 * @mutant M_OFFER_ANY common-key: the gateway takes an offer whose order is spent
 * @mutant M_OFFER_SPENDS_NOT common-key: an offer leaves the orders before it alive, so a held request cancels the epoch that it made
 * @mutant M_REQUEST_BESIDE common-key: a request does not cancel the client's offer
 * @mutant M_REPLY_ANY common-key: the client takes the reply to an offer that it cancelled
 */
#ifndef ORDERS
#define ORDERS 7
#endif
#define NO 255

/* Keys by the order that made them; epochs by their number. */
byte cl_cur = 0, cl_prev = NO, cl_epoch = 1;
byte gw_cur = 0, gw_prev = NO, gw_next = NO, gw_epoch = 1;
byte order = 0;   /* the last that the client used */
byte offer = 0;   /* the client's offer that is out */
byte request = 0; /* and its request */
byte spent = 0, committed = 0;

/* What was sent, by its order. */
bit is_offer[ORDERS + 1], is_replied[ORDERS + 1];
byte under[ORDERS + 1]; /* the key that sealed it */
byte for_epoch[ORDERS + 1];
bit used[ORDERS + 1];   /* the client has sealed something under this key */

/* The client seals under cl_cur, the gateway under gw_cur. */
#define opens_client (cl_cur == gw_cur || cl_cur == gw_next || cl_cur == gw_prev)
#define opens_gateway (gw_cur == cl_cur || gw_cur == cl_prev || (cl_cur == gw_next && opens_client))
inline judge() { assert(opens_client && opens_gateway) }

/* The gateway opens something: under the prepared key, that ends the rekey. */
inline opened(key)
{
	if
	:: key == gw_next ->
#ifdef REACH_ROTATED
		assert(false);
#endif
#ifdef REACH_TWICE
		assert(gw_epoch == 1);
#endif
		gw_prev = gw_cur; gw_cur = gw_next; gw_next = NO; gw_epoch++
	:: else
	fi
}

#define known(key) ((key) == gw_cur || (key) == gw_next || (key) == gw_prev)
#ifdef M_OFFER_ANY
#define MAY_OFFER(o) true
#else
#define MAY_OFFER(o) (o > spent)
#endif
#ifdef M_REPLY_ANY
#define MAY_REPLY(o) (for_epoch[o] == cl_epoch + 1)
#else
#define MAY_REPLY(o) (o == offer)
#endif

proctype client()
{
	do
	:: d_step { order < ORDERS && offer == 0 && request == 0 ->
		order++; offer = order; is_offer[order] = 1; under[order] = cl_cur; for_epoch[order] = cl_epoch + 1; used[cl_cur] = 1 }
	/* A request, or the next one; it goes before a rekey. */
	:: d_step { order < ORDERS ->
		order++; request = order; under[order] = cl_cur; used[cl_cur] = 1;
#ifndef M_REQUEST_BESIDE
		offer = 0
#endif
	}
	/* Its answer came, or it is given up. */
	:: d_step { request != 0 -> request = 0 }
	:: d_step { !used[cl_cur] -> used[cl_cur] = 1 }
	/* Ten seconds, of one kind of clock or another; while the gateway is deaf the client's own packets go on under cl_cur. */
	:: d_step { cl_prev != NO && gw_cur == cl_cur -> cl_prev = NO }
	:: d_step { cl_prev != NO && cl_cur == gw_next -> cl_prev = NO }
	od
}

proctype network(byte o)
{
	do
	/* A reply. */
	:: d_step { is_replied[o] && MAY_REPLY(o) ->
		offer = 0;
		cl_prev = cl_cur; cl_cur = o; cl_epoch++;
		judge() }
	/* An offer, or the same again. */
	:: d_step { is_offer[o] && known(under[o]) && !(gw_next == o) && MAY_OFFER(o) ->
		opened(under[o]);
		if
		:: for_epoch[o] == gw_epoch + 1 ->
#ifndef M_OFFER_SPENDS_NOT
			spent = o;
#endif
			is_replied[o] = 1;
#ifdef M_SWITCH_EARLY
			gw_prev = gw_cur; gw_cur = o; gw_epoch++
#else
			gw_next = o
#endif
		:: else
		fi;
		judge() }
	/* A request: proven, on a path with a token, so that it commits. */
	:: d_step { o <= order && !is_offer[o] && known(under[o]) && o > spent && o > committed ->
		opened(under[o]);
#ifdef REACH_JUMPED
		assert(gw_next == NO);
#endif
		spent = o; committed = o; gw_next = NO;
		judge() }
	/* Traffic. */
	:: d_step { used[o] && gw_next == o -> opened(o); judge() }
	od
}

proctype gateway()
{
	do
	:: d_step { gw_prev != NO -> gw_prev = NO; judge() }
	od
}

init {
	byte i = 1;
	atomic {
		run client(); run gateway();
		do
		:: i <= ORDERS -> run network(i); i++
		:: else -> break
		od;
		i = 0
	}
}
