/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* default, remove, verify. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

/* ---------------------------------------------------------------------- default */

void default_get(const char *store, char *name, unsigned size)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" STORE_DEFAULT, store);
	ssize_t n = readlink(path, name, size);
	name[n > 0 && n < (ssize_t)size ? n : 0] = '\0';
}

/* A link takes another's place in one step, under a name that is nobody's until then. */
static int put_link(const char *store, const char *name)
{
	char path[PATH_MAX + 16], fresh[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/" STORE_DEFAULT, store);
	snprintf(fresh, sizeof(fresh), "%s/" STAGE_NEW_DEFAULT "%d", store, (int)getpid());
	unlink(fresh);
	if (symlink(name, fresh) != 0)
		return log_error(errno, "%s: %s", fresh, strerror(errno));
	if (rename(fresh, path) == 0)
		return 0;
	int err = log_error(errno, "%s: %s", path, strerror(errno));
	unlink(fresh);
	return err;
}

int default_set(const char *store, const char *name)
{
	int lock = stage_lock_store(store);

	if (lock < 0)
		return lock;
	stage_sweep(store);
	int err = put_link(store, name);
	close(lock);
	return err;
}

int command_default(const struct request *q)
{
	char name[STORE_NAME_MAX];

	if (record_find(q->store, q->count > 0 ? q->args[0] : STORE_DEFAULT, name) != 0)
		return SAY_FAILED;
	if (q->count > 0 && default_set(q->store, name) != 0)
		return SAY_FAILED;
	puts(name);
	return SAY_GOOD;
}

/* ----------------------------------------------------------------------- remove */

/* Out of sight in one step; what a crash leaves of it is swept away by whoever comes next. */
static int remove_kernel(const char *store, const char *name)
{
	char path[PATH_MAX + STORE_NAME_MAX], gone[PATH_MAX + 48], preferred[STORE_NAME_MAX];

	snprintf(path, sizeof(path), "%s/%s", store, name);
	snprintf(gone, sizeof(gone), "%s/" STAGE_TEMPORARY "removed-%d", store, (int)getpid());
	stage_sweep(store); /* one of an earlier process with this number is in the way, too */
	if (rename(path, gone) != 0)
		return log_error(errno, "%s: cannot be removed: %s", path, strerror(errno));
	default_get(store, preferred, sizeof(preferred));
	if (strcmp(preferred, name) == 0) {
		snprintf(path, sizeof(path), "%s/" STORE_DEFAULT, store);
		unlink(path);
		say_progress("%s was the default; there is none now", name);
	}
	int err = stage_remove(gone);
	return err ? log_error(-err, "%s: %s", gone, strerror(-err)) : 0;
}

int command_remove(const struct request *q)
{
	char name[STORE_NAME_MAX];
	int code = SAY_GOOD;

	if (q->count == 0) {
		log_error(EINVAL, "remove: name a kernel; volt-kernel list has them");
		return SAY_USAGE;
	}
	for (int i = 0; i < q->count; i++) {
		int lock;

		if (record_find(q->store, q->args[i], name) != 0 ||
		    (lock = stage_lock_store(q->store)) < 0) {
			code = SAY_FAILED;
			continue;
		}
		if (remove_kernel(q->store, name) != 0)
			code = SAY_FAILED;
		else
			say_progress("%s is removed", name);
		close(lock);
	}
	return code;
}

/* ----------------------------------------------------------------------- verify */

static int verify(const struct request *q, const char *name)
{
	if (record_verify(q->store, name) != 0)
		return SAY_FAILED;
	printf("%s is as it was imported\n", name);
	return SAY_GOOD;
}

int command_verify(const struct request *q)
{
	char name[STORE_NAME_MAX];
	int code = SAY_GOOD;

	for (int i = 0; i < q->count; i++)
		if (record_find(q->store, q->args[i], name) != 0 || verify(q, name) != SAY_GOOD)
			code = SAY_FAILED;
	if (q->count > 0)
		return code;
	char **names = record_names(q->store);
	if (!names)
		return SAY_FAILED;
	for (size_t i = 0; names[i]; i++)
		if (verify(q, names[i]) != SAY_GOOD)
			code = SAY_FAILED;
	record_free_names(names);
	return code;
}
