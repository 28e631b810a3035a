/* test_json.c: the JSON scanner: what is JSON (RFC 8259) and what is not, and walking what is. */
#include "check.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>

static const char *const good[] = {
	"0", "-0", "1", "-1", "10", "1.5", "1e5", "1E+5", "1e-5", "-0.0e0", "123456789012345678901234567890", "1e999",
	"true", "false", "null", "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\uD834\\uDd1e\"", "\"\\ud800\"",
	"\"\x7f\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "[]", "[ ]", "[1]", "[1,2]", " [ 1 , 2 ] ", "{}", "{ }", "{\"a\":1}",
	"{\"a\":{\"b\":[{}]}}", "{\"\":0,\"\":1}", "\t\r\n 1 \t\r\n", "[[[[]]]]", "[{},[],\"\",0,null,true,false]",
};
static const char *const bad[] = {
	"", " ", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "--1", "- 1", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "True",
	"tru", "nul", "truee", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\t\"", "\"\x01\"", "\"\x80\"",
	"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "'a'", "a", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1}", "{", "}", "{1:2}",
	"{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\":1]", "{,}", "1 2", "[] []", "[]]", "//", "/**/1",
	"[1]\xef\xbb\xbf", "\xef\xbb\xbf[1]", "\x0b""1", "\xc2\xa0""1",
};

/* From memory that ends where the text does, so that a look behind it shows under ASan. */
static bool valid(const char *text, size_t n, unsigned depth)
{
	char *copy = malloc(n ? n : 1);
	bool is;

	memcpy(copy, text, n);
	is = json_valid(slice_of(copy, n), depth);
	free(copy);
	return is;
}

static void tells_json_from_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(good); i++)
		CHECK(valid(good[i], strlen(good[i]), 100), "%s", good[i]);
	for (size_t i = 0; i < ROWS(bad); i++)
		CHECK(!valid(bad[i], strlen(bad[i]), 100), "%s", bad[i]);
	assert_false(valid("1\0", 2, 100));
	assert_false(valid("\"a\0b\"", 5, 100));
	assert_false(valid("[1,\0 2]", 7, 100));
}

/* No text that is cut short is valid, but for numbers and white space. */
static void cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		const char *text = good[i];
		bool open = *text == '[' || *text == '{' || *text == '"' || *text == 't' || *text == 'f' || *text == 'n';

		for (size_t n = 0; open && n < strlen(text); n++)
			CHECK(!valid(text, n, 100), "%s cut to %zu", text, n);
	}
}

static void depth_has_a_limit(void **state)
{
	static const struct {
		size_t depth;
		unsigned most;
		bool valid;
	} rows[] = {{1, 1, true}, {2, 1, false}, {1000, 1000, true}, {1001, 1000, false}, {200000, 1000, false}, {4096, 100000, true}, {4097, 100000, false}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (int object = 0; object < 2; object++) {
			struct buf b;

			buf_init(&b, SIZE_MAX / 2);
			for (size_t k = 0; k < rows[i].depth; k++)
				buf_adds(&b, object && k + 1 < rows[i].depth ? "{\"a\":" : "[");
			for (size_t k = rows[i].depth; k--;)
				buf_addc(&b, object && k + 1 < rows[i].depth ? '}' : ']');
			CHECK(valid(b.data, b.len, rows[i].most) == rows[i].valid, "%zu of %u", rows[i].depth, rows[i].most);
			buf_release(&b);
		}
	}
}

static void scan_stops_behind_the_value(void **state)
{
	static const struct {
		const char *text;
		ptrdiff_t end;
	} rows[] = {{"1,2", 1}, {" [1] x", 4}, {"\"a\"b", 3}, {"truefalse", 4}, {"12a", 2}, {"x", -1}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *end = json_scan(rows[i].text, rows[i].text + strlen(rows[i].text), 10);

		CHECK(end == (rows[i].end < 0 ? NULL : rows[i].text + rows[i].end), "%s", rows[i].text);
	}
}

