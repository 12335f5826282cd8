/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/runtime_dir.h"
#include "core/config.h"
#include "core/event/end_record.h"
#include "core/vm/log_prefix.h"

#define LOG_LIMIT  (1u << 20) /* of the copy: the folder may lie in memory */
#define ENTRY_SIZE 16384u
#define PATH_SIZE  (RUNTIME_DIR_BYTES + VM_NAME_MAX + 16)
#define TRIES      50 /* while a waiting client holds the lock for a moment */
#define TRY_MS     10

static struct {
	char dir[RUNTIME_DIR_BYTES]; /* "": the path is too long */
	char entry[PATH_SIZE], socket[PATH_SIZE], console[PATH_SIZE], log[PATH_SIZE];
	char spec[2 * PATH_SIZE + 64];
	bool named;
	char *runtime_dir;
	int lock_fd; /* byte 1, read-only */
} registry = {.lock_fd = -1};

void registry_locate(void)
{
	const char *set = getenv("XDG_RUNTIME_DIR");

	registry.runtime_dir = set ? strdup(set) : NULL;
	if (runtime_dir_locate(registry.dir))
		registry.dir[0] = '\0';
}

const char *registry_runtime_dir(void)
{
	return registry.runtime_dir;
}

void registry_declare(struct ledger *l)
{
	int record[END_RECORD_FILES];

	ledger_file(l, registry.lock_fd, "core", "holds the VM's name");
	end_record_list_fds(record);
	for (int i = 0; i < END_RECORD_FILES; i++)
		ledger_file(l, record[i], "core", "record of the end");
}

const char *registry_plugin_spec(void)
{
	return registry.spec[0] ? registry.spec : NULL;
}

const char *registry_console_path(void)
{
	return registry.named ? registry.console : NULL;
}

/* ------------------------------------------------------------------ the folder */

/* Its own alone: a socket in it commands the VM. */
static int check_folder(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return log_host_error(errno, "%s: cannot examine it: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return log_host_error(EPERM,
		    "%s: cannot register VMs there: it is not a directory of this user", path);
	if (st.st_mode & 022)
		return log_host_error(EPERM,
		    "%s: cannot register VMs there: others may write to it; chmod 700 %s", path,
		    path);
	return 0;
}

static int make_folder(void)
{
	if (registry.dir[0] == '\0')
		return log_host_error(
		    ENAMETOOLONG, "--name: cannot use XDG_RUNTIME_DIR: the path is too long");
	if (mkdir(registry.dir, 0700) != 0 && errno != EEXIST)
		return log_host_error(errno,
		    "%s: cannot make the directory of named VMs: %s; set XDG_RUNTIME_DIR",
		    registry.dir, strerror(errno));
	return check_folder(registry.dir);
}

static void set_paths(const char *name)
{
	snprintf(registry.entry, PATH_SIZE, "%s/%s.vm", registry.dir, name);
	snprintf(registry.socket, PATH_SIZE, "%s/%s.sock", registry.dir, name);
	snprintf(registry.console, PATH_SIZE, "%s/%s.console", registry.dir, name);
	snprintf(registry.log, PATH_SIZE, "%s/%s.log", registry.dir, name);
}

/* A comma in a value of a parameter is typed twice. */
static void make_spec(void)
{
	char *to = registry.spec;

	if (VOLT_CONTROL_PLUGIN[0] == '\0')
		return;
	to += sprintf(to, "%s,socket=unix:", VOLT_CONTROL_PLUGIN);
	for (const char *from = registry.socket; *from; from++) {
		if (*from == ',')
			*to++ = ',';
		*to++ = *from;
	}
	*to = '\0';
}

/* ------------------------------------------------------------------- the locks */

