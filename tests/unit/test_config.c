/* test_config.c: from files, environment and flags to rules, channels and values; every mistake in the words that an operator reads. */
#include "check.h"

#include "alerts/channels.h"
#include "app/cli.h"
#include "app/config.h"
#include "base/xmalloc.h"
#include "collectors/collectors.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static char folder[64];

static void put(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	free(path);
}

/* What config_load says, with the folder's name left out. */
static int load(const char *text, struct config **out, char *said, size_t size)
{
	struct cli cli = {.config = "t.conf"};
	struct buf errors;
	int code;

	put("t.conf", text, 0600);
	buf_init(&errors, SIZE_MAX / 2);
	code = config_load(out, &cli, &errors);
	snprintf(said, size, "%s", errors.data);
	buf_release(&errors);
	return code;
}

static struct config *good(const char *text)
{
	struct config *c = NULL;
	char said[4000];
	int code = load(text, &c, said, sizeof said);

	CHECK(code == 0, "%s: %s", text, said);
	assert_string_equal(said, "");
	return c;
}

/* --- mistakes: text → exactly what is said --- */

#define HOOK "url = \"http://x\" "
static const struct mistake {
	const char *text, *said;
} mistakes[] = {
	{"alert \"A\" { metric = \"cpu\" above = high }", "t.conf:1: alert \"A\" above: \"high\" is not a number\n"},
	{"alert \"A\" { metric = \"cpu\" }",
	 "t.conf:1: alert \"A\": says no limit: above, below, outside, equals, full_in, absent, or warning and critical\n"},
	{"\nalert \"A\" { metric = \"cpu\" above = 1 below = 0 }",
	 "t.conf:2: alert \"A\": takes one of above, below, outside, equals, full_in and absent, not several\n"},
	{"alert \"A\" { metric = \"cpu\" outside = {\"1\"} }",
	 "t.conf:1: alert \"A\" outside: takes two numbers, such as {10, 20}\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 warning = 8 }", "t.conf:1: alert \"A\": says its limit for warning twice\n"},
	{"alert \"A\" { metric = \"fs.used_percent/*\" full_in = 1d warning = 4h critical = 40 }",
	 "t.conf:1: alert \"A\": says its limit for warning twice\n"},
	{"alert \"A\" { metric = \"fs.used_percent/*\" full_in = 1d critical = 40 }",
	 "t.conf:1: alert \"A\": critical must be a duration, such as 4h, since the rule is about full_in\n"},
	{"alert \"A\" { metric = \"cpu\" outside = {10, 20} critical = 15 }",
	 "t.conf:1: alert \"A\": critical must be two numbers, such as {10, 20}, since the rule is about outside\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 critical = {10, 20} }",
	 "t.conf:1: alert \"A\": critical must be one number, since the rule is about above\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 critical = {10, 20, 30} }", "t.conf:1: alert \"A\" critical: takes two numbers, such as {10, 20}\n"},
	{"alert \"A\" { metric = \"cpu\" warning = 80 critical = 1h }",
	 "t.conf:1: alert \"A\": has times for limits, but not of what: say the mildest one as full_in or absent\n"},
	{"alert \"A\" { metric = \"cpu\" absent = 30s critical = 20s }",
	 "t.conf:1: alert \"A\": critical at 20 s would hide warning at 30 s: it must be a longer time\n"},
	{"alert \"A\" { metric = \"fs.used_percent/*\" full_in = 1d critical = 4h for = 5h }",
	 "t.conf:1: alert \"A\": for is as long as full_in: it would be full before anyone is told\n"},
	{"alert \"A\" { metric = \"fs.used_percent/*\" full_in = 0s }", "t.conf:1: alert \"A\": full_in needs a duration, as in full_in = 4h\n"},
	{"alert \"A\" { metric = \"cpu\" absent = 30s clear = 1min }",
	 "t.conf:1: alert \"A\": absent knows no clear: the alert ends with the next value\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 critical = loud }", "t.conf:1: alert \"A\" critical: \"loud\" is neither a number nor a duration\n"},
#define LOADS " There are load.1, load.5, load.15, load.runnable, load.threads\n"
	{"alert \"A\" {\n metric = \"load.thraeds\"\n above = 9 }",
	 "t.conf:2: alert \"A\" metric: there is no series \"load.thraeds\". Did you mean \"load.threads\"?" LOADS},
	{"alert \"A\" { metric = \"load.minutes/*\" above = 9 }", "t.conf:1: alert \"A\" metric: there is no series \"load.minutes/*\"." LOADS},
	{"alert \"A\" { metric = \"load\" above = 9 }", "t.conf:1: alert \"A\" metric: there is no series \"load\". Did you mean \"load.1\"?" LOADS},
	{"alert \"A\" { metric = \"load/*\" above = 9 }", "t.conf:1: alert \"A\" metric: there is no series \"load/*\". Did you mean \"load.1/*\"?" LOADS},
	{"alert \"A\" { metric = \"load.15x/a\" above = 9 }",
	 "t.conf:1: alert \"A\" metric: there is no series \"load.15x/a\". Did you mean \"load.15/a\"?" LOADS},
	{"alert \"A\" { metric = \"cpu\" above = 180 }", "t.conf:1: alert \"A\": above 180 can never be: cpu.usage is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"cpu\" warning = 80 critical = 100 }",
	 "t.conf:1: alert \"A\": above 100 can never be: cpu.usage is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"cpu\" below = 0 }", "t.conf:1: alert \"A\": below 0 can never be: cpu.usage is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"cpu.us*\" outside = {0, 100} }",
	 "t.conf:1: alert \"A\": outside 0 to 100 can never be: cpu.usage is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"fs.used_percent//var\" aggregate = avg window = 1h equals = 100.5 }",
	 "t.conf:1: alert \"A\": equals 100.5 can never be: fs.used_percent is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"load.1\" below = 0 }", "t.conf:1: alert \"A\": below 0 can never be: load.1 is never below 0\n"},
	{"alert \"A\" { metric = \"cpu\" above = 80 clear = -1 }",
	 "t.conf:1: alert \"A\": clear -1 can never be reached, so that the alert would not end: cpu.usage is a percentage, 0 to 100\n"},
	{"alert \"A\" { metric = \"fs.used/*\" full_in = 4h }",
	 "t.conf:1: alert \"A\": full_in needs a series that is full at 100 percent, such as fs.used_percent/*, and fs.used is none\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 severity = loud }",
	 "t.conf:1: alert \"A\" severity: \"loud\" is none of info, warning or critical\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 hours = {\"noon\"} }",
	 "t.conf:1: alert \"A\" hours: \"noon\" is no time of the week, such as \"mon-fri 08:00-18:00\"\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 aggregate = median }",
	 "t.conf:1: alert \"A\" aggregate: \"median\" is none of last, avg, min, max, rate, delta or a percentile such as p95\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 channels = {\"pager\"} }",
	 "t.conf:1: alert \"A\" channels: there is no webhook, exec or email \"pager\"\n"},
	{"webhook \"W\" { url = \"http://h\" rules = {\"HIGH_CPU\", \"X*\", \"TYPO\"} }\n", "t.conf:1: webhook \"W\" rules: there is no alert \"TYPO\"\n"},
	{"alert \"\" { metric = \"cpu\" above = 9 }", "t.conf:1: a name of alert must have 1 to 64 bytes, and no control characters\n"},
	{"alert \"a\\nb\" { metric = \"cpu\" above = 9 }", "t.conf:1: a name of alert must have 1 to 64 bytes, and no control characters\n"},
	{"webhook \"W\" { " HOOK "max_wait = 0s }", "t.conf:1: webhook \"W\" max_wait: must be from 100ms to 1d\n"},
	{"webhook \"W\" { " HOOK "max_wait = 2d }", "t.conf:1: webhook \"W\" max_wait: must be from 100ms to 1d\n"},
	{"webhook \"W\" { " HOOK "max_age = 59s }", "t.conf:1: webhook \"W\" max_age: must be from 1min to 90d\n"},
	{"webhook \"W\" { " HOOK "max_age = 91d }", "t.conf:1: webhook \"W\" max_age: must be from 1min to 90d\n"},
	{"webhook \"W\" { " HOOK "timeout = 1ms }", "t.conf:1: webhook \"W\" timeout: must be from 100ms to 10min\n"},
	{"webhook \"W\" { " HOOK "retries = 0 }", "t.conf:1: webhook \"W\" retries: must be from 1 to 10000\n"},
	{"webhook \"W\" { " HOOK "redirects = 21 }", "t.conf:1: webhook \"W\" redirects: must be from 0 to 20\n"},
	{"webhook \"W\" { " HOOK "secret_file = \"empty\" }", "t.conf:1: webhook \"W\": empty: its first line is empty\n"},
	{"webhook \"W\" { " HOOK "secret_file = \".\" }", "t.conf:1: webhook \"W\": .: Is a directory\n"},
	{"webhook \"W\" { " HOOK "secret_file = \"pipe\" }", "t.conf:1: webhook \"W\": pipe: is no file\n"},
	{"webhook \"W\" { " HOOK "secret_file = \"none\" }", "t.conf:1: webhook \"W\": none: No such file or directory\n"},
	{"webhook \"W\" { " HOOK "template_file = \"long\" }", "t.conf:1: webhook \"W\": long: is longer than 65536 bytes\n"},
	{"webhook \"W\" { " HOOK "headers = {\"a: b\", \"secret\"} }",
	 "t.conf:1: webhook \"W\": a header is written \"Name: value\" on one line, and one of `headers` is not\n"},
	{"exec \"E\" { command = {\"reboot\"} }",
	 "t.conf:1: exec \"E\": command must be a list that starts with the full path of a program: {\"/usr/local/bin/page\", \"--now\"}\n"},
	{"exec \"E\" { command = {\"/nowhere/page\"} }", "t.conf:1: exec \"E\": command: /nowhere/page: No such file or directory\n"},
	{"webhook \"W\" { " HOOK "ca_file = \"none\" }", "t.conf:1: webhook \"W\": ca_file: none: No such file or directory\n"},
	{"webhook \"W\" { " HOOK "cert_file = \".\" }", "t.conf:1: webhook \"W\": cert_file: .: is no file\n"},
	{"webhook \"W\" { " HOOK "key_file = \"none\" }", "t.conf:1: webhook \"W\": key_file: none: No such file or directory\n"},
	{"\nemail \"M\" { smtp = \"smtp://x\" from = \"a@b\" to = {\"c@d\"} ca_file = \"pipe\" }",
	 "t.conf:2: email \"M\": ca_file: pipe: is no file\n"},
	{"webhook \"W\" { " HOOK "template = '{{summary}} {{value' }", "t.conf:1: webhook \"W\": \"{{value\" opens {{ and does not close it with }}\n"},
	{"alert \"A\" { metric = \"cpu\" above = 9 labels = {\"instance=x\"} }",
	 "t.conf:1: alert \"A\": label instance: every message says that of the alert itself; give the label another name, such as my_instance\n"},
	{"url = \"vedette.example.org\"",
	 "t.conf:1: url: \"vedette.example.org\" is not where a browser finds the dashboard: \"https://host\", \"http://host:port\" or "
	 "\"https://host/path/\", without a name, a query or a #\n"},
	{"webhook \"W\" { " HOOK "}\nemail \"W\" { smtp = \"smtp://x\" from = \"a@b\" to = {\"c@d\"} }",
	 "t.conf:2: there is another channel \"W\" already\n"},
	/* all of them, in the file's order */
	{"min_rate = 1\nwebhook \"W\" { url = 3 }\nalert \"A\" { metric = \"cpu\" above = x }\n",
	 "t.conf:1: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"
	 "t.conf:2: webhook \"W\": url must start with http:// or https://\n"
	 "t.conf:3: alert \"A\" above: \"x\" is not a number\n"},
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(mistakes); i++) {
		struct config *c = (struct config *)(uintptr_t)1;
		char said[4000];
		int code = load(mistakes[i].text, &c, said, sizeof said);

		CHECK(code == EX_CONFIG, "%s: %d", mistakes[i].text, code);
		CHECK(c == (struct config *)(uintptr_t)1, "%s", mistakes[i].text);
		CHECK(strcmp(said, mistakes[i].said) == 0, "%s: %s", mistakes[i].text, said);
	}
}

