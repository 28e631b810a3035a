/* test_base.c: buffers, maps against a model, lists, base64, UTF-8, ids, the log. */
#include "check.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/utf8.h"

#include <stdlib.h>

/* --- buf --- */

static void buf_grows_to_its_ceiling(void **state)
{
	struct buf b;
	char *text;
	size_t n;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(b.data, "");
	buf_adds(&b, "12345");
	buf_addc(&b, '6');
	buf_addu(&b, 78);
	buf_addi(&b, -9);
	assert_string_equal(b.data, "12345678-9");
	assert_false(b.full);
	buf_addc(&b, 'x');
	assert_true(b.full);
	assert_int_equal(b.len, 10);
	buf_adds(&b, "");
	buf_addf(&b, "%d", 1);
	assert_null(buf_room(&b, 1));
	assert_string_equal(b.data, "12345678-9");
	buf_reset(&b);
	assert_false(b.full);
	buf_addf(&b, "%s-%d", "abc", 7);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "c-7");
	text = buf_take(&b, &n);
	assert_string_equal(text, "c-7");
	assert_int_equal(n, 3);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	free(text);
	text = buf_take(&b, NULL); /* also an empty one is the caller's */
	assert_string_equal(text, "");
	free(text);
	buf_release(&b);
}

static void buf_writes_numbers(void **state)
{
	static const struct {
		int64_t n;
		const char *text;
	} rows[] = {{0, "0"}, {9, "9"}, {10, "10"}, {-1, "-1"}, {INT64_MAX, "9223372036854775807"}, {INT64_MIN, "-9223372036854775808"}};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_init(&b, 64);
		buf_addi(&b, rows[i].n);
		CHECK(strcmp(b.data, rows[i].text) == 0, "%s: %s", rows[i].text, b.data);
		buf_release(&b);
	}
	buf_init(&b, 64);
	buf_addu(&b, UINT64_MAX);
	assert_string_equal(b.data, "18446744073709551615");
	buf_release(&b);
}

/* --- map --- */

#define KEYS 64

/* The model: for each key its value, and the time at which it was inserted. */
struct model {
	char *value[KEYS];
	unsigned since[KEYS], now;
	size_t live;
};

static size_t key_text(char out[32], unsigned i)
{
	return (size_t)snprintf(out, 32, "%u%s", i, i % 3 ? "" : "-a-longer-key-than-most");
}

static void compare(struct map *m, const struct model *model)
{
	struct map_iter it = map_begin(m);
	unsigned last = 0;
	size_t n = 0;

	for (struct map_entry *e; (e = map_next(&it)); n++) {
		unsigned i = (unsigned)strtoul(e->key, NULL, 10);

		CHECK(model->value[i] == e->value, "key %s", e->key);
		CHECK(model->since[i] > last, "key %s comes too early", e->key);
		last = model->since[i];
	}
	assert_int_equal(n, model->live);
	assert_int_equal(map_len(m), model->live);
}

static void step(struct map *m, struct model *model, unsigned random)
{
	unsigned i = random % KEYS;
	char key[32];
	size_t n = key_text(key, i);
	char *former = model->value[i], *value = (char *)model + 1 + random % 1000;

	if (random / KEYS % 3) {
		CHECK(map_set(m, key, n, value) == former, "set %s", key);
		if (!former) {
			model->since[i] = ++model->now;
			model->live++;
		}
		model->value[i] = value;
	} else {
		CHECK(map_del(m, key, n) == former, "del %s", key);
		model->live -= former != NULL;
		model->value[i] = NULL;
	}
	assert_ptr_equal(map_get(m, key, n), model->value[i]);
}

static void map_behaves_like_its_model(void **state)
{
	struct model model = {0};
	struct map m;
	unsigned random = 1;

	(void)state;
	map_init(&m);
	for (int i = 0; i < 20000; i++) {
		random = random * 1103515245 + 12345;
		step(&m, &model, random >> 8);
		if (i % 97 == 0)
			compare(&m, &model);
	}
	compare(&m, &model);
	map_release(&m);
}

