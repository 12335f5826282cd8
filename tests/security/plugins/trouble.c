/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trouble - a plugin that passes every check of its file and then does in init, or later,
 * what no plugin should.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <volt/filter.h>
#include <volt/irqchip.h>
#include <volt/plugin.h>
#include <volt/worker.h>

#ifndef IN_ATTACH
#define IN_ATTACH 0
#endif
#ifndef IN_SET_LINE
#define IN_SET_LINE 0
#endif

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

	return err ? err : -pthread_setname_np(id, "kvm-nx-lpage-re");
}

static int start_process(void)
{
	pid_t child = fork();

	if (child == 0)
		sleep_for_ever(NULL);
	return child < 0 ? -errno : 0;
}

/* Two processes come back from init, and both would run the guest. */
static int split(void)
{
	return fork() < 0 ? -errno : 0;
}

/* As daemons are made: the one that lives is the child of one that ended. */
static int start_daemon(void)
{
	pid_t child = fork();

	if (child == 0) {
		if (fork() == 0)
			sleep_for_ever(NULL);
		kill(getpid(), SIGKILL);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -errno;
}

static void on_signal(int number)
{
}

static int catch_signal(void)
{
	return signal(SIGTERM, on_signal) == SIG_ERR;
}

static int ignore_signal(void)
{
	return signal(SIGCHLD, SIG_IGN) == SIG_ERR;
}

static int restore_signal(void)
{
	return signal(SIGPIPE, SIG_DFL) == SIG_ERR;
}

static int unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
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

static _Noreturn void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static int loop_for_ever(void)
{
	spin();
}

static int wait_for_ever(void)
{
	int ends[2];
	char byte;

	return pipe(ends) == 0 && read(ends[0], &byte, 1) == 1;
}

static int start_timer(void)
{
	return (int)alarm(1000);
}

static int start_other_timer(void)
{
	const struct itimerval later = {.it_value.tv_sec = 1000};

	return setitimer(ITIMER_PROF, &later, NULL);
}

static int make_posix_timer(void)
{
	timer_t id;

	return timer_create(CLOCK_MONOTONIC, NULL, &id);
}

static int map_code(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	return p == MAP_FAILED || close(fd) ? -errno : 0;
}

static int map_writable_code(void)
{
	void *p = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

static int make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) ? -errno : 0;
}

static int lower_limit(void)
{
	const struct rlimit one = {1 << 20, 1 << 20};

	return setrlimit(RLIMIT_FSIZE, &one);
}

