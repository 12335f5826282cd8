/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/kvm/state.h"
#include "core/vm/identity.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"
#include "sdk/common/params.h"
#include "sdk/common/state.h"

#define RANGE_MAX 4096u /* mappings of the memory file */

struct restore {
	const char *path;
	int memory_fd;
	uint8_t *bytes; /* of the state file, which `file` points into */
	struct snapshot file;
	struct snapshot_ram ram, wset;
	struct state_plan plan;
	uint8_t *scratch;    /* for one instance's fields at a time */
	struct blocks vm;    /* KVM's state of the VM */
	struct blocks *cpus; /* of each vCPU */
};

const struct snapshot_ram *restore_ram(const struct machine *m)
{
	return m->restore ? &m->restore->ram : NULL;
}

const uint8_t *restore_uuid(const struct machine *m)
{
	return m->restore ? m->restore->file.uuid : NULL;
}

/* ---------------------------------------------------------------------- files */

static int refuse(const struct restore *r, const char *file, const char *why)
{
	return log_error(EINVAL, "--restore %s/%s: %s", r->path, file, why);
}

static int open_file(const struct restore *r, const char *file, int *fd, struct stat *st)
{
	char path[PATH_MAX];
	const int n = snprintf(path, sizeof(path), "%s/%s", r->path, file);

	if (n < 0 || (size_t)n >= sizeof(path))
		return refuse(r, file, "the path is too long");
	/* Not blocking, so that a FIFO in its place is refused and not waited for. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, st) != 0)
		return log_error(
		    errno, "--restore %s: cannot be opened: %s", path, strerror(errno));
	return S_ISREG(st->st_mode) ? 0 : refuse(r, file, "it is not a regular file");
}

/* Copied once and read there: whoever changes the file meanwhile changes nothing. */
static int read_state(struct restore *r)
{
	struct stat st = {0};
	char why[128];
	int fd;

	int err = open_file(r, "state", &fd, &st);
	if (err)
		return err;
	if (st.st_size <= 0 || st.st_size > SNAPSHOT_BYTES_MAX)
		return refuse(r, "state", "it is empty, or larger than 16 MiB");
	const size_t size = (size_t)st.st_size;
	uint8_t *bytes = aligned_alloc(8, (size + 7) & ~(size_t)7);
	if (!bytes)
		return log_error(ENOMEM, "--restore: no memory");
	r->bytes = bytes;
	const ssize_t n = read(fd, bytes, size);
	close(fd);
	if (n != (ssize_t)size)
		return refuse(r, "state", "it cannot be read to its end");
	if (!snapshot_read(&r->file, bytes, size, why, sizeof(why)) ||
	    !snapshot_read_ram(&r->file, &r->ram, why, sizeof(why)) ||
	    !snapshot_read_wset(&r->file, &r->wset, why, sizeof(why)))
		return refuse(r, "state", why);
	if (r->ram.kind != SNAPSHOT_RAM_FULL)
		return refuse(r, "state",
		    "it is a diff: put it together with its base by volt snapshot merge");
	return 0;
}

/* Who may write the file can change the running guest, and end it by cutting the file short. */
static int open_memory(struct restore *r)
{
	struct stat st = {0};
	int err = open_file(r, "memory", &r->memory_fd, &st);

	if (err)
		return err;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return refuse(r, "memory",
		    "somebody else may write it, and so change the guest while it runs; it must be "
		    "yours or root's, and writable by nobody else: chmod 0400");
	if ((uint64_t)st.st_size < r->file.ram)
		return refuse(r, "memory", "it is shorter than the guest's memory");
	return 0;
}

/* The kernel reads it in while the VM is made. A failure costs time and nothing else. */
static void read_ahead(const struct restore *r)
{
	for (uint64_t i = 0; i < r->wset.ranges; i++) {
		const struct snapshot_range one = snapshot_range(&r->wset, i);

		posix_fadvise(
		    r->memory_fd, (off_t)one.offset, (off_t)one.length, POSIX_FADV_WILLNEED);
	}
}

/* Rows that must be understood and are not. */
static int check_kinds(const struct restore *r)
{
	static const struct {
		uint32_t kind;
		uint16_t version;
	} known[] = {
	    {SNAPSHOT_META, 1},
	    {SNAPSHOT_CONF, 1},
	    {SNAPSHOT_KVM, 1},
	    {SNAPSHOT_CPU, 1},
	    {SNAPSHOT_DEV, 0}, /* the plugin's own: state_load() looks at it */
	    {SNAPSHOT_RAM, 1},
	    {SNAPSHOT_WSET, 1},
	};

	for (uint32_t i = 0; i < r->file.rows; i++) {
		struct snapshot_row row;
		unsigned k = 0;

		snapshot_row(&r->file, i, &row);
		while (k < sizeof(known) / sizeof(known[0]) &&
		       (known[k].kind != row.kind ||
			   (known[k].version != 0 && known[k].version != row.version)))
			k++;
		if (k < sizeof(known) / sizeof(known[0]))
			continue;
		if (row.flags & SNAPSHOT_NEEDED)
			return log_error(ENOTSUP,
			    "--restore %s/state: section %u is of a kind or version that this volt "
			    "does not read: use the volt that wrote it, or a newer one",
			    r->path, i);
		log_warn(
		    "--restore %s/state: section %u is skipped: its kind is unknown", r->path, i);
	}
	return 0;
}

/* The section, checked by its sum; NULL, which is logged. */
static const uint8_t *section(const struct restore *r, uint32_t kind, uint32_t index,
    const char *name, struct snapshot_row *row)
{
	const int number = snapshot_find(&r->file, kind, index, name);

	if (number < 0) {
		log_error(EINVAL, "--restore %s/state: section %.4s %u %s is missing", r->path,
		    (const char *)&kind, index, name ? name : "");
		return NULL;
	}
	snapshot_row(&r->file, (uint32_t)number, row);
	const uint8_t *bytes = snapshot_section(&r->file, row);
	if (!bytes)
		log_error(EINVAL, "--restore %s/state: section %.4s %u %s is damaged", r->path,
		    (const char *)&kind, index, name ? name : "");
	return bytes;
}

/* The value of the first line "key value" of the section `conf`; 0: none. */
static uint64_t number_of(const char *text, size_t n, const char *key)
{
	const size_t len = strlen(key);
	char value[32];
	uint64_t number;

	for (const char *end; n > 0; n -= (size_t)(end - text) + 1, text = end + 1) {
		end = memchr(text, '\n', n);
		if (!end)
			return 0;
		if ((size_t)(end - text) <= len + 1 || memcmp(text, key, len) != 0 ||
		    text[len] != ' ')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)(end - text - (ptrdiff_t)len - 1),
		    text + len + 1);
		return parse_uint(value, &number) == 0 ? number : 0;
	}
	return 0;
}