/* What cannot be known to be wrong: an instance that is missing, a name that comes later, values that no bound is known of. */
static const char *const possible[] = {
	"metric = \"cpu.usage/99\" above = 99.9", "metric = \"fs.used_percent//no/such\" full_in = 1d critical = 4h", "metric = \"fs.*\" full_in = 4h",
	"metric = \"device.temp/boiler\" below = -20", "metric = \"queue.waiting/emails\" full_in = 4h", "metric = \"log.lines/app\" above = 1e9",
	"metric = \"*\" above = 1e300", "metric = \"d*\" above = 200", "metric = \"disk.*sda\" above = 200", "metric = \"*/sda\" below = -1",
	"metric = \"self.cpu\" above = 150", "metric = \"self.*\" above = 150", "metric = \"self.collector_failing/*\" above = 0.5",
	"metric = \"self.store_bytes\" above = 1e9", "metric = \"clock.offset\" outside = {-50, 50}", "metric = \"sensor.temperature/*\" below = -5",
	"metric = \"cpu\" outside = {-1, 90}", "metric = \"load.1\" above = -1", "metric = \"fs.used_percent/*\" aggregate = delta window = 1h below = -5",
	"metric = \"memory\" aggregate = rate window = 1h above = 100", "metric = \"errors\" above = 1", "metric = \"cpu\" absent = 1h",
};

