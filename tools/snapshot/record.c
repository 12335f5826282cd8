/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * record.c - which pages a guest touches first after it was restored.
 *
 * A copy of the snapshot is restored, whose memory file is in nobody's page cache. Its state file
 * has an empty section `wset`, so that volt reads no page but those that the guest touches
 * (core/vm/restore.c), and mincore(2) tells which they are, again and again until the mark.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/snapshot/snapshot.h"

#define LOOK_MS   5 /* between two looks, at least */
#define AFTER_MS  1000
#define END_MS    10000 /* from SIGTERM to SIGKILL */
#define GAP_PAGES 16    /* are read with what surrounds them, as one request costs less than two */
#define TEXT_MAX  256

struct output {
	int from, to;
	char last[TEXT_MAX]; /* of what came, so that a text in two parts is found */
	size_t kept;
};

struct recording {
	const struct snap_options *o;
	struct old_folder *from;
	struct new_folder copy;
	const uint8_t *map; /* of the copy's memory */
	uint8_t *resident;  /* what mincore() told of one range */
	uint8_t *seen;      /* a byte for each page */
	struct ranges found;
	struct output outputs[2];
	pid_t volt;
	uint64_t start; /* ms */
	bool marked;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------- the copy */

static int prepare_files(struct recording *r)
{
	const struct ranges none = {0};
	uint8_t *bytes = NULL;
	size_t n = 0;

	int err = memory_copy(r->from, r->copy.memory);
	if (err)
		return err;
	err = state_put_wset(&r->from->file, &none, &bytes, &n);
	err = err ? err : folder_write_state(&r->copy, bytes, n);
	free(bytes);
	if (err)
		return err;
	void *map = mmap(NULL, r->from->file.ram, PROT_READ, MAP_SHARED, r->copy.memory, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	r->resident = malloc(r->from->file.ram / SNAPSHOT_PAGE);
	r->seen = calloc(r->from->file.ram / SNAPSHOT_PAGE, 1);
	return r->resident && r->seen ? 0 : -ENOMEM;
}

/* ---------------------------------------------------------------- what is read */

static int add_page(struct ranges *found, uint64_t first, uint64_t at)
{
	struct snapshot_range *last = found->count > first ? &found->list[found->count - 1] : NULL;

	if (last && at - (last->offset + last->length) <= GAP_PAGES * (uint64_t)SNAPSHOT_PAGE) {
		last->length = at + SNAPSHOT_PAGE - last->offset;
		return 0;
	}
	return found->count < SNAPSHOT_WSET_MAX ? ranges_append(found, at, SNAPSHOT_PAGE) : 0;
}

/* Pages that were not there at the last look; `first` is the number of ranges by then. */
static int look_at(struct recording *r, struct snapshot_range range, uint64_t first)
{
	const uint64_t page = range.offset / SNAPSHOT_PAGE;

	if (mincore((void *)(uintptr_t)(r->map + range.offset), range.length, r->resident) != 0)
		return -errno;
	for (uint64_t i = 0; i < range.length / SNAPSHOT_PAGE; i++) {
		if (!(r->resident[i] & 1) || r->seen[page + i])
			continue;
		r->seen[page + i] = 1;
		const int err = add_page(&r->found, first, (page + i) * SNAPSHOT_PAGE);
		if (err)
			return err;
	}
	return 0;
}

static int look(struct recording *r)
{
	const uint64_t first = r->found.count;
	int err = 0;

	for (uint64_t i = 0; !err && i < r->from->ram.ranges; i++)
		err = look_at(r, snapshot_range(&r->from->ram, i), first);
	return err;
}

/* A file system that keeps its files in memory, as tmpfs does, has nothing to read ahead. */
static int empty_cache(struct recording *r)
{
	for (unsigned tries = 0; tries < 10; tries++) {
		posix_fadvise(r->copy.memory, 0, 0, POSIX_FADV_DONTNEED);
		r->found.count = 0;
		memset(r->seen, 0, r->from->file.ram / SNAPSHOT_PAGE);
		const int err = look(r);
		if (err || r->found.count == 0)
			return err;
		poll(NULL, 0, 20);
	}
	return -ENOTSUP;
}

/* -------------------------------------------------------------------- the VM */

static _Noreturn void run_volt(const struct recording *r, char **args, int out, int err)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
		execvp(args[0], args);
	snap_say(SNAP_FAILED, "record: cannot start %s: %s", args[0], strerror(errno));
	_exit(127);
}

static char **arguments(struct recording *r)
{
	static char restore[] = "--restore", program[PATH_MAX];
	char **words = r->o->words + 1;
	size_t count = 0;

	while (words[count])
		count++;
	char **args = calloc(count + 4, sizeof(*args));
	if (!args)
		return NULL;
	snprintf(program, sizeof(program), "%s", r->o->volt ? r->o->volt : "volt");
	args[0] = program;
	args[1] = restore;
	args[2] = r->copy.temporary;
	memcpy(args + 3, words, count * sizeof(*args));
	return args;
}

static int start_volt(struct recording *r)
{
	int out[2], err[2];
	char **args = arguments(r);

	if (!args)
		return -ENOMEM;
	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
		free(args);
		return -errno;
	}
	r->start = now_ms();
	r->volt = fork();
	if (r->volt == 0)
		run_volt(r, args, out[1], err[1]);
	free(args);
	close(out[1]);
	close(err[1]);
	r->outputs[0] = (struct output){.from = out[0], .to = STDOUT_FILENO};
	r->outputs[1] = (struct output){.from = err[0], .to = STDERR_FILENO};
	return r->volt > 0 ? 0 : -errno;
}

