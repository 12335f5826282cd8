/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "core/config.h"

/* Room for one more row, or NULL. `rows` may move. */
static void *grow(struct ledger *l, void *rows, uint32_t count, uint32_t *room, size_t row_size)
{
	if (count < *room)
		return rows;
	const uint32_t wanted = *room > 0 ? 2 * *room : 32;
	void *more = realloc(rows, wanted * row_size);
	if (!more) {
		l->failed = true;
		return NULL;
	}
	*room = wanted;
	return more;
}

static void note_number(struct ledger *l, struct ledger_block f)
{
	const int last = f.fd + (int)f.count - 1;

	if (last > l->highest)
		l->highest = last;
}

struct ledger_block ledger_files(
    struct ledger *l, int fd, uint32_t count, const char *owner, const char *use)
{
	const struct ledger_block f = {.fd = fd, .count = count, .owner = owner};

	if (fd < 0 || count == 0)
		return f;
	struct ledger_file *rows =
	    grow(l, l->files, l->file_count, &l->file_room, sizeof(l->files[0]));
	if (!rows)
		return f;
	l->files = rows;
	/* A build that cannot print the words does not have them either. */
	l->files[l->file_count++] = (struct ledger_file){
	    .fd = fd, .count = count, .owner = owner, .use = VOLT_HAS_AUDIT ? use : NULL};
	note_number(l, f);
	return f;
}

struct ledger_block ledger_file(struct ledger *l, int fd, const char *owner, const char *use)
{
	return ledger_files(l, fd, 1, owner, use);
}

struct ledger_block ledger_on(int fd, const char *asked_by)
{
	return (struct ledger_block){.fd = fd, .count = 1, .owner = asked_by};
}

void ledger_call(struct ledger *l, uint32_t threads, const struct volt_rule *rule)
{
	struct ledger_call *rows =
	    grow(l, l->calls, l->call_count, &l->call_room, sizeof(l->calls[0]));

	if (!rows)
		return;
	l->calls = rows;
	l->calls[l->call_count++] = (struct ledger_call){.threads = threads, .rule = *rule};
}

/* The test for the block of `size` numbers, a power of two, from `base` on. */
static struct volt_arg_test in_block(uint32_t base, uint32_t size)
{
	if (size == 1)
		return ledger_is(0, base);
	return (struct volt_arg_test){
	    .op = VOLT_TEST_MASKED_EQ, .value = base, .mask = ~(uint64_t)(size - 1)};
}

void ledger_allow(struct ledger *l, struct ledger_block files, uint32_t threads,
    const char *syscall, const struct volt_arg_test *also, const char *reason)
{
	if (files.fd < 0)
		return;
	note_number(l, files);
	for (uint32_t base = (uint32_t)files.fd, left = files.count; left > 0;) {
		uint32_t block = base != 0 ? base & -base : 1u << 31;

		while (block > left)
			block >>= 1;
		struct volt_rule rule = {.syscall = syscall,
		    .asked_by = files.owner,
		    .reason = reason,
		    .test_count = 1,
		    .tests = {in_block(base, block)}};
		if (also)
			rule.tests[rule.test_count++] = *also;
		ledger_call(l, threads, &rule);
		base += block;
		left -= block;
	}
}

static bool is_free(const struct ledger_later *later, int fd)
{
	if (fd == later->closing[0] || fd == later->closing[1])
		return true;
	/* A table of a thousand connections must not cost as many calls. */
	if (VOLT_HAS_PEERS && fd > later->highest)
		return true;
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

bool ledger_next_free(struct ledger_later *later, struct ledger_block *numbers)
{
	int fd = later->next;

	if (later->count == 0)
		return false;
	while (!is_free(later, fd))
		fd++;
	*numbers = (struct ledger_block){.fd = fd};
	for (; later->count > 0 && is_free(later, fd); fd++, later->count--)
		numbers->count++;
	later->next = fd;
	return true;
}

struct volt_arg_test ledger_is(uint8_t arg, uint64_t value)
{
	return (struct volt_arg_test){.arg = arg, .op = VOLT_TEST_EQ, .value = value};
}

struct volt_arg_test ledger_request(uint32_t value)
{
	return (struct volt_arg_test){
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = UINT32_MAX, .value = value};
}

bool ledger_is_for(const struct ledger_call *c, uint32_t role, uint32_t index)
{
	const uint32_t only = c->threads >> 16;

	return (c->threads & VOLT_ROLE_BIT(role)) && (only == 0 || only == index + 1);
}

static int by_number(const void *left, const void *right)
{
	return ((const struct ledger_file *)left)->fd - ((const struct ledger_file *)right)->fd;
}

void ledger_sort(struct ledger *l)
{
	if (l->file_count > 0)
		qsort(l->files, l->file_count, sizeof(l->files[0]), by_number);
}

int ledger_check(const struct ledger *l)
{
	return l->failed ? -ENOMEM : 0;
}

void ledger_finish(struct ledger *l)
{
	free(l->files);
	free(l->calls);
	*l = (struct ledger){0};
}