static void test_possible(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(possible); i++) {
		char *text = xasprintf("alert \"A\" { %s }", possible[i]);

		config_free(good(text));
		free(text);
	}
}

/* Every family of every collector can be judged, and no other name that begins so. */
static void test_every_family(void **state)
{
	(void)state;
	for (size_t k = 0; k < collectors_len; k++) {
		for (size_t m = 0; m < collectors[k]->nmetrics; m++) {
			char *known = xasprintf("alert \"A\" { metric = \"%s/x\" above = 1 }", collectors[k]->metrics[m].family);
			char *unknown = xasprintf("alert \"A\" { metric = \"%s_x/x\" above = 1 }", collectors[k]->metrics[m].family);
			struct config *c;
			char said[4000];

			config_free(good(known));
			CHECK(load(unknown, &c, said, sizeof said) == EX_CONFIG, "%s", unknown);
			free(known);
			free(unknown);
		}
	}
}

/* --- alert blocks --- */

static const struct rule *rule_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nrules; i++)
		if (strcmp(c->rules[i].name, name) == 0)
			return &c->rules[i];
	return NULL;
}

static const struct limits {
	const char *text;
	enum rule_compare compare;
	double low[4], clear[4]; /* by severity; NaN: not set */
} limits[] = {
	{"above = 80", RULE_ABOVE, {NAN, NAN, 80, NAN}, {NAN, NAN, 80, NAN}},
	{"above = 80 clear = 75", RULE_ABOVE, {NAN, NAN, 80, NAN}, {NAN, NAN, 75, NAN}},
	{"above = \"80%\" severity = critical", RULE_ABOVE, {NAN, NAN, NAN, 80}, {NAN, NAN, NAN, 80}},
	{"warning = 80 critical = 90 clear = 78", RULE_ABOVE, {NAN, NAN, 80, 90}, {NAN, NAN, 78, 88}},
	{"warning = 20 critical = 10 clear = 25", RULE_BELOW, {NAN, NAN, 20, 10}, {NAN, NAN, 25, 15}},
	{"info = 50 above = 60 critical = 70", RULE_ABOVE, {NAN, 50, 60, 70}, {NAN, 50, 60, 70}},
	{"below = -2.5", RULE_BELOW, {NAN, NAN, -2.5, NAN}, {NAN, NAN, -2.5, NAN}},
	{"equals = 0", RULE_EQUALS, {NAN, NAN, 0, NAN}, {NAN, NAN, 0, NAN}},
	{"equals = 0 critical = 2", RULE_EQUALS, {NAN, NAN, 0, 2}, {NAN, NAN, 0, 2}},
	{"outside = {10, 20} critical = {5, 30} clear = 12", RULE_OUTSIDE, {NAN, NAN, 10, 5}, {NAN, NAN, 12, 7}},
	{"warning = {10, 20} critical = {5, 30}", RULE_OUTSIDE, {NAN, NAN, 10, 5}, {NAN, NAN, 10, 5}},
	{"absent = 30s", RULE_ABSENT, {NAN, NAN, 30000, NAN}, {NAN, NAN, 30000, NAN}},
	{"absent = 30s info = 10s critical = 5min", RULE_ABSENT, {NAN, 10000, 30000, 300000}, {NAN, 10000, 30000, 300000}},
	{"full_in = 1d critical = 4h", RULE_FULL_IN, {NAN, NAN, 86400000, 14400000}, {NAN, NAN, 86400000, 14400000}},
	{"full_in = 4h severity = critical warning = 1d clear = 2d", RULE_FULL_IN, {NAN, NAN, 86400000, 14400000}, {NAN, NAN, 172800000, 100800000}},
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(limits); i++) {
		char *text = xasprintf("alert \"A\" { metric = \"device.x/y\" %s }", limits[i].text);
		struct config *c = good(text);
		const struct rule *r = rule_named(c, "A");

		assert_non_null(r);
		CHECK(r->compare == limits[i].compare, "%s", text);
		CHECK(r->full_in_ms == (r->compare == RULE_FULL_IN ? 86400000 : 0), "%s: the window is that of the mildest", text);
		for (int s = 1; s < 4; s++) {
			CHECK(r->limits[s].set == !isnan(limits[i].low[s]), "%s: severity %d", text, s);
			CHECK(!r->limits[s].set || r->limits[s].low == limits[i].low[s], "%s: %g", text, r->limits[s].low);
			CHECK(!r->limits[s].set || r->limits[s].clear == limits[i].clear[s], "%s: %g", text, r->limits[s].clear);
		}
		config_free(c);
		free(text);
	}
}

