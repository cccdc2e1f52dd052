/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jv top [NAME]: the sessions of a daemon, live. q quit, / filter, enter explain, e events, p paths.
 *
 * topview.c decides what stands where; here are the terminal, the keys and the questions to the daemon.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auditfile.h"
#include "cli.h"
#include "client.h"
#include "crypto.h"
#include "describe.h"
#include "form.h"
#include "topview.h"

#define REFRESH_MS 1000
#define PAGES_MAX (JV_TOP_ROWS / 64U) /* the daemon gives 64 sessions a page */
#define TAIL_BYTES 65536L             /* of the audit file, for the newest events */
#define PLAIN_COLUMNS 120U
#define PLAIN_LINES 60U
#define KEY_ESCAPE 27

enum view { VIEW_SESSIONS, VIEW_PATHS, VIEW_EVENTS };

struct screen {
    const struct jv_cli *cli;
    char profile[JV_CLIENT_NAME_BYTES];
    char audit[JV_AUDITFILE_PATH_BYTES]; /* the daemon's file; "": none */
    struct jv_top top;
    struct jv_top_line lines[JV_TOP_LINES];
    enum view view;
    bool is_typing; /* a filter */
    bool has_answer;
};

/* ---- asking ---- */

static uint64_t now_ns(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* Times and size of the daemon's process; unknown on another host's /proc, or without the right. */
static struct jv_top_process process_of(json_int_t pid)
{
    struct jv_top_process process = {0};
    char path[64];
    char text[1024];
    unsigned long long user = 0;
    unsigned long long system = 0;
    long long pages = 0;
    (void)snprintf(path, sizeof(path), "/proc/%" JSON_INTEGER_FORMAT "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return process;
    }
    size_t len = fread(text, 1, sizeof(text) - 1U, file);
    (void)fclose(file); /* it was only read */
    text[len] = '\0';
    /* proc(5): behind the name in brackets come state, then fields 4 to 13, utime and stime, and rss as field 24. */
    const char *at = strrchr(text, ')');
    long ticks = sysconf(_SC_CLK_TCK);
    long page = sysconf(_SC_PAGESIZE);
    if (at == NULL || ticks <= 0 || page <= 0 ||
        sscanf(at + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
               "%*d %*u %*u %lld",
               &user, &system, &pages) != 3) {
        return process;
    }
    process.cpu_ms = (user + system) * 1000U / (uint64_t)ticks;
    process.rss_kib = pages < 0 ? 0 : (uint64_t)pages * (uint64_t)page / 1024U;
    process.is_known = true;
    return process;
}

static json_t *all_sessions(const struct screen *s, const json_t *status)
{
    json_t *all = json_array();
    if (strcmp(jv_form_word(status, "role"), "gateway") != 0) {
        json_t *session = json_object_get(status, "session");
        if (json_is_object(session)) {
            json_array_append(all, session);
        }
        return all;
    }
    json_int_t cursor = 0;
    for (uint32_t i = 0; i < PAGES_MAX && (i == 0 || cursor > 0); i++) {
        int code = JV_EXIT_OK;
        json_t *args = json_object();
        if (cursor > 0) {
            json_object_set_new(args, "cursor", json_integer(cursor));
        }
        json_t *page = jv_client_call(s->cli, s->profile, "sessions", args, true, &code);
        json_array_extend(all, json_object_get(page, "sessions"));
        cursor = json_integer_value(json_object_get(page, "next"));
        json_decref(page);
    }
    return all;
}

static int look(struct screen *s, bool is_quiet)
{
    int code = JV_EXIT_OK;
    json_t *status = jv_client_call(s->cli, s->profile, "status", NULL, is_quiet, &code);
    s->has_answer = status != NULL;
    if (status == NULL) {
        return code;
    }
    const char *audit = json_string_value(json_object_get(status, "audit"));
    (void)snprintf(s->audit, sizeof(s->audit), "%s", audit == NULL ? "" : audit);
    json_t *counters = jv_client_call(s->cli, s->profile, "counters", NULL, true, &code);
    struct jv_top_process process = process_of(json_integer_value(json_object_get(status, "pid")));
    jv_top_take(&s->top, now_ns(), status, all_sessions(s, status), counters, &process);
    return JV_EXIT_OK;
}

/* ---- events ---- */

static void event_line(const struct jv_record *rec, uint32_t width, struct jv_top_line *line)
{
    char when[32];
    char what[64];
    char seen[JV_DESCRIBE_BYTES];
    char path[JV_NAME_BYTES];
    jv_describe_time(rec->at.ns, JV_TIME_OF_DAY, when, sizeof(when));
    jv_describe_what(rec, what, sizeof(what));
    jv_describe_seen(rec, seen, sizeof(seen));
    jv_describe_text(rec->path, path, sizeof(path));
    line->look = rec->row != JV_ROW_NONE ? JV_LOOK_HEAD : JV_LOOK_PLAIN;
    (void)snprintf(line->text, sizeof(line->text), " %s %02x%02x%02x%02x %s  %s  %s  %s", when,
                   (unsigned)rec->sid.b[0], (unsigned)rec->sid.b[1], (unsigned)rec->sid.b[2],
                   (unsigned)rec->sid.b[3], what,
                   rec->reason == JV_WHY_NONE ? "" : jv_why_name((enum jv_why)rec->reason), path,
                   seen);
    jv_top_cut(line->text, width);
}

/* The newest records of the audit file, the last one at the bottom. */
static uint32_t event_lines(struct screen *s, uint32_t width, uint32_t height)
{
    struct jv_auditfile file = {0};
    uint32_t len = 0;
    uint32_t max = JV_MIN(height, JV_TOP_LINES);
    (void)snprintf(file.path, sizeof(file.path), "%s", s->audit);
    file.stream = s->audit[0] == '\0' ? NULL : fopen(s->audit, "re");
    if (file.stream == NULL) {
        const char *why = s->audit[0] == '\0' ? "the daemon writes no audit file" : strerror(errno);
        (void)snprintf(s->lines[0].text, sizeof(s->lines[0].text), " no events: %.200s", why);
        s->lines[0].look = JV_LOOK_DOUBT;
        return 1;
    }
    if (fseek(file.stream, -TAIL_BYTES, SEEK_END) == 0) {
        (void)jv_auditfile_next(&file); /* the rest of a line that was cut */
    }
    while (max > 0 && jv_auditfile_next(&file)) {
        struct jv_record_line line;
        if (jv_record_read(file.line, file.len, &line) == JV_E_SYNTAX) {
            continue;
        }
        if (len == max) {
            memmove(&s->lines[0], &s->lines[1], (max - 1U) * sizeof(s->lines[0]));
            len--;
        }
        event_line(&line.rec, width, &s->lines[len++]);
    }
    jv_auditfile_close(&file);
    return len;
}

/* ---- the terminal ---- */

static attr_t attributes(const struct screen *s, enum jv_top_look look)
{
    bool is_painted = s->cli->colour && has_colors();
    switch (look) {
    case JV_LOOK_PLAIN:
        return A_NORMAL;
    case JV_LOOK_HEAD:
        return A_BOLD;
    case JV_LOOK_GOOD:
        return is_painted ? (attr_t)COLOR_PAIR(1) : A_NORMAL;
    case JV_LOOK_DOUBT:
        return is_painted ? (attr_t)COLOR_PAIR(2) : A_NORMAL;
    case JV_LOOK_BAD:
        return is_painted ? (attr_t)COLOR_PAIR(3) : A_BOLD;
    case JV_LOOK_CHOSEN:
        return A_REVERSE;
    }
    return A_NORMAL;
}

static void draw(struct screen *s)
{
    int height = 0;
    int width = 0;
    getmaxyx(stdscr, height, width);
    if (height < 3 || width < 20) {
        return;
    }
    uint32_t columns = JV_MIN((uint32_t)width, JV_TOP_COLUMNS_MAX);
    uint32_t rows = (uint32_t)height - 1U; /* the last line is for keys */
    uint32_t len = s->view == VIEW_EVENTS  ? event_lines(s, columns, rows)
                   : s->view == VIEW_PATHS ? jv_top_paths(&s->top, columns, rows, s->lines)
                                           : jv_top_sessions(&s->top, columns, rows, s->lines);
    (void)erase();
    for (uint32_t i = 0; i < len; i++) {
        attr_t attr = attributes(s, s->lines[i].look);
        (void)attron(attr);
        (void)mvaddstr((int)i, 0, s->lines[i].text);
        (void)attroff(attr);
    }
    char keys[JV_TOP_LINE_BYTES];
    if (s->is_typing) {
        (void)snprintf(keys, sizeof(keys), "/%s", s->top.filter);
    } else if (!s->has_answer) {
        (void)snprintf(keys, sizeof(keys), " %s does not answer; what stands here is old. q quit",
                       s->profile);
    } else {
        (void)snprintf(keys, sizeof(keys),
                       " q quit  / filter%s%s  enter explain  e events  p paths",
                       s->top.filter[0] == '\0' ? "" : ": ", s->top.filter);
    }
    jv_top_cut(keys, columns - 1U); /* a character in the last corner would scroll some terminals */
    (void)mvaddstr(height - 1, 0, keys);
    (void)refresh();
}

/* The story of the chosen session on the ordinary screen, until a key is pressed. */
static void explain(struct screen *s)
{
    char command[] = "explain";
    char option[] = "--file";
    char file[JV_AUDITFILE_PATH_BYTES];
    char sid[JV_TOP_SID_BYTES];
    char *argv[] = {command, option, file, sid, NULL};
    (void)snprintf(file, sizeof(file), "%s", s->audit);
    (void)snprintf(sid, sizeof(sid), "%s", s->top.chosen);
    (void)def_prog_mode();
    (void)endwin();
    (void)printf("\n");
    (void)fflush(stdout);
    if (sid[0] == '\0' || file[0] == '\0') {
        (void)printf("there is %s to explain\n", sid[0] == '\0' ? "no session" : "no audit file");
    } else {
        struct jv_cli plain = *s->cli;
        plain.json = false;
        (void)jv_cli_explain(4, argv, &plain); /* it says itself what is wrong */
    }
    (void)printf("\npress enter");
    (void)fflush(stdout);
    int c;
    do {
        c = getchar();
    } while (c != EOF && c != '\n' && c != '\r' && c != 'q');
    (void)reset_prog_mode();
    (void)clearok(stdscr, true);
}

static void type(struct screen *s, int key)
{
    size_t len = strlen(s->top.filter);
    if (key == '\n' || key == '\r' || key == KEY_ENTER) {
        s->is_typing = false;
    } else if (key == KEY_ESCAPE) {
        s->is_typing = false;
        s->top.filter[0] = '\0';
    } else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && len > 0) {
        s->top.filter[len - 1U] = '\0';
    } else if (key >= ' ' && key < 127 && len + 1U < sizeof(s->top.filter)) {
        s->top.filter[len] = (char)key;
        s->top.filter[len + 1U] = '\0';
    }
    jv_top_arrange(&s->top);
}

