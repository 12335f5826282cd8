/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * end_record - one line of JSON that tells why a VM ended, also when volt was killed.
 *
 * The helper writes it, for it outlives volt: volt-names(7) lists the members. All files are opened
 * before the seal; volt keeps none of those that are written.
 */
#ifndef CORE_END_RECORD_H
#define CORE_END_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/config.h"
#include "core/event/end.h"

/* What volt itself says of its end. */
struct end_note {
	int32_t code;
	uint32_t kind; /* enum end_kind */
	char why[sizeof(((struct vm_end *)0)->why)];
};

enum { END_RECORD_FILES = 4 };

#if VOLT_HAS_OPERATE

/* The record goes to `fd` too, which end_record now owns. Two at most. */
void end_record_add_file(int fd);
/* Opens what tells later how this process was killed. Only with a file. */
void end_record_prepare(void);
/* All descriptors, -1 where there is none, for the helper to keep under numbers of its own. */
void end_record_list_fds(int fds[END_RECORD_FILES]);
void end_record_set_fds(const int fds[END_RECORD_FILES]);
/* True if there is a file. */
bool end_record_wanted(void);
/* In volt, once the helper has them. */
void end_record_close(void);

/* After the death of `volt`, without its note: the signal that killed it, or 0: not known. */
int end_record_signal(pid_t volt);
/* Writes the line. `note`: NULL, or what volt said; `signal`: that killed it, or 0. */
void end_record_write(const struct end_note *note, int signal);

#else /* without names nobody asks for a record */

static inline void end_record_add_file(int fd)
{
}

static inline void end_record_prepare(void)
{
}

static inline void end_record_list_fds(int fds[END_RECORD_FILES])
{
	for (int i = 0; i < END_RECORD_FILES; i++)
		fds[i] = -1;
}

static inline void end_record_set_fds(const int fds[END_RECORD_FILES])
{
}

static inline bool end_record_wanted(void)
{
	return false;
}

static inline void end_record_close(void)
{
}

static inline int end_record_signal(pid_t volt)
{
	return 0;
}

static inline void end_record_write(const struct end_note *note, int signal)
{
}

#endif

#endif
