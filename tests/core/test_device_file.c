/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Parameters of type DISK, TAP and SOCKET: what is taken, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/plugin/device_file.h"

static char folder[64], path[96], why[256];
static struct volt_value value;

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/volt-device-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/disk", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int err = fd < 0 || ftruncate(fd, 12345) != 0;

	close(fd);
	value = (struct volt_value){.fd = -1};
	return err;
}

static int teardown(void **state)
{
	if (value.fd >= 0)
		close(value.fd);
	unlink(path);
	rmdir(folder);
	return 0;
}

static void a_disk_has_a_size_and_one_user(void **state)
{
	struct volt_value second = {.fd = -1};

	assert_int_equal(device_file_disk(path, false, false, &value, why, sizeof(why)), 0);
	assert_int_equal(value.u, 12345);
	assert_int_equal(fcntl(value.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(value.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(device_file_disk(path, false, false, &second, why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "is in use"));
	assert_int_equal(device_file_disk(path, true, false, &second, why, sizeof(why)), -EBUSY);
	assert_int_equal(second.fd, -1);
	close(value.fd);
	value.fd = -1;
	assert_int_equal(device_file_disk(path, false, false, &value, why, sizeof(why)), 0);
}

static void a_disk_that_is_only_read_has_many_users(void **state)
{
	struct volt_value second = {.fd = -1}, third = {.fd = -1};

	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(device_file_disk(path, true, false, &value, why, sizeof(why)), 0);
	assert_int_equal(device_file_disk(path, true, false, &second, why, sizeof(why)), 0);
	assert_int_equal(fcntl(value.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	chmod(path, 0600);
	assert_int_equal(device_file_disk(path, false, false, &third, why, sizeof(why)), -EBUSY);
	close(second.fd);
}

static void only_files_and_block_devices_are_disks(void **state)
{
	assert_int_equal(device_file_disk(folder, true, false, &value, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "neither a regular file nor a block device"));
	assert_int_equal(
	    device_file_disk("/dev/null", false, false, &value, why, sizeof(why)), -EINVAL);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(device_file_disk(path, true, false, &value, why, sizeof(why)), -EINVAL);
	unlink(path);
	assert_int_equal(device_file_disk(path, false, false, &value, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, path));
	assert_int_equal(value.fd, -1);
}

/* In a folder of root's own, or without a right of its own. */
static void a_disk_that_may_not_be_opened_is_told_so(void **state)
{
	const uid_t me = geteuid();

	assert_int_equal(chmod(path, 0), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	const int err = device_file_disk(path, false, false, &value, why, sizeof(why));

	assert_int_equal(seteuid(me), 0);
	assert_int_equal(err, -EACCES);
	assert_non_null(strstr(why, "Permission denied"));
	assert_int_equal(device_file_disk(folder, false, false, &value, why, sizeof(why)), -EISDIR);
	assert_non_null(strstr(why, "Is a directory"));
}

static void a_socket_is_connected(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[128];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	snprintf(text, sizeof(text), "unix:%s", path);
	assert_int_equal(device_file_socket(text, &value, why, sizeof(why)), -ENOENT);
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(device_file_socket(text, &value, why, sizeof(why)), -ECONNREFUSED);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(device_file_socket(text, &value, why, sizeof(why)), 0);
	assert_true(fcntl(value.fd, F_GETFL) & O_NONBLOCK);
	close(listener);
}

static void an_inherited_descriptor_is_taken_once(void **state)
{
	char text[32];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	snprintf(text, sizeof(text), "fd:%d", fds[0]);
	assert_int_equal(device_file_socket(text, &value, why, sizeof(why)), 0);
	assert_int_equal(value.fd, fds[0]);
	assert_true(fcntl(value.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(device_file_socket(text, &value, why, sizeof(why)), -EBUSY);
	assert_int_equal(device_file_socket("fd:2", &value, why, sizeof(why)), -EBADF);
	assert_int_equal(device_file_socket("fd:999", &value, why, sizeof(why)), -EBADF);
	assert_int_equal(device_file_socket("fd:", &value, why, sizeof(why)), -EINVAL);
	assert_int_equal(device_file_socket("tcp:1", &value, why, sizeof(why)), -EINVAL);
	snprintf(text, sizeof(text), "fd:%d", fds[1]);
	assert_int_equal(device_file_tap(text, 1, &value, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "not a tap"));
}

static void a_tap_that_is_not_there_is_not_made(void **state)
{
	assert_int_equal(device_file_tap("voltnone0", 1, &value, why, sizeof(why)), -ENODEV);
	assert_non_null(strstr(why, "ip tuntap add dev voltnone0"));
	assert_int_equal(
	    device_file_tap("a-name-that-is-too-long", 1, &value, why, sizeof(why)), -EINVAL);
	assert_int_equal(device_file_tap("../x", 1, &value, why, sizeof(why)), -EINVAL);
}

static void inherited_queues_are_counted(void **state)
{
	int fds[4] = {0};

	assert_int_equal(device_file_list_numbers("tap=fd:5-7,x=fd:9,y=fd:2,z=fd:8-4", fds, 4), 4);
	assert_int_equal(fds[0], 5);
	assert_int_equal(fds[2], 7);
	assert_int_equal(fds[3], 9);
	assert_int_equal(device_file_tap("fd:5-8", 2, &value, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "4 queues, and queues is 2"));
	assert_int_equal(device_file_tap("fd:5", 2, &value, why, sizeof(why)), -EINVAL);
	assert_int_equal(device_file_tap("fd:8-5", 1, &value, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "the first number and the last one"));
	assert_int_equal(
	    device_file_tap("fd:5-99999999999", 64, &value, why, sizeof(why)), -EINVAL);
	assert_int_equal(device_file_tap("fd:500-501", 2, &value, why, sizeof(why)), -EBADF);
}

/* In a network of this process's own; 0, or -1: it may not have one. */
static int make_tap(const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0)
		return -1;
	const int err = ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETPERSIST, 1);

	close(fd);
	return err ? -1 : 0;
}

static bool is_tap_queue(int fd)
{
	struct ifreq request = {0};

	return ioctl(fd, TUNGETIFF, &request) == 0 && strcmp(request.ifr_name, "several") == 0;
}

/* The last test, as what it does to this process stays. */
static void queues_of_a_tap_have_numbers_in_a_row(void **state)
{
	struct volt_value one = {.fd = -1};

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/sys", "sysfs", 0, NULL) != 0 || make_tap("several", IFF_MULTI_QUEUE) ||
	    make_tap("single", 0)) {
		print_message("no network of its own: %s\n", strerror(errno));
		skip();
	}
	/* Free are one number, and those from some way on. */
	const int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(dup2(first, first + 2), first + 2);
	close(first);
	assert_int_equal(device_file_tap("several", 3, &value, why, sizeof(why)), 0);
	assert_int_equal(value.u, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(is_tap_queue(value.fd + i));
		assert_true(fcntl(value.fd + i, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(value.fd + i, F_GETFL) & O_NONBLOCK);
	}
	assert_false(is_tap_queue(value.fd - 1));
	for (int i = 1; i < 3; i++)
		close(value.fd + i);
	close(first + 2);
	assert_int_equal(device_file_tap("several", 1, &one, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "queues=2"));
	assert_int_equal(device_file_tap("single", 2, &one, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "multi_queue"));
	assert_int_equal(one.fd, -1);
	assert_int_equal(device_file_tap("single", 1, &one, why, sizeof(why)), 0);
	close(one.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_disk_has_a_size_and_one_user),
	    TEST(a_disk_that_is_only_read_has_many_users),
	    TEST(only_files_and_block_devices_are_disks),
	    TEST(a_disk_that_may_not_be_opened_is_told_so),
	    TEST(a_socket_is_connected),
	    TEST(an_inherited_descriptor_is_taken_once),
	    TEST(a_tap_that_is_not_there_is_not_made),
	    TEST(inherited_queues_are_counted),
	    TEST(queues_of_a_tap_have_numbers_in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
