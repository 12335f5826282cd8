/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/config.h"
#include "core/kvm/state.h"
#include "core/vm/commands.h"
#include "core/vm/restore.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"
#include "sdk/common/state.h"

#define META_ROOM 512u
#define CHUNK     (128u << 10)   /* bytes that are given to the manager at once */
#define TURN      16u            /* chunks in one turn of the loop */
#define PATIENCE  10000000000ull /* ns in which the client must take some bytes */
#define WINDOW    512u           /* pages whose entries of the map are read at once */
#define PAGE      ((uint64_t)SNAPSHOT_PAGE)

/* Linux, Documentation/admin-guide/mm/pagemap.rst */
#define MAP_PRESENT (1ull << 63)
#define MAP_SWAPPED (1ull << 62)
#define MAP_FILE    (1ull << 61)

enum save_step {
	SAVE_NONE,
	SAVE_PAUSE, /* until the VM is paused */
	SAVE_MEMORY,
	SAVE_STATE,
	SAVE_END,
	SAVE_TAIL, /* all is with the manager but what `left` tells */
};

struct save {
	struct machine *machine;
	int page_map_fd;
	uint32_t timer;
	struct state_plan plan;
	uint8_t *image; /* of the state file */
	size_t image_room, image_size;
	uint32_t rows;
	char *conf;
	size_t conf_size;
	/* [loop] One save. */
	enum save_step step;
	struct save_request request;
	struct command_call *call;
	struct snapshot_record head;
	bool paused_already; /* before the save, which begins at the next turn */
	bool head_left;      /* the head waits to be sent */
	const uint8_t *left; /* then these bytes */
	uint64_t left_size;
	uint64_t at;    /* the next page that is looked at, as an offset of the memory */
	uint64_t range; /* the first of the base's ranges that may not end before it */
	uint64_t window, window_size; /* what `entries` is about */
	uint64_t entries[WINDOW];
};

/* ------------------------------------------------------------------- wiring */

int save_open(struct machine *m)
{
	if (!m->options->snapshot)
		return 0;
	struct save *s = calloc(1, sizeof(*s));
	if (!s)
		return log_error(ENOMEM, "--snapshot: no memory");
	s->machine = m;
	s->page_map_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (s->page_map_fd < 0) {
		const int err = errno;

		free(s);
		return log_host_error(
		    err, "--snapshot: /proc/self/pagemap cannot be opened: %s", strerror(err));
	}
	m->save = s;
	return 0;
}

static int check_plugins(const struct machine *m)
{
	for (uint32_t n = 0; n < m->instance_count; n++)
		if (snapshot_has(m, n) && !m->instances[n]->saved)
			return log_error(ENOTSUP,
			    "--snapshot: plugin %s cannot be saved, as it has no " VOLT_EXT_STATE
			    "; leave it out",
			    m->instances[n]->callee.id);
	return 0;
}

static size_t plan_image(struct save *s)
{
	const struct machine *m = s->machine;
	size_t n = META_ROOM + s->conf_size + state_vm_size(&s->plan) +
		   m->options->cpus * state_vcpu_size(&s->plan);

	s->rows = 3 + m->options->cpus;
	for (uint32_t i = 0; i < m->instance_count; i++) {
		if (!snapshot_has(m, i))
			continue;
		const struct state_target target = snapshot_target(m, i);
		n += state_size(&target);
		s->rows++;
	}
	return n + SNAPSHOT_HEAD + s->rows * (SNAPSHOT_ROW + 8u);
}

static int take_memory(struct save *s)
{
	s->conf_size = snapshot_describe(s->machine, false, NULL, 0);
	s->conf = malloc(s->conf_size + 1);
	s->image_room = (plan_image(s) + 7) & ~(size_t)7;
	s->image = aligned_alloc(8, s->image_room);
	if (!s->conf || !s->image)
		return log_error(ENOMEM, "--snapshot: no memory");
	/* Touched now: a page that comes later would be a call for who counts them. */
	memset(s->image, 0, s->image_room);
	snapshot_describe(s->machine, false, s->conf, s->conf_size + 1);
	return s->image_room > SNAPSHOT_BYTES_MAX
		   ? log_error(E2BIG, "--snapshot: the state of this VM takes more than 16 MiB")
		   : 0;
}

