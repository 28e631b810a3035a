/* test_config_text.c: what libconfuse is given to read, and what it is spared. */
#include "check.h"

#include "app/config_text.h"
#include "base/buf.h"
#include "base/xmalloc.h"

#include <stdlib.h>

static bool clean(const char *text, size_t len, struct buf *out, unsigned *line, struct buf *why)
{
	char *exact = xmemdup(text, len); /* so that a sanitizer sees a read behind the end */
	bool ok = config_text_clean(exact, len, out, line, why);

	free(exact);
	return ok;
}

/* --- text → the same without comments --- */

static const struct {
	const char *text, *want;
} cleaned[] = {
	{"", ""},
	{"a = 1\n", "a = 1\n"},
	{"# x\na = 1", "   \na = 1"},
	{"a = 1 # x", "a = 1    "},
	{"a = 1 // x\nb", "a = 1     \nb"},
	{"/* x\n y */ a", "    \n      a"},
	{"/***/a", "     a"},
	{"l = {\n\"x\", # one\n\"y\" }", "l = {\n\"x\",      \n\"y\" }"},
	/* a comment's sign within a string or a word is none */
	{"a = \"# /* // \" b", "a = \"# /* // \" b"},
	{"a = '# \" /*'", "a = '# \" /*'"},
	{"a = http://x//y", "a = http://x//y"},
	{"a = /x/y", "a = /x/y"},
	{"a = \"\\\"#\" #", "a = \"\\\"#\"  "},
	{"a = '\\'#' #", "a = '\\'#'  "},
	/* the end of a variable is its brace */
	{"a = \"${X:-\"#}\" #", "a = \"${X:-\"#}\"  "},
	{"a = ${X:-#} #", "a = ${X:-#}  "},
	{"a = \"${x\"", "a = \"${x\""},
	/* an empty list has something in it that can be seen */
	{"l = {}", "l = {\"\"}"},
	{"l += { # none\n }", "l += {       \n \"\"}"},
	{"s {}", "s {}"},
	{"s \"t\" { }", "s \"t\" { }"},
	{"include(\"a\", \"b\")", "include(\"a\", \"b\")"},
	{"a = \"\\101\\x41\\n\\\\\"", "a = \"\\101\\x41\\n\\\\\""},
	{"a = 1\r\nb\t=\v2\f", "a = 1\r\nb\t=\v2\f"},
	{"a = \xc3\xa9", "a = \xc3\xa9"},
};

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(cleaned); i++) {
		struct buf out, why;
		unsigned line = 0;

		buf_init(&out, 4096);
		buf_init(&why, 4096);
		CHECK(clean(cleaned[i].text, strlen(cleaned[i].text), &out, &line, &why), "%s: %s", cleaned[i].text, why.data);
		CHECK(strcmp(out.data, cleaned[i].want) == 0, "%s: %s", cleaned[i].text, out.data);
		buf_release(&out);
		buf_release(&why);
	}
}

/* --- broken text → line and reason --- */

static const struct {
	const char *text;
	unsigned line;
	const char *why;
} broken[] = {
	{"a = 1\nb = \"x\n\ny", 2, "string that begins here"},
	{"\na = 'x", 2, "string that begins here"},
	{"a = \"x\\", 1, "string that begins here"},
	{"a = \"x\\\"", 1, "string that begins here"},
	{"a\n\n/* x\n", 3, "comment that begins here"},
	{"/*", 1, "comment that begins here"},
	{"/*/", 1, "comment that begins here"},
	{"s {\nt {\n}\n", 1, "`{` on this line"},
	{"a\n}", 2, "`}` without"},
	{"{{{{{{{{{{{{{{{{{", 1, "too deeply"},
	{"a = /x/*.log", 1, "within quotes"},
	{"a = *:80", 1, "within quotes"},
	{"a = 1+2", 1, "within quotes"},
	{"a = 1\nb = \x01", 2, "control character"},
	{"a = \x7f", 1, "control character"},
	{"a = \"\\400\"", 1, "one byte"},
	{"a = \"\\8\"", 1, "one byte"},
	{"a = \"\\1011\"", 1, "one byte"},
	{"a = \"\\001\"", 1, "one byte"},
	{"a = \"\\x01\"", 1, "one byte"},
	{"a = \"\\x\"", 1, "one byte"},
	{"\ninclude(\"a\"", 2, "call"},
	{"include(\"a\" \"b\")", 1, "call"},
	{"include(=)", 1, "call"},
	{"include()", 1, "call"},
	{"include(\"a\",)", 1, "call"},
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(broken); i++) {
		struct buf out, why;
		unsigned line = 0;

		buf_init(&out, 4096);
		buf_init(&why, 4096);
		CHECK(!clean(broken[i].text, strlen(broken[i].text), &out, &line, &why), "%s", broken[i].text);
		CHECK(line == broken[i].line, "%s: line %u", broken[i].text, line);
		CHECK(strstr(why.data, broken[i].why), "%s: %s", broken[i].text, why.data);
		buf_release(&out);
		buf_release(&why);
	}
}

