/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home -- a pair comes home once the network heals, and no recovery is without end.
 *
 * Before the network heals there is no time: what was sent may arrive at any time, any number of times, or never, each end may take any
 * row that the table lets it take, let go of its path or end. Then it heals, at any moment, on one path or on both: what is sent from
 * there on arrives within a tick, and what it held may still come, whenever. What was spent of the limits by then is chosen at that moment.
 * With STORM it never heals, and time goes on, whatever arrives.
 *
 * An order number is what it is compared with: a request is out, is the one accepted last, or was given up. So there is no bound on how
 * many requests there are. Each process is treated fairly (time goes on; what is under way arrives), the network only owes to heal.
 *
 * @live home -DLTL: once the network has healed both are attached by one transport for good, or both have ended
 * @live stays -DLTL: attached, where both lived and had more than 2 ticks left of their limits
 * @live time -DLTL -DTIME: and no exchange goes on without time: between two ticks it comes to an end
 * @live recovery -DLTL -DSTORM: every recovery ends, whatever the network does
 * @live lost-client -DLTL -DSTORM: a client without a transport finds one or ends
 * @live lost-gateway -DLTL -DSTORM: so does a gateway
 * @reach no-sooner -DPROMPT=1: 2 ticks are what it takes
 * @reach moved -DREACH_MOVED: a session comes home by the other path
 * @reach adopted -DREACH_ADOPTED: and by a commit whose ACKs were lost
 * @reach held -DREACH_HELD: a request that was given up commits after the network healed
 * @reach expired -DSTORM -DREACH_EXPIRED: a recovery does last as long as its window
 * @mutant M_ONCE stays: a request is sent once
 * @mutant M_DEAF stays: a request that was accepted is not answered again
 * @mutant M_LET_GO stays: what the client repeats is a replay to a gateway that has let go of what it bound by it
 * @mutant M_NO_ADOPT home: neither is the version of a commit whose ACKs were lost learned, nor that commit asked for again
 * @mutant M_EXACT_VERSION home: rows that the gateway ran alone make a request stale, and only an ACK tells of them
 * @mutant M_NO_DOUBT stays: a client that is well does not see to the doubt of the gateway
 * @mutant M_NO_WINDOW recovery: the window of a recovery does not end it
 * @mutant M_CLOCK_AGAIN lost-client: each row starts the clock without a transport anew
 * @mutant M_NO_LIMIT lost-gateway: without a transport the gateway waits for ever
 */
#define ATTACHED 1
#define VOLATILE 2
#define DEGRADED 3
#define RECOVERING 4
#define TERMINATED 5
#define NONE 2 /* no path */

/* Limits, in ticks. One limit stands for both that end a session, without a transport and DEGRADED. */
#ifdef STORM
#define WINDOW 2
#define LIMIT 3
#else
#define WINDOW 6
#define LIMIT (PROMPT + 3)
#endif
#define DEAD 2 /* silence, until an end lets go of its path */
/* A session that has more than this left of its limits when the network heals comes home. */
#ifndef PROMPT
#define PROMPT 2
#endif

/* The client. */
byte cs = ATTACHED, cp = 0;
byte c_window = 0, c_away = 0, c_silent = 0; /* ticks of this recovery, towards the limit, and since the bound path was heard */
bit token[2];  /* a path is proven */
byte out = NONE; /* the path of the request that is out */
bit quiet, again, has_token; /* it moves no row; corrects an earlier one; carries a token */
bit is_fresh;  /* its version is that of the last commit or a later one */
bit is_last;   /* it is what the gateway accepted last */
bit missed;    /* the client does not know of the last commit */

/* The gateway. */
byte gs = ATTACHED, ga = 0;
byte g_away = 0, g_silent = 0;
byte last_path = 0; /* of a commit that the client does not know of */

/* Under way: the request that is out and its answers, heartbeats and probes, the end, and requests given up that may still commit. */
bit n_request, n_challenge, n_ack, n_reject, n_beat, n_probe[2], n_end_c, n_end_g;
bit n_old[2];