static void work(void *arg);
static void on_stall(void *arg);

int save_wire(struct machine *m)
{
	struct save *s = m->save;

	if (!s)
		return 0;
	if (!pause_is_allowed(&m->pause))
		return log_error(EINVAL, "--snapshot: nobody could ask for a save: give --name, or "
					 "load a plugin that takes commands");
	int err = check_plugins(m);
	if (err)
		return err;
	err = state_plan(&s->plan, &m->kvm, m->vcpus, m->options->cpus, m->cpuid, !m->irq.chip);
	if (err)
		return err;
	state_plan_reading(&s->plan, &m->vcpus[0]);
	err = take_memory(s);
	if (err)
		return err;
	err = loop_add_core_timer(&m->loop, on_stall, s, &s->timer);
	if (err)
		return err;
	return loop_add_prepare(&m->loop, work, s);
}

/* None of the requests sets anything. */
void save_declare(const struct machine *m, struct ledger *l)
{
	const struct save *s = m->save;
	uint32_t requests[STATE_REQUESTS_MAX];

	if (!s)
		return;
	ledger_allow(l, ledger_file(l, s->page_map_fd, "core", "map of pages"), LEDGER_LOOP,
	    "pread64", NULL, "finds the pages that the guest has touched, to save them");
	const struct ledger_block vcpus = {
	    .fd = m->vcpus[0].fd, .count = m->options->cpus, .owner = "core"};
	uint32_t n = state_vcpu_requests(&s->plan, requests);
	for (uint32_t i = 0; i < n; i++) {
		const struct volt_arg_test request = ledger_request(requests[i]);

		ledger_allow(l, vcpus, LEDGER_LOOP, "ioctl", &request,
		    "reads the state of a vCPU, to save it");
	}
	n = state_vm_requests(&s->plan, requests);
	for (uint32_t i = 0; i < n; i++) {
		const struct volt_arg_test request = ledger_request(requests[i]);

		ledger_allow(l, ledger_on(m->kvm.vm_fd, "core"), LEDGER_LOOP, "ioctl", &request,
		    "reads the state of the VM, to save it");
	}
}

/* ------------------------------------------------------------ the state file */

static void put_section(struct snapshot_out *out, uint32_t kind, uint16_t version, uint32_t index,
    const char *name, const struct blocks_out *blocks)
{
	snapshot_put(out, kind, version, index, name, blocks->size);
}

static int put_kvm(struct save *s, struct snapshot_out *out, const char **failed)
{
	struct machine *m = s->machine;
	struct blocks_out blocks = {0};

	blocks.bytes = snapshot_next(out, &blocks.room);
	int err = state_read_vm(&s->plan, &m->kvm, &blocks, failed);
	put_section(out, SNAPSHOT_KVM, 1, 0, "", &blocks);
	for (uint32_t i = 0; !err && i < m->options->cpus; i++) {
		blocks = (struct blocks_out){0};
		blocks.bytes = snapshot_next(out, &blocks.room);
		err = state_read_vcpu(&s->plan, &m->vcpus[i], &blocks, failed);
		put_section(out, SNAPSHOT_CPU, 1, i, "", &blocks);
	}
	return err;
}

static void put_devices(struct save *s, struct snapshot_out *out)
{
	const struct machine *m = s->machine;
	uint32_t index = 0;

	for (uint32_t i = 0; i < m->instance_count; i++) {
		size_t room;

		if (!snapshot_has(m, i))
			continue;
		const struct state_target target = snapshot_target(m, i);
		uint8_t *to = snapshot_next(out, &room);
		const size_t n = state_save(&target, to, room);
		out->overflowed |= n == 0;
		snapshot_put(out, SNAPSHOT_DEV, target.table->version, index++, target.id, n);
	}
}

