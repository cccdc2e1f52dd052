/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)

/* What the daemon and its libraries use: sockets, the loop, files of its own, memory, threads, signals, clocks. */
static const int allowed[] = {
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(preadv),
    CALL(pwritev),
    CALL(close),
    CALL(close_range),
    CALL(lseek),
    CALL(fcntl),
    CALL(ioctl),
    CALL(dup),
    CALL(dup2),
    CALL(dup3),
    CALL(pipe2),
    CALL(flock),
    /* files: audit, state, configuration on reload, /dev/net/tun */
    CALL(open),
    CALL(openat),
    CALL(stat),
    CALL(fstat),
    CALL(lstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(statfs),
    CALL(fstatfs),
    CALL(access),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getdents64),
    CALL(getcwd),
    CALL(mkdir),
    CALL(mkdirat),
    CALL(rmdir),
    CALL(unlink),
    CALL(unlinkat),
    CALL(rename),
    CALL(renameat),
    CALL(renameat2),
    CALL(link),
    CALL(linkat),
    CALL(chmod),
    CALL(fchmod),
    CALL(fchmodat),
    CALL(fchown),
    CALL(chown),
    CALL(fchownat),
    CALL(fsync),
    CALL(fdatasync),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(umask),
    CALL(utimensat),
    /* sockets; socket() itself is filtered by family */
    CALL(bind),
    CALL(connect),
    CALL(listen),
    CALL(accept),
    CALL(accept4),
    CALL(shutdown),
    CALL(getsockname),
    CALL(getpeername),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(sendto),
    CALL(recvfrom),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(sendmmsg),
    CALL(recvmmsg),
    CALL(socketpair),
    CALL(sendfile),
    /* the loop, and the poll of libraries */
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(pselect6),
    CALL(eventfd2),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(signalfd4),
    CALL(inotify_init1),
    CALL(inotify_add_watch),
    CALL(inotify_rm_watch),
    /* memory; mmap and mprotect are filtered by protection */
    CALL(munmap),
    CALL(mremap),
    CALL(brk),
    CALL(madvise),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(msync),
    CALL(membarrier),
    /* threads; clone() is filtered by flags, clone3() is left out so that the C library falls back to it */
    CALL(futex),
    CALL(set_robust_list),
    CALL(get_robust_list),
    CALL(rseq),
    CALL(set_tid_address),
    CALL(gettid),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(sched_setaffinity),
    CALL(sched_getparam),
    CALL(sched_getscheduler),
    CALL(getcpu),
    CALL(exit),
    CALL(exit_group),
    CALL(tgkill),
    CALL(arch_prctl),
    CALL(prctl),
    CALL(prlimit64),
    CALL(getrlimit),
    CALL(setrlimit),
    CALL(getrusage),
    CALL(sysinfo),
    CALL(uname),
    CALL(restart_syscall),
    /* signals, clocks, random, who we are */
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigtimedwait),
    CALL(rt_sigpending),
    CALL(rt_sigsuspend),
    CALL(sigaltstack),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(time),
    CALL(getrandom),
    CALL(getpid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getresuid),
    CALL(getresgid),
    CALL(getgroups),
    CALL(capget),
};

/* Hooks: starting a program and what a small script does. */
static const int allowed_with_exec[] = {
    CALL(execve),    CALL(fork),       CALL(vfork),
    CALL(wait4),     CALL(waitid),     CALL(kill),
    CALL(pipe),      CALL(setpgid),    CALL(getpgid),
    CALL(getpgrp),   CALL(setsid),     CALL(getsid),
    CALL(chdir),     CALL(fchdir),     CALL(alarm),
    CALL(fadvise64), CALL(pidfd_open), CALL(pidfd_send_signal),
    CALL(times),     CALL(setitimer),
};

/* Nothing in the daemon asks for these; who does has taken it over. */
static const int deadly[] = {
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(unshare),
    CALL(setns),
    CALL(keyctl),
    CALL(add_key),
    CALL(request_key),
    CALL(io_uring_setup),
    CALL(open_by_handle_at),
    CALL(reboot),
    CALL(swapon),
    CALL(personality),
};