bit healed, good, up[2];
#ifdef REACH_ADOPTED
bit is_again_there;
#endif
#ifdef TIME
bit beat;
#endif

#define c_lives (cs != TERMINATED)
#define g_lives (gs != TERMINATED)
#define both (c_lives && g_lives)
#define carries(p) (!healed || up[p])
#define is_shaken (cs == VOLATILE || cs == DEGRADED)
#define is_attached (cs == ATTACHED && gs == ATTACHED && cp == ga && cp != NONE && up[cp & 1])
#define is_home (is_attached || (cs == TERMINATED && gs == TERMINATED))
#define is_pending (n_request || n_challenge || n_ack || n_reject || n_beat || n_probe[0] || n_probe[1] || n_end_c || n_end_g)

inline forget()
{
	out = NONE; quiet = 0; again = 0; has_token = 0; is_fresh = 0; is_last = 0;
	n_request = 0; n_challenge = 0; n_ack = 0; n_reject = 0
}

/* What the network may hold of it comes later, and may commit. */
inline give_up()
{
	if
	:: out != NONE && is_fresh && has_token && !is_last && (!healed || n_request) -> n_old[out] = 1
	:: else
	fi;
	forget()
}

/* A row of the client. */
inline c_row(next)
{
	assert(cs != TERMINATED);
	c_window = (cs == next -> c_window : 0); cs = next
#ifdef M_CLOCK_AGAIN
	; c_away = 0
#endif
}

/* A row that the gateway runs alone. */
inline g_row(next)
{
	assert(gs != TERMINATED);
	gs = next;
#ifdef M_EXACT_VERSION
	missed = c_lives; is_fresh = 0
#endif
}

byte to; bit with; /* scratch; 0 between steps */
inline ask(p, t)
{
	to = p; with = t;
	give_up();
	out = to; is_fresh = !missed; has_token = with; n_request = carries(out);
	to = 0; with = 0
}

/* The client reads the gateway's version. */
inline learn()
{
#if defined(M_NO_ADOPT) || defined(M_EXACT_VERSION)
	skip
#else
	missed = 0; last_path = 0
#endif
}

inline c_end()
{
	assert(!good);
	n_end_g = (cp != NONE && g_lives && carries(cp));
	c_row(TERMINATED); forget();
	cp = NONE; c_away = 0; c_silent = 0; token[0] = 0; token[1] = 0; missed = 0; last_path = 0;
	n_beat = 0; n_probe[0] = 0; n_probe[1] = 0; n_end_c = 0; n_old[0] = 0; n_old[1] = 0
}

inline g_end()
{
	assert(!good);
	n_end_c = (ga != NONE && c_lives && carries(ga));
	g_row(TERMINATED);
	ga = NONE; g_away = 0; g_silent = 0; missed = 0; last_path = 0; n_old[0] = 0; n_old[1] = 0; n_end_g = 0
}

inline g_bind(p)
{
	gs = ATTACHED; ga = p; g_away = 0; g_silent = 0; last_path = p; missed = 1; n_old[0] = 0; n_old[1] = 0
}

inline c_lose()
{
	cp = NONE; c_silent = 0; n_beat = 0; cs = (cs == ATTACHED -> VOLATILE : cs);
	if
	:: quiet -> forget()
	:: else
	fi
}

inline g_lose() { ga = NONE; g_silent = 0; g_row((gs == ATTACHED -> VOLATILE : gs)) }

#define in_place (out == ga && gs == ATTACHED)
/* A request that comes to the gateway, as protocol.md §10.2 has it: steps 6, 9, 10, 17, 14. */
inline judge()
{
	if
	:: g_lives && is_last ->
#ifndef M_DEAF
		n_ack = (n_ack || ga == out);
#endif
#ifdef M_LET_GO
		skip
#else
		n_reject = (n_reject || ga == NONE)
#endif
	:: g_lives && !is_last && in_place && has_token -> is_last = 1; n_old[0] = 0; n_old[1] = 0; n_ack = 1
	:: g_lives && !is_last && !in_place && !is_fresh -> n_reject = 1
	:: g_lives && !is_last && !in_place && is_fresh && has_token -> g_bind(out); is_last = 1; is_fresh = 0; n_ack = 1
	:: g_lives && !is_last && (in_place || is_fresh) && !has_token -> n_challenge = 1
	:: else
	fi
}

