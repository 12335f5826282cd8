/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/kernel/interrupt.h"
#include "tools/kernel/say.h"

/* Debian's largest kernel has 5000 modules of 400 MB. */
const struct stage_limits stage_limits_default = {
    .file = 1ull << 30,
    .total = 4ull << 30,
    .count = 50000,
    .depth = 32,
    .inspected = 16ull << 30,
};

/* ------------------------------------------------------------------ folders */

int stage_make_folder(const char *path)
{
	char part[PATH_MAX];

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return log_error(ENAMETOOLONG, "%s: the path is too long", path);
	for (char *c = part + 1; *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return log_error(errno, "%s: cannot be made: %s", part, strerror(errno));
		*c = '/';
	}
	if (mkdir(part, 0755) != 0 && errno != EEXIST)
		return log_error(errno, "%s: cannot be made: %s", part, strerror(errno));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int stage_remove(const char *path)
{
	int err = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	return err == -1 ? -errno : err;
}

int stage_make_temporary(char path[PATH_MAX])
{
	const char *folder = getenv("TMPDIR");

	if (!folder || folder[0] != '/')
		folder = "/tmp";
	if ((size_t)snprintf(path, PATH_MAX, "%s/volt-kernel-XXXXXX", folder) >= PATH_MAX)
		return log_error(ENAMETOOLONG, "%s: the path is too long", folder);
	if (!mkdtemp(path))
		return log_error(errno, "%s: cannot be written into: %s", folder, strerror(errno));
	return 0;
}

int stage_lock_store(const char *folder)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/.lock", folder) >= sizeof(path))
		return log_error(ENAMETOOLONG, "%s: the path is too long", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return log_error(errno, "%s: cannot be opened: %s", path, strerror(errno));
	while (flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR && interrupt_came() == 0)
			continue;
		int err = log_error(errno, "%s: cannot be locked: %s", path, strerror(errno));
		close(fd);
		return err;
	}
	return fd;
}

/* ---------------------------------------------------------------- the stage */

/* A stage has a lock on it while its process lives; a kernel on its way out needs none, as it
 * goes within the lock of the store. */
static void sweep_folder(DIR *d, const char *name, const char *path)
{
	int fd = openat(dirfd(d), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		stage_remove(path);
	if (fd >= 0)
		close(fd);
}

void stage_sweep(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		char path[PATH_MAX];

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >=
		    sizeof(path))
			continue;
		if (strncmp(e->d_name, STAGE_TEMPORARY, strlen(STAGE_TEMPORARY)) == 0)
			sweep_folder(d, e->d_name, path);
		else if (strncmp(e->d_name, STAGE_NEW_DEFAULT, strlen(STAGE_NEW_DEFAULT)) == 0)
			unlink(path); /* made and renamed within the lock */
	}
	closedir(d);
}

static int make(struct stage *s)
{
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s/" STAGE_TEMPORARY "XXXXXX", s->folder) >=
	    sizeof(s->path))
		return log_error(ENAMETOOLONG, "%s: the path is too long", s->folder);
	if (!mkdtemp(s->path)) {
		s->path[0] = '\0';
		return log_error(
		    errno, "%s: cannot be written into: %s", s->folder, strerror(errno));
	}
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0 || flock(s->fd, LOCK_EX | LOCK_NB) != 0 || fchmod(s->fd, 0755) != 0)
		return log_error(errno, "%s: %s", s->path, strerror(errno));
	return 0;
}

int stage_init(struct stage *s, const char *folder)
{
	*s = (struct stage){.limits = stage_limits_default, .fd = -1};
	if ((size_t)snprintf(s->folder, sizeof(s->folder), "%s", folder) >= sizeof(s->folder))
		return log_error(ENAMETOOLONG, "%s: the path is too long", folder);
	int err = stage_make_folder(folder);
	if (err)
		return err;
	int lock = stage_lock_store(folder);
	if (lock < 0)
		return lock;
	stage_sweep(folder);
	err = make(s);
	close(lock);
	return err;
}

void stage_finish(struct stage *s)
{
	if (s->path[0] != '\0')
		stage_remove(s->path);
	if (s->path[0] != '\0' || s->count > 0)
		close(s->fd);
	for (uint32_t i = 0; i < s->count; i++)
		free(s->files[i].path);
	free(s->files);
	*s = (struct stage){.fd = -1};
}

/* -------------------------------------------------------------------- files */

static bool is_sound(const char *path, uint32_t depth)
{
	size_t len = strlen(path);

	if (len == 0 || len >= STAGE_PATH_MAX || path[0] == '/' || path[len - 1] == '/')
		return false;
	for (const char *part = path;; part++) {
		size_t n = strcspn(part, "/");

		if (n == 0 || n > NAME_MAX || depth-- == 0 || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)part[i] < ' ' || part[i] == 0x7f)
				return false;
		part += n;
		if (*part == '\0')
			return true;
	}
}

