/* test_collectors_parts.c: what collectors are made of: words and numbers, rates, rosters, mounts, /proc/PID/stat,
 * Prometheus' samples. */
#include "collectors/mounts.h"
#include "collectors/process.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"
#include "collectors/sockets.h"
#include "collectors/users.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CHECK(cond, ...)                                  \
	do {                                              \
		if (!(cond)) {                            \
			print_error("row: " __VA_ARGS__); \
			print_error("\n");                \
			fail_msg("%s", #cond);            \
		}                                         \
	} while (0)
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct text of(const char *s)
{
	return text_of(s, strlen(s));
}

/* --- text --- */

static void test_numbers(void **unused)
{
	static const struct {
		const char *text;
		bool is_u64, is_i64, is_f64;
		double value;
		const char *rest;
	} rows[] = {
		{ "42", true, true, true, 42, "" },
		{ "  7 8", true, true, true, 7, " 8" },
		{ "18446744073709551615", true, false, true, 18446744073709551615.0, "" },
		{ "18446744073709551616", false, false, false, 0, "" },
		{ "9223372036854775807", true, true, true, 9223372036854775807.0, "" },
		{ "-5 x", false, true, false, -5, " x" },
		{ "- 5", false, false, false, 0, "" },
		{ "", false, false, false, 0, "" },
		{ "x1", false, false, false, 0, "" },
		{ "12x", true, true, true, 12, "x" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text u = of(rows[i].text), s = u, f = u;
		uint64_t un = 77;
		int64_t sn = 77;
		double fn = 77;

		CHECK(text_u64(&u, &un) == rows[i].is_u64, "u64 \"%s\"", rows[i].text);
		CHECK(text_i64(&s, &sn) == rows[i].is_i64, "i64 \"%s\"", rows[i].text);
		CHECK(text_f64(&f, &fn) == rows[i].is_f64, "f64 \"%s\"", rows[i].text);
		CHECK(rows[i].is_u64 ? (double)un == rows[i].value && text_is(&u, rows[i].rest) :
		                       un == 77 && text_is(&u, rows[i].text), "u64 \"%s\"", rows[i].text);
		CHECK(rows[i].is_i64 ? (double)sn == rows[i].value && text_is(&s, rows[i].rest) :
		                       sn == 77 && text_is(&s, rows[i].text), "i64 \"%s\"", rows[i].text);
		CHECK(rows[i].is_f64 ? fn == rows[i].value && text_is(&f, rows[i].rest) :
		                       fn == 77 && text_is(&f, rows[i].text), "f64 \"%s\"", rows[i].text);
	}
}

static void test_fractions(void **unused)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = { { "0.13", 0.13 }, { "82001.33", 82001.33 }, { "12.", 12 }, { "7.000", 7 }, { "1.5.6", 1.5 } };

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text t = of(rows[i].text);
		double value = NAN;

		CHECK(text_f64(&t, &value) && fabs(value - rows[i].value) < 1e-9, "%s gives %.12f", rows[i].text, value);
	}
}

static void test_clean(void **unused)
{
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
		{ "plain", 16, "plain" },
		{ "a\nb\tc\x7f", 16, "a?b?c?" },
		{ "\x1b[31mred", 16, "?[31mred" },
		{ "\xc2\x9b" "31m", 16, "?31m" },
		{ "\xff\xc3\xbc\xe2\x82", 16, "?\xc3\xbc??" },
		{ "\xc0\xaf\xed\xa0\x80", 16, "?????" },
		{ "caf\xc3\xa9", 5, "caf" },
		{ "caf\xc3\xa9", 6, "caf\xc3\xa9" },
		{ "\xe2\x82\xac\xe2\x82\xac", 6, "\xe2\x82\xac" },
		{ "abc", 1, "" },
		{ "", 4, "" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text t = of(rows[i].in);
		char out[32];
		size_t len = text_clean(&t, out, rows[i].size);

		CHECK(!strcmp(out, rows[i].out) && len == strlen(out), "%zu: \"%s\"", i, out);
	}
}

static void test_unescape(void **unused)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "/srv/My\\040Files", "/srv/My Files" }, { "/a\\134b", "/a\\b" }, { "/t\\011x\\012", "/t\tx\n" },
		{ "/x\\04", "/x\\04" },                   { "/x\\", "/x\\" },       { "/x\\0", "/x\\0" },
		{ "/x\\089", "/x\\089" },                 { "/x\\400", "/x\\400" }, { "\\377", "\377" },
		{ "", "" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text t = of(rows[i].in);
		char out[64];

		text_unescape(&t, out, sizeof out);
		CHECK(!strcmp(out, rows[i].out), "%s gives %s", rows[i].in, out);
	}
}

