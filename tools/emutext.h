/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TOOLS_EMUTEXT_H
#define JV_TOOLS_EMUTEXT_H
/*
 * emutext -- what a link shall do, as words: single settings, and scripts of settings at moments.
 *
 *   seed 7                                       # anywhere, once; otherwise the user of the script has a seed
 *   at 0s both delay 20ms jitter 4ms             # several settings may share a line
 *   at 2s a->b loss 30%
 *   from 5s repeat 60 every 2s                   # times of the lines below count from each beginning
 *     at 0s both blackhole on
 *     at 1s both blackhole off
 *   end
 *
 * Directions  a->b (or a2b), b->a (or b2a), both.
 * Settings    delay TIME, jitter TIME, loss SHARE, burst ENTER LEAVE [LOSS], reorder SHARE by TIME, duplicate SHARE,
 *             rate RATE [queue BYTES], mtu BYTES answer|silent, blackhole on|off, clear; `off` ends burst, rate and mtu.
 * Values      TIME 20us 1.5ms 2s 3m 1h; SHARE 30% 0.5% 500ppm; RATE 64kbit 10mbit 1gbit.
 *
 * Owns     nothing.
 * Gives    steps in order of time; errors that name file, line, value and range.
 * Limits   EMU_STEPS_MAX settings once loops are written out, EMU_REPEATS_MAX rounds of a loop, EMU_SPAN_NS; loops do not nest.
 * Threads  one.
 */
#include <stddef.h>

#include "emu.h"

#define EMU_WORDS_MAX 32U
#define EMU_STEPS_MAX 4096U
#define EMU_REPEATS_MAX 2000U
#define EMU_SPAN_NS (24ULL * 3600U * 1000000000U)
#define EMU_ERROR_BYTES 240U
#define EMU_SETTING_BYTES 80U

enum emu_kind {
    EMU_SET_DELAY,
    EMU_SET_JITTER,
    EMU_SET_LOSS,
    EMU_SET_BURST,
    EMU_SET_REORDER,
    EMU_SET_DUPLICATE,
    EMU_SET_RATE,
    EMU_SET_MTU,
    EMU_SET_HOLE,
    EMU_SET_CLEAR
};

struct emu_setting {
    enum emu_kind kind;
    uint64_t values[3]; /* ns, ppm, bit/s, bytes, in the order of the words */
};

/* What a number without a unit means; 0: a unit is owed. */
struct emu_bare {
    uint64_t time_ns, share_ppm, rate_bits;
};

struct emu_words {
    const char *at[EMU_WORDS_MAX];
    uint32_t len;
};

struct emu_step {
    uint64_t at_ns;
    uint32_t order; /* breaks ties: as written */
    uint32_t dirs;  /* a bit each */
    struct emu_setting setting;
};

struct emu_script {
    struct emu_step steps[EMU_STEPS_MAX];
    uint32_t steps_len;
    bool has_seed;
    uint64_t seed;
};

struct emu_player {                  /* a script under way */
    const struct emu_script *script; /* NULL: none */
    uint64_t start_ns;
    uint32_t next;
};

/* The bits of `a->b`, `b2a`, `both`; 0: no direction. */
uint32_t emu_dirs_of(const char *word);
/*
 * One setting from words[*at]; *at moves behind it. False: `error` (EMU_ERROR_BYTES) says which value must be what.
 */
bool emu_setting_parse(const struct emu_words *words, uint32_t *at, const struct emu_bare *bare,
                       struct emu_setting *out, char *error);
void emu_setting_apply(const struct emu_setting *setting, struct emu_shape *shape);
/* As it would be written. */
void emu_setting_print(const struct emu_setting *setting, char out[EMU_SETTING_BYTES]);
/* A whole script; `text` is split in place. False: `error` (EMU_ERROR_BYTES) begins with NAME:LINE. */
bool emu_script_parse(const char *name, char *text, struct emu_script *out, char *error);
/* Reads the file and parses it. */
bool emu_script_load(const char *path, struct emu_script *out, char *error);
/* Apply what is due at `now_ns`. Gives the moment of the next step, UINT64_MAX behind the last. */
uint64_t emu_play(struct emu_player *player, uint64_t now_ns, struct emu *emu);
#endif /* JV_TOOLS_EMUTEXT_H */
