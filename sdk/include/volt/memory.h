/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/memory.h - the guest's memory, from the host: extension "volt.mem/1".
 *
 * Stability: candidate. Only for plugins whose descriptor has VOLT_FLAG_GUEST_MEMORY;
 * others get NULL for it.
 *
 * Addresses are guest physical. RAM is made after init, so nothing here works while
 * wiring; from reset on everything does, on any thread. RAM is one region or two, with a
 * hole below 4 GiB; it neither moves nor goes away.
 *
 * The guest runs meanwhile, and another of its CPUs may write what is being read. So
 * copy, then check the copy; and read a field through a mapping with volt_le16() and its
 * kin, which load once: what was checked is then what is used.
 */
#ifndef VOLT_MEMORY_H
#define VOLT_MEMORY_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_MEM "volt.mem/1"

/* A part of the guest's memory, as another process can map it. */
struct volt_mem_region {
	uint64_t gpa, len; /* guest physical; in bytes, whole pages */
	uint64_t offset;   /* of `gpa` in the file */
	int32_t fd;        /* the file: the host's, not to be closed. Its size is sealed */
	uint32_t reserved; /* 0 */
};

/* What the host gives. */
struct volt_mem {
	uint32_t size, reserved;
	/* [any] Copies n bytes out of the guest's memory; `dst` is the caller's. 0 bytes can be
	 * read anywhere. 0; -EFAULT: not all of [gpa, gpa + n) is RAM, and nothing was copied;
	 * -EAGAIN while wiring. */
	int (*read)(const struct volt_host *h, uint64_t gpa, void *dst, size_t n);
	/* [any] Copies n bytes into it, and marks them dirty. Answers as read. */
	int (*write)(const struct volt_host *h, uint64_t gpa, const void *src, size_t n);
	/* [any] Where [gpa, gpa + n) lies in this process; the host's, valid until fini, no
	 * system call. It never spans two regions. Not to be written unless `writable`. NULL:
	 * not all of it is RAM, n is 0, or the instance is still being wired. */
	void *(*map)(const struct volt_host *h, uint64_t gpa, size_t n, bool writable);
	/* [any] [gpa, gpa + n) was written through a mapping. To be called after the bytes
	 * are there and before the callback or job ends: a host that copies a running VM
	 * reads them again. What is not RAM is ignored. */
	void (*dirty)(const struct volt_host *h, uint64_t gpa, size_t n);
	/* From here on since ABI 0.3: check VOLT_HAS(). */

	/* [any] Puts all of RAM into `r`, which has room for `count` regions, 2 of which are
	 * enough. Returns how many there are; -EOPNOTSUPP: the descriptor has no
	 * VOLT_FLAG_SHARED_MEMORY; -ENOSPC: more than `count`; -EAGAIN while wiring. */
	int (*regions)(const struct volt_host *h, struct volt_mem_region *r, uint32_t count);
};

struct volt_le16_ {
	uint16_t v;
} __attribute__((packed, may_alias));
struct volt_le32_ {
	uint32_t v;
} __attribute__((packed, may_alias));
struct volt_le64_ {
	uint64_t v;
} __attribute__((packed, may_alias));

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VOLT_LE_(bits, v) (v)
#else
#define VOLT_LE_(bits, v) __builtin_bswap##bits(v)
#endif

/* [any] The little-endian number at p, at any alignment, loaded once. */
static inline uint16_t volt_le16(const volatile void *p)
{
	const uint16_t v = ((const volatile struct volt_le16_ *)p)->v;

	return VOLT_LE_(16, v);
}

/* [any] As volt_le16(). */
static inline uint32_t volt_le32(const volatile void *p)
{
	const uint32_t v = ((const volatile struct volt_le32_ *)p)->v;

	return VOLT_LE_(32, v);
}

/* [any] As volt_le16(). */
static inline uint64_t volt_le64(const volatile void *p)
{
	const uint64_t v = ((const volatile struct volt_le64_ *)p)->v;

	return VOLT_LE_(64, v);
}

/* [any] Puts a little-endian number at p, at any alignment, by one store. */
static inline void volt_put_le16(volatile void *p, uint16_t v)
{
	((volatile struct volt_le16_ *)p)->v = VOLT_LE_(16, v);
}

/* [any] As volt_put_le16(). */
static inline void volt_put_le32(volatile void *p, uint32_t v)
{
	((volatile struct volt_le32_ *)p)->v = VOLT_LE_(32, v);
}

/* [any] As volt_put_le16(). */
static inline void volt_put_le64(volatile void *p, uint64_t v)
{
	((volatile struct volt_le64_ *)p)->v = VOLT_LE_(64, v);
}

#ifdef __cplusplus
}
#endif

#endif
