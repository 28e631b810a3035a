/* test_config_value.c: one value at a time: units, addresses, origins, names, and what was meant. */
#include "check.h"

#include "app/config_value.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>

static struct buf why;

static const char *said(void)
{
	return why.data;
}

/* --- quantities; no why: it is right, and value is what it says --- */

struct row {
	const char *text;
	uint64_t value;
	const char *why;
};

static const struct row durations[] = {
	{"0", 0, NULL}, {"0s", 0, NULL}, {"100ms", 100, NULL}, {"2s", 2000, NULL}, {"1.5s", 1500, NULL}, {".5s", 500, NULL},
	{"0.1s", 100, NULL}, {"2m", 120000, NULL}, {"2min", 120000, NULL}, {"1h", 3600000, NULL}, {"1h30m", 5400000, NULL},
	{"1d", 86400000, NULL}, {"24h", 86400000, NULL}, {"5 min", 300000, NULL}, {"007s", 7000, NULL},
	{"2", 0, "needs a unit: d, h, min, m, s or ms"}, {"1h30", 0, "needs a unit"}, {"2x", 0, "unknown unit"},
	{"2mins", 0, "unknown unit"}, {"", 0, "not a number"}, {"s", 0, "not a number"}, {"-1s", 0, "not a number"},
	{"+1s", 0, "not a number"}, {".s", 0, "not a number"}, {"1.5ms", 0, "finer"}, {"0x10s", 0, "unknown unit"},
	{"1e3s", 0, "unknown unit"}, {"inf", 0, "not a number"}, {"nan", 0, "not a number"}, {"1s ", 0, "not a number"},
	{"99999999999999999999s", 0, "not a number"}, {"999999999999999999d", 0, "beyond all bounds"},
};
static const struct row sizes[] = {
	{"0", 0, NULL}, {"1000", 1000, NULL}, {"1B", 1, NULL}, {"1kB", 1000, NULL}, {"1MB", 1000000, NULL},
	{"1MiB", 1048576, NULL}, {"1mib", 1048576, NULL}, {"1.5MB", 1500000, NULL}, {"2GiB", UINT64_C(2) << 30, NULL},
	{"1M", 0, "unknown unit; there are: GiB, GB, MiB, MB, KiB, kB or B"}, {"1.5", 0, "finer"}, {"-1", 0, "not a number"},
	{"1MB1", 0, "needs a unit"}, {"", 0, "not a number"},
};
static const struct row counts[] = {
	{"0", 0, NULL}, {"12", 12, NULL}, {"", 0, "not a whole number"}, {"1.0", 0, "not a whole number"},
	{"-1", 0, "not a whole number"}, {"1k", 0, "not a whole number"}, {"9999999999999999999", 0, "not a whole number"},
};

static void check_rows(const struct row *rows, size_t n, bool (*parse)(const char *, uint64_t *, struct buf *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 4711;
		bool ok;

		buf_reset(&why);
		ok = parse(rows[i].text, &value, &why);
		CHECK(ok == !rows[i].why, "%s: %s", rows[i].text, said());
		CHECK(value == (ok ? rows[i].value : 4711), "%s: %ju", rows[i].text, (uintmax_t)value);
		CHECK(ok ? !why.len : strstr(said(), rows[i].why) != NULL, "%s: %s", rows[i].text, said());
	}
}

static void test_quantities(void **state)
{
	(void)state;
	check_rows(durations, ROWS(durations), duration_parse);
	check_rows(sizes, ROWS(sizes), size_parse);
	check_rows(counts, ROWS(counts), count_parse);
}

static void test_percent(void **state)
{
	static const struct {
		const char *text;
		double value; /* negative: it is wrong */
	} rows[] = {{"80%", 80}, {"80", 80}, {"0.5%", .5}, {"100%", 100}, {"100.1%", -1}, {"%", -1}, {"80%%", -1}, {"-1", -1}, {"", -1}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		double value = -1;

		percent_parse(rows[i].text, &value, &why);
		CHECK(value == rows[i].value, "%s: %g", rows[i].text, value);
	}
}

static void test_bool(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: it is wrong */
	} rows[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"on", 1}, {"off", 0}, {"TRUE", 1}, {"1", -1}, {"", -1}, {"maybe", -1}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool value = false, ok = bool_parse(rows[i].text, &value, &why);

		CHECK((ok ? (int)value : -1) == rows[i].value, "%s", rows[i].text);
	}
}

