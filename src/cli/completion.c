/* SPDX-License-Identifier: Apache-2.0 */
#include "completion.h"

#include <string.h>

#include "base.h"

/* Words that follow a command; where there are none it takes a profile. */
static const struct {
    const char *command, *words;
} followers[] = {{"path", "ls test prefer disable enable"},
                 {"policy", "show"},
                 {"audit", "verify"},
                 {"import", "wg"},
                 {"hold", "off 10m 1h"},
                 {"completion", "bash zsh fish"}};

/* Within single quotes; of the three shells each reads it so. */
static void print_quoted(const char *text, FILE *file)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\'') {
            (void)fputs("'\\''", file);
        } else {
            (void)fputc(*at, file);
        }
    }
}

static void print_bash(const struct jv_cli_command *commands, size_t len, FILE *file)
{
    (void)fputs("# jv completion bash\n"
                "_jv_profiles() {\n"
                "    local f\n"
                "    for f in /run/jv/*.sock /etc/jv/*.conf; do\n"
                "        [ -e \"$f\" ] || continue\n"
                "        f=${f##*/}\n"
                "        printf '%s\\n' \"${f%.*}\"\n"
                "    done | sort -u\n"
                "}\n"
                "_jv() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
                "    COMPREPLY=()\n"
                "    case $COMP_CWORD:${COMP_WORDS[1]} in\n"
                "    1:*) words='",
                file);
    for (size_t i = 0; i < len; i++) {
        (void)fprintf(file, "%s%s", i == 0 ? "" : " ", commands[i].name);
    }
    (void)fputs("' ;;\n", file);
    for (size_t i = 0; i < JV_ARRAY_LEN(followers); i++) {
        (void)fprintf(file, "    2:%s) words='%s' ;;\n", followers[i].command, followers[i].words);
    }
    (void)fputs("    *:replay | *:check | 3:audit | 3:import)\n"
                "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                "        return\n"
                "        ;;\n"
                "    3:policy) words=\"strict mobile fast --session $(_jv_profiles)\" ;;\n"
                "    *) words=\"--json --help $(_jv_profiles)\" ;;\n"
                "    esac\n"
                "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "}\n"
                "complete -o default -F _jv jv\n",
                file);
}

static void print_zsh(const struct jv_cli_command *commands, size_t len, FILE *file)
{
    (void)fputs("#compdef jv\n"
                "_jv() {\n"
                "    local -a commands profiles\n"
                "    commands=(\n",
                file);
    for (size_t i = 0; i < len; i++) {
        (void)fprintf(file, "        '%s:", commands[i].name);
        print_quoted(commands[i].summary, file);
        (void)fputs("'\n", file);
    }
    (void)fputs("    )\n"
                "    profiles=(/run/jv/*.sock(N:t:r) /etc/jv/*.conf(N:t:r))\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    case $CURRENT:$words[2] in\n",
                file);
    for (size_t i = 0; i < JV_ARRAY_LEN(followers); i++) {
        (void)fprintf(file, "    3:%s) compadd -- %s ;;\n", followers[i].command,
                      followers[i].words);
    }
    (void)fputs("    *:replay|*:check|4:audit|4:import) _files ;;\n"
                "    4:policy) compadd -- strict mobile fast --session $profiles ;;\n"
                "    *) compadd -- --json --help $profiles ;;\n"
                "    esac\n"
                "}\n"
                "compdef _jv jv\n",
                file);
}

static void print_fish(const struct jv_cli_command *commands, size_t len, FILE *file)
{
    (void)fputs("# jv completion fish\n"
                "function __jv_profiles\n"
                "    for f in /run/jv/*.sock /etc/jv/*.conf\n"
                "        string replace -r '.*/(.*)\\.[a-z]+$' '$1' $f\n"
                "    end | sort -u\n"
                "end\n"
                "complete -c jv -f\n"
                "complete -c jv -n 'not __fish_use_subcommand' -a '(__jv_profiles)'\n",
                file);
    for (size_t i = 0; i < len; i++) {
        (void)fprintf(file, "complete -c jv -n __fish_use_subcommand -a %s -d '", commands[i].name);
        print_quoted(commands[i].summary, file);
        (void)fputs("'\n", file);
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(followers); i++) {
        (void)fprintf(file, "complete -c jv -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                      followers[i].command, followers[i].words);
    }
    (void)fputs("complete -c jv -n '__fish_seen_subcommand_from replay check audit import' -F\n",
                file);
}

int jv_completion_print(const char *shell, const struct jv_cli_command *commands, size_t len,
                        FILE *file)
{
    static const struct {
        const char *shell;
        void (*print)(const struct jv_cli_command *, size_t, FILE *);
    } table[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < JV_ARRAY_LEN(table); i++) {
        if (strcmp(table[i].shell, shell) == 0) {
            table[i].print(commands, len, file);
            return JV_EXIT_OK;
        }
    }
    return JV_EXIT_USAGE;
}
