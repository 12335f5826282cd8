/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/vm_commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/config.h"
#include "core/event/console.h"
#include "core/vm/commands.h"
#include "core/vm/metrics.h"
#include "core/vm/pause.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"

enum {
	STATUS_STATE,
	STATUS_UPTIME,
	STATUS_PID,
	STATUS_VCPUS,
	STATUS_MEMORY,
	STATUS_KERNEL,
	STATUS_VERSION
};
enum { SAVE_LIMIT, SAVE_DIFF, SAVE_STAY };
enum { METRIC_NAME, METRIC_LABELS, METRIC_KIND, METRIC_VALUE, METRIC_SCALE };

static int run_status(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	static const char *const states[] = {[VM_RUNNING] = "running",
	    [VM_PAUSING] = "pausing",
	    [VM_PAUSED] = "paused",
	    [VM_ENDING] = "ending"};

	r->text(r, STATUS_STATE, states[pause_state(&m->pause)]);
	r->number(r, STATUS_UPTIME, (clock_now() - m->running_since_ns) / 1000000);
	r->number(r, STATUS_PID, (uint64_t)m->pid);
	r->number(r, STATUS_VCPUS, m->options->cpus);
	r->number(r, STATUS_MEMORY, m->options->memory);
	if (m->options->kernel)
		r->text(r, STATUS_KERNEL, m->options->kernel);
	r->text(r, STATUS_VERSION, VOLT_VERSION);
	return 0;
}

static const char *pause_why(int err)
{
	switch (err) {
	case ETIMEDOUT:
		return "the devices did not come to rest in time; the VM goes on";
	case ECANCELED:
		return "the VM was resumed before it was paused";
	case ESHUTDOWN:
		return "the VM is ending";
	case EBUSY:
		return "the VM is paused already, or is being paused";
	case EINVAL:
		return "the VM is not paused";
	default:
		return "the VM cannot be paused";
	}
}

static void on_paused(void *call, int err)
{
	commands_finish(call, -err, pause_why(-err));
}

static int run_pause(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	struct command_call *call = commands_defer(r);

	if (!call)
		return volt_reply_fail(r, EAGAIN, "too many calls are unanswered: wait for them");
	int err = pause_begin(&m->pause, volt_arg(a, 0)->u * 1000000, on_paused, call);
	if (!err)
		return 0;
	commands_revoke(r, call);
	return volt_reply_fail(r, -err, "%s", pause_why(-err));
}

static int run_resume(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	if (save_is_running(m))
		return volt_reply_fail(r, EBUSY, "the VM is being saved");
	int err = pause_resume(&m->pause);

	return err ? volt_reply_fail(r, EBUSY, "%s", pause_why(-err)) : 0;
}

static int run_save(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	const struct save_request request = {.limit_ns = volt_arg(a, SAVE_LIMIT)->u * 1000000,
	    .diff = volt_arg(a, SAVE_DIFF)->u != 0,
	    .stay = volt_arg(a, SAVE_STAY)->u != 0};

	return save_begin(m, &request, r);
}

static int run_attention(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	__atomic_store_n(&m->events.attention_wanted, 1, __ATOMIC_SEQ_CST);
	loop_wake(&m->loop);
	return 0;
}

static int run_end(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	vm_end(&m->end, EXIT_QUIT, "the operator ended the VM by command");
	return 0;
}

static int run_log_level(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	__atomic_store_n(&log_level, (uint32_t)volt_arg(a, 0)->u, __ATOMIC_RELAXED);
	return 0;
}

static void put_metric(void *arg, const struct volt_metric *metric)
{
	const struct volt_reply *r = arg;

	r->text(r, METRIC_NAME, metric->name);
	r->text(r, METRIC_LABELS, metric->labels);
	r->text(r, METRIC_KIND, metric->kind == VOLT_METRIC_GAUGE ? "gauge" : "counter");
	r->number(r, METRIC_VALUE, metric->value);
	r->number(r, METRIC_SCALE, metric->scale);
	r->next_row(r);
}

/* All of it or nothing: half a command line would be worse than none. */
static int run_console_input(
    struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	struct stream *s = console_find(&m->streams);
	const char *text = volt_arg(a, 0)->s;
	const size_t n = strlen(text);

	if (!s)
		return volt_reply_fail(r, ENOTSUP,
		    "the VM has no console: no device has a stream on standard input and output, "
		    "or on null");
	if (n > STREAM_HELD - s->held_count)
		return volt_reply_fail(
		    r, EAGAIN, "the guest does not read: %u bytes wait for it", s->held_count);
	stream_input(s, (const uint8_t *)text, n);
	loop_wake(&m->loop);
	return 0;
}

static int run_metrics(struct machine *m, const struct volt_args *a, const struct volt_reply *r)
{
	if (!metrics_table.each)
		return volt_reply_fail(r, ENOTSUP, "this volt was built without metrics");
	metrics_visit(m, (void *)(uintptr_t)r, put_metric);
	return 0;
}

