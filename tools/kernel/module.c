/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/module.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/image.h"
#include "tools/kernel/say.h"
#include "tools/kernel/unpack.h"

#define SIZE_MAX_MODULE (256u << 20)

/* ------------------------------------------------------------------------ names */

/* "virtio-net.ko.xz" is virtio_net. False: not a module's file. */
static bool read_name(const char *file, char name[MODULE_NAME_MAX])
{
	const char *end = strstr(file, ".ko");
	const size_t len = end ? (size_t)(end - file) : 0;

	if (len == 0 || len >= MODULE_NAME_MAX || (end[3] != '\0' && end[3] != '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		name[i] = file[i] == '-' ? '_' : file[i];
	name[len] = '\0';
	return true;
}

static int order(const void *left, const void *right)
{
	return strcmp(((const struct module *)left)->name, ((const struct module *)right)->name);
}

static struct module *find(const struct module_tree *t, const char *name)
{
	struct module key = {0};

	for (size_t i = 0; i < sizeof(key.name); i++) {
		key.name[i] = name[i] == '-' ? '_' : name[i];
		if (name[i] == '\0')
			return bsearch(&key, t->modules, t->count, sizeof(key), order);
	}
	return NULL;
}

static int add_file(struct module_tree *t, const char *path, const char *name)
{
	struct module *more = t->modules;

	if ((t->count & (t->count - 1)) == 0) /* there is room for a power of two */
		more = realloc(more, (t->count ? 2 * t->count : 1) * sizeof(*more));
	if (!more)
		return log_error(ENOMEM, "%s: no memory", path);
	t->modules = more;
	struct module *m = &more[t->count];
	*m = (struct module){.path = strdup(path)};
	if (!m->path)
		return log_error(ENOMEM, "%s: no memory", path);
	memcpy(m->name, name, sizeof(m->name));
	t->count++;
	return 0;
}

int module_tree_read(struct module_tree *t, const char *folder)
{
	char *const roots[] = {(char *)(uintptr_t)folder, NULL};
	char name[MODULE_NAME_MAX];
	int err = 0;

	*t = (struct module_tree){0};
	if (access(folder, F_OK) != 0 && errno == ENOENT)
		return 0;
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return log_error(errno, "%s: %s", folder, strerror(errno));
	for (const FTSENT *e; !err && (e = fts_read(walk));) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			err =
			    log_error(e->fts_errno, "%s: %s", e->fts_path, strerror(e->fts_errno));
		else if (e->fts_info == FTS_F && read_name(e->fts_name, name))
			err = add_file(t, e->fts_path, name);
	}
	fts_close(walk);
	if (t->count)
		qsort(t->modules, t->count, sizeof(t->modules[0]), order);
	return err;
}

void module_tree_finish(struct module_tree *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->modules[i].path);
		free(t->modules[i].bytes);
	}
	free(t->modules);
}

/* --------------------------------------------------------------------- contents */

static int gather(void *arg, const void *bytes, size_t size)
{
	struct module *m = arg;

	if (size > SIZE_MAX_MODULE - m->size)
		return -EFBIG;
	uint8_t *more = realloc(m->bytes, m->size + size);
	if (!more)
		return -ENOMEM;
	memcpy(more + m->size, bytes, size);
	m->bytes = more;
	m->size += size;
	return 0;
}

static int unpack(struct module *m, uint8_t *packed, size_t size)
{
	char why[256] = "is not a module that Linux can load";
	const int err = unpack_stream(packed, size, gather, m, why, sizeof(why));

	free(packed);
	return err ? log_error(-err, "%s: %s", m->path, why) : 0;
}

static int read_module(struct module *m)
{
	size_t size;

	if (m->bytes)
		return 0;
	const int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *bytes = fd >= 0 ? image_read(fd, SIZE_MAX_MODULE, &size) : NULL;
	const int err = bytes ? 0 : errno;
	if (fd >= 0)
		close(fd);
	if (!bytes)
		return log_error(err, "%s: cannot be read: %s", m->path, strerror(err));
	return unpack(m, bytes, size);
}

