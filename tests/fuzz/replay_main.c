/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_main -- runs a fuzz target over the files of a corpus folder, without libFuzzer, and prints TAP.
 *
 * Every input is also given cut short at each length up to CUTS_MAX, because most parser bugs are reads past an early end. Targets that
 * drive cores are slower and take an input as it is: usage FOLDER [whole].
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1U << 20) /* larger corpus files are not worth their time */
#define CUTS_MAX 256U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The input is copied to an allocation of its exact size, so that a sanitizer sees the first byte read past its end. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, len);
    (void)LLVMFuzzerTestOneInput(copy, len); /* its result is for libFuzzer's corpus alone */
    free(copy);
}

static int replay(const char *folder, const char *name, size_t cuts_max, uint8_t *input)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return 1;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 1;
    }
    size_t len = fread(input, 1, INPUT_MAX, file);
    (void)fclose(file); /* read only: nothing can be lost */
    for (size_t cut = 0; cut < len && cut < cuts_max; cut++) {
        run(input, cut);
    }
    run(input, len);
    return 0;
}

int main(int argc, char **argv)
{
    bool is_whole = argc == 3 && strcmp(argv[2], "whole") == 0;
    if (argc != 2 && !is_whole) {
        (void)fprintf(stderr, "usage: %s FOLDER [whole]\n", argv[0]);
        return 2;
    }
    uint8_t *input = malloc(INPUT_MAX);
    struct dirent **entries = NULL;
    int count = scandir(argv[1], &entries, NULL, alphasort);
    if (input == NULL || count < 0) {
        (void)printf("1..1\nnot ok 1 - cannot read %s\n", argv[1]);
        return 1;
    }
    int done = 0;
    int bad = 0;
    run(input, 0);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            int err = replay(argv[1], entries[i]->d_name, is_whole ? 0 : CUTS_MAX, input);
            bad += err;
            done++;
            (void)printf("%s %d - %s\n", err == 0 ? "ok" : "not ok", done, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    free(input);
    (void)printf("1..%d\n", done);
    return bad == 0 ? 0 : 1;
}
