/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"
#include "sys.h"

/* The test clock: what the kernel says, and the time that this machine pretends to have been suspended. */
static uint64_t slept_ns;
static int64_t wall_step_s;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    long result = syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_BOOTTIME) {
        uint64_t ns = (uint64_t)out->tv_nsec + slept_ns;
        out->tv_sec += (time_t)(ns / JV_NS_PER_S);
        out->tv_nsec = (long)(ns % JV_NS_PER_S);
    } else if (clock == CLOCK_REALTIME) {
        out->tv_sec += (time_t)wall_step_s;
    }
    return (int)result;
}

/* What happened, one letter each: b before, w woke, f descriptor, s signal, t deadline, a after. */
struct fixture {
    struct jv_loop *loop;
    char log[32];
    int fds[3];
    int victim; /* the first callback removes this descriptor; -1: none */
    bool stops;
    uint64_t slept_ms;
};

static void note(struct fixture *f, char letter)
{
    size_t len = strlen(f->log);
    assert_true(len + 1 < sizeof(f->log));
    f->log[len] = letter;
}

static void on_fd(void *arg, int fd, uint32_t events)
{
    struct fixture *f = arg;
    uint64_t value;
    note(f, 'f');
    assert_true((events & EPOLLIN) != 0);
    assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
    for (size_t i = 0; i < JV_ARRAY_LEN(f->fds) && f->victim >= 0; i++) {
        if (f->fds[i] != fd) {
            jv_loop_remove(f->loop, f->fds[i]);
        }
    }
}

static void on_deadline(void *arg, struct jv_instant now)
{
    struct fixture *f = arg;
    note(f, 't');
    assert_int_equal(now.ns, jv_loop_now(f->loop).ns);
}

static void on_signal(void *arg, int signo)
{
    assert_int_equal(signo, SIGUSR1);
    note(arg, 's');
}

static void on_woke(void *arg, uint64_t slept_ms)
{
    struct fixture *f = arg;
    note(f, 'w');
    f->slept_ms = slept_ms;
}

static void on_after(void *arg, struct jv_instant now)
{
    struct fixture *f = arg;
    note(f, 'a');
    if (f->stops) {
        jv_loop_stop(f->loop);
    }
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.victim = -1};
    const struct jv_loop_hooks hooks = {.deadline = on_deadline,
                                        .signal = on_signal,
                                        .woke = on_woke,
                                        .after = on_after,
                                        .arg = &f};
    assert_int_equal(jv_loop_open(&hooks, 3, &f.loop), JV_E_OK);
    for (size_t i = 0; i < JV_ARRAY_LEN(f.fds); i++) {
        f.fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(f.fds[i] >= 0);
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    jv_loop_close(f->loop);
    for (size_t i = 0; i < JV_ARRAY_LEN(f->fds); i++) {
        assert_int_equal(close(f->fds[i]), 0);
    }
    return 0;
}

static void ready(int fd)
{
    const uint64_t one = 1;
    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void loop_calls_descriptors_then_signals_then_deadline_then_after(void **state)
{
    struct fixture *f = *state;
    const int signals[] = {SIGUSR1};
    assert_int_equal(jv_loop_catch_signals(f->loop, signals, 1), JV_E_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(jv_loop_add(f->loop, f->fds[i], EPOLLIN, on_fd, f), JV_E_OK);
        ready(f->fds[i]);
    }
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    jv_loop_set_deadline(f->loop, (struct jv_instant){0});
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "ffsta");
}

static void on_before(void *arg)
{
    struct fixture *f = arg;
    note(f, 'b');
    slept_ns += 1000 * JV_NS_PER_MS; /* what passes here is seen by this wake-up */
}

static void loop_calls_before_as_the_first_of_all(void **state)
{
    struct fixture *f = *state;
    const struct jv_loop_hooks hooks = {
        .before = on_before, .woke = on_woke, .after = on_after, .arg = f};
    jv_loop_close(f->loop);
    assert_int_equal(jv_loop_open(&hooks, 3, &f->loop), JV_E_OK);
    struct jv_instant before = jv_loop_now(f->loop);
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "bwa");
    assert_true(jv_since_ms(before, jv_loop_now(f->loop)) >= 1000);
}

static void loop_forgets_a_deadline_that_was_due(void **state)
{
    struct fixture *f = *state;
    jv_loop_set_deadline(f->loop, jv_loop_now(f->loop));
    assert_int_equal(jv_loop_turn(f->loop, -1), JV_E_OK);
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "taa");
}