/* Sizes that were not typed are the snapshot's. restore_check() compares those that were. */
static int take_sizes(const struct restore *r, struct options *o)
{
	struct snapshot_row row;
	const char *conf = (const char *)section(r, SNAPSHOT_CONF, 0, NULL, &row);

	if (!conf)
		return -EINVAL;
	const uint64_t cpus = number_of(conf, row.length, "cpus");
	if (r->file.ram < MEMORY_MIN || r->file.ram > MEMORY_MAX || cpus < 1 ||
	    cpus > OPTIONS_CPU_MAX)
		return refuse(r, "state",
		    "its size of memory or number of vCPUs is not one that a VM can have");
	if (!o->memory_given)
		o->memory = r->file.ram;
	if (!o->cpus_given)
		o->cpus = (uint32_t)cpus;
	return 0;
}

static int open_parts(struct restore *r, struct options *o)
{
	int err = read_state(r);

	if (err)
		return err;
	err = check_kinds(r);
	if (err)
		return err;
	err = open_memory(r);
	if (err)
		return err;
	read_ahead(r);
	return take_sizes(r, o);
}

int restore_open(struct machine *m, struct options *o)
{
	if (!o->restore)
		return 0;
	struct restore *r = calloc(1, sizeof(*r));
	if (!r)
		return log_error(ENOMEM, "--restore: no memory");
	r->path = o->restore;
	r->memory_fd = -1;
	const int err = open_parts(r, o);
	m->restore = r;
	m->firmware.cpus = o->cpus;
	return err;
}

/* -------------------------------------------------------------------- compare */

/* Takes the first line of a text, without its line feed; an empty one behind the last. */
struct line {
	const char *text;
	size_t n;
};

static struct line first_line(struct line rest)
{
	const char *end = rest.n > 0 ? memchr(rest.text, '\n', rest.n) : NULL;

	return (struct line){rest.text, end ? (size_t)(end - rest.text) : rest.n};
}

static struct line after(struct line rest, struct line first)
{
	const size_t n = first.n < rest.n ? first.n + 1 : first.n;

	return (struct line){rest.text + n, rest.n - n};
}

/* Without its first `words` words. */
static struct line behind(struct line l, unsigned words)
{
	for (; words > 0 && l.n > 0; words--) {
		const char *space = memchr(l.text, ' ', l.n);
		const size_t n = space ? (size_t)(space - l.text) + 1 : l.n;

		l.text += n;
		l.n -= n;
	}
	return l;
}