static void put_texts(struct save *s, struct snapshot_out *out)
{
	size_t room;
	char *to = (char *)snapshot_next(out, &room);
	const int n = room >= META_ROOM
			  ? snprintf(to, META_ROOM, "volt=%s\nabi=%u.%u\ntsc-khz=%u\n",
				VOLT_VERSION, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, s->plan.tsc_khz)
			  : 0;

	snapshot_put(out, SNAPSHOT_META, 1, 0, "", n > 0 ? (size_t)n : 0);
	to = (char *)snapshot_next(out, &room);
	if (room >= s->conf_size)
		memcpy(to, s->conf, s->conf_size);
	else
		out->overflowed = true;
	snapshot_put(out, SNAPSHOT_CONF, 1, 0, "", s->conf_size);
}

/* The UUID is the base's until whoever writes the file draws another. */
static int make_image(struct save *s, const char **failed)
{
	const uint8_t none[16] = {0};
	struct snapshot_out out;

	snapshot_begin(&out, s->image, s->image_room, s->rows);
	put_texts(s, &out);
	const int err = put_kvm(s, &out, failed);
	if (err)
		return err;
	put_devices(s, &out);
	const uint8_t *base = restore_uuid(s->machine);
	s->image_size = snapshot_end(&out, s->machine->options->memory, base ? base : none);
	*failed = "the state file";
	return s->image_size > 0 ? 0 : -ENOSPC;
}

/* ------------------------------------------------------------------- memory */

static int read_map(struct save *s, uint64_t at)
{
	const struct memory *mem = &s->machine->memory;
	const uint64_t pages = (mem->low_size + mem->high_size - at) / PAGE;
	const size_t want = sizeof(s->entries[0]) * (pages < WINDOW ? pages : WINDOW);
	const off_t place = (off_t)(((uintptr_t)mem->host + at) / PAGE * sizeof(s->entries[0]));

	const ssize_t n = pread(s->page_map_fd, s->entries, want, place);
	if (n < 0)
		return -errno;
	if ((size_t)n != want)
		return -EIO;
	s->window = at;
	s->window_size = want / sizeof(s->entries[0]) * PAGE;
	return 0;
}

/* Is the page in the file that this VM was restored from? `at` never goes back. */
static bool is_in_base(struct save *s, uint64_t at)
{
	const struct snapshot_ram *ram = restore_ram(s->machine);

	for (; ram && s->range < ram->ranges; s->range++) {
		const struct snapshot_range r = snapshot_range(ram, s->range);

		if (at < r.offset)
			return false;
		if (at - r.offset < r.length)
			return true;
	}
	return false;
}

/* Must the page at `at` be looked into? What neither is nor was there has never been touched. In
 * memory mapped from a file a page of the file's own was never written. */
static bool is_wanted(struct save *s, uint64_t at)
{
	const uint64_t entry = s->entries[(at - s->window) / PAGE];
	const bool there = entry & (MAP_PRESENT | MAP_SWAPPED);

	if (there && !(entry & MAP_FILE))
		return true;
	return !s->request.diff && is_in_base(s, at);
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *words = (const void *)page;
	uint64_t any = 0;

	for (unsigned i = 0; i < PAGE / 8 && any == 0; i += 8)
		any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] |
		      words[i + 5] | words[i + 6] | words[i + 7];
	return any == 0;
}

/* What to do with the page at `at`: 0: nothing; else the kind of its record. A page of a diff that
 * is all zeros hides one of the base; where the base has none it was there unwritten, as a part of
 * a huge page. */
static uint32_t kind_of(struct save *s, uint64_t at)
{
	if (!is_wanted(s, at))
		return 0;
	if (!is_zero(s->machine->memory.host + at))
		return SNAPSHOT_RECORD_MEMORY;
	return s->request.diff && is_in_base(s, at) ? SNAPSHOT_RECORD_ZERO : 0;
}

