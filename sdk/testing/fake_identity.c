/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_identity - volt.identity/1, and the pages of volt.page/1 that mostly tell it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

/* -------------------------------------------------------------- identity */

void fake_find_identified(struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;

	f->identified = p->get_ext ? p->get_ext(VOLT_EXT_IDENTITY) : NULL;
	if (f->identified && (f->identified->size < sizeof(*f->identified) ||
				 !f->identified->identify || f->identified->reserved))
		fake_die(f, VOLT_EXT_IDENTITY ": its table has no identify, or no size");
}

void fake_identity_pairs(
    struct fake_host *f, const struct volt_identity_pair *pairs, uint32_t count)
{
	if (count > VOLT_IDENTITY_PAIRS)
		fake_die(f, "the test gives %u pairs of an identity", count);
	f->pairs = pairs;
	f->pair_count = count;
}

void fake_identity_name(struct fake_host *f, const char *name)
{
	f->vm_name = name;
}

void fake_identity_tsc(struct fake_host *f, uint64_t tsc, uint64_t hz)
{
	f->tsc = hz ? tsc : 0;
	f->tsc_hz = hz;
}

unsigned fake_identities(const struct fake_host *f)
{
	return f->identities;
}

/* A copy that dies with the call. The generation is that of no other host or call: bytes of the
 * number of calls so far, and of who asks. */
void fake_identify(struct fake_host *f, uint32_t reason)
{
	if (!f->identified)
		return;
	struct volt_identity *id = fake_alloc(sizeof(*id));

	*id = (struct volt_identity){
	    .size = sizeof(*id),
	    .reason = reason,
	    .realtime_ns = f->now_ns + (uint64_t)f->wall_ns,
	    .tsc = f->tsc,
	    .tsc_hz = f->tsc_hz,
	    .pair_stride = sizeof(struct volt_identity_pair),
	    .pair_count = f->pair_count,
	    .pairs = f->pairs,
	    .name = f->vm_name,
	};
	memset(id->generation, 0x5a, sizeof(id->generation));
	id->generation[0] = (uint8_t)++f->identities;
	id->generation[15] = (uint8_t)reason;
	fake_enter(f, "identify");
	f->identified->identify(f->self, id);
	fake_leave(f);
	memset(id, 0xa5, sizeof(*id));
	free(id);
}

/* ----------------------------------------------------------------- pages */

static int page_add(const struct volt_host *h, const char *name, uint64_t *gpa, void **at)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "page", &err);
	const struct volt_range range = {.size = sizeof(range),
	    .name = name,
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
	    .base = VOLT_ANY,
	    .len = VOLT_PAGE_SIZE};

	if (err)
		return err;
	if (f->page_count == FAKE_PAGE_MAX)
		return fake_refuse(f, "page", -ENOSPC);
	err = fake_place(h, &range, gpa);
	if (err)
		return err;
	struct fake_page *p = &f->pages[f->page_count++];

	*p = (struct fake_page){.gpa = *gpa, .bytes = fake_alloc(VOLT_PAGE_SIZE)};
	*at = p->bytes;
	return 0;
}

const struct volt_page fake_page = {.size = sizeof(fake_page), .add = page_add};

const uint8_t *fake_page_at(const struct fake_host *f, uint64_t gpa)
{
	for (unsigned i = 0; i < f->page_count; i++)
		if (gpa >= f->pages[i].gpa && gpa - f->pages[i].gpa < VOLT_PAGE_SIZE)
			return f->pages[i].bytes + (gpa - f->pages[i].gpa);
	return NULL;
}

void fake_finish_pages(struct fake_host *f)
{
	for (unsigned i = 0; i < f->page_count; i++)
		free(f->pages[i].bytes);
}
