/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/verbs.h"

#define FORCE_S     2  /* for an end by force */
#define LOOK_MS     20 /* between two looks */
#define CALL_S      2  /* for a VM that is to end: after that comes force */
#define PAUSE_MAX_S 60 /* that vm.pause takes */
#define NO_SUCH_VM  125
#define KILLED_CODE 137

/* ------------------------------------------------------------- several by name */

static int for_each(const struct verb_request *r, const char *method, struct json_object *params)
{
	int worst = CTL_DONE;

	for (int i = 0; i < r->count; i++) {
		struct vm v;
		int code = verb_open_running(r, &v, r->names[i]);

		if (code == CTL_DONE) {
			code = verb_call_aloud(r, &v, method, params, NULL);
			vm_close(&v);
		}
		worst = code > worst ? code : worst;
	}
	return worst;
}

int verb_pause(const struct verb_request *r)
{
	struct json_object *params = json_object_new_object();
	const unsigned limit = r->timeout < PAUSE_MAX_S ? r->timeout : PAUSE_MAX_S;

	json_object_object_add(params, "limit-ms", json_object_new_int((int)limit * 1000));
	const int code = for_each(r, "vm.pause", params);
	json_object_put(params);
	return code;
}

int verb_resume(const struct verb_request *r)
{
	return for_each(r, "vm.resume", NULL);
}

/* ------------------------------------------------------------------------ ends */

struct target {
	struct vm vm;
	bool waits; /* it is running, as far as is known */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* How many still run after so many seconds. */
static int wait_for_ends(struct target *t, int count, unsigned seconds)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	const uint64_t limit = now_ms() + seconds * 1000ull;
	int left;

	for (;;) {
		left = 0;
		for (int i = 0; i < count; i++) {
			t[i].waits = t[i].waits && vm_look(&t[i].vm) != VM_ENDED;
			left += t[i].waits;
		}
		if (left == 0 || now_ms() >= limit)
			return left;
		nanosleep(&pause, NULL);
	}
}

static struct target *open_all(const struct verb_request *r, int *code)
{
	struct target *t = calloc((size_t)r->count, sizeof(*t));

	*code = CTL_DONE;
	for (int i = 0; t && i < r->count; i++) {
		const int failed = verb_open_running(r, &t[i].vm, r->names[i]);

		t[i].waits = failed == CTL_DONE;
		*code = failed > *code ? failed : *code;
	}
	return t;
}

static void close_all(struct target *t, int count)
{
	for (int i = 0; i < count; i++)
		vm_close(&t[i].vm);
	free(t);
}

/* Those that did not even die: the kernel holds them, or a stopped helper their names. */
static int report_left(const struct verb_request *r, const struct target *t, int code)
{
	for (int i = 0; i < r->count; i++) {
		if (!t[i].waits)
			continue;
		fprintf(stderr, "volt %s: %s: the VM does not end; see process %llu\n", r->verb,
		    t[i].vm.name, (unsigned long long)vm_number(&t[i].vm, "pid"));
		code = code > CTL_FAILED ? code : CTL_FAILED;
	}
	return code;
}

static void kill_waiting(const struct verb_request *r, struct target *t)
{
	for (int i = 0; i < r->count; i++) {
		const int err = t[i].waits ? vm_signal(&t[i].vm, SIGKILL) : 0;

		if (err && err != -ESRCH)
			fprintf(stderr, "volt %s: %s: cannot kill it: %s\n", r->verb, t[i].vm.name,
			    strerror(-err));
	}
}

int verb_kill(const struct verb_request *r)
{
	int code;
	struct target *t = open_all(r, &code);

	if (!t)
		return CTL_FAILED;
	kill_waiting(r, t);
	wait_for_ends(t, r->count, FORCE_S);
	code = report_left(r, t, code);
	close_all(t, r->count);
	return code;
}

/* A paused guest would not see it. */
static void ask_to_stop(const struct vm *v)
{
	char why[256];

	verb_call(v, "vm.resume", NULL, CALL_S, NULL, why, sizeof(why));
	verb_call(v, "vm.attention", NULL, CALL_S, NULL, why, sizeof(why));
}

static void end_by_force(const struct verb_request *r, struct target *t)
{
	char why[256];

	for (int i = 0; i < r->count; i++) {
		if (!t[i].waits)
			continue;
		fprintf(stderr, "volt stop: %s: not ended after %u seconds; ending it by force\n",
		    t[i].vm.name, r->timeout);
		verb_call(&t[i].vm, "vm.end", NULL, CALL_S, NULL, why, sizeof(why));
	}
}

int verb_stop(const struct verb_request *r)
{
	int code;
	struct target *t = open_all(r, &code);

	if (!t)
		return CTL_FAILED;
	for (int i = 0; i < r->count; i++)
		if (t[i].waits)
			ask_to_stop(&t[i].vm);
	if (wait_for_ends(t, r->count, r->timeout) > 0) {
		end_by_force(r, t);
		if (wait_for_ends(t, r->count, FORCE_S) > 0) {
			kill_waiting(r, t);
			wait_for_ends(t, r->count, FORCE_S);
		}
	}
	code = report_left(r, t, code);
	close_all(t, r->count);
	return code;
}

/* ------------------------------------------------------------------------ wait */

static void print_end(const struct verb_request *r, const struct vm *v)
{
	struct json_object *text = NULL;

	if (r->json) {
		puts(json_object_to_json_string_ext(v->end, JSON_C_TO_STRING_PLAIN));
		return;
	}
	json_object_object_get_ex(v->end, "text", &text);
	printf("%s: ", v->name);
	verb_print_safely(text ? json_object_get_string(text) : "it ended");
	putchar('\n');
}

int verb_wait(const struct verb_request *r)
{
	struct json_object *code = NULL;
	struct vm v;

	if (verb_open(r, &v, r->names[0]) != CTL_DONE)
		return NO_SUCH_VM;
	const int err = v.life == VM_ENDED && v.end ? 0 : vm_wait(&v);
	if (err) {
		fprintf(stderr, "volt wait: %s: cannot wait for it: %s\n", v.name, strerror(-err));
		vm_close(&v);
		return NO_SUCH_VM;
	}
	print_end(r, &v);
	const int status = json_object_object_get_ex(v.end, "code", &code)
			       ? json_object_get_int(code) & 0xff
			       : KILLED_CODE;
	vm_close(&v);
	return status;
}