/* One that was given up. */
inline old(p)
{
	if
	:: ga == p && gs == ATTACHED -> n_old[p] = 0
	:: else -> g_bind(p); is_fresh = 0; is_last = 0;
#ifdef REACH_HELD
		assert(!good)
#endif
	fi
}

inline answered() { n_challenge = 0; has_token = 1; n_request = carries(out) }

inline taken()
{
#ifdef REACH_MOVED
	assert(!good || out == cp || cp == NONE);
#endif
#ifdef REACH_ADOPTED
	assert(!good || !is_again_there);
#endif
	missed = 0; last_path = 0; c_silent = 0; cp = out;
	if
	:: !quiet -> c_row(ATTACHED); c_away = 0
	:: else
	fi;
	forget(); n_beat = (healed && up[cp])
}

#define is_missed (missed && !quiet && !again && last_path != out)
inline refused()
{
	n_reject = 0;
	if
	:: is_missed ->
#ifdef M_NO_ADOPT
		give_up(); c_row(DEGRADED)
#else
		to = last_path; learn(); ask(to, 0); again = 1;
#ifdef REACH_ADOPTED
		is_again_there = 1
#endif
#endif
	:: !is_missed && !again && !quiet -> learn(); ask(out, has_token); again = 1
	:: !is_missed && !again && quiet -> learn(); ask(out, has_token); again = 1; quiet = 1
	:: else -> learn();
		if
		:: !quiet -> c_row(DEGRADED)
		:: else
		fi;
		give_up()
	fi
}

/* The client has heard the gateway on path p. */
inline heard(p)
{
	learn();
	if
	:: p == cp && ga == p -> c_silent = 0;
		if
		/* The suspicion was false: the path is proven in place. */
		:: is_shaken -> c_row(RECOVERING); ask(p, token[p])
#ifndef M_NO_DOUBT
		/* The peer's doubt. */
		:: cs == ATTACHED && out == NONE && gs != ATTACHED -> ask(p, token[p]); quiet = 1
#endif
		:: else
		fi
	/* The gateway has nobody there, as after a new mapping. */
	:: p == cp && ga != p && out == NONE -> c_row(RECOVERING); ask(p, token[p])
	:: else
	fi
}

/* A probe reaches the gateway, with what was given up, and its answer the client. */
inline probed(p) { n_old[0] = 0; n_old[1] = 0; token[p] = healed; heard(p) }

/* What is under way arrives. */
active proctype net()
{
	do
	:: d_step { healed && n_request -> n_request = 0; judge() }
	:: d_step { healed && n_challenge -> answered() }
	:: d_step { n_ack -> taken() }
	:: d_step { healed && n_reject -> refused() }
	:: d_step { n_probe[0] -> n_probe[0] = 0; if :: g_lives -> probed(0) :: else fi }
	:: d_step { n_probe[1] -> n_probe[1] = 0; if :: g_lives -> probed(1) :: else fi }
	:: d_step { n_beat -> n_beat = 0; if :: g_lives && ga == cp -> g_silent = 0; heard(cp) :: else fi }
	:: d_step { n_end_c -> n_end_c = 0; if :: c_lives -> c_end() :: else fi }
	:: d_step { n_end_g -> n_end_g = 0; if :: g_lives -> g_end() :: else fi }
	od
}

/* To another path that was proven, where the bound one is silent or gone. */
inline try_next()
{
	if
	:: is_shaken && (cp == NONE || c_silent != 0) && cp != 0 && token[0] -> c_row(RECOVERING); ask(0, 1)
	:: is_shaken && (cp == NONE || c_silent != 0) && cp != 1 && token[1] -> c_row(RECOVERING); ask(1, 1)
	:: else
	fi
}

