/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_overlay_writer FOLDER SEED CALL - a driver of random requests on FOLDER/own, whose base is
 * FOLDER/base. SIGKILL comes before the system call number CALL. Each request is printed before it
 * is made, and when it was answered; FOLDER/stable is the own file as it was at the last sync.
 */
#include "test_bench.h"

#include <signal.h>
#include <stdarg.h>

#define REQUESTS 40u

static unsigned calls, last_call;
static char own_path[200], stable_path[200];

static void copy_file(void)
{
	static uint8_t bytes[1 << 20];
	const int from = open(own_path, O_RDONLY | O_CLOEXEC);
	const int to = open(stable_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const ssize_t n = read(from, bytes, sizeof(bytes));

	if (n < 0 || n == (ssize_t)sizeof(bytes) || write(to, bytes, (size_t)n) != n)
		abort();
	close(from);
	close(to);
}

static void before(char call, int fd)
{
	if (++calls == last_call)
		raise(SIGKILL);
	if (call == 's')
		copy_file();
}

/* No buffer: SIGKILL would lose it. */
VOLT_PRINTF(1, 2)
static void tell(const char *fmt, ...)
{
	char line[80];
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(line, sizeof(line), fmt, ap);

	va_end(ap);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		abort();
}

static void send(unsigned number)
{
	static const char *const words[] = {
	    [OUT] = "write", [FLUSH] = "flush", [DISCARD] = "discard", [WRITE_ZEROES] = "zero"};
	static const uint8_t kinds[] = {OUT, OUT, OUT, OUT, FLUSH, DISCARD, WRITE_ZEROES};
	const uint32_t type = kinds[(unsigned)rand() % sizeof(kinds)];
	const uint32_t sector = (unsigned)rand() % SECTORS;
	uint32_t n = 1 + (unsigned)rand() % 40;

	n = n < SECTORS - sector ? n : SECTORS - sector;
	for (uint32_t i = 0; i < n * 512; i += 4)
		volt_put_le32(at(DATA) + i, number << 16 | (sector + i / 512));
	if (type == DISCARD || type == WRITE_ZEROES)
		put_range(0, sector, n, 0);
	tell("%s %u %u %u\n", words[type], number, sector, n);
	if (send_request(type, sector,
		type == OUT     ? n * 512
		: type == FLUSH ? 0
				: 16) != 1 ||
	    *at(STATUS) != OK)
		abort();
	tell("done\n");
}

int main(int argc, char **argv)
{
	char params[512];
	void *f;

	if (argc != 4)
		return 2;
	srand((unsigned)atoi(argv[2]));
	last_call = (unsigned)atoi(argv[3]);
	snprintf(own_path, sizeof(own_path), "%s/own", argv[1]);
	snprintf(stable_path, sizeof(stable_path), "%s/stable", argv[1]);
	snprintf(params, sizeof(params), "disk=%s,base=%s/base", own_path, argv[1]);
	if (start_with(&f, params, WRITABLE, 1))
		return 1;
	libc.before = before;
	copy_file();
	for (unsigned i = 1; i <= REQUESTS; i++)
		send(i);
	return 0;
}
