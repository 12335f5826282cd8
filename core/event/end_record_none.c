/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * end_record_none.c - for a build without names.
 */
#include "core/event/end_record.h"

void end_record_add_file(int fd)
{
}

void end_record_prepare(void)
{
}

void end_record_list_fds(int fds[END_RECORD_FILES])
{
	for (int i = 0; i < END_RECORD_FILES; i++)
		fds[i] = -1;
}

void end_record_set_fds(const int fds[END_RECORD_FILES])
{
}

bool end_record_wanted(void)
{
	return false;
}

void end_record_close(void)
{
}

int end_record_signal(pid_t volt)
{
	return 0;
}

void end_record_write(const struct end_note *note, int signal)
{
}
