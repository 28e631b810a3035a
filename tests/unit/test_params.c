/* test_params.c: what a client asks for, in JSON or in a query: each value, each mistake and the words for it. */
#include "check.h"

#include "app/params.h"
#include "engineio/exchange.h"

#include <math.h>
#include <stdlib.h>

static struct params of(const char *json)
{
	struct params p;

	CHECK(!*json || json_valid(slice_str(json), 50), "%s is no JSON", json);
	params_init(&p, slice_str(json));
	return p;
}

/* --- numbers --- */

static const struct number {
	const char *json;
	double value;                  /* of n, from -5 to 10, else 7 */
	const char *error;
} numbers[] = {
	{"", 7, ""}, {"null", 7, ""}, {"{}", 7, ""}, {"{\"n\":null}", 7, ""}, {"{\"m\":3}", 7, ""},
	{"{\"n\":3}", 3, ""}, {"{\"n\":-5}", -5, ""}, {"{\"n\":10}", 10, ""}, {"{\"n\":2.5}", 2.5, ""}, {"{\"n\":1e1}", 10, ""}, {"{\"n\":-0}", 0, ""},
	{"{\"n\":10.0001}", 7, "n must be a number from -5 to 10"}, {"{\"n\":-6}", 7, "n must be a number from -5 to 10"},
	{"{\"n\":1e999}", 7, "n must be a number from -5 to 10"}, {"{\"n\":\"3\"}", 7, "n must be a number from -5 to 10"},
	{"{\"n\":true}", 7, "n must be a number from -5 to 10"}, {"{\"n\":[3]}", 7, "n must be a number from -5 to 10"},
	{"{\"n\":{}}", 7, "n must be a number from -5 to 10"},
	{"[]", 7, "options must be an object"}, {"3", 7, "options must be an object"}, {"\"{}\"", 7, "options must be an object"},
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(numbers); i++) {
		struct params p = of(numbers[i].json);
		double d = params_number(&p, "n", -5, 10, 7);

		CHECK(d == numbers[i].value, "%s: %g", numbers[i].json, d);
		CHECK(strcmp(p.error, numbers[i].error) == 0, "%s: %s", numbers[i].json, p.error);
		CHECK(params_ok(&p) == !*numbers[i].error, "%s", numbers[i].json);
	}
}

/* --- words --- */

static const struct word {
	const char *json;
	int index;
	const char *error;
} words[] = {
	{"{}", -1, ""}, {"{\"w\":null}", -1, ""}, {"{\"w\":\"b\"}", 1, ""}, {"{\"w\":\"\\u0061\"}", 0, ""},
	{"{\"w\":\"B\"}", -1, "w must be one of: a, b"}, {"{\"w\":\"\"}", -1, "w must be one of: a, b"},
	{"{\"w\":0}", -1, "w must be one of: a, b"}, {"{\"w\":[\"a\"]}", -1, "w must be one of: a, b"},
};

static void test_words(void **state)
{
	static const char *const names[] = {"a", "b", NULL};

	(void)state;
	for (size_t i = 0; i < ROWS(words); i++) {
		struct params p = of(words[i].json);
		int n = params_word(&p, "w", names, -1);

		CHECK(n == words[i].index, "%s: %d", words[i].json, n);
		CHECK(strcmp(p.error, words[i].error) == 0, "%s: %s", words[i].json, p.error);
	}
}

/* --- flags --- */

static const struct flag {
	const char *json;
	bool flag;
	const char *error;
} flags[] = {
	{"{}", true, ""}, {"{\"f\":null}", true, ""}, {"{\"f\":true}", true, ""}, {"{\"f\":\"true\"}", true, ""},
	{"{\"f\":false}", false, ""}, {"{\"f\":\"false\"}", false, ""},
	{"{\"f\":0}", true, "f must be true or false"}, {"{\"f\":\"\"}", true, "f must be true or false"}, {"{\"f\":[]}", true, "f must be true or false"},
};

static void test_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(flags); i++) {
		struct params p = of(flags[i].json);
		bool flag = params_flag(&p, "f", true);

		CHECK(flag == flags[i].flag, "%s: %d", flags[i].json, flag);
		CHECK(strcmp(p.error, flags[i].error) == 0, "%s: %s", flags[i].json, p.error);
	}
}

/* --- texts --- */

