/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jvsim -- runs worlds by their seeds and says which laws broke. Each job is a process of its own, so that a crash costs one seed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"
#include "shrink.h"
#include "world.h"

#define JOBS_MAX 64U
#define FAILURES_SHOWN 20U
#define SHRINK_RUNS 400U
#define PROGRESS_S 10

enum exit_code { EXIT_WELL = 0, EXIT_LAW = 1, EXIT_USAGE = 2, EXIT_LIVENESS = 3, EXIT_CRASH = 4 };
enum verdict { WELL, LAW, LIVENESS, CRASH };

static const char *const verdict_names[] = {"well", "SAFETY", "LIVENESS", "CRASH"};

struct options {
    uint64_t first, count, faults_ms;
    uint32_t jobs, mute;
    bool print, tap, has_keep, no_drift;
    const char *keep;
};

/* What a job tells; in memory that all processes share. */
struct job {
    volatile uint64_t at, done, failed[4], trace;
    volatile bool is_over;
    struct sim_tally tally;
};

struct failure {
    uint64_t seed;
    enum verdict verdict;
    char text[SIM_WRONG_BYTES];
};

struct shared {
    struct job jobs[JOBS_MAX];
    volatile uint32_t failures_len;
    struct failure failures[FAILURES_SHOWN];
};

static struct sim_world world;
static struct sim_plan plan;

static const char help[] =
    "usage: jvsim [--seed FIRST] [--seeds COUNT] [--jobs N] [--print] [--tap]\n"
    "       jvsim --shrink SEED\n"
    "       jvsim --seed N [--keep STEPS] [--mute MASK] [--no-drift] [--faults-ms MS] [--print]\n"
    "       jvsim --list\n"
    "Runs worlds of gateways and clients with the real core in virtual time. A seed decides "
    "everything: first faults, while the laws\n"
    "are checked after each step; then calm, in which each session must come home or end within "
    "what its policy grants.\n"
    "  --seed FIRST      the first seed (1)\n"
    "  --seeds COUNT     how many (1)\n"
    "  --jobs N          processes at a time, 1 to 64 (1)\n"
    "  --print           the plan, each fault and each record\n"
    "  --tap             the result as a test\n"
    "  --shrink SEED     look for a smaller plan that still fails, and print the line that runs "
    "it\n"
    "  --keep STEPS      only these steps of the plan, \"3,17-19\"; \"-\": none\n"
    "  --mute MASK       these clients have no traffic, a bit each\n"
    "  --no-drift        all clocks go alike\n"
    "  --faults-ms MS    the calm begins then\n"
    "  --list            the kinds of faults\n"
    "exit status: 0 all is well, 1 a law broke, 2 usage, 3 a session did not come home, 4 the core "
    "crashed\n";

/* ---- one world ---- */

static bool is_kept(const char *list, uint32_t step)
{
    for (const char *p = list; *p != '\0' && *p != '-';) {
        char *end;
        unsigned long from = strtoul(p, &end, 10);
        unsigned long to = *end == '-' ? strtoul(end + 1, &end, 10) : from;
        if (step >= from && step <= to) {
            return true;
        }
        p = *end == ',' ? end + 1 : end;
        if (end == p && *p != ',' && *p != '\0') {
            return false;
        }
    }
    return false;
}

static void make_plan(const struct options *o, uint64_t seed)
{
    plan_draw(&plan, seed);
    for (uint32_t i = 0; o->has_keep && i < plan.steps_len; i++) {
        plan.steps[i].is_out = !is_kept(o->keep, i);
    }
    for (uint32_t c = 0; c < plan.clients_len; c++) {
        if ((o->mute >> c & 1) != 0) {
            plan.clients[c].up_us = plan.clients[c].down_us = 0;
        }
        plan.clients[c].drift_ppm = o->no_drift ? 0 : plan.clients[c].drift_ppm;
    }
    plan.gateway_drift_ppm = o->no_drift ? 0 : plan.gateway_drift_ppm;
    plan.faults_ms = o->faults_ms != 0 ? o->faults_ms : plan.faults_ms;
}

static enum verdict run_plan(const struct sim_plan *p, bool print)
{
    world_open(&world, p, print);
    bool ok = world_run(&world);
    world_close(&world);
    return ok ? WELL : world.is_liveness ? LIVENESS : LAW;
}

