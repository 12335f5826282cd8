/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/handover.h"

#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/gdt.h"
#include "core/boot/layout.h"
#include "core/boot/pagetables.h"

#define ROOM (LAYOUT_CMDLINE_END - LAYOUT_CMDLINE)

static int check_printable(const char *what, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c > 0x7e)
			return log_error(EINVAL,
			    "%s: byte 0x%02x at offset %zu is not printable ASCII", what, c, i);
	}
	return 0;
}

int handover_check(const struct kernel_handover *handover, const struct boot_request *request)
{
	size_t len = strlen(handover->cmdline), all = len + 1, max = ROOM - 1;
	int err = 0;

	if (handover->info.cmdline_max < max)
		max = handover->info.cmdline_max;
	if (len > max)
		return log_error(
		    E2BIG, "command line: %zu bytes, but this kernel takes at most %zu", len, max);
	err = check_printable("command line", handover->cmdline);
	for (uint32_t i = 0; !err && i < request->module_count; i++) {
		const char *string = request->modules[i].string;

		if (!string)
			continue;
		all += strlen(string) + 1;
		err = check_printable(request->modules[i].name, string);
	}
	if (err)
		return err;
	if (all > ROOM)
		return log_error(E2BIG,
		    "command line and strings of modules: %zu bytes, but there is room for %llu",
		    all, ROOM);
	return 0;
}

static uint64_t put(struct memory *memory, uint64_t *at, const char *text)
{
	uint64_t here = *at;
	size_t size = strlen(text) + 1;

	memcpy(memory->host + here, text, size);
	*at += size;
	return here;
}

void handover_write_strings(
    struct memory *memory, const struct kernel_handover *handover, uint64_t *strings)
{
	uint64_t at = LAYOUT_CMDLINE;

	put(memory, &at, handover->cmdline);
	for (uint32_t i = 0; i < handover->module_count; i++) {
		const char *text = handover->modules[i].string;

		/* The last byte is a NUL, whosever it is. */
		strings[i] = text ? put(memory, &at, text) : LAYOUT_CMDLINE_END - 1;
	}
}

static void add_range(
    struct handover_range *ranges, uint32_t *count, uint64_t start, uint64_t end, uint32_t type)
{
	struct handover_range *next = &ranges[*count];

	if (*count > 0 && next[-1].type == type && next[-1].start + next[-1].size == start) {
		next[-1].size += end - start;
		return;
	}
	*next = (struct handover_range){.start = start, .size = end - start, .type = type};
	++*count;
}

/* The first MiB as layout.h has it, the rest below the hole, and what lies above it. */
uint32_t handover_ranges(
    const struct memory *memory, struct handover_range ranges[static HANDOVER_RANGE_MAX])
{
	uint32_t count = 0;

	for (size_t i = 0; i < LAYOUT_AREA_COUNT; i++) {
		const struct layout_area *area = &layout_areas[i];

		if (area->kind != LAYOUT_HOLE)
			add_range(ranges, &count, area->start, area->end,
			    area->kind == LAYOUT_RESERVED ? HANDOVER_RESERVED : HANDOVER_RAM);
	}
	add_range(ranges, &count, LAYOUT_KERNEL_MIN, memory->low_size, HANDOVER_RAM);
	if (memory->high_size > 0)
		add_range(ranges, &count, MEMORY_HIGH_START, MEMORY_HIGH_START + memory->high_size,
		    HANDOVER_RAM);
	return count;
}

void handover_enter_long64(struct memory *memory, struct boot_entry *entry)
{
	entry->mode = BOOT_LONG64;
	entry->cr3 = pagetables_write(memory);
	gdt_write(memory, BOOT_LONG64, &entry->gdt_base, &entry->gdt_limit);
}

void handover_enter_protected32(struct memory *memory, struct boot_entry *entry)
{
	entry->mode = BOOT_PROTECTED32;
	gdt_write(memory, BOOT_PROTECTED32, &entry->gdt_base, &entry->gdt_limit);
}
