/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jvd -- the daemon of one profile, client or gateway: start-up order and exit codes.
 *
 * What needs privileges is opened first; then user, capabilities and system calls are given up; then the first packet is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "config.h"
#include "crypto.h"
#include "ctl.h"
#include "errand.h"
#include "hooks.h"
#include "killswitch.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "options.h"
#include "reader.h"
#include "reload.h"
#include "runner.h"
#include "sandbox.h"
#include "server.h"
#include "sys.h"

/* As those of jv(1). */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOTHING = 3,
    EXIT_BAD_CONFIG = 6,
    EXIT_NO_PERMISSION = 7
};

struct daemon {
    struct jv_options options;
    struct jv_places places;
    struct jv_config *config; /* the server's, once it is open */
    struct jv_audit *audit;
    struct jv_ctl *control;
    struct jv_metrics *metrics;
    struct jv_killswitch *killswitch;
    struct jv_reader *reader;      /* NULL: the daemon can read its profile itself */
    struct jv_runner *hooks, *dns; /* NULL: the profile has no use for it */
    struct jv_server *server;
    const char *user; /* to become; NULL: stay */
    uid_t uid;
    gid_t gid;
    int ready_fd; /* to the waiting parent; -1: none */
};

static int load_config(struct daemon *d)
{
    struct jv_diag diag = {0};
    enum jv_err err = jv_config_load(d->options.config, &d->config, &diag);
    for (uint32_t i = 0; i < diag.len; i++) {
        (void)fprintf(stderr, "%s\n", diag.lines[i]);
    }
    if (diag.dropped > 0) {
        (void)fprintf(stderr, "and %u more\n", diag.dropped);
    }
    jv_diag_fini(&diag);
    if (err == JV_E_OK) {
        err = jv_options_places(&d->options, d->config, &d->places);
    }
    return err == JV_E_OK ? EXIT_OK : EXIT_BAD_CONFIG;
}

/* Only root becomes somebody else; a service manager may have done it already. */
static int find_user(struct daemon *d)
{
    d->uid = geteuid();
    d->gid = getegid();
    if (d->uid != 0 || d->config->user[0] == '\0' || d->options.has_no_sandbox) {
        return EXIT_OK;
    }
    const struct passwd *entry = getpwnam(d->config->user);
    if (entry == NULL) {
        jv_log(JV_LOG_ERROR, "no such user: %s", d->config->user);
        return EXIT_BAD_CONFIG;
    }
    d->user = d->config->user;
    d->uid = entry->pw_uid;
    d->gid = entry->pw_gid;
    return EXIT_OK;
}

