/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_CLIENT_H
#define JV_CLI_CLIENT_H
/*
 * client -- one request to a running daemon, over its control socket.
 *
 * Limits   JV_CLIENT_WAIT_S for an answer, JV_CLIENT_REPLY_BYTES of it.
 * Threads  any.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "cli.h"

#define JV_CLIENT_WAIT_S 10
#define JV_CLIENT_REPLY_BYTES (1024U * 1024U)
#define JV_CLIENT_NAME_BYTES 64U
#define JV_CLIENT_PROFILES_MAX 64U

/*
 * Ask the daemon of profile `name`. `args` (may be NULL, taken over) are further members of the request. Returns the result, a new
 * reference; NULL: `*exit_out` is the exit code, and unless `is_quiet` the message went to standard error.
 */
json_t *jv_client_call(const struct jv_cli *cli, const char *name, const char *cmd, json_t *args,
                       bool is_quiet, int *exit_out);

/*
 * What a daemon says goes to a terminal: in the text of a reply, escapes of control characters become question marks, in names and
 * values alike; the end of a line stays. In place.
 */
void jv_client_soften(char *text, size_t len);

/* Profiles with a control socket in the run directory, sorted; returns how many. */
uint32_t jv_client_profiles(const struct jv_cli *cli,
                            char names[JV_CLIENT_PROFILES_MAX][JV_CLIENT_NAME_BYTES]);
/* The profile meant by `given`, or, where that is NULL, the only one that runs. False: said why, `*exit_out`. */
bool jv_client_profile(const struct jv_cli *cli, const char *given, char out[JV_CLIENT_NAME_BYTES],
                       int *exit_out);
#endif /* JV_CLI_CLIENT_H */
