/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_BOUNDS_H
#define JV_CORE_BOUNDS_H
/*
 * bounds -- every protocol constant, each with the reason for its value. What an operator may choose is in policy.def.
 */

/* Eight paths: Wi-Fi, wire and two SIMs, each over v4 and v6. A ninth is refused and counted. */
#define JV_PATH_MAX 8U
/* Eight gateway endpoints: four addresses of both families. */
#define JV_ENDPOINT_MAX 8U
/* Locators of one session: the bound one, one for each standby path, and as many left behind as fit in the resend age. */
#define JV_LOCATOR_MAX 24U
/* Probes without an answer before a standby gets another locator. */
#define JV_LOCATOR_PATIENCE 2U
/* Locators that a client remembers of paths that it has left. */
#define JV_LEFT_MAX 16U
/* Spare locators that a client holds: one for each path that it may have to probe afresh. */
#define JV_SPARE_MAX 8U
/* A half-open entry lives as long as a slow round trip and one retransmission of the confirmation. */
#define JV_HALF_OPEN_MS 5000U
/* Proven births for one static key within a minute (design §4.1). */
#define JV_BIRTHS_PER_MIN 3U
/* First wait for message 2, doubled up to the cap at each attempt: a birth over a dead path must not take seconds. */
#define JV_BIRTH_RETRY_MS 500U
#define JV_BIRTH_RETRY_MAX_MS 4000U
/* The confirmation is repeated at this pace until the BIRTH_ACK comes. */
#define JV_CONFIRM_RETRY_MS 200U
/* 2^28 sealed packets a key: far below the bound of AES-GCM for 2^-32 advantage at 1500 bytes (RFC 8446 §5.5 reasons alike). */
#define JV_KEY_SEAL_MAX (1ULL << 28)
/* 2^36 failed opens a key: the forgery bound of RFC 9001 §6.6 for ChaCha20-Poly1305 is 2^36. */
#define JV_KEY_OPEN_FAIL_MAX (1ULL << 36)
/* A session whose keys grew old without a transport has this long for a rekey when it is back. */
#define JV_KEY_RETURN_MS 30000U
/* The previous receive key outlives a packet that was delayed by a jump. */
#define JV_KEY_PREVIOUS_MS 10000U
/* A rekey offer that stays unanswered is repeated at this pace. */
#define JV_REKEY_RETRY_MS 500U
/* New offers that a gateway computes for, a second and session: each costs a key exchange, and a client has one out at a time. */
#define JV_REKEY_OFFERS_PER_S 4U
/* A gateway that nears a limit asks at this pace. */
#define JV_REKEY_ASK_MS 1000U
/* First messages that cost a Diffie-Hellman: per second and source (IPv6: per /64), and of all sources. Four X25519 operations take a
 * quarter of a millisecond, so that all births together get at most a quarter of a core; data goes on. */
#define JV_BIRTHS_SOURCE_PER_S 10U
#define JV_BIRTHS_SOURCE_BURST 20U
#define JV_BIRTHS_PER_S 1000U
/* Sources remembered; a full table gives up its least recently used one. */
#define JV_BIRTH_SOURCES 4096U
/* With data, after which a report goes at once. */
#define JV_REPORT_PACKETS 256U
/* Ranges of missing counters that one report names; what is older is lost for the resend. */
#define JV_GAP_MAX 16U
/* Jitter below two milliseconds is noise of the schedulers on both ends. */
#define JV_JITTER_FLOOR_US 2000U
/* Before the first sample: the round trip of a slow mobile link (RFC 6298 §2.1 starts at one second; a probe is cheap). */
#define JV_RTT_INITIAL_US 250000U
/* Late by more than this, a deadline shows a stall of this process: silence is counted anew (design §4.4). */
#define JV_STALL_MS 15U
/* And so once in this time at most, and once in twice the silence limit: a process that is always late must still notice a silence. */
#define JV_STALL_PAUSE_MS 1000U
/* In trouble a standby answers within this time, or another source port is tried as well. */
#define JV_LADDER_WAIT_MS 150U
/* Between two sockets that are opened to get another source port, doubled up to the cap: a NAT has few mappings to give away. */
#define JV_LADDER_PAUSE_MS 1000U
#define JV_LADDER_PAUSE_MAX_MS 60000U
/* Spare locators that are not spent on source ports. */
#define JV_LADDER_SPARES_KEPT 4U
/* After so long without trouble the doubling begins anew. */
#define JV_LADDER_CALM_MS 60000U
/* Late by this much, a deadline shows that the process stood still: a busy machine is late by less, and a NAT forgets sooner. */
#define JV_STANDSTILL_MS 1000U
/* A path without an answer is probed again after this, doubled up to the cap. */
#define JV_PROBE_RETRY_MIN_MS 100U
#define JV_PROBE_RETRY_MAX_MS 5000U
/* In the first minute of a trouble people wait for it to end: a path that comes back is found within a second. */
#define JV_PROBE_RETRY_EAGER_MS 1000U
#define JV_PROBE_EAGER_MS 60000U
/* Quick repetitions for a standby path before it is left to the standby interval. */
#define JV_PROBE_STANDBY_TRIES 4U
/* A request without an answer is repeated after this at the earliest. */
#define JV_REQUEST_RETRY_MIN_MS 40U
#define JV_REQUEST_RETRY_MAX_MS 2000U
/* A window that ends while a recovery is under way goes on for so long at a time: a round trip or two. */
#define JV_LOSS_DEFER_MS 100U
/* Packets of a window before their loss is a ratio. */
#define JV_LOSS_SAMPLE_MIN 20U
/* Round trips of a path that are remembered: enough for a 95th percentile, and one sort of them costs nothing. */
#define JV_HEALTH_SAMPLES 32U
/* Probes of a path that are remembered (bits of a word), and how many make a ratio. */
#define JV_HEALTH_PROBES 32U
#define JV_HEALTH_PROBES_MIN 8U
/* As many unanswered in a row are a dead path, not a lossy one: at 30 % lost round trips it happens once in 120. */
#define JV_HEALTH_DEAD_PROBES 4U
/* The least round trip of a path is known for this long at least: a path that has become another one is judged as that then. */
#define JV_HEALTH_BEST_MS 300000U
/* What traffic showed of loss on a path that is bound no more says nothing after this; its probes go on. */
#define JV_HEALTH_LOSS_MS 30000U
/* Windows of traffic that are put together until they hold enough packets for a ratio to be shown. */
#define JV_HEALTH_WINDOWS 16U
/* The score of a path (health.h): full marks, the delay that halves them, and the delay that a millionth of loss counts as: people
 * would rather have 100 ms more than one packet in a hundred lost. */