static void test_rule(void **state)
{
	struct config *c = good("webhook \"W\" { " HOOK "}\n\n"
	                        "alert \"B\" { metric = \"load.1\" above = 1 }\n"
	                        "alert \"A\" { type = T metric = \"fs.*\" outside = {\"10\", \"20\"} severity = info for = 1min keep = 90s window = 5m\n"
	                        " aggregate = p95 labels = {\"team=ops\"} summary = \"{series} is {value}\" runbook = \"http://r\"\n"
	                        " inhibited_by = {\"B\"} hours = {\"mon-fri 08:00-18:00\"} channels = {\"W\"} }\n");
	const struct rule *r = rule_named(c, "A");

	(void)state;
	assert_non_null(r);
	assert_string_equal(r->type, "T");
	assert_string_equal(r->metric, "fs.*");
	assert_int_equal(r->compare, RULE_OUTSIDE);
	assert_true(r->limits[SEVERITY_INFO].set && r->limits[SEVERITY_INFO].low == 10 && r->limits[SEVERITY_INFO].high == 20);
	assert_int_equal(r->for_ms, 60000);
	assert_int_equal(r->keep_ms, 90000);
	assert_int_equal(r->window_ms, 300000);
	assert_int_equal(r->fold, RULE_PERCENTILE);
	assert_true(r->percentile == 95);
	assert_int_equal(r->nlabels, 1);
	assert_string_equal(r->labels[0], "team=ops");
	assert_string_equal(r->summary, "{series} is {value}");
	assert_string_equal(r->inhibited_by[0], "B");
	assert_int_equal(r->hours[0].days, 0x3e);
	assert_string_equal(r->channels[0], "W");
	assert_int_equal(r->line, 4);
	assert_non_null(strstr(r->file, "t.conf"));
	config_free(c);
}