/* False: quit. */
static bool press(struct screen *s, int key)
{
    if (s->is_typing) {
        type(s, key);
        return true;
    }
    switch (key) {
    case 'q':
        return false;
    case '/':
        s->is_typing = true;
        s->top.filter[0] = '\0';
        s->view = VIEW_SESSIONS;
        jv_top_arrange(&s->top);
        break;
    case 'e':
        s->view = s->view == VIEW_EVENTS ? VIEW_SESSIONS : VIEW_EVENTS;
        break;
    case 'p':
        s->view = s->view == VIEW_PATHS ? VIEW_SESSIONS : VIEW_PATHS;
        break;
    case KEY_ESCAPE:
        s->view = VIEW_SESSIONS;
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
        explain(s);
        break;
    case KEY_DOWN:
    case 'j':
        jv_top_move(&s->top, 1);
        break;
    case KEY_UP:
    case 'k':
        jv_top_move(&s->top, -1);
        break;
    case KEY_NPAGE:
        jv_top_move(&s->top, 20);
        break;
    case KEY_PPAGE:
        jv_top_move(&s->top, -20);
        break;
    default: /* KEY_RESIZE too: the next drawing fits */
        break;
    }
    return true;
}

static void run(struct screen *s)
{
    uint64_t due = now_ns() + REFRESH_MS * 1000000ULL;
    for (bool goes_on = true; goes_on;) {
        draw(s);
        uint64_t now = now_ns();
        timeout(now >= due ? 0 : (int)((due - now) / 1000000U) + 1);
        int key = getch();
        if (key != ERR) {
            goes_on = press(s, key);
        }
        if (now_ns() >= due) {
            (void)look(s, true); /* where nobody answers the last line says so */
            due = now_ns() + REFRESH_MS * 1000000ULL;
        }
        goes_on = goes_on && (key != ERR || isatty(STDIN_FILENO) == 1); /* the terminal is gone */
    }
}

