/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_bench.h"

#include <sys/syscall.h>
#include <sys/uio.h>

char path[] = "/tmp/volt-blk-XXXXXX";
int file = -1;
struct fake_driver *driver;
size_t ram_size = RAM_SIZE;
struct blk_libc libc;

static int corrupt(char call, int fd)
{
	const size_t n = strlen(libc.log);

	if (n + 1 < sizeof(libc.log))
		libc.log[n] = call;
	if (libc.before)
		libc.before(call, fd);
	if (libc.interrupts) {
		libc.interrupts--;
		errno = EINTR;
		return -1;
	}
	errno = libc.err;
	return libc.err ? -1 : 0;
}

static ssize_t transfer(long number, int fd, const struct iovec *v, int count, off_t off)
{
	struct iovec first = v[0];
	size_t n = 0;

	libc.moves++;
	for (int i = 0; i < count; i++) {
		n += v[i].iov_len;
		if (((uintptr_t)v[i].iov_base | v[i].iov_len) % 512)
			libc.aligned = false;
	}
	if (corrupt(number == SYS_preadv ? 'r' : 'w', fd))
		return -1;
	errno = EIO;
	if (libc.most_right && n > libc.most_right)
		return -1;
	if (libc.bad && (uint64_t)off <= libc.bad && libc.bad - (uint64_t)off < n)
		return -1;
	if (libc.most) {
		first.iov_len = first.iov_len < libc.most ? first.iov_len : libc.most;
		v = &first;
		count = 1;
	}
	return syscall(number, fd, v, count, off, 0);
}

ssize_t preadv(int fd, const struct iovec *v, int count, off_t off)
{
	return transfer(SYS_preadv, fd, v, count, off);
}

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t off)
{
	return transfer(SYS_pwritev, fd, v, count, off);
}

int fdatasync(int fd)
{
	libc.syncs++;
	return corrupt('s', fd);
}

int fallocate(int fd, int mode, off_t off, off_t n)
{
	if (mode == FALLOC_FL_ZERO_RANGE)
		libc.zero_ranges++;
	else
		libc.punches++;
	if (corrupt('f', fd))
		return -1;
	errno = libc.fallocate_err;
	if (libc.fallocate_err)
		return -1;
	/* /tmp may not know ZERO_RANGE; within the file a hole reads the same. */
	return (int)syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, n);
}

/* -------------------------------------------------------------------- bench */

uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at / 512 * 7 + at % 512 * 3 + 1);
}

void fill_file(void)
{
	static uint8_t bytes[BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(pwrite(file, bytes, sizeof(bytes), 0), sizeof(bytes));
}

int make_file(void **state)
{
	snprintf(path, sizeof(path), "/tmp/volt-blk-XXXXXX");
	file = mkstemp(path);
	return file < 0 ? -1 : 0;
}

int remove_file(void **state)
{
	close(file);
	return unlink(path);
}

int start_with(void **state, const char *params, uint64_t features, unsigned queues)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);

	libc = (struct blk_libc){.aligned = true};
	if (fake_host_wire(f, params) || fake_host_run(f)) {
		print_error("%s\n", fake_host_message(f));
		fake_host_destroy(f);
		return -1;
	}
	driver = fake_driver_create(f, RAM, ram_size);
	*state = f;
	return !fake_driver_start(driver, features, queues, 16);
}

int start(void **state, const char *more, uint64_t features, unsigned queues)
{
	char params[256];

	fill_file();
	snprintf(params, sizeof(params), "disk=%s%s", path, more);
	return start_with(state, params, features, queues);
}

int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(*state);
	return 0;
}

uint8_t *at(uint64_t gpa)
{
	return fake_driver_at(driver, gpa);
}

void put_header(uint32_t type, uint64_t sector)
{
	volt_put_le32(at(HEADER), type);
	volt_put_le32(at(HEADER) + 4, 0xffffffff); /* reserved: nobody looks */
	volt_put_le64(at(HEADER) + 8, sector);
	*at(STATUS) = UNTOUCHED;
}

long send_chain(unsigned queue, const struct fake_segment *s, unsigned n)
{
	uint32_t head, len;

	if (fake_driver_add(driver, queue, s, n, FAKE_INDIRECT) < 0)
		return -1;
	fake_driver_kick(driver, queue);
	return fake_driver_used(driver, queue, &head, &len) ? (long)len : -1;
}

long send_request(uint32_t type, uint64_t sector, uint32_t n)
{
	const bool writable = type != OUT && type != DISCARD && type != WRITE_ZEROES;
	const struct fake_segment s[] = {
	    {HEADER, 16, false}, {DATA, n, writable}, {STATUS, 1, true}};

	put_header(type, sector);
	return send_chain(0, s, 3);
}

void expect(uint32_t type, uint64_t sector, uint32_t n, uint8_t status, long used)
{
	assert_int_equal(send_request(type, sector, n), used);
	assert_int_equal(*at(STATUS), status);
}

static uint64_t header(unsigned i)
{
	return HEADER + 32 * i;
}

uint64_t data(unsigned i)
{
	return DATA + 4096 * i;
}

uint64_t status(unsigned i)
{
	return STATUS + 16 * i;
}

void show(unsigned i, uint32_t type, uint64_t sector, uint32_t n, unsigned shift)
{
	const struct fake_segment s[] = {
	    {header(i), 16, false}, {data(i) + shift, n, type == IN}, {status(i), 1, true}};

	volt_put_le32(at(header(i)), type);
	volt_put_le64(at(header(i)) + 8, sector);
	*at(status(i)) = UNTOUCHED;
	assert_true(fake_driver_add(driver, 0, s, 3, FAKE_INDIRECT) >= 0);
}

void expect_all(unsigned count, uint8_t right)
{
	uint32_t head, len;

	for (unsigned i = 0; i < count; i++) {
		assert_true(fake_driver_used(driver, 0, &head, &len));
		assert_int_equal(*at(status(i)), right);
	}
	assert_false(fake_driver_used(driver, 0, &head, &len));
}

void expect_data(unsigned i, uint64_t sector, uint32_t n, unsigned shift)
{
	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(*at(data(i) + shift + k), pattern(sector * 512 + k));
}

void put_range(unsigned i, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t *p = at(DATA + 16 * i);

	volt_put_le64(p, sector);
	volt_put_le32(p + 8, sectors);
	volt_put_le32(p + 12, flags);
}

bool file_is_old_but(uint64_t zero, uint64_t zeroes)
{
	static uint8_t bytes[BYTES];

	assert_int_equal(pread(file, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (uint64_t i = 0; i < BYTES; i++) {
		const bool gone = i / 512 >= zero && i / 512 - zero < zeroes;

		if (bytes[i] != (gone ? 0 : pattern(i)))
			return false;
	}
	return true;
}

uint64_t config(unsigned off)
{
	return fake_driver_get(driver, FAKE_REG_CONFIG + off);
}
