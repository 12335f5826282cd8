/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-device - one plugin in a process of its own, for the guest of another: docs/volt-device.md.
 *
 * It is volt without KVM: the same loader, services, workers and seal, and no vCPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/base/sealed.h"
#include "core/event/reopen.h"
#include "core/plugin/builtin.h"
#include "core/plugin/device_file.h"
#include "core/plugin/guard.h"
#include "core/plugin/library.h"
#include "core/vm/drain.h"
#include "core/vm/inherit.h"
#include "core/vm/plugins.h"
#include "core/vm/seal.h"
#include "core/vm/vm.h"
#include "tools/device/front.h"
#include "tools/device/socket.h"
#include "tools/device/words.h"

#define NAMED_MAX 16u
#define DRAIN_NS  1000000000ull /* for the last output of all streams together */

static size_t put_prefix(char *to, size_t size)
{
	return (size_t)snprintf(to, size, "volt-device: ");
}

static int by_number(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* All but the standard files, the front end's, and those that the plugin's parameters name. */
static int close_others(const struct words *w)
{
	int keep[NAMED_MAX + 1];
	size_t count = device_file_list_numbers(w->plugin, keep, NAMED_MAX);
	unsigned first = 3;

	if (device_file_number(w->socket) >= 0)
		keep[count++] = device_file_number(w->socket);
	qsort(keep, count, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)keep[i] < first)
			continue;
		if ((unsigned)keep[i] > first &&
		    open_files_close(first, (unsigned)keep[i] - 1) != 0)
			return -EACCES;
		first = (unsigned)keep[i] + 1;
	}
	return open_files_close(first, ~0u);
}

static void ignore_attention(void *arg)
{
}

static int make_loop(struct machine *m)
{
	const int err = loop_init(&m->loop);

	if (err)
		return err;
	m->end.loop = &m->loop;
	peers_init(&m->peers);
	streams_init(&m->streams, &m->loop, &m->end, &m->events, false);
	return events_init(&m->events, &m->loop, &m->end, ignore_attention, m);
}

/* Of services that need a guest of our own plugins get tables that answer nothing. */
static int make_nothing(struct machine *m)
{
	static struct vcpu none = {.fd = -1};

	m->vcpus = &none;
	m->kvm.fd = m->kvm.vm_fd = m->memory.fd = -1;
	irq_init(&m->irq, &m->kvm, &m->end);
	doorbells_init(&m->doorbells, &m->bus, &m->kvm, &m->loop);
	return bus_init(&m->bus);
}

static int check_device(const struct machine *m, const struct front *f)
{
	for (uint32_t i = 0; !f->device.size && i < m->instance_count; i++) {
		const struct instance *one = m->instances[i];

		if (one != m->sandbox && one->callee.self != f)
			return log_error(ENOTSUP,
			    "%s: cannot be hosted: it is not a virtio device; give it to volt "
			    "itself with --plugin",
			    one->callee.id);
	}
	return f->device.size ? 0 : log_error(EINVAL, "there is no plugin to host");
}

static struct front *add_front(struct machine *m)
{
	struct instance *bus = plugins_add(m, &front_plugin, "", front_plugin.name);
	struct front *f = bus ? bus->callee.self : NULL;

	if (!f)
		return NULL;
	f->hosting.self = f;
	m->hosting = &f->hosting;
	return f;
}

/* The guard wants nobody else to open or start something between two plugins. */
static int load(struct machine *m, const struct front *f)
{
	guard_begin();
	const int err = plugins_load(m);

	guard_finish();
	return err ? err : check_device(m, f);
}

static int seal(struct machine *m)
{
	int err = sealed_freeze();

	if (err)
		return err;
	err = seal_machine(m);
	if (err)
		return err;
	err = seal_loop(m);
	if (err)
		return err;
	log_queue(events_wake_log, &m->events);
	return 0;
}

static int start(struct machine *m)
{
	for (uint32_t i = 0; i < m->instance_count; i++)
		m->instances[i]->plugin.reset(m->instances[i]->callee.self);
	for (uint32_t i = 0; i < m->streams.count; i++)
		stream_begin(&m->streams.list[i]);
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const int err = m->instances[i]->plugin.start(m->instances[i]->callee.self);

		if (err && !m->instances[i]->state->failed)
			log_error(-err, "%s: start failed: %s", m->instances[i]->callee.id,
			    strerror(-err));
		if (err)
			return err;
	}
	return 0;
}

