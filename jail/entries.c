/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail/path.h"
#include "jail/say.h"

int entries_add(struct entries *es, const char *what, int code, const char *host, const char *guest,
    unsigned flags)
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = path_normalise(host, from, sizeof(from));

	if (err)
		return complain(code, "%s %s: %s", what, host, strerror(-err));
	err = path_normalise(guest ? guest : host, to, sizeof(to));
	if (err)
		return complain(code, "%s %s: %s", what, host, strerror(-err));
	if (strcmp(to, "/") == 0)
		return complain(code, "%s %s: the root itself cannot be replaced", what, host);
	if (es->count == ENTRIES_MAX)
		return complain(
		    code, "%s %s: more than %u files are needed", what, host, ENTRIES_MAX);
	struct entry e = {
	    .host = strdup(from),
	    .guest = strdup(to),
	    .what = what,
	    .flags = flags,
	    .code = code,
	    .tree = -1,
	};
	if (!e.host || !e.guest) {
		free(e.host);
		free(e.guest);
		return complain(JAIL_RESOURCES, "%s: out of memory", what);
	}
	es->list[es->count++] = e;
	return 0;
}

/* A path sorts before all that begin with it, so a folder comes before its content. */
static int by_guest(const void *left, const void *right)
{
	return strcmp(((const struct entry *)left)->guest, ((const struct entry *)right)->guest);
}

int entries_order(struct entries *es)
{
	uint32_t kept = 0;

	qsort(es->list, es->count, sizeof(es->list[0]), by_guest);
	for (uint32_t i = 0; i < es->count; i++) {
		struct entry *e = &es->list[i], *last = kept > 0 ? &es->list[kept - 1] : NULL;

		if (!last || strcmp(last->guest, e->guest) != 0) {
			es->list[kept++] = *e;
			continue;
		}
		if (strcmp(last->host, e->host) != 0)
			return complain(JAIL_USAGE, "%s %s and %s %s are both to be %s inside",
			    last->what, last->host, e->what, e->host, e->guest);
		last->flags |= e->flags;
		free(e->host);
		free(e->guest);
	}
	es->count = kept;
	return 0;
}

/* O_EXCL: what somebody else put there in the meantime is not taken for ours. */
static int create(const struct entry *e, uid_t uid, gid_t gid)
{
	int fd = path_open(e->host, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd >= 0 && fchown(fd, uid, gid) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int check_kind(struct entry *e, int fd, uint64_t *attributes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return complain(e->code, "%s %s: %s", e->what, e->host, strerror(errno));
	e->folder = S_ISDIR(st.st_mode);
	if ((e->flags & ENTRY_CREATE) && !S_ISREG(st.st_mode))
		return complain(e->code, "%s %s: is not a regular file", e->what, e->host);
	*attributes = MOUNT_ATTR_NOSUID;
	/* A device that the operator names is meant; in a folder none is. */
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		*attributes |= MOUNT_ATTR_NODEV;
	if (e->folder)
		*attributes |= MOUNT_ATTR_NOSYMFOLLOW;
	if (!(e->flags & ENTRY_EXEC))
		*attributes |= MOUNT_ATTR_NOEXEC;
	if (!(e->flags & ENTRY_WRITE))
		*attributes |= MOUNT_ATTR_RDONLY;
	return 0;
}

/* From here on the mount is what counts, whatever happens to the name. */
static int make_tree(struct entry *e, int fd)
{
	struct mount_attr attr = {0};
	uint64_t attributes = 0;
	int code = check_kind(e, fd, &attributes);

	if (code != 0)
		return code;
	attr.attr_set = attributes;
	attr.propagation = MS_PRIVATE;
	e->tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (e->tree < 0)
		return complain(complain_code(JAIL_STEP), "%s %s: cannot be bound: %s", e->what,
		    e->host, strerror(errno));
	if (mount_setattr(e->tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) != 0)
		return complain(JAIL_STEP, "%s %s: cannot limit its mount: %s", e->what, e->host,
		    strerror(errno));
	return 0;
}

int entries_open(struct entries *es, uid_t uid, gid_t gid)
{
	for (uint32_t i = 0; i < es->count; i++) {
		struct entry *e = &es->list[i];
		int fd = path_open(e->host, O_PATH, 0);

		if (fd < 0 && errno == ENOENT && (e->flags & ENTRY_CREATE))
			fd = create(e, uid, gid);
		if (fd < 0)
			return path_complain(e->code, e->what, e->host);
		int code = make_tree(e, fd);
		close(fd);
		if (code != 0)
			return code;
	}
	return 0;
}

int entries_check(const struct entries *es, uid_t uid)
{
	for (uint32_t i = 0; i < es->count; i++) {
		const struct entry *e = &es->list[i];
		int mode = e->flags & ENTRY_CREATE ? 0 : R_OK;

		if (e->flags & ENTRY_WRITE)
			mode |= W_OK;
		if (e->folder)
			mode |= X_OK;
		if (faccessat(AT_FDCWD, e->guest, mode, AT_EACCESS) != 0)
			return complain(e->code, "%s %s: user %u may not %s it: %s", e->what,
			    e->host, uid,
			    !(mode & W_OK) ? "read"
			    : mode & R_OK  ? "read and write"
					   : "write",
			    strerror(errno));
	}
	return 0;
}
