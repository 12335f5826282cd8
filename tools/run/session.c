/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/run/client.h"
#include "tools/run/console.h"
#include "tools/run/run.h"
#include "tools/run/terminal.h"

#define RETRY_MS    20    /* between attempts to reach the agent */
#define SLOW_MS     15000 /* after which a line says that the guest is not ready yet */
#define GONE_MS     3000  /* for volt to end after the connection has */
#define WORDS_MAX   512
#define RUN_HEAD    12
#define ESCAPE      0x1d /* Ctrl-] */
#define ESCAPES     3    /* within a second */
#define SIGNALS_MAX 3    /* alike: then the guest is not asked any more */
#define NO_END      (-1)

enum { SIGNALS, CONSOLE, VOLT, AGENT, INPUT, OUTPUT, ERRORS, FILES };

struct output {
	int fd;
	bool is_socket;
};

struct session {
	const struct session_request *r;
	struct client agent;
	struct console console;
	struct client_frame frame; /* that is being printed */
	size_t printed;            /* bytes of it */
	bool has_frame, running, input_ended, told_slow;
	uint32_t room; /* bytes of input that the agent takes */
	struct output output, errors;
	int signals, volt, end; /* descriptors; the exit code, or NO_END */
	int last_signal, signal_count, escapes;
	int64_t began, lost, escaped; /* milliseconds; 0: not */
	int64_t redial;               /* not before that */
	struct pollfd files[FILES];
};

static const int handled[] = {
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ the request */

static bool add_word(struct session_request *r, const char *word)
{
	const size_t n = strlen(word) + 1;

	if (n > sizeof(r->run) - r->run_size)
		return false;
	memcpy(r->run + r->run_size, word, n);
	r->run_size += n;
	return true;
}

bool session_set_command(struct session_request *r, const char *folder, const char *const *words,
    const char *const *env, unsigned env_count)
{
	unsigned count = 0;

	r->run_size = RUN_HEAD;
	bool fits = add_word(r, folder);
	for (; words[count] && fits; count++)
		fits = add_word(r, words[count]);
	for (unsigned i = 0; i < env_count && fits; i++)
		fits = add_word(r, env[i]);
	client_put32(r->run, r->terminal ? AGENT_PTY : 0);
	client_put32(r->run + 4, terminal_size());
	client_put32(r->run + 8, count | env_count << 16);
	return fits && count + env_count <= WORDS_MAX;
}

/* ------------------------------------------------------------------- the signals */

/* What nohup and a shell's background jobs ignore stays so. */
static void fill(sigset_t *set)
{
	struct sigaction now;

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		if (sigaction(handled[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, handled[i]);
}

void session_block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void fit_terminal(struct session *s, bool again)
{
	uint8_t size[4];

	if (!s->r->terminal || !s->running)
		return;
	if (again)
		terminal_take();
	client_put32(size, terminal_size());
	client_put(&s->agent, AGENT_SIZE, size, sizeof(size));
}

/* A guest that does not act on a signal must not hold who sends it. */
static bool is_enough(struct session *s, int number)
{
	s->signal_count = number == s->last_signal ? s->signal_count + 1 : 1;
	s->last_signal = number;
	return s->signal_count >= SIGNALS_MAX && number != SIGUSR1 && number != SIGUSR2;
}

static void pass_signal(struct session *s)
{
	struct signalfd_siginfo info;
	uint8_t number[4];

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGCONT) {
		fit_terminal(s, info.ssi_signo == SIGCONT);
		return;
	}
	const bool ends = info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2;
	if ((!s->running && ends) || is_enough(s, (int)info.ssi_signo)) {
		s->end = 128 + (int)info.ssi_signo;
		return;
	}
	client_put32(number, info.ssi_signo);
	if (s->running)
		client_put(&s->agent, AGENT_SIGNAL, number, sizeof(number));
}

/* ----------------------------------------------------------------- standard input */

/* Ctrl-] three times within a second leaves, whatever the guest does. */
static bool wants_to_leave(struct session *s, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && s->escapes < ESCAPES; i++) {
		if (bytes[i] != ESCAPE) {
			s->escapes = 0;
			continue;
		}
		if (s->escapes == 0 || now_ms() - s->escaped > 1000) {
			s->escaped = now_ms();
			s->escapes = 0;
		}
		s->escapes++;
	}
	return s->escapes == ESCAPES;
}

static void pass_input(struct session *s)
{
	uint8_t bytes[AGENT_FRAME_MAX];
	const size_t most = s->room < sizeof(bytes) ? s->room : sizeof(bytes);
	const ssize_t n = read(STDIN_FILENO, bytes, most);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (s->r->terminal && n > 0 && wants_to_leave(s, bytes, (size_t)n)) {
		s->end = 128 + SIGINT;
		return;
	}
	const size_t count = n > 0 ? (size_t)n : 0;
	client_put(&s->agent, AGENT_INPUT, bytes, count);
	s->room -= (uint32_t)count;
	s->input_ended = count == 0;
}

/* ------------------------------------------------------------------- the outputs */

/* A description of its own, where the file allows it: another process may share this one, and
 * must not find that its writes no longer wait. */
static struct output open_output(int fd)
{
	struct output o = {.fd = fd};
	struct stat st;
	char path[32];

	if (fstat(fd, &st) != 0)
		return o;
	o.is_socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return o;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		o.fd = own;
	return o;
}

static void print(struct session *s)
{
	const struct output *o = s->frame.kind == AGENT_OUTPUT ? &s->output : &s->errors;
	const uint8_t *from = s->frame.bytes + s->printed;
	const size_t left = s->frame.size - s->printed;
	const ssize_t n = o->is_socket ? send(o->fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL)
				       : write(o->fd, from, left);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* As the signal would have ended it, had it run here. */
		s->end = errno == EPIPE ? 128 + SIGPIPE
					: run_say("cannot write the output: %s", strerror(errno));
		return;
	}
	s->printed += n > 0 ? (size_t)n : 0;
	if (s->printed < s->frame.size)
		return;
	s->has_frame = false;
	client_drop(&s->agent, &s->frame);
}