/* --- rates --- */

static void test_delta(void **unused)
{
	static const uint64_t wrap = UINT64_C(1) << 32;
	const struct {
		uint64_t before, now;
		double most, delta; /* NaN: a gap */
	} rows[] = {
		{ 10, 15, 1e9, 5 },
		{ 10, 10, 1e9, 0 },
		{ wrap - 10, 5, 1e9, 15 },                 /* 32 bits went round */
		{ wrap - 10, 5, 14, NAN },                 /* … but further than can be */
		{ wrap / 2, 5, 1e9, NAN },                 /* far from the edge: a restart */
		{ wrap - 10, wrap / 2, 1e12, NAN },
		{ wrap + 10, 5, 1e9, NAN },                /* more than 32 bits: a restart */
		{ UINT64_MAX, 0, 1e30, NAN },
		{ 0, 2000000000, 1e9, NAN },               /* a jump that cannot be */
		{ 5, wrap + 5, 1e12, 4294967296.0 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double d = counter_delta(rows[i].before, rows[i].now, rows[i].most);

		CHECK(isnan(rows[i].delta) ? isnan(d) : d == rows[i].delta, "%zu gives %g", i, d);
	}
}

static void test_span(void **unused)
{
	struct span span = { 0 };

	(void)unused;
	assert_false(span_next(&span, &(struct collect_time){ .mono_ns = 5000000000 }));
	assert_true(span_next(&span, &(struct collect_time){ .mono_ns = 7500000000 }));
	assert_true(span.s == 2.5);
	assert_false(span_next(&span, &(struct collect_time){ .mono_ns = 7500000000 })); /* no time: no rate */
}

struct thing {
	struct roster_item item;
	int seen;
};

/* Meets the things that are named by single letters. */
static void meet(struct roster *r, const char *letters)
{
	roster_begin(r);
	for (; *letters; letters++) {
		struct text name = text_of(letters, 1);
		struct thing *t = roster_meet(r, &name);

		if (t)
			t->seen++;
	}
	roster_end(r);
}

static void test_roster(void **unused)
{
	struct roster r = { .item_bytes = sizeof(struct thing), .most = 3 };
	struct thing *a;

	(void)unused;
	meet(&r, "ab");
	a = (struct thing *)r.items[0];
	assert_true(r.n == 2 && a->item.fresh);
	meet(&r, "cba");                /* in another order */
	assert_true(r.n == 3 && r.items[0] == &a->item && a->seen == 2 && !a->item.fresh && r.items[2]->fresh);
	meet(&r, "abcd");               /* one more than it takes */
	assert_true(r.n == 3);
	meet(&r, "d");                  /* all others went, but it was full until now */
	assert_int_equal(r.n, 0);
	meet(&r, "d");
	assert_true(r.n == 1 && !strcmp(r.items[0]->name, "d") && r.items[0]->fresh);
	meet(&r, "a");                  /* and came back as somebody else */
	assert_true(r.n == 1 && ((struct thing *)r.items[0])->seen == 1 && r.items[0]->fresh);
	meet(&r, "");
	assert_int_equal(r.n, 0);
	roster_release(&r);
}

/* --- sources --- */

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static void test_source(void **unused)
{
	char folder[] = "/tmp/vedette-XXXXXX", path[64], line[8];
	struct source s = { 0 };
	struct text t;
	int64_t n;

	(void)unused;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/f", folder);
	assert_int_equal(source_open(&s, folder, "f", 5000), -ENOENT);
	source_close(&s); /* closing what is not open is nothing */
	put_file(path, "one\n");
	assert_int_equal(source_open(&s, folder, "f", 5000), 0);
	assert_int_equal(source_read(&s), 0);
	t = source_text(&s);
	assert_true(text_is(&t, "one\n"));
	put_file(path, "");             /* the same file, read anew */
	assert_int_equal(source_read(&s), 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(truncate(path, 4000), 0);
	assert_int_equal(source_read(&s), 0);
	assert_int_equal(s.len, 4000);
	assert_int_equal(truncate(path, 100000), 0);
	assert_int_equal(source_read(&s), -EFBIG);
	source_close(&s);
	put_file(path, "0x1003  \n\n");
	assert_int_equal(read_line(AT_FDCWD, path, line, sizeof line), 6);
	assert_int_equal(read_i64(AT_FDCWD, path, &n), 0);
	assert_int_equal(n, 0x1003);
	put_file(path, "12 volts\n");
	assert_int_equal(read_i64(AT_FDCWD, path, &n), -EINVAL);
	assert_int_equal(read_once(AT_FDCWD, path, line, sizeof line), 7); /* cut */
	unlink(path);
	assert_int_equal(read_i64(AT_FDCWD, path, &n), -ENOENT);
	rmdir(folder);
}

/* --- mounts --- */

static void test_mounts(void **unused)
{
	static const struct {
		const char *line;
		bool kept, series, exposed, remote, readonly;
	} rows[] = {
		{ "/dev/sda1 / ext4 rw,relatime 0 0", true, true, true, false, false },
		{ "/dev/sda1 / ext4 relatime,ro 0 0", true, true, true, false, true },
		{ "/dev/sda1 / ext4 ro 0 0", true, true, true, false, true },
		{ "/dev/sda1 / ext4 rw,errors=remount-ro 0 0", true, true, true, false, false },
		{ "proc /proc proc rw 0 0", false, false, false, false, false },
		{ "tmpfs /dev/shm tmpfs rw 0 0", false, false, false, false, false },
		{ "tmpfs /development tmpfs rw 0 0", true, true, true, false, false },
		{ "tmpfs /tmp tmpfs rw 0 0", true, true, true, false, false },
		{ "tmpfs /run tmpfs rw 0 0", false, false, false, false, false },
		{ "/dev/sdb1 /run/media/anna/disk ext4 rw 0 0", true, true, false, false, false },
		{ "/dev/sdb1 /mnt ext4 rw 0 0", true, true, false, false, false },
		{ "/dev/sdb1 /media/x ext4 rw 0 0", true, true, false, false, false },
		{ "overlay / overlay rw 0 0", true, true, false, false, false },
		{ "overlay /x overlay rw 0 0", false, false, false, false, false },
		{ "/dev/sda1 /var/lib/docker ext4 rw 0 0", true, true, true, false, false },
		{ "/dev/sda1 /var/lib/docker/volumes/a ext4 rw 0 0", false, false, false, false, false },
		{ "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", false, false, false, false, false },
		{ "nas:/x /srv nfs4 rw 0 0", true, true, true, true, false },
		{ "sshfs /home/a/b fuse.sshfs rw 0 0", true, true, true, true, false },
		{ "/dev/sda1 /x", false, false, false, false, false },
		{ "", false, false, false, false, false },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mounts m;

		mounts_parse(of(rows[i].line), 10, &m);
		CHECK(m.n == rows[i].kept, "%s", rows[i].line);
		if (m.n)
			CHECK(m.at->series == rows[i].series && m.at->exposed == rows[i].exposed &&
			      m.at->remote == rows[i].remote && m.at->readonly == rows[i].readonly, "%s", rows[i].line);
		mounts_release(&m);
	}
}

static void test_many_mounts(void **unused)
{
	static const char text[] = "a /a ext4 rw 0 0\na /a ext4 rw 0 0\nb /a ext4 rw 0 0\nc /c ext4 rw 0 0\nd /d ext4 rw 0 0\n";
	struct mounts m;

	(void)unused;
	mounts_parse(of(text), 3, &m);
	assert_true(m.n == 3 && !strcmp(m.at[1].device, "b") && !strcmp(m.at[2].point, "/c"));
	mounts_release(&m);
}

/* --- processes, sockets --- */

static void test_stat(void **unused)
{
	static const char rest[] = " 1 7 7 0 -1 4194560 10 0 0 0 11 22 0 0 20 0 3 0 500 1000 250 18446744073709551615 1\n";
	static const struct {
		const char *head, *name;
		char state;
	} rows[] = {
		{ "7 (bash) S", "bash", 'S' },       { "7 (a) R 1 (b) D", "a) R 1 (b", 'D' },
		{ "7 (new\nline) Z", "new\nline", 'Z' }, { "7 () T", "", 'T' },
		{ "7 ()) I", ")", 'I' },             { "7 (() S", "(", 'S' },
		{ "7 ( x ) S", " x ", 'S' },
	};
	static const char *const bad[] = { "", "7", "7 (bash", "7 bash) S 1", "(bash) S 1", "7 (bash)", "7 (bash) S",
	                                   "7 (bash) S 1 2 3 4 5 6 7 8 9", "7 (bash) S x", ") 7 (bash" };
	char text[256];
	struct process_stat st;

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, "%s%s", rows[i].head, rest);
		CHECK(process_parse_stat(of(text), &st), "%s", text);
		CHECK(text_is(&st.name, rows[i].name) && st.state == rows[i].state && st.pid == 7, "%s", text);
		CHECK(st.ppid == 1 && st.cpu_ticks == 33 && st.threads == 3 && st.start_ticks == 500 && st.rss_pages == 250 &&
		      !st.kernel, "%s", text);
		for (size_t cut = 0; cut < strlen(text) - 30; cut++) /* cut short: false, or the whole of what is used */
			CHECK(!process_parse_stat(text_of(text, cut), &st) || cut > strlen(text) - 32, "%zu of %s", cut, text);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK(!process_parse_stat(of(bad[i]), &st), "%s", bad[i]);
}

static void test_states(void **unused)
{
	uint64_t n[TCP_STATES] = { 0 };

	(void)unused;
	sockets_count_states(of("  sl  local_address rem_address   st tx_queue\n"
	                        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
	                        "   1: 0100007F:1F90 0100007F:0050 01 x\n"
	                        "   2: 0100007F:1F90 0100007F:0050 0C x\n"
	                        "   3: 0100007F:1F90 0100007F:0050 FF x\n"
	                        "   4: 0100007F:1F90 0100007F:0050\n"), n);
	assert_true(n[10] == 1 && n[1] == 1 && n[TCP_SYN_RECV_STATE] == 1);
	for (size_t i = 0, sum = 0; i < TCP_STATES; i++) {
		sum += n[i];
		assert_true(sum <= 3);
	}
}

static void test_users(void **unused)
{
	static const struct {
		uint32_t uid;
		const char *name;
	} rows[] = { { 0, "root" }, { 1000, "anna" }, { 1001, "j\xc3\xb6rg" }, { 4242, "4242" }, { 4294967295u, "4294967295" },
		     { 998, "systemd-network-with-a-very-long" } };
	struct users *u = users_new("tests/fixtures/laptop/0/root");
	char name[33];

	(void)unused;
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			users_name(u, rows[i].uid, name, sizeof name);
			CHECK(!strcmp(name, rows[i].name), "%u is %s", rows[i].uid, name);
		}
	for (uint32_t uid = 5000; uid < 6000; uid++) /* more than are remembered */
		users_name(u, uid, name, sizeof name);
	assert_string_equal(name, "5999");
	users_free(u);
}