static void map_changes_while_it_is_walked(void **state)
{
	struct map m;
	struct map_iter it;
	char key[32];
	unsigned seen = 0;
	int value;

	(void)state;
	map_init(&m);
	for (unsigned i = 0; i < 100; i++)
		map_set(&m, key, key_text(key, i), &value);
	it = map_begin(&m);
	for (struct map_entry *e; (e = map_next(&it)) && seen < 400; seen++) {
		unsigned i = (unsigned)strtoul(e->key, NULL, 10);

		map_del(&m, e->key, e->len);
		if (i < 300)
			map_set(&m, key, key_text(key, i + 100), &value);
	}
	assert_int_equal(seen, 400); /* what is added meanwhile comes too */
	assert_int_equal(map_len(&m), 0);
	map_release(&m);
}

static void map_keys_are_bytes(void **state)
{
	struct map m;
	int a, b, c;

	(void)state;
	map_init(&m);
	map_set(&m, "x\0y", 3, &a);
	map_set(&m, "x\0z", 3, &b);
	map_set(&m, "", 0, &c);
	assert_ptr_equal(map_get(&m, "x\0y", 3), &a);
	assert_ptr_equal(map_get(&m, "x\0z", 3), &b);
	assert_ptr_equal(map_get(&m, "", 0), &c);
	assert_null(map_get(&m, "x", 1));
	assert_null(map_del(&m, "x", 1));
	map_release(&m);
}

/* --- list --- */

struct item {
	int n;
	struct link link;
};

static void list_keeps_order(void **state)
{
	struct item items[5] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}, {.n = 4}};
	struct link head, taken;
	int sum = 0, place = 0;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	for (size_t i = 0; i < ROWS(items); i++)
		list_push(&head, &items[i].link);
	list_each(&head, l, after) {
		struct item *at = list_item(l, struct item, link);

		assert_int_equal(at->n, place++);
		if (at->n % 2)
			list_remove(l);
	}
	list_remove(&items[1].link); /* not in a list: nothing */
	assert_false(list_linked(&items[1].link));
	assert_true(list_linked(&items[2].link));
	list_each(&head, l, after)
		sum = sum * 10 + list_item(l, struct item, link)->n;
	assert_int_equal(sum, 24);
	list_take_all(&taken, &head);
	assert_true(list_empty(&head));
	assert_ptr_equal(taken.next, &items[0].link);
	assert_ptr_equal(taken.prev, &items[4].link);
	assert_ptr_equal(items[4].link.next, &taken);
	list_push(&head, &items[1].link); /* what comes meanwhile waits */
	for (size_t i = 0; i < ROWS(items); i += 2)
		list_remove(&items[i].link);
	assert_true(list_empty(&taken));
	list_remove(&items[1].link);
	list_take_all(&taken, &head);
	assert_true(list_empty(&taken));
}

/* --- base64 (RFC 4648 10) --- */

static void base64_both_ways(void **state)
{
	static const struct {
		const char *plain, *standard, *url;
	} rows[] = {
		{"", "", ""},
		{"f", "Zg==", "Zg"},
		{"fo", "Zm8=", "Zm8"},
		{"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"},
		{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xfe", "+//+", "-__-"},
	};
	char text[32], back[32];
	size_t n, m;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		n = base64_encode(text, rows[i].plain, strlen(rows[i].plain), BASE64_STANDARD);
		CHECK(n == strlen(rows[i].standard) && memcmp(text, rows[i].standard, n) == 0, "%s", rows[i].standard);
		CHECK(base64_decode(back, &m, text, n) && m == strlen(rows[i].plain) && memcmp(back, rows[i].plain, m) == 0, "%s", rows[i].standard);
		n = base64_encode(text, rows[i].plain, strlen(rows[i].plain), BASE64_URL);
		CHECK(n == strlen(rows[i].url) && memcmp(text, rows[i].url, n) == 0, "%s", rows[i].url);
		CHECK(base64_decode(back, &m, text, n) && m == strlen(rows[i].plain) && memcmp(back, rows[i].plain, m) == 0, "%s", rows[i].url);
	}
}

