/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * libseccomp.c - the compiler of the standard build. Sources: seccomp_rule_add(3),
 * seccomp_attr_set(3), seccomp_export_bpf(3) of libseccomp 2.5.4.
 *
 * Nothing is loaded by the library, as threads enter their filters later and some share one:
 * the program is taken out of it.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compilers.h"

/* Linux 6.3; where vm.memfd_noexec is 2 nothing else is made. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define ARGUMENTS 6

#define API_LEVEL 3 /* of Linux 4.14: seccomp_api_get(3) */

/* What a rule wants of each argument. The library takes one comparison of each only. */
struct wanted {
	uint64_t mask, value;
};

/* False if no call can hold to the rule. */
static bool gather(int nr, const struct volt_rule *r, struct wanted wanted[static ARGUMENTS])
{
	memset(wanted, 0, ARGUMENTS * sizeof(*wanted));
	for (uint32_t i = 0; i < r->test_count; i++) {
		struct wanted *w = &wanted[r->tests[i].arg];
		uint64_t mask = test_mask(nr, &r->tests[i]);
		uint64_t value = r->tests[i].value & mask;

		if ((w->value ^ value) & w->mask & mask)
			return false;
		w->mask |= mask;
		w->value |= value;
	}
	return true;
}

static int add_rule(scmp_filter_ctx ctx, int nr, const struct volt_rule *r)
{
	struct wanted wanted[ARGUMENTS];
	struct scmp_arg_cmp tests[ARGUMENTS];
	unsigned count = 0;

	if (!gather(nr, r, wanted))
		return 0;
	for (unsigned arg = 0; arg < ARGUMENTS; arg++)
		if (wanted[arg].mask == UINT64_MAX)
			tests[count++] = (struct scmp_arg_cmp){
			    .arg = arg, .op = SCMP_CMP_EQ, .datum_a = wanted[arg].value};
		else if (wanted[arg].mask)
			tests[count++] = (struct scmp_arg_cmp){.arg = arg,
			    .op = SCMP_CMP_MASKED_EQ,
			    .datum_a = wanted[arg].mask,
			    .datum_b = wanted[arg].value};
	return seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, nr, count, tests);
}

/* ioctl goes first: it is what a vCPU thread does all day. */
static int add_rules(scmp_filter_ctx ctx, const struct volt_thread *t, const int *nrs)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (err)
		return err;
	err = seccomp_syscall_priority(ctx, SYS_ioctl, UINT8_MAX);
	if (err)
		return err;
	for (uint32_t i = 0; i < t->rule_count; i++) {
		err = add_rule(ctx, nrs[i], rule_at(t, i));
		if (err)
			return err;
	}
	return 0;
}

static int open_memory(void)
{
	int fd = memfd_create("filter", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("filter", MFD_CLOEXEC) : fd;
}

/* The library does not look whether all of it was written, so the size is no proof: a program
 * that was cut off has a jump or an end outside, which the kernel refuses. */
static int read_program(const struct volt_host *h, int fd, struct filter *out)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size <= 0 || size % (off_t)sizeof(*out->code) != 0 ||
	    size > (off_t)(BPF_MAXINSNS * sizeof(*out->code)))
		return layer_fail(h, E2BIG,
		    "libseccomp made a program of %lld bytes; the kernel "
		    "takes %d instructions of 8",
		    (long long)size, BPF_MAXINSNS);
	out->code = malloc((size_t)size);
	if (!out->code)
		return layer_fail(h, ENOMEM, "no memory for a seccomp filter");
	if (pread(fd, out->code, (size_t)size, 0) != size)
		return layer_fail(h, EIO, "cannot read back a seccomp filter");
	out->count = (uint32_t)((size_t)size / sizeof(*out->code));
	return 0;
}

static int export(const struct volt_host *h, scmp_filter_ctx ctx, struct filter *out)
{
	int fd = open_memory(), err;

	if (fd < 0)
		return layer_fail(
		    h, errno, "cannot create a memfd for a seccomp filter: %s", strerror(errno));
	err = seccomp_export_bpf(ctx, fd);
	if (err)
		err = layer_fail(h, -err, "cannot export a seccomp filter: %s", strerror(-err));
	else
		err = read_program(h, fd, out);
	close(fd);
	return err;
}

int libseccomp_filter(const struct volt_host *h, const struct volt_thread *t, const int *nrs,
    bool log_only, struct filter *out)
{
	/* Else it asks the kernel for each level in turn; filter_check_kernel() has asked for what
	 * this one is about, both actions. */
	int err = seccomp_api_set(API_LEVEL);
	scmp_filter_ctx ctx =
	    err ? NULL : seccomp_init(log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);

	if (!ctx)
		return layer_fail(h, ENOMEM, "libseccomp cannot start a filter");
	err = add_rules(ctx, t, nrs);
	if (err)
		err = layer_fail(h, -err, "libseccomp cannot compile the rules of thread %s: %s",
		    t->name, strerror(-err));
	else
		err = export(h, ctx, out);
	seccomp_release(ctx);
	return err;
}
