/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * probe - a device that does what no device should: system calls of the tester's choice,
 * from the thread of his choice, when the guest first writes to its port. Nothing is between
 * the words below and the kernel: no C library, no check.
 *
 *   action=STEPS   done once, on `thread`; the results are logged as "returned R R ..."
 *                  and end the VM
 *   before=STEPS   done in init, ahead of the seal; logged as "before R R ..."
 *   irq=N          a line to raise when all is done
 *
 * STEPS are separated by ";" and made of words. The first word of a step is the number of
 * a system call, or
 *
 *   int80 NR     the 32-bit entry
 *   vsyscall     the call at its fixed address (gettimeofday)
 *   store        writes word 2 to address word 1
 *   jump         calls address word 1
 *
 * and the others its arguments:
 *
 *   123 -1 0x10  numbers
 *   @TEXT        the address of the text
 *   %0123        the address of these bytes, in hex
 *   *100         the address of 100 zero bytes
 *   ~100         the address of a struct iovec of 100 zero bytes
 *   $2           the result of step 2, counting from 0 at the first of `before`
 *   host         the address of the instance's table of services
 *   hostpage     of the page that this begins in
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/worker.h>

#include "raw.h"

#define STEP_MAX   12u
#define ARG_MAX    6u
#define ARENA_SIZE 16384u

enum { PARAM_ACTION, PARAM_BEFORE, PARAM_THREAD, PARAM_IRQ, PARAM_ROWS };

enum { ON_VCPU, ON_LOOP, ON_WORKER };

enum stage { FRESH, POKED, DONE };

enum kind { SYSCALL, INT80, VSYSCALL, STORE, JUMP };

struct arg {
	long value;
	bool result; /* value is the number of the step that gives it */
};

struct step {
	enum kind kind;
	struct arg args[1 + ARG_MAX]; /* the number first */
};

struct probe {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_worker *workers;
	uint32_t thread, timer, worker, irq;
	bool has_irq;
	uint32_t stage; /* atomic: workers may be woken by what a step writes */
	uint32_t before_count, count;
	struct step steps[STEP_MAX];
	long results[STEP_MAX];
	size_t used;
	_Alignas(4096) uint8_t arena[ARENA_SIZE]; /* what words point to */
};

/* ---------------------------------------------------------------- parsing */

static void *reserve(struct probe *p, size_t size)
{
	const size_t at = (p->used + 15) & ~(size_t)15;

	if (at > ARENA_SIZE || size > ARENA_SIZE - at)
		return NULL;
	p->used = at + size;
	return p->arena + at;
}

