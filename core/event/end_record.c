/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/end_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/json_text.h"
#include "core/event/reporter.h"

enum { FILE_A, FILE_B, OOM, PROCESS }; /* of END_RECORD_FILES */

#define REAP_MS   10 /* between two looks whether volt's parent took its status */
#define REAP_WAIT 100

/* linux/pidfd.h of Linux 6.15, PIDFD_INFO_SIZE_VER0. */
struct exit_info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define EXIT_INFO_GET  _IOWR(0xff, 11, struct exit_info)
#define EXIT_INFO_MASK (1u << 3)
_Static_assert(sizeof(struct exit_info) == 64, "the size is a part of the request");

static struct {
	int fds[END_RECORD_FILES];
	uint64_t oom_kills; /* of the cgroup, when volt started */
} record = {.fds = {-1, -1, -1, -1}};

void end_record_add_file(int fd)
{
	record.fds[record.fds[FILE_A] < 0 ? FILE_A : FILE_B] = fd;
}

bool end_record_wanted(void)
{
	return record.fds[FILE_A] >= 0;
}

void end_record_list_fds(int fds[END_RECORD_FILES])
{
	memcpy(fds, record.fds, sizeof(record.fds));
}

void end_record_set_fds(const int fds[END_RECORD_FILES])
{
	memcpy(record.fds, fds, sizeof(record.fds));
}

void end_record_close(void)
{
	for (int i = 0; i < END_RECORD_FILES; i++) {
		if (record.fds[i] >= 0)
			close(record.fds[i]);
		record.fds[i] = -1;
	}
}

/* memory.events of the cgroup (Linux, Documentation/admin-guide/cgroup-v2.rst): "oom_kill N". */
static uint64_t count_oom_kills(void)
{
	char text[1024];
	const ssize_t n =
	    record.fds[OOM] >= 0 ? pread(record.fds[OOM], text, sizeof(text) - 1, 0) : -1;

	text[n > 0 ? n : 0] = '\0';
	const char *found = strstr(text, "oom_kill ");
	return found ? strtoull(found + 9, NULL, 10) : 0;
}

static int open_oom_events(void)
{
	char line[PATH_MAX], path[PATH_MAX + 64];
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	const char *found = strstr(line, "0::/");
	if (!found)
		return -1;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%.*s/memory.events",
	    (int)strcspn(found + 4, "\n"), found + 4);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void end_record_prepare(void)
{
	if (!end_record_wanted())
		return;
	record.fds[OOM] = open_oom_events();
	record.fds[PROCESS] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	record.oom_kills = count_oom_kills();
}

/* ------------------------------------------------------------ how volt was killed */

/* Field 52 of proc(5)'s stat, a wait status; -1: nobody may know it, or it is somebody else's. */
static int status_of_zombie(pid_t volt)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)volt);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	while (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	text[n > 0 ? n : 0] = '\0';
	const char *last = strrchr(text, ' ');
	/* The number is still volt's: it is not taken by its parent yet. */
	if (!last || syscall(SYS_pidfd_send_signal, record.fds[PROCESS], 0, NULL, 0) != 0)
		return -1;
	/* 0: of a process that is not dumpable the kernel does not tell. */
	const int status = (int)strtol(last, NULL, 10);
	return status ? status : -1;
}

/* -1: this kernel does not tell, or volt's parent has not taken the status yet. */
static int status_of_reaped(void)
{
	struct exit_info info = {.mask = EXIT_INFO_MASK};

	if (ioctl(record.fds[PROCESS], EXIT_INFO_GET, &info) != 0 || !(info.mask & EXIT_INFO_MASK))
		return -1;
	return info.exit_code;
}

/* The status is written when the files are closed, which is how the helper notices the end. */
int end_record_signal(pid_t volt)
{
	int status = -1;

	if (record.fds[PROCESS] < 0)
		return 0;
	for (int i = 0; status < 0 && i < REAP_WAIT; i++) {
		status = status_of_zombie(volt);
		if (status < 0)
			status = status_of_reaped();
		if (status < 0)
			poll(NULL, 0, REAP_MS);
	}
	return status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* --------------------------------------------------------------------- the line */

static const char *cause_of_code(const struct end_note *note)
{
	switch (note->kind == END_KIND_STATUS ? -1 : note->code) {
	case -1:
		return "status";
	case EXIT_POWEROFF:
		return "poweroff";
	case EXIT_RESET:
		return "reset";
	case EXIT_TRIPLE:
		return "triple-fault";
	case EXIT_PANIC:
		return "panic";
	case EXIT_QUIT:
		return "operator";
	case EXIT_KVM:
		return "kvm";
	default:
		return note->code > EXIT_SIGNAL ? "signal" : "start";
	}
}

static void put_death(struct json_text *t, int signal)
{
	const struct reporter_death *death = reporter_death();

	if (signal == SIGSYS || death) {
		json_put_string(t, "cause", "filter");
		if (death) {
			json_put_string(t, "thread", death->thread);
			json_put_string(t, "plugin", death->instance);
			json_put_string(t, "syscall", death->call ? death->call : "unknown");
			json_put_number(t, "syscall-number", (uint64_t)death->number);
		}
	} else if (count_oom_kills() > record.oom_kills && (signal == SIGKILL || signal == 0)) {
		json_put_string(t, "cause", "out-of-memory");
	} else {
		json_put_string(t, "cause", "signal");
	}
}

static void put_killed(struct json_text *t, int signal)
{
	char why[64];

	/* 0: neither the process's status nor the kernel tells it; a shell would see 137. */
	const int number = signal ? signal : reporter_death() ? SIGSYS : SIGKILL;
	snprintf(why, sizeof(why), "volt was killed by signal %d%s", number,
	    signal || reporter_death() ? "" : " or another");
	json_put_number(t, "code", (uint64_t)(EXIT_SIGNAL + number));
	put_death(t, signal);
	json_put_number(t, "signal", (uint64_t)number);
	json_put_string(t, "text", why);
}

static void put_note(struct json_text *t, const struct end_note *note)
{
	char why[sizeof(note->why)];

	snprintf(why, sizeof(why), "%.*s", (int)sizeof(note->why) - 1, note->why);
	json_put_number(t, "code", (uint64_t)(note->code & 0xff));
	json_put_string(t, "cause", cause_of_code(note));
	if (note->kind != END_KIND_STATUS && note->code > EXIT_SIGNAL)
		json_put_number(t, "signal", (uint64_t)(note->code - EXIT_SIGNAL) & 0x7f);
	json_put_string(t, "text", why);
}

void end_record_write(const struct end_note *note, int signal)
{
	char bytes[4096];
	struct json_text t = {.bytes = bytes, .room = sizeof(bytes)};

	if (!end_record_wanted())
		return;
	json_begin(&t);
	json_put_number(&t, "ended-ms", clock_wall() / 1000000);
	if (note)
		put_note(&t, note);
	else
		put_killed(&t, signal);
	const size_t n = json_end(&t);
	for (int i = FILE_A; i <= FILE_B; i++)
		if (record.fds[i] >= 0 && write(record.fds[i], bytes, n) < 0)
			continue; /* there is nobody left to report it to */
}