static void loop_wakes_at_a_deadline(void **state)
{
    struct fixture *f = *state;
    struct jv_instant due = jv_add_ms(jv_loop_now(f->loop), 2);
    jv_loop_set_deadline(f->loop, due);
    for (int turns = 0; strchr(f->log, 't') == NULL && turns < 10; turns++) {
        assert_int_equal(jv_loop_turn(f->loop, 2000), JV_E_OK);
    }
    assert_true(jv_is_due(due, jv_loop_now(f->loop)));
    assert_non_null(strchr(f->log, 't'));
}

static void loop_delivers_nothing_to_a_removed_descriptor(void **state)
{
    struct fixture *f = *state;
    f->victim = 1;
    for (size_t i = 0; i < JV_ARRAY_LEN(f->fds); i++) {
        assert_int_equal(jv_loop_add(f->loop, f->fds[i], EPOLLIN, on_fd, f), JV_E_OK);
        ready(f->fds[i]);
    }
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "fa");
}

static void loop_is_bounded_and_knows_its_descriptors(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(jv_loop_add(f->loop, f->fds[i], EPOLLIN, on_fd, f), JV_E_OK);
    }
    assert_int_equal(jv_loop_add(f->loop, f->fds[0], EPOLLIN, on_fd, f), JV_E_EXISTS);
    int spare = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(jv_loop_add(f->loop, spare, EPOLLIN, on_fd, f), JV_E_FULL);
    assert_int_equal(jv_loop_change(f->loop, spare, EPOLLIN), JV_E_NOTFOUND);
    jv_loop_remove(f->loop, spare);
    jv_loop_remove(f->loop, f->fds[0]);
    assert_int_equal(jv_loop_add(f->loop, spare, EPOLLIN, on_fd, f), JV_E_OK);
    assert_int_equal(jv_loop_change(f->loop, f->fds[1], 0), JV_E_OK);
    ready(f->fds[1]);
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "a");
    jv_loop_remove(f->loop, spare);
    assert_int_equal(close(spare), 0);
}

static void loop_finishes_the_wakeup_it_is_stopped_in(void **state)
{
    struct fixture *f = *state;
    f->stops = true;
    jv_loop_set_deadline(f->loop, jv_loop_now(f->loop));
    assert_int_equal(jv_loop_run(f->loop), JV_E_OK);
    assert_string_equal(f->log, "ta");
}

static void loop_tells_of_a_suspend_before_all_else(void **state)
{
    struct fixture *f = *state;
    struct jv_instant before = jv_loop_now(f->loop);
    assert_int_equal(jv_loop_add(f->loop, f->fds[0], EPOLLIN, on_fd, f), JV_E_OK);
    ready(f->fds[0]);
    jv_loop_set_deadline(f->loop, jv_add_ms(before, 3600000));
    slept_ns += 7200 * JV_NS_PER_S;
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    /* An hour's deadline is due after two hours of sleep. */
    assert_string_equal(f->log, "wfta");
    assert_in_range(f->slept_ms, 7199990, 7200010);
    assert_true(jv_since_ms(before, jv_loop_now(f->loop)) >= 7200000);
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "wftaa");
}

static void loop_tells_of_no_suspend_that_was_none(void **state)
{
    struct fixture *f = *state;
    slept_ns += (JV_LOOP_SLEPT_MS - 50) * JV_NS_PER_MS;
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "a");
}

static void loop_does_not_see_the_wall_clock_set_back(void **state)
{
    struct fixture *f = *state;
    struct jv_instant before = jv_loop_now(f->loop);
    uint64_t wall_ns = jv_sys_wall_ns();
    jv_loop_set_deadline(f->loop, jv_add_ms(before, 3600000));
    wall_step_s = -86400;
    assert_int_equal(jv_loop_turn(f->loop, 0), JV_E_OK);
    assert_string_equal(f->log, "a");
    assert_true(jv_sys_wall_ns() < wall_ns);
    assert_false(jv_is_before(jv_loop_now(f->loop), before));
    assert_true(jv_since_ms(before, jv_loop_now(f->loop)) < 600000);
    wall_step_s = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            loop_calls_descriptors_then_signals_then_deadline_then_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_calls_before_as_the_first_of_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_forgets_a_deadline_that_was_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_wakes_at_a_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_delivers_nothing_to_a_removed_descriptor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loop_is_bounded_and_knows_its_descriptors, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loop_finishes_the_wakeup_it_is_stopped_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loop_tells_of_a_suspend_before_all_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_tells_of_no_suspend_that_was_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loop_does_not_see_the_wall_clock_set_back, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
