/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/vm/machine.h"

__thread uint32_t *witness_note;

static struct {
	int fd; /* /dev/kmsg */
	const struct machine *machine;
	uint32_t *notes; /* shared with the keeper; one per thread of the policy */
} witness = {.fd = -1};

int witness_open(bool required)
{
	witness.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (witness.fd >= 0 && lseek(witness.fd, 0, SEEK_END) >= 0)
		return 0;
	int err = errno;
	if (witness.fd >= 0)
		close(witness.fd);
	witness.fd = -1;
	if (required)
		log_error(
		    err, "--witness: cannot read the kernel's log /dev/kmsg: %s", strerror(err));
	return -err;
}

int witness_fd(void)
{
	return witness.fd;
}

void witness_close(void)
{
	if (witness.fd >= 0)
		close(witness.fd);
	witness.fd = -1;
}

int witness_init(const struct machine *m)
{
	void *page = mmap(NULL, POLICY_THREADS * sizeof(uint32_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return log_error(ENOMEM, "no memory for the witness");
	witness.notes = page;
	witness.machine = m;
	return 0;
}

void witness_sit(uint32_t thread)
{
	if (witness.notes != NULL)
		witness_note = &witness.notes[thread];
}

bool witness_parse(const char *line, pid_t pid, struct witness_record *out)
{
	const char *type = strstr(line, "type=1326"), *found;
	size_t n;

	if (type == NULL || (found = strstr(type, " pid=")) == NULL ||
	    strtol(found + 5, NULL, 10) != pid)
		return false;
	found = strstr(type, " comm=\"");
	if (found == NULL)
		return false;
	n = strcspn(found + 7, "\"");
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)n, found + 7);
	found = strstr(type, " syscall=");
	if (found == NULL)
		return false;
	out->syscall = (int)strtol(found + 9, NULL, 10);
	return true;
}

/* The sandbox's plugin knows the names, and is in the keeper's memory too. */
static const char *name_of(int number)
{
	const struct instance *s = witness.machine->sandbox;
	const char *name = NULL;

	if (s != NULL && VOLT_HAS(s->sandbox, call_name) && s->sandbox->call_name != NULL)
		name = s->sandbox->call_name(s->callee.self, number);

	return name != NULL ? name : "an unknown call";
}

/* By the names that policy.c gives; the main thread keeps the program's. The keeper was
 * made before the policy, so its table cannot be asked. */
static uint32_t thread_of(const char *comm)
{
	const struct machine *m = witness.machine;
	bool vcpu = strncmp(comm, "vcpu", 4) == 0;
	unsigned long id = vcpu ? strtoul(comm + 4, NULL, 10) : 0;

	if (vcpu && id < m->firmware.cpus)
		return POLICY_VCPU((uint32_t)id);
	for (uint32_t i = 0; i < m->worker_count; i++)
		if (strcmp(m->workers[i].name, comm) == 0)
			return POLICY_WORKER(m, i);
	return POLICY_LOOP;
}

/* A thread that lives on has long left the plugin when the record is read: then the last one
 * that it called is named. */
static void report(const struct witness_record *r, bool died)
{
	const struct machine *m = witness.machine;
	uint32_t thread = thread_of(r->comm), note = witness.notes[thread];
	uint32_t now = note & 0xffff, number = now != 0 || died ? now : note >> 16;
	const char *id = number > 0 && number <= m->instance_count
			     ? m->instances[number - 1]->callee.id
			     : "core";

	log_line(VOLT_LOG_ERROR,
	    "%s: thread %s, %sin %s, made the system call %s (%d), which nobody asked for",
	    died ? "killed by its filter" : "would have been killed",
	    thread == POLICY_LOOP ? "loop" : r->comm, number != now ? "last " : "", id,
	    name_of(r->syscall), r->syscall);
}

unsigned witness_report(int fd, pid_t pid, bool died)
{
	char line[2048];
	unsigned count = 0;

	for (;;) {
		ssize_t n = read(fd, line, sizeof(line) - 1);
		struct witness_record record;

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* records were overwritten; go on with the next */
		if (n <= 0)
			return count;
		line[n] = '\0';
		if (witness_parse(line, pid, &record)) {
			report(&record, died);
			count++;
		}
	}
}