/* SIGKILL after ten seconds. */
static void end_volt(struct recording *r)
{
	const uint64_t limit = now_ms() + END_MS;

	if (r->volt <= 0)
		return;
	kill(r->volt, SIGTERM);
	while (waitpid(r->volt, NULL, WNOHANG) == 0) {
		if (now_ms() > limit)
			kill(r->volt, SIGKILL);
		poll(NULL, 0, 5);
	}
	r->volt = 0;
}

/* --------------------------------------------------------------- to the mark */

static void find_mark(struct recording *r, struct output *output, const char *bytes, size_t n)
{
	const size_t length = r->o->until ? strlen(r->o->until) : 0;
	char text[TEXT_MAX + 4096];

	if (length == 0)
		return;
	memcpy(text, output->last, output->kept);
	memcpy(text + output->kept, bytes, n);
	n += output->kept;
	r->marked |= memmem(text, n, r->o->until, length) != NULL;
	output->kept = n < length - 1 ? n : length - 1;
	memcpy(output->last, text + n - output->kept, output->kept);
}

/* Hands on what the VM writes. */
static void take_output(struct recording *r, struct output *output)
{
	char bytes[4096];
	const ssize_t n = read(output->from, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(output->from);
		output->from = -1;
		return;
	}
	for (ssize_t put = 0, m; put < n; put += m) {
		m = write(output->to, bytes + put, (size_t)(n - put));
		if (m <= 0)
			break; /* nobody reads it: the mark counts all the same */
	}
	find_mark(r, output, bytes, (size_t)n);
}