static int enter_filter(void)
{
	struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
	struct sock_fprog program = {.len = 1, .filter = &allow};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int fail_to_start_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int leave_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int leave_high_file(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	return dup2(fd, 700) != 700 || close(fd);
}

static int replace_file(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	return dup2(fd, 0) != 0 || close(fd);
}

static int close_files(void)
{
	return close_range(3, ~0u, 0);
}

static int change_umask(void)
{
	umask(077);
	return 0;
}

static int change_directory(void)
{
	return chdir("/proc");
}

static int change_locale(void)
{
	return setlocale(LC_ALL, "C.UTF-8") == NULL;
}

static int rename_thread(void)
{
	return prctl(PR_SET_NAME, "vcpu0");
}

static int fail_with(int code)
{
	return code;
}

static int return_error(void)
{
	return fail_with(-EIO);
}

static int return_garbage(void)
{
	return fail_with(0x7fffffff);
}

static int return_lowest(void)
{
	return fail_with(INT32_MIN);
}

static int call_exit(void)
{
	exit(0);
}

static int call_quick_exit(void)
{
	quick_exit(0);
}

static int call_exit_at_once(void)
{
	_exit(0);
}

static int call_c_exit_at_once(void)
{
	_Exit(0);
}

static int call_abort(void)
{
	abort();
}

static int recurse_deep(void)
{
	return recurse(0);
}

static const struct {
	const char *name;
	int (*act)(void);
} troubles[] = {
    {"error", return_error},
    {"garbage", return_garbage},
    {"lowest", return_lowest},
    {"exit", call_exit},
    {"quick-exit", call_quick_exit},
    {"exit-at-once", call_exit_at_once},
    {"c-exit-at-once", call_c_exit_at_once},
    {"abort", call_abort},
    {"crash", crash},
    {"recursion", recurse_deep},
    {"loop", loop_for_ever},
    {"wait", wait_for_ever},
    {"thread", start_thread},
    {"disguised-thread", start_disguised_thread},
    {"process", start_process},
    {"split", split},
    {"daemon", start_daemon},
    {"program", fail_to_start_program},
    {"open-file", leave_file},
    {"open-high-file", leave_high_file},
    {"replace-file", replace_file},
    {"close-files", close_files},
    {"catch-signal", catch_signal},
    {"ignore-signal", ignore_signal},
    {"restore-signal", restore_signal},
    {"unblock-signals", unblock_signals},
    {"timer", start_timer},
    {"other-timer", start_other_timer},
    {"posix-timer", make_posix_timer},
    {"map-code", map_code},
    {"map-writable-code", map_writable_code},
    {"make-code", make_code},
    {"limit", lower_limit},
    {"filter", enter_filter},
    {"umask", change_umask},
    {"directory", change_directory},
    {"locale", change_locale},
    {"rename", rename_thread},
};

/* It needs every right that its thread has, and what there is only once all is sealed. */
static void tell_and_end(void *self, uint32_t worker)
{
	const struct trouble *t = self;

	volt_log(t->h, VOLT_LOG_INFO, "the worker lived");
	t->h->request(t->h, VOLT_REQUEST_EXIT, 42, "the worker is done");
}

/* No trouble: the worker is to run once it may. */
static int post_worker(const struct trouble *t)
{
	const struct volt_worker *worker = t->h->get_ext(t->h, VOLT_EXT_WORKER);
	uint32_t number;
	const int err = worker->add(t->h, "early", tell_and_end, &number);

	if (err)
		return err;
	worker->post(t->h, number);
	return 0;
}

/* Nor is this: who has the line's other end is told of it before the guest runs. */
static int raise_line(const struct trouble *t)
{
	uint32_t line;
	const int err = t->h->add_irq(t->h, 5, VOLT_IRQ_LEVEL, &line);

	if (err)
		return err;
	t->h->set_irq(t->h, line, true);
	return 0;
}

static int do_it(const struct trouble *t)
{
	if (strcmp(t->what, "said") == 0)
		return volt_fail(t->h, EIO, "the flux is low");
	if (strcmp(t->what, "post") == 0)
		return post_worker(t);
	if (strcmp(t->what, "raise") == 0)
		return raise_line(t);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
		if (strcmp(t->what, troubles[i].name) == 0)
			return troubles[i].act();
	return 0;
}

static int trouble_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct trouble *t = self;

	t->h = h;
	t->what = volt_arg(a, 0)->s;
	return IN_ATTACH || IN_SET_LINE ? 0 : do_it(t);
}

/* As a filter it waits until it is put on a device. */
static int trouble_attach(void *self, const struct volt_layer *below)
{
	return do_it(self);
}

static uint64_t trouble_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	return below->pass(below, a);
}

static void trouble_info(void *self, struct volt_irqchip_info *info)
{
	info->base = 0xfec00000;
	info->pins = 24;
}

/* As an interrupt controller until a line is raised. */
static void trouble_set_line(void *self, uint32_t pin, bool level)
{
	do_it(self);
}

static void trouble_eoi(void *self, uint8_t vector)
{
}

static const void *trouble_get_ext(const char *id)
{
	static const struct volt_filter filter = {
	    .size = sizeof(filter), .attach = trouble_attach, .access = trouble_access};
	static const struct volt_irqchip irqchip = {.size = sizeof(irqchip),
	    .info = trouble_info,
	    .set_line = trouble_set_line,
	    .eoi = trouble_eoi};

	if (IN_SET_LINE && strcmp(id, VOLT_EXT_IRQCHIP) == 0)
		return &irqchip;
	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
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
		return recurse_deep();
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

#define KIND (IN_ATTACH ? VOLT_KIND_FILTER : VOLT_KIND_DEVICE)

VOLT_PLUGIN(KIND) = {
    VOLT_PLUGIN_HEADER(KIND),
    .name = "trouble",
    .version = "0.1.0",
    .summary = "misbehaviour, for tests",
    .instance_size = sizeof(struct trouble),
    VOLT_PARAMS(params),
#ifndef NO_INIT
    .init = trouble_init,
#endif
    .start = trouble_start,
    .get_ext = trouble_get_ext,
};
