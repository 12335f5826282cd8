/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/syscalls.h"

#include <stddef.h>
#include <string.h>

#define ARG(n) (1u << (n))

/* Calls that go to a file: which of their arguments (ARG) are descriptors, which say what is done
 * to it, and which count bytes. Linux, include/linux/syscalls.h. */
static const struct {
	uint8_t fds, commands, bytes;
	const char *syscalls;
} on_files[] = {
    {ARG(0), 0, ARG(2), "read write pread64 pwrite64"},
    {ARG(0), 0, 0,
	"readv writev preadv pwritev lseek fsync fdatasync syncfs "
	"ftruncate readahead fstat fstatfs fchmod fchown fgetxattr fsetxattr flistxattr "
	"fremovexattr getdents getdents64 cachestat epoll_wait epoll_pwait epoll_pwait2 "
	"timerfd_gettime getsockname getpeername inotify_rm_watch mq_timedsend "
	"mq_timedreceive mq_notify mq_getsetattr accept accept4 close connect"},
    {ARG(0), ARG(1), 0, "ioctl fcntl flock fallocate timerfd_settime shutdown quotactl_fd"},
    {ARG(0), ARG(1) | ARG(2), 0, "getsockopt setsockopt"},
    {ARG(0), ARG(2), 0, "sendmsg recvmsg"},
    {ARG(0), ARG(3), 0, "sync_file_range fadvise64 sendto recvfrom sendmmsg"},
    {ARG(0), ARG(5), 0, "preadv2 pwritev2"},
    {0, ARG(2), ARG(1), "madvise"},
    {ARG(0) | ARG(1), 0, 0, "sendfile"},
    {ARG(0) | ARG(1), ARG(3), 0, "tee"},
    {ARG(0) | ARG(2), 0, 0, "copy_file_range"},
    {ARG(0) | ARG(2), ARG(1), 0, "epoll_ctl"},
    {ARG(0) | ARG(2), ARG(5), 0, "splice"},
};

bool syscall_is_among(const char *words, const char *name)
{
	const size_t n = strlen(name);

	for (; *words != '\0'; words += *words == ' ') {
		const size_t length = strcspn(words, " ");

		if (length == n && memcmp(words, name, n) == 0)
			return true;
		words += length;
	}
	return false;
}

enum syscall_argument syscall_argument(const char *syscall, uint8_t arg)
{
	for (size_t n = 0; n < sizeof(on_files) / sizeof(on_files[0]); n++) {
		if (!syscall_is_among(on_files[n].syscalls, syscall))
			continue;
		if (on_files[n].fds & ARG(arg))
			return SYSCALL_DESCRIPTOR;
		if (on_files[n].commands & ARG(arg))
			return SYSCALL_COMMAND;
		if (on_files[n].bytes & ARG(arg))
			return SYSCALL_BYTES;
	}
	return SYSCALL_OTHER;
}
