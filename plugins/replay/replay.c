/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * replay - a filter that holds a guest, or a device, to a recording.
 *
 * mode=answer: reads get what was recorded and nothing reaches the device, which is how a
 * driver is run against traffic from elsewhere. mode=verify: the device works as ever, and
 * what it answers is compared. Every vCPU follows its own entries, in their order.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <volt/filter.h>
#include <volt/plugin.h>
#include <volt/recording.h>

enum { PARAM_FROM, PARAM_MODE, PARAM_ELSE };
enum { MODE_ANSWER, MODE_VERIFY };
enum { ELSE_STOP, ELSE_PASS, ELSE_ONES };
enum { COUNT_MATCHED, COUNT_DIVERGED };

#define VCPU_MAX       256u
#define FILE_MAX_BYTES (1ull << 30)

struct replay {
	const struct volt_host *h;
	uint64_t mode, otherwise;
	struct volt_recording_entry *entries;
	size_t count;
	size_t next[VCPU_MAX]; /* first entry that the vCPU has not reached; a gap it stays at */
	bool diverged;         /* said already */
};

static const struct volt_recording_entry *find_next(struct replay *r, uint32_t vcpu)
{
	if (vcpu >= VCPU_MAX)
		return NULL;
	while (r->next[vcpu] < r->count) {
		const struct volt_recording_entry *e = &r->entries[r->next[vcpu]];

		if (e->n == 0)
			return e; /* for ever: whose the missing ones are nobody knows */
		r->next[vcpu]++;
		if (e->vcpu == vcpu)
			return e;
	}
	return NULL;
}

static void describe(
    char *text, size_t size, bool write, uint32_t n, uint64_t base, uint64_t off, uint64_t val)
{
	snprintf(text, size, "%s of %" PRIu32 " bytes at 0x%" PRIx64 "+0x%" PRIx64 ", 0x%" PRIx64,
	    write ? "write" : "read", n, base, off, val);
}

/* Says it once: all that follows is the consequence of the first. */
static void diverge(struct replay *r, const struct volt_recording_entry *e,
    const struct volt_layer *below, const struct volt_access *a, uint64_t val)
{
	char now[96], then[96] = "the recording's end";

	volt_count(r->h, COUNT_DIVERGED, 1);
	if (r->diverged)
		return;
	r->diverged = true;
	describe(now, sizeof(now), a->write, a->n, below->base, a->offset, val);
	if (e && e->n == 0)
		snprintf(then, sizeof(then), "a gap of %" PRIu64 " entries", e->value);
	else if (e)
		describe(then, sizeof(then), e->kind & VOLT_RECORDING_WRITE, e->n, e->base,
		    e->offset, e->value);
	volt_log(r->h, VOLT_LOG_WARN, "vCPU %" PRIu32 " differs: %s; recorded is %s", a->vcpu, now,
	    then);
	if (r->otherwise == ELSE_STOP)
		r->h->request(r->h, VOLT_REQUEST_EXIT, 1, "the replay differs from its recording");
}

static bool is_same(const struct volt_recording_entry *e, const struct volt_layer *below,
    const struct volt_access *a)
{
	return e && e->n == a->n && e->base == below->base && e->offset == a->offset &&
	       !(e->kind & VOLT_RECORDING_WRITE) == !a->write &&
	       !(e->kind & VOLT_RECORDING_MMIO) == (below->space != VOLT_SPACE_MMIO) &&
	       (!a->write || e->value == a->value);
}

static uint64_t replay_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct replay *r = self;
	const struct volt_recording_entry *e = find_next(r, a->vcpu);
	const bool same = is_same(e, below, a);

	if (!same)
		diverge(r, e, below, a, a->value);
	if (r->mode == MODE_ANSWER && same) {
		volt_count(r->h, COUNT_MATCHED, 1);
		return e->value;
	}
	if (!same &&
	    (r->otherwise == ELSE_ONES || (r->otherwise == ELSE_STOP && r->mode == MODE_ANSWER)))
		return UINT64_MAX;
	uint64_t val = below->pass(below, a);
	if (!same)
		return val;
	if (!a->write && val != e->value)
		diverge(r, e, below, a, val);
	else
		volt_count(r->h, COUNT_MATCHED, 1);
	return val;
}