/* The parent stays until the child is ready or has failed, so that `jvd && jv status` works. */
static void wait_for_child(int ready_fd, pid_t child)
{
    unsigned char code = EXIT_FAILED;
    ssize_t got;
    do {
        got = read(ready_fd, &code, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) {
        int status = 0;
        code = waitpid(child, &status, 0) == child && WIFEXITED(status)
                   ? (unsigned char)WEXITSTATUS(status)
                   : EXIT_FAILED;
    }
    _exit(code);
}

static int detach(struct daemon *d)
{
    int fds[2];
    d->ready_fd = -1;
    if (d->options.is_foreground) {
        return EXIT_OK;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        jv_log(JV_LOG_ERROR, "pipe: %s", strerror(errno));
        return EXIT_FAILED;
    }
    pid_t child = fork();
    if (child < 0) {
        jv_log(JV_LOG_ERROR, "fork: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (child > 0) {
        (void)close(fds[1]); /* the child's end */
        wait_for_child(fds[0], child);
    }
    (void)close(fds[0]); /* the parent's end */
    d->ready_fd = fds[1];
    if (setsid() < 0 || chdir("/") != 0) {
        jv_log(JV_LOG_ERROR, "cannot detach: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static void write_pid(const struct daemon *d)
{
    FILE *file = fopen(d->places.pid, "we");
    if (file == NULL) {
        jv_log(JV_LOG_WARNING, "%s: %s", d->places.pid, strerror(errno));
        return;
    }
    bool is_ok = fprintf(file, "%ld\n", (long)getpid()) > 0;
    is_ok = fclose(file) == 0 && is_ok;
    if (!is_ok || (geteuid() == 0 && chown(d->places.pid, d->uid, d->gid) != 0)) {
        jv_log(JV_LOG_WARNING, "%s: %s", d->places.pid, strerror(errno));
    }
}

static int make_places(struct daemon *d)
{
    char log_dir[JV_SERVER_PATH_BYTES];
    (void)snprintf(log_dir, sizeof(log_dir), "%s", d->places.dirs.audit);
    char *slash = strrchr(log_dir, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    if (jv_options_make_dir(d->places.dirs.run, 0755, d->uid, d->gid) != JV_E_OK) {
        bool is_denied = errno == EACCES || errno == EPERM;
        jv_log(JV_LOG_ERROR, "cannot make %s: %s%s", d->places.dirs.run, strerror(errno),
               is_denied ? ": start jvd as root, or give it --run-dir" : "");
        return is_denied ? EXIT_NO_PERMISSION : EXIT_FAILED;
    }
    if (jv_options_make_dir(d->places.dirs.state, 0700, d->uid, d->gid) != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "%s: %s", d->places.dirs.state, strerror(errno));
    }
    if (slash != NULL && log_dir[0] != '\0' &&
        jv_options_make_dir(log_dir, 0750, d->uid, d->gid) != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "%s: %s", log_dir, strerror(errno));
    }
    return EXIT_OK;
}

static int open_control(struct daemon *d)
{
    enum jv_err err = jv_ctl_open(d->places.socket, d->uid, &d->control);
    if (err == JV_E_EXISTS) {
        jv_log(JV_LOG_ERROR, "%s is running already: %s answers", d->config->name,
               d->places.socket);
        return EXIT_FAILED;
    }
    if (err != JV_E_OK) {
        bool is_denied = errno == EACCES || errno == EPERM;
        jv_log(JV_LOG_ERROR, "cannot make the control socket %s: %s", d->places.socket,
               err == JV_E_RANGE ? "the path is too long" : strerror(errno));
        return err != JV_E_RANGE && is_denied ? EXIT_NO_PERMISSION : EXIT_FAILED;
    }
    return EXIT_OK;
}

static void tell_found(const char *path, const struct jv_chain_found *found)
{
    if (found->was_torn) {
        jv_log(JV_LOG_WARNING, "%s: cut off a line that a crash left unfinished", path);
    }
    if (found->is_behind_head) {
        jv_log(JV_LOG_WARNING, "%s: records are missing at its end: shortened or replaced", path);
    }
    if (found->is_unreadable) {
        jv_log(JV_LOG_WARNING, "%s: its last line is no audit record; a chain begins anew", path);
    }
    if (found->open_errno != 0) {
        jv_log(JV_LOG_WARNING, "%s: %s; records are dropped and counted until it can be written",
               path, strerror(found->open_errno));
    }
}

static int open_audit(struct daemon *d, uint64_t *first_seq)
{
    struct jv_chain_found found = {0};
    const char *path = d->places.dirs.audit;
    *first_seq = 1;
    if (path[0] == '\0') {
        return EXIT_OK;
    }
    enum jv_err err = jv_audit_open(path, d->places.head, d->config->name, &d->audit, &found);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "%s: %s", path, jv_err_text(err));
        return EXIT_FAILED;
    }
    tell_found(path, &found);
    jv_audit_give_to(d->audit, (uint32_t)d->uid, (uint32_t)d->gid);
    *first_seq = found.last_seq + 1U;
    return EXIT_OK;
}

static void on_hangup(void *arg)
{
    struct daemon *d = arg;
    char why[JV_RELOAD_TEXT_BYTES];
    enum jv_err ignored =
        jv_reload(d->server, why); /* logged there; what was refused stays as it was */
    (void)ignored;
}

/* Before anything that could bring packets on their way: without the kill switch that was asked for nothing starts. */
static int open_killswitch(struct daemon *d)
{
    enum jv_err err = jv_killswitch_open(d->config, &d->killswitch);
    if (err == JV_E_OK) {
        return EXIT_OK;
    }
    return err == JV_E_PERM ? EXIT_NO_PERMISSION : EXIT_FAILED;
}

static int open_all(struct daemon *d)
{
    uint64_t first_seq = 1;
    int code = make_places(d);
    if (code == EXIT_OK) {
        code = open_control(d);
    }
    if (code == EXIT_OK) {
        code = open_killswitch(d);
    }
    if (code == EXIT_OK) {
        code = open_audit(d, &first_seq);
    }
    if (code != EXIT_OK) {
        return code;
    }
    struct jv_config *config = d->config;
    d->config = NULL; /* the server's from here on, whatever happens */
    enum jv_err err = jv_server_open(config, &d->places.dirs, d->audit, first_seq, &d->server);
    if (err != JV_E_OK) {
        return err == JV_E_PERM ? EXIT_NO_PERMISSION : EXIT_FAILED;
    }
    jv_server_on_hangup(d->server, on_hangup, d);
    jv_server_use_reader(d->server, d->reader);
    jv_server_use_killswitch(d->server, d->killswitch);
    err = jv_server_use_runners(d->server, d->hooks, d->dns);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "hooks: %s", jv_err_text(err));
        return EXIT_FAILED;
    }
    jv_server_note(d->server, JV_REC_DaemonStarted, JV_PROJECT_VERSION);
    if (jv_killswitch_start(d->killswitch, d->server) != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot look after the kill switch: %s", strerror(errno));
        return EXIT_FAILED;
    }
    /* Nothing is sent and nothing is heard before it has given up what it does not need. */
    if (d->reader != NULL && jv_reader_await(d->reader) != JV_E_OK) {
        return EXIT_FAILED;
    }
    if (jv_ctl_start(d->control, d->server) != JV_E_OK || jv_server_start(d->server) != JV_E_OK) {
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* The user that we become cannot read what root alone may: the reader keeps that right, and nothing else. */
static int start_reader(struct daemon *d)
{
    if (d->user == NULL) {
        return EXIT_OK;
    }
    return jv_reader_start(d->places.dirs.config, &d->reader) == JV_E_OK ? EXIT_OK : EXIT_FAILED;
}

/* What the daemon itself may not do afterwards: start programs. */
static int start_runners(struct daemon *d)
{
    struct jv_runner_cfg hooks = {.process = "jvd-hooks", .config = d->config};
    struct jv_runner_cfg dns = {.process = "jvd-dns", .config = d->config};
    enum jv_err err = JV_E_OK;
    if (jv_hooks_are_set(d->config)) {
        err = jv_runner_start(&hooks, &d->hooks);
    }
    if (err == JV_E_OK && d->config->role == JV_CONFIG_CLIENT &&
        d->config->session.dns.kind != JV_CONFIG_DNS_NONE) {
        err = jv_runner_start(&dns, &d->dns);
    }
    return err == JV_E_OK ? EXIT_OK : EXIT_FAILED;
}

/* May load a library, which the sandbox would not allow. */
static int choose_aead(const struct daemon *d)
{
    enum jv_err err = jv_aead_choose(d->options.aead);
    const char *why_not = jv_aead_why_not();
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot seal packets by %s: %s",
               err == JV_E_UNSUPPORTED ? "ipsec-mb" : "libcrypto", why_not);
        return EXIT_FAILED;
    }
    struct jv_aead_facts facts = jv_aead_facts();
    bool is_plain = facts.cpu[0] == '\0';
    jv_log(JV_LOG_INFO, "packets are sealed by %s %s%s%s%s%s%s", facts.name, facts.version,
           is_plain ? "" : " (", facts.cpu, is_plain ? "" : ")",
           why_not[0] == '\0' ? "" : "; not by ipsec-mb: ", why_not);
    return EXIT_OK;
}

