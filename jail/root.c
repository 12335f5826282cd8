/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "jail/path.h"
#include "jail/say.h"

#define KVM_MAJOR 10 /* the kernel's misc devices */

#define CLOSED (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct setting {
	const char *key, *value;
};

int root_detach(void)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) != 0)
		return complain(JAIL_STEP, "cannot make the mounts private: %s", strerror(errno));
	return 0;
}

/* ------------------------------------------------------------------ new mounts */

/* Makes a file system and mounts it at `name` in `dir` (or at `dir` itself if ""). */
static int configure(int fs, const struct setting *settings)
{
	for (; settings->key; settings++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, settings->key, settings->value, 0) != 0)
			return errno;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0 ? errno : 0;
}

static int mount_new(const char *type, const struct setting *settings, unsigned attributes, int dir,
    const char *name, int *fd)
{
	const int fs = fsopen(type, FSOPEN_CLOEXEC);
	int err = fs < 0 ? errno : configure(fs, settings);

	*fd = err ? -1 : fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	if (*fd < 0 && !err)
		err = errno;
	if (fs >= 0)
		close(fs);
	if (*fd >= 0 &&
	    move_mount(*fd, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
		err = errno;
	if (err)
		return complain(JAIL_STEP, "cannot mount a %s at %s inside: %s", type,
		    name[0] != '\0' ? name : "/", strerror(err));
	return 0;
}

static int set_read_only(int fd, const char *name)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) != 0)
		return complain(
		    JAIL_STEP, "cannot make %s inside read-only: %s", name, strerror(errno));
	return 0;
}

static int make_folder(int dir, const char *name)
{
	if (mkdirat(dir, name, 0755) != 0)
		return complain(JAIL_STEP, "cannot make /%s inside: %s", name, strerror(errno));
	return 0;
}

/* -------------------------------------------------------------------- /dev, /proc */