static bool starts(struct line l, const char *word)
{
	return l.n >= strlen(word) && memcmp(l.text, word, strlen(word)) == 0;
}

static bool same(struct line a, struct line b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.text, b.text, a.n) == 0);
}

/* The line of a parameter up to its value. */
static bool is_same_param(struct line is, struct line was)
{
	const struct line a = behind(is, 1), b = behind(was, 1);
	const size_t n = a.n - behind(a, 2).n;

	return starts(was, "param ") && b.n >= n && memcmp(a.text, b.text, n) == 0;
}

static int refuse_line(const struct restore *r, struct line is, struct line was)
{
	static const struct line nothing = {"nothing more", 12};

	is = is.n > 0 ? is : nothing;
	was = was.n > 0 ? was : nothing;
	return log_error(EINVAL,
	    "--restore %s: this is another machine: it has \"%.*s\", and the one that was saved "
	    "\"%.*s\"; give the same --plugin options in the same order",
	    r->path, is.n < 200 ? (int)is.n : 200, is.text, was.n < 200 ? (int)was.n : 200,
	    was.text);
}

/* Line by line. A parameter that the saver's plugin had not may be here, at its default. */
static int compare(const struct restore *r, struct line here, struct line there)
{
	while (here.n > 0 || there.n > 0) {
		const struct line is = first_line(here), was = first_line(there);
		const bool typed = !starts(is, "default ");

		if (typed ? same(is, was)
			  : starts(was, "param ") && same(behind(is, 1), behind(was, 1))) {
			here = after(here, is);
			there = after(there, was);
		} else if (!typed && !is_same_param(is, was)) {
			here = after(here, is);
		} else {
			return refuse_line(r, is, was);
		}
	}
	return 0;
}

static int take_scratch(struct machine *m)
{
	struct restore *r = m->restore;
	size_t size = 64;

	for (uint32_t i = 0; i < m->instance_count; i++)
		if (snapshot_has(m, i) && m->instances[i]->plugin.instance_size > size)
			size = m->instances[i]->plugin.instance_size;
	size = (size + 63) & ~(size_t)63;
	r->scratch = aligned_alloc(64, size);
	if (!r->scratch)
		return log_error(ENOMEM, "--restore: no memory");
	memset(r->scratch, 0, size);
	return 0;
}

int restore_check(struct machine *m)
{
	struct restore *r = m->restore;
	struct snapshot_row row;

	if (!r)
		return 0;
	const char *was = (const char *)section(r, SNAPSHOT_CONF, 0, NULL, &row);
	if (!was)
		return -EINVAL;
	const size_t n = snapshot_describe(m, true, NULL, 0);
	char *is = malloc(n + 1);
	if (!is)
		return log_error(ENOMEM, "--restore: no memory");
	snapshot_describe(m, true, is, n + 1);
	const int err = compare(r, (struct line){is, n}, (struct line){was, row.length});
	free(is);
	return err ? err : take_scratch(m);
}

/* ------------------------------------------------------------------- memory */

/* The widest gap that is mapped with what surrounds it, for `most` mappings at most. */
static uint64_t choose_gap(const struct snapshot_ram *ram, uint32_t most)
{
	uint64_t gap = 16 * (uint64_t)SNAPSHOT_PAGE, count;

	for (;; gap *= 2) {
		uint64_t end = 0;

		count = 0;
		for (uint64_t i = 0; i < ram->ranges; i++) {
			const struct snapshot_range one = snapshot_range(ram, i);

			count += i == 0 || one.offset - end > gap;
			end = one.offset + one.length;
		}
		if (count <= most)
			return gap;
	}
}

static int map_one(const struct machine *m, uint64_t start, uint64_t end)
{
	const void *at = mmap(m->memory.host + start, end - start, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, m->restore->memory_fd, (off_t)start);

	return at != MAP_FAILED ? 0
				: log_error(errno, "--restore %s/memory: cannot be mapped: %s",
				      m->restore->path, strerror(errno));
}

/* What is a hole stays fresh memory: read through the file it would fill the host's cache. */
static int map_all(struct machine *m)
{
	const struct restore *r = m->restore;
	const uint64_t gap = choose_gap(&r->ram, RANGE_MAX / 8);
	uint64_t start = 0, end = 0;

	for (uint64_t i = 0; i < r->ram.ranges; i++) {
		const struct snapshot_range one = snapshot_range(&r->ram, i);

		if (end > 0 && one.offset - end > gap) {
			const int err = map_one(m, start, end);

			if (err)
				return err;
			end = 0;
		}
		if (end == 0)
			start = one.offset;
		end = one.offset + one.length;
	}
	return end > 0 ? map_one(m, start, end) : 0;
}

