/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"

#define WALL_NS 1795000000000000000ULL

struct place {
    char dir[64], file[96], head[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/jv-test-chain-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->file, sizeof(place->file), "%s/a.jsonl", place->dir);
    (void)snprintf(place->head, sizeof(place->head), "%s/a.head", place->dir);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    (void)unlink(place->file);
    (void)unlink(place->head);
    (void)rmdir(place->dir);
    free(place);
    return 0;
}

static struct jv_record record(uint64_t seq)
{
    struct jv_record rec = {.seq = seq, .event = JV_REC_DaemonStarted};
    (void)snprintf(rec.text, sizeof(rec.text), "0.1.0");
    return rec;
}

static struct jv_chain open_chain(const struct place *place, struct jv_chain_found *found)
{
    struct jv_chain chain;
    assert_int_equal(jv_chain_init(&chain, place->file, place->head, "home", found), JV_E_OK);
    return chain;
}

static void write_seq(struct jv_chain *chain, uint64_t seq)
{
    struct jv_record rec = record(seq);
    assert_int_equal(jv_chain_write(chain, &rec, WALL_NS), JV_E_OK);
}

/* Every line reads back and names the hash of the one before; returns the lines. */
static uint32_t read_chain(const char *path, struct jv_record_line *lines, uint32_t cap)
{
    char text[JV_RECORD_LINE_BYTES];
    uint32_t len = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (len < cap && fgets(text, sizeof(text), file) != NULL) {
        assert_int_equal(jv_record_read(text, strlen(text), &lines[len]), JV_E_OK);
        if (len > 0) {
            assert_string_equal(lines[len].prev, lines[len - 1].hash);
        }
        len++;
    }
    (void)fclose(file);
    return len;
}

static void chain_begins_with_zeroes(void **state)
{
    struct jv_record_line lines[2];
    struct jv_chain_found found;
    struct jv_chain chain = open_chain(*state, &found);
    assert_int_equal(found.last_seq, 0);
    write_seq(&chain, 1);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(((struct place *)*state)->file, lines, 2), 1);
    assert_int_equal(strspn(lines[0].prev, "0"), 64);
}

static void chain_continues_a_file(void **state)
{
    struct jv_record_line lines[4];
    struct jv_chain_found found;
    struct jv_chain chain = open_chain(*state, &found);
    write_seq(&chain, 1);
    write_seq(&chain, 2);
    jv_chain_fini(&chain);
    chain = open_chain(*state, &found);
    assert_int_equal(found.last_seq, 2);
    assert_false(found.was_torn || found.is_behind_head || found.is_unreadable);
    write_seq(&chain, 3);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(((struct place *)*state)->file, lines, 4), 3);
}

static void chain_cuts_a_torn_line(void **state)
{
    const struct place *place = *state;
    struct jv_record_line lines[4];
    struct jv_chain_found found;
    struct jv_chain chain = open_chain(place, &found);
    write_seq(&chain, 1);
    jv_chain_fini(&chain);
    FILE *file = fopen(place->file, "a");
    assert_non_null(file);
    (void)fputs("{\"ts\":\"2026", file);
    (void)fclose(file);
    chain = open_chain(place, &found);
    assert_true(found.was_torn);
    assert_int_equal(found.last_seq, 1);
    write_seq(&chain, 2);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(place->file, lines, 4), 2);
}

static void chain_announces_a_gap_in_its_place(void **state)
{
    struct jv_record_line lines[4];
    struct jv_chain_found found;
    struct jv_chain chain = open_chain(*state, &found);
    write_seq(&chain, 1);
    write_seq(&chain, 6);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(((struct place *)*state)->file, lines, 4), 3);
    const struct jv_record *gap = &lines[1].rec;
    assert_int_equal(gap->event, JV_REC_TelemetryDegraded);
    assert_int_equal(gap->seq, 5);
    assert_int_equal(jv_record_get(gap, JV_FD_count, 0), 4);
    assert_int_equal(jv_record_get(gap, JV_FD_first_lost_seq, 0), 2);
    assert_int_equal(jv_record_get(gap, JV_FD_last_lost_seq, 0), 5);
    assert_int_equal(lines[2].rec.seq, 6);
}

