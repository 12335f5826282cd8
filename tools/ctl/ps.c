/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/connection.h"
#include "tools/ctl/verbs.h"

#define PATIENCE_S 1 /* with a VM that does not answer */

enum { NAME, STATE, KERNEL, MEMORY, CPU, SINCE, ADDRESS, COLUMNS };

static const char *const titles[COLUMNS] = {
    "NAME", "STATE", "KERNEL", "MEMORY", "CPU", "SINCE", "ADDRESS"};

struct row {
	const struct vm *vm;
	struct connection connection; /* fd -1: none */
	char state[16];
	bool measured;
	uint64_t memory, cpu_ms; /* bytes that are resident; of all its threads */
	char address[64];
};

/* ------------------------------------------------------------------------ facts */

/* By three calls: with hundreds of VMs each one counts. */
static bool read_stat(uint64_t pid, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Word `number` (from 0) of the kernel's numbers that spaces part; 0 if there are not so many. */
static uint64_t word_of(const char *text, unsigned number)
{
	while (number-- > 0) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return strtoull(text, NULL, 10);
}

/* proc(5): utime, stime and the resident pages are fields 14, 15 and 24; the second field ends at
 * the last bracket. */
static void measure(struct row *r)
{
	char stat[1024];

	if (!read_stat(vm_number(r->vm, "pid"), stat, sizeof(stat)))
		return;
	const char *after = strrchr(stat, ')');
	if (!after)
		return;
	r->measured = true;
	r->memory = word_of(after, 22) * (uint64_t)sysconf(_SC_PAGESIZE);
	r->cpu_ms =
	    (word_of(after, 12) + word_of(after, 13)) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Of Linux's "ip=CLIENT:..." (admin-guide/nfs/nfsroot.rst), where it names an address. */
static void find_address(struct row *r)
{
	static const char *const members[] = {"append", "cmdline"};

	for (size_t i = 0; i < 2; i++) {
		const char *line = vm_text(r->vm, members[i]);
		const char *found = strncmp(line, "ip=", 3) == 0 ? line : strstr(line, " ip=");

		if (!found)
			continue;
		found = strchr(found, '=') + 1;
		const size_t n = strcspn(found, ": ");
		if (n == 0 || n >= sizeof(r->address) || !memchr(found, '.', n))
			continue;
		memcpy(r->address, found, n);
		r->address[n] = '\0';
		return;
	}
}

/* ------------------------------------------------------------------------ state */

static void set_state(struct row *r, const char *state)
{
	snprintf(r->state, sizeof(r->state), "%s", state);
}

static void ask_state(struct row *r)
{
	const int err = connection_open(&r->connection, vm_text(r->vm, "socket"), PATIENCE_S);

	set_state(r, err == -ENOENT || err == -ECONNREFUSED ? "starting" : "unknown");
	if (!err && connection_send(&r->connection, "vm.status", NULL))
		connection_close(&r->connection);
}

static void hear_state(struct row *r)
{
	struct json_object *answer = NULL, *result = NULL, *state = NULL;

	if (r->connection.fd < 0)
		return;
	if (!connection_read(&r->connection, &answer) &&
	    json_object_object_get_ex(answer, "result", &result) &&
	    json_object_object_get_ex(result, "state", &state))
		set_state(r, json_object_get_string(state));
	json_object_put(answer);
	connection_close(&r->connection);
}

static const char *state_of_life(enum vm_life life)
{
	return life == VM_ALIVE ? "unknown" : life == VM_ENDING ? "ending" : "ended";
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All are asked before the first is listened to, and the limit is one for all: VMs that do not
 * answer cost their time once. */
static void find_states(struct row *rows, int count)
{
	const int64_t limit = now_ms() + PATIENCE_S * 1000;

	for (int i = 0; i < count; i++) {
		rows[i].connection.fd = -1;
		set_state(&rows[i], state_of_life(rows[i].vm->life));
		if (rows[i].vm->life == VM_ALIVE)
			ask_state(&rows[i]);
	}
	for (int i = 0; i < count; i++) {
		struct pollfd file = {.fd = rows[i].connection.fd, .events = POLLIN};
		const int64_t left = limit - now_ms();

		if (file.fd >= 0 && poll(&file, 1, left > 0 ? (int)left : 0) > 0)
			hear_state(&rows[i]);
		connection_close(&rows[i].connection);
	}
}

/* ------------------------------------------------------------------------- table */

static const char *end_text(const struct vm *v, const char *member)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(v->end, member, &o);
	return o ? json_object_get_string(o) : "";
}

/* Of a kernel of the store, .../kernels/NAME/vmlinux, the name. */
static void put_kernel(char *to, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *store = strstr(path, "/volt/kernels/");

	if (store)
		snprintf(to, size, "%.*s", (int)strcspn(store + 14, "/"), store + 14);
	else
		snprintf(to, size, "%s", slash ? slash + 1 : path[0] ? path : "-");
}

static void put_size(char *to, size_t size, uint64_t bytes)
{
	snprintf(to, size, "%.1fM", (double)bytes / (1 << 20));
}

static void put_time(char *to, size_t size, uint64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm local;

	if (ms == 0 || !localtime_r(&seconds, &local) ||
	    strftime(to, size, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(to, size, "-");
}

static void put_cells(const struct row *r, char cells[COLUMNS][64])
{
	snprintf(cells[NAME], 64, "%s", r->vm->name);
	snprintf(cells[STATE], 64, "%s", r->state);
	put_kernel(cells[KERNEL], 64, vm_text(r->vm, "kernel"));
	snprintf(cells[MEMORY], 64, "-");
	snprintf(cells[CPU], 64, "-");
	if (r->measured) {
		put_size(cells[MEMORY], 64, r->memory);
		snprintf(cells[CPU], 64, "%" PRIu64 ".%02u", r->cpu_ms / 1000,
		    (unsigned)(r->cpu_ms % 1000 / 10));
	}
	put_time(cells[SINCE], 64, vm_number(r->vm, "started-ms"));
	snprintf(cells[ADDRESS], 64, "%s", r->address[0] ? r->address : "-");
}

static void print_cell(const char *text, size_t width, bool last)
{
	verb_print_safely(text);
	for (size_t n = strlen(text); !last && n < width + 2; n++)
		putchar(' ');
}

static void print_end(const struct vm *v)
{
	if (!v->end)
		return;
	fputs("  ", stdout);
	verb_print_safely(end_text(v, "cause"));
	fputs(": ", stdout);
	verb_print_safely(end_text(v, "text"));
	printf(" (code %s)", end_text(v, "code"));
}

static void print_table(const struct row *rows, int count, bool ends)
{
	char(*cells)[COLUMNS][64] = calloc((size_t)count + 1, sizeof(*cells));
	size_t widths[COLUMNS];

	if (!cells)
		abort();
	for (int i = 0; i < count; i++)
		put_cells(&rows[i], cells[i]);
	for (int c = 0; c < COLUMNS; c++) {
		widths[c] = strlen(titles[c]);
		for (int i = 0; i < count; i++)
			if (strlen(cells[i][c]) > widths[c])
				widths[c] = strlen(cells[i][c]);
	}
	for (int c = 0; c < COLUMNS; c++)
		print_cell(titles[c], widths[c], c == COLUMNS - 1 && !ends);
	puts(ends ? "  END" : "");
	for (int i = 0; i < count; i++) {
		for (int c = 0; c < COLUMNS; c++)
			print_cell(cells[i][c], widths[c], c == COLUMNS - 1 && !rows[i].vm->end);
		print_end(rows[i].vm);
		putchar('\n');
	}
	free(cells);
}

/* The entry's members, and what was found. */
static void print_json(const struct row *rows, int count)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct json_object *o = json_object_get(r->vm->entry);

		json_object_object_add(o, "name", json_object_new_string(r->vm->name));
		json_object_object_add(o, "state", json_object_new_string(r->state));
		if (r->measured) {
			json_object_object_add(o, "memory-used", json_object_new_uint64(r->memory));
			json_object_object_add(o, "cpu-ms", json_object_new_uint64(r->cpu_ms));
		}
		if (r->address[0])
			json_object_object_add(o, "address", json_object_new_string(r->address));
		if (r->vm->end)
			json_object_object_add(o, "end", json_object_get(r->vm->end));
		json_object_array_add(list, o);
	}
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));
	json_object_put(list);
}

/* A connection for each VM at once. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int verb_ps(const struct verb_request *request)
{
	struct vm *list;
	const int found = vms_list(&list);
	struct row *rows = found > 0 ? calloc((size_t)found, sizeof(*rows)) : NULL;
	int count = 0;

	if (found < 0 || (found > 0 && !rows)) {
		fprintf(stderr, "volt ps: no memory for the list\n");
		return CTL_FAILED;
	}
	raise_file_limit();
	for (int i = 0; i < found; i++)
		if (request->all || list[i].life != VM_ENDED)
			rows[count++].vm = &list[i];
	find_states(rows, count);
	for (int i = 0; i < count; i++) {
		if (rows[i].vm->life == VM_ALIVE)
			measure(&rows[i]);
		find_address(&rows[i]);
	}
	if (request->json)
		print_json(rows, count);
	else
		print_table(rows, count, request->all);
	free(rows);
	vms_free(list, found);
	return CTL_DONE;
}