static void add_tally(struct sim_tally *sum, const struct sim_tally *more)
{
    sum->steps += more->steps;
    sum->records += more->records;
    sum->datagrams += more->datagrams;
    sum->packets += more->packets;
    sum->births += more->births;
    sum->switches += more->switches;
    sum->rebinds += more->rebinds;
    sum->rekeys += more->rekeys;
    sum->ends += more->ends;
    sum->denied += more->denied;
    sum->replays_seen += more->replays_seen;
    sum->virtual_ms += more->virtual_ms;
    sum->faults += more->faults;
    sum->ambushes += more->ambushes;
    sum->full_outputs += more->full_outputs;
    sum->no_buffer += more->no_buffer;
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        sum->drops[i] += more->drops[i];
    }
}

/* ---- jobs ---- */

static struct shared *share(void)
{
    void *mem = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) {
        (void)fprintf(stderr, "jvsim: no memory for %zu bytes: %s\n", sizeof(struct shared),
                      strerror(errno));
        exit(EXIT_CRASH);
    }
    return mem;
}

static void note_failure(struct shared *shared, uint64_t seed, enum verdict verdict,
                         const char *text)
{
    uint32_t at = __atomic_fetch_add(&shared->failures_len, 1, __ATOMIC_SEQ_CST);
    if (at < FAILURES_SHOWN) {
        shared->failures[at].seed = seed;
        shared->failures[at].verdict = verdict;
        (void)snprintf(shared->failures[at].text, SIM_WRONG_BYTES, "%s", text);
    }
}

/* Each trace goes into the sum by itself, so that the order of jobs does not matter. */
static uint64_t stir(uint64_t seed, uint64_t trace)
{
    struct jv_prng prng = {seed ^ trace};
    return jv_prng_next(&prng);
}

static void work(struct shared *shared, const struct options *o, uint32_t j)
{
    struct job *job = &shared->jobs[j];
    while (job->at < o->first + o->count) {
        make_plan(o, job->at);
        if (o->print) {
            plan_print(&plan, stdout);
        }
        enum verdict verdict = run_plan(&plan, o->print);
        if (verdict != WELL) {
            note_failure(shared, job->at, verdict, world.wrong);
        }
        job->failed[verdict]++;
        job->trace += stir(job->at, world.trace);
        add_tally(&job->tally, &world.tally);
        job->done++;
        job->at += o->jobs;
    }
    job->is_over = true;
}

/* The process of a job; a crash is noted, and the next process goes on behind that seed. */
static pid_t start_job(struct shared *shared, const struct options *o, uint32_t j)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        work(shared, o, j);
        (void)fflush(stdout);
        _exit(0);
    }
    if (pid < 0) {
        (void)fprintf(stderr, "jvsim: cannot start job %u: %s\n", j, strerror(errno));
        exit(EXIT_CRASH);
    }
    return pid;
}

static uint64_t sum_done(const struct shared *shared, uint32_t jobs)
{
    uint64_t done = 0;
    for (uint32_t j = 0; j < jobs; j++) {
        done += shared->jobs[j].done;
    }
    return done;
}

static void run_jobs(struct shared *shared, const struct options *o)
{
    pid_t pids[JOBS_MAX];
    uint32_t left = o->jobs;
    time_t said = time(NULL);
    for (uint32_t j = 0; j < o->jobs; j++) {
        shared->jobs[j].at = o->first + j;
        pids[j] = start_job(shared, o, j);
    }
    while (left > 0) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            const struct timespec pause = {0, 20000000};
            (void)nanosleep(&pause, NULL);
            if (time(NULL) - said >= PROGRESS_S) {
                said = time(NULL);
                (void)fprintf(stderr, "# %" PRIu64 " of %" PRIu64 " seeds\n",
                              sum_done(shared, o->jobs), o->count);
            }
            continue;
        }
        for (uint32_t j = 0; j < o->jobs; j++) {
            struct job *job = &shared->jobs[j];
            if (pids[j] != pid) {
                continue;
            }
            if (job->is_over) {
                left--;
                continue;
            }
            char text[80];
            (void)snprintf(text, sizeof text, "%s %d", WIFSIGNALED(status) ? "signal" : "exit",
                           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            note_failure(shared, job->at, CRASH, text);
            job->failed[CRASH]++;
            job->done++;
            job->at += o->jobs;
            pids[j] = start_job(shared, o, j);
        }
    }
}