static const struct volt_result status_results[] = {
    [STATUS_STATE] = {"state", "running, pausing, paused or ending", VOLT_PARAM_STRING, 0},
    [STATUS_UPTIME] = {"uptime-ms", "time since the guest was let go, in milliseconds",
	VOLT_PARAM_UINT, 0},
    [STATUS_PID] = {"pid", "process id of volt", VOLT_PARAM_UINT, 0},
    [STATUS_VCPUS] = {"vcpus", "virtual CPUs", VOLT_PARAM_UINT, 0},
    [STATUS_MEMORY] = {"memory", "guest memory, in bytes", VOLT_PARAM_SIZE, 0},
    [STATUS_KERNEL] = {"kernel", "kernel, as given to --kernel", VOLT_PARAM_STRING, 0},
    [STATUS_VERSION] = {"version", "version of volt", VOLT_PARAM_STRING, 0},
};

static const struct volt_result metric_results[] = {
    [METRIC_NAME] = {"name", "name, as volt.metrics/1 gives it", VOLT_PARAM_STRING, 0},
    [METRIC_LABELS] = {"labels", "labels, as volt.metrics/1 gives them", VOLT_PARAM_STRING, 0},
    [METRIC_KIND] = {"kind", "counter or gauge", VOLT_PARAM_STRING, 0},
    [METRIC_VALUE] = {"value", "value in units of 1 / scale", VOLT_PARAM_UINT, 0},
    [METRIC_SCALE] = {"scale", "1, or 1000000000 for seconds counted in nanoseconds",
	VOLT_PARAM_UINT, 0},
};

static const struct volt_param log_level_args[] = {
    {.name = "level",
	.type = VOLT_PARAM_ENUM,
	.choices = "error|warn|info|debug|trace", /* in the order of VOLT_LOG_* */
	.help = "least important message that is logged"},
};

typedef int run_command(struct machine *m, const struct volt_args *a, const struct volt_reply *r);

static const struct volt_param pause_args[] = {
    {.name = "limit-ms",
	.type = VOLT_PARAM_UINT,
	.def = "1000",
	.min = 1,
	.max = 60000,
	.help = "time for the devices to come to rest, in milliseconds; then the VM goes on"},
};

static const struct volt_param save_args[] = {
    [SAVE_LIMIT] = {.name = "limit-ms",
	.type = VOLT_PARAM_UINT,
	.def = "1000",
	.min = 1,
	.max = 60000,
	.help = "time for the devices to come to rest, in milliseconds; then the VM goes on"},
    [SAVE_DIFF] = {.name = "diff",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "send only the memory that was written since the restore"},
    [SAVE_STAY] = {.name = "stay-paused",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "leave the VM paused when all is sent"},
};

static const struct volt_param console_input_args[] = {
    {.name = "text", .type = VOLT_PARAM_STRING, .help = "what is typed, in UTF-8"},
};

enum {
	COMMAND_STATUS,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_SAVE,
	COMMAND_ATTENTION,
	COMMAND_END,
	COMMAND_LOG_LEVEL,
	COMMAND_METRICS,
	COMMAND_CONSOLE_INPUT
};

static const struct volt_command commands[] = {
    [COMMAND_STATUS] = {.name = "status",
	.help = "tell the VM's state and size",
	VOLT_COMMAND_RESULTS(status_results)},
    [COMMAND_PAUSE] = {.name = "pause",
	.help = "pause the guest and its devices, and answer when they are paused",
	VOLT_COMMAND_ARGS(pause_args)},
    [COMMAND_RESUME] = {.name = "resume", .help = "resume a paused VM"},
    [COMMAND_SAVE] = {.name = "save",
	.help = "send the VM's state and memory, as volt snapshot save receives them",
	VOLT_COMMAND_ARGS(save_args)},
    [COMMAND_ATTENTION] = {.name = "attention",
	.help = "ask the guest to shut down or restart, by Ctrl-Alt-Del or a power button"},
    [COMMAND_END] = {.name = "end", .help = "end the VM at once"},
    [COMMAND_LOG_LEVEL] = {.name = "log-level",
	.help = "change which messages are logged",
	VOLT_COMMAND_ARGS(log_level_args)},
    [COMMAND_METRICS] = {.name = "metrics",
	.help = "tell every counter",
	.flags = VOLT_COMMAND_ROWS,
	VOLT_COMMAND_RESULTS(metric_results)},
    [COMMAND_CONSOLE_INPUT] = {.name = "console-input",
	.help = "type at the VM's console",
	VOLT_COMMAND_ARGS(console_input_args)},
};

static run_command *const runs[] = {
    [COMMAND_STATUS] = run_status,
    [COMMAND_PAUSE] = run_pause,
    [COMMAND_RESUME] = run_resume,
    [COMMAND_SAVE] = run_save,
    [COMMAND_ATTENTION] = run_attention,
    [COMMAND_END] = run_end,
    [COMMAND_LOG_LEVEL] = run_log_level,
    [COMMAND_METRICS] = run_metrics,
    [COMMAND_CONSOLE_INPUT] = run_console_input,
};

static int run(
    void *machine, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	return runs[command](machine, a, r);
}

const struct volt_commands vm_commands = {
    .size = sizeof(vm_commands),
    .stride = sizeof(commands[0]),
    .count = sizeof(commands) / sizeof(commands[0]),
    .commands = commands,
    .run = run,
};
