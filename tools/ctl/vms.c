/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/ctl/vms.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX     ".vm"
#define ENTRY_SIZE (64u << 10) /* volt writes at most a third of it */
#define ENDED_MAX  100         /* that are kept */
#define PATH_SIZE  (RUNTIME_DIR_BYTES + VM_NAME_MAX + 16)

enum { BYTE_HELPER, BYTE_VOLT };

/* ------------------------------------------------------------------- the locks */

static struct flock lock_of(short type, off_t start, off_t len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

/* A waiting client's read lock on the helper's byte is nobody's life. */
static bool is_held(int fd, off_t byte, short by)
{
	struct flock l = lock_of(F_WRLCK, byte, 1);

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type == by;
}

static enum vm_life look(int fd)
{
	/* Before the seal volt has one lock on both bytes. */
	if (is_held(fd, BYTE_VOLT, F_RDLCK) || is_held(fd, BYTE_VOLT, F_WRLCK))
		return VM_ALIVE;
	return is_held(fd, BYTE_HELPER, F_WRLCK) ? VM_ENDING : VM_ENDED;
}

static int open_path(const struct vm *v, const char *suffix, int flags)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s%s", v->dir, v->name, suffix);
	const int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void remove_path(const struct vm *v, const char *suffix)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s%s", v->dir, v->name, suffix);
	unlink(path);
}

/* ----------------------------------------------------------------- the entries */

static struct json_object *parse_line(const char *line)
{
	struct json_object *o = json_tokener_parse(line);

	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	return NULL;
}

/* The first line, and the last one if there are two. 0 or -EPROTO. */
static int read_lines(struct vm *v, int fd)
{
	char *bytes = malloc(ENTRY_SIZE);
	const ssize_t n = bytes ? pread(fd, bytes, ENTRY_SIZE - 1, 0) : -1;

	vm_close(v);
	if (n > 0) {
		bytes[n] = '\0';
		char *rest = NULL, *line = strtok_r(bytes, "\n", &rest);

		v->entry = line ? parse_line(line) : NULL;
		while ((line = strtok_r(NULL, "\n", &rest))) {
			json_object_put(v->end);
			v->end = parse_line(line);
		}
	}
	free(bytes);
	return v->entry ? 0 : -EPROTO;
}

static void record_loss(int fd)
{
	static const char text[] = "volt and its helper were killed at once, or the host went down";
	struct timespec now;
	char line[256];

	clock_gettime(CLOCK_REALTIME, &now);
	const int n = snprintf(line, sizeof(line),
	    "{\"ended-ms\":%llu,\"code\":137,\"cause\":\"lost\",\"text\":\"%s\"}\n",
	    (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000,
	    text);
	if (write(fd, line, (size_t)n) != n)
		return; /* the next one who looks tries again */
}

/* Its processes were killed: nobody else will record that, or remove their sockets. */
static void sweep_lost(struct vm *v)
{
	struct flock whole = lock_of(F_WRLCK, 0, 2);
	const int fd = open_path(v, SUFFIX, O_RDWR | O_APPEND);

	if (fd < 0)
		return;
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0 && !read_lines(v, fd) && !v->end) {
		record_loss(fd);
		remove_path(v, ".sock");
		remove_path(v, ".console");
		read_lines(v, fd);
	}
	close(fd);
}

static int read_entry(struct vm *v)
{
	const int fd = open_path(v, SUFFIX, O_RDONLY);

	if (fd < 0)
		return fd;
	/* In this order: an end that comes between the two is found by the next look. */
	v->life = look(fd);
	const int err = read_lines(v, fd);
	close(fd);
	if (!err && v->life == VM_ENDED && !v->end)
		sweep_lost(v);
	/* volt has the name, and has not written yet. */
	if (err && v->life != VM_ENDED)
		v->entry = json_object_new_object();
	return v->entry ? 0 : err;
}

static int list_dirs(char dirs[2][RUNTIME_DIR_BYTES])
{
	int count = 0;

	if (!runtime_dir_locate(dirs[0]))
		count++;
	if (count == 0 || strcmp(dirs[0], RUNTIME_DIR_ROOT) != 0)
		snprintf(dirs[count++], RUNTIME_DIR_BYTES, "%s", RUNTIME_DIR_ROOT);
	return count;
}

int vm_open(struct vm *v, const char *name)
{
	char dirs[2][RUNTIME_DIR_BYTES];
	const int count = list_dirs(dirs);
	int err = -ENOENT;

	*v = (struct vm){0};
	if (!vm_name_valid(name))
		return -ENOENT;
	snprintf(v->name, sizeof(v->name), "%s", name);
	for (int i = 0; i < count && err; i++) {
		memcpy(v->dir, dirs[i], sizeof(v->dir));
		const int found = read_entry(v);
		if (found != -ENOENT && (found != -EACCES || err == -ENOENT))
			err = found;
	}
	return err;
}

void vm_close(struct vm *v)
{
	json_object_put(v->entry);
	json_object_put(v->end);
	v->entry = v->end = NULL;
}

/* -------------------------------------------------------------------- the list */

