/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A volt built with sanitizers lets start code pass, which their runtime needs, and
 * nothing else. Compiled with VOLT_SANITIZED.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "core/plugin/vet.h"
#include "vet_kit.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static int vet_file(const char *name)
{
	struct vet_result r;
	char why[256];
	size_t size;
	uint8_t *image = kit_read(kit_path(name), &size);
	int err = vet_image(image, size, &r, why, sizeof(why));

	free(image);
	return err;
}

static void start_code_is_accepted(void **state)
{
	assert_int_equal(vet_file("constructor"), 0);
	assert_int_equal(vet_file("destructor"), 0);
	assert_int_equal(vet_file("init_function"), 0);
}

/* HOLDS(security) */
static void all_else_is_refused_as_ever(void **state)
{
	assert_int_equal(vet_file("ifunc"), -EINVAL);
	assert_int_equal(vet_file("exec_stack"), -EINVAL);
	assert_int_equal(vet_file("needed"), -EINVAL);
	assert_int_equal(vet_file("runpath"), -EINVAL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(start_code_is_accepted),
	    cmocka_unit_test(all_else_is_refused_as_ever),
	};

	if (argc > 1)
		kit_dir = argv[1];
	return cmocka_run_group_tests_name("vet, sanitized build", tests, NULL, NULL);
}
