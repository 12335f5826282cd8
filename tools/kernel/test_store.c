/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The store: whole kernels or none, whoever else is at work, whatever is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/record.h"
#include "tools/kernel/test_kit.h"

#define RELEASE "6.1.0-9-test"
#define NAME    "debian-" RELEASE

static struct intake in;
static struct record record;
static char store[256];

static int start(void **state)
{
	kit_start(state);
	snprintf(store, sizeof(store), "%s", kit_path("a/b/store")); /* made on the way */
	return 0;
}

/* What record_publish() says, and record has it. */
static int import(const char *path, const char *prefix)
{
	const struct intake_request request = {.path = path, .folder = store};
	int err = intake_take(&in, &request);

	err = err ? err : record_publish(&record, &in, prefix);
	intake_finish(&in);
	return err;
}

static const char *a_bzimage(void)
{
	return kit_write(
	    "vmlinuz-x", kit_bzimage(kit_payload("gzip -n -9", kit_vmlinux(RELEASE, NULL, 0))));
}

static const char *inside(const char *file)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s/%s", store, record.name, file);
	return path;
}

/* Kernels alone: not the lock and what else has a dot. */
static unsigned kernels(void)
{
	char **names = record_names(store);
	unsigned n = 0;

	while (names[n])
		n++;
	record_free_names(names);
	return n;
}

static void corrupt(const char *file)
{
	assert_int_equal(chmod(inside(file), 0600), 0);
	int fd = open(inside(file), O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 300), 1);
	close(fd);
}

/* ----------------------------------------------------------------------- import */

static void a_bzimage_is_kept_with_the_kernel_in_it(void **state)
{
	struct bytes whole = kit_vmlinux(RELEASE, NULL, 0);

	assert_int_equal(import(a_bzimage(), NULL), 0);
	assert_int_equal(strncmp(record.name, NAME "-", strlen(NAME) + 1), 0);
	assert_int_equal(strlen(record.name), strlen(NAME) + 9);
	assert_string_equal(record.version, RELEASE);
	assert_string_equal(record.compression, "gzip");
	struct bytes found = kit_read(inside("vmlinux"));
	assert_int_equal(found.size, whole.size);
	assert_memory_equal(found.at, whole.at, whole.size);
	assert_true(kit_read(inside("bzImage")).size > 0);
	assert_int_equal(record_verify(store, record.name), 0);
}

static void the_name_stands_for_the_files(void **state)
{
	char first[STORE_NAME_MAX];

	assert_int_equal(import(a_bzimage(), NULL), 0);
	strcpy(first, record.name);
	assert_int_equal(import(a_bzimage(), NULL), 1); /* there already */
	assert_string_equal(record.name, first);
	assert_int_equal(kernels(), 1);
	assert_int_equal(import(kit_write("vmlinux", kit_vmlinux(RELEASE, "x", 1)), NULL), 0);
	assert_string_not_equal(record.name, first);
	assert_int_equal(import(kit_write("vmlinux", kit_vmlinux(RELEASE, "x", 1)), "my"), 0);
	assert_int_equal(strncmp(record.name, "my-" RELEASE "-", 3 + strlen(RELEASE) + 1), 0);
	assert_int_equal(kernels(), 3);
}

static void a_hostile_version_makes_a_tame_name(void **state)
{
	const char *path = kit_write("vmlinux", kit_vmlinux("6.1/../../x;$(y)", NULL, 0));

	assert_int_equal(import(path, "../e v/il"), 0);
	assert_null(strchr(record.name, '/'));
	assert_true(store_may_name(record.name));
	assert_int_equal(kernels(), 1);
}

static void a_configuration_beside_the_kernel_comes_along(void **state)
{
	static const char good[] = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_X=y\n";
	static const char other[] = "# Linux/x86 5.4.1 Kernel Configuration\nCONFIG_X=y\n";

	kit_write("config", (struct bytes){(uint8_t *)(uintptr_t)other, sizeof(other) - 1});
	assert_int_equal(import(a_bzimage(), NULL), 0);
	assert_string_equal(record.config, ""); /* of another version */
	kit_write("config", (struct bytes){(uint8_t *)(uintptr_t)good, sizeof(good) - 1});
	assert_int_equal(import(a_bzimage(), NULL), 0);
	assert_string_equal(record.config, "adjacent");
	kit_write("config-x", (struct bytes){(uint8_t *)(uintptr_t)other, sizeof(other) - 1});
	assert_int_equal(import(a_bzimage(), NULL), 0);
	assert_int_equal(kit_read(inside("config")).size, sizeof(other) - 1);
}

