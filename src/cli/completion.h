/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_COMPLETION_H
#define JV_CLI_COMPLETION_H
/*
 * completion -- scripts by which bash, zsh and fish complete the words of `jv`, made from the table of commands.
 *
 * Threads  any.
 */
#include <stddef.h>
#include <stdio.h>

#include "cli.h"

/* JV_EXIT_USAGE: there is no script for this shell. */
int jv_completion_print(const char *shell, const struct jv_cli_command *commands, size_t len,
                        FILE *file);
#endif /* JV_CLI_COMPLETION_H */