static void test_built_in(void **state)
{
	struct config *c = good("alert \"HIGH_CPU\" { enabled = false }\nalert \"HIGH_MEMORY\" { metric = \"memory\" above = 50 }");
	const struct rule *r = rule_named(c, "HIGH_MEMORY");

	(void)state;
	assert_null(rule_named(c, "HIGH_CPU"));
	assert_non_null(r);
	assert_true(r->limits[SEVERITY_WARNING].low == 50);
	config_free(c);
	c = good("");
	assert_int_equal(c->nrules, 2);
	assert_true(rule_named(c, "HIGH_CPU")->limits[SEVERITY_WARNING].low == 80);
	assert_true(rule_named(c, "HIGH_CPU")->limits[SEVERITY_WARNING].clear == 75);
	config_free(c);
	c = good("alert \"HIGH_CPU\" { above = 70 }\nalert \"HIGH_MEMORY\" { for = 5min  clear = 60 }");
	r = rule_named(c, "HIGH_CPU");
	assert_true(r && strcmp(r->metric, "cpu") == 0 && r->limits[SEVERITY_WARNING].low == 70 && r->limits[SEVERITY_WARNING].clear == 70);
	r = rule_named(c, "HIGH_MEMORY");
	assert_true(r && r->for_ms == 300000 && r->limits[SEVERITY_WARNING].low == 90 && r->limits[SEVERITY_WARNING].clear == 60);
	config_free(c);
}