static void wait_a_little(struct recording *r, int ms)
{
	struct pollfd files[2];

	for (unsigned i = 0; i < 2; i++)
		files[i] = (struct pollfd){.fd = r->outputs[i].from, .events = POLLIN};
	if (poll(files, 2, ms) <= 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		if (files[i].revents != 0)
			take_output(r, &r->outputs[i]);
}

static bool is_over(const struct recording *r)
{
	const unsigned after = r->o->after ? r->o->after : AFTER_MS;

	return r->o->until ? r->marked : now_ms() - r->start >= after;
}

static int fail_before_mark(struct recording *r)
{
	if (interrupted)
		return snap_say(SNAP_FAILED, "record: stopped by a signal; nothing is recorded");
	if (r->outputs[0].from < 0 && r->outputs[1].from < 0)
		return snap_say(
		    SNAP_FAILED, "record: the VM ended before the mark; nothing is recorded");
	return snap_say(SNAP_FAILED,
	    "record: \"%s\" did not come within %u s (--timeout); nothing is recorded", r->o->until,
	    r->o->timeout);
}

/* Looks are rare where a look takes long. */
static int watch(struct recording *r)
{
	const uint64_t limit = r->start + r->o->timeout * 1000ull;
	uint64_t next = 0;
	int err = 0;

	while (!err && !is_over(r)) {
		const uint64_t begun = now_ms();

		if (interrupted || (r->outputs[0].from < 0 && r->outputs[1].from < 0) ||
		    (r->o->until && begun > limit))
			return fail_before_mark(r);
		if (begun >= next) {
			err = look(r);
			next = now_ms() + LOOK_MS + 4 * (now_ms() - begun);
		}
		wait_a_little(r, LOOK_MS);
	}
	err = err ? err : look(r);
	return err ? snap_say(SNAP_FAILED, "record: %s", strerror(-err)) : SNAP_DONE;
}

/* ---------------------------------------------------------------------- all */

static int store(struct recording *r)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	int err = state_put_wset(&r->from->file, &r->found, &bytes, &n);
	err = err ? err : folder_replace_state(r->from, bytes, n);
	free(bytes);
	if (err)
		return snap_say(
		    SNAP_OUTPUT, "%s/state: cannot be replaced: %s", r->from->path, strerror(-err));
	uint64_t pages = 0;
	for (uint64_t i = 0; i < r->found.count; i++)
		pages += r->found.list[i].length / SNAPSHOT_PAGE;
	if (!r->o->quiet)
		printf("%s: %llu KiB in %llu ranges are read ahead from now on\n", r->from->path,
		    (unsigned long long)(pages * SNAPSHOT_PAGE >> 10),
		    (unsigned long long)r->found.count);
	return SNAP_DONE;
}

static int record(struct recording *r)
{
	int err = prepare_files(r);

	if (err)
		return snap_say(
		    SNAP_OUTPUT, "record: cannot copy %s: %s", r->from->path, strerror(-err));
	err = empty_cache(r);
	if (err)
		return snap_say(SNAP_FAILED, "record: %s: %s", r->from->path,
		    err == -ENOTSUP ? "its file system keeps files in memory, where nothing has to "
				      "be read ahead"
				    : strerror(-err));
	err = start_volt(r);
	if (err)
		return snap_say(SNAP_FAILED, "record: cannot start volt: %s", strerror(-err));
	const int code = watch(r);
	end_volt(r);
	return code == SNAP_DONE ? store(r) : code;
}

static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int check_words(const struct snap_options *o)
{
	if (!o->words[0])
		return snap_say(SNAP_USAGE,
		    "record: give a snapshot's folder, and the options that "
		    "restore it");
	if (o->after && o->until)
		return snap_say(SNAP_USAGE, "record: give --after or --until");
	if (o->until && (o->until[0] == '\0' || strlen(o->until) > TEXT_MAX))
		return snap_say(SNAP_USAGE, "--until: must be 1 to %u bytes", TEXT_MAX);
	return SNAP_DONE;
}

static int record_folder(struct old_folder *from, const struct snap_options *o)
{
	struct recording r = {.o = o, .from = from, .outputs = {{.from = -1}, {.from = -1}}};
	char path[PATH_MAX];

	if (from->ram.kind != SNAPSHOT_RAM_FULL || from->memory_size < from->file.ram)
		return snap_say(SNAP_FAILED, "%s: is a diff, or its memory is short", from->path);
	snprintf(path, sizeof(path), "%s.recording", from->path);
	int code = folder_begin(&r.copy, path);
	if (code != SNAP_DONE)
		return code;
	catch_signals();
	code = record(&r);
	if (r.map)
		munmap((void *)(uintptr_t)r.map, from->file.ram);
	folder_drop(&r.copy);
	free(r.resident);
	free(r.seen);
	free(r.found.list);
	return code;
}

int verb_record(const struct snap_options *o)
{
	struct old_folder from;
	int code = check_words(o);

	if (code != SNAP_DONE)
		return code;
	code = folder_open(&from, o->words[0]);
	if (code != SNAP_DONE)
		return code;
	code = record_folder(&from, o);
	folder_close(&from);
	return code;
}
