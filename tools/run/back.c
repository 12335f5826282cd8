/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The guest's own tar packs the share. Nothing that comes is trusted: it is unpacked into an empty
 * folder, where no link leads out; files that are neither regular, folders nor links go, and so do
 * setuid bits; and cp replaces what is in its way instead of writing through a link.
 */
#include "tools/run/back.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/run/tool.h"

static int fail(const char *what)
{
	return run_say("--writable: %s: what was written to /mnt is lost", what);
}

static int fetch(struct machine *m, const struct session_request *command, const char *archive)
{
	static const char *const words[] = {"tar", "-cf", "-", ".", NULL};
	static struct session_request r;

	r = *command;
	r.terminal = false;
	r.output = open(archive, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r.output < 0)
		return fail(strerror(errno));
	session_set_command(&r, m->folder, words, NULL, 0);
	const int code = session_run(&r);
	close(r.output);
	if (code == 127)
		return fail("the guest has no tar");
	return code ? fail("the guest's tar did not pack it") : 0;
}

static int run_tool(const char *const words[])
{
	static struct tool_result result;
	const int err = tool_run(&result, words, false);

	if (err)
		run_say("--writable: %s: %s", words[0], tool_reason(&result, err));
	return err ? RUN_FAILED : 0;
}

/* ------------------------------------------------------------------- which changed */

static bool same_link(const char *path, const char *other)
{
	char a[PATH_MAX], b[PATH_MAX];
	const ssize_t n = readlink(path, a, sizeof(a)), k = readlink(other, b, sizeof(b));

	return n >= 0 && n == k && memcmp(a, b, (size_t)n) == 0;
}

static bool same_bytes(const char *path, const char *other)
{
	const int fds[2] = {open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW),
	    open(other, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
	static char a[1 << 16], b[1 << 16];
	ssize_t n = -1, k = 0;

	while (fds[0] >= 0 && fds[1] >= 0) {
		n = read(fds[0], a, sizeof(a));
		k = read(fds[1], b, sizeof(b));
		if (n <= 0 || n != k || memcmp(a, b, (size_t)n) != 0)
			break;
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return n == 0 && k == 0;
}

/* The image and the archive have whole seconds, so within one the contents decide. */
static bool is_changed(const char *path, const struct stat *st, const char *here)
{
	struct stat own;

	if (lstat(here, &own) != 0 || (own.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return true;
	if (st->st_mtime != own.st_mtime)
		return st->st_mtime > own.st_mtime;
	return S_ISLNK(st->st_mode) ? !same_link(path, here)
				    : st->st_size != own.st_size || !same_bytes(path, here);
}

/* A device, a FIFO, a socket, or what is the same here. */
static bool is_unwanted(const FTSENT *e, const char *here)
{
	if (e->fts_info != FTS_F && e->fts_info != FTS_SL)
		return e->fts_info == FTS_DEFAULT;
	return !is_changed(e->fts_path, e->fts_statp, here);
}

/* One of the tree: leaves what is to be copied, without bits that give rights. */
static void choose(const FTSENT *e, const char *tree, const char *folder)
{
	const bool has_mode = e->fts_info == FTS_F || e->fts_info == FTS_D;
	char here[2 * PATH_MAX];

	snprintf(here, sizeof(here), "%s%s", folder, e->fts_path + strlen(tree));
	if (is_unwanted(e, here))
		unlink(e->fts_path);
	else if (has_mode && (e->fts_statp->st_mode & 07000))
		chmod(e->fts_path, e->fts_statp->st_mode & 0777);
}

static int choose_all(const char *tree, const char *folder)
{
	char root[PATH_MAX];
	char *const roots[] = {root, NULL};
	const FTSENT *e;

	snprintf(root, sizeof(root), "%s", tree);
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return fail(strerror(errno));
	while ((e = fts_read(walk)))
		choose(e, tree, folder);
	fts_close(walk);
	return 0;
}

/* ------------------------------------------------------------------------- the steps */

int back_copy(struct machine *m, const struct session_request *r)
{
	const char *folder = m->options->share ? m->options->share : ".";
	const char *archive = machine_text(m, "%s/back.tar", m->place->path);
	const char *tree = machine_text(m, "%s/back", m->place->path);
	const char *const unpack[] = {
	    "tar", "-xf", archive, "-C", tree, "--no-same-owner", "--no-same-permissions", NULL};
	const char *const copy[] = {"cp", "-R", "-P", "--preserve=timestamps,links",
	    "--remove-destination", "--", machine_text(m, "%s/.", tree), folder, NULL};

	if (mkdir(tree, 0700) != 0)
		return fail(strerror(errno));
	if (fetch(m, r, archive) != 0 || run_tool(unpack) != 0)
		return RUN_FAILED;
	if (choose_all(tree, folder) != 0)
		return RUN_FAILED;
	return run_tool(copy);
}