/* ---- the result ---- */

static int report(const struct shared *shared, const struct options *o, const char *name)
{
    struct sim_tally sum = {0};
    uint64_t failed[4] = {0};
    uint64_t trace = 0;
    for (uint32_t j = 0; j < o->jobs; j++) {
        add_tally(&sum, &shared->jobs[j].tally);
        trace += shared->jobs[j].trace;
        for (uint32_t v = 0; v < 4; v++) {
            failed[v] += shared->jobs[j].failed[v];
        }
    }
    for (uint32_t i = 0; i < JV_MIN(shared->failures_len, FAILURES_SHOWN); i++) {
        const struct failure *f = &shared->failures[i];
        printf("# %s --seed %" PRIu64 " --print   %s %s\n", name, f->seed,
               verdict_names[f->verdict], f->text);
    }
    printf("# %" PRIu64 " worlds, %" PRIu64 " simulated hours, %" PRIu64 " steps, %" PRIu64
           " faults, %" PRIu64 " datagrams, %" PRIu64 " packets\n",
           o->count, sum.virtual_ms / 3600000, sum.steps, sum.faults, sum.datagrams, sum.packets);
    printf("# %" PRIu64 " records, %" PRIu64 " births, %" PRIu64 " switches, %" PRIu64
           " rebindings, %" PRIu64 " rekeys, %" PRIu64 " denials, %" PRIu64
           " replays found, %" PRIu64 " ends\n",
           sum.records, sum.births, sum.switches, sum.rebinds, sum.rekeys, sum.denied,
           sum.replays_seen, sum.ends);
    printf("# %" PRIu64 " ambushes, %" PRIu64 " full outputs, %" PRIu64
           " datagrams that found no buffer\n",
           sum.ambushes, sum.full_outputs, sum.no_buffer);
    printf("# %" PRIu64 " broke a law, %" PRIu64 " did not come home, %" PRIu64 " crashed\n",
           failed[LAW], failed[LIVENESS], failed[CRASH]);
    printf("# trace %016" PRIx64 "\n", trace);
    if (o->tap) {
        bool ok = failed[LAW] + failed[LIVENESS] + failed[CRASH] == 0;
        printf("1..1\n%s 1 - sim_laws_hold_in_%" PRIu64 "_worlds\n", ok ? "ok" : "not ok",
               o->count);
    }
    return failed[CRASH] > 0      ? EXIT_CRASH
           : failed[LAW] > 0      ? EXIT_LAW
           : failed[LIVENESS] > 0 ? EXIT_LIVENESS
                                  : EXIT_WELL;
}

/* ---- shrinking ---- */

static enum verdict wanted;

/* In a process of its own: a crash is a verdict too. */
static enum verdict run_apart(const struct sim_plan *p)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit((int)run_plan(p, false));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return WELL;
    }
    return WIFEXITED(status) ? (enum verdict)WEXITSTATUS(status) : CRASH;
}

static bool fails_alike(const struct sim_plan *p)
{
    return run_apart(p) == wanted;
}

static void print_line(const struct sim_plan *p, const char *name)
{
    struct sim_plan whole;
    uint32_t mute = 0;
    bool any = false;
    plan_draw(&whole, p->seed);
    printf("%s --seed %" PRIu64 " --print --keep ", name, p->seed);
    for (uint32_t i = 0; i < p->steps_len; i++) {
        if (!p->steps[i].is_out) {
            printf("%s%u", any ? "," : "", i);
            any = true;
        }
    }
    printf("%s", any ? "" : "-");
    bool no_drift = p->gateway_drift_ppm != whole.gateway_drift_ppm;
    for (uint32_t c = 0; c < p->clients_len; c++) {
        bool is_mute = p->clients[c].up_us == 0 && p->clients[c].down_us == 0;
        mute |= is_mute ? 1U << c : 0;
        no_drift = no_drift || p->clients[c].drift_ppm != whole.clients[c].drift_ppm;
    }
    if (mute != 0) {
        printf(" --mute %u", mute);
    }
    if (no_drift) {
        printf(" --no-drift");
    }
    if (p->faults_ms != whole.faults_ms) {
        printf(" --faults-ms %" PRIu64, p->faults_ms);
    }
    printf("\n");
}