static void walks(void **state)
{
	struct slice array = slice_str(" [ 1 , \"a,]\" ,{\"b\":[2,3]}, null ] "), v;
	static const struct {
		const char *text;
		enum json_type type;
	} rows[] = {{"1", JSON_IS_NUMBER}, {"\"a,]\"", JSON_IS_STRING}, {"{\"b\":[2,3]}", JSON_IS_OBJECT}, {"null", JSON_IS_NULL}};

	(void)state;
	array = slice_of(array.p + 1, array.n - 2);
	assert_int_equal(json_count(array), ROWS(rows));
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_true(json_at(array, i, &v));
		CHECK(slice_is(v, rows[i].text) && json_type(v) == rows[i].type, "%s", rows[i].text);
	}
	assert_false(json_at(array, ROWS(rows), &v));
	assert_false(json_at(slice_str("[]"), 0, &v));
}

static void finds_members(void **state)
{
	struct slice o = slice_str("{ \"a\" : 1, \"\\u0062\": {\"a\":2} , \"a\":[3], \"\":4, \"c\\\"\":5, \"__proto__\":6 }"), v;
	static const struct {
		const char *key, *value;
	} rows[] = {{"a", "[3]"}, {"b", "{\"a\":2}"}, {"", "4"}, {"c\"", "5"}, {"__proto__", "6"}, {"toString", NULL}, {"A", NULL}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool found = json_get(o, rows[i].key, &v);

		CHECK(found == (rows[i].value != NULL) && (!found || slice_is(v, rows[i].value)), "%s", rows[i].key);
	}
	assert_false(json_get(slice_str("{}"), "a", &v));
}

static void unquotes(void **state)
{
	static const struct {
		const char *json, *text;
		size_t n;
	} rows[] = {
		{"\"\"", "", 0},
		{"\"abc\"", "abc", 3},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
		{"\"a\\u0000b\"", "a\0b", 3},
		{"\"\\u00e9\\u20AC\"", "é€", 5},
		{"\"\\ud83d\\ude00\"", "😀", 4},
		{"\"\\ud83d\"", "\xef\xbf\xbd", 3},
		{"\"\\ude00\\ud83dx\"", "\xef\xbf\xbd\xef\xbf\xbdx", 7},
		{"\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A", 4},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_init(&b, 64);
		json_unquote(&b, slice_str(rows[i].json));
		CHECK(b.len == rows[i].n && memcmp(b.data, rows[i].text, b.len) == 0, "%s", rows[i].json);
		CHECK(b.len <= strlen(rows[i].json), "%s", rows[i].json);
		buf_release(&b);
	}
}

static void quotes(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *json;
	} rows[] = {
		{"", 0, "\"\""},
		{"a\"\\b", 4, "\"a\\\"\\\\b\""},
		{"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
		{"\n\r\t", 3, "\"\\n\\r\\t\""},
		{"é😀", 6, "\"é😀\""},
		{"a\xff" "b", 3, "\"a\xef\xbf\xbd" "b\""},
		{"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_init(&b, 128);
		json_add_string(&b, rows[i].text, rows[i].n);
		CHECK(strcmp(b.data, rows[i].json) == 0, "%zu: %s", i, b.data);
		CHECK(json_valid(slice_of(b.data, b.len), 1), "%zu", i);
		buf_release(&b);
	}
	buf_init(&b, 128);
	json_add_str(&b, NULL);
	assert_string_equal(b.data, "null");
	buf_release(&b);
}

static void writes_numbers_that_read_back(void **state)
{
	static const double rows[] = {0, 1, -1, 0.1, -2.5, 1e21, 1e-7, 123456789, 9007199254740991.0, 1.7976931348623157e308, 5e-324, 1.0 / 3};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_init(&b, 64);
		json_add_number(&b, rows[i]);
		CHECK(json_valid(slice_of(b.data, b.len), 1) && json_number(slice_of(b.data, b.len)) == rows[i], "%s", b.data);
		buf_release(&b);
	}
	buf_init(&b, 64);
	json_add_number(&b, NAN);
	json_add_number(&b, INFINITY);
	json_add_short(&b, -INFINITY, 3);
	assert_string_equal(b.data, "nullnullnull");
	buf_reset(&b);
	json_add_short(&b, 1234.5678, 6);
	assert_string_equal(b.data, "1234.57");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_json_from_the_rest),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(scan_stops_behind_the_value),
		cmocka_unit_test(walks),
		cmocka_unit_test(finds_members),
		cmocka_unit_test(unquotes),
		cmocka_unit_test(quotes),
		cmocka_unit_test(writes_numbers_that_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