/* The stage is ours alone and has no links, so going down it step by step needs no care. */
static int make_parents(const struct stage *s, const char *path)
{
	char part[STAGE_PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *c = strchr(part, '/'); c; c = strchr(c + 1, '/')) {
		*c = '\0';
		if (mkdirat(s->fd, part, 0755) != 0 && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	return 0;
}

int stage_drop(struct stage *s, const char *path)
{
	uint32_t i = 0;

	while (i < s->count && strcmp(s->files[i].path, path) != 0)
		i++;
	if (i == s->count)
		return 0;
	if (unlinkat(s->fd, path, 0) != 0)
		return log_error(errno, "%s/%s: %s", s->path, path, strerror(errno));
	s->total -= s->files[i].size;
	free(s->files[i].path);
	s->files[i] = s->files[--s->count];
	return 0;
}

static int make_file(struct stage *s, const char *path)
{
	const int err = make_parents(s, path);

	if (err)
		return err;
	const int fd =
	    openat(s->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	return fd < 0 ? -errno : fd;
}

int stage_begin(struct stage *s, struct stage_writer *w, const char *path)
{
	if (!is_sound(path, s->limits.depth))
		return log_error(EINVAL, "the path \"%.80s\" may not be stored", path);
	if (s->count >= s->limits.count)
		return log_error(EFBIG, "more than %u files", s->limits.count);
	*w = (struct stage_writer){.stage = s};
	snprintf(w->path, sizeof(w->path), "%s", path);
	sha256_init(&w->sum);
	w->fd = make_file(s, path);
	if (w->fd < 0)
		return log_error(
		    -w->fd, "%s/%s: cannot be made: %s", s->path, path, strerror(-w->fd));
	return 0;
}

int stage_write(void *writer, const void *bytes, size_t size)
{
	struct stage_writer *w = writer;
	const uint8_t *from = bytes;

	if (interrupt_came() != 0)
		return -EINTR;
	if (size > w->stage->limits.file - w->size ||
	    size > w->stage->limits.total - w->stage->total)
		return -EFBIG;
	sha256_update(&w->sum, size, from);
	w->size += size;
	w->stage->total += size;
	while (size > 0) {
		ssize_t n = write(w->fd, from, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

void stage_hash(struct sha256_ctx *sum, char hash[STAGE_HASH_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(sum, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
}

static int note(struct stage_writer *w)
{
	struct stage *s = w->stage;

	if ((s->count & (s->count - 1)) == 0) { /* room doubles at the powers of two */
		size_t room = s->count == 0 ? 1 : 2 * (size_t)s->count;
		struct stage_file *files = realloc(s->files, room * sizeof(*files));

		if (!files)
			return log_error(ENOMEM, "no memory for %u files", s->count + 1);
		s->files = files;
	}
	struct stage_file *f = &s->files[s->count];
	*f = (struct stage_file){.path = strdup(w->path), .size = w->size};
	if (!f->path)
		return log_error(ENOMEM, "no memory for %u files", s->count + 1);
	stage_hash(&w->sum, f->hash);
	s->count++;
	return 0;
}

int stage_end(struct stage_writer *w, int err)
{
	if (close(w->fd) != 0 && !err)
		err = log_error(errno, "%s/%s: %s", w->stage->path, w->path, strerror(errno));
	return err ? err : note(w);
}

int stage_copy(struct stage *s, const char *path, int fd)
{
	static uint8_t chunk[65536];
	struct stage_writer w;
	int err = stage_begin(s, &w, path);

	if (err)
		return err;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		err = stage_write(&w, chunk, (size_t)n);
		if (err)
			break;
	}
	if (err == -EFBIG)
		log_error(EFBIG, "%s is larger than %s", path, say_size(s->limits.file));
	else if (err)
		log_error(-err, "%s: %s", path, strerror(-err));
	return stage_end(&w, err);
}

const struct stage_file *stage_find(const struct stage *s, const char *path)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (strcmp(s->files[i].path, path) == 0)
			return &s->files[i];
	return NULL;
}

int stage_open(const struct stage *s, const char *path)
{
	return openat(s->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* ------------------------------------------------------------- all of them */

static int by_path(const void *left, const void *right)
{
	const struct stage_file *a = left, *b = right;

	return strcmp(a->path, b->path);
}

char *stage_manifest(struct stage *s, char hash[STAGE_HASH_SIZE])
{
	struct sha256_ctx sum;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (s->count > 0)
		qsort(s->files, s->count, sizeof(s->files[0]), by_path);
	for (uint32_t i = 0; i < s->count; i++)
		fprintf(out, "%s  %s\n", s->files[i].hash, s->files[i].path);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	sha256_init(&sum);
	sha256_update(&sum, size, (const uint8_t *)text);
	stage_hash(&sum, hash);
	return text;
}

int stage_put(struct stage *s, const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);

	if (fd < 0)
		return log_error(errno, "%s/%s: %s", s->path, path, strerror(errno));
	ssize_t n = write(fd, text, len);
	int err = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
	if (close(fd) != 0 && !err)
		err = -errno;
	return err ? log_error(-err, "%s/%s: %s", s->path, path, strerror(-err)) : 0;
}

int stage_publish(struct stage *s, const char *name)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", s->folder, name) >= sizeof(path))
		return log_error(ENAMETOOLONG, "%s: the path is too long", s->folder);
	if (syncfs(s->fd) != 0)
		return log_error(errno, "%s: %s", s->path, strerror(errno));
	/* A kernel's folder is never empty, so one that is there stays. */
	if (rename(s->path, path) != 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return -EEXIST;
		return log_error(
		    errno, "%s: cannot be renamed to %s: %s", s->path, name, strerror(errno));
	}
	s->path[0] = '\0';
	int folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		fsync(folder);
		close(folder);
	}
	return 0;
}
