/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * port_bench - a device of a few I/O ports under test, and what holds for all of them. A test
 * names its plugin first: #define BENCHED volt_plugin_name. For the tests of this tree.
 */
#ifndef PORT_BENCH_H
#define PORT_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin BENCHED;

static inline struct fake_host *boot(const char *params)
{
	struct fake_host *f = fake_host_create(&BENCHED);

	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

/* For each test: the device with its defaults, as *state. */
static inline int setup(void **state)
{
	*state = boot(NULL);
	return 0;
}

static inline int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static inline unsigned requested(struct fake_host *f, uint32_t what)
{
	return fake_requested(f, what, NULL, NULL);
}

/* `f` is one that was wired, with that many calls of the host. */
static inline void assert_each_call_may_fail(const struct fake_host *f, unsigned calls)
{
	assert_int_equal(fake_host_calls(f), calls);
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *failing = fake_host_create(&BENCHED);

		fake_host_fail_call(failing, n, ENOSPC);
		assert_int_equal(fake_host_wire(failing, NULL), -ENOSPC);
		assert_string_not_equal(fake_host_message(failing), "");
		fake_host_destroy(failing);
	}
}

static inline void assert_last_base(const char *last, const char *beyond)
{
	struct fake_host *good = boot(last), *bad = fake_host_create(&BENCHED);

	assert_int_equal(fake_host_wire(bad, beyond), -EINVAL);
	assert_non_null(strstr(fake_host_message(bad), "base"));
	fake_host_destroy(good);
	fake_host_destroy(bad);
}

/* ---------------------------------------- a host that has one extension only */

static inline const void *bare_get_ext(const struct volt_host *h, const char *id)
{
	static const struct volt_loop loop = {.size = sizeof(loop)};

	return strcmp(id, h->core) == 0 ? &loop : NULL;
}

static inline int bare_add_range(const struct volt_host *h, const struct volt_range *r)
{
	return 0;
}

static inline int bare_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	assert_non_null(strstr(msg, "volt."));
	return -err;
}

static inline int init_with_only(const char *ext)
{
	const struct volt_host host = {
	    .size = sizeof(host),
	    .core = (void *)(uintptr_t)ext,
	    .get_ext = bare_get_ext,
	    .add_range = bare_add_range,
	    .fail = bare_fail,
	};
	const struct volt_value value = {.u = 0x100};
	const struct volt_args args = {sizeof(args), sizeof(value), 1, &value};
	uint64_t self[16] = {0};

	assert_true(sizeof(self) >= BENCHED.instance_size);
	return BENCHED.init(self, &host, &args);
}

#endif
