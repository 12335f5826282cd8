/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * tsan - tells ThreadSanitizer what it cannot see by itself; nothing in any other build. A post of
 * an eventfd comes before the wait that takes it: it follows descriptors, but not F_DUPFD. And a
 * struct lock is a lock, so that it also reports two that are taken in either order.
 */
#ifndef CORE_TSAN_H
#define CORE_TSAN_H

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define TSAN_BUILD 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TSAN_BUILD 1
#endif

#ifdef TSAN_BUILD
#include <sanitizer/tsan_interface.h>

static inline void tsan_before(void *object)
{
	__tsan_release(object);
}

static inline void tsan_after(void *object)
{
	__tsan_acquire(object);
}

static inline void tsan_takes(void *lock)
{
	__tsan_mutex_pre_lock(lock, 0);
}

static inline void tsan_has(void *lock)
{
	__tsan_mutex_post_lock(lock, 0, 0);
}

static inline void tsan_releases(void *lock)
{
	__tsan_mutex_pre_unlock(lock, 0);
}

static inline void tsan_released(void *lock)
{
	__tsan_mutex_post_unlock(lock, 0);
}
#else
static inline void tsan_before(void *object)
{
}

static inline void tsan_after(void *object)
{
}

static inline void tsan_takes(void *lock)
{
}

static inline void tsan_has(void *lock)
{
}

static inline void tsan_releases(void *lock)
{
}

static inline void tsan_released(void *lock)
{
}
#endif

#endif
