/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jvscenario: runs scenario files and compares the transcript of each with the one that the file holds below its `---` line.
 *
 * usage: jvscenario [--bless] [--print] FILE ...
 *   --bless  write the transcript into the file instead of comparing
 *   --print  show the transcript
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define FILE_BYTES 524288U
#define REPEATS_MAX 10000U

struct scenario {
    const char *path;
    char *script; /* the lines above --- */
    char *golden; /* the transcript below it; NULL: there is none */
};

static bool read_file(const char *path, char *out)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        printf("# %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t n = fread(out, 1, FILE_BYTES - 1, f);
    out[n] = '\0';
    (void)fclose(f); /* read only */
    return n < FILE_BYTES - 1;
}

static bool split(struct scenario *sc, char *text)
{
    char *rule = strncmp(text, "---\n", 4) == 0 ? text : strstr(text, "\n---\n");
    sc->script = text;
    sc->golden = NULL;
    if (rule != NULL) {
        rule += rule == text ? 0 : 1;
        *rule = '\0';
        sc->golden = rule + 4;
    }
    return true;
}

/* The words of the line at `at`; gives where the next line begins. */
static char *read_line(char *at, char *copy, size_t cap, struct script_line *line)
{
    size_t len = strcspn(at, "\n");
    (void)snprintf(copy, cap, "%.*s", (int)len, at);
    copy[strcspn(copy, "#")] = '\0';
    line->len = 0;
    line->number++;
    char *save = NULL;
    for (char *word = strtok_r(copy, " \t", &save); word != NULL && line->len < SCRIPT_WORDS;
         word = strtok_r(NULL, " \t", &save)) {
        line->words[line->len++] = word;
    }
    return at[len] == '\0' ? at + len : at + len + 1;
}

/* `repeat N` ... `end`, one level; `$round` counts from 1. */
struct loop {
    char *from;
    uint32_t number;
    uint64_t left, round;
    char text[24];
};

static void put_round(struct loop *loop, struct script_line *line)
{
    (void)snprintf(loop->text, sizeof loop->text, "%" PRIu64, loop->round);
    for (uint32_t i = 0; i < line->len; i++) {
        line->words[i] = strcmp(line->words[i], "$round") == 0 ? loop->text : line->words[i];
    }
}

static bool run_script(struct script *s, const struct scenario *sc, uint32_t *number_out)
{
    struct script_line line = {.number = 0};
    struct loop loop = {.from = NULL};
    char copy[512];
    char *at = sc->script;
    while (*at != '\0') {
        at = read_line(at, copy, sizeof copy, &line);
        *number_out = line.number;
        if (line.len == 0) {
            continue;
        }
        put_round(&loop, &line);
        if (strcmp(line.words[0], "repeat") == 0) {
            loop.from = at;
            loop.number = line.number;
            loop.round = 1;
            if (!script_number(s, &line, 1, &loop.left) || loop.left > REPEATS_MAX) {
                return script_wrong(s, "repeat: 1..%u", REPEATS_MAX);
            }
        } else if (strcmp(line.words[0], "end") == 0 && loop.from != NULL) {
            if (--loop.left > 0) {
                loop.round++;
                at = loop.from;
                line.number = loop.number;
            }
        } else if (!script_run(s, &line)) {
            return false;
        }
    }
    return script_end(s);
}

/* The first line in which the transcripts differ. */
static bool compare(const struct script *s, const struct scenario *sc)
{
    const char *want = sc->golden != NULL ? sc->golden : "";
    const char *have = s->text;
    uint32_t number = 1;
    while (*want != '\0' || *have != '\0') {
        size_t want_len = strcspn(want, "\n");
        size_t have_len = strcspn(have, "\n");
        if (want_len != have_len || memcmp(want, have, want_len) != 0) {
            printf("# %s: line %u of the transcript was '%.*s' and is '%.*s'; if that is right: "
                   "jvscenario --bless %s\n",
                   sc->path, number, (int)want_len, want, (int)have_len, have, sc->path);
            return false;
        }
        want += want_len + (want[want_len] == '\n' ? 1 : 0);
        have += have_len + (have[have_len] == '\n' ? 1 : 0);
        number++;
    }
    return true;
}

static bool bless(const struct script *s, const struct scenario *sc)
{
    FILE *f = fopen(sc->path, "we");
    if (f == NULL) {
        printf("# %s: %s\n", sc->path, strerror(errno));
        return false;
    }
    bool ok = fprintf(f, "%s---\n%s", sc->script, s->text) > 0;
    return fclose(f) == 0 && ok;
}

static bool run_file(const char *path, bool is_blessing, bool is_printing)
{
    static char text[FILE_BYTES];
    static struct script s;
    struct scenario sc = {.path = path};
    uint32_t number = 0;
    if (!read_file(path, text) || !split(&sc, text)) {
        return false;
    }
    script_init(&s);
    bool ok = run_script(&s, &sc, &number);
    if (is_printing) {
        printf("%s", s.text);
    }
    if (!ok) {
        printf("# %s:%u: %s\n", path, number, s.error);
    } else {
        ok = is_blessing ? bless(&s, &sc) : compare(&s, &sc);
    }
    script_fini(&s);
    return ok;
}

int main(int argc, char **argv)
{
    bool is_blessing = false;
    bool is_printing = false;
    int failed = 0;
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        is_blessing = is_blessing || strcmp(argv[first], "--bless") == 0;
        is_printing = is_printing || strcmp(argv[first], "--print") == 0;
    }
    printf("1..%d\n", argc - first);
    for (int i = first; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        bool ok = run_file(argv[i], is_blessing, is_printing);
        failed += ok ? 0 : 1;
        printf("%s %d - %s\n", ok ? "ok" : "not ok", i - first + 1,
               slash != NULL ? slash + 1 : argv[i]);
    }
    return failed == 0 && first < argc ? 0 : 1;
}
