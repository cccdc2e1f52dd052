/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "inbox.h"

#define LEN 300U
#define WRITERS 4U
#define PACKETS 4000U /* of each writer */

static uint8_t bytes[JV_BATCH_MAX][JV_BUF_BYTES];

static struct jv_inbox *open_inbox(uint32_t buf_bytes)
{
    struct jv_inbox *inbox = NULL;
    assert_int_equal(jv_inbox_open(buf_bytes, &inbox), JV_E_OK);
    return inbox;
}

/* Packets that tell their number. */
static void fill(struct jv_slot *slots, uint32_t n, uint32_t first)
{
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = (struct jv_slot){.buf = bytes[i], .off = 10, .len = LEN, .link = first + i};
        memset(bytes[i] + 10, (int)((first + i) & 0xffU), LEN);
    }
}

static struct jv_inbox_sent send(struct jv_inbox *inbox, enum jv_inbox_kind kind,
                                 const struct jv_slot *slots, uint32_t n)
{
    struct jv_inbox_sent sent;
    jv_inbox_send(inbox, kind, slots, n, &sent);
    assert_int_equal(sent.sent + sent.dropped_full + sent.dropped_other, n);
    return sent;
}

static void inbox_carries_a_packet_and_what_is_known_of_it(void **state)
{
    struct jv_inbox *inbox = open_inbox(0);
    struct jv_slot slot, came;
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    fill(&slot, 1, 5);
    assert_int_equal(jv_endpoint_parse("192.0.2.1:4433", 0, &slot.remote), JV_E_OK);
    assert_int_equal(jv_endpoint_parse("[fe80::2%7]:5544", 0, &slot.local), JV_E_OK);
    slot.received.ns = 123456789;
    slot.ecn = 3;
    slot.dscp = 46;
    slot.is_csum_partial = true;
    assert_int_equal(jv_inbox_recv(inbox, &kind, &came, 1), 0);
    assert_int_equal(send(inbox, JV_INBOX_PACKET, &slot, 1).sent, 1);
    memset(bytes[0], 0, sizeof(bytes[0])); /* it was copied */
    assert_int_equal(jv_inbox_recv(inbox, &kind, &came, 1), 1);
    assert_int_equal(kind, JV_INBOX_PACKET);
    assert_true(came.is_borrowed);
    assert_true(came.is_handed);
    assert_int_equal(came.off, JV_BUF_HEADROOM);
    assert_int_equal(came.len, LEN);
    for (uint32_t i = 0; i < LEN; i++) {
        assert_int_equal(came.buf[came.off + i], 5);
    }
    /* All of the buffer is the taker's. */
    memset(came.buf, 1, JV_BUF_BYTES);
    assert_int_equal(came.link, 5);
    assert_true(jv_endpoint_is_equal(&came.remote, &slot.remote));
    assert_true(jv_endpoint_is_equal(&came.local, &slot.local));
    assert_int_equal(came.received.ns, 123456789);
    assert_int_equal(came.ecn, 3);
    assert_int_equal(came.dscp, 46);
    assert_true(came.is_csum_partial);
    assert_int_equal(jv_inbox_recv(inbox, &kind, &came, 1), 0);
    assert_int_equal(jv_inbox_counts(inbox)->received, 1);
    assert_int_equal(jv_inbox_counts(inbox)->received_bytes, LEN);
    jv_inbox_close(inbox);
}

static void inbox_gives_runs_of_one_kind_in_order(void **state)
{
    static const uint32_t runs[] = {3, 20, 1, 40, 9};
    struct jv_inbox *inbox = open_inbox(0);
    struct jv_slot slots[JV_BATCH_MAX];
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    uint32_t first = 0;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(runs); i++) {
        fill(slots, runs[i], first);
        assert_int_equal(
            send(inbox, i % 2 == 0 ? JV_INBOX_DATAGRAM : JV_INBOX_PACKET, slots, runs[i]).sent,
            runs[i]);
        first += runs[i];
    }
    /* 73 packets: the fourth run has the last one of the first call's, and the fifth comes with the second. */
    uint32_t want = 0;
    for (uint32_t i = 0; i < JV_ARRAY_LEN(runs); i++) {
        uint32_t cap = i == 1 ? 7 : JV_BATCH_MAX;
        for (uint32_t got = 0; got < runs[i];) {
            uint32_t n = jv_inbox_recv(inbox, &kind, slots, cap);
            assert_true(n > 0 && n <= cap && n <= runs[i] - got);
            assert_int_equal(kind, i % 2 == 0 ? JV_INBOX_DATAGRAM : JV_INBOX_PACKET);
            for (uint32_t k = 0; k < n; k++, want++) {
                assert_int_equal(slots[k].link, want);
                assert_int_equal(slots[k].buf[slots[k].off], want & 0xffU);
            }
            got += n;
            assert_int_equal(jv_inbox_has_rest(inbox), want < 73 && want != JV_BATCH_MAX);
        }
    }
    assert_int_equal(jv_inbox_recv(inbox, &kind, slots, JV_BATCH_MAX), 0);
    jv_inbox_close(inbox);
}