/* What is printed is read as the same again. */
static void test_print(void **state)
{
	static const struct {
		uint64_t ms;
		const char *duration, *size;
	} rows[] = {
		{0, "0", "0"}, {1, "1ms", "1"}, {1000, "1s", "1kB"}, {1024, "1024ms", "1KiB"}, {1500, "1500ms", "1500"},
		{60000, "1min", "60kB"}, {5400000, "90min", "5400kB"}, {86400000, "1d", "84375KiB"}, {1048576, "1048576ms", "1MiB"},
		{1000000, "1000s", "1MB"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t again = 1;

		buf_reset(&why);
		duration_print(rows[i].ms, &why);
		CHECK(strcmp(said(), rows[i].duration) == 0, "%s: %s", rows[i].duration, said());
		assert_true(duration_parse(rows[i].duration, &again, &why));
		assert_int_equal(again, rows[i].ms);
		buf_reset(&why);
		size_print(rows[i].ms, &why);
		CHECK(strcmp(said(), rows[i].size) == 0, "%s: %s", rows[i].size, said());
		assert_true(size_parse(rows[i].size, &again, &why));
		assert_int_equal(again, rows[i].ms);
	}
}

/* --- addresses --- */

static const struct {
	const char *text, *want; /* NULL: it is wrong */
	int family;
	bool loopback;
	const char *why;
} addresses[] = {
	{"127.0.0.1:8338", "127.0.0.1:8338", AF_INET, true, NULL},
	{"127.9.9.9:1", "127.9.9.9:1", AF_INET, true, NULL},
	{"127.0.0.1", "127.0.0.1:8338", AF_INET, true, NULL},
	{"localhost:0", "127.0.0.1:0", AF_INET, true, NULL},
	{"0.0.0.0:65535", "0.0.0.0:65535", AF_INET, false, NULL},
	{"10.0.0.1:80", "10.0.0.1:80", AF_INET, false, NULL},
	{"[::1]:80", "[::1]:80", AF_INET6, true, NULL},
	{"[::1]", "[::1]:8338", AF_INET6, true, NULL},
	{"[::]:0", "[::]:0", AF_INET6, false, NULL},
	{"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", AF_INET6, true, NULL},
	{"[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1", AF_INET6, false, NULL},
	{"[fe80::1%lo]:1", "[fe80::1%lo]:1", AF_INET6, false, NULL},
	{"[fe80::1%nope]:1", NULL, 0, false, "not an address and a port"},
	{"::1", NULL, 0, false, "written in brackets: [::1]:8338"},
	{"8338", NULL, 0, false, "names no address"},
	{":8338", NULL, 0, false, "names no address"},
	{"*:8338", NULL, 0, false, "names no address"},
	{"", NULL, 0, false, "names no address"},
	{"example.org:80", NULL, 0, false, "names are not looked up"},
	{"http://127.0.0.1:80", NULL, 0, false, "not an address and a port"},
	{"127.0.0.1:", NULL, 0, false, "not an address and a port"},
	{"127.0.0.1:65536", NULL, 0, false, "not an address and a port"},
	{"127.0.0.1:-1", NULL, 0, false, "not an address and a port"},
	{"127.0.0.1:80x", NULL, 0, false, "not an address and a port"},
	{"127.1:80", NULL, 0, false, "not an address and a port"},
	{"[::1", NULL, 0, false, "not an address and a port"},
	{"[::1]80", NULL, 0, false, "not an address and a port"},
	{"[]:80", NULL, 0, false, "not an address and a port"},
	{"[127.0.0.1]:80", NULL, 0, false, "not an address and a port"},
	{"256.0.0.1:80", NULL, 0, false, "not an address and a port"},
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(addresses); i++) {
		struct config_addr a = {.port = 4711};
		bool ok;

		buf_reset(&why);
		ok = addr_parse(addresses[i].text, &a, &why);
		CHECK(ok == (addresses[i].want != NULL), "%s: %s", addresses[i].text, said());
		if (!ok) {
			CHECK(strstr(said(), addresses[i].why), "%s: %s", addresses[i].text, said());
			CHECK(a.port == 4711, "%s", addresses[i].text);
			continue;
		}
		CHECK(strcmp(a.text, addresses[i].want) == 0, "%s: %s", addresses[i].text, a.text);
		CHECK(a.sa.ss_family == addresses[i].family, "%s", addresses[i].text);
		CHECK(a.loopback == addresses[i].loopback, "%s", addresses[i].text);
		addr_release(&a);
	}
}

static void test_sockaddr(void **state)
{
	struct config_addr a;
	const struct sockaddr_in *ip4;
	const struct sockaddr_in6 *ip6;

	(void)state;
	assert_true(addr_parse("1.2.3.4:258", &a, &why));
	ip4 = (const struct sockaddr_in *)&a.sa;
	assert_int_equal(ntohl(ip4->sin_addr.s_addr), 0x01020304);
	assert_int_equal(ntohs(ip4->sin_port), 258);
	assert_int_equal(a.sa_len, sizeof *ip4);
	addr_release(&a);
	assert_true(addr_parse("[fe80::1%lo]:258", &a, &why));
	ip6 = (const struct sockaddr_in6 *)&a.sa;
	assert_int_equal(ip6->sin6_addr.s6_addr[15], 1);
	assert_int_equal(ip6->sin6_scope_id, if_nametoindex("lo"));
	assert_int_equal(ntohs(ip6->sin6_port), 258);
	assert_int_equal(a.sa_len, sizeof *ip6);
	addr_release(&a);
}

/* --- origins and host names: text → normal form; NULL: it is wrong --- */