/* --------------------------------------------------------------------- the agent */

static void begin(struct session *s)
{
	if (s->frame.size != 4 || client_get32(s->frame.bytes) != AGENT_VERSION) {
		s->end = run_say("the guest's agent has another version than this program");
		return;
	}
	client_put(&s->agent, AGENT_RUN, s->r->run, s->r->run_size);
	if (s->input_ended)
		client_put(&s->agent, AGENT_INPUT, NULL, 0);
	s->running = true;
	s->room = AGENT_WINDOW;
	if (!s->r->terminal)
		return;
	place_note_terminal(s->r->place, 1);
	terminal_take();
}

/* A frame that is not output. */
static void act(struct session *s)
{
	const struct client_frame *f = &s->frame;

	if (f->kind == AGENT_HELLO && !s->running)
		begin(s);
	else if (f->kind == AGENT_MORE && f->size == 4)
		s->room += client_get32(f->bytes);
	else if (f->kind == AGENT_EXIT && f->size == 4)
		s->end = (int)(client_get32(f->bytes) & 0xff);
	else if (f->kind == AGENT_REFUSED)
		s->end = run_say("the guest's agent refused the command: %.*s", (int)f->size,
		    (const char *)f->bytes);
	else
		s->end = run_say("the guest's agent sent what does not fit here");
	client_drop(&s->agent, f);
}

static void take_frames(struct session *s)
{
	while (!s->has_frame && s->end == NO_END) {
		const int err = client_take(&s->agent, &s->frame);

		if (err == -EAGAIN)
			return;
		if (err) {
			s->end = run_say("the guest's agent sent a frame that is too long");
			return;
		}
		if (s->frame.kind != AGENT_OUTPUT && s->frame.kind != AGENT_ERRORS) {
			act(s);
			continue;
		}
		s->has_frame = true;
		s->printed = 0;
		print(s);
	}
}

static void lose_agent(struct session *s)
{
	client_hang_up(&s->agent);
	s->redial = now_ms() + RETRY_MS;
	if (s->running)
		s->lost = now_ms();
}

static void hear_agent(struct session *s)
{
	const int err = client_read(&s->agent);

	take_frames(s);
	if (err && err != -EAGAIN && s->end == NO_END)
		lose_agent(s);
}

/* ------------------------------------------------------------------------ the VM */