static void a_package_keeps_its_modules(void **state)
{
	struct bytes vmlinuz =
	    kit_bzimage(kit_payload("xz --check=crc32", kit_vmlinux(RELEASE, NULL, 0)));
	const struct member members[] = {{"./boot/vmlinuz-" RELEASE, 'f', vmlinuz, NULL},
	    {"./boot/config-" RELEASE, 'f', {(uint8_t *)(uintptr_t) "CONFIG_X=y\n", 11}, NULL},
	    {"./lib/modules/" RELEASE "/kernel/x.ko", 'f', {(uint8_t *)(uintptr_t) "ko", 2}, NULL},
	    {0}};

	assert_int_equal(import(kit_write("a.deb", kit_package(members)), NULL), 0);
	assert_int_equal(record.modules, 1);
	assert_int_equal(record.files, 4);
	assert_string_equal(record.config, "package");
	assert_int_equal(kit_read(inside("modules/kernel/x.ko")).size, 2);
	assert_int_equal(record_verify(store, record.name), 0);
}

static void what_volt_would_refuse_is_not_taken(void **state)
{
	struct bytes vmlinux = kit_vmlinux(RELEASE, NULL, 0);

	vmlinux.at[18] = 3; /* e_machine: i386 */
	assert_true(import(kit_write("vmlinux", vmlinux), NULL) < 0);
	assert_true(kit_was_said("ELF e_machine is 3"));
	/* Sound outside, but volt would boot what is inside. */
	assert_true(
	    import(kit_write("bzImage", kit_bzimage(kit_payload("gzip -n", vmlinux))), NULL) < 0);
	assert_true(kit_was_said("its vmlinux is refused: ELF e_machine is 3"));
	assert_int_equal(kernels(), 0);
	assert_int_equal(kit_count(store), 1); /* the lock */
}

static void a_segment_without_end_costs_nothing(void **state)
{
	struct bytes vmlinux = kit_vmlinux(RELEASE, NULL, 0);
	uint64_t size = 1ull << 31;

	memcpy(vmlinux.at + 64 + 40, &size, sizeof(size)); /* p_memsz */
	assert_true(import(kit_write("vmlinux", vmlinux), NULL) < 0);
	assert_int_equal(kernels(), 0);
}

/* ------------------------------------------------------------------ half done */

static void nothing_is_seen_before_it_is_whole(void **state)
{
	const struct intake_request request = {.path = a_bzimage(), .folder = store};
	char name[STORE_NAME_MAX], why[512];

	assert_int_equal(intake_take(&in, &request), 0);
	assert_int_equal(kernels(), 0);
	assert_int_equal(store_find(store, "debian", name, why, sizeof(why)), -ENOENT);
	intake_finish(&in);
	assert_int_equal(kit_count(store), 1);
}

static void the_litter_of_a_killed_import_is_swept_away(void **state)
{
	struct stage killed, alive;
	int status, ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct stage_writer w;

		if (stage_init(&killed, store) == 0 && stage_begin(&killed, &w, "vmlinux") == 0 &&
		    stage_write(&w, "half", 4) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kit_count(store), 2);
	/* While its maker lives it stays. */
	assert_int_equal(stage_init(&alive, store), 0);
	assert_int_equal(kit_count(store), 3);
	stage_finish(&alive);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_int_equal(kit_count(store), 2);
	assert_int_equal(import(a_bzimage(), NULL), 0);
	assert_int_equal(kit_count(store), 2); /* the lock, the kernel */
	close(ready[0]);
	close(ready[1]);
}