static const struct words {
	const char *text, *want, *why;
} origins[] = {
	{"*", "*", NULL},
	{"https://Example.org", "https://example.org", NULL},
	{"https://example.org:8443", "https://example.org:8443", NULL},
	{"https://example.org:443", "https://example.org", NULL},
	{"http://example.org:80", "http://example.org", NULL},
	{"HTTP://example.org:80", "http://example.org", NULL},
	{"http://example.org:443", "http://example.org:443", NULL},
	{"http://[::1]:3000", "http://[::1]:3000", NULL},
	{"capacitor://localhost", "capacitor://localhost", NULL},
	{"https://example.org/", NULL, "without a path"},
	{"https://example.org/x", NULL, "without a path"},
	{"https://example.org:1/x", NULL, "without a path"},
	{"https://", NULL, "not an origin"},
	{"example.org", NULL, "not an origin"},
	{"https://a b", NULL, "not an origin"},
	{"https://*.example.org", NULL, "not an origin"},
	{"https://example.org:", NULL, "not an origin"},
	{"https://example.org:x", NULL, "not an origin"},
	{"http://[::1", NULL, "not an origin"},
	{"http://[", NULL, "not an origin"},
	{"", NULL, "not an origin"},
}, web_addresses[] = {
	{"https://Vedette.Example.org", "https://vedette.example.org/", NULL},
	{"HTTP://[::1]:8338/Watch", "http://[::1]:8338/Watch/", NULL},
	{"http://10.0.0.1:80/a/b/", "http://10.0.0.1:80/a/b/", NULL},
	{"https://v.example.org:70000/", NULL, "not where a browser finds"},
	{"https://v.example.org:", NULL, "not where a browser finds"},
	{"https://[::1]x/", NULL, "not where a browser finds"},
	{"https://name:word@v.example.org/", NULL, "without a name"},
	{"https://v.example.org/?a=b", NULL, "a query"},
	{"https://v.example.org/#/alerts", NULL, "or a #"},
	{"https://v.example.org/a b", NULL, "not where a browser finds"},
	{"https://v.example.org/\"><x", NULL, "not where a browser finds"},
	{"https://", NULL, "not where a browser finds"},
	{"ftp://v.example.org/", NULL, "not where a browser finds"},
	{"v.example.org", NULL, "not where a browser finds"},
}, hosts[] = {
	{"Atlas.example.org", "atlas.example.org", NULL},
	{"my_host-1", "my_host-1", NULL},
	{"10.0.0.1", "10.0.0.1", NULL},
	{"[::1]", "[::1]", NULL},
	{"atlas:80", NULL, "without a port"},
	{"https://atlas", NULL, "only the host's name"},
	{"*.example.org", NULL, "no wildcard"},
	{".example.org", NULL, "not a host's name"},
	{"-x", NULL, "not a host's name"},
	{"a b", NULL, "not a host's name"},
	{"", NULL, "not a host's name"},
};

static void check_words(const struct words *rows, size_t n, bool (*parse)(const char *, char **, struct buf *))
{
	for (size_t i = 0; i < n; i++) {
		char *got = NULL;
		bool ok;

		buf_reset(&why);
		ok = parse(rows[i].text, &got, &why);
		CHECK(ok == (rows[i].want != NULL), "%s: %s", rows[i].text, said());
		CHECK(ok ? strcmp(got, rows[i].want) == 0 : !got && strstr(said(), rows[i].why), "%s: %s %s", rows[i].text,
			got ? got : "", said());
		free(got);
	}
}

static void test_origins_and_hosts(void **state)
{
	char *got = NULL, name[256];

	(void)state;
	check_words(origins, ROWS(origins), origin_parse);
	check_words(web_addresses, ROWS(web_addresses), web_address_parse);
	check_words(hosts, ROWS(hosts), host_parse);
	memset(name, 'a', 254);
	name[254] = '\0';
	assert_false(host_parse(name, &got, &why)); /* RFC 1035 2.3.4 */
	name[253] = '\0';
	assert_true(host_parse(name, &got, &why));
	free(got);
}

/* --- did you mean --- */

static void test_nearest(void **state)
{
	static const char *const known[] = {"listen", "push_interval", "min_rate", "hosts", "log_level", "cpu"};
	static const struct {
		const char *word, *want; /* NULL: nothing is near */
	} rows[] = {
		{"listn", "listen"}, {"lsiten", "listen"}, {"listenn", "listen"}, {"Listen", "listen"}, {"pushinterval", "push_interval"},
		{"push-interval", "push_interval"}, {"host", "hosts"}, {"loglevel", "log_level"}, {"cpux", "cpu"}, {"gpu", "cpu"},
		{"port", NULL}, {"foo", NULL}, {"", NULL}, {"x", NULL},
		{"a_name_that_is_longer_than_every_key_that_there_can_be", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct nearest near;

		nearest_init(&near, rows[i].word);
		for (size_t j = 0; j < ROWS(known); j++)
			nearest_try(&near, known[j]);
		CHECK(near.best ? rows[i].want && strcmp(near.best, rows[i].want) == 0 : !rows[i].want, "%s: %s", rows[i].word,
			near.best ? near.best : "nothing");
	}
}

static int setup(void **state)
{
	(void)state;
	buf_init(&why, SIZE_MAX / 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&why);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_origins_and_hosts),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