/* Finds the next pages of one kind and makes a record of them. 0, 1: there are none any more, or
 * -errno. */
static int find_pages(struct save *s)
{
	const uint64_t end = s->machine->options->memory;
	struct snapshot_record r = {0};

	while (s->at < end && r.length < SNAPSHOT_RECORD_MAX) {
		if (s->window_size == 0 || s->at - s->window >= s->window_size) {
			const int err = read_map(s, s->at);

			if (err)
				return err;
		}
		const uint32_t kind = kind_of(s, s->at);
		if (r.kind != 0 && kind != r.kind)
			break;
		if (kind != 0 && r.kind == 0)
			r = (struct snapshot_record){.kind = kind, .offset = s->at};
		r.length += kind != 0 ? PAGE : 0;
		s->at += PAGE;
	}
	if (r.kind == 0)
		return 1;
	s->head = r;
	s->head_left = true;
	s->left = s->machine->memory.host + r.offset;
	s->left_size = r.kind == SNAPSHOT_RECORD_MEMORY ? r.length : 0;
	return 0;
}

/* ------------------------------------------------------------------ the save */

/* The VM goes on unless it was asked to stay, or nothing came of it. */
static void finish(struct save *s, int err, const char *why)
{
	struct command_call *call = s->call;
	const bool stay = s->request.stay && !err;

	s->step = SAVE_NONE;
	s->call = NULL;
	loop_arm(&s->machine->loop, s->timer, 0);
	if (!stay && pause_state(&s->machine->pause) == VM_PAUSED)
		pause_resume(&s->machine->pause);
	commands_finish(call, err, why);
}

static void fail(struct save *s, int err, const char *what)
{
	char why[160];

	snprintf(why, sizeof(why), "the VM cannot be saved: %s: %s", what, strerror(err));
	finish(s, err, why);
}

static void on_stall(void *arg)
{
	struct save *s = arg;

	if (s->step >= SAVE_MEMORY)
		finish(s, ETIMEDOUT, "the client takes no bytes; the save is given up");
}

static int push(struct save *s, const void *bytes, size_t n)
{
	const int err = commands_bytes(s->call, bytes, n);

	if (err)
		return err;
	loop_arm(&s->machine->loop, s->timer, clock_now() + PATIENCE);
	return 0;
}

/* What is left of the newest record, a chunk at most. 1: nothing was left. */
static int send_chunk(struct save *s)
{
	if (s->head_left) {
		const int err = push(s, &s->head, sizeof(s->head));

		s->head_left = err != 0;
		return err;
	}
	if (s->left_size == 0)
		return 1;
	const size_t n = s->left_size < CHUNK ? s->left_size : CHUNK;
	const int err = push(s, s->left, n);
	if (err)
		return err;
	s->left += n;
	s->left_size -= n;
	return 0;
}

/* The next record. 0; 1: all were sent; or -errno. */
static int next_record(struct save *s)
{
	switch (s->step) {
	case SAVE_MEMORY: {
		const int err = find_pages(s);

		if (err <= 0)
			return err;
		s->step = SAVE_STATE;
		return 0;
	}
	case SAVE_STATE:
		s->head = (struct snapshot_record){
		    .kind = SNAPSHOT_RECORD_STATE, .length = s->image_size};
		s->left = s->image;
		s->left_size = s->image_size;
		s->head_left = true;
		s->step = SAVE_END;
		return 0;
	case SAVE_END:
		s->head = (struct snapshot_record){.kind = SNAPSHOT_RECORD_END};
		s->head_left = true;
		s->step = SAVE_TAIL;
		return 0;
	default:
		return 1;
	}
}

