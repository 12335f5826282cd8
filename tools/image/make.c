/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/image/image.h"
#include "tools/run/disk.h"
#include "tools/run/image_store.h"
#include "tools/run/tool.h"

#define EMPTY_SIZE (1ull << 30)
#define FREE_BYTES (1ull << 30)

/* An image that is being made, in a folder of the store that ends with this process. */
struct making {
	const struct image_request *request;
	const char *name;
	char path[PATH_MAX], part[PATH_MAX], owners[PATH_MAX];
	struct place place;
};

static const struct disk_measure whatever = {.bytes = 1ull << 42, .files = 1ull << 30};

static int make_store(const char *path)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		mkdir(part, 0777);
	}
	return mkdir(path, 0777) != 0 && errno != EEXIST ? -errno : 0;
}

static int begin(struct making *m, const struct image_request *r, const char *name)
{
	*m = (struct making){.request = r, .name = name};
	if (!image_path(r, name, m->path))
		return IMAGE_USAGE;
	int err = make_store(r->store);
	if (err)
		return image_say(IMAGE_FAILED, "%s: %s", r->store, strerror(-err));
	if (access(m->path, F_OK) == 0)
		return image_say(
		    IMAGE_FAILED, "%s: is there already; volt image remove %s", name, name);
	err = place_open(&m->place, r->store);
	if (err)
		return image_say(IMAGE_FAILED, "%s: %s", r->store, strerror(-err));
	snprintf(m->part, sizeof(m->part), "%s/image", m->place.path);
	return IMAGE_DONE;
}

/* Whole, or not there: also if another takes the name at this moment. */
static int commit(struct making *m)
{
	if (renameat2(AT_FDCWD, m->part, AT_FDCWD, m->path, RENAME_NOREPLACE) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", m->name,
		    errno == EEXIST ? "is there already" : strerror(errno));
	puts(m->name);
	return IMAGE_DONE;
}

static int end(struct making *m, int code)
{
	if (code == IMAGE_DONE)
		code = commit(m);
	place_close(&m->place);
	return code;
}

/* -------------------------------------------------------------------- the contents */

static int fill_empty(struct making *m)
{
	const uint64_t size = m->request->size ? m->request->size : EMPTY_SIZE;
	const int fd = open(m->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return image_say(IMAGE_FAILED, "%s: %s", m->name, strerror(errno));
	const int err = ftruncate(fd, (off_t)size) != 0 ? errno : 0;
	close(fd);
	return err ? image_say(IMAGE_FAILED, "%s: %s", m->name, strerror(err)) : IMAGE_DONE;
}

/* To a user the files of a root are the user's own, and to the guest they are root's. */
static const char *choose_owners(struct making *m, const struct image_tree *t)
{
	if (geteuid() == 0)
		return NULL;
	if (t->state[0])
		return t->state;
	snprintf(m->owners, sizeof(m->owners), "%s/owners", m->place.path);
	const int fd = open(m->owners, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return m->owners;
}

static int fill_from_tree(struct making *m, const struct image_tree *t)
{
	struct disk_plan plan = {.folder = t->path,
	    .image = m->part,
	    .journal = true,
	    .free_bytes = FREE_BYTES,
	    .size = m->request->size};
	struct disk_measure measure;
	char why[512];
	const int err = disk_measure(t->path, &whatever, &measure);

	if (err)
		return image_say(IMAGE_FAILED, "%s: %s", t->path, strerror(-err));
	plan.fakeroot = choose_owners(m, t);
	image_progress(m->name, "writing the image");
	if (disk_make(&plan, &measure, why, sizeof(why)) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", m->name, why);
	return IMAGE_DONE;
}

static int fill_from_raw(struct making *m, const char *file)
{
	static struct tool_result result;
	const char *const words[] = {
	    "cp", "--sparse=always", "--reflink=auto", "--", file, m->part, NULL};
	struct stat st;

	if (stat(file, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size % 512)
		return image_say(IMAGE_FAILED,
		    "%s: is neither an archive nor a raw image, whose size is a multiple of 512",
		    file);
	image_progress(m->name, "copying the image");
	const int err = tool_run(&result, words, false);
	if (err)
		return image_say(IMAGE_FAILED, "%s: %s", file, tool_reason(&result, err));
	if (chmod(m->part, 0644) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", m->name, strerror(errno));
	if (m->request->size < (uint64_t)st.st_size)
		return IMAGE_DONE;
	return truncate(m->part, (off_t)m->request->size) == 0
		   ? IMAGE_DONE
		   : image_say(IMAGE_FAILED, "%s: %s", m->name, strerror(errno));
}

static int fill_from_file(struct making *m, const char *file)
{
	static struct image_tree tree;
	const enum unpack_kind kind = unpack_look(file);
	int code;

	if (kind == UNPACK_RAW)
		return fill_from_raw(m, file);
	image_progress(m->name, "unpacking");
	if (kind == UNPACK_ARCHIVE)
		code = unpack_archive(file, &m->place, &tree);
	else
		code = unpack_oci(
		    file, kind == UNPACK_OCI ? "oci-archive" : "docker-archive", &m->place, &tree);
	return code == IMAGE_DONE ? fill_from_tree(m, &tree) : code;
}

static int fill_from_folder(struct making *m, const char *folder)
{
	static struct image_tree tree;

	snprintf(tree.path, sizeof(tree.path), "%s", folder);
	return fill_from_tree(m, &tree);
}

static int fill_with_debian(struct making *m)
{
	static struct image_tree tree;
	const int code = unpack_debian(m->request, &m->place, &tree);

	return code == IMAGE_DONE ? fill_from_tree(m, &tree) : code;
}

/* ------------------------------------------------------------------------ the verbs */

int image_create(const struct image_request *r)
{
	static struct making m;

	if (r->count != 1)
		return image_say(IMAGE_USAGE, "create: give one name");
	if (r->include && !r->debian)
		return image_say(IMAGE_USAGE, "--include goes with --debian");
	const int code = begin(&m, r, r->words[0]);
	if (code != IMAGE_DONE)
		return code;
	return end(&m, r->debian ? fill_with_debian(&m) : fill_empty(&m));
}

/* web.tar.gz is called web. */
static const char *choose_name(const char *file, char name[NAME_MAX + 1])
{
	const size_t n = strlen(file);
	size_t last = n;

	while (last > 0 && file[last - 1] == '/')
		last--;
	size_t first = last;
	while (first > 0 && file[first - 1] != '/')
		first--;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)(last - first), file + first);
	name[strcspn(name, ".")] = '\0';
	return name;
}

int image_import(const struct image_request *r)
{
	static struct making m;
	char name[NAME_MAX + 1];
	struct stat st;

	if (r->count != 1)
		return image_say(IMAGE_USAGE, "import: give one file or folder");
	const char *from = r->words[0];
	if (stat(from, &st) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", from, strerror(errno));
	const int code = begin(&m, r, r->name ? r->name : choose_name(from, name));
	if (code != IMAGE_DONE)
		return code;
	return end(&m, S_ISDIR(st.st_mode) ? fill_from_folder(&m, from) : fill_from_file(&m, from));
}