/* A later block of the same title changes single keys; rules of one's own outlive nothing but the configuration's file names. */
static void test_later_blocks(void **state)
{
	struct config *c = good("alert \"A\" { metric = \"load.1\" above = 1 for = 5s }\nalert \"A\" { above = 2 }");
	const struct rule *r = rule_named(c, "A");
	struct rule *own;
	size_t n;

	(void)state;
	assert_true(r->limits[SEVERITY_WARNING].low == 2);
	assert_int_equal(r->for_ms, 5000);
	own = config_rules_take(c, &n);
	assert_int_equal(n, c->nrules);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(own[i].name, c->rules[i].name);
		assert_ptr_not_equal(own[i].name, c->rules[i].name);
		rule_release(&own[i]);
	}
	free(own);
	config_free(c);
}

/* --- channels --- */

static void test_channels(void **state)
{
	struct config *c;
	const struct channel *w, *e, *m;

	(void)state;
	put("secret", "s3cret\r\nsecond line\n", 0600);
	put("template", "{{id}}\n{{summary}}\n", 0600);
	c = good("webhook \"w\" { " HOOK "secret_file = \"secret\" template_file = \"template\" format = template headers = {\"A: b\", \"C: d\"}\n"
	         " redirects = 2 private = false retries = 3 max_wait = 10s max_age = 2d timeout = 2s severity = critical rules = {\"DISK*\"} }\n"
	         "exec \"e\" { command = {\"/bin/echo\", \"a b\"} }\n"
	         "email \"m\" { smtp = \"smtps://h\" from = \"a@b\" to = {\"c@d\", \"e@f\"} user = u password_file = \"secret\" tls = true }");
	assert_int_equal(c->nchannels, 3);
	w = &c->channels[0];
	e = &c->channels[1];
	m = &c->channels[2];
	assert_ptr_equal(w->kind, &channel_webhook);
	assert_string_equal(w->secret, "s3cret");
	assert_string_equal(w->template, "{{id}}\n{{summary}}\n");
	assert_int_equal(w->nheaders, 2);
	assert_int_equal(w->redirects, 2);
	assert_false(w->allow_private);
	assert_int_equal(w->max_attempts, 3);
	assert_int_equal(w->max_wait_ms, 10000);
	assert_int_equal(w->max_age_ms, 2 * 86400000);
	assert_int_equal(w->timeout_ms, 2000);
	assert_int_equal(w->least, SEVERITY_CRITICAL);
	assert_string_equal(w->rules[0], "DISK*");
	assert_ptr_equal(e->kind, &channel_exec);
	assert_string_equal(e->command[1], "a b");
	assert_int_equal(e->max_attempts, 0);
	assert_int_equal(e->max_age_ms, 7 * 86400000);
	assert_int_equal(e->max_wait_ms, 3600000);
	assert_int_equal(e->least, SEVERITY_INFO);
	assert_ptr_equal(m->kind, &channel_email);
	assert_string_equal(m->password, "s3cret");
	assert_string_equal(m->to[1], "e@f");
	assert_int_equal(m->tls, CHANNEL_TLS_REQUIRED);
	assert_string_equal(c->warnings, "");
	config_free(c);
}

static void test_secret_that_all_may_read(void **state)
{
	struct config *c;

	(void)state;
	put("secret", "x\n", 0644);
	c = good("webhook \"w\" { " HOOK "secret_file = \"secret\" }");
	assert_string_equal(c->warnings, "t.conf:1: the secret of webhook \"w\" is in a file that everyone may read\n");
	config_free(c);
}

/* --- what is shown --- */