static void *reserve_hex(struct probe *p, const char *digits)
{
	const size_t size = strlen(digits) / 2;
	uint8_t *bytes = reserve(p, size);

	for (size_t i = 0; bytes && i < size; i++) {
		const char pair[] = {digits[2 * i], digits[2 * i + 1], 0};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return bytes;
}

static void *reserve_vector(struct probe *p, size_t size)
{
	struct iovec *vector = reserve(p, sizeof(*vector));
	void *bytes = reserve(p, size);

	if (!vector || !bytes)
		return NULL;
	*vector = (struct iovec){.iov_base = bytes, .iov_len = size};
	return vector;
}

static void *reserve_text(struct probe *p, const char *text)
{
	char *copy = reserve(p, strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

static int parse_pointer(struct probe *p, const char *word, struct arg *arg)
{
	const void *at = NULL;

	if (word[0] == '@')
		at = reserve_text(p, word + 1);
	else if (word[0] == '%')
		at = reserve_hex(p, word + 1);
	else if (word[0] == '*')
		at = reserve(p, strtoul(word + 1, NULL, 0));
	else if (word[0] == '~')
		at = reserve_vector(p, strtoul(word + 1, NULL, 0));
	else if (strcmp(word, "host") == 0)
		at = p->h;
	else if (strcmp(word, "hostpage") == 0)
		at = (const void *)((uintptr_t)p->h & ~(uintptr_t)4095);
	arg->value = (long)(uintptr_t)at;
	return at ? 0 : volt_fail(p->h, EINVAL, "cannot make \"%s\"", word);
}

static int parse_arg(struct probe *p, const char *word, struct arg *arg)
{
	char *end;

	arg->result = word[0] == '$';
	if (strchr("@%*~h", word[0]))
		return parse_pointer(p, word, arg);
	arg->value = (long)strtoull(word + arg->result, &end, 0);
	if (*end != '\0' || (arg->result && arg->value >= (long)STEP_MAX))
		return volt_fail(p->h, EINVAL, "\"%s\" is no argument", word);
	return 0;
}

static enum kind kind_of(const char *word)
{
	static const char *const names[] = {"", "int80", "vsyscall", "store", "jump"};

	for (uint32_t i = INT80; i <= JUMP; i++)
		if (strcmp(word, names[i]) == 0)
			return (enum kind)i;
	return SYSCALL;
}

static int parse_step(struct probe *p, char *text)
{
	struct step *s = &p->steps[p->count];
	uint32_t n = 0;
	int err = 0;

	if (p->count == STEP_MAX)
		return volt_fail(p->h, EINVAL, "more than %u steps", STEP_MAX);
	for (char *state, *word = strtok_r(text, " ", &state); !err && word;
	     word = strtok_r(NULL, " ", &state)) {
		if (n == 0 && s->kind == SYSCALL && (s->kind = kind_of(word)) != SYSCALL)
			continue;
		if (n > ARG_MAX)
			return volt_fail(p->h, EINVAL, "too many arguments");
		err = parse_arg(p, word, &s->args[n++]);
	}
	p->count++;
	return err;
}

static int parse_steps(struct probe *p, const char *text)
{
	char *copy = reserve_text(p, text);
	int err = copy ? 0 : volt_fail(p->h, ENOMEM, "the steps are too long");

	if (err)
		return err;
	for (char *state, *step = strtok_r(copy, ";", &state); step;
	     step = strtok_r(NULL, ";", &state)) {
		err = parse_step(p, step);
		if (err)
			return err;
	}
	return 0;
}

/* ------------------------------------------------------------------ doing */

static long value_of(const struct probe *p, const struct arg *a)
{
	return a->result ? p->results[a->value] : a->value;
}

static long do_step(struct probe *p, const struct step *s)
{
	long v[1 + ARG_MAX];

	for (uint32_t i = 0; i <= ARG_MAX; i++)
		v[i] = value_of(p, &s->args[i]);
	switch (s->kind) {
	case INT80:
		return raw_int80(v[0], v[1], v[2], v[3]);
	case VSYSCALL:
		return raw_vsyscall();
	case STORE:
		*(volatile uint64_t *)(uintptr_t)v[0] = (uint64_t)v[1];
		return 0;
	case JUMP:
		((void (*)(void))(uintptr_t)v[0])();
		return 0;
	default:
		return raw_syscall(v[0], v + 1);
	}
}

static void report(const struct probe *p, const char *what, uint32_t from, uint32_t to)
{
	char text[200] = "";
	size_t n = 0;

	for (uint32_t i = from; i < to && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %ld", p->results[i]);
	volt_log(p->h, VOLT_LOG_INFO, "%s%s", what, text);
}

static void do_steps(struct probe *p, const char *what, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		p->results[i] = do_step(p, &p->steps[i]);
	if (to > from)
		report(p, what, from, to);
}

static void act(void *self)
{
	struct probe *p = self;

	if (__atomic_exchange_n(&p->stage, DONE, __ATOMIC_SEQ_CST) != POKED)
		return;
	do_steps(p, "returned", p->before_count, p->count);
	if (p->has_irq)
		p->h->set_irq(p->h, p->irq, true);
	p->h->request(p->h, VOLT_REQUEST_EXIT, 0, "the probe lived");
}

static void act_as_job(void *self, uint32_t worker)
{
	act(self);
}

static void poke(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct probe *p = self;

	if (p->stage != FRESH)
		return;
	__atomic_store_n(&p->stage, POKED, __ATOMIC_SEQ_CST);
	if (p->thread == ON_LOOP)
		p->loop->arm(p->h, p->timer, p->loop->now(p->h));
	else if (p->thread == ON_WORKER)
		p->workers->post(p->h, p->worker);
	else
		act(p);
}

/* ----------------------------------------------------------------- wiring */

static int add_thread(struct probe *p)
{
	p->loop = p->h->get_ext(p->h, VOLT_EXT_LOOP);
	p->workers = p->h->get_ext(p->h, VOLT_EXT_WORKER);
	if (p->thread == ON_LOOP)
		return p->loop->add_timer(p->h, act, &p->timer);
	if (p->thread == ON_WORKER)
		return p->workers->add(p->h, "prober", act_as_job, &p->worker);
	return 0;
}

static int probe_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct probe *p = self;
	const struct volt_range range = {
	    .size = sizeof(range),
	    .sizes = VOLT_IO_1,
	    .base = 0x700,
	    .len = 1,
	    .name = "trigger",
	    .write = poke,
	};
	int err;

	p->h = h;
	volt_log(h, VOLT_LOG_DEBUG, "table at %p", (const void *)h);
	p->thread = (uint32_t)volt_arg(a, PARAM_THREAD)->u;
	err = parse_steps(p, volt_arg(a, PARAM_BEFORE)->s);
	if (err)
		return err;
	p->before_count = p->count;
	err = parse_steps(p, volt_arg(a, PARAM_ACTION)->s);
	if (err)
		return err;
	err = add_thread(p);
	if (err)
		return err;
	p->has_irq = volt_arg(a, PARAM_IRQ)->given;
	if (p->has_irq)
		err = h->add_irq(h, (uint32_t)volt_arg(a, PARAM_IRQ)->u, VOLT_IRQ_EDGE, &p->irq);
	if (err)
		return err;
	err = h->add_range(h, &range);
	if (err)
		return err;
	do_steps(p, "before", 0, p->before_count);
	return 0;
}

static const struct volt_param params[] = {
    [PARAM_ACTION] = {.name = "action",
	.type = VOLT_PARAM_STRING,
	.def = "",
	.help = "steps when the guest first writes"},
    [PARAM_BEFORE] = {.name = "before",
	.type = VOLT_PARAM_STRING,
	.def = "",
	.help = "steps ahead of the seal"},
    [PARAM_THREAD] = {.name = "thread",
	.type = VOLT_PARAM_ENUM,
	.choices = "vcpu|loop|worker",
	.def = "vcpu",
	.help = "the thread that acts"},
    [PARAM_IRQ] = {.name = "irq",
	.type = VOLT_PARAM_UINT,
	.def = "0",
	.max = 23,
	.help = "a line to raise at the end"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "probe",
    .version = "0.1.0",
    .summary = "forbidden actions, for tests",
    .instance_size = sizeof(struct probe),
    VOLT_PARAMS(params),
    .init = probe_init,
};
