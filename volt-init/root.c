/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cmdline.h"
#include "parts.h"
#include "small.h"
#include "text.h"
#include "volume.h"

enum {
	NAME_SIZE = 256,
	WAIT_MS = 10000, /* for a device that is not there yet */
	TELL_MS = 1000,
	TICK_NS = 10000000,
	ARGS_MAX = 64,
	RAMFS = 0x858458f6, /* include/uapi/linux/magic.h */
	TMPFS = 0x01021994,
};

static const char sysroot[] = "/sysroot", devices[] = "/sys/class/block";
static const char share_key[] = "volt.share", host_tag[] = "TAG=", host_type[] = "virtiofs";

struct root {
	const char *key, *target;
	char name[NAME_SIZE]; /* the value of key= */
	char device[NAME_SIZE];
	char types[NAME_SIZE]; /* that are tried; a list with commas */
	char flags[NAME_SIZE];
	bool writable;
};

/* ----------------------------------------------------------------- the device */

static bool is_device(const char *name)
{
	return name[0] != '.';
}

/* The disk that a partition lies on: .../block/vda/vda1 is where its link leads. */
static bool find_disk(const char *name, char *disk, size_t size)
{
	char path[NAME_SIZE], target[1024];

	text_format(path, sizeof(path), "%s/%s", devices, name);
	const ssize_t len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	char *last = strrchr(target, '/');
	if (!last)
		return false;
	*last = '\0';
	char *parent = strrchr(target, '/');
	return parent && text_format(disk, size, "/dev/%s", parent + 1) < size - 1;
}

static bool has_partition_uuid(const char *name, const char *wanted)
{
	char path[NAME_SIZE], text[32], uuid[VOLUME_UUID];
	unsigned long number = 0;

	text_format(path, sizeof(path), "%s/%s/partition", devices, name);
	if (read_file(path, text, sizeof(text)) <= 0)
		return false;
	scan_number(text, 10, &number);
	if (!find_disk(name, path, sizeof(path)))
		return false;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const bool found = volume_read_partition(fd, (unsigned)number, uuid);
	close(fd);
	return found && !strcasecmp(uuid, wanted);
}

static bool read_volume(const char *device, struct volume *v)
{
	const int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	const bool found = volume_read(fd, v);
	close(fd);
	return found;
}

static bool has_uuid(const char *name, const char *wanted)
{
	char path[NAME_SIZE];
	struct volume v;

	text_format(path, sizeof(path), "/dev/%s", name);
	return read_volume(path, &v) && volume_has_uuid(&v, wanted);
}

static bool has_label(const char *name, const char *wanted)
{
	char path[NAME_SIZE];
	struct volume v;

	text_format(path, sizeof(path), "/dev/%s", name);
	return read_volume(path, &v) && volume_has_label(&v, wanted);
}

static const struct tag {
	const char *name;
	bool (*fits)(const char *device, const char *value);
} tags[] = {
    {"PARTUUID=", has_partition_uuid},
    {"UUID=", has_uuid},
    {"LABEL=", has_label},
};

static const struct tag *find_tag(const char *name)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!strncmp(name, tags[i].name, strlen(tags[i].name)))
			return &tags[i];
	}
	return NULL;
}

/* The names are never freed, so they are read again only when a device has come. */
static bool find_device(struct root *r, const struct tag *tag)
{
	const char *value = r->name + (tag ? strlen(tag->name) : 0);
	struct dirent *entry;
	bool found = false;

	if (!tag) {
		struct stat st;

		text_format(r->device, sizeof(r->device), "%s", r->name);
		return !stat(r->device, &st) && S_ISBLK(st.st_mode);
	}
	DIR *folder = opendir(devices);
	while (folder && !found && (entry = readdir(folder))) {
		found = is_device(entry->d_name) && tag->fits(entry->d_name, value);
		if (found)
			text_format(r->device, sizeof(r->device), "/dev/%s", entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void list_devices(void)
{
	char **names;
	const int count = names_read(devices, is_device, strcmp, &names);

	if (count <= 0) {
		complain("there is no block device; are the modules of its driver in "
			 "the initramfs?");
		return;
	}
	for (int i = 0; i < count; i++)
		print("%s%s%s", i ? " " : "volt-init: block devices: ", names[i],
		    i + 1 < count ? "" : "\n");
}

static bool wait_for_device(struct root *r)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	const struct tag *tag = find_tag(r->name);
	const unsigned long begun = uptime_ms();
	bool told = false;

	if (!tag && r->name[0] != '/') {
		complain("%s=%s: cannot be used: give /dev/NAME, PARTUUID=, LABEL= or UUID=",
		    r->key, r->name);
		return false;
	}
	while (!find_device(r, tag)) {
		const unsigned long waited = uptime_ms() - begun;
		if (waited > WAIT_MS) {
			complain(
			    "%s=%s: no such device after %d s", r->key, r->name, WAIT_MS / 1000);
			list_devices();
			return false;
		}
		if (waited > TELL_MS && !told)
			complain("%s=%s: waiting for the device", r->key, r->name);
		told |= waited > TELL_MS;
		nanosleep(&tick, NULL);
	}
	return true;
}

/* -------------------------------------------------------------- the file system */

static bool find_types(struct root *r)
{
	struct volume v;

	if (r->types[0])
		return true;
	if (!read_volume(r->device, &v)) {
		complain("%s: cannot find a file system: ext4, xfs, btrfs, erofs and squashfs "
			 "are known; rootfstype= names another",
		    r->device);
		return false;
	}
	text_format(r->types, sizeof(r->types), "%s", v.type);
	return true;
}

static bool mount_type(const struct root *r, const char *type, int *error)
{
	const unsigned long flags = r->writable ? 0 : MS_RDONLY;

	modules_load_for(type);
	if (!mount(r->device, r->target, type, flags, r->flags))
		return true;
	*error = errno;
	return false;
}

static bool mount_device(const struct root *r)
{
	const char *list = r->types;
	char type[NAME_SIZE];
	int error = EINVAL;

	mkdir(r->target, 0755);
	while (cmdline_next_item(&list, type, sizeof(type))) {
		if (mount_type(r, type, &error))
			return true;
	}
	complain("%s: cannot mount it as %s: %s%s", r->device, r->types, strerror(error),
	    error == ENODEV ? "; the kernel has no such file system, nor the initramfs its module"
	    : error == EACCES || error == EROFS ? "; the disk is read-only, so give ro"
						: "");
	return false;
}

static bool find_and_mount(struct root *r)
{
	return wait_for_device(r) && find_types(r) && mount_device(r);
}

/* ---------------------------------------------------------------- the new root */

/* The initramfs is memory, which nobody can reach any more. */
static void remove_below(const char *path, dev_t device)
{
	struct dirent *entry;
	char below[1024];
	struct stat st;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (text_format(below, sizeof(below), "%s/%s", path, entry->d_name) >=
			sizeof(below) - 1 ||
		    lstat(below, &st) || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode)) {
			remove_below(below, device);
			rmdir(below);
		} else {
			unlink(below);
		}
	}
	if (dir)
		closedir(dir);
}

