/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/doctor/cpu_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/kvm/cpuid_mask.h"
#include "core/kvm/state.h"

static bool tell(const char *name, const char *why)
{
	fprintf(stderr, "volt-doctor: --cpu %s: %s\n", name, why);
	return false;
}

static bool read_host(const char *device, struct cpuid *c)
{
	const int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return tell(device, strerror(errno));
	c->head.nent = CPUID_MAX;
	const int err = ioctl(fd, KVM_GET_SUPPORTED_CPUID, c) == 0 ? 0 : errno;
	close(fd);
	return err ? tell(device, strerror(err)) : true;
}

static uint32_t bits_of(const struct cpuid *c, const struct state_register *r)
{
	for (uint32_t i = 0; i < c->head.nent && i < CPUID_MAX; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == r->leaf && e->index == r->subleaf)
			return r->reg == 0   ? e->eax
			       : r->reg == 1 ? e->ebx
			       : r->reg == 2 ? e->ecx
					     : e->edx;
	}
	return 0;
}

static bool take_host(const char *device, struct cpuid_mask *m)
{
	static struct cpuid c;
	struct state_register r;

	if (!read_host(device, &c))
		return false;
	for (uint32_t i = 0; state_feature_register(i, &r); i++)
		cpuid_mask_add(
		    m, &(struct cpuid_mask_row){r.leaf, r.subleaf, r.reg, bits_of(&c, &r)});
	return true;
}

static bool take_file(const char *path, struct cpuid_mask *m)
{
	static char text[8192];
	char why[64];
	FILE *file = fopen(path, "re");

	if (!file)
		return tell(path, strerror(errno));
	const size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	const uint32_t line = cpuid_mask_parse(m, text);
	if (line == 0)
		return true;
	snprintf(why, sizeof(why), "line %" PRIu32 " is not as volt doctor --cpu writes it", line);
	return tell(path, why);
}

/* What a file does not list its host does not have. */
static void intersect(struct cpuid_mask *all, const struct cpuid_mask *one)
{
	for (uint32_t i = 0; i < all->count; i++) {
		struct cpuid_mask_row *r = &all->rows[i];
		const struct cpuid_mask_row *other =
		    cpuid_mask_find(one, r->leaf, r->subleaf, r->reg);

		r->bits &= other ? other->bits : 0;
	}
}

bool cpu_file_print(const char *device, char *const files[])
{
	static struct cpuid_mask all, one;

	if (!(files[0] ? take_file(files[0], &all) : take_host(device, &all)))
		return false;
	for (unsigned i = 1; files[0] && files[i]; i++) {
		if (!take_file(files[i], &one))
			return false;
		intersect(&all, &one);
	}
	puts("# CPU features of one host, or of several: for volt --cpu and volt doctor --cpu");
	for (uint32_t i = 0; i < all.count; i++)
		printf("cpuid 0x%" PRIx32 " %" PRIx32 " %s 0x%08" PRIx32 "\n", all.rows[i].leaf,
		    all.rows[i].subleaf, cpuid_registers[all.rows[i].reg], all.rows[i].bits);
	return fflush(stdout) == 0 || tell("standard output", strerror(errno));
}