static void test_a_nul_is_no_end(void **state)
{
	struct buf out, why;
	unsigned line = 0;

	(void)state;
	buf_init(&out, 4096);
	buf_init(&why, 4096);
	assert_false(clean("a = 1\n\0b", 8, &out, &line, &why));
	assert_int_equal(line, 2);
	assert_non_null(strstr(why.data, "control character"));
	buf_release(&out);
	buf_release(&why);
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* However a file is cut short, no line moves. */
static void test_cut_short(void **state)
{
	static const char text[] =
		"# one\nlisten = {\"a\", # x\n 'b\\'',\n}\n/* two\n three */ s \"t\" { k += ${X:-}\n// four\n u = \"\\101${Y}\\x41\" }\n"
		"include(\"a\", 'b')\nl = {\n}\n";

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		struct buf out, why;
		unsigned line = 0;
		char *head = xstrndup(text, n);

		buf_init(&out, 4096);
		buf_init(&why, 4096);
		if (clean(text, n, &out, &line, &why))
			CHECK(lines_of(out.data) == lines_of(head), "%s", head);
		else
			CHECK(line >= 1 && line <= lines_of(head) + 1 && why.len, "%s: line %u", head, line);
		free(head);
		buf_release(&out);
		buf_release(&why);
	}
}

/* --- text, line, name → the text without that statement --- */

static const struct {
	const char *text;
	unsigned line;
	const char *name, *want; /* NULL: there is none */
} blanked[] = {
	{"a = 1 b = 2", 1, "a", "      b = 2"},
	{"a = 1\na = 2", 2, "a", "a = 1\n     "},
	{"a = {1, \"}\"} b", 1, "a", "             b"},
	{"a += 2 b = 3", 1, "a", "       b = 3"},
	{"a {\n b = { 1 }\n c { }\n} d = 1", 1, "a", "   \n          \n      \n  d = 1"},
	{"a \"t\" { b = 1 } c = 2", 1, "a", "                c = 2"},
	{"a(\"x\", \"y\") b = 1", 1, "a", "            b = 1"},
	{"\"a\" = 1 b = 2", 1, "a", "        b = 2"},
	{"b = a a = 1", 1, "a", "b = a      "},
	{"l = {a, a} a = 1", 1, "a", "l = {a, a}      "},
	{"s { a = 1 } a = 2", 1, "a", "s {       } a = 2"},
	{"a", 1, "a", " "},
	{"a =", 1, "a", "   "},
	{"a = { 1", 1, "a", "       "},
	{"ab = 1", 1, "a", NULL},
	{"a = 1", 2, "a", NULL},
	{"", 1, "a", NULL},
};

static void test_blank(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(blanked); i++) {
		char *text = xstrdup(blanked[i].text);
		bool found = config_text_blank(text, blanked[i].line, blanked[i].name);
		const char *want = blanked[i].want ? blanked[i].want : blanked[i].text;

		CHECK(found == (blanked[i].want != NULL), "%s", blanked[i].text);
		CHECK(strcmp(text, want) == 0, "%s: [%s]", blanked[i].text, text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_a_nul_is_no_end),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