static void base64_refuses(void **state)
{
	static const char *const rows[] = {"A", "AAAAA", "A===", "=", "Zg=a", "Z g=", "Zm9v\n", "Zm9!", "Zg===", "====", "\x80"};
	char out[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(!base64_decode(out, &n, rows[i], strlen(rows[i])), "%s", rows[i]);
}

/* --- UTF-8 (RFC 3629) --- */

static void utf8_judges(void **state)
{
	static const struct {
		const char *text;
		bool valid;
		size_t units;      /* of UTF-16 */
	} rows[] = {
		{"", true, 0},
		{"abc", true, 3},
		{"é", true, 1},
		{"€", true, 1},
		{"😀", true, 2},
		{"\xed\x9f\xbf", true, 1},          /* U+D7FF */
		{"\xf4\x8f\xbf\xbf", true, 2},      /* U+10FFFF */
		{"\xed\xa0\x80", false, 0},         /* a surrogate */
		{"\xed\xbf\xbf", false, 0},
		{"\xf4\x90\x80\x80", false, 0},     /* above U+10FFFF */
		{"\xf5\x80\x80\x80", false, 0},
		{"\xc0\x80", false, 0},             /* longer than need be */
		{"\xc1\xbf", false, 0},
		{"\xe0\x9f\xbf", false, 0},
		{"\xf0\x8f\xbf\xbf", false, 0},
		{"\x80", false, 0},                 /* nothing before it */
		{"\xc3", false, 0},                 /* cut short */
		{"\xe2\x82", false, 0},
		{"\xf0\x9f\x98", false, 0},
		{"a\xff" "b", false, 0},
		{"0123456789abcdef0123456789abcde\xc3\xa9", true, 32},
		{"0123456789abcdef0123456789abcde\xc3(", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t n = strlen(rows[i].text);

		CHECK(utf8_valid(rows[i].text, n) == rows[i].valid, "%zu", i);
		if (rows[i].valid)
			CHECK(utf8_utf16_len(rows[i].text, n) == rows[i].units, "%zu", i);
	}
	assert_true(utf8_valid("a\0b", 3));
}

static void utf8_writes_what_it_reads(void **state)
{
	static const uint32_t points[] = {1, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
	char out[4];

	(void)state;
	for (size_t i = 0; i < ROWS(points); i++) {
		size_t n = utf8_put(out, points[i]);

		CHECK(utf8_valid(out, n) && utf8_char_len((const unsigned char *)out, n) == n, "U+%04X", (unsigned)points[i]);
	}
}

/* --- ids --- */

static void ids_differ(void **state)
{
	char id[RANDOM_ID_LEN + 1];
	struct map m;

	(void)state;
	map_init(&m);
	for (int i = 0; i < 5000; i++) {
		random_id(id);
		assert_int_equal(strlen(id), RANDOM_ID_LEN);
		assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), RANDOM_ID_LEN);
		assert_null(map_set(&m, id, RANDOM_ID_LEN, &m));
	}
	map_release(&m);
}

/* --- log --- */

static void keep_line(void *user, enum log_level level, const char *line)
{
	buf_addf(user, "%d %s\n", (int)level, line);
}

static void log_goes_where_it_is_sent(void **state)
{
	struct buf lines;

	(void)state;
	buf_init(&lines, 10000);
	log_to(keep_line, &lines);
	log_warn("it said %s", "a\nb\x1b[31m");
	log_debug("not wanted");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("%04000d", 7); /* longer than a line may be */
	log_set_level(LOG_LEVEL_INFO);
	log_to(NULL, NULL);
	assert_memory_equal(lines.data, "1 it said a?b?[31m\n3 00", 23);
	assert_in_range(lines.len, 2000, 2100);
	buf_release(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_grows_to_its_ceiling),
		cmocka_unit_test(buf_writes_numbers),
		cmocka_unit_test(map_behaves_like_its_model),
		cmocka_unit_test(map_changes_while_it_is_walked),
		cmocka_unit_test(map_keys_are_bytes),
		cmocka_unit_test(list_keeps_order),
		cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(utf8_judges),
		cmocka_unit_test(utf8_writes_what_it_reads),
		cmocka_unit_test(ids_differ),
		cmocka_unit_test(log_goes_where_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