/* The text behind the next "key" that begins a word after `from`, or NULL. It has its NUL. */
static const char *next_info(const struct module *m, const char *key, const char *from)
{
	const char *at = from ? from : (const char *)m->bytes;
	const char *end = (const char *)m->bytes + m->size;
	const size_t len = strlen(key);

	while ((at = memmem(at, (size_t)(end - at), key, len))) {
		const char *text = at + len;
		if (at > (const char *)m->bytes && at[-1] == '\0' &&
		    memchr(text, '\0', (size_t)(end - text)))
			return text;
		at = text;
	}
	return NULL;
}

int module_is_filesystem(struct module_tree *t, const char *name, char type[MODULE_NAME_MAX])
{
	struct module *m = find(t, name);
	const int err = m ? read_module(m) : 0;

	if (!m || err)
		return err;
	name = next_info(m, "alias=fs-", NULL);
	return name && (size_t)snprintf(type, MODULE_NAME_MAX, "%s", name) < MODULE_NAME_MAX &&
	       !strchr(type, '/');
}

/* A soft dependency may be an alias: crc32c is crc32c_generic. */
static struct module *find_alias(struct module_tree *t, const char *alias)
{
	for (size_t i = 0; i < t->count; i++) {
		struct module *m = &t->modules[i];
		const char *at = NULL;
		if (read_module(m) != 0)
			return NULL;
		while ((at = next_info(m, "alias=", at))) {
			if (strcmp(at, alias) == 0)
				return m;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------------ order */

static bool has(const struct module_list *list, const struct module *m)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->modules[i] == m)
			return true;
	return false;
}

static int visit(struct module_tree *t, struct module_list *list, struct module *m);

/* Each of the names in `text`, which `separators` part. One that must be there is. */
static int visit_all(struct module_tree *t, struct module_list *list, const struct module *whose,
    const char *text, const char *separators, bool must)
{
	char name[MODULE_NAME_MAX];

	for (;;) {
		text += strspn(text, separators);
		const size_t len = strcspn(text, separators);
		if (len == 0)
			return 0;
		if (len >= sizeof(name))
			return log_error(
			    EINVAL, "%s: needs a module whose name is too long", whose->path);
		memcpy(name, text, len);
		name[len] = '\0';
		text += len;
		if (!must && strchr(name, ':')) /* "post:" and what follows */
			return 0;
		struct module *m = find(t, name);
		if (!m && must)
			return log_error(
			    EINVAL, "%s: needs %s, which is not there", whose->path, name);
		if (!m)
			m = find_alias(t, name);
		const int err = m ? visit(t, list, m) : 0; /* what is not there is built in */
		if (err)
			return err;
	}
}

static int visit_needed(struct module_tree *t, struct module_list *list, struct module *m)
{
	for (const char *at = NULL; (at = next_info(m, "softdep=pre:", at));) {
		const int err = visit_all(t, list, m, at, " ", false);

		if (err)
			return err;
	}
	const char *depends = next_info(m, "depends=", NULL);
	return depends ? visit_all(t, list, m, depends, ",", true) : 0;
}

static int visit(struct module_tree *t, struct module_list *list, struct module *m)
{
	if (m->busy || has(list, m)) /* busy: two that need each other */
		return 0;
	int err = read_module(m);
	if (err)
		return err;
	m->busy = true;
	err = visit_needed(t, list, m);
	m->busy = false;
	if (err)
		return err;
	if (list->count == sizeof(list->modules) / sizeof(list->modules[0]))
		return log_error(E2BIG, "%s: is one module too many", m->path);
	list->modules[list->count++] = m;
	return 0;
}

int module_add(struct module_tree *t, struct module_list *list, const char *name)
{
	struct module *m = find(t, name);

	return m ? visit(t, list, m) : -ENOENT;
}