static int on_terminal(struct screen *s)
{
    SCREEN *terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        const char *term = getenv("TERM");
        (void)fprintf(stderr, "%s top: cannot use the terminal '%s'; see '%s top --once'\n",
                      s->cli->program, term == NULL ? "" : term, s->cli->program);
        return JV_EXIT_FAILED;
    }
    (void)set_escdelay(50);
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, true);
    (void)curs_set(0);
    if (s->cli->colour && has_colors()) {
        (void)start_color();
        (void)use_default_colors();
        (void)init_pair(1, COLOR_GREEN, -1);
        (void)init_pair(2, COLOR_YELLOW, -1);
        (void)init_pair(3, COLOR_RED, -1);
    }
    run(s);
    (void)endwin();
    delscreen(terminal);
    return JV_EXIT_OK;
}

/* ---- the command ---- */

static int print_once(struct screen *s, bool is_json)
{
    if (is_json) {
        json_t *both =
            json_pack("{s:O, s:O}", "status", s->top.status, "sessions", s->top.sessions);
        (void)json_dumpf(both, stdout, JSON_INDENT(2)); /* a broken pipe is the reader's choice */
        (void)putchar('\n');
        json_decref(both);
        return JV_EXIT_OK;
    }
    uint32_t len = jv_top_sessions(&s->top, PLAIN_COLUMNS, PLAIN_LINES, s->lines);
    for (uint32_t i = 0; i < len; i++) {
        (void)puts(s->lines[i].text);
    }
    return JV_EXIT_OK;
}