static int shrink_seed(uint64_t seed, const char *name)
{
    plan_draw(&plan, seed);
    wanted = run_apart(&plan);
    if (wanted == WELL) {
        printf("# seed %" PRIu64 " is well: there is nothing to shrink\n", seed);
        return EXIT_WELL;
    }
    uint32_t runs = shrink(&plan, fails_alike, SHRINK_RUNS);
    printf("# %s, after %u runs:\n", verdict_names[wanted], runs);
    plan_print(&plan, stdout);
    print_line(&plan, name);
    return wanted == CRASH ? EXIT_CRASH : wanted == LAW ? EXIT_LAW : EXIT_LIVENESS;
}

/* ---- options ---- */

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < min || value > max) {
        (void)fprintf(stderr,
                      "jvsim: --%s is '%s'; it must be a number from %" PRIu64 " to %" PRIu64 "\n",
                      name, text, min, max);
        exit(EXIT_USAGE);
    }
    return value;
}

static void list_kinds(void)
{
    for (uint32_t k = 0; k < PLAN_KINDS; k++) {
        printf("%-10s %s\n", plan_kind_name((enum plan_kind)k), plan_kind_text((enum plan_kind)k));
    }
}

static bool is_list(const char *text)
{
    return strcmp(text, "-") == 0 ||
           (text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789,-") == strlen(text));
}

static void parse(int argc, char **argv, struct options *o, uint64_t *shrink_out)
{
    static const struct option longs[] = {
        {"seed", 1, NULL, 's'},  {"seeds", 1, NULL, 'n'},     {"jobs", 1, NULL, 'j'},
        {"print", 0, NULL, 'p'}, {"tap", 0, NULL, 't'},       {"shrink", 1, NULL, 'k'},
        {"keep", 1, NULL, 'e'},  {"mute", 1, NULL, 'm'},      {"no-drift", 0, NULL, 'd'},
        {"list", 0, NULL, 'l'},  {"faults-ms", 1, NULL, 'f'}, {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        switch (c) {
        case 's':
            o->first = number("seed", optarg, 0, UINT64_MAX / 2);
            break;
        case 'n':
            o->count = number("seeds", optarg, 1, UINT64_MAX / 4);
            break;
        case 'j':
            o->jobs = (uint32_t)number("jobs", optarg, 1, JOBS_MAX);
            break;
        case 'p':
            o->print = true;
            break;
        case 't':
            o->tap = true;
            break;
        case 'k':
            *shrink_out = number("shrink", optarg, 0, UINT64_MAX / 2);
            break;
        case 'e':
            if (!is_list(optarg)) {
                (void)fprintf(stderr, "jvsim: --keep is '%s'; it must be steps, \"3,17-19\"\n",
                              optarg);
                exit(EXIT_USAGE);
            }
            o->keep = optarg;
            o->has_keep = true;
            break;
        case 'm':
            o->mute = (uint32_t)number("mute", optarg, 0, (1U << SIM_CLIENTS) - 1);
            break;
        case 'd':
            o->no_drift = true;
            break;
        case 'f':
            o->faults_ms = number("faults-ms", optarg, 1000, 3600000);
            break;
        case 'l':
            list_kinds();
            exit(EXIT_WELL);
        case 'h':
            (void)fputs(help, stdout);
            exit(EXIT_WELL);
        default:
            (void)fputs("jvsim: see jvsim --help\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "jvsim: '%s' is not expected here; see jvsim --help\n", argv[optind]);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.first = 1, .count = 1, .jobs = 1};
    uint64_t to_shrink = UINT64_MAX;
    parse(argc, argv, &o, &to_shrink);
    if (to_shrink != UINT64_MAX) {
        return shrink_seed(to_shrink, argv[0]);
    }
    o.jobs = (uint32_t)JV_MIN((uint64_t)o.jobs, o.count);
    struct shared *shared = share();
    run_jobs(shared, &o);
    return report(shared, &o, argv[0]);
}
