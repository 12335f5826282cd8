/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trouble - a plugin that passes every check of its file and then does in init, or later,
 * what no plugin should.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/plugin.h>

struct trouble {
	const struct volt_host *h;
	const char *what;
};

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static int start_thread(void)
{
	pthread_t id;

	return -pthread_create(&id, NULL, sleep_for_ever, NULL);
}

/* Named like the one thread that is let pass. */
static int start_disguised_thread(void)
{
	pthread_t id;
	int err = -pthread_create(&id, NULL, sleep_for_ever, NULL);

	return err != 0 ? err : -pthread_setname_np(id, "kvm-nx-lpage-re");
}

static int start_process(void)
{
	pid_t child = fork();

	if (child == 0)
		sleep_for_ever(NULL);
	return child < 0 ? -errno : 0;
}

static void on_signal(int number)
{
}

static int change_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t none;

	sigemptyset(&none);
	return sigaction(SIGTERM, &action, NULL) || sigprocmask(SIG_SETMASK, &none, NULL);
}

static int crash(void)
{
	__builtin_trap();
}

static int recurse(int depth)
{
	volatile char page[4096];

	page[0] = (char)depth;
	return depth < 0 ? page[0] : recurse(depth + 1) + page[0];
}

static int do_in_init(const struct trouble *t)
{
	const char *what = t->what;

	if (strcmp(what, "error") == 0)
		return -EIO;
	if (strcmp(what, "said") == 0)
		return volt_fail(t->h, EIO, "the flux is low");
	if (strcmp(what, "garbage") == 0)
		return 0x7fffffff;
	if (strcmp(what, "lowest") == 0)
		return INT32_MIN;
	if (strcmp(what, "exit") == 0)
		exit(0);
	if (strcmp(what, "abort") == 0)
		abort();
	if (strcmp(what, "crash") == 0)
		return crash();
	if (strcmp(what, "recursion") == 0)
		return recurse(0);
	if (strcmp(what, "thread") == 0)
		return start_thread();
	if (strcmp(what, "disguised-thread") == 0)
		return start_disguised_thread();
	if (strcmp(what, "process") == 0)
		return start_process();
	if (strcmp(what, "open-file") == 0)
		return open("/etc/passwd", O_RDONLY) < 0;
	if (strcmp(what, "close-files") == 0)
		return close_range(3, ~0u, 0);
	if (strcmp(what, "signals") == 0)
		return change_signals();
	if (strcmp(what, "program") == 0)
		return execl("/bin/true", "true", (char *)NULL);
	return 0;
}

static int trouble_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct trouble *t = self;

	t->h = h;
	t->what = volt_arg(a, 0)->s;
	return do_in_init(t);
}

static int trouble_start(void *self)
{
	struct trouble *t = self;
	struct volt_range range = {.size = sizeof(range), .sizes = VOLT_IO_1, .base = 1, .len = 1};
	uint32_t line;

	if (strcmp(t->what, "late-error") == 0)
		return -EIO;
	if (strcmp(t->what, "late-crash") == 0)
		return crash();
	if (strcmp(t->what, "late-recursion") == 0)
		return recurse(0);
	if (strcmp(t->what, "late-range") == 0)
		return t->h->add_range(t->h, &range);
	if (strcmp(t->what, "late-irq") == 0)
		return t->h->add_irq(t->h, 5, VOLT_IRQ_EDGE, &line);
	if (strcmp(t->what, "late-thread") == 0)
		return start_thread();
	return 0;
}

static const struct volt_param params[] = {
    {.name = "what", .type = VOLT_PARAM_STRING, .help = "the trouble"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "trouble",
    .version = "0.1.0",
    .summary = "misbehaviour, for tests",
    .instance_size = sizeof(struct trouble),
    .param_stride = sizeof(params[0]),
    .param_count = 1,
    .params = params,
#ifndef NO_INIT
    .init = trouble_init,
#endif
    .start = trouble_start,
};
