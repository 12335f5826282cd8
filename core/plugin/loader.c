/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/config.h"
#include "core/plugin/image.h"
#include "core/plugin/vet_path.h"

struct file {
	struct vet_result vet;
	struct file *same;                    /* the same file by another path; or NULL */
	const struct volt_plugin *descriptor; /* NULL: only probed yet */
	char path[];
};

static struct {
	char dir[PATH_MAX];
	struct file *files[LOADER_FILE_MAX];
	unsigned count;
	int not_found; /* errno of the search beside the program, if it could not look; or 0 */
} loader;

/* Where no part of a path is a symbolic link, one call tells; realpath() makes one for each part.
 */
static bool is_plain_folder(const char *path)
{
	const struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	const long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

/* `place`, seen from folder `from`, which has no symbolic link in it. */
static bool find_from(const char *from, const char *place)
{
	char path[PATH_MAX];
	size_t n = strlen(from);
	const char *rest = place;

	for (; n > 0 && strncmp(rest, "../", 3) == 0; rest += 3)
		while (n > 0 && from[--n] != '/')
			continue;
	snprintf(loader.dir, sizeof(loader.dir), "%.*s/%s", (int)n, from, rest);
	if (is_plain_folder(loader.dir))
		return true;
	if (errno == ENOENT)
		return false;
	snprintf(path, sizeof(path), "%s/%s", from, place);
	return realpath(path, loader.dir);
}

/* Beside the program, so that a build tree or a moved installation finds its own. */
static bool find_beside_program(void)
{
	static const char *const places[] = {VOLT_PLUGIN_DIR_FROM_BIN, "../plugins"};
	char self[PATH_MAX / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0) {
		loader.not_found = errno;
		return false;
	}
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (find_from(self, places[i]))
			return true;
		if (errno != ENOENT && errno != ENOTDIR)
			loader.not_found = errno;
	}
	return false;
}

int loader_set_dir(const char *dir)
{
	if (dir)
		snprintf(loader.dir, sizeof(loader.dir), "%s", dir);
	else if (!find_beside_program())
		snprintf(loader.dir, sizeof(loader.dir), "%s", VOLT_PLUGIN_DIR);
	return 0;
}

int loader_find(const char *name, size_t n, char *path, unsigned path_size)
{
	int len = snprintf(path, path_size, "%s/%.*s.so", loader.dir, (int)n, name);

	/* What is too long is for the caller to say. */
	if (len < 0 || (unsigned)len >= path_size)
		return len;
	/* Whatever else is wrong with it, to open it will tell. */
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) ? len : 0;
}

int loader_list(const char *wanted, const char **names)
{
	DIR *d = opendir(loader.dir);
	struct dirent *e;
	int count = 0;

	if (!d && loader.not_found != 0)
		return log_host_error(loader.not_found,
		    "--plugin %s: cannot look for plugins beside the program, by /proc/self/exe: "
		    "%s; "
		    "mount /proc, or give --plugin-dir",
		    wanted, strerror(loader.not_found));
	if (!d)
		return log_error(errno, "--plugin %s: cannot read the plugin folder %s: %s", wanted,
		    loader.dir, strerror(errno));
	while (count < LOADER_FILE_MAX && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n <= 3 || strcmp(e->d_name + n - 3, ".so") != 0)
			continue;
		names[count] = strndup(e->d_name, n - 3);
		count += names[count] != NULL;
	}
	closedir(d);
	return count;
}

const char *loader_place(void)
{
	return loader.dir;
}

/* The C library loads a file once, by whatever path; of copies it does not know. */
static struct file *find_same(const struct vet_result *vet)
{
	for (unsigned i = 0; i < loader.count; i++) {
		const struct vet_result *other = &loader.files[i]->vet;

		if (!vet->is_copy && !other->is_copy && other->device == vet->device &&
		    other->inode == vet->inode)
			return loader.files[i];
	}
	return NULL;
}

static struct file *probe(const char *path)
{
	for (unsigned i = 0; i < loader.count; i++)
		if (strcmp(loader.files[i]->path, path) == 0)
			return loader.files[i];
	if (loader.count == LOADER_FILE_MAX) {
		log_error(ENOSPC, "there are more than %u plugin files", LOADER_FILE_MAX);
		return NULL;
	}
	size_t len = strlen(path) + 1;
	struct file *f = calloc(1, sizeof(*f) + len);
	if (!f) {
		log_error(ENOMEM, "plugin %s: no memory", path);
		return NULL;
	}
	memcpy(f->path, path, len);
	if (vet_open(path, &f->vet) != 0) {
		free(f);
		return NULL;
	}
	f->same = find_same(&f->vet);
	loader.files[loader.count++] = f;
	return f;
}

int loader_probe(const char *path)
{
	struct file *f = probe(path);

	return f ? (int)f->vet.kind : -EINVAL;
}

/* dlopen() tells its reason in words alone, those of strerror() among them; errno may be that of
 * any call it made. The exit code depends on whether the reason is a shortage. */
static int error_in_words(const char *why)
{
	static const int shortages[] = {EMFILE, ENFILE, ENOMEM};

	for (unsigned i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
		if (strstr(why, strerror(shortages[i])))
			return shortages[i];
	return EINVAL;
}

const struct volt_plugin *loader_load(const char *path)
{
	struct file *f = probe(path);
	char why[256];

	if (f && f->same)
		f = f->same;
	if (!f || f->descriptor)
		return f ? f->descriptor : NULL;
	/* The very bytes that were checked: another file may have the path since. */
	f->descriptor = image_load(&f->vet, why, sizeof(why));
	if (!f->descriptor)
		log_error(error_in_words(why), "plugin %s cannot be loaded: %s", path, why);
	return f->descriptor;
}

void loader_finish(void)
{
	vet_close_folder();
	for (unsigned i = 0; i < loader.count; i++) {
		if (loader.files[i]->vet.image_fd >= 0)
			close(loader.files[i]->vet.image_fd);
		loader.files[i]->vet.image_fd = -1;
	}
}