static int make_node(int dev, const char *name, dev_t number, mode_t mode, uid_t uid, gid_t gid)
{
	if (mknodat(dev, name, S_IFCHR | mode, number) != 0)
		return complain(JAIL_HOST,
		    "cannot make /dev/%s inside: %s; it needs CAP_MKNOD and, under systemd, "
		    "DeviceAllow=/dev/%s rwm",
		    name, strerror(errno), name);
	if (fchownat(dev, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
		return complain(
		    JAIL_STEP, "cannot give /dev/%s to user %u: %s", name, uid, strerror(errno));
	return 0;
}

/* A node of our own, as the host's has an owner and mode that shut the jail's user out. */
static int make_dev(struct root *r, const struct options *o)
{
	static const struct setting settings[] = {
	    {"size", "4k"}, {"nr_inodes", "64"}, {"mode", "0755"}, {NULL, NULL}};
	struct stat kvm;

	if (stat("/dev/kvm", &kvm) != 0)
		return complain(JAIL_HOST, "/dev/kvm: %s", strerror(errno));
	if (!S_ISCHR(kvm.st_mode) || major(kvm.st_rdev) != KVM_MAJOR)
		return complain(JAIL_HOST, "/dev/kvm: is not KVM's device");
	int code = make_folder(r->fd, "dev");
	if (code == 0)
		code = mount_new("tmpfs", settings, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, r->fd,
		    "dev", &r->dev_fd);
	if (code == 0)
		code = make_node(r->dev_fd, "kvm", kvm.st_rdev, 0600, o->uid, o->gid);
	if (code == 0)
		code = make_node(r->dev_fd, "null", makedev(1, 3), 0666, 0, 0);
	return code;
}

/* Only /proc/PID and only of those whom one may trace: volt itself. */
static int make_proc(const struct root *r)
{
	static const struct setting settings[] = {
	    {"hidepid", "invisible"}, {"subset", "pid"}, {NULL, NULL}};
	int fd = -1, code = make_folder(r->fd, "proc");

	if (code == 0)
		code = mount_new("proc", settings, CLOSED | MOUNT_ATTR_RDONLY, r->fd, "proc", &fd);
	if (fd >= 0)
		close(fd);
	return code;
}

/* ------------------------------------------------------------------------ entries */

/* Only in our own file systems is anything made: in a folder that was bound it would be made
 * on the host, by root. */
static bool is_ours(const struct root *r, int dir)
{
	struct stat here, root, dev;

	return fstat(dir, &here) == 0 && fstat(r->fd, &root) == 0 && fstat(r->dev_fd, &dev) == 0 &&
	       (here.st_dev == root.st_dev || here.st_dev == dev.st_dev);
}

/* Opens `name` in `*dir`, made if need be, and moves `*dir` there. */
static int step(const struct root *r, int *dir, const char *name, bool folder)
{
	int fd = openat(*dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (folder ? O_DIRECTORY : 0));

	if (fd < 0 && errno == ENOENT) {
		if (!is_ours(r, *dir))
			return -EROFS;
		if ((folder ? mkdirat(*dir, name, 0755) : mknodat(*dir, name, S_IFREG, 0)) != 0)
			return -errno;
		fd = openat(*dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	close(*dir);
	*dir = fd;
	return 0;
}

/* The fd of `path`, each part of which is made if it is not there, or -errno. */
static int make_place(const struct root *r, const char *path, bool folder)
{
	char copy[PATH_MAX], *rest = copy;
	int dir = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);

	if (dir < 0)
		return -errno;
	snprintf(copy, sizeof(copy), "%s", path);
	for (const char *name; (name = strsep(&rest, "/"));) {
		const int err = name[0] != '\0' ? step(r, &dir, name, rest || folder) : 0;

		if (err) {
			close(dir);
			return err;
		}
	}
	return dir;
}

static int move_to(int place, int tree)
{
	return move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
		       0
		   ? errno
		   : 0;
}

static int attach(const struct root *r, struct entry *e)
{
	int place = make_place(r, e->guest, e->folder);

	if (place == -EROFS)
		return complain(e->code,
		    "%s %s: %s lies in a folder of the host and is not there: make it first",
		    e->what, e->host, e->guest);
	const int err = place < 0 ? -place : move_to(place, e->tree);
	if (place >= 0)
		close(place);
	close(e->tree);
	e->tree = -1;
	if (err)
		return complain(e->code, "%s %s: cannot be mounted at %s inside: %s", e->what,
		    e->host, e->guest, strerror(err));
	return 0;
}

static int open_base(const struct options *o, int *fd)
{
	char path[PATH_MAX];
	const char *base = o->base ? o->base : "/";
	int err = path_normalise(base, path, sizeof(path));

	if (err)
		return complain(JAIL_INPUT, "--chroot-base %s: %s", base, strerror(-err));
	*fd = path_open(path, O_PATH | O_DIRECTORY, 0);
	return *fd < 0 ? path_complain(JAIL_INPUT, "--chroot-base", base) : 0;
}

int root_build(struct root *r, const struct options *o, struct entries *es, const char *cwd)
{
	static const struct setting settings[] = {
	    {"size", "64k"}, {"nr_inodes", "4096"}, {"mode", "0755"}, {NULL, NULL}};
	int base = -1, code = open_base(o, &base);

	if (code != 0)
		return code;
	mode_t mask = umask(0);
	code = mount_new("tmpfs", settings, CLOSED, base, "", &r->fd);
	close(base);
	if (code == 0)
		code = make_dev(r, o);
	if (code == 0)
		code = make_proc(r);
	for (uint32_t i = 0; code == 0 && i < es->count; i++)
		code = attach(r, &es->list[i]);
	/* Where relative names start; if it cannot be made, none was used. */
	int place = code == 0 ? make_place(r, cwd, true) : -1;
	if (place >= 0)
		close(place);
	umask(mask);
	if (code == 0)
		code = set_read_only(r->dev_fd, "/dev");
	return code != 0 ? code : set_read_only(r->fd, "/");
}

int root_enter(struct root *r, const char *cwd)
{
	/* The old root lands on top of the new one, and is taken off there. */
	if (fchdir(r->fd) != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
		return complain(JAIL_STEP, "cannot change the root: %s%s", strerror(errno),
		    errno == EINVAL ? " (an initramfs as root cannot be left)" : "");
	if (umount2(".", MNT_DETACH) != 0)
		return complain(JAIL_STEP, "cannot unmount the old root: %s", strerror(errno));
	close(r->fd);
	close(r->dev_fd);
	if (chdir("/") != 0)
		return complain(JAIL_STEP, "cannot go to the new root: %s", strerror(errno));
	int there = chdir(cwd); /* it is, if a relative name was used */
	return there == 0 || chdir("/") == 0 ? 0 : JAIL_STEP;
}