static void chain_announces_what_a_full_disk_lost(void **state)
{
    const struct place *place = *state;
    struct jv_record_line lines[4];
    struct jv_chain_found found;
    struct jv_chain chain;
    assert_int_equal(jv_chain_init(&chain, "/dev/full", place->head, "home", &found), JV_E_OK);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct jv_record rec = record(seq);
        assert_int_equal(jv_chain_write(&chain, &rec, WALL_NS), JV_E_SYSTEM);
    }
    assert_int_equal(jv_chain_reopen(&chain, place->file), JV_E_OK);
    write_seq(&chain, 4);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(place->file, lines, 4), 2);
    assert_int_equal(lines[0].rec.event, JV_REC_TelemetryDegraded);
    assert_int_equal(jv_record_get(&lines[0].rec, JV_FD_first_lost_seq, 0), 1);
    assert_int_equal(jv_record_get(&lines[0].rec, JV_FD_last_lost_seq, 0), 3);
}

static void chain_sees_a_file_that_was_shortened(void **state)
{
    const struct place *place = *state;
    struct jv_record_line lines[4];
    struct jv_chain_found found;
    struct jv_chain chain = open_chain(place, &found);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        write_seq(&chain, seq);
    }
    jv_chain_fini(&chain);
    assert_int_equal(truncate(place->file, 0), 0);
    chain = open_chain(place, &found);
    assert_true(found.is_behind_head);
    assert_int_equal(found.last_seq, 5);
    write_seq(&chain, 6);
    jv_chain_fini(&chain);
    assert_int_equal(read_chain(place->file, lines, 4), 1);
}

/* A number so high that there is no next one would keep the daemon from starting. */
static void chain_does_not_believe_a_head_beyond_reason(void **state)
{
    static const char *const heads[] = {"18446744073709551615 x\n", "99999999999999999999\n",
                                        "-1\n"};
    const struct place *place = *state;
    for (size_t i = 0; i < JV_ARRAY_LEN(heads); i++) {
        struct jv_chain_found found;
        FILE *file = fopen(place->head, "w");
        assert_non_null(file);
        assert_true(fputs(heads[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        struct jv_chain chain = open_chain(place, &found);
        assert_int_equal(found.last_seq, 0);
        assert_false(found.is_behind_head);
        jv_chain_fini(&chain);
    }
}

static void chain_does_not_wait_for_a_reader_of_a_fifo(void **state)
{
    const struct place *place = *state;
    struct jv_chain_found found;
    assert_int_equal(mkfifo(place->file, 0600), 0);
    struct jv_chain chain = open_chain(place, &found);
    assert_int_not_equal(found.open_errno, 0);
    struct jv_record rec = record(1);
    assert_int_equal(jv_chain_write(&chain, &rec, WALL_NS), JV_E_SYSTEM);
    int reader = open(place->file, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    write_seq(&chain, 2);
    char text[2U * JV_RECORD_LINE_BYTES];
    ssize_t got = read(reader, text, sizeof(text) - 1U);
    assert_true(got > 0);
    text[got] = '\0';
    assert_non_null(strstr(text, "TelemetryDegraded"));
    (void)close(reader);
    jv_chain_fini(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chain_begins_with_zeroes, make_place, remove_place),
        cmocka_unit_test_setup_teardown(chain_continues_a_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(chain_cuts_a_torn_line, make_place, remove_place),
        cmocka_unit_test_setup_teardown(chain_announces_a_gap_in_its_place, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(chain_announces_what_a_full_disk_lost, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(chain_sees_a_file_that_was_shortened, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(chain_does_not_believe_a_head_beyond_reason, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(chain_does_not_wait_for_a_reader_of_a_fifo, make_place,
                                        remove_place),
    };
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
