/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/share_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -EINVAL;
}

/* Up to the first single comma; NULL: it is too long. */
static const char *take_folder(struct share_spec *s, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && (*text != ',' || text[1] == ','); text++) {
		if (n == sizeof(s->folder) - 1)
			return NULL;
		text += *text == ',';
		s->folder[n++] = *text;
	}
	s->folder[n] = '\0';
	return text;
}

/* It becomes a part of one word of the kernel's command line. */
static bool is_place(const char *at, size_t n)
{
	if (n == 0 || n >= SHARE_AT_MAX || at[0] != '/')
		return false;
	for (size_t i = 0; i < n; i++)
		if (at[i] <= ' ' || at[i] == '"' || at[i] == 0x7f)
			return false;
	return true;
}

static int take_word(struct share_spec *s, const char *word, size_t n, char *why, size_t size)
{
	if (n == 2 && strncmp(word, "ro", n) == 0) {
		s->read_only = true;
		return 0;
	}
	if (n < 3 || strncmp(word, "at=", 3) != 0)
		return refuse(
		    why, size, "give DIR, DIR,ro or DIR,at=FOLDER; a comma in DIR is typed twice");
	if (!is_place(word + 3, n - 3))
		return refuse(why, size,
		    "at= takes a path of the guest that begins with / and has neither blanks nor "
		    "quotes");
	memcpy(s->at, word + 3, n - 3);
	s->at[n - 3] = '\0';
	return 0;
}

/* "fd:N"; a folder of such a name is typed ./fd:N. */
static int take_number(struct share_spec *s, char *why, size_t size)
{
	char *end;

	if (strncmp(s->folder, "fd:", 3) != 0)
		return 0;
	const long fd = strtol(s->folder + 3, &end, 10);
	if (s->folder[3] < '0' || s->folder[3] > '9' || *end != '\0' || fd < 3 || fd > INT_MAX)
		return refuse(why, size, "fd: takes the number of an inherited socket, from 3 on");
	s->fd = (int)fd;
	s->folder[0] = '\0';
	return 0;
}

int share_spec_parse(struct share_spec *s, const char *text, char *why, size_t size)
{
	s->read_only = false;
	s->fd = -1;
	snprintf(s->at, sizeof(s->at), SHARE_DEFAULT);
	text = take_folder(s, text);
	if (!text)
		return refuse(why, size, "the name is too long");
	if (s->folder[0] == '\0')
		return refuse(why, size, "the name is empty");
	s->words = text;
	while (*text == ',') {
		const size_t n = strcspn(++text, ",");
		const int err = take_word(s, text, n, why, size);

		if (err)
			return err;
		text += n;
	}
	return take_number(s, why, size);
}