/* True: a plugin hinders the save, and whoever asked for it was told. */
static bool is_hindered(struct save *s)
{
	for (uint32_t i = 0; i < s->machine->instance_count; i++) {
		const struct instance *p = s->machine->instances[i];
		char why[200];

		if (!p->saved || !VOLT_HAS(p->saved, obstacle) || !p->saved->obstacle)
			continue;
		callee_lock(&p->callee);
		const char *obstacle = p->saved->obstacle(p->callee.self);
		callee_unlock(&p->callee);
		if (!obstacle)
			continue;
		snprintf(why, sizeof(why), "plugin %s: it cannot be saved now: %s", p->callee.id,
		    obstacle);
		finish(s, EBUSY, why);
		return true;
	}
	return false;
}

static void begin_sending(struct save *s)
{
	const char *failed = "";

	if (is_hindered(s))
		return;
	const int err = make_image(s, &failed);
	if (err) {
		fail(s, -err, failed);
		return;
	}
	s->step = SAVE_MEMORY;
	s->at = s->range = s->window_size = s->left_size = 0;
	s->head_left = false;
	loop_arm(&s->machine->loop, s->timer, clock_now() + PATIENCE);
	loop_wake(&s->machine->loop);
}

/* On every turn of the loop. */
static void work(void *arg)
{
	struct save *s = arg;
	int err = 0;

	if (s->step == SAVE_PAUSE && s->paused_already) {
		s->paused_already = false;
		begin_sending(s);
	}
	if (s->step < SAVE_MEMORY)
		return;
	for (unsigned i = 0; i < TURN && !err; i++) {
		err = send_chunk(s);
		if (err == 1)
			err = next_record(s);
	}
	if (err == 1) {
		finish(s, 0, "");
		return;
	}
	if (err == -EAGAIN)
		return;
	if (err)
		fail(s, -err, err == -EPIPE ? "the client has gone" : "its memory");
	else
		loop_wake(&s->machine->loop);
}

static void on_paused(void *arg, int err)
{
	struct save *s = arg;

	if (err)
		fail(s, -err,
		    err == -ETIMEDOUT ? "its devices did not come to rest in time"
				      : "it cannot be paused");
	else
		begin_sending(s);
}

bool save_is_running(const struct machine *m)
{
	return m->save && m->save->step != SAVE_NONE;
}

static int check_request(
    const struct machine *m, const struct save_request *request, const struct volt_reply *r)
{
	const enum pause_state state = pause_state(&m->pause);

	if (!m->save)
		return volt_reply_fail(
		    r, EPERM, "this VM cannot be saved: start it with --snapshot");
	if (!commands_take_bytes(r))
		return volt_reply_fail(r, ENOTSUP, "a plugin asks that takes no bytes");
	if (request->diff && !restore_ram(m))
		return volt_reply_fail(r, EINVAL,
		    "a diff is of a restored VM: this one was booted, so save all of it");
	if (save_is_running(m) || state == VM_PAUSING)
		return volt_reply_fail(r, EBUSY, "the VM is being saved, paused or resumed");
	if (state == VM_ENDING)
		return volt_reply_fail(r, ESHUTDOWN, "the VM is ending");
	return 0;
}

int save_begin(struct machine *m, const struct save_request *request, const struct volt_reply *r)
{
	struct save *s = m->save;
	int err = check_request(m, request, r);

	if (err)
		return err;
	struct command_call *call = commands_defer(r);
	if (!call)
		return volt_reply_fail(r, EAGAIN, "too many calls are unanswered: wait for them");
	s->request = *request;
	s->call = call;
	s->step = SAVE_PAUSE;
	if (pause_state(&m->pause) == VM_PAUSED) {
		/* Not at once: the answer must not come within the call. */
		s->paused_already = true;
		loop_wake(&m->loop);
		return 0;
	}
	err = pause_begin(&m->pause, request->limit_ns, on_paused, s);
	if (!err)
		return 0;
	s->step = SAVE_NONE;
	s->call = NULL;
	commands_revoke(r, call);
	return volt_reply_fail(r, -err, "the VM cannot be paused: %s", strerror(-err));
}