static void test_no_secret_is_printed(void **state)
{
	static const char *const wanted[] = {
		"url                 = \"https://…@h.example:1/…\"\n", "headers             = {\"…\"}\n", "secret              = \"…\"\n",
		"proxy               = \"http://…@p:3128\"\n", "smtp                = \"smtp://…@m\"\n", "webhook \"a \\\"b\\\"\" {",
	};
	struct config *c = good("webhook \"a \\\"b\\\"\" { url = \"https://u:HIDE@me@h.example:1/HIDE?HIDE#HIDE\" headers = {\"A: HIDE\"} secret = HIDE "
	                        "proxy = \"http://HIDE:HIDE@p:3128\" }\n"
	                        "email \"m\" { smtp = \"smtp://HIDE@m\" from = \"a@b\" to = {\"c@d\"} }");
	struct buf out;

	(void)state;
	buf_init(&out, SIZE_MAX / 2);
	config_print(c, &out);
	CHECK(!strstr(out.data, "HIDE"), "%s", strstr(out.data, "webhook"));
	for (size_t i = 0; i < ROWS(wanted); i++)
		CHECK(strstr(out.data, wanted[i]), "%s is not in %s", wanted[i], strstr(out.data, "webhook"));
	buf_release(&out);
	config_free(c);
}

/* --- flags before the environment before the file --- */

static void test_order_of_sources(void **state)
{
	struct cli_setting flag = {"listen", "127.0.0.1:3"};
	struct cli cli = {.config = "t.conf", .settings = &flag, .nsettings = 1};
	struct config *c;
	struct buf errors;

	(void)state;
	buf_init(&errors, SIZE_MAX / 2);
	put("t.conf", "listen = {\"127.0.0.1:1\"} push_interval = 5s min_rate = 300ms", 0600);
	setenv("VEDETTE_LISTEN", "127.0.0.1:2", 1);
	setenv("VEDETTE_PUSH_INTERVAL", "7s", 1);
	assert_int_equal(config_load(&c, &cli, &errors), 0);
	assert_int_equal(c->listen.at[0].port, 3);
	assert_int_equal(c->push_interval_ms, 7000);
	assert_int_equal(c->min_rate_ms, 300);
	config_free(c);
	flag.value = "nonsense";
	assert_int_equal(config_load(&c, &cli, &errors), EX_USAGE);
	unsetenv("VEDETTE_LISTEN");
	unsetenv("VEDETTE_PUSH_INTERVAL");
	buf_release(&errors);
}

static void test_restart_notes(void **state)
{
	struct config *a = good("push_interval = 1s"), *b = good("push_interval = 2s\nsocketio { max_payload = 2MB }");
	struct buf out;

	(void)state;
	buf_init(&out, SIZE_MAX / 2);
	config_restart_notes(a, a, &out);
	assert_string_equal(out.data, "");
	config_restart_notes(a, b, &out);
	assert_string_equal(out.data, "socketio.max_payload: 1MB, now 2MB, takes effect at the next start\n");
	buf_reset(&out);
	config_free(a);
	config_free(b);
	a = good("redis = \"redis://:old@h\"");
	b = good("redis = \"redis://:new@h\"");
	config_restart_notes(a, b, &out);
	assert_string_equal(out.data, "redis: the password is another now, takes effect at the next start\n");
	buf_reset(&out);
	config_free(b);
	b = good("redis = \"redis://:new@h:1\"");
	config_restart_notes(a, b, &out);
	assert_string_equal(out.data, "redis: \"redis://…@h\", now \"redis://…@h:1\", takes effect at the next start\n");
	buf_release(&out);
	config_free(a);
	config_free(b);
}

/* --- a folder of one's own --- */

static int setup(void **state)
{
	char long_text[70000];

	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vedette-config-XXXXXX");
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	put("long", long_text, 0600);
	put("empty", "\n", 0600);
	return mkfifo("pipe", 0600);
}

static int teardown(void **state)
{
	static const char *const names[] = {"t.conf", "long", "empty", "pipe", "secret", "template"};

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++)
		unlink(names[i]);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_possible),
		cmocka_unit_test(test_every_family),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_later_blocks),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_secret_that_all_may_read),
		cmocka_unit_test(test_no_secret_is_printed),
		cmocka_unit_test(test_order_of_sources),
		cmocka_unit_test(test_restart_notes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