static void many_imports_of_one_kernel_make_one(void **state)
{
	const char *path = a_bzimage();
	pid_t children[8];

	for (unsigned i = 0; i < 8; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			int got = import(path, NULL);

			_exit(got == 0 || got == 1 ? 40 + got : 1);
		}
	}
	unsigned first = 0, later = 0;
	for (unsigned i = 0; i < 8; i++) {
		int status;

		waitpid(children[i], &status, 0);
		first += WIFEXITED(status) && WEXITSTATUS(status) == 40;
		later += WIFEXITED(status) && WEXITSTATUS(status) == 41;
	}
	assert_int_equal(first, 1);
	assert_int_equal(later, 7);
	assert_int_equal(kernels(), 1);
	assert_int_equal(kit_count(store), 2);
}

/* ---------------------------------------------------------------------- verify */

static void a_changed_file_is_found(void **state)
{
	assert_int_equal(import(a_bzimage(), NULL), 0);
	corrupt("vmlinux");
	assert_int_equal(record_verify(store, record.name), 1);
	assert_true(kit_was_said("vmlinux: has changed"));
}

static void a_missing_and_a_further_file_are_found(void **state)
{
	assert_int_equal(import(a_bzimage(), NULL), 0);
	unlink(inside("bzImage"));
	assert_int_equal(record_verify(store, record.name), 1);
	assert_true(kit_was_said("bzImage: is missing"));
	close(open(inside("a"), O_CREAT | O_WRONLY, 0600));
	close(open(inside("b"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(record_verify(store, record.name), 2);
	assert_true(kit_was_said("more than were put there"));
}

static void a_manifest_that_was_changed_too_is_found(void **state)
{
	assert_int_equal(import(a_bzimage(), NULL), 0);
	chmod(inside("manifest"), 0600);
	int fd = open(inside("manifest"), O_WRONLY | O_TRUNC);
	close(fd);
	unlink(inside("vmlinux"));
	unlink(inside("bzImage"));
	assert_int_equal(record_verify(store, record.name), 1);
	assert_true(kit_was_said("not the one that the name stands for"));
}

static void a_manifest_leads_nowhere_else(void **state)
{
	assert_int_equal(import(a_bzimage(), NULL), 0);
	chmod(inside("manifest"), 0600);
	FILE *f = fopen(inside("manifest"), "w");
	fprintf(f, "%064d  ../../../secret\n%064d  /etc/shadow\nshort\n", 0, 0);
	fclose(f);
	assert_true(record_verify(store, record.name) >= 4);
}

/* ------------------------------------------------------------ default and remove */

static void the_default_goes_with_its_kernel(void **state)
{
	struct request q = {.count = 1};
	char name[STORE_NAME_MAX], *words[] = {name, NULL};

	snprintf(q.store, sizeof(q.store), "%s", store);
	q.args = words;
	assert_int_equal(import(a_bzimage(), NULL), 0);
	strcpy(name, "debian");
	assert_int_equal(command_default(&q), 0);
	default_get(store, name, sizeof(name));
	assert_string_equal(name, record.name);
	strcpy(name, "default");
	assert_int_equal(command_remove(&q), 0);
	assert_int_equal(kernels(), 0);
	default_get(store, name, sizeof(name));
	assert_string_equal(name, "");
	strcpy(name, "default");
	assert_int_equal(command_remove(&q), 1);
	assert_true(kit_was_said("no default kernel is set"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, kit_end)
	    T(a_bzimage_is_kept_with_the_kernel_in_it),
	    T(the_name_stands_for_the_files),
	    T(a_hostile_version_makes_a_tame_name),
	    T(a_configuration_beside_the_kernel_comes_along),
	    T(a_package_keeps_its_modules),
	    T(what_volt_would_refuse_is_not_taken),
	    T(a_segment_without_end_costs_nothing),
	    T(nothing_is_seen_before_it_is_whole),
	    T(the_litter_of_a_killed_import_is_swept_away),
	    T(many_imports_of_one_kernel_make_one),
	    T(a_changed_file_is_found),
	    T(a_missing_and_a_further_file_are_found),
	    T(a_manifest_that_was_changed_too_is_found),
	    T(a_manifest_leads_nowhere_else),
	    T(the_default_goes_with_its_kernel),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