/* What any step can run out of has a code of its own, as in volt. */
static int fail(const struct machine *m, int code)
{
	if (log_saw_shortage())
		code = EXIT_RESOURCES;
	else if (m->fail_code != 0)
		code = m->fail_code;
	else if (log_saw_lack() && code == EXIT_PLUGIN)
		code = EXIT_HOST;
	log_flush();
	return code;
}

static int end_by_signal(const struct machine *m)
{
	struct signalfd_siginfo info;

	if (read(m->events.signal_fd, &info, sizeof(info)) != sizeof(info))
		return EXIT_HOST;
	return (int)(EXIT_SIGNAL + info.ssi_signo);
}

static _Noreturn void finish(struct machine *m)
{
	drain_workers(m);
	const uint64_t limit = clock_now() + DRAIN_NS;

	for (uint32_t i = 0; i < m->streams.count; i++)
		stream_drain(&m->streams.list[i], limit);
	const bool failed = m->end.code == EXIT_FRONT_END || m->end.code == EXIT_HOST;

	log_line(
	    failed ? VOLT_LOG_ERROR : VOLT_LOG_INFO, "%s; exit code %d", m->end.why, m->end.code);
	log_flush();
	_exit(m->end.code);
}

static int wire(struct machine *m, struct front **f)
{
	if (make_loop(m) != 0 || make_nothing(m) != 0)
		return fail(m, EXIT_HOST);
	*f = add_front(m);
	if (!*f || load(m, *f) != 0)
		return fail(m, EXIT_PLUGIN);
	if (peers_wire(&m->peers) != 0 || streams_take_terminal(&m->streams) != 0 ||
	    events_hold_signals() != 0)
		return fail(m, EXIT_HOST);
	return 0;
}

static int serve(struct machine *m, struct front *f, int socket)
{
	if (front_open(f, socket) != 0)
		return fail(m, EXIT_HOST);
	if (seal(m) != 0)
		return fail(m, EXIT_SEAL);
	if (start(m) != 0)
		_exit(fail(m, EXIT_PLUGIN));
	seal_release(m);
	loop_run(&m->loop);
	finish(m);
}

static int run(const struct words *w)
{
	static struct machine machine;
	static struct options options;
	struct machine *m = &machine;
	struct front *f = NULL;
	struct meeting meeting;

	seal_init();
	options = (struct options){.plugins = {w->plugin},
	    .plugin_count = 1,
	    .no_sandbox = w->no_sandbox,
	    .plugin_dir = w->plugin_dir};
	m->options = &options;
	m->pid = getpid();
	m->kernel_fd = m->initrd_fd = m->trace_fd = m->events.signal_fd = -1;
	memset(m->module_fds, -1, sizeof(m->module_fds));
	if (meeting_open(&meeting, w->socket) != 0)
		return fail(m, EXIT_INPUT);
	int code = wire(m, &f);

	if (code != 0)
		return meeting_leave(&meeting, code);
	const int socket = meeting_accept(&meeting, m->events.signal_fd);

	if (socket < 0)
		return socket == -EINTR ? end_by_signal(m) : fail(m, EXIT_INPUT);
	return serve(m, f, socket);
}

int main(int argc, char **argv)
{
	struct words words = {.plugin = NULL};

	clock_init();
	log_init();
	log_set_prefix(put_prefix);
	if (sealed_protect_constants() != 0 || inherit_clean(argv) != 0)
		return EXIT_HOST;
	prctl(PR_SET_NAME, "volt-device");
	int code = words_parse(&words, argc, argv);
	if (code != WORDS_GO_ON)
		return code;
	if (close_others(&words) != 0) {
		log_error(EACCES, "cannot close the files that volt-device was started with");
		return EXIT_HOST;
	}
	const int log = reopen_nonblocking(STDERR_FILENO, O_WRONLY);
	if (log >= 0)
		log_set_fd(log);
	library_set_builtins(builtin_plugins);
	if (library_set_dir(words.plugin_dir) != 0)
		return EXIT_USAGE;
	return run(&words);
}