#define JV_SCORE_MAX 1000000U
#define JV_SCORE_UNIT_US 50000U
#define JV_SCORE_LOSS_US_PER_PPM 10U
/* Ranking: round trips nearer than this are alike, and so are times of steadiness within the same second. */
#define JV_RANK_LATENCY_US 10000U
#define JV_RANK_STABLE_MS 1000U
/* Paths whose failures are remembered, doublings of their time, and the time without a failure that takes one back. */
#define JV_PENALTY_MAX 16U
#define JV_PENALTY_DOUBLINGS_MAX 16U
#define JV_PENALTY_DECAY_MS 600000U
/* Round trips before they are judged: two might be one hiccup. */
#define JV_LATENCY_SAMPLE_MIN 3U
/* In protective mode a standby path is asked at this pace, while the bound one still answers. */
#define JV_PROBE_DEGRADED_MS 5000U
/* Before a session goes back to a preferred path, that path has answered within this time. */
#define JV_FAILBACK_FRESH_MS 1000U
/* An operator's hold ends by itself: a day is longer than any call, sale or measurement. */
#define JV_HOLD_MIN_MS 1000U
#define JV_HOLD_MAX_MS 86400000U
/* Probes that an operator asks for, on one path: one in this time at most. */
#define JV_PROBE_ORDER_MS 50U
/* Requests on one path before the next candidate is tried. */
#define JV_REQUEST_TRIES 4U
/* Traffic that overtook the ACK waits here: several times the burst that may follow one, so that the repeated ACK comes before it is full. */
#define JV_HELD_MAX 128U
/* The ACK of a jump that has something to send again is repeated so soon and so often: what overtakes it is held, what is lost of it
 * costs no more than this. */