static int read_all(int fd, void *to, size_t size, off_t at)
{
	char *bytes = to;

	while (size > 0) {
		ssize_t n = pread(fd, bytes, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A second recording is found by its head: it is as long as two entries, and would be taken for
 * them. */
static int check_entries(const struct replay *r, const char *path)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct volt_recording_entry *e = &r->entries[i];

		if (memcmp(e, VOLT_RECORDING_MAGIC, 8) == 0)
			return volt_fail(
			    r->h, EINVAL, "%s holds two recordings: record into a new file", path);
		if ((e->n != 0 && e->n != 1 && e->n != 2 && e->n != 4 && e->n != 8) ||
		    e->kind > (VOLT_RECORDING_WRITE | VOLT_RECORDING_MMIO))
			return volt_fail(r->h, EINVAL, "%s: entry %zu is damaged", path, i);
	}
	return 0;
}

static int read_entries(struct replay *r, int fd, const char *path, size_t size)
{
	r->entries = malloc(size > 0 ? size : 1);
	if (!r->entries)
		return volt_fail(r->h, ENOMEM, "no memory for %s", path);
	int err = read_all(fd, r->entries, size, sizeof(struct volt_recording_head));

	r->count = size / sizeof(*r->entries);
	err = err ? volt_fail(r->h, -err, "cannot read %s: %s", path, strerror(-err))
		  : check_entries(r, path);
	if (err)
		free(r->entries);
	return err;
}

static int load(struct replay *r, int fd, const char *path)
{
	struct volt_recording_head head;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return volt_fail(r->h, errno, "cannot read %s: %s", path, strerror(errno));
	uint64_t size = (uint64_t)st.st_size;
	if (size < sizeof(head) || read_all(fd, &head, sizeof(head), 0) != 0 ||
	    memcmp(head.magic, VOLT_RECORDING_MAGIC, sizeof(head.magic)) != 0)
		return volt_fail(r->h, EINVAL, "%s is not a recording: its header is wrong", path);
	size -= sizeof(head);
	if (head.entry_size != sizeof(*r->entries))
		return volt_fail(r->h, EINVAL, "%s has entries of %" PRIu32 " bytes, not %zu", path,
		    head.entry_size, sizeof(*r->entries));
	if (size % sizeof(*r->entries) != 0)
		return volt_fail(r->h, EINVAL, "%s is cut off", path);
	if (size > FILE_MAX_BYTES)
		return volt_fail(r->h, EFBIG, "%s is longer than 1 GiB", path);
	return read_entries(r, fd, path, size);
}

static int replay_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct replay *r = self;

	r->h = h;
	r->mode = volt_arg(a, PARAM_MODE)->u;
	r->otherwise = volt_arg(a, PARAM_ELSE)->u;
	return load(r, volt_arg(a, PARAM_FROM)->fd, volt_arg(a, PARAM_FROM)->s);
}

/* A reset of the machine goes on with the recording, which has it too. */
static void replay_fini(void *self)
{
	free(((struct replay *)self)->entries);
}

static const void *replay_get_ext(const char *id)
{
	static const struct volt_filter filter = {.size = sizeof(filter), .access = replay_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_FROM] = {.name = "from",
	.type = VOLT_PARAM_FILE_RO,
	.help = "recording that the filter record wrote"},
    [PARAM_MODE] = {.name = "mode",
	.type = VOLT_PARAM_ENUM,
	.choices = "answer|verify",
	.def = "verify",
	.help = "answer in the device's place, or compare its answers"},
    [PARAM_ELSE] = {.name = "else",
	.type = VOLT_PARAM_ENUM,
	.choices = "stop|pass|ones",
	.def = "stop",
	.help = "on a difference: end the VM with status 1, ask the device, or read all ones"},
};

static const struct volt_counter counters[] = {
    [COUNT_MATCHED] = {"matched", "accesses that are as recorded"},
    [COUNT_DIVERGED] = {"diverged", "accesses that differ from the recording"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "replay",
    .version = "0.1.0",
    .summary = "holds a guest, or a device, to a recording",
    .instance_size = sizeof(struct replay),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = replay_init,
    .fini = replay_fini,
    .get_ext = replay_get_ext,
};