/* Before the privilege for it is given up. */
static int schedule(const struct daemon *d)
{
    if (jv_server_config(d->server)->scheduling != JV_SCHEDULING_REALTIME) {
        return EXIT_OK;
    }
    if (jv_sys_set_realtime() != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "Scheduling = realtime: %s: it needs CAP_SYS_NICE", strerror(errno));
        return EXIT_FAILED;
    }
    if (jv_server_shards(d->server) > 1 && jv_sys_permit_realtime(true) != JV_E_OK) {
        jv_log(JV_LOG_ERROR,
               "Scheduling = realtime, and several shards: %s: RLIMIT_RTPRIO must be 1",
               strerror(errno));
        return EXIT_FAILED;
    }
    jv_log(JV_LOG_INFO, "the packet loop runs with real-time scheduling");
    return EXIT_OK;
}

static int enter_sandbox(const struct daemon *d, const char *user, uint32_t flags)
{
    const char *step = "";
    struct jv_sandbox_cfg cfg = {.user = user, .flags = flags};
    if (d->options.has_no_sandbox) {
        return EXIT_OK;
    }
    enum jv_err err = jv_sandbox_enter(&cfg, &step);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot give up privileges: %s: %s (%s)", step, jv_err_text(err),
               strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* Threads start between the two halves, and hear nothing yet: capabilities belong to a thread, the filter is set for all. */
static int give_up_privileges(struct daemon *d)
{
    /* Copied: the user's name may be the configuration's, which a reload replaces. */
    char user[JV_CONF_USER_BYTES];
    (void)snprintf(user, sizeof(user), "%s", d->user == NULL ? "" : d->user);
    uint32_t raw = 0;
    if (!d->options.has_no_sandbox && jv_sandbox_needs_raw()) {
        raw = JV_SANDBOX_RAW;
        jv_log(JV_LOG_NOTICE, "this kernel wants CAP_NET_RAW to bind a socket to a device: kept");
    }
    int code = enter_sandbox(d, user[0] == '\0' ? NULL : user, JV_SANDBOX_CAPS | raw);
    if (code != EXIT_OK) {
        return code;
    }
    if (d->audit != NULL && jv_audit_start(d->audit) != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot start the audit's writer: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (jv_server_start_shards(d->server) != JV_E_OK) {
        return EXIT_FAILED;
    }
    const struct jv_endpoint *listen = &jv_server_config(d->server)->metrics;
    if (listen->ip.family != JV_AF_NONE) {
        if (jv_metrics_open(listen, &d->metrics) != JV_E_OK) {
            jv_log(JV_LOG_ERROR, "cannot serve metrics: %s", strerror(errno));
            return EXIT_FAILED;
        }
        jv_metrics_start(d->metrics, d->server);
    }
    return enter_sandbox(d, NULL, JV_SANDBOX_SECCOMP);
}

static void tell_ready(struct daemon *d)
{
    jv_notify_send("READY=1");
    if (d->ready_fd < 0) {
        return;
    }
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    jv_log_detach();
    for (int fd = 0; null_fd >= 0 && fd <= 2; fd++) {
        (void)dup2(null_fd, fd); /* the terminal is given up; what fails leaves it open, no more */
    }
    unsigned char code = EXIT_OK;
    ssize_t ignored = write(d->ready_fd, &code, 1); /* a parent that is gone waits for nothing */
    (void)ignored;
    (void)close(d->ready_fd);
    d->ready_fd = -1;
}

static int serve(struct daemon *d)
{
    (void)signal(SIGCHLD, SIG_IGN); /* helpers are waited for by nobody */
    int code = start_reader(d);
    if (code == EXIT_OK) {
        code = start_runners(d);
    }
    if (code == EXIT_OK) {
        code = choose_aead(d);
    }
    if (code == EXIT_OK) {
        code = open_all(d);
    }
    if (code == EXIT_OK) {
        code = schedule(d);
    }
    if (code == EXIT_OK) {
        write_pid(d);
        code = give_up_privileges(d);
    }
    if (code == EXIT_OK) {
        tell_ready(d);
        if (jv_server_run(d->server) != JV_E_OK) {
            jv_log(JV_LOG_ERROR, "event loop: %s", strerror(errno));
            code = EXIT_FAILED;
        }
        jv_server_note(d->server, JV_REC_DaemonStopped, JV_PROJECT_VERSION);
    }
    jv_server_take_down(d->server); /* before the control socket: jv down waits for its end */
    if (d->control != NULL) {
        (void)unlink(d->places.pid); /* a stale one is replaced at the next start */
    }
    jv_ctl_close(d->control);
    jv_metrics_close(d->metrics);
    jv_server_close(d->server);
    jv_killswitch_close(d->killswitch);
    jv_audit_close(d->audit);
    jv_runner_close(d->hooks);
    jv_runner_close(d->dns);
    jv_reader_close(d->reader);
    jv_config_free(d->config);
    jv_notify_close();
    return code;
}

static int run_errand(const struct jv_options *options)
{
    enum jv_err err = options->task == JV_TASK_KILL_SWITCH ? jv_errand_kill_switch(options->config)
                                                           : jv_errand_clean_up(options->config);
    switch ((int)err) {
    case JV_E_OK:
        return EXIT_OK;
    case JV_E_NOTFOUND:
        return EXIT_NOTHING;
    case JV_E_SYNTAX:
        return EXIT_BAD_CONFIG;
    case JV_E_PERM:
        return EXIT_NO_PERMISSION;
    default: /* an error code, of which these have an exit code of their own */
        return EXIT_FAILED;
    }
}

int main(int argc, char **argv)
{
    static struct daemon d;
    jv_log_open("jvd");
    switch (jv_options_parse(argc, argv, &d.options)) {
    case JV_OPTIONS_RUN:
        break;
    case JV_OPTIONS_DONE:
        return EXIT_OK;
    case JV_OPTIONS_BAD:
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of one write */
    (void)umask(0027);
    /* Before the keys are read: a dump of this process would hold them. */
    if (jv_sys_forbid_dumps() != JV_E_OK || jv_crypto_init() != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot prepare for keys: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (d.options.task != JV_TASK_SERVE) {
        return run_errand(&d.options);
    }
    int code = load_config(&d);
    if (code == EXIT_OK) {
        code = find_user(&d);
    }
    if (code == EXIT_OK) {
        code = detach(&d);
    }
    if (code != EXIT_OK) {
        jv_config_free(d.config);
        return code;
    }
    jv_notify_open();
    return serve(&d);
}
