/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* CLONE_NEWUSER and syscall() */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

/* Runs `act` in a child behind the system-call list; returns how the child ended (waitpid's status). */
static int behind(uint32_t flags, int (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct jv_sandbox_cfg cfg = {.flags = flags};
        _exit(jv_sandbox_enter(&cfg, NULL) == JV_E_OK ? act() : 99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool is_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void *in_thread(void *arg)
{
    return arg;
}

static int daily_work(void)
{
    char path[] = "/tmp/jv-sandbox-XXXXXX";
    uint8_t random[8];
    pthread_t thread;
    int fd = mkstemp(path);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int net = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(path) == 0 &&
              close(fd) == 0 && epoll >= 0 && net >= 0 &&
              getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random) &&
              pthread_create(&thread, NULL, in_thread, NULL) == 0 &&
              pthread_join(thread, NULL) == 0;
    void *big = malloc(1U << 22U);
    ok = ok && big != NULL;
    free(big);
    return ok ? 0 : 1;
}

static int unknown_call(void)
{
    return syscall(SYS_vhangup) == -1 && errno == ENOSYS ? 0 : 1;
}

static int foreign_family(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == ENOSYS ? 0 : 1;
}

static int writable_code(void)
{
    void *mem =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mem == MAP_FAILED && errno == ENOSYS ? 0 : 1;
}

static int user_namespace(void)
{
    /* clone() with a namespace flag is refused; unshare() would end the process. */
    return syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, 0UL, 0UL, 0UL, 0UL) == -1 &&
                   errno == ENOSYS
               ? 0
               : 1;
}

static int start_program(void)
{
    return execl("/bin/true", "true", (char *)NULL) == 0 ? 0 : 1;
}

static int trace(void)
{
    return (int)syscall(SYS_ptrace, 0UL, 0UL, 0UL, 0UL) == 0 ? 0 : 1;
}

static int hook(void)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char command[] = "echo ok | grep -q ok";
    char *const argv[] = {shell, option, command, NULL};
    pid_t child = 0;
    int status = -1;
    return posix_spawn(&child, shell, NULL, NULL, argv, environ) == 0 &&
                   waitpid(child, &status, 0) == child && status == 0
               ? 0
               : 1;
}

static int bind_sockets_to_device(void)
{
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0) {
            return 1;
        }
    }
    return 0;
}

/* In the child of behind(): what a process that may only read files can do, and cannot. */
static int read_and_no_more(void)
{
    char byte;
    const char *step = "";
    int old = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool ok = old >= 0 && jv_sandbox_enter_reader(&step) == JV_E_OK;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ok = ok && fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0;
    ok = ok && open("/dev/null", O_WRONLY | O_CLOEXEC) == -1 && errno == ENOSYS;
    ok = ok && open("/tmp/jv-sandbox-none", O_RDONLY | O_CREAT | O_CLOEXEC, 0600) == -1 &&
         errno == ENOSYS;
    ok = ok && write(old, "x", 1) == -1 && errno == ENOSYS;
    ok = ok && socket(AF_INET, SOCK_DGRAM, 0) == -1 && errno == ENOSYS;
    return ok && start_program() == 1 && errno == ENOSYS ? 0 : 1;
}

static void sandbox_binds_new_sockets_to_a_device(void **state)
{
    if (geteuid() != 0) {
        skip();
    }
    uint32_t raw = jv_sandbox_needs_raw() ? JV_SANDBOX_RAW : 0;
    assert_int_equal(behind(JV_SANDBOX_ALL | raw, bind_sockets_to_device), 0);
    /* Asking has cost nothing. */
    assert_int_equal(jv_sandbox_needs_raw(), raw != 0);
}

static void sandbox_lets_a_reader_read_only(void **state)
{
    assert_int_equal(behind(0, read_and_no_more), 0);
}

static void sandbox_lets_daily_work_through(void **state)
{
    assert_int_equal(behind(JV_SANDBOX_SECCOMP, daily_work), 0);
    assert_int_equal(behind(JV_SANDBOX_ALL, daily_work), 0);
}

static void sandbox_answers_like_an_older_kernel(void **state)
{
    assert_int_equal(behind(JV_SANDBOX_SECCOMP, unknown_call), 0);
    assert_int_equal(behind(JV_SANDBOX_SECCOMP, foreign_family), 0);
    assert_int_equal(behind(JV_SANDBOX_SECCOMP, writable_code), 0);
    assert_int_equal(behind(JV_SANDBOX_SECCOMP, user_namespace), 0);
}

static void sandbox_ends_an_intruder(void **state)
{
    assert_true(is_killed(behind(JV_SANDBOX_SECCOMP, start_program)));
    assert_true(is_killed(behind(JV_SANDBOX_SECCOMP, trace)));
    assert_true(is_killed(behind(JV_SANDBOX_SECCOMP | JV_SANDBOX_EXEC, trace)));
}

static void sandbox_runs_hooks_where_asked(void **state)
{
    assert_int_equal(behind(JV_SANDBOX_SECCOMP | JV_SANDBOX_EXEC, hook), 0);
}

static void sandbox_refuses_unknown_user(void **state)
{
    const struct jv_sandbox_cfg cfg = {.user = "no-such-user-here"};
    assert_int_equal(jv_sandbox_enter(&cfg, NULL), JV_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sandbox_lets_daily_work_through),
        cmocka_unit_test(sandbox_answers_like_an_older_kernel),
        cmocka_unit_test(sandbox_ends_an_intruder),
        cmocka_unit_test(sandbox_runs_hooks_where_asked),
        cmocka_unit_test(sandbox_refuses_unknown_user),
        cmocka_unit_test(sandbox_binds_new_sockets_to_a_device),
        cmocka_unit_test(sandbox_lets_a_reader_read_only),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