/* What is in it is what came first, whole and in order; it takes again what there is room for. */
static void inbox_drops_what_has_no_room(void **state)
{
    struct jv_inbox *inbox = open_inbox(64U * 1024U);
    struct jv_slot slots[JV_BATCH_MAX];
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    for (int round = 0; round < 3; round++) {
        uint32_t sent = 0;
        uint32_t tries = 0;
        for (bool is_full = false; !is_full && tries < 100; tries++) {
            fill(slots, JV_BATCH_MAX, sent);
            struct jv_inbox_sent result = send(inbox, JV_INBOX_DATAGRAM, slots, JV_BATCH_MAX);
            assert_int_equal(result.dropped_other, 0);
            is_full = result.dropped_full > 0;
            sent += result.sent;
        }
        assert_in_range(tries, 1, 99);
        fill(slots, 1, sent);
        assert_int_equal(send(inbox, JV_INBOX_DATAGRAM, slots, 1).dropped_full, 1);
        uint32_t got = 0;
        uint32_t n;
        while ((n = jv_inbox_recv(inbox, &kind, slots, JV_BATCH_MAX)) > 0) {
            for (uint32_t k = 0; k < n; k++, got++) {
                assert_int_equal(slots[k].link, got);
            }
        }
        assert_int_equal(got, sent);
    }
    jv_inbox_close(inbox);
}

static void inbox_takes_every_length_that_fits(void **state)
{
    static const uint32_t lens[] = {0, 1, JV_BUF_ROOM, JV_BUF_ROOM + 1U, 2};
    struct jv_inbox *inbox = open_inbox(0);
    struct jv_slot slots[JV_ARRAY_LEN(lens)];
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    fill(slots, JV_ARRAY_LEN(lens), 0);
    for (uint32_t i = 0; i < JV_ARRAY_LEN(lens); i++) {
        slots[i].len = lens[i];
    }
    struct jv_inbox_sent sent = send(inbox, JV_INBOX_DATAGRAM, slots, JV_ARRAY_LEN(lens));
    assert_int_equal(sent.sent, 3);
    assert_int_equal(sent.dropped_other, 2);
    assert_int_equal(jv_inbox_recv(inbox, &kind, slots, JV_ARRAY_LEN(lens)), 3);
    assert_int_equal(slots[0].len, 1);
    assert_int_equal(slots[1].len, JV_BUF_ROOM);
    assert_int_equal(slots[2].len, 2);
    jv_inbox_close(inbox);
}

struct writer {
    struct jv_inbox *inbox;
    uint32_t number;
    pthread_t thread;
};

/* Each packet has its writer's number and its own. What found no room goes again, with the rest. */
static void *write_all(void *arg)
{
    const struct writer *writer = arg;
    uint8_t packet[LEN] = {0};
    for (uint32_t at = 0; at < PACKETS;) {
        struct jv_slot slots[3];
        struct jv_inbox_sent sent;
        uint32_t n = JV_MIN(PACKETS - at, (uint32_t)JV_ARRAY_LEN(slots));
        for (uint32_t k = 0; k < n; k++) {
            slots[k] = (struct jv_slot){
                .buf = packet, .len = LEN, .link = writer->number << 16U | (at + k)};
        }
        jv_inbox_send(writer->inbox, JV_INBOX_PACKET, slots, n, &sent);
        at += sent.sent;
        if (sent.sent < n) {
            (void)sched_yield(); /* the reader is behind */
        }
    }
    return NULL;
}

static void inbox_takes_from_many_threads_at_once(void **state)
{
    struct jv_inbox *inbox = open_inbox(64U * 1024U);
    struct writer writers[WRITERS] = {0};
    struct jv_slot slots[JV_BATCH_MAX];
    enum jv_inbox_kind kind = JV_INBOX_DATAGRAM;
    uint32_t next[WRITERS] = {0};
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i].inbox = inbox;
        writers[i].number = i;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]), 0);
    }
    for (uint32_t got = 0; got < WRITERS * PACKETS;) {
        uint32_t n = jv_inbox_recv(inbox, &kind, slots, JV_BATCH_MAX);
        for (uint32_t k = 0; k < n; k++, got++) {
            uint32_t from = slots[k].link >> 16U;
            assert_in_range(from, 0, WRITERS - 1U);
            assert_int_equal(slots[k].len, LEN);
            assert_int_equal(slots[k].link & 0xffffU, next[from]++);
        }
        if (n == 0) {
            (void)sched_yield(); /* nothing waits */
        }
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_int_equal(next[i], PACKETS);
    }
    assert_int_equal(jv_inbox_recv(inbox, &kind, slots, JV_BATCH_MAX), 0);
    jv_inbox_close(inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox_carries_a_packet_and_what_is_known_of_it),
        cmocka_unit_test(inbox_gives_runs_of_one_kind_in_order),
        cmocka_unit_test(inbox_drops_what_has_no_room),
        cmocka_unit_test(inbox_takes_every_length_that_fits),
        cmocka_unit_test(inbox_takes_from_many_threads_at_once),
    };
    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