/* A request without an answer goes again, on another path where one is proven. */
inline repeat()
{
	if
	:: out != NONE && quiet -> forget()
	:: out != NONE && !quiet && token[1 - out] && !token[out] -> ask(1 - out, 1)
	:: out != NONE && !quiet && !(token[1 - out] && !token[out]) ->
#ifdef M_ONCE
		skip
#else
		n_request = carries(out)
#endif
	:: else
	fi
}

inline c_tick()
{
	assert((out != NONE) == (cs == RECOVERING || quiet));
	c_away = (cp == NONE || cs == DEGRADED -> c_away + 1 : c_away);
	c_silent = (healed && cp != NONE && (!up[cp] || ga != cp) -> c_silent + 1 : c_silent);
	c_window = (cs == RECOVERING -> c_window + 1 : 0);
	if
	:: c_away >= LIMIT -> c_end()
	:: else ->
		if
		:: c_silent >= DEAD -> c_lose()
		:: c_silent != 0 && c_silent < DEAD && cs == ATTACHED -> c_row(VOLATILE)
		:: else
		fi;
#ifndef M_NO_WINDOW
		if
		:: c_window >= WINDOW ->
#ifdef REACH_EXPIRED
			assert(false);
#endif
			give_up(); c_row(DEGRADED)
		:: else
		fi;
#else
		c_window = 0;
#endif
		if
		:: healed -> try_next(); repeat()
		:: else
		fi;
		cs = (cs == VOLATILE && (cp == NONE || c_silent == 0) -> DEGRADED : cs);
		/* Each path is asked how it is; what did not answer is proven no more. */
		token[0] = 0; token[1] = 0;
		n_probe[0] = healed && up[0]; n_probe[1] = healed && up[1];
		n_beat = (healed && cp != NONE && up[cp & 1])
	fi
}

inline g_tick()
{
	g_away = (ga == NONE || gs == DEGRADED -> g_away + 1 : g_away);
	g_silent = (healed && ga != NONE -> g_silent + 1 : 0);
	if
#ifdef M_NO_LIMIT
	:: g_away >= LIMIT -> g_away = LIMIT
#else
	:: g_away >= LIMIT -> g_end()
#endif
	:: else ->
		if
		:: g_silent > DEAD -> g_lose()
		:: g_silent == DEAD && gs == ATTACHED -> g_row(VOLATILE)
		:: g_silent < DEAD && gs == VOLATILE -> g_row(DEGRADED)
		:: else
		fi
	fi
}