static void move_mounts(void)
{
	static const char *const targets[] = {"/dev", "/proc", "/sys", "/run"};
	char path[64];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		text_format(path, sizeof(path), "%s%s", sysroot, targets[i]);
		if (mount(targets[i], path, NULL, MS_MOVE, NULL))
			umount2(targets[i], MNT_DETACH);
	}
	umount2("/tmp", MNT_DETACH);
}

static bool enter(void)
{
	struct stat st;

	if (stat("/", &st) || chdir(sysroot)) {
		complain("%s: cannot be entered: %s", sysroot, strerror(errno));
		return false;
	}
	move_mounts();
	remove_below("", st.st_dev);
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
		complain("%s: cannot become the root: %s", sysroot, strerror(errno));
		return false;
	}
	return true;
}

static bool is_initramfs(void)
{
	struct statfs fs;

	return !statfs("/", &fs) &&
	       ((unsigned long)fs.f_type == RAMFS || (unsigned long)fs.f_type == TMPFS);
}

/* While the initramfs has its modules. */
static void load_for_shares(const char *cmdline)
{
	char value[NAME_SIZE];

	while (cmdline_next(&cmdline, share_key, value, sizeof(value)))
		if (!strncmp(value, host_tag, sizeof(host_tag) - 1))
			modules_load_for(host_type);
}

enum root_result root_switch(const char *cmdline)
{
	static struct root r = {.key = "root", .target = sysroot};

	if (!cmdline_get(cmdline, "root", r.name, sizeof(r.name)) || !is_initramfs())
		return ROOT_NONE;
	cmdline_get(cmdline, "rootfstype", r.types, sizeof(r.types));
	cmdline_get(cmdline, "rootflags", r.flags, sizeof(r.flags));
	r.writable = cmdline_is_last(cmdline, "rw", "ro");
	load_for_shares(cmdline);
	if (!find_and_mount(&r) || !enter())
		return ROOT_FAILED;
	print("volt-init: root is %s, %s, %s\n", r.device, r.types, r.writable ? "rw" : "ro");
	return ROOT_READY;
}

static bool mount_share(struct root *r, const char *list)
{
	static char target[NAME_SIZE], mode[8];

	cmdline_next_item(&list, r->name, sizeof(r->name));
	cmdline_next_item(&list, target, sizeof(target));
	r->writable = cmdline_next_item(&list, mode, sizeof(mode)) && !strcmp(mode, "rw");
	r->target = target;
	r->types[0] = '\0';
	if (strncmp(r->name, host_tag, sizeof(host_tag) - 1))
		return find_and_mount(r);
	text_format(r->device, sizeof(r->device), "%s", r->name + sizeof(host_tag) - 1);
	text_format(r->types, sizeof(r->types), "%s", host_type);
	return mount_device(r);
}

bool root_mount_shares(const char *cmdline)
{
	static struct root r = {.key = share_key};
	static char value[NAME_SIZE];
	bool all = true;

	while (cmdline_next(&cmdline, share_key, value, sizeof(value)))
		all &= mount_share(&r, value);
	return all;
}

void root_run_init(const char *cmdline, char **args)
{
	static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	static char named[NAME_SIZE];
	const char *argv[ARGS_MAX];
	const bool is_named = cmdline_get(cmdline, "init", named, sizeof(named));
	const size_t count = is_named ? 1 : sizeof(usual) / sizeof(usual[0]);
	sigset_t none, old;

	for (int i = 1; i < ARGS_MAX; i++)
		argv[i] = args && *args && i < ARGS_MAX - 1 ? *args++ : NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, &old);
	reboot(RB_ENABLE_CAD); /* as the kernel hands it to a first process */
	for (size_t i = 0; i < count; i++) {
		argv[0] = is_named ? named : usual[i];
		execv(argv[0], (char *const *)argv);
		if (is_named || errno != ENOENT)
			complain("%s: cannot run it as init: %s", argv[0], strerror(errno));
	}
	if (!is_named)
		complain("the root has no init: neither /sbin/init nor /bin/sh; init= names one");
	reboot(RB_DISABLE_CAD);
	sigprocmask(SIG_SETMASK, &old, NULL);
}
