/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/common/params.h"

const char *const store_images[] = {"vmlinux", "bzImage", "kernel", NULL};

int store_locate(char *path, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n = -1;

	/* The XDG base directory specification ignores a path that is not absolute. */
	if (data && data[0] == '/')
		n = snprintf(path, size, "%s/volt/kernels", data);
	else if (home && home[0] == '/')
		n = snprintf(path, size, "%s/.local/share/volt/kernels", home);
	if (n >= 0 && (size_t)n < size)
		return 0;
	path[0] = '\0';
	return n < 0 ? -ENOENT : -ENAMETOOLONG;
}

bool store_may_name(const char *word)
{
	if (word[0] == '\0' || word[0] == '.')
		return false;
	for (const char *c = word; *c != '\0'; c++)
		if (*c == '/' || *c <= ' ' || *c > '~')
			return false;
	return true;
}

/* ------------------------------------------------------------------ the names */

struct search {
	const char *word;
	size_t len;
	char *name;                 /* the first that fits */
	char other[STORE_NAME_MAX]; /* the second */
	char near[STORE_NAME_MAX];  /* one that a slip may have meant */
	unsigned fitting;
	bool exact;
};

/* All names that come here fit: is_kernel(). */
static void keep(char to[STORE_NAME_MAX], const char *name)
{
	memcpy(to, name, strlen(name) + 1);
}

/* As long as the word, so that a wrong beginning is near the right one. */
static void compare(struct search *s, const char *name)
{
	char start[STORE_NAME_MAX];
	const char *const starts[] = {start, name, NULL};

	if (strcmp(name, s->word) == 0) {
		s->exact = true;
		keep(s->name, name);
		return;
	}
	if (strncmp(name, s->word, s->len) == 0) {
		if (s->fitting++ == 0)
			keep(s->name, name);
		else
			keep(s->other, name);
		return;
	}
	snprintf(start, sizeof(start), "%.*s", (int)s->len, name);
	if (nearest_name(s->word, starts))
		keep(s->near, name);
}

/* A kernel's folder, or what may be one where the file system does not tell. */
static bool is_kernel(const struct dirent *e)
{
	return store_may_name(e->d_name) && strlen(e->d_name) < STORE_NAME_MAX &&
	       (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN);
}

static int look_up(const char *path, struct search *s, char *why, size_t why_size)
{
	DIR *folder = opendir(path);
	struct dirent *e;

	if (!folder) {
		int err = errno;

		snprintf(why, why_size, "the store %s %s%s", path,
		    err == ENOENT ? "is not there" : "cannot be read: ",
		    err == ENOENT ? "" : strerror(err));
		return -err;
	}
	while (!s->exact && (e = readdir(folder)))
		if (is_kernel(e))
			compare(s, e->d_name);
	closedir(folder);
	if (s->exact || s->fitting == 1)
		return 0;
	if (s->fitting > 1)
		snprintf(why, why_size, "%u kernels in %s match that prefix, such as %s and %s",
		    s->fitting, path, s->name, s->other);
	else
		snprintf(why, why_size, "no kernel in %s has that name%s%s%s", path,
		    s->near[0] != '\0' ? "; did you mean " : "", s->near,
		    s->near[0] != '\0' ? "?" : "");
	return s->fitting > 1 ? -ENOTUNIQ : -ENOENT;
}

/* The link must name a kernel beside it: whoever can write it can write the kernels. */
static int read_default(const char *path, char name[STORE_NAME_MAX], char *why, size_t why_size)
{
	char link[4096 + sizeof(STORE_DEFAULT) + 1];
	int len = snprintf(link, sizeof(link), "%s/" STORE_DEFAULT, path);
	ssize_t n = -1;

	if (len > 0 && (size_t)len < sizeof(link))
		n = readlink(link, name, STORE_NAME_MAX);
	if (n > 0 && n < STORE_NAME_MAX) {
		name[n] = '\0';
		if (store_may_name(name) && strcmp(name, STORE_DEFAULT) != 0)
			return 0;
	}
	snprintf(why, why_size, "no default kernel is set in %s: volt-kernel default NAME", path);
	return -ENOENT;
}

int store_find(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size)
{
	char linked[STORE_NAME_MAX];
	struct search s = {.word = word, .name = name};

	name[0] = '\0';
	if (!store_may_name(word) || strlen(word) >= STORE_NAME_MAX) {
		snprintf(why, why_size, "that is not the name of a kernel");
		return -EINVAL;
	}
	if (strcmp(word, STORE_DEFAULT) == 0) {
		int err = read_default(path, linked, why, why_size);

		if (err)
			return err;
		s.word = linked;
	}
	s.len = strlen(s.word);
	int err = look_up(path, &s, why, why_size);
	if (s.word != linked || s.exact || (err && err != -ENOENT && err != -ENOTUNIQ))
		return err;
	snprintf(why, why_size, "the default kernel %s is no longer in %s", linked, path);
	return -ENOENT;
}

int store_open(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size)
{
	char file[4096 + STORE_NAME_MAX + 16];
	int err = store_find(path, word, name, why, why_size);

	if (err)
		return err;
	for (size_t i = 0; store_images[i]; i++) {
		int n = snprintf(file, sizeof(file), "%s/%s/%s", path, name, store_images[i]);

		if (n < 0 || (size_t)n >= sizeof(file))
			break;
		/* Not blocking, so that a FIFO in its place is refused and not waited for. */
		int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0)
			return fd;
		err = errno;
		if (err == ENOENT)
			continue;
		snprintf(why, why_size, "%s cannot be opened: %s", file, strerror(err));
		return -err;
	}
	snprintf(why, why_size, "%s/%s has no kernel in it", path, name);
	return -ENOENT;
}