/* Reading files and answering; what needs a look at its arguments is in add_reader(). */
static const int allowed_reader[] = {
    CALL(read),
    CALL(close),
    CALL(fstat),
    CALL(newfstatat),
    CALL(statx),
    CALL(lseek),
    CALL(sendto),
    CALL(recvfrom),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(brk),
    CALL(munmap),
    CALL(mremap),
    CALL(madvise),
    CALL(futex),
    CALL(getrandom),
    CALL(clock_gettime),
    CALL(gettimeofday),
    CALL(geteuid),
    CALL(getpid),
    CALL(rt_sigreturn),
    CALL(rt_sigprocmask),
    CALL(restart_syscall),
    CALL(exit),
    CALL(exit_group),
    /* a sanitizer's run-time, before a function that does not return */
    CALL(sigaltstack),
    CALL(gettid),
};

static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (seccomp_rule_add(filter, action, calls[i], 0) != 0) {
            return false;
        }
    }
    return true;
}

static bool allow_masked(scmp_filter_ctx filter, int call, unsigned arg, uint64_t mask,
                         uint64_t value)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                            SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value)) == 0;
}

static bool add_filtered(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const uint64_t write_exec = PROT_WRITE | PROT_EXEC;
    bool ok = true;
    for (size_t i = 0; i < JV_ARRAY_LEN(families); i++) {
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(socket), 1,
                                    SCMP_CMP(0, SCMP_CMP_EQ, (uint64_t)families[i], 0)) == 0;
    }
    ok = ok && allow_masked(filter, CALL(clone), 0, namespaces, 0);
    /* Memory is writable or executable, never both; a library may still be loaded from a file. */
    ok = ok && allow_masked(filter, CALL(mmap), 2, write_exec, 0) &&
         allow_masked(filter, CALL(mmap), 2, write_exec, PROT_WRITE) &&
         allow_masked(filter, CALL(mmap), 2, write_exec, PROT_EXEC);
    return ok && allow_masked(filter, CALL(mprotect), 2, PROT_EXEC, 0);
}

static bool fill(scmp_filter_ctx filter, uint32_t flags)
{
    static const int exec_calls[] = {CALL(execve), CALL(execveat), CALL(fork), CALL(vfork)};
    bool ok = add_all(filter, SCMP_ACT_ALLOW, allowed, JV_ARRAY_LEN(allowed)) &&
              add_filtered(filter) &&
              add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, JV_ARRAY_LEN(deadly));
    if ((flags & JV_SANDBOX_EXEC) != 0) {
        return ok &&
               add_all(filter, SCMP_ACT_ALLOW, allowed_with_exec, JV_ARRAY_LEN(allowed_with_exec));
    }
    return ok && add_all(filter, SCMP_ACT_KILL_PROCESS, exec_calls, JV_ARRAY_LEN(exec_calls));
}

/* No file is made, written or cut, whoever may ask; no memory becomes code. */
static bool add_reader(scmp_filter_ctx filter, uint32_t flags)
{
    (void)flags; /* of the daemon's list */
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    return add_all(filter, SCMP_ACT_ALLOW, allowed_reader, JV_ARRAY_LEN(allowed_reader)) &&
           allow_masked(filter, CALL(open), 1, writing, 0) &&
           allow_masked(filter, CALL(openat), 2, writing, 0) &&
           allow_masked(filter, CALL(mmap), 2, PROT_EXEC, 0) &&
           allow_masked(filter, CALL(mprotect), 2, PROT_EXEC, 0);
}

static const char *enter_seccomp(uint32_t flags, bool (*fill_in)(scmp_filter_ctx, uint32_t))
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL) {
        errno = ENOMEM;
        return "seccomp_init";
    }
    /* A 32-bit entry into a 64-bit kernel would see other numbers: it ends the process. */
    bool ok =
        seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
        ((flags & JV_SANDBOX_LOG) == 0 || seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1) == 0);
    const char *failed = ok && fill_in(filter, flags) ? NULL : "seccomp_rule_add";
    if (failed == NULL) {
        int code = seccomp_load(filter);
        if (code != 0) {
            errno = -code;
            failed = "seccomp_load";
        }
    }
    seccomp_release(filter);
    return failed;
}

