/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a script of the link emulator: refused with place and reason, or steps in order of time that parse again as they are printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emutext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096U

static struct emu_script script, again;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void setting_is_stable(const struct emu_setting *setting)
{
    char text[EMU_SETTING_BYTES];
    char line[EMU_SETTING_BYTES + 32];
    char error[EMU_ERROR_BYTES] = "";
    emu_setting_print(setting, text);
    (void)snprintf(line, sizeof line, "at 0s both %s\n", text);
    must(emu_script_parse("printed", line, &again, error));
    must(again.steps_len == 1 && again.steps[0].setting.kind == setting->kind);
    emu_setting_print(&again.steps[0].setting,
                      line); /* what is finer than a microsecond is gone by now */
    must(strcmp(line, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[EMU_ERROR_BYTES] = "";
    if (size > TEXT_MAX) {
        return 0;
    }
    char *text = malloc(size + 1);
    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (emu_script_parse("fuzz", text, &script, error)) {
        must(script.steps_len <= EMU_STEPS_MAX);
        for (uint32_t i = 0; i < script.steps_len; i++) {
            must(i == 0 || script.steps[i].at_ns >= script.steps[i - 1].at_ns);
            must(script.steps[i].at_ns <= EMU_SPAN_NS);
            must(script.steps[i].dirs != 0);
            if (i < 64) {
                setting_is_stable(&script.steps[i].setting);
            }
        }
    } else {
        must(strncmp(error, "fuzz:", 5) == 0);
    }
    free(text);
    return 0;
}
