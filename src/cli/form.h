/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_FORM_H
#define JV_CLI_FORM_H
/*
 * form -- what a daemon's JSON looks like to people: status, table of paths, table of sessions.
 *
 * Members that are missing are left out of the text: an older daemon may not know them.
 * Threads  any.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base.h"
#include "cli.h"

#define JV_FORM_BYTES 32U /* a duration or a size with its NUL */

/* A member of a daemon's JSON: 0 and "" where it is missing or of another kind. */
uint64_t jv_form_member(const json_t *object, const char *key);
const char *jv_form_word(const json_t *object, const char *key);
/* "2h14m", "1d 3h", "850ms": the two largest units. */
void jv_form_duration(uint64_t ms, char out[JV_FORM_BYTES]);
/* "18.42 GiB". */
void jv_form_size(uint64_t bytes, char out[JV_FORM_BYTES]);
/* The result of "status". */
void jv_form_status(const struct jv_cli *cli, const json_t *status, FILE *file);
/* The result of "paths". */
void jv_form_paths(const json_t *paths, FILE *file);
/* One row for each session of a page of "sessions"; the heading where `has_heading`. */
void jv_form_sessions(const json_t *sessions, bool has_heading, FILE *file);
/* The result of "would": may the session move to `wanted`, which limit says no, and what a free choice would take. */
void jv_form_verdict(const char *wanted, const json_t *verdict, FILE *file);
/* Digits only, at most `max`. */
bool jv_form_number(const char *text, uint64_t max, uint64_t *out);
/* The exit code of `jv status -q`. */
int jv_form_exit(const json_t *status);
#endif /* JV_CLI_FORM_H */
