/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto.h"
#include "instant.h"
#include "loop.h"
#include "sys.h"

/* A loop that is busy as long as `is_busy`, and counts what two threads change. */
struct fixture {
    struct jv_loop *loop;
    struct jv_worker *worker;
    int busy_fd;
    bool is_inside; /* the loop is between begin and finish */
    uint64_t wakeups;
    uint64_t shared;
    int epoll_fd;
    int failed_fd; /* the loop ended by itself */
    int error;
};

static void on_begin(void *arg)
{
    struct fixture *f = arg;
    jv_worker_begin(f->worker);
    f->is_inside = true;
    f->wakeups++;
}

static void on_finish(void *arg, struct jv_instant now)
{
    struct fixture *f = arg;
    (void)now;
    f->shared++;
    f->is_inside = false;
    jv_worker_finish(f->worker);
}

static void on_busy(void *arg, int fd, uint32_t events)
{
    struct fixture *f = arg;
    struct jv_instant begin = jv_sys_now();
    (void)fd; /* it is not read: the loop finds it at once again */
    (void)events;
    while (jv_sys_now().ns - begin.ns < JV_NS_PER_MS / 5U) {
        f->shared++;
    }
}

static void on_failed(void *arg, int error)
{
    struct fixture *f = arg;
    uint64_t one = 1;
    f->error = error;
    assert_int_equal(write(f->failed_fd, &one, sizeof(one)), sizeof(one));
}

static int set_up(void **state)
{
    static struct fixture f;
    struct jv_loop_hooks hooks = {.before = on_begin, .after = on_finish, .arg = &f};
    f = (struct fixture){.busy_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(f.busy_fd >= 0);
    f.failed_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(f.failed_fd >= 0);
    f.epoll_fd = dup(f.busy_fd); /* the lowest free number, which the loop takes first */
    (void)close(f.epoll_fd);
    assert_int_equal(jv_loop_open(&hooks, 4, &f.loop), JV_E_OK);
    assert_int_equal(jv_worker_open(f.loop, on_failed, &f, &f.worker), JV_E_OK);
    assert_int_equal(jv_loop_add(f.loop, f.busy_fd, EPOLLIN, on_busy, &f), JV_E_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    jv_worker_stop(f->worker);
    jv_worker_close(f->worker);
    jv_loop_close(f->loop);
    (void)close(f->busy_fd);
    (void)close(f->failed_fd);
    jv_worker_stop(NULL);
    jv_worker_close(NULL);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(jv_worker_start(f->worker, false), JV_E_OK);
    jv_worker_release(f->worker);
}

static uint64_t wakeups(struct fixture *f)
{
    jv_worker_enter(f->worker);
    uint64_t n = f->wakeups;
    jv_worker_leave(f->worker, false);
    return n;
}

static void wait_for_wakeups(struct fixture *f, uint64_t n)
{
    while (wakeups(f) < n) {
        (void)usleep(1000);
    }
}

static void worker_runs_the_loop_and_ends_it(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for_wakeups(f, 1); /* it is woken at its start */
    uint64_t before = wakeups(f);
    (void)usleep(20000);
    assert_int_equal(wakeups(f), before); /* looking wakes nobody */
    jv_worker_enter(f->worker);
    jv_worker_leave(f->worker, true);
    wait_for_wakeups(f, before + 1U);
    jv_worker_stop(f->worker);
    jv_worker_stop(f->worker); /* again does nothing */
}

static void worker_lets_in_between_two_wakeups(void **state)
{
    struct fixture *f = *state;
    uint64_t one = 1;
    assert_int_equal(write(f->busy_fd, &one, sizeof(one)), sizeof(one));
    start(f);
    wait_for_wakeups(f, 3);
    uint64_t before = wakeups(f);
    uint64_t entered = 0;
    struct jv_instant begin = jv_sys_now();
    for (; entered < 200U; entered++) {
        jv_worker_enter(f->worker);
        assert_false(f->is_inside);
        f->shared++;
        jv_worker_leave(f->worker, false);
        (void)usleep(100); /* so that the loop is at it again */
    }
    /* However busy the loop is, nobody waits for more than the wake-up that runs and the one that has begun to. */
    uint64_t passed = wakeups(f) - before;
    print_message("# %lu wake-ups, %lu us\n", (unsigned long)passed,
                  (unsigned long)((jv_sys_now().ns - begin.ns) / 1000U));
    assert_true(passed <= 2U * entered + 2U);
}

static void worker_hears_nothing_before_its_release(void **state)
{
    struct fixture *f = *state;
    uint64_t one = 1;
    jv_worker_release(f->worker); /* there is no thread */
    jv_worker_release(NULL);
    assert_int_equal(write(f->busy_fd, &one, sizeof(one)), sizeof(one));
    assert_int_equal(jv_worker_start(f->worker, false), JV_E_OK);
    jv_worker_enter(f->worker);
    jv_worker_leave(f->worker, true);
    (void)usleep(20000);
    assert_int_equal(wakeups(f), 0);
    jv_worker_stop(f->worker);
    assert_int_equal(f->wakeups, 0);
    assert_int_equal(f->shared, 0);
}

static void worker_tells_of_a_loop_that_fails(void **state)
{
    struct fixture *f = *state;
    uint64_t one = 0;
    assert_int_equal(jv_worker_start(f->worker, false), JV_E_OK);
    assert_int_equal(dup2(f->busy_fd, f->epoll_fd), f->epoll_fd); /* no set of descriptors */
    jv_worker_release(f->worker);
    assert_int_equal(read(f->failed_fd, &one, sizeof(one)), sizeof(one));
    assert_int_equal(one, 1);
    assert_int_equal(f->error, EINVAL);
    assert_int_equal(f->wakeups, 0);
}

static void worker_can_be_entered_without_a_thread(void **state)
{
    struct fixture *f = *state;
    jv_worker_enter(f->worker);
    jv_worker_leave(f->worker, true);
    assert_int_equal(f->wakeups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worker_runs_the_loop_and_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(worker_lets_in_between_two_wakeups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(worker_hears_nothing_before_its_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(worker_tells_of_a_loop_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(worker_can_be_entered_without_a_thread, set_up, tear_down),
    };
    if (jv_crypto_init() != JV_E_OK) {
        return 1;
    }
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
