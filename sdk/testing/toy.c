/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

void toy_note(struct toy *t, const char *fmt, ...)
{
	size_t used = strlen(t->calls);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->calls + used, sizeof(t->calls) - used, fmt, ap);
	va_end(ap);
}

const char *toy_calls(struct fake_host *f)
{
	return ((struct toy *)fake_host_self(f))->calls;
}

void toy_forget(struct fake_host *f)
{
	((struct toy *)fake_host_self(f))->calls[0] = '\0';
}

uint64_t toy_read(void *self, uint64_t off, uint32_t n)
{
	struct toy *t = self;
	uint64_t val = 0;

	volt_count(t->h, TOY_READS, 1);
	toy_note(t, "r%llu/%u ", (unsigned long long)off, n);
	for (uint32_t i = 0; i < n; i++)
		val |= ((0x10 + off + i) & 0xff) << (8 * i);
	return val;
}

void toy_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct toy *t = self;

	volt_count(t->h, TOY_WRITES, 1);
	toy_note(t, "w%llu/%u=%llx ", (unsigned long long)off, n, (unsigned long long)val);
}

struct volt_range toy_range(
    uint8_t space, uint8_t sizes, uint8_t flags, uint64_t base, uint64_t len)
{
	return (struct volt_range){
	    .size = sizeof(struct volt_range),
	    .space = space,
	    .sizes = sizes,
	    .flags = flags,
	    .base = base,
	    .len = len,
	    .name = "toy registers",
	    .read = toy_read,
	    .write = toy_write,
	};
}

int toy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;

	t->h = h;
	t->loop = h->get_ext(h, VOLT_EXT_LOOP);
	t->stream = h->get_ext(h, VOLT_EXT_STREAM);
	t->describe = h->get_ext(h, VOLT_EXT_DESCRIBE);
	t->base = volt_arg(a, TOY_BASE)->u;
	t->rom_fd = volt_arg(a, TOY_ROM)->fd;
	toy_note(t, "init ");
	return 0;
}

static void toy_reset(void *self)
{
	toy_note(self, "reset ");
}

static int toy_start(void *self)
{
	toy_note(self, "start ");
	return 0;
}

static const struct volt_param params[] = {
    {"base", "0x100", "first port", .type = VOLT_PARAM_UINT, .max = 0xffff},
    {"rom", "", "bytes to read", .type = VOLT_PARAM_FILE_RO},
    {"console", "stdio", "where bytes go", .type = VOLT_PARAM_STREAM},
    {"monitor", "unix:/m", "where more bytes go", .type = VOLT_PARAM_STREAM},
};

static const struct volt_counter counters[] = {
    [TOY_READS] = {"reads", "reads by the guest"},
    [TOY_WRITES] = {"writes", "writes by the guest"},
};

const struct volt_plugin toy_plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "toy",
    .version = "1",
    .summary = "Writes down how it is called",
    .instance_size = sizeof(struct toy),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = toy_init,
    .reset = toy_reset,
    .start = toy_start,
};

/* The descriptor must outlive the host, so it lives in front of it. */
static struct volt_plugin bent;

struct fake_host *toy_run(int (*init)(void *, const struct volt_host *, const struct volt_args *))
{
	bent = toy_plugin;
	bent.init = init;
	struct fake_host *f = fake_host_create(&bent);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	toy_forget(f);
	return f;
}

void toy_stop(struct fake_host *f)
{
	fake_host_destroy(f);
}

/* Read by ASan's runtime, if there is one: a child that it ends must look aborted too. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

static void run_child(void (*misuse)(void), int to)
{
	dup2(to, STDERR_FILENO);
	signal(SIGABRT, SIG_DFL);
	misuse();
	_exit(0);
}

void assert_aborts(void (*misuse)(void), const char *message)
{
	char said[16384] = "", rest[512];
	size_t used = 0;
	int pipe_fds[2], status;
	ssize_t n;

	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();

	if (child == 0)
		run_child(misuse, pipe_fds[1]);
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], said + used, sizeof(said) - 1 - used)) > 0)
		used += (size_t)n;
	while (read(pipe_fds[0], rest, sizeof(rest)) > 0)
		continue;
	close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	bool told = strstr(said, message) != NULL;

	if (!told)
		print_error("the child said: %s\n", said);
	assert_true(told);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