/* --- Prometheus --- */

static void test_prom(void **unused)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },           { -3, "-3" },         { 0.1, "0.1" },       { 4.83555, "4.83555" },
		{ 9007199254740992.0, "9.00719925474099e+15" }, { 1.0 / 3, "0.33333333333333331" }, { NAN, "NaN" },
		{ INFINITY, "+Inf" }, { 123456789012.0, "123456789012" },
	};
	struct buf b;
	char want[64];

	(void)unused;
	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_reset(&b);
		prom_sample(&b, "m", rows[i].value, (const char *)NULL);
		snprintf(want, sizeof want, "m %s\n", rows[i].text);
		if (!isnan(rows[i].value) && strtod(b.data + 2, NULL) == rows[i].value && i == 4)
			continue; /* past 2^53 any form that reads back is right */
		CHECK(!strcmp(b.data, want), "%s, not %s", b.data, want);
	}
	buf_reset(&b);
	prom_sample(&b, "m", 1, "a", "x\"y\\z", "b", "\xff\n", NULL);
	assert_string_equal(b.data, "m{a=\"x\\\"y\\\\z\",b=\"??\"} 1\n");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_fractions), cmocka_unit_test(test_clean),
		cmocka_unit_test(test_unescape), cmocka_unit_test(test_delta), cmocka_unit_test(test_span),
		cmocka_unit_test(test_roster), cmocka_unit_test(test_source), cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_many_mounts), cmocka_unit_test(test_stat), cmocka_unit_test(test_states),
		cmocka_unit_test(test_users), cmocka_unit_test(test_prom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