static bool is_utf8(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* what it means to say is asked below */
    }
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int jv_cli_top(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'}, {"once", no_argument, NULL, '1'}, {NULL, 0, NULL, 0}};
    bool is_json = cli->json;
    bool is_once = false;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt == '?') {
            return JV_EXIT_USAGE;
        }
        is_json = is_json || opt == 'j';
        is_once = is_once || opt == '1';
    }
    if (argc - optind > 1) {
        return JV_EXIT_USAGE;
    }
    bool is_terminal = isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
    if (!is_json && !is_once && !is_terminal) {
        (void)fprintf(stderr, "%s top: this is no terminal; see '%s top --once'\n", cli->program,
                      cli->program);
        return JV_EXIT_USAGE;
    }
    struct screen *s = calloc(1, sizeof(*s));
    if (s == NULL || jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s top: out of memory\n", cli->program);
        free(s);
        return JV_EXIT_FAILED;
    }
    int code = JV_EXIT_OK;
    s->cli = cli;
    s->top.is_ascii = !is_utf8();
    if (jv_client_profile(cli, optind < argc ? argv[optind] : NULL, s->profile, &code)) {
        code = look(s, false);
        if (code == JV_EXIT_OK) {
            code = is_json || is_once ? print_once(s, is_json) : on_terminal(s);
        }
    }
    jv_top_free(&s->top);
    free(s);
    return code;
}