static bool take_name(struct vm *v, const char *file)
{
	const size_t n = strlen(file);

	if (n <= strlen(SUFFIX) || n - strlen(SUFFIX) > VM_NAME_MAX ||
	    strcmp(file + n - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	snprintf(v->name, sizeof(v->name), "%.*s", (int)(n - strlen(SUFFIX)), file);
	return vm_name_valid(v->name);
}

static int append(struct vm **list, int count, const struct vm *v)
{
	struct vm *grown = realloc(*list, ((size_t)count + 1) * sizeof(*v));

	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[count] = *v;
	return count + 1;
}

static int list_dir(const char *dir, struct vm **list, int count)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && count >= 0 && (e = readdir(d))) {
		struct vm v = {0};

		memcpy(v.dir, dir, sizeof(v.dir));
		if (!take_name(&v, e->d_name) || read_entry(&v))
			continue;
		const int now = append(list, count, &v);
		if (now < 0) {
			vm_close(&v);
			vms_free(*list, count);
			*list = NULL;
		}
		count = now;
	}
	if (d)
		closedir(d);
	return count;
}

static int by_name(const void *left, const void *right)
{
	return strverscmp(((const struct vm *)left)->name, ((const struct vm *)right)->name);
}

static uint64_t ended_ms(const struct vm *v)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(v->end, "ended-ms", &o);
	return o ? (uint64_t)json_object_get_int64(o) : 0;
}

/* The running ones last, then the oldest. */
static int by_end(const void *left, const void *right)
{
	const struct vm *a = left, *b = right;

	if ((a->life == VM_ENDED) != (b->life == VM_ENDED))
		return a->life == VM_ENDED ? -1 : 1;
	return (ended_ms(a) > ended_ms(b)) - (ended_ms(a) < ended_ms(b));
}

/* With the lock, so that no VM that takes the name at this moment loses its entry. */
static bool remove_ended(const struct vm *v)
{
	struct flock whole = lock_of(F_WRLCK, 0, 2);
	const int fd = open_path(v, SUFFIX, O_RDWR);

	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	remove_path(v, ".log");
	remove_path(v, SUFFIX);
	close(fd);
	return true;
}

static int sweep_old(struct vm *list, int count)
{
	int ended = 0, removed = 0;

	for (int i = 0; i < count; i++)
		ended += list[i].life == VM_ENDED;
	if (ended <= ENDED_MAX)
		return count;
	qsort(list, (size_t)count, sizeof(*list), by_end);
	while (removed < ended - ENDED_MAX && remove_ended(&list[removed]))
		vm_close(&list[removed++]);
	memmove(list, list + removed, (size_t)(count - removed) * sizeof(*list));
	return count - removed;
}

int vms_list(struct vm **list)
{
	char dirs[2][RUNTIME_DIR_BYTES];
	const int dir_count = list_dirs(dirs);
	int count = 0;

	*list = NULL;
	for (int i = 0; i < dir_count && count >= 0; i++)
		count = list_dir(dirs[i], list, count);
	if (count <= 0)
		return count;
	count = sweep_old(*list, count);
	qsort(*list, (size_t)count, sizeof(**list), by_name);
	return count;
}

void vms_free(struct vm *list, int count)
{
	for (int i = 0; i < count; i++)
		vm_close(&list[i]);
	free(list);
}

/* -------------------------------------------------------------------- one of them */

const char *vm_text(const struct vm *v, const char *member)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(v->entry, member, &o);
	return o ? json_object_get_string(o) : "";
}

uint64_t vm_number(const struct vm *v, const char *member)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(v->entry, member, &o);
	return o ? json_object_get_uint64(o) : 0;
}

enum vm_life vm_look(const struct vm *v)
{
	const int fd = open_path(v, SUFFIX, O_RDONLY);

	if (fd < 0)
		return VM_ENDED;
	const enum vm_life life = look(fd);
	close(fd);
	return life;
}

/* Waits for both locks, so that it notices the end if one process was killed. */
static int wait_for_locks(int fd)
{
	struct flock helper = lock_of(F_RDLCK, BYTE_HELPER, 1);
	struct flock own = lock_of(F_WRLCK, BYTE_VOLT, 1);

	while (fcntl(fd, F_OFD_SETLKW, &helper) != 0)
		if (errno != EINTR)
			return -errno;
	while (fcntl(fd, F_OFD_SETLKW, &own) != 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int vm_wait(struct vm *v)
{
	const int fd = open_path(v, SUFFIX, O_RDWR);

	if (fd < 0)
		return fd;
	int err = wait_for_locks(fd);
	close(fd);
	if (err)
		return err;
	err = read_entry(v);
	return err ? err : v->end ? 0 : -EPROTO;
}

int vm_read_end(struct vm *v)
{
	const int err = read_entry(v);

	if (err)
		return err;
	return v->life == VM_ENDED && v->end ? 0 : -EAGAIN;
}

static int send_signal(int process, int number)
{
	return syscall(SYS_pidfd_send_signal, process, number, NULL, 0) != 0 ? -errno : 0;
}

int vm_signal(const struct vm *v, int number)
{
	const int process = (int)syscall(SYS_pidfd_open, (pid_t)vm_number(v, "pid"), 0);

	if (process < 0)
		return -errno;
	/* As long as volt has its lock, the number is its own. */
	const int err = vm_look(v) == VM_ALIVE ? send_signal(process, number) : -ESRCH;
	close(process);
	return err;
}
