/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "core/log.h"
#include "core/vet.h"
#include "sdk/common/params.h"

#define FILE_MAX 64

struct file {
	char path[PATH_MAX];
	struct vet_result vet;
	const struct volt_plugin *descriptor; /* NULL: only probed yet */
};

static struct {
	char dir[PATH_MAX];
	struct file *files[FILE_MAX];
	unsigned count;
} library;

/* Beside the program, so that a build tree or a moved installation finds its own. */
static bool find_beside_program(void)
{
	static const char *const places[] = {VOLT_PLUGIN_DIR_FROM_BIN, "../plugins"};
	char self[PATH_MAX / 2], place[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(place, sizeof(place), "%s/%s", self, places[i]);
		if (realpath(place, library.dir) != NULL)
			return true;
	}
	return false;
}

void library_set_dir(const char *dir)
{
	if (dir != NULL)
		snprintf(library.dir, sizeof(library.dir), "%s", dir);
	else if (!find_beside_program())
		snprintf(library.dir, sizeof(library.dir), "%s", VOLT_PLUGIN_DIR);
}

/* The plugin in the folder whose name is nearest to what was typed. */
static void say_unknown(const char *name)
{
	const char *names[FILE_MAX + 1] = {NULL};
	unsigned count = 0;
	DIR *d = opendir(library.dir);
	struct dirent *e;

	if (d == NULL) {
		log_error(errno, "--plugin %s: cannot read the plugin folder %s: %s", name,
		    library.dir, strerror(errno));
		return;
	}
	while (count < FILE_MAX && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > 3 && strcmp(e->d_name + n - 3, ".so") == 0)
			names[count++] = strndup(e->d_name, n - 3);
	}
	closedir(d);
	const char *near = nearest_name(name, names);
	log_error(ENOENT, "--plugin %s: there is no such plugin in %s%s%s%s", name, library.dir,
	    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
	    near != NULL ? "?" : "");
	for (unsigned i = 0; i < count; i++)
		free((void *)(uintptr_t)names[i]);
}

const char *library_resolve(const char *spec, char *path, unsigned path_size)
{
	size_t n = strcspn(spec, ",");
	const char *rest = spec[n] == ',' ? spec + n + 1 : "";
	int len;

	if (spec[n] == ',' && rest[0] == '\0') {
		log_error(EINVAL, "--plugin %s: nothing follows the comma; write key=value", spec);
		return NULL;
	}
	if (n == 0 || spec[n - 1] == '/') {
		log_error(EINVAL, "--plugin \"%s\": a name or a path must come first", spec);
		return NULL;
	}
	if (memchr(spec, '/', n) != NULL)
		len = snprintf(path, path_size, "%.*s", (int)n, spec);
	else
		len = snprintf(path, path_size, "%s/%.*s.so", library.dir, (int)n, spec);
	if (len < 0 || (unsigned)len >= path_size) {
		log_error(ENAMETOOLONG, "--plugin: the path %.40s... is too long", spec);
		return NULL;
	}
	if (memchr(spec, '/', n) == NULL && access(path, F_OK) != 0) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)n, spec);
		say_unknown(name);
		return NULL;
	}
	return rest;
}

static struct file *probe(const char *path)
{
	for (unsigned i = 0; i < library.count; i++)
		if (strcmp(library.files[i]->path, path) == 0)
			return library.files[i];
	if (library.count == FILE_MAX) {
		log_error(ENOSPC, "there are more than %u plugin files", FILE_MAX);
		return NULL;
	}
	struct file *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	snprintf(f->path, sizeof(f->path), "%s", path);
	if (vet_open(path, &f->vet) != 0) {
		free(f);
		return NULL;
	}
	library.files[library.count++] = f;
	return f;
}

int library_probe(const char *path)
{
	struct file *f = probe(path);

	return f != NULL ? (int)f->vet.kind : -EINVAL;
}

const struct volt_plugin *library_load(const char *path)
{
	struct file *f = probe(path);
	char name[32];

	if (f == NULL)
		return NULL;
	if (f->descriptor != NULL)
		return f->descriptor;
	/* The very bytes that were checked: the file may have changed since. The fd stays
	 * open until library_finish(), for dlopen knows what it loaded by name: a number
	 * used again would give the old plugin. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->vet.image_fd);
	void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (handle == NULL) {
		log_error(errno == EMFILE ? EMFILE : EINVAL, "plugin %s cannot be loaded: %s", path,
		    dlerror());
		return NULL;
	}
	const struct volt_plugin *d = dlsym(handle, "volt_plugin");
	if (d == NULL) {
		log_error(EINVAL, "plugin %s exports no volt_plugin", path);
		return NULL;
	}
	if (d->abi_major != f->vet.abi_major || d->kind != f->vet.kind) {
		log_error(EINVAL, "plugin %s: its note and its descriptor disagree", path);
		return NULL;
	}
	return f->descriptor = d;
}

void library_finish(void)
{
	for (unsigned i = 0; i < library.count; i++) {
		if (library.files[i]->vet.image_fd >= 0)
			close(library.files[i]->vet.image_fd);
		library.files[i]->vet.image_fd = -1;
	}
}
