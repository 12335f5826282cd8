/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * guard - what a plugin's code must leave as it found it while the machine is wired.
 *
 * A plugin is trusted and could hide what it does; this finds what one does by mistake or
 * by habit: files, threads, processes and timers left behind, signals, limits and
 * directories changed, an exit() where an error was meant. The process around each call
 * is compared before and after; what differs is a refusal that names the plugin.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

/* Before the first plugin; from here on until guard_finish() a call that does not come
 * back within GUARD_LIMIT_S ends volt. */
void guard_begin(void);
void guard_finish(void);

#define GUARD_LIMIT_S 10

/* Around each call into plugin `id`: `step` names the callback. leave returns 0, or -EPERM
 * once the fault has been said in the log. Outside of begin and finish they do nothing. */
void guard_enter(const char *id, const char *step);
int guard_leave(void);

/* The core itself opened files, loaded code or the like since the last call: the next one is
 * compared with what it finds, not with what the last one left. */
void guard_forget(void);

#endif
