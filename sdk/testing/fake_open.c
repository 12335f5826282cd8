/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_open - what FILE and STREAM parameters become: real files, and streams that
 * exist only here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fake_internal.h"

static int open_file(struct fake_host *f, const struct volt_param *param, const char *path,
    struct volt_value *value, char *why, size_t why_size)
{
	int mode = param->type == VOLT_PARAM_FILE_RW ? O_RDWR : O_RDONLY;
	int fd = open(path, mode | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		int err = errno;

		snprintf(why, why_size, "cannot be opened: %s", strerror(err));
		return -err;
	}
	value->fd = fd;
	return 0;
}

/* True if `text` is `word` itself, or begins with it and a colon and a path follow. */
static bool is_kind(const char *text, const char *word, bool path)
{
	size_t len = strlen(word);

	if (strncmp(text, word, len) != 0)
		return false;
	return path ? text[len] == ':' && text[len + 1] : !text[len];
}

static int open_stream(
    struct fake_host *f, const char *text, struct volt_value *value, char *why, size_t why_size)
{
	bool present = is_kind(text, "stdio", false) || is_kind(text, "null", false) ||
		       is_kind(text, "file", true) || is_kind(text, "pipe", true);

	if (!present && !is_kind(text, "pty", false) && !is_kind(text, "unix", true)) {
		snprintf(
		    why, why_size, "must be stdio, null, pty, file:PATH, pipe:PATH or unix:PATH");
		return -EINVAL;
	}
	value->u = f->stream_count;
	f->streams[f->stream_count++] = (struct fake_stream){
	    .connected = present,
	    .limit = SIZE_MAX,
	};
	return 0;
}

int fake_open(void *arg, const struct volt_param *param, const char *text, struct volt_value *value,
    char *why, size_t why_size)
{
	if (param->type == VOLT_PARAM_STREAM)
		return open_stream(arg, text, value, why, why_size);
	return open_file(arg, param, text, value, why, why_size);
}