#define JV_ACK_AHEAD_MS 5U
#define JV_ACK_AHEAD 2U
/* So long a packet may be under way though reports have no place left to say so: a round trip of 200 ms and the report's delay. */
#define JV_RESEND_UNSURE_MS 250U
/* Sealed packets that every session may keep whatever the others do, where the pool has room for it; the rest of the pool is lent. */
#define JV_RESEND_SHARE 16U
/* What goes at once after a jump: 32 packets of 1500 bytes, 77 ms of an uplink of 5 Mbit/s, which the queue of a home router takes. */
#define JV_PACE_BURST_BYTES 48000
/* Of them so many within so long show a path of more than 10 Mbit/s: the report comes up to 25 ms after the first. */
#define JV_PACE_PROOF 24U
#define JV_PACE_PROOF_MS 30U
/* And then so much at a time: six packets, so that 100 Mbit/s need 1400 wake-ups a second. */
#define JV_PACE_QUANTUM_BYTES 9000
/* Credit for a late wake-up: a hundredth of a second's worth. */
#define JV_PACE_CATCH_UP 100U
/* By then a path of 200 ms round trip would have shown what it takes. */
#define JV_PACE_BLIND_MS 400U
/* What goes again goes at 5 Mbit/s at least, at 10 Gbit/s at most. */
#define JV_PACE_MIN_BPS 625000ULL
#define JV_PACE_MAX_BPS 1250000000ULL
/* So long after a jump nothing is paced any more. */
#define JV_PACE_MAX_MS 1000U
/* Datagrams from unbound addresses that are opened, per second and session. */
#define JV_UNBOUND_OPENS_PER_S 50U
/* Control datagrams opened per second and locator (client: and path) before the proof is known; ten times what a path in trouble needs. */
#define JV_CONTROL_OPENS_PER_S 100U
/* A hint a second and session at most, doubling up to this while nothing commits. */
#define JV_HINT_MIN_MS 1000U
#define JV_HINT_MAX_MS 64000U
/* The ACK is repeated at this pace until it is confirmed, this often. */
#define JV_ACK_RETRY_MS 100U
#define JV_ACK_TRIES 10U
/* POLICY_WANTED and POLICY_ASK are repeated after this, doubled up to the cap: nothing breaks while the old bounds stand. */
#define JV_SNAPSHOT_RETRY_MS 500U
#define JV_SNAPSHOT_RETRY_MAX_MS 60000U
/* Offers of a policy that a gateway judges for one session: an operator changes his mind less often. */
#define JV_SNAPSHOT_PER_MIN 60U
/* Sessions that a gateway reviews in a row after a reload, and the pause between two rows: data first. */
#define JV_SNAPSHOT_STEP 32U
#define JV_SNAPSHOT_STEP_MS 1U
/* TERMINATE is sent this often: nobody answers it. */
#define JV_TERMINATE_COPIES 3U
/* A freed inner address rests before another identity gets it (design §6). */
#define JV_ADDRESS_REST_MS 300000U
/* Inner addresses of a pool that are used at most: a /16. */
#define JV_POOL_MAX 65536U
/* AllowedIPs of a client: as many as a profile may name; the look-up for a packet walks them. */
#define JV_ALLOWED_MAX 128U
/* Networks behind one user. */
#define JV_USER_NETS_MAX 8U
/* Inner name servers told to a client. */
#define JV_DNS_MAX 4U
/* Overhead of one traffic datagram inside the outer IP and UDP headers: header and tag. */
#define JV_TRAFFIC_OVERHEAD 32U
/* Default inner MTU: 1500 less 40 (IPv6), 8 (UDP) and the overhead. */
#define JV_MTU_DEFAULT 1420U
/* One more than the last DS codepoint of RFC 2474: take the inner packet's. */
#define JV_DSCP_COPY 64U
#define JV_MTU_MIN 1280U
#define JV_MTU_MAX 1800U
/* The largest datagram: an inner packet of the largest MTU, sealed. */
#define JV_DATAGRAM_MAX (JV_MTU_MAX + JV_TRAFFIC_OVERHEAD)
/* Sizes of datagrams in the search for what a path carries (RFC 8899 §5.1.2). The base carries the least MTU of IPv6 inside; a path
 * that does not is narrow. Below the floor, an inner packet of 512 bytes, even the answer to a birth would not pass. */
#define JV_PMTU_BASE (JV_MTU_MIN + JV_TRAFFIC_OVERHEAD)
#define JV_PMTU_FLOOR 544U
/* Links of usual MTUs leave multiples of four bytes; a finer answer costs two probes more and gains nothing. */
#define JV_PMTU_STEP 4U
/* A size is given up after this many probes that were lost while a small one sent beside them came back (MAX_PROBES of RFC 8899 is 3,
 * the first goes alone). A size that did pass takes more: with a third of all packets lost each way, five in a row are chance once in
 * two hundred. */
#define JV_PMTU_SEARCH_LOST 2U
#define JV_PMTU_FALL_LOST 5U
/* Pairs of which nothing came back: the path says nothing about sizes at the moment. */
#define JV_PMTU_BARREN_MAX 6U
#define JV_PMTU_RETRY_MIN_MS 100U
/* PMTU_RAISE_TIMER of RFC 8899; the first time after a change it is shorter. */
#define JV_PMTU_RAISE_MS 600000U
#define JV_PMTU_RAISE_MIN_MS 30000U
/* Least pause between two doubts about a size that proved right, doubled up to 64 times. */
#define JV_PMTU_DOUBT_MS 1000U
/* Large packets watched at a time, and lost ones in a row that make a doubt. */
#define JV_PMTU_WATCHED 4U
#define JV_PMTU_STREAK 3U
/* The device's MTU falls at once and rises after this: a path that comes and goes must not move it each time. */
#define JV_MTU_RISE_MS 10000U
/* Answers "too big" to inner packets, a second and session. */
#define JV_TOO_BIG_PER_S 20U
/* Fragments of one inner packet: 1800 bytes over a path of the floor. */
#define JV_FRAGMENTS_MAX 4U
/* Cores of one gateway, a thread each: the machines that more would help are not those that this is for. */
#define JV_SHARDS_MAX 16U
/* Rows that one dispatch may apply: TR-28 takes three, an end one more; a loop without progress of time is a bug. */
#define JV_ROWS_MAX 8U
#define JV_NAME_BYTES 32U
#endif /* JV_CORE_BOUNDS_H */
