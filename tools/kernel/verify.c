/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Checks what lies in the store against what was put there. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

struct check {
	const char *name;
	int fd; /* of the kernel's folder */
	unsigned wrong;
	uint32_t listed;
	struct sha256_ctx sum;
};

static int hash_file(int folder, const char *path, char hash[STAGE_HASH_SIZE])
{
	static uint8_t chunk[65536];
	struct sha256_ctx sum;
	ssize_t n;
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	sha256_init(&sum);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sha256_update(&sum, (size_t)n, chunk);
	}
	int err = n < 0 ? -errno : 0;
	close(fd);
	stage_hash(&sum, hash);
	return err;
}

static void check_line(struct check *c, const char *line)
{
	char hash[STAGE_HASH_SIZE];
	const char *path = line + STAGE_HASH_SIZE - 1;

	if (strlen(line) < STAGE_HASH_SIZE + 2 || strncmp(path, "  ", 2) != 0 || path[2] == '/' ||
	    strstr(path, "/../") || strncmp(path + 2, "../", 3) == 0) {
		log_error(EINVAL, "%s: the manifest has a malformed line", c->name);
		c->wrong++;
		return;
	}
	path += 2;
	c->listed++;
	int err = hash_file(c->fd, path, hash);
	if (err)
		log_error(-err, "%s: %s: %s", c->name, path,
		    err == -ENOENT ? "is missing" : strerror(-err));
	else if (strncmp(hash, line, STAGE_HASH_SIZE - 1) != 0)
		err = log_error(EINVAL, "%s: %s: has changed: its SHA-256 is %s, was %.64s",
		    c->name, path, hash, line);
	c->wrong += err != 0;
}

static int check_manifest(struct check *c, const struct record *r)
{
	char hash[STAGE_HASH_SIZE], *line = NULL;
	size_t room = 0;
	ssize_t len;
	int fd = openat(c->fd, RECORD_MANIFEST, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!in) {
		if (fd >= 0)
			close(fd);
		return log_error(ENOENT, "%s: has no " RECORD_MANIFEST, c->name);
	}
	sha256_init(&c->sum);
	while ((len = getline(&line, &room, in)) > 0) {
		sha256_update(&c->sum, (size_t)len, (const uint8_t *)line);
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		check_line(c, line);
	}
	free(line);
	fclose(in);
	stage_hash(&c->sum, hash);
	const char *dash = strrchr(c->name, '-');
	size_t digits = dash ? strlen(dash + 1) : 0;
	if (strcmp(hash, r->manifest) != 0 || digits == 0 || digits >= sizeof(hash) ||
	    memcmp(hash, dash + 1, digits) != 0) {
		log_error(
		    EINVAL, "%s: the manifest is not the one that the name stands for", c->name);
		c->wrong++;
	}
	return 0;
}

static uint32_t counted;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	counted += kind != FTW_D && kind != FTW_DNR;
	return kind == FTW_DNR || kind == FTW_NS ? EACCES : 0;
}

/* Beside those listed: the manifest and meta.json. */
static void check_count(struct check *c, const char *folder)
{
	char path[PATH_MAX + STORE_NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", folder, c->name);
	counted = 0;
	int err = nftw(path, count_one, 16, FTW_PHYS);
	if (err < 0)
		err = errno;
	if (!err && counted <= c->listed + 2)
		return;
	c->wrong++;
	if (err) {
		log_error(err, "%s: cannot be looked through for files too many: %s", path,
		    strerror(err));
		return;
	}
	log_error(EINVAL, "%s: has %u files, %u more than were put there", c->name, counted,
	    counted - c->listed - 2);
}

int record_verify(const char *folder, const char *name)
{
	char path[PATH_MAX + STORE_NAME_MAX + 2];
	struct check c = {.name = name};
	struct record r;
	int err = record_read(&r, folder, name);

	if (err)
		return 1;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	c.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c.fd < 0)
		return log_error(errno, "%s: %s", path, strerror(errno));
	err = check_manifest(&c, &r);
	close(c.fd);
	if (err)
		return 1;
	check_count(&c, folder);
	return (int)c.wrong;
}
