/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/device_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/open_files.h"

#define VNET_HEADER 12 /* struct virtio_net_hdr_v1 */

VOLT_PRINTF(4, 5)
static int refuse(int err, char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -err;
}

int device_file_number(const char *text)
{
	uint64_t n;

	if (strncmp(text, "fd:", 3) != 0 || parse_uint(text + 3, &n) != 0 || n > INT_MAX)
		return -1;
	return (int)n;
}

size_t device_file_list_numbers(const char *words, int *fds, size_t max)
{
	size_t count = 0;

	for (const char *at = words; (at = strstr(at, "=fd:")); at += 4) {
		char *end;
		unsigned long fd = strtoul(at + 4, &end, 10);
		const unsigned long last = *end == '-' ? strtoul(end + 1, NULL, 10) : fd;

		for (; count < max && fd > 2 && fd <= last && fd < INT_MAX; fd++)
			fds[count++] = (int)fd;
	}
	return count;
}

/* ---------------------------------------------------------------------- disks */

static int measure(int fd, const char *path, uint64_t *bytes, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return refuse(errno, why, size, "cannot examine %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse(
		    EINVAL, why, size, "%s is neither a regular file nor a block device", path);
	*bytes = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, bytes) != 0)
		return refuse(
		    errno, why, size, "cannot tell the size of %s: %s", path, strerror(errno));
	return 0;
}

/* A process that ends gives up a disk that is in an io_uring somewhat later, when the kernel has
 * taken the ring down and no write of it is under way any more. */
#define LOCK_TURNS   100
#define LOCK_TURN_NS 10000000

/* An open file description's own (fcntl(2)), so a second opening in this process is kept out too,
 * and it ends with the descriptor, however volt ends. 0, or an errno; EAGAIN: another has it. */
static int try_lock(int fd, bool shared)
{
	struct flock l = {.l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &l) == 0)
		return 0;
	return errno == EACCES ? EAGAIN : errno;
}

static int lock_all(int fd, const char *path, bool shared, char *why, size_t size)
{
	const struct timespec turn = {.tv_nsec = LOCK_TURN_NS};
	int err = try_lock(fd, shared);

	for (unsigned i = 0; err == EAGAIN && i < LOCK_TURNS; i++) {
		nanosleep(&turn, NULL);
		err = try_lock(fd, shared);
	}
	if (err == EAGAIN)
		return refuse(EBUSY, why, size,
		    "%s is in use; a disk has one user, or many that only read", path);
	if (!err)
		return 0;
	/* fcntl(2) has no EPERM for locks: the host refuses the call, as it may by ENOSYS. */
	return refuse(
	    err == EPERM ? ENOSYS : err, why, size, "cannot lock %s: %s", path, strerror(err));
}

int device_file_disk(
    const char *path, bool read_only, bool direct, struct volt_value *value, char *why, size_t size)
{
	const int flags = (read_only ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0);
	const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == EINVAL && direct)
		return refuse(EINVAL, why, size, "the file system of %s has no O_DIRECT", path);
	if (fd < 0)
		return refuse(errno, why, size, "cannot open %s: %s%s", path, strerror(errno),
		    open_files_hint(errno));
	int err = measure(fd, path, &value->u, why, size);
	err = err ? err : lock_all(fd, path, read_only, why, size);
	if (err) {
		close(fd);
		return err;
	}
	value->fd = fd;
	return 0;
}

/* ------------------------------------------------------- inherited descriptors */

static int take_inherited(int fd, char *why, size_t size)
{
	const int flags = fcntl(fd, F_GETFL);

	if (fd < 3 || flags < 0)
		return refuse(EBADF, why, size, "volt did not inherit such a descriptor");
	/* Once only: what it opened is not inherited, and has this flag already. */
	if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
		return refuse(
		    EBUSY, why, size, "volt did not inherit it, or another parameter has it");
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return refuse(errno, why, size, "cannot be set up: %s", strerror(errno));
	return 0;
}

/* ----------------------------------------------------------------------- taps */

static int set_up_tap(int fd, char *why, size_t size)
{
	int header = VNET_HEADER;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header) != 0 || ioctl(fd, TUNSETOFFLOAD, 0ul) != 0)
		return refuse(errno, why, size, "cannot set up the tap: %s", strerror(errno));
	return 0;
}

static const char *tap_why(int err, bool several)
{
	if (err == EBUSY)
		return "the interface is in use";
	if (err == EPERM)
		return "the interface is another user's";
	if (err == E2BIG)
		return "the interface has fewer queues";
	if (err != EINVAL)
		return strerror(err);
	return several ? "the interface is not a tap with several queues; ip tuntap add ... "
			 "multi_queue makes one"
		       : "the interface is not a tap with one queue; one with several needs "
			 "queues=2 or more";
}

static int open_tap(const char *name, bool several, int *fd, char *why, size_t size)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	char path[64];

	if (several)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (strlen(name) >= sizeof(request.ifr_name) || strchr(name, '/'))
		return refuse(EINVAL, why, size, "is not the name of an interface");
	/* Else the kernel would make one, if it may, of which nobody knows. */
	snprintf(path, sizeof(path), "/sys/class/net/%s", name);
	if (access(path, F_OK) != 0)
		return refuse(ENODEV, why, size,
		    "there is no such interface; ip tuntap add dev %s mode tap user $USER", name);
	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return refuse(errno, why, size, "cannot open /dev/net/tun: %s", strerror(errno));
	memcpy(request.ifr_name, name, strlen(name) + 1);
	if (ioctl(*fd, TUNSETIFF, &request) == 0)
		return 0;
	int err = errno;

	close(*fd);
	return refuse(err, why, size, "%s", tap_why(err, several));
}