static struct flock lock_of(short type, off_t start, off_t len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static pid_t entry_pid(int fd)
{
	char text[ENTRY_SIZE];
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	const char *found = strstr(text, "\"pid\":");
	return found ? (pid_t)strtol(found + 6, NULL, 10) : 0;
}

/* A client that waits for the end of the VM before this one has a read lock for a moment. */
static int lock_entry(int fd, const char *name)
{
	for (int i = 0; i < TRIES; i++) {
		struct flock whole = lock_of(F_WRLCK, 0, 2), held = whole;

		if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return log_host_error(
			    errno, "%s: cannot lock it: %s", registry.entry, strerror(errno));
		held.l_len = 1; /* byte 0 */
		if (fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type == F_WRLCK)
			break;
		poll(NULL, 0, TRY_MS);
	}
	return log_error(EBUSY, "--name %s: a VM of that name is running (process %d)", name,
	    (int)entry_pid(fd));
}

/* The file may have been swept between the two calls. */
static bool is_still_there(int fd)
{
	struct stat own, there;

	return fstat(fd, &own) == 0 && lstat(registry.entry, &there) == 0 &&
	       own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

static int open_entry(const char *name)
{
	for (;;) {
		const int fd = open(registry.entry,
		    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

		if (fd < 0)
			return log_host_error(
			    errno, "%s: cannot make it: %s", registry.entry, strerror(errno));
		const int err = lock_entry(fd, name);
		if (!err && is_still_there(fd))
			return fd;
		close(fd);
		if (err)
			return err;
	}
}

/* volt's own lock lasts if the helper is killed. */
static int take_own_lock(int entry)
{
	struct flock second = lock_of(F_UNLCK, 1, 1);

	fcntl(entry, F_OFD_SETLK, &second);
	registry.lock_fd = open(registry.entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	second.l_type = F_RDLCK;
	if (registry.lock_fd < 0 || fcntl(registry.lock_fd, F_OFD_SETLK, &second) != 0)
		return log_host_error(
		    errno, "%s: cannot lock it: %s", registry.entry, strerror(errno));
	return 0;
}

/* ------------------------------------------------------------------- the entry */

/* NULL stays NULL; what cannot be made absolute stays as it was typed. */
static const char *absolute(const char *path, char whole[PATH_MAX])
{
	return path && realpath(path, whole) ? whole : path;
}

static int write_entry(int fd, const struct options *o)
{
	char bytes[ENTRY_SIZE], kernel[PATH_MAX], log[PATH_MAX];
	struct json_text t = {.bytes = bytes, .room = sizeof(bytes)};

	json_begin(&t);
	json_put_number(&t, "entry", 1);
	json_put_string(&t, "name", o->name);
	json_put_number(&t, "pid", (uint64_t)getpid());
	json_put_number(&t, "started-ms", clock_wall() / 1000000);
	json_put_string(&t, "version", VOLT_VERSION);
	json_put_string(&t, "kernel", absolute(o->kernel, kernel));
	json_put_number(&t, "vcpus", o->cpus);
	json_put_number(&t, "memory", o->memory);
	json_put_string(&t, "socket", registry.spec[0] ? registry.socket : NULL);
	json_put_string(&t, "console", registry.console);
	json_put_string(&t, "log", o->log_file ? absolute(o->log_file, log) : registry.log);
	json_put_string(&t, "cmdline", o->cmdline);
	json_put_string(&t, "append", o->append);
	const size_t n = json_end(&t);
	if (ftruncate(fd, 0) != 0 || write(fd, bytes, n) != (ssize_t)n)
		return log_host_error(
		    errno, "%s: cannot write it: %s", registry.entry, strerror(errno));
	return 0;
}

static int open_log_copy(void)
{
	const int fd = open(registry.log,
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return log_host_error(
		    errno, "%s: cannot make it: %s", registry.log, strerror(errno));
	log_set_copy(fd, LOG_LIMIT);
	return 0;
}

static void set_title(const char *name)
{
	char title[16];

	snprintf(title, sizeof(title), "volt:%s", name);
	prctl(PR_SET_NAME, title);
}

/* volt explain registers nothing, but shows as many files as the run would have. */
static int look_only(const struct options *o)
{
	const int log = o->log_file ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (log >= 0)
		log_set_copy(log, LOG_LIMIT);
	registry.lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

static int take_name(const struct options *o)
{
	registry.named = true;
	set_paths(o->name);
	make_spec();
	if (o->explain)
		return look_only(o);
	int err = make_folder();
	if (err)
		return err;
	const int entry = open_entry(o->name);
	if (entry < 0)
		return entry;
	end_record_add_file(entry);
	set_title(o->name);
	err = take_own_lock(entry);
	if (err)
		return err;
	if (!o->log_file)
		err = open_log_copy();
	if (err)
		return err;
	return write_entry(entry, o);
}

static int open_end_file(const char *path)
{
	const int fd =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);

	if (fd < 0)
		return log_error(errno, "--end-file %s: cannot be opened for writing: %s", path,
		    strerror(errno));
	end_record_add_file(fd);
	return 0;
}

static int open_records(const struct options *o)
{
	int err = o->name ? take_name(o) : 0;

	if (err)
		return err;
	if (o->end_file && !o->explain)
		err = open_end_file(o->end_file);
	if (err)
		return err;
	end_record_prepare();
	return 0;
}

int registry_enter(const struct options *o)
{
	const int err = open_records(o);

	log_prefix_begin(o->name, o->log_time);
	return err;
}