static void end_early(struct session *s)
{
	siginfo_t info = {0};

	console_drain(&s->console);
	waitid(P_PID, (id_t)s->r->volt, &info, WEXITED | WNOWAIT);
	const bool by_signal = info.si_code != CLD_EXITED;
	s->end = run_say("%s; volt ended with %s %d%s",
	    s->running ? "the VM ended before the command did" : "the guest did not come up",
	    by_signal ? "signal" : "status", info.si_status,
	    by_signal || (info.si_status != 103 && info.si_status != 106)
		? ""
		: "; volt doctor tells whether this host runs Linux guests");
	console_tell(&s->console);
}

static void tell_slow(struct session *s)
{
	s->told_slow = true;
	run_say("the guest is not ready after %d s; still waiting. The last lines of its console:",
	    SLOW_MS / 1000);
	console_tell(&s->console);
}

static void dial(struct session *s)
{
	if (s->agent.fd < 0 && !s->running && now_ms() >= s->redial)
		client_dial(&s->agent, s->r->socket, AGENT_PORT);
}

static void look_at_clock(struct session *s)
{
	if (s->lost && now_ms() - s->lost > GONE_MS)
		s->end = run_say("the connection to the guest was lost");
	if (!s->running && !s->told_slow && now_ms() - s->began > SLOW_MS)
		tell_slow(s);
}

/* ---------------------------------------------------------------------- the loop */

static void set(struct session *s, int file, int fd, bool wanted, short events)
{
	s->files[file] = (struct pollfd){.fd = wanted ? fd : -1, .events = events};
}

static void choose_files(struct session *s)
{
	const bool prints = s->has_frame, to_errors = prints && s->frame.kind == AGENT_ERRORS;
	const bool sends = client_has_output(&s->agent);

	set(s, SIGNALS, s->signals, true, POLLIN);
	set(s, CONSOLE, s->console.fd, true, POLLIN);
	/* What the agent sent before its end is read first. */
	set(s, VOLT, s->volt, s->agent.fd < 0 && !prints, POLLIN);
	set(s, AGENT, s->agent.fd, !prints || sends,
	    (short)((prints ? 0 : POLLIN) | (sends ? POLLOUT : 0)));
	set(s, INPUT, STDIN_FILENO, s->running && !s->lost && !s->input_ended && !sends && s->room,
	    POLLIN);
	set(s, OUTPUT, s->output.fd, prints && !to_errors, POLLOUT);
	set(s, ERRORS, s->errors.fd, to_errors, POLLOUT);
}

static void turn(struct session *s)
{
	const struct pollfd *f = s->files;

	if (f[SIGNALS].revents)
		pass_signal(s);
	if (f[CONSOLE].revents && console_read(&s->console))
		s->redial = 0;
	if (f[OUTPUT].revents || f[ERRORS].revents) {
		print(s);
		take_frames(s);
	}
	if (f[INPUT].revents && s->end == NO_END)
		pass_input(s);
	if (s->agent.fd >= 0)
		client_write(&s->agent); /* where that fails, reading tells */
	if (s->agent.fd >= 0 && (f[AGENT].revents & ~POLLOUT) && !s->has_frame && s->end == NO_END)
		hear_agent(s);
	if (f[VOLT].revents && s->end == NO_END)
		end_early(s);
}

static void loop(struct session *s)
{
	while (s->end == NO_END) {
		dial(s);
		choose_files(s);
		const int n = poll(s->files, FILES, s->running && !s->lost ? -1 : RETRY_MS);
		if (n < 0 && errno != EINTR)
			s->end = run_say("cannot wait: %s", strerror(errno));
		if (n > 0)
			turn(s);
		if (s->end == NO_END)
			look_at_clock(s);
	}
}

int session_run(const struct session_request *r)
{
	static struct session s;
	sigset_t set;

	fill(&set);
	s = (struct session){.r = r, .agent.fd = -1, .end = NO_END, .began = now_ms()};
	s.console = (struct console){.fd = r->console, .shown = r->verbose};
	s.output = open_output(r->output ? r->output : STDOUT_FILENO);
	s.input_ended = r->output != 0;
	s.errors = open_output(STDERR_FILENO);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s.volt = (int)syscall(SYS_pidfd_open, r->volt, 0);
	if (s.signals < 0 || s.volt < 0)
		return run_say("cannot watch the VM: %s", strerror(errno));
	loop(&s);
	if (r->terminal) {
		terminal_give_back();
		place_note_terminal(r->place, 0);
	}
	client_hang_up(&s.agent);
	close(s.signals);
	close(s.volt);
	return s.end;
}