static bool is_tap(int fd)
{
	struct ifreq request = {0};

	return ioctl(fd, TUNGETIFF, &request) == 0 && request.ifr_flags & IFF_TAP &&
	       request.ifr_flags & IFF_VNET_HDR && request.ifr_flags & IFF_NO_PI;
}

static int check_tap(int fd, char *why, size_t size)
{
	if (!is_tap(fd))
		return refuse(EINVAL, why, size, "is not a tap with IFF_NO_PI and IFF_VNET_HDR");
	return set_up_tap(fd, why, size);
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

/* Numbers one after the other, as fds[0] + i; the lowest free ones mostly are. */
static int line_up(int *fds, unsigned count, char *why, size_t size)
{
	int base = fds[0];

	for (unsigned i = 0; i < count; i++) {
		if (fds[i] == base + (int)i)
			continue;
		const int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, base + (int)i);

		if (fd < 0)
			return refuse(
			    errno, why, size, "%s%s", strerror(errno), open_files_hint(errno));
		close(fds[i]);
		fds[i] = fd;
		if (fd == base + (int)i)
			continue;
		base = fd - (int)i; /* there is no room: all once more, further up */
		i = UINT_MAX;
	}
	return 0;
}

static int open_queues(
    const char *name, unsigned queues, struct volt_value *value, char *why, size_t size)
{
	int fds[PARAMS_QUEUES_MAX] = {0}, err = 0;
	unsigned n = 0;

	for (; !err && n < queues; n += !err)
		err = open_tap(name, queues > 1, &fds[n], why, size);
	for (unsigned i = 0; !err && i < queues; i++)
		err = check_tap(fds[i], why, size);
	err = err ? err : line_up(fds, queues, why, size);
	if (err) {
		close_all(fds, n);
		return err;
	}
	value->fd = fds[0];
	value->u = queues;
	return 0;
}

/* "fd:N-M". 0: it is not such a text, or there are too many. */
static unsigned count_inherited(const char *text, int first)
{
	const char *last = strchr(text, '-');
	uint64_t n;

	if (!last)
		return 1;
	if (parse_uint(last + 1, &n) != 0 || n < (uint64_t)first ||
	    n - (uint64_t)first >= PARAMS_QUEUES_MAX)
		return 0;
	return (unsigned)(n - (uint64_t)first) + 1;
}

static int take_queues(
    const char *text, int first, unsigned queues, struct volt_value *value, char *why, size_t size)
{
	const unsigned count = count_inherited(text, first);
	int err = 0;

	if (count == 0)
		return refuse(EINVAL, why, size,
		    "must be fd:N-M, with the first number and the last one, which is at most %u "
		    "larger",
		    PARAMS_QUEUES_MAX - 1);
	if (count != queues)
		return refuse(
		    EINVAL, why, size, "these are %u queues, and queues is %u", count, queues);
	for (unsigned i = 0; !err && i < count; i++)
		err = take_inherited(first + (int)i, why, size);
	for (unsigned i = 0; !err && i < count; i++)
		err = check_tap(first + (int)i, why, size);
	if (err)
		return err; /* volt ends; it does not close what it did not open */
	value->fd = first;
	value->u = count;
	return 0;
}

int device_file_tap(
    const char *text, unsigned queues, struct volt_value *value, char *why, size_t size)
{
	char first[16] = "";
	const size_t n = strcspn(text, "-");

	if (strncmp(text, "fd:", 3) == 0 && n < sizeof(first))
		memcpy(first, text, n);
	const int fd = device_file_number(first);

	return fd >= 0 ? take_queues(text, fd, queues, value, why, size)
		       : open_queues(text, queues, value, why, size);
}

/* -------------------------------------------------------------------- sockets */

static int connect_to(const char *path, int *fd, char *why, size_t size)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(to.sun_path))
		return refuse(ENAMETOOLONG, why, size, "the path is too long");
	memcpy(to.sun_path, path, strlen(path) + 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		/* No file's owner refuses it: as if the host had no sockets. */
		return refuse(errno == EPERM ? ENOSYS : errno, why, size,
		    "cannot make a socket: %s%s", strerror(errno), open_files_hint(errno));
	if (connect(*fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	int err = errno;

	close(*fd);
	return refuse(err, why, size, "cannot connect to %s: %s%s", path, strerror(err),
	    open_files_hint(err));
}

static int check_socket(int fd, char *why, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0)
		return 0;
	if (errno == ENOTSOCK)
		return refuse(ENOTSOCK, why, size, "is not a socket");
	if (errno == ENOTCONN)
		return refuse(ENOTCONN, why, size, "the socket is not connected");
	return refuse(errno == EPERM ? ENOSYS : errno, why, size,
	    "cannot read the socket's peer: %s", strerror(errno));
}

int device_file_socket(const char *text, struct volt_value *value, char *why, size_t size)
{
	int fd = device_file_number(text), err;

	if (fd >= 0)
		err = take_inherited(fd, why, size);
	else if (strncmp(text, "unix:", 5) == 0 && text[5] != '\0')
		err = connect_to(text + 5, &fd, why, size);
	else
		err = refuse(EINVAL, why, size, "must be unix: and a path, or fd: and a number");
	if (err)
		return err;
	err = check_socket(fd, why, size);
	if (err)
		close(fd);
	else
		value->fd = fd;
	return err;
}
