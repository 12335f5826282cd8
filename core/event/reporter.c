/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/reporter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"

__thread uint32_t *reporter_note;

static struct {
	int fd; /* /dev/kmsg */
	struct reporter_names names;
	struct reporter_death death; /* thread "": none was seen */
	uint32_t *notes;             /* shared with the helper; one per thread of the policy */
} reporter = {.fd = -1};

int reporter_open(bool required)
{
	reporter.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (reporter.fd >= 0 && lseek(reporter.fd, 0, SEEK_END) >= 0)
		return 0;
	int err = errno;
	if (reporter.fd >= 0)
		close(reporter.fd);
	reporter.fd = -1;
	if (required)
		log_error(err, "--seccomp-report: cannot read the kernel's log /dev/kmsg: %s",
		    strerror(err));
	return -err;
}

int reporter_fd(void)
{
	return reporter.fd;
}

void reporter_declare(struct ledger *l)
{
	ledger_file(l, reporter.fd, "core", "the kernel's log");
}

void reporter_close(void)
{
	if (reporter.fd >= 0)
		close(reporter.fd);
	reporter.fd = -1;
}

int reporter_init(const struct reporter_names *names)
{
	void *page = mmap(NULL, names->threads * sizeof(uint32_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return log_error(ENOMEM, "no memory for the seccomp reporter");
	reporter.notes = page;
	reporter.names = *names;
	return 0;
}

void reporter_register(uint32_t thread)
{
	if (reporter.notes)
		reporter_note = &reporter.notes[thread];
}

bool reporter_parse(const char *line, pid_t pid, struct reporter_record *out)
{
	const char *type = strstr(line, "type=1326"), *found;
	size_t n;

	if (!type || !(found = strstr(type, " pid=")) || strtol(found + 5, NULL, 10) != pid)
		return false;
	found = strstr(type, " comm=\"");
	if (!found)
		return false;
	n = strcspn(found + 7, "\"");
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)n, found + 7);
	found = strstr(type, " syscall=");
	if (!found)
		return false;
	out->syscall = (int)strtol(found + 9, NULL, 10);
	return true;
}

/* A thread that lives on has long left the plugin when the record is read: then the last one
 * that it called is named. */
static void report(const struct reporter_record *r, bool died)
{
	const struct reporter_names *names = &reporter.names;
	uint32_t thread = names->thread(names->arg, r->comm), note = reporter.notes[thread];
	uint32_t now = note & 0xffff, number = now != 0 || died ? now : note >> 16;
	const char *call = names->call(names->arg, r->syscall);

	if (died) {
		struct reporter_death *d = &reporter.death;

		snprintf(d->thread, sizeof(d->thread), "%s", thread == 0 ? "loop" : r->comm);
		d->instance = names->instance(names->arg, number);
		d->call = call;
		d->number = r->syscall;
	}
	log_line(VOLT_LOG_ERROR,
	    "%s: thread %s, %sin %s, made the system call %s (%d), which nobody asked for",
	    died ? "killed by its filter" : "would have been killed",
	    thread == 0 ? "loop" : r->comm, number != now ? "last " : "",
	    names->instance(names->arg, number), call ? call : "an unknown call", r->syscall);
}

const struct reporter_death *reporter_death(void)
{
	return reporter.death.thread[0] != '\0' ? &reporter.death : NULL;
}

unsigned reporter_report(int fd, pid_t pid, bool died)
{
	char line[2048];
	unsigned count = 0;

	for (;;) {
		ssize_t n = read(fd, line, sizeof(line) - 1);
		struct reporter_record record;

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* records were overwritten; go on with the next */
		if (n <= 0)
			return count;
		line[n] = '\0';
		if (reporter_parse(line, pid, &record)) {
			report(&record, died);
			count++;
		}
	}
}
