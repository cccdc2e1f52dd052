/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner_process.h"
#include "sys.h"

/* One program of the runner: started in a group of its own, read, waited for, killed where it takes too long. */

#define CANNOT_RUN 127 /* exit status of the child where execve() fails */

struct pipes {
    int in[2], out[2];
};

static void shut(int fd)
{
    if (fd >= 0) {
        (void)close(fd); /* a pipe: nothing to lose */
    }
}

static void shut_all(struct pipes *p)
{
    shut(p->in[0]);
    shut(p->in[1]);
    shut(p->out[0]);
    shut(p->out[1]);
}

/* The input fits into the pipe, so it is written before anybody reads. */
static bool open_pipes(struct pipes *p, const char *input)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}};
    if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->in, O_CLOEXEC) != 0 ||
        fcntl(p->out[0], F_SETFL, O_NONBLOCK) != 0) {
        return false;
    }
    size_t len = input == NULL ? 0 : strlen(input);
    if (len > 0 && write(p->in[1], input, len) != (ssize_t)len) {
        return false;
    }
    shut(p->in[1]);
    p->in[1] = -1;
    return true;
}

static _Noreturn void become(const struct jv_job *job, const struct pipes *p)
{
    sigset_t none;
    static const int usual[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGCHLD};
    for (size_t i = 0; i < JV_ARRAY_LEN(usual); i++) {
        (void)signal(usual[i], SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(022);
    /* execve() takes pointers to what it does not write. */
    char *argv[JV_JOB_ARGS_MAX + 1U];
    char *env[JV_JOB_ENV_MAX + 1U];
    memcpy(argv, job->argv, sizeof(argv));
    memcpy(env, job->env, sizeof(env));
    if (setsid() >= 0 && dup2(p->in[0], 0) == 0 && dup2(p->out[1], 1) == 1 &&
        dup2(p->out[1], 2) == 2 && close_range(3U, ~0U, 0) == 0) {
        (void)execve(job->path, argv, env);
    }
    _exit(CANNOT_RUN);
}

/* What it prints is read to the end, so that it does not block; the first line is kept. */
static void read_output(int fd, struct jv_run_answer *answer, bool *is_line_done)
{
    char buf[1024];
    ssize_t got;
    size_t used = strlen(answer->text);
    /* One round of reading: who prints without end is read again after the look at the clock. */
    for (int rounds = 0; rounds < 16 && (got = read(fd, buf, sizeof(buf))) > 0; rounds++) {
        for (ssize_t i = 0; i < got && !*is_line_done; i++) {
            char c = buf[i];
            *is_line_done = c == '\n' || used + 1U >= sizeof(answer->text);
            if (!*is_line_done) {
                answer->text[used++] = c >= ' ' && c <= '~' ? c : '?';
                answer->text[used] = '\0';
            }
        }
    }
}

/* True: it has ended by itself. */
static bool wait_for_end(int pid_fd, int out_fd, uint32_t limit_ms, struct jv_run_answer *answer)
{
    struct jv_instant due = jv_add_ms(jv_sys_now(), limit_ms);
    bool is_line_done = false;
    struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN}, {.fd = out_fd, .events = POLLIN}};
    for (;;) {
        struct jv_instant now = jv_sys_now();
        if (jv_is_due(due, now)) {
            return false;
        }
        int left_ms = (int)jv_since_ms(now, due) + 1;
        if (poll(fds, JV_ARRAY_LEN(fds), left_ms) < 0 && errno != EINTR) {
            return false;
        }
        if ((fds[1].revents & POLLIN) != 0) {
            read_output(out_fd, answer, &is_line_done);
        } else if (fds[1].revents != 0) {
            fds[1].fd = -1; /* closed at the other end */
        }
        if ((fds[0].revents & POLLIN) != 0) {
            return true;
        }
    }
}

static void judge(int status, struct jv_run_answer *answer)
{
    answer->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (answer->how == JV_RUN_OK && answer->status != 0) {
        answer->how = JV_RUN_FAILED;
    }
}

static void fail(struct jv_run_answer *answer, const char *step)
{
    answer->how = JV_RUN_CANNOT;
    (void)snprintf(answer->text, sizeof(answer->text), "%s: %s", step, strerror(errno));
}

void jv_job_run(const struct jv_job *job, struct jv_run_answer *answer)
{
    struct pipes p;
    answer->how = JV_RUN_OK;
    answer->text[0] = '\0';
    if (!open_pipes(&p, job->input)) {
        fail(answer, "pipe");
        shut_all(&p);
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        become(job, &p);
    }
    shut(p.out[1]);
    p.out[1] = -1;
    int pid_fd = child < 0 ? -1 : pidfd_open(child, 0);
    if (child < 0) {
        fail(answer, "fork");
    } else {
        if (pid_fd < 0 || !wait_for_end(pid_fd, p.out[0], job->limit_ms, answer)) {
            answer->how = JV_RUN_TIMEOUT;
        }
        if (answer->how == JV_RUN_TIMEOUT || job->ends_group) {
            /* It may have made its session a moment ago or not yet: the leader is meant as well. Unreaped, its id is nobody else's. */
            (void)kill(-child, SIGKILL);
            (void)kill(child, SIGKILL);
        }
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        judge(status, answer);
    }
    shut(pid_fd);
    shut_all(&p);
}