/* Time. Once the network is well, what is under way arrives within a tick. Where only the calm is asked for, no time is kept before. */
active proctype clock()
{
	do
#ifdef STORM
	:: d_step { true ->
#else
	:: d_step { healed && !is_pending ->
#endif
#ifdef TIME
		beat = !beat;
#endif
		if
		:: g_lives -> g_tick()
		:: else
		fi;
		if
		:: c_lives -> c_tick()
		:: else
		fi
	}
	od
}

/* How much of the limits is spent says who chooses: what is spent of them before was of no other effect. */
inline heal(u0, u1, c, g, w, t, r)
{
	healed = 1; up[0] = u0; up[1] = u1;
	token[0] = t && c_lives; token[1] = t && c_lives;
	c_away = (cs == ATTACHED || !c_lives -> 0 : c); g_away = (gs == ATTACHED || !g_lives -> 0 : g);
	c_window = (cs == RECOVERING -> w : 0);
	good = (both && !n_end_c && !n_end_g && c + PROMPT < LIMIT && g + PROMPT < LIMIT);
	n_request = (r && out != NONE && up[out & 1])
}

/*
 * The network before it heals: what was sent may arrive at any time, any number of times, or never, so that a request and what answers it
 * at once need no step of their own; and what an end may find out by itself. Afterwards only what was held still comes.
 */
active proctype weather()
{
	byte u, c, g, w;
	bit t, r;
	do
	:: d_step { !healed && out != NONE -> judge();
		if
		:: n_challenge -> answered(); n_request = 0
		:: else
		fi; n_request = 0;
		if
		:: n_reject -> refused(); n_request = 0
		:: else
		fi }
	:: d_step { !healed && out != NONE && !is_last && g_lives && (in_place || is_fresh) && !has_token -> has_token = 1 }
	:: d_step { !healed && out != NONE && n_ack -> n_ack = 0 }
	/* A token grows old. */
	:: d_step { !healed && out != NONE && has_token && !is_last -> has_token = 0 }
	/* Answers to probes and heartbeats; the paths do what they like. */
	:: d_step { !healed && both && (missed || n_old[0] || n_old[1]) -> n_old[0] = 0; n_old[1] = 0; learn() }
	:: d_step { !healed && both && is_shaken && cp != NONE -> c_row(RECOVERING); ask(cp, 1); n_request = 0 }
	:: d_step { !healed && both && cs == ATTACHED && out == NONE && gs != ATTACHED -> ask(cp, 1); quiet = 1; n_request = 0 }
	:: d_step { !healed && both && (is_shaken || (cs == RECOVERING && out != 0)) && cp != 0 -> c_row(RECOVERING); ask(0, 1); n_request = 0 }
	:: d_step { !healed && both && (is_shaken || (cs == RECOVERING && out != 1)) && cp != 1 -> c_row(RECOVERING); ask(1, 1); n_request = 0 }
	/* Rows by themselves. */
	:: d_step { !healed && both && cs == ATTACHED -> forget(); c_row(VOLATILE) }
	:: d_step { !healed && both && gs == ATTACHED -> g_row(VOLATILE) }
	:: d_step { !healed && both && gs == VOLATILE -> g_row(DEGRADED) }
	:: d_step { !healed && both && cs == VOLATILE -> c_row(DEGRADED) }
	:: d_step { !healed && both && cs == RECOVERING -> give_up(); c_row(DEGRADED) }
	:: d_step { !healed && both && cp != NONE -> c_lose() }
	:: d_step { !healed && both && ga != NONE -> g_lose() }
	:: d_step { n_old[0] && g_lives -> old(0) }
	:: d_step { n_old[1] && g_lives -> old(1) }
#ifndef STORM
	:: d_step { !healed && both && cs != ATTACHED -> c_end(); n_end_g = 0 }
	:: d_step { !healed && both && gs != ATTACHED -> g_end(); n_end_c = 0 }
	:: atomic { !healed ->
		if :: u = 1 :: u = 2 :: u = 3 fi;
		if :: c = LIMIT - PROMPT - 1 :: c = LIMIT - 1 fi;
		if :: g = LIMIT - PROMPT - 1 :: g = LIMIT - 1 fi;
		if :: w = 0 :: w = WINDOW - 1 fi;
		if :: t = 0 :: t = 1 fi;
		if :: r = 0 :: r = 1 fi;
		d_step { heal((u & 1), (u >> 1), c, g, w, t, r); u = 0; c = 0; g = 0; w = 0; t = 0; r = 0 } }
#else
	:: d_step { !healed && n_end_c -> n_end_c = 0 }
	:: d_step { !healed && n_end_g -> n_end_g = 0 }
#endif
	od
}

#ifdef LTL
#ifdef STORM
ltl recovery { [] (cs == RECOVERING -> <> (cs != RECOVERING)) }
ltl lost_client { [] ((c_lives && cp == NONE) -> <> (!c_lives || cp != NONE)) }
ltl lost_gateway { [] ((g_lives && ga == NONE) -> <> (!g_lives || ga != NONE)) }
#elif defined(TIME)
ltl time { [] (healed -> (<> beat && <> !beat)) }
#else
ltl home { [] (healed -> <> [] is_home) }
ltl stays { [] (good -> <> [] is_attached) }
#endif
#endif