static const struct text {
	const char *json, *text;       /* of t, at most 5 bytes; NULL: none */
	const char *error;
} texts[] = {
	{"{}", NULL, ""}, {"{\"t\":null}", NULL, ""}, {"{\"t\":\"\"}", "", ""}, {"{\"t\":\"12345\"}", "12345", ""}, {"{\"t\":1.50}", "1.50", ""},
	{"{\"t\":\"\\u20ac\"}", "\xe2\x82\xac", ""},
	{"{\"t\":\"123456\"}", NULL, "t must be a text of at most 5 bytes"}, {"{\"t\":\"\\u20ac\\u20ac\"}", NULL, "t must be a text of at most 5 bytes"},
	{"{\"t\":123456}", NULL, "t must be a text of at most 5 bytes"}, {"{\"t\":\"a\\u0000b\"}", NULL, "t must be a text of at most 5 bytes"},
	{"{\"t\":true}", NULL, "t must be a text of at most 5 bytes"}, {"{\"t\":[\"a\"]}", NULL, "t must be a text of at most 5 bytes"},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct params p = of(texts[i].json);
		char *t = params_text_take(&p, "t", 5);

		CHECK(!t == !texts[i].text && (!t || strcmp(t, texts[i].text) == 0), "%s: %s", texts[i].json, t ? t : "none");
		CHECK(strcmp(p.error, texts[i].error) == 0, "%s: %s", texts[i].json, p.error);
		free(t);
	}
}

/* --- lists of texts --- */

#define NO_LIST "l must be a text of 1 to 4 bytes, or a list of such texts"
static const struct list {
	const char *json, *items;      /* each with a blank behind it */
	bool there;
	const char *error;
} lists[] = {
	{"{}", "", false, ""}, {"{\"l\":null}", "", false, ""}, {"{\"l\":[]}", "", true, ""}, {"{\"l\":\"a\"}", "a ", true, ""},
	{"{\"l\":[\"a\",\"b\",\"a\"]}", "a b a ", true, ""},
	{"{\"l\":[\"a\",\"b\",\"c\",\"d\"]}", "", false, "l may hold at most 3"},
	{"{\"l\":\"\"}", "", false, NO_LIST}, {"{\"l\":[\"a\",\"\"]}", "", false, NO_LIST}, {"{\"l\":\"12345\"}", "", false, NO_LIST},
	{"{\"l\":7}", "", false, NO_LIST}, {"{\"l\":[\"a\",7]}", "", false, NO_LIST}, {"{\"l\":[[\"a\"]]}", "", false, NO_LIST},
	{"{\"l\":{\"0\":\"a\"}}", "", false, NO_LIST},
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(lists); i++) {
		struct params p = of(lists[i].json);
		struct texts t;
		struct buf all;
		bool there = params_texts(&p, "l", 3, 4, &t);

		buf_init(&all, 1000);
		for (size_t k = 0; k < t.n; k++)
			buf_addf(&all, "%s ", t.at[k]);
		CHECK(there == lists[i].there, "%s", lists[i].json);
		CHECK(strcmp(all.data, lists[i].items) == 0, "%s: %s", lists[i].json, all.data);
		CHECK(strcmp(p.error, lists[i].error) == 0, "%s: %s", lists[i].json, p.error);
		buf_release(&all);
		texts_release(&t);
	}
}

/* --- the first mistake stays --- */

static void test_first_mistake_stays(void **state)
{
	struct params p = of("{\"a\":\"x\",\"b\":\"y\",\"c\":3,\"d\":\"text\"}");

	(void)state;
	assert_true(params_has(&p, "c"));
	assert_true(params_number(&p, "a", 0, 1, 1) == 1);
	assert_true(params_number(&p, "b", 0, 1, 1) == 1);
	assert_true(params_number(&p, "c", 0, 5, 1) == 1); /* nothing is read any more */
	assert_null(params_text_take(&p, "d", 10));
	assert_false(params_has(&p, "c"));
	params_fail(&p, "later");
	assert_string_equal(p.error, "a must be a number from 0 to 1");
}

/* --- queries --- */

static const struct query {
	const char *target, *json;
} queries[] = {
	{"/x", "{}"}, {"/x?", "{}"}, {"/x?a=1", "{\"a\":1}"}, {"/x?a=1.5e3&b=", "{\"a\":1.5e3,\"b\":\"\"}"}, {"/x?a", "{\"a\":\"\"}"},
	{"/x?a=x&b=2&a=3", "{\"a\":[\"x\",3],\"b\":2}"}, {"/x?a=%22%5c%0a", "{\"a\":\"\\\"\\\\\\n\"}"}, {"/x?a=01", "{\"a\":\"01\"}"},
	{"/x?a=null&b=true&c={}", "{\"a\":\"null\",\"b\":\"true\",\"c\":\"{}\"}"}, {"/x?%22=1", "{\"\\\"\":1}"}, {"/x?a=-5&b=+5", "{\"a\":-5,\"b\": 5}"},
	{"/x?a=1111111111111111111111111111111111", "{\"a\":\"1111111111111111111111111111111111\"}"}, {"/x?a=%ff", "{\"a\":\"\xef\xbf\xbd\"}"},
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(queries); i++) {
		struct eio_request *r = eio_request_new("GET", queries[i].target, "127.0.0.1", false, NULL, 0);
		struct buf out;

		buf_init(&out, 4000);
		params_from_query(r, &out);
		CHECK(strcmp(out.data, queries[i].json) == 0, "%s: %s", queries[i].target, out.data);
		CHECK(json_valid(slice_of(out.data, out.len), 5), "%s: %s", queries[i].target, out.data);
		buf_release(&out);
		eio_request_unref(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_first_mistake_stays),
		cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
