/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * inherit - what a process gets from its parent, and what volt makes of it.
 */
#ifndef CORE_INHERIT_H
#define CORE_INHERIT_H

struct machine;

/* First of all: standard descriptors exist, signals are at their defaults, and nothing
 * of the environment reaches a plugin. If the environment told the dynamic linker what
 * to load, volt starts itself anew without it; `argv` is what it was started with. */
void inherit_clean(char **argv);
/* Opens the files that the options name, then closes every other inherited descriptor,
 * so that names such as /dev/fd/5 still work. 0 or -errno, said in the log. */
int inherit_open_files(struct machine *m);

#endif
