/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_DESCRIBE_H
#define JV_CLI_DESCRIBE_H
/*
 * describe -- a record in words for people, and the pieces of JSON that the commands print themselves.
 *
 * Text     from a record goes to a terminal without control characters; "?" stands in their place.
 * Times    are local; width counts columns, so that arrows and umlauts do not move what follows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "record.h"

#define JV_DESCRIBE_BYTES 512U

enum jv_describe_time { JV_TIME_OF_DAY, JV_DATE_AND_TIME };

/* "09:12:41.402" or "2026-11-21 09:12:41.402". */
void jv_describe_time(uint64_t wall_ns, enum jv_describe_time form, char *out, size_t cap);
/* "231 ms", "48.1 ms", "8 s", "2h 14m". */
void jv_describe_us(uint64_t us, char *out, size_t cap);
/* What was measured, next to the limit it was held against: "silent 231 ms (limit 200 ms), 14 unanswered". May be empty. */
void jv_describe_seen(const struct jv_record *rec, char *out, size_t cap);
/* Limits of the record, in words; those that jv_describe_seen() has named already are left out. */
void jv_describe_limits(const struct jv_record *rec, char *out, size_t cap);
/* "ATTACHED → VOLATILE", or the event's name where it is no transition. */
void jv_describe_what(const struct jv_record *rec, char *out, size_t cap);
/* Escape code of a state for cli->colour, else "". */
const char *jv_describe_colour(const struct jv_cli *cli, const struct jv_record *rec);
const char *jv_describe_plain(const struct jv_cli *cli);
/* Copy without control characters. */
void jv_describe_text(const char *text, char *out, size_t cap);
/* Print `text` and fill up to `width` columns. */
void jv_print_wide(const char *text, size_t width);
/* Print a JSON string with its quotes. */
void jv_print_json(const char *text);
/* Print the record as its line stands in the file, without newline. */
void jv_print_record(const struct jv_record_line *line);
void jv_print_sid(const struct jv_sid *sid);
#endif /* JV_CLI_DESCRIBE_H */