int restore_map(struct machine *m)
{
	const uint64_t size = m->memory.low_size + m->memory.high_size;
	const struct restore *r = m->restore;

	if (!r)
		return 0;
	/* A copy costs what it writes: a huge page would be 512 pages for each that it writes where
	 * the file has a hole. */
	madvise(m->memory.host, size, MADV_NOHUGEPAGE);
	const int err = map_all(m);
	/* Somebody looks which pages are read: none but those that the guest touches. */
	if (r->wset.list && r->wset.ranges == 0)
		madvise(m->memory.host, size, MADV_RANDOM);
	madvise(m->memory.host, size, MADV_DONTFORK);
	madvise(m->memory.host, size, MADV_DONTDUMP);
	close(r->memory_fd);
	m->restore->memory_fd = -1;
	if (err)
		return err;
	trace_mark("memory mapped", "%llu ranges", (unsigned long long)r->ram.ranges);
	return 0;
}

/* ---------------------------------------------------------------------- KVM */

static int read_blocks(
    const struct restore *r, uint32_t kind, uint32_t index, struct blocks *blocks)
{
	struct snapshot_row row;
	const uint8_t *bytes = section(r, kind, index, NULL, &row);

	if (!bytes)
		return -EINVAL;
	return blocks_read(blocks, bytes, row.length) == 0
		   ? 0
		   : refuse(r, "state", "a section of KVM's state is malformed");
}

int restore_cpuid(
    const struct machine *m, uint32_t id, const struct cpuid *host, struct cpuid *guest)
{
	struct blocks blocks;

	if (!m->restore) {
		cpuid_copy(guest, host);
		return 0;
	}
	const int err = read_blocks(m->restore, SNAPSHOT_CPU, id, &blocks);
	return err ? err : state_set_cpuid(&blocks, host, id, m->options->cpus, guest);
}

int restore_plan(struct machine *m)
{
	struct restore *r = m->restore;

	if (!r)
		return 0;
	r->cpus = calloc(m->options->cpus, sizeof(*r->cpus));
	if (!r->cpus)
		return log_error(ENOMEM, "--restore: no memory");
	int err = read_blocks(r, SNAPSHOT_KVM, 0, &r->vm);
	for (uint32_t i = 0; !err && i < m->options->cpus; i++)
		err = read_blocks(r, SNAPSHOT_CPU, i, &r->cpus[i]);
	if (err)
		return err;
	return state_plan(&r->plan, &m->kvm, m->vcpus, m->options->cpus, m->cpuid, !m->irq.chip);
}

static int set_kvm(struct machine *m)
{
	struct restore *r = m->restore;
	struct state_clock saved, now;
	int err = 0;

	for (uint32_t i = 0; !err && i < m->options->cpus; i++)
		err = state_set_vcpu(&r->plan, &m->vcpus[i], &r->cpus[i]);
	if (err)
		return err;
	err = state_set_vm(&r->plan, &m->kvm, &r->vm, &saved, &now);
	for (uint32_t i = 0; !err && i < m->options->cpus; i++)
		err = state_finish_vcpu(&r->plan, &m->vcpus[i], &r->cpus[i], &saved, &now);
	return err;
}

int restore_kvm(struct machine *m)
{
	if (!m->restore)
		return 0;
	const int err = set_kvm(m);
	if (err)
		return err;
	/* So that the guest's watchdog does not take the time that passed for a lockup. */
	for (uint32_t i = 0; i < m->options->cpus; i++)
		vcpu_excuse(&m->vcpus[i]);
	trace_mark("state set", "%u vCPUs", m->options->cpus);
	return 0;
}

/* ------------------------------------------------------------------- plugins */

static int restore_fields(struct machine *m, uint32_t number)
{
	struct restore *r = m->restore;
	struct state_target target = snapshot_target(m, number);
	struct snapshot_row row;
	char why[256];

	const uint8_t *bytes = section(r, SNAPSHOT_DEV, 0, target.id, &row);
	if (!bytes)
		return -EINVAL;
	if (!target.table)
		return log_error(ENOTSUP, "--restore: plugin %s has no " VOLT_EXT_STATE, target.id);
	target.scratch = r->scratch;
	const int err = state_load(&target, bytes, row.length, why, sizeof(why));
	return err ? log_error(-err, "--restore %s: plugin %s: %s", r->path, target.id, why) : 0;
}

int restore_plugins(struct machine *m)
{
	int err = 0;

	if (!m->restore)
		return 0;
	for (uint32_t i = 0; !err && i < m->instance_count; i++)
		if (snapshot_has(m, i))
			err = restore_fields(m, i);
	if (err)
		return err;
	identity_tell(m);
	pause_restored(&m->pause);
	return 0;
}
