/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Where a plugin may come from, and that what was checked is what is loaded. Numbers
 * such as O07 are cases of group O in the list of hostile inputs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/plugin/vet.h"
#include "vet_kit.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define NOBODY 65534
#define SWAPS  3000

static char top[64], file[256];
static uint8_t *good;
static size_t good_size;

/* A folder of our own under /tmp with a good plugin "p.so" in its folder "d". */
static int setup(void **state)
{
	char dir[80];

	snprintf(top, sizeof(top), "/tmp/volt-vet-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/d", top);
	snprintf(file, sizeof(file), "%s/p.so", dir);
	good = kit_read(kit_path("good"), &good_size);
	if (mkdir(dir, 0755) != 0)
		return -1;
	kit_write(file, good, good_size, 0644);
	kit_forget();
	return chmod(top, 0755);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	return remove(path);
}

static int teardown(void **state)
{
	free(good);
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* "TOP/NAME", in turn in one of two buffers. */
static const char *at(const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static void assert_accepted(const char *path)
{
	struct vet_result r;

	if (vet_open(path, &r) != 0)
		fail_msg("refused: %s", kit_logged());
	assert_int_equal(r.kind, VOLT_KIND_DEVICE);
	assert_true(r.image_fd >= 0);
	close(r.image_fd);
}

static void assert_refused(const char *path, int err, const char *because)
{
	struct vet_result r;
	int got = vet_open(path, &r);

	if (got != -err)
		fail_msg("%s: %d, not %d: %s", path, got, -err, kit_logged());
	if (!strstr(kit_logged(), because))
		fail_msg("\"%s\" does not say \"%s\"", kit_logged(), because);
	if (!strstr(kit_logged(), path) && strlen(path) < 100)
		fail_msg("\"%s\" does not name %s", kit_logged(), path);
	assert_int_equal(r.image_fd, -1);
}

static void skip_for(const char *why)
{
	print_message("skipped: %s\n", why);
	if (getenv("VOLT_MUST_WORK"))
		fail_msg("%s, and VOLT_MUST_WORK is set", why);
	skip();
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip_for("needs root");
}

/* ------------------------------------------------------------- the copy */

static int in_child(int (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void good_file_is_accepted(void **state)
{
	assert_accepted(file);
}

/* 7: the file of whoever runs this was copied, and nothing can change the copy. */
static int open_own(void)
{
	uint8_t *copy = malloc(good_size);
	struct vet_result r;

	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || seteuid(NOBODY) != 0))
		return 77;
	if (vet_open(file, &r) != 0 || !r.is_copy)
		return 1;
	if (pread(r.image_fd, copy, good_size, 0) != (ssize_t)good_size ||
	    memcmp(copy, good, good_size) != 0 ||
	    lseek(r.image_fd, 0, SEEK_END) != (off_t)good_size)
		return 2;
	if (fcntl(r.image_fd, F_GET_SEALS) !=
	    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return 3;
	if (pwrite(r.image_fd, "x", 1, 0) != -1 || errno != EPERM || ftruncate(r.image_fd, 1) != -1)
		return 4;
	return fcntl(r.image_fd, F_GETFD) & FD_CLOEXEC ? 7 : 5;
}

/* HOLDS(security) */
static void copy_has_the_bytes_of_the_file_and_cannot_change(void **state)
{
	if (geteuid() == 0)
		assert_int_equal(chown(file, NOBODY, 0), 0);
	assert_int_equal(in_child(open_own), 7);
}

/* Its pages are those of every other VM; only root could change them. */
/* HOLDS(security) */
static void file_of_roots_is_not_copied(void **state)
{
	struct vet_result r;
	struct stat kept, named;

	need_root();
	assert_int_equal(vet_open(file, &r), 0);
	assert_false(r.is_copy);
	assert_int_equal(fstat(r.image_fd, &kept), 0);
	assert_int_equal(stat(file, &named), 0);
	assert_int_equal(kept.st_ino, named.st_ino);
	assert_int_equal(r.inode, named.st_ino);
	assert_int_equal(pwrite(r.image_fd, "x", 1, 0), -1);
	assert_true(fcntl(r.image_fd, F_GETFD) & FD_CLOEXEC);
	close(r.image_fd);
}

static void copy_can_be_loaded(void **state)
{
	struct vet_result r;
	char path[64];
	void *handle;

	assert_int_equal(vet_open(file, &r), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r.image_fd);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	assert_non_null(handle ? dlsym(handle, "volt_plugin") : NULL);
	if (handle)
		dlclose(handle);
	close(r.image_fd);
}

/* O08: two files change places all the time; one is good, one a text of that length. */
static _Noreturn void swap_for_ever(void)
{
	for (;;)
		renameat2(AT_FDCWD, file, AT_FDCWD, at("d/other"), RENAME_EXCHANGE);
}

/* HOLDS(security) */
static void file_swapped_while_it_is_checked_is_never_loaded(void **state)
{
	uint8_t *bad = calloc(1, good_size), *copy = malloc(good_size);
	unsigned accepted = 0;
	pid_t pid;

	kit_write(at("d/other"), bad, good_size, 0644);
	pid = fork();
	if (pid == 0)
		swap_for_ever();
	for (unsigned i = 0; i < SWAPS; i++) {
		struct vet_result r;

		if (vet_open(file, &r) != 0)
			continue;
		accepted++;
		assert_int_equal(pread(r.image_fd, copy, good_size, 0), good_size);
		assert_memory_equal(copy, good, good_size);
		close(r.image_fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(bad);
	free(copy);

	assert_true(accepted > 0 && accepted < SWAPS);
}

/* ------------------------------------------------------------------ names */

static void relative_path_is_accepted(void **state)
{
	char before[4096];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(top), 0);
	assert_accepted("d/p.so");
	assert_accepted("./d/../d//p.so");
	assert_int_equal(chdir(before), 0);
}

static void missing_file_is_refused(void **state)
{
	assert_refused(at("d/q.so"), ENOENT, "No such file");
	assert_refused(at("e/p.so"), ENOENT, "cannot open \"e\"");
}

static void file_used_as_a_folder_is_refused(void **state)
{
	assert_refused(at("d/p.so/x"), ENOTDIR, "cannot open \"p.so\"");
}

static void long_path_is_refused(void **state)
{
	char path[8192];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_refused(path, ENAMETOOLONG, "too long");
}

/* O07 */
/* HOLDS(security) */
static void symbolic_link_is_refused_naming_the_file(void **state)
{
	assert_int_equal(symlink(file, at("d/link.so")), 0);
	assert_refused(at("d/link.so"), ELOOP, file);
}

/* HOLDS(security) */
static void symbolic_link_on_the_way_is_refused(void **state)
{
	assert_int_equal(symlink("d", at("link")), 0);
	assert_refused(at("link/p.so"), ELOOP, "\"link\" is a symbolic link");
}

/* ------------------------------------------------------------- file types */

static void folder_is_refused(void **state)
{
	assert_refused(at("d"), EISDIR, "not a file");
	assert_refused("/", EISDIR, "directory");
}

/* HOLDS(security) */
static void fifo_is_refused_without_waiting(void **state)
{
	assert_int_equal(mkfifo(at("d/fifo"), 0644), 0);
	assert_refused(at("d/fifo"), EINVAL, "not a file");
}

static void socket_is_refused(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", at("d/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_refused(at("d/socket"), EINVAL, "not a file");
	close(fd);
}

/* HOLDS(security) */
static void device_is_refused(void **state)
{
	assert_refused("/dev/zero", EINVAL, "not a file");
}

static void empty_file_is_refused(void **state)
{
	kit_write(file, "", 0, 0644);
	assert_refused(file, EINVAL, "empty");
}

static void file_that_is_no_plugin_is_refused(void **state)
{
	kit_write(file, "#!/bin/sh\n", 10, 0644);
	assert_refused(file, EINVAL, "too short for an ELF file");
}

static void file_above_the_limit_is_refused_unread(void **state)
{
	assert_int_equal(truncate(file, (64L << 20) + 1), 0);
	assert_refused(file, EFBIG, "67108864 is the most");
}

/* -------------------------------------------------------- owners and modes */

/* HOLDS(security) */
static void file_that_others_may_write_is_refused(void **state)
{
	assert_int_equal(chmod(file, 0664), 0);
	assert_refused(file, EPERM, "0664");
	assert_int_equal(chmod(file, 0646), 0);
	assert_refused(file, EPERM, "0646");
}

/* HOLDS(security) */
static void set_id_file_is_refused(void **state)
{
	assert_int_equal(chmod(file, 04755), 0);
	assert_refused(file, EPERM, "set-user-ID");
	assert_int_equal(chmod(file, 02755), 0);
	assert_refused(file, EPERM, "set-group-ID");
}

/* HOLDS(security) */
static void folder_that_others_may_write_is_refused(void **state)
{
	assert_int_equal(chmod(at("d"), 0775), 0);
	assert_refused(file, EPERM, "folder \"d\" can be written to by others (mode 0775)");
	assert_int_equal(chmod(at("d"), 0757), 0);
	assert_refused(file, EPERM, "0757");
}

/* HOLDS(security) */
static void folder_further_up_is_checked_too(void **state)
{
	assert_int_equal(chmod(top, 0777), 0);
	assert_refused(file, EPERM, "0777");
}

/* HOLDS(security) */
static void sticky_folder_is_accepted(void **state)
{
	assert_int_equal(chmod(at("d"), 01777), 0);
	assert_accepted(file);
}

/* 0: refused for this reason; 1: not; 2: the host lets no one make a user namespace. */
static int vet_among_unmapped_users(void)
{
	struct vet_result r;

	if (unshare(CLONE_NEWUSER) != 0)
		return 2;
	return vet_open(file, &r) == -EPERM && strstr(kit_logged(), "user namespace") ? 0 : 1;
}

/* There everybody shows as the same user, ourselves too: the owner may be anybody. */
/* HOLDS(security) */
static void file_of_a_user_that_is_not_mapped_is_refused(void **state)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(vet_among_unmapped_users());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip_for("needs user namespaces");
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* HOLDS(security) */
static void file_of_another_user_is_refused(void **state)
{
	need_root();
	assert_int_equal(chown(file, NOBODY, 0), 0);
	assert_refused(file, EPERM, "belongs to user 65534");
}

/* HOLDS(security) */
static void folder_of_another_user_is_refused(void **state)
{
	need_root();
	assert_int_equal(chown(at("d"), NOBODY, 0), 0);
	assert_refused(file, EPERM, "folder \"d\" belongs to user 65534");
}

static void hard_link_to_a_file_of_another_user_is_refused(void **state)
{
	need_root();
	assert_int_equal(chown(file, NOBODY, 0), 0);
	assert_int_equal(link(file, at("p.so")), 0);
	assert_refused(at("p.so"), EPERM, "belongs to user 65534");
}

static int open_as_nobody(void)
{
	struct vet_result r;

	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return 1;
	return vet_open(file, &r) == 0 ? 7 : 8;
}

static void roots_file_and_ones_own_are_accepted_from_any_user(void **state)
{
	need_root();
	assert_int_equal(in_child(open_as_nobody), 7);
	assert_int_equal(chown(file, NOBODY, 0), 0);
	assert_int_equal(in_child(open_as_nobody), 7);
	assert_int_equal(chown(file, NOBODY - 1, 0), 0);
	assert_int_equal(in_child(open_as_nobody), 8);
}

static int open_on_noexec_mount(void)
{
	struct vet_result r;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return 77;
	if (mount("none", at("d"), "tmpfs", MS_NOEXEC, "mode=755") != 0)
		return 77;
	kit_write(file, good, good_size, 0755);
	return vet_open(file, &r) == -EPERM && strstr(kit_logged(), "noexec") ? 7 : 8;
}

/* HOLDS(security) */
static void file_on_a_noexec_mount_is_refused(void **state)
{
	int code;

	need_root();
	code = in_child(open_on_noexec_mount);
	if (code == 77)
		skip_for("no mount namespace here");
	assert_int_equal(code, 7);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(good_file_is_accepted),
	    T(copy_has_the_bytes_of_the_file_and_cannot_change),
	    T(file_of_roots_is_not_copied),
	    T(copy_can_be_loaded),
	    T(file_swapped_while_it_is_checked_is_never_loaded),
	    T(relative_path_is_accepted),
	    T(missing_file_is_refused),
	    T(file_used_as_a_folder_is_refused),
	    T(long_path_is_refused),
	    T(symbolic_link_is_refused_naming_the_file),
	    T(symbolic_link_on_the_way_is_refused),
	    T(folder_is_refused),
	    T(fifo_is_refused_without_waiting),
	    T(socket_is_refused),
	    T(device_is_refused),
	    T(empty_file_is_refused),
	    T(file_that_is_no_plugin_is_refused),
	    T(file_above_the_limit_is_refused_unread),
	    T(file_that_others_may_write_is_refused),
	    T(set_id_file_is_refused),
	    T(folder_that_others_may_write_is_refused),
	    T(folder_further_up_is_checked_too),
	    T(sticky_folder_is_accepted),
	    T(file_of_another_user_is_refused),
	    T(file_of_a_user_that_is_not_mapped_is_refused),
	    T(folder_of_another_user_is_refused),
	    T(hard_link_to_a_file_of_another_user_is_refused),
	    T(roots_file_and_ones_own_are_accepted_from_any_user),
	    T(file_on_a_noexec_mount_is_refused),
	};

	if (argc > 1)
		kit_dir = argv[1];
	return cmocka_run_group_tests_name("vet path", tests, NULL, NULL);
}