static const char *enter_caps(const struct jv_sandbox_cfg *cfg, const struct passwd *user)
{
    if (capng_get_caps_process() != 0) {
        return "capget";
    }
    const unsigned wanted[] = {CAP_NET_ADMIN, CAP_NET_RAW};
    bool has[JV_ARRAY_LEN(wanted)];
    bool may_shrink = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
    for (size_t i = 0; i < JV_ARRAY_LEN(wanted); i++) {
        has[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]) == 1 &&
                 (wanted[i] != CAP_NET_RAW || (cfg->flags & JV_SANDBOX_RAW) != 0);
    }
    if ((cfg->flags & JV_SANDBOX_CAPS) != 0) {
        capng_clear(CAPNG_SELECT_BOTH);
        for (size_t i = 0; i < JV_ARRAY_LEN(wanted); i++) {
            /* Asking for what we do not have would fail all of it (a container without NET_RAW). */
            if (has[i] &&
                capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i]) != 0) {
                return "capng_update";
            }
        }
    }
    if (user != NULL) {
        unsigned how = CAPNG_DROP_SUPP_GRP | (may_shrink ? CAPNG_CLEAR_BOUNDING : 0U);
        return capng_change_id((int)user->pw_uid, (int)user->pw_gid, (capng_flags_t)how) == 0
                   ? NULL
                   : "capng_change_id";
    }
    if ((cfg->flags & JV_SANDBOX_CAPS) == 0) {
        return NULL;
    }
    return capng_apply(may_shrink ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0 ? NULL
                                                                                : "capng_apply";
}

enum jv_err jv_sandbox_enter(const struct jv_sandbox_cfg *cfg, const char **step_out)
{
    const struct passwd *user = NULL;
    if (cfg->user != NULL) {
        user = getpwnam(cfg->user);
        if (user == NULL) {
            return JV_E_NOTFOUND;
        }
    }
    const char *failed = NULL;
    if (user != NULL || (cfg->flags & JV_SANDBOX_CAPS) != 0) {
        failed = enter_caps(cfg, user);
    }
    if (failed == NULL && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) {
        failed = "no_new_privs";
    }
    if (failed == NULL && (cfg->flags & JV_SANDBOX_SECCOMP) != 0) {
        failed = enter_seccomp(cfg->flags, fill);
    }
    if (failed == NULL) {
        return JV_E_OK;
    }
    if (step_out != NULL) {
        *step_out = failed;
    }
    return errno == EPERM ? JV_E_PERM : JV_E_SYSTEM;
}

static bool binds_to_device(void)
{
    static const char device[] = "lo";
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_refused = fd >= 0 &&
                      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device)) != 0 &&
                      errno == EPERM;
    if (fd >= 0) {
        (void)close(fd); /* nothing was sent */
    }
    return !is_refused;
}

bool jv_sandbox_needs_raw(void)
{
    if (capng_get_caps_process() != 0 || capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 1 ||
        capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_NET_RAW) != 0 ||
        capng_apply(CAPNG_SELECT_CAPS) != 0) {
        return false;
    }
    bool is_free = binds_to_device();
    /* It is permitted still, so it comes back; where it does not, the caller has it not and keeps it not. */
    bool is_back = capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_NET_RAW) == 0 &&
                   capng_apply(CAPNG_SELECT_CAPS) == 0;
    return !is_free && is_back;
}

static const char *keep_reading_only(void)
{
    if (capng_get_caps_process() != 0) {
        return "capget";
    }
    bool has = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH) == 1;
    bool may_shrink = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
    capng_clear(CAPNG_SELECT_BOTH);
    if (has &&
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_READ_SEARCH) != 0) {
        return "capng_update";
    }
    return capng_apply(may_shrink ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0 ? NULL
                                                                                : "capng_apply";
}

enum jv_err jv_sandbox_enter_reader(const char **step_out)
{
    const char *failed = keep_reading_only();
    if (failed == NULL && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) {
        failed = "no_new_privs";
    }
    if (failed == NULL) {
        failed = enter_seccomp(0, add_reader);
    }
    if (failed == NULL) {
        return JV_E_OK;
    }
    *step_out = failed;
    return errno == EPERM ? JV_E_PERM : JV_E_SYSTEM;
}
