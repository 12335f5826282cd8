/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The slots are those that the dynamic loader filled in: System V ABI, "Dynamic
 * Section" and "Relocation"; its AMD64 supplement, 4.4.
 */
#include "hooks.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIVE_MAX 4096

static struct {
	unsigned calls, fail_at;
	const char *failed, *seen;
	bool watched;
	void *live[LIVE_MAX];
	unsigned live_count;
} hooks; /* a plugin's import has no other place to look for it */

/* True if this allocation is to fail. */
static bool enters(const char *function)
{
	if (hooks.watched && !hooks.seen)
		hooks.seen = function;
	if (++hooks.calls != hooks.fail_at)
		return false;
	hooks.failed = function;
	errno = ENOMEM;
	return true;
}

static void *keep(void *mem)
{
	if (mem && hooks.live_count < LIVE_MAX)
		hooks.live[hooks.live_count++] = mem;
	return mem;
}

static void forget(const void *mem)
{
	for (unsigned i = hooks.live_count; mem && i-- > 0;) {
		if (hooks.live[i] != mem)
			continue;
		hooks.live[i] = hooks.live[--hooks.live_count];
		return;
	}
}

static void *hook_malloc(size_t n)
{
	return enters("malloc") ? NULL : keep(malloc(n));
}

static void *hook_calloc(size_t count, size_t n)
{
	return enters("calloc") ? NULL : keep(calloc(count, n));
}

static void *hook_realloc(void *old, size_t n)
{
	if (enters("realloc"))
		return NULL;
	forget(old);
	return keep(realloc(old, n));
}

static void *hook_reallocarray(void *old, size_t count, size_t n)
{
	if (enters("reallocarray"))
		return NULL;
	forget(old);
	return keep(reallocarray(old, count, n));
}

static void *hook_aligned_alloc(size_t align, size_t n)
{
	return enters("aligned_alloc") ? NULL : keep(aligned_alloc(align, n));
}

static int hook_posix_memalign(void **out, size_t align, size_t n)
{
	if (enters("posix_memalign"))
		return ENOMEM;
	const int err = posix_memalign(out, align, n);

	if (err)
		return err;
	keep(*out);
	return 0;
}

static char *hook_strdup(const char *text)
{
	return enters("strdup") ? NULL : keep(strdup(text));
}

static char *hook_strndup(const char *text, size_t n)
{
	return enters("strndup") ? NULL : keep(strndup(text, n));
}

static void hook_free(void *mem)
{
	forget(mem);
	free(mem);
}

/*
 * The vDSO answers these without a system call on some hosts; on others the seccomp filter kills
 * the plugin. These replacements make the system call on every host.
 */
static int hook_clock_gettime(clockid_t clock, struct timespec *out)
{
	return (int)syscall(SYS_clock_gettime, clock, out);
}

static int hook_clock_getres(clockid_t clock, struct timespec *out)
{
	return (int)syscall(SYS_clock_getres, clock, out);
}

static int hook_timespec_get(struct timespec *out, int base)
{
	return base == TIME_UTC && hook_clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

static int hook_gettimeofday(struct timeval *out, void *zone)
{
	return (int)syscall(SYS_gettimeofday, out, zone);
}

static time_t hook_time(time_t *out)
{
	return syscall(SYS_time, out);
}

static const struct {
	const char *name;
	void (*hook)(void);
} table[] = {
    {"malloc", (void (*)(void))hook_malloc},
    {"calloc", (void (*)(void))hook_calloc},
    {"realloc", (void (*)(void))hook_realloc},
    {"reallocarray", (void (*)(void))hook_reallocarray},
    {"aligned_alloc", (void (*)(void))hook_aligned_alloc},
    {"posix_memalign", (void (*)(void))hook_posix_memalign},
    {"strdup", (void (*)(void))hook_strdup},
    {"__strdup", (void (*)(void))hook_strdup},
    {"strndup", (void (*)(void))hook_strndup},
    {"free", (void (*)(void))hook_free},
    {"clock_gettime", (void (*)(void))hook_clock_gettime},
    {"clock_getres", (void (*)(void))hook_clock_getres},
    {"timespec_get", (void (*)(void))hook_timespec_get},
    {"gettimeofday", (void (*)(void))hook_gettimeofday},
    {"time", (void (*)(void))hook_time},
};

/* Import tables are read-only by now: see RELRO. */
static void write_slot(uintptr_t slot, void (*to)(void))
{
	void *page = (void *)(slot & ~(uintptr_t)4095);

	if (mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0)
		return;
	*(void (**)(void))slot = to;
	mprotect(page, 4096, PROT_READ);
}

struct object {
	uintptr_t base, strings, symbols;
	struct {
		uintptr_t at;
		size_t size;
	} relocs[2];
};

static void patch(const struct object *o, const Elf64_Rela *r)
{
	const Elf64_Sym *s =
	    (const Elf64_Sym *)(o->symbols + ELF64_R_SYM(r->r_info) * sizeof(Elf64_Sym));
	const char *name = (const char *)o->strings + s->st_name;
	uint32_t type = ELF64_R_TYPE(r->r_info);

	if (s->st_shndx != SHN_UNDEF ||
	    (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64))
		return;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			write_slot(o->base + r->r_offset, table[i].hook);
}

/* The loader has added the base to these in some versions, and not in others. */
static uintptr_t address(const struct object *o, uint64_t value)
{
	return value < o->base ? o->base + value : value;
}

static void read_dynamic(struct object *o, const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB)
			o->strings = address(o, d->d_un.d_ptr);
		if (d->d_tag == DT_SYMTAB)
			o->symbols = address(o, d->d_un.d_ptr);
		if (d->d_tag == DT_RELA)
			o->relocs[0].at = address(o, d->d_un.d_ptr);
		if (d->d_tag == DT_RELASZ)
			o->relocs[0].size = d->d_un.d_val;
		if (d->d_tag == DT_JMPREL)
			o->relocs[1].at = address(o, d->d_un.d_ptr);
		if (d->d_tag == DT_PLTRELSZ)
			o->relocs[1].size = d->d_un.d_val;
	}
}

bool hooks_install(const struct volt_plugin *p)
{
	struct link_map *map = NULL;
	struct object o = {0};
	Dl_info info;

	if (!dladdr1(p, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return false;
	o.base = map->l_addr;
	read_dynamic(&o, map->l_ld);
	if (!o.strings || !o.symbols)
		return false;
	for (unsigned t = 0; t < 2; t++)
		for (size_t i = 0; o.relocs[t].at != 0 && i < o.relocs[t].size / sizeof(Elf64_Rela);
		     i++)
			patch(&o, (const Elf64_Rela *)o.relocs[t].at + i);
	return true;
}

void hooks_fail_at(unsigned n)
{
	hooks.calls = 0;
	hooks.fail_at = n;
	hooks.failed = NULL;
}

unsigned hooks_calls(void)
{
	return hooks.calls;
}

const char *hooks_failed(void)
{
	return hooks.failed;
}

unsigned hooks_live(void)
{
	return hooks.live_count;
}

void hooks_watch(bool on)
{
	hooks.watched = on;
	hooks.seen = NULL;
}

const char *hooks_seen(void)
{
	return hooks.seen;
}
