/* test_config_load.c: files and what they include, lists, sources over each other, what holds when nothing is said. */
#include "check.h"

#include "app/cli.h"
#include "app/config.h"
#include "app/config_keys.h"
#include "base/xmalloc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int load(const char *path, struct config **out, struct buf *said)
{
	struct cli cli = {.config = path};

	buf_reset(said);
	return config_load(out, &cli, said);
}

static struct config *good(const char *text)
{
	struct config *c = NULL;
	struct buf said;
	int code;

	buf_init(&said, SIZE_MAX / 2);
	put("t.conf", text);
	code = load("t.conf", &c, &said);
	CHECK(code == 0, "%s: %s", text, said.data);
	buf_release(&said);
	return c;
}

/* --- mistakes: t.conf, a second file x.conf → exactly what is said --- */

#define TOP                                                                                                          \
	"There are listen, data_dir, web_dir, anonymous, hosts, url, push_interval, min_rate, log_level, redis, socketio {…}, " \
	"limits {…}, store {…}, collector {…}, alert {…}, webhook {…}, exec {…}, email {…}, include(…)\n"
#define STORE "There are series, raw, minutes\n"

static const struct {
	const char *text, *other, *said;
} mistakes[] = {
	/* names: each is told, known or not what they are meant to be, and nothing behind them is lost */
	{"foo = 1", NULL, "t.conf:1: unknown key \"foo\". " TOP},
	{"foo = {1, 2}\nlistn = {}", NULL, "t.conf:1: unknown key \"foo\". " TOP "t.conf:2: unknown key \"listn\". Did you mean \"listen\"? " TOP},
	{"foo { bar { baz = 1 } }\nfoo \"t\" { }\nfoo(\"x\")", NULL,
	 "t.conf:1: unknown key \"foo\". " TOP "t.conf:2: unknown key \"foo\". " TOP "t.conf:3: unknown key \"foo\". " TOP},
	{"store {\n serie = 1\n series = 1\n raws = 1 }", NULL,
	 "t.conf:2: unknown key \"serie\" in store. Did you mean \"series\"? " STORE
	 "t.conf:3: store.series: 1 is too small (100 to 100000)\n"
	 "t.conf:4: unknown key \"raws\" in store. Did you mean \"raw\"? " STORE},
	{"raw = 1h", NULL, "t.conf:1: unknown key \"raw\". It belongs in store {…}. " TOP},
	{"store { min_rate = 1s }", NULL, "t.conf:1: unknown key \"min_rate\" in store. It belongs at the top, outside of every section. " STORE},
	{"store|series = 1", NULL, "t.conf:1: no sub-section title/index for 'store'\n"},
	{"queue \"q\" { }\nlog \"a\" { path = \"*\" }", NULL,
	 "t.conf:1: this version has no \"queue\" (watching job queues)\n"
	 "t.conf:2: this version has no \"log\" (following log files)\n"},
	{"redis = \"http://:secret@x\"", NULL, "t.conf:1: redis: is no address of a Redis: it starts with redis:// or unix://\n"},
	{"redis = \"redis://:secret@x:0\"", NULL, "t.conf:1: redis: is no address of a Redis: the port is a number from 1 to 65535\n"},
	{"redis = \"rediss://:secret@x\"", NULL,
	 "t.conf:1: redis: is no address of a Redis: Redis over TLS is not spoken; let stunnel or a proxy on this host do it\n"},
	/* shapes */
	{"push_interval = 2 s", NULL, "t.conf:1: a number and its unit are one word: 2s\n"},
	{"min_rate = 200 ms\npush_interval = 3s", NULL, "t.conf:1: a number and its unit are one word: 200ms\n"},
	{"min_rate = 1 push_interval = 3s", NULL, "t.conf:1: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"},
	{"min_rate = 1 store { }", NULL, "t.conf:1: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"},
	{"push_interval = 1s\nmin_rate 1s", NULL, "t.conf:2: missing equal sign after option 'min_rate'\n"},
	{"push_interval = {1s}", NULL, "t.conf:1: unexpected token '{'\n"},
	{"store = 1", NULL, "t.conf:1: missing opening brace for section 'store'\n"},
	{"webhook { }\nfoo = 1\nalert { metric = cpu }\nmin_rate = 1", NULL, /* nothing behind them is lost */
	 "t.conf:1: webhook needs a name before its brace: webhook \"NAME\" { … }\n"
	 "t.conf:2: unknown key \"foo\". " TOP
	 "t.conf:3: alert needs a name before its brace: alert \"NAME\" { … }\n"
	 "t.conf:4: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"},
	{"alert\n{ metric = cpu }", NULL, "t.conf:2: alert needs a name before its brace: alert \"NAME\" { … }\n"},
	{"push_interval += 1s", NULL, "t.conf:1: attempt to append to non-list option 'push_interval'\n"},
	{"push_interval =", NULL, "t.conf:1: premature end of file\n"},
	{"\"\" = 1", NULL, "t.conf:1: not understood\n"},
	{"= 1", NULL, "t.conf:1: unexpected token '='\n"},
	{"min_rate = 1\npush_interval 1s\nmin_rate = 2", NULL, /* behind broken grammar nothing can be judged */
	 "t.conf:1: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"
	 "t.conf:2: missing equal sign after option 'push_interval'\n"},
	{"a = \"x", NULL, "t.conf:1: the string that begins here is never closed\n"},
	/* lists */
	{"listen = {}", NULL, "t.conf:1: listen: must not be empty\n"},
	{"listen = \"\"", NULL, "t.conf:1: listen: must not be empty\n"},
	{"listen = {\"127.0.0.1:1\",\n\"x\", # here\n\"::1\"}", NULL,
	 "t.conf:2: listen: \"x\": names are not looked up; write the address itself (or localhost)\n"
	 "t.conf:3: listen: an IPv6 address is written in brackets: [::1]:8338\n"},
	{"listen = {\"127.0.0.1:1\", \"127.0.0.1:1\"}", NULL, "t.conf:1: listen: 127.0.0.1:1 is there twice\n"},
	{"socketio {\n/* x\n*/ transports = {\"websockets\"} }", NULL,
	 "t.conf:3: socketio.transports: \"websockets\" is none of polling or websocket. Did you mean \"websocket\"?\n"},
	{"hosts = {\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\","
	 "\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\","
	 "\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"}", NULL,
	 "t.conf:1: hosts: has more than 64 items\n"},
	/* values */
	{"push_interval = 99ms min_rate = 2h", NULL,
	 "t.conf:1: push_interval: 99ms is too small (100ms to 1h)\nt.conf:1: min_rate: 2h is too large (100ms to 1h)\n"},
	{"socketio { max_payload = 1 allow_eio3 = 1 }", NULL,
	 "t.conf:1: socketio.max_payload: 1 is too small (1kB to 100MB)\n"
	 "t.conf:1: socketio.allow_eio3: \"1\" is neither true nor false\n"},
	{"store { raw = 600.5s }", NULL, "t.conf:1: store.raw: \"600.5s\" is finer than a second\n"},
	{"limits { clients = many }", NULL, "t.conf:1: limits.clients: \"many\" is not a whole number (1 to 1000000)\n"},
	{"data_dir = \"state\"", NULL, "t.conf:1: data_dir: \"state\" is not an absolute path\n"},
	{"data_dir = \"\"", NULL, "t.conf:1: data_dir: must not be empty\n"},
	{"anonymous = viewr", NULL, "t.conf:1: anonymous: \"viewr\" is none of none, viewer or operator. Did you mean \"viewer\"?\n"},
	{"collector \"cpu\" {\n interval = 1y\n}", NULL,
	 "t.conf:2: collector \"cpu\" interval: \"1y\" has an unknown unit; there are: d, h, min, m, s or ms (100ms to 1h)\n"},
	/* other files */
	{"min_rate = 0\ninclude(\"x.conf\")\nmin_rate = 1ms", "# x\nmin_rate = 2ms\nfoo = 1\n",
	 "t.conf:1: min_rate: 0 is too small (100ms to 1h)\n"
	 "t.conf:3: min_rate: 1ms is too small (100ms to 1h)\n"
	 "x.conf:2: min_rate: 2ms is too small (100ms to 1h)\n"
	 "x.conf:3: unknown key \"foo\". " TOP},
	{"\ninclude(\"nope.conf\")", NULL, "t.conf:2: include \"nope.conf\": No such file or directory\n"},
	{"include(\"d\")", NULL, "t.conf:1: include \"d\": Is a directory\n"},
	{"include(\"x.conf\")", "\ninclude(\"t.conf\")", "x.conf:2: include \"t.conf\": that file includes this one\n"},
	{"\ninclude(\"t.conf\")", NULL, "t.conf:2: include \"t.conf\": that file includes this one\n"},
	{"include(\"\")", NULL, "t.conf:1: include takes one path, such as include(\"conf.d/*.conf\")\n"},
	{"include(\"a\", \"b\")", NULL, "t.conf:1: include takes one path, such as include(\"conf.d/*.conf\")\n"},
	{"store { include(\"x\") }", NULL, "t.conf:1: unknown key \"include\" in store. " STORE},
};

static void test_mistakes(void **state)
{
	struct buf said;

	(void)state;
	buf_init(&said, SIZE_MAX / 2);
	for (size_t i = 0; i < ROWS(mistakes); i++) {
		struct config *c = NULL;
		int code;

		put("t.conf", mistakes[i].text);
		put("x.conf", mistakes[i].other ? mistakes[i].other : "");
		code = load("t.conf", &c, &said);
		CHECK(code == EX_CONFIG && !c, "%s: %d", mistakes[i].text, code);
		CHECK(strcmp(said.data, mistakes[i].said) == 0, "%s: %s", mistakes[i].text, said.data);
		config_free(good("push_interval = 1s")); /* what failed leaves nothing behind for the next */
	}
	buf_release(&said);
}

static void test_a_file_that_cannot_be(void **state)
{
	static const struct {
		const char *path, *said;
	} rows[] = {
		{"none.conf", "none.conf: No such file or directory\n"},
		{"d", "d: Is a directory\n"},
		{"t.conf/x", "t.conf/x: Not a directory\n"},
	};
	struct buf said;

	(void)state;
	buf_init(&said, SIZE_MAX / 2);
	put("t.conf", "");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct config *c = NULL;

		CHECK(load(rows[i].path, &c, &said) == EX_CONFIG, "%s", rows[i].path);
		CHECK(strcmp(said.data, rows[i].said) == 0, "%s: %s", rows[i].path, said.data);
	}
	buf_release(&said);
}

static void test_too_much(void **state)
{
	struct buf text, said;
	struct config *c = NULL;
	size_t lines = 0;

	(void)state;
	buf_init(&text, SIZE_MAX / 2);
	buf_init(&said, SIZE_MAX / 2);
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "unknown_%d = 1\n", i);
	put("t.conf", text.data);
	assert_int_equal(load("t.conf", &c, &said), EX_CONFIG);
	for (const char *p = said.data; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 100);
	for (; text.len <= 1 << 20;)
		buf_adds(&text, "#########################################################################\n");
	put("t.conf", text.data);
	assert_int_equal(load("t.conf", &c, &said), EX_CONFIG);
	assert_string_equal(said.data, "t.conf: File too large\n");
	/* a file that is included often, each time with more */
	put("d/1.conf", "include(\"2.conf\") include(\"2.conf\") include(\"2.conf\") include(\"2.conf\")");
	put("d/2.conf", "include(\"3.conf\") include(\"3.conf\") include(\"3.conf\") include(\"3.conf\")");
	put("d/3.conf", "include(\"4.conf\") include(\"4.conf\") include(\"4.conf\") include(\"4.conf\")");
	put("d/4.conf", "include(\"x.conf\") include(\"x.conf\") include(\"x.conf\") include(\"x.conf\")");
	put("d/x.conf", "");
	assert_int_equal(load("d/1.conf", &c, &said), EX_CONFIG);
	assert_non_null(strstr(said.data, "more than 256 files"));
	unlink("d/1.conf");
	unlink("d/2.conf");
	unlink("d/3.conf");
	unlink("d/4.conf");
	unlink("d/x.conf");
	buf_release(&text);
	buf_release(&said);
}

/* --- text → one effective value, as it would be written --- */

static const struct {
	const char *text, *section, *key, *want;
} values[] = {
	{"", "", "listen", "{\"127.0.0.1:8338\"}"},
	{"listen = \"10.0.0.1\"", "", "listen", "{\"10.0.0.1:8338\"}"},
	{"listen = 10.0.0.1:1", "", "listen", "{\"10.0.0.1:1\"}"},
	{"listen = {\"[::1]:0\", \"[::1]:0\", }", "", "listen", "{\"[::1]:0\", \"[::1]:0\"}"},
	{"listen += \"[::1]:1\"", "", "listen", "{\"127.0.0.1:8338\", \"[::1]:1\"}"},
	{"listen = {\"1.1.1.1:1\"} listen = {\"1.1.1.1:2\"}", "", "listen", "{\"1.1.1.1:2\"}"},
	{"hosts = {\"A\"} hosts += \"b\" hosts += {\"c\", \"d\"}", "", "hosts", "{\"a\", \"b\", \"c\", \"d\"}"},
	{"hosts = {\"a\"} hosts = {}", "", "hosts", "{}"},
	{"hosts = {\"a\"} hosts = { # none\n }", "", "hosts", "{}"},
	{"hosts = a include(\"x.conf\")", "", "hosts", "{\"a\", \"from-x\"}"},
	{"include(\"x.conf\") hosts = a", "", "hosts", "{\"a\"}"},
	{"include(\"conf.d/*.conf\")", "", "push_interval", "20s"}, /* in order of their names */
	{"include(\"conf.d/10.conf\") push_interval = 5s", "", "push_interval", "5s"},
	{"include(\"conf.d/10.conf\")\npush_interval = 5s\ninclude(\"conf.d/20.conf\")\n", "", "push_interval", "20s"},
	{"include(\"outer.conf\")\nmin_rate = 4s\n", "", "min_rate", "4s"},
	{"include(\"outer.conf\")", "", "min_rate", "3s"},
	{"push_interval = 5s include(\"none.d/*.conf\")", "", "push_interval", "5s"},
	{"socketio { cors_origins = \"*\" } socketio { cors_origins += \"https://A.b:443\" }", "socketio", "cors_origins", "{\"*\", \"https://a.b\"}"},
	{"socketio { transports = websocket }", "socketio", "transports", "{\"websocket\"}"},
	{"socketio { transports = {\"websocket\", \"polling\"} }", "socketio", "transports", "{\"polling\", \"websocket\"}"},
	{"socketio { recovery = 0 }", "socketio", "recovery", "0"},
	{"socketio { max_payload = 1MiB }", "socketio", "max_payload", "1MiB"},
	{"store { raw = 3600s }", "store", "raw", "1h"},
	{"push_interval = ${VEDETTE_TEST_NONE:-7s}", "", "push_interval", "7s"},
	{"web_dir = \"/a \\\"b\\\\\\${c}\"", "", "web_dir", "\"/a \\\"b\\\\\\${c}\""},
	{"web_dir = /a web_dir = \"\"", "", "web_dir", "\"\""},
	{"redis = \"redis://h\" redis = \"\"", "", "redis", "\"\""},
	{"redis = \"redis://h/3\"", "", "redis", "\"redis://h/3\""},
	{"redis = \"redis://:secret@[::1]:1/3\"", "", "redis", "\"redis://…@[::1]:1/3\""},
	{"redis = \"redis://ann:s@cret@h\"", "", "redis", "\"redis://…@h\""},
	{"redis = \"unix://:secret@/run/r.sock?db=2\"", "", "redis", "\"unix://…@/run/r.sock?db=2\""},
	{"collector \"cpu\" { enabled = no }\ncollector \"cpu\" { interval = 5s }", "collector", "enabled", "false"},
	{"collector \"cpu\" { interval = 1h }", "collector", "interval", "1h"},
};

static void test_values(void **state)
{
	(void)state;
	put("x.conf", "hosts += from-x\n");
	put("outer.conf", "include(\"conf.d/10.conf\") min_rate = 2s\ninclude(\"conf.d/20.conf\")\nmin_rate = 3s");
	for (size_t i = 0; i < ROWS(values); i++) {
		struct config *c = good(values[i].text);
		const struct section *s = section_find(values[i].section);
		const struct key *k = key_find(s, values[i].key);
		struct buf got;
		size_t instance;

		assert_non_null(k);
		assert_true(section_instance(s, "cpu", &instance));
		buf_init(&got, SIZE_MAX / 2);
		key_print(k, key_field(c, k, instance), &got);
		CHECK(strcmp(got.data, values[i].want) == 0, "%s: %s", values[i].text, got.data);
		buf_release(&got);
		config_free(c);
	}
}

/* Every key is what the table says it is when nobody says anything, and a dump of all is read as the same again. */
static void test_defaults_and_dump(void **state)
{
	struct config *c = good("push_interval = 3s hosts = {\"a\", \"b\"} web_dir = \"/a\\\"b\" collector \"disk\" { interval = 7s }"), *again;
	struct buf first, second;

	(void)state;
	assert_string_equal(c->path, "t.conf");
	assert_int_equal(c->store.series, 2000);
	assert_int_equal(c->store.raw_s, 3600);
	assert_int_equal(c->store.minute_s, 86400);
	assert_int_equal(c->socketio.transports, CONFIG_POLLING | CONFIG_WEBSOCKET);
	assert_int_equal(c->socketio.max_payload_bytes, 1000000);
	assert_int_equal(c->socketio.recovery_ms, 120000);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_true(c->socketio.serve_client && !c->socketio.allow_eio3);
	buf_init(&first, SIZE_MAX / 2);
	buf_init(&second, SIZE_MAX / 2);
	config_print(c, &first);
	again = good(first.data);
	config_restart_notes(c, again, &second);
	assert_string_equal(second.data, "");
	config_print(again, &second);
	for (const char *a = first.data, *b = second.data; *a && *b;) { /* line by line, without the origins */
		size_t la = strcspn(a, "#\n"), lb = strcspn(b, "#\n");

		CHECK(la == lb && memcmp(a, b, la) == 0, "%.*s and %.*s", (int)la, a, (int)lb, b);
		a += strcspn(a, "\n");
		b += strcspn(b, "\n");
		a += *a == '\n';
		b += *b == '\n';
		CHECK(!*a == !*b, "one is longer");
	}
	buf_release(&first);
	buf_release(&second);
	config_free(c);
	config_free(again);
}

/* --- the environment --- */

static const struct {
	const char *name, *value;
	const char *said;     /* a mistake; NULL: it is right */
	const char *warning;  /* "" for none */
} variables[] = {
	{"VEDETTE_LISTEN", "127.0.0.1:1 , [::1]:2", NULL, ""},
	{"VEDETTE_LISTEN", "", NULL, ""},
	{"VEDETTE_LISTEN", ",", "VEDETTE_LISTEN: listen: must not be empty\n", NULL},
	{"VEDETTE_LISTEN", "127.0.0.1:1,x", "VEDETTE_LISTEN: listen: \"x\": names are not looked up; write the address itself (or localhost)\n", NULL},
	{"VEDETTE_SOCKETIO_PING_INTERVAL", "1", "VEDETTE_SOCKETIO_PING_INTERVAL: socketio.ping_interval: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n", NULL},
	{"VEDETTE_COLLECTOR_CPU_INTERVAL", "1ms", "VEDETTE_COLLECTOR_CPU_INTERVAL: collector \"cpu\" interval: 1ms is too small (100ms to 1h)\n", NULL},
	{"VEDETTE_WEB_DIR", "web", NULL, ""},
	{"VEDETTE_LISTN", "127.0.0.1:1", NULL, "VEDETTE_LISTN in the environment means nothing here; was it to set listen?\n"},
	{"VEDETTE_BIN", "x", NULL, ""},
	{"VEDETTE_CONFIG", "/nowhere", NULL, ""}, /* a flag names another */
};

static void test_environment(void **state)
{
	struct buf said;

	(void)state;
	buf_init(&said, SIZE_MAX / 2);
	put("t.conf", "");
	for (size_t i = 0; i < ROWS(variables); i++) {
		struct config *c = NULL;
		int code;

		setenv(variables[i].name, variables[i].value, 1);
		code = load("t.conf", &c, &said);
		unsetenv(variables[i].name);
		CHECK(code == (variables[i].said ? EX_CONFIG : 0), "%s=%s: %s", variables[i].name, variables[i].value, said.data);
		CHECK(strcmp(said.data, variables[i].said ? variables[i].said : "") == 0, "%s: %s", variables[i].name, said.data);
		CHECK(!c || strcmp(c->warnings, variables[i].warning) == 0, "%s: %s", variables[i].name, c->warnings);
		config_free(c);
	}
	setenv("VEDETTE_CONFIG", "none.conf", 1);
	assert_int_equal(load(NULL, &(struct config *){NULL}, &said), EX_CONFIG);
	assert_string_equal(said.data, "none.conf: No such file or directory\n");
	unsetenv("VEDETTE_CONFIG");
	buf_release(&said);
}

/* Every mistake of every source is told: files first, then the environment, then flags. */
static void test_all_sources_together(void **state)
{
	struct cli_setting flags[] = {{"listen", "a"}, {"web-dir", ""}, {"listen", "b"}};
	struct cli cli = {.config = "t.conf", .settings = flags, .nsettings = ROWS(flags)};
	struct config *c = NULL;
	struct buf said;

	(void)state;
	buf_init(&said, SIZE_MAX / 2);
	put("t.conf", "min_rate = 1");
	setenv("VEDETTE_LOG_LEVEL", "loud", 1);
	assert_int_equal(config_load(&c, &cli, &said), EX_CONFIG);
	assert_string_equal(said.data,
		"t.conf:1: min_rate: \"1\" needs a unit: d, h, min, m, s or ms (100ms to 1h)\n"
		"VEDETTE_LOG_LEVEL: log_level: \"loud\" is none of error, warn, info or debug\n"
		"--listen: listen: \"a\": names are not looked up; write the address itself (or localhost)\n"
		"--listen: listen: \"b\": names are not looked up; write the address itself (or localhost)\n");
	unsetenv("VEDETTE_LOG_LEVEL");
	buf_release(&said);
}

static void test_flags(void **state)
{
	struct cli_setting flags[] = {{"listen", "127.0.0.1:0"}, {"data-dir", "state"}, {"listen", "[::1]:0"}};
	struct cli cli = {.config = "t.conf", .settings = flags, .nsettings = ROWS(flags)};
	struct config *c = NULL;
	struct buf said;
	char *want, *cwd = getcwd(NULL, 0);

	(void)state;
	buf_init(&said, SIZE_MAX / 2);
	put("t.conf", "listen = {\"1.1.1.1:1\"}");
	assert_int_equal(config_load(&c, &cli, &said), 0);
	assert_int_equal(c->listen.n, 2);
	assert_string_equal(c->listen.at[1].text, "[::1]:0");
	want = xasprintf("%s/state", cwd);
	assert_string_equal(c->data_dir, want);
	free(want);
	free(cwd);
	config_free(c);
	buf_release(&said);
}

/* --- what depends on other values --- */

static void test_anonymous(void **state)
{
	static const struct {
		const char *text;
		enum role role;
		const char *warning; /* in it; "" for none */
	} rows[] = {
		{"", ROLE_VIEWER, ""},
		{"listen = {\"127.0.0.1:1\", \"[::1]:1\"}", ROLE_VIEWER, ""},
		{"listen = {\"127.0.0.1:1\", \"0.0.0.0:2\"}", ROLE_NONE, "others can reach 0.0.0.0:2, so anonymous is none"},
		{"listen = \"[::]:1\" anonymous = none", ROLE_NONE, ""},
		{"listen = \"[::]:1\" anonymous = viewer", ROLE_VIEWER, ""},
		{"listen = \"[::]:1\" anonymous = operator", ROLE_OPERATOR, "anonymous = operator, and others can reach [::]:1"},
		{"anonymous = operator", ROLE_OPERATOR, ""},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct config *c = good(rows[i].text);

		CHECK(c->anonymous == rows[i].role, "%s: %s", rows[i].text, role_name(c->anonymous));
		CHECK(*rows[i].warning ? strstr(c->warnings, rows[i].warning) != NULL : !*c->warnings, "%s: %s", rows[i].text, c->warnings);
		config_free(c);
	}
}

/* NULL: not set. */
static const struct {
	uid_t user;
	const char *service, *state_home, *home, *want;
} data_dirs[] = {
	{0, NULL, "/x", "/y", "/var/lib/vedette"},
	{0, "/var/lib/private/v:/other", "/x", "/y", "/var/lib/private/v"},
	{65534, "/var/lib/v", "/x", "/y", "/var/lib/v"},
	{65534, NULL, "/x", "/y", "/x/vedette"},
	{65534, NULL, "relative", "/y", "/y/.local/state/vedette"},
	{65534, NULL, NULL, "/y", "/y/.local/state/vedette"},
	{65534, "", "", "/y", "/y/.local/state/vedette"},
};

static void set_or_unset(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void test_data_dir(void **state)
{
	char *home = getenv("HOME") ? xstrdup(getenv("HOME")) : NULL;
	uid_t me = geteuid();

	(void)state;
	assert_int_equal(chmod(".", 0777), 0);
	put("t.conf", "");
	assert_int_equal(chmod("t.conf", 0666), 0);
	for (size_t i = 0; i < ROWS(data_dirs); i++) {
		struct config *c;

		if (me != 0 && data_dirs[i].user == 0)
			continue; /* whoever is not root cannot become it */
		set_or_unset("STATE_DIRECTORY", data_dirs[i].service);
		set_or_unset("XDG_STATE_HOME", data_dirs[i].state_home);
		set_or_unset("HOME", data_dirs[i].home);
		assert_true(me != 0 || seteuid(data_dirs[i].user) == 0);
		c = good("");
		assert_true(me != 0 || seteuid(0) == 0);
		CHECK(strcmp(c->data_dir, data_dirs[i].want) == 0, "%s: %s", data_dirs[i].want, c->data_dir);
		config_free(c);
	}
	unsetenv("STATE_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	set_or_unset("HOME", home);
	free(home);
}

/* --- reload --- */

static void test_same_listen(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"", "listen = \"127.0.0.1\"", true},
		{"", "listen += \"127.0.0.1:1\"", false},
		{"listen = \"127.0.0.1:1\"", "listen = \"127.0.0.1:2\"", false},
		{"listen = {\"1.1.1.1:1\", \"1.1.1.1:2\"}", "listen = {\"1.1.1.1:1\", \"1.1.1.1:2\"}", true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct config *a = good(rows[i].a), *b = good(rows[i].b);

		CHECK(config_same_listen(a, b) == rows[i].same, "%s, %s", rows[i].a, rows[i].b);
		config_free(a);
		config_free(b);
	}
}

/* What is known of keys is told of each of them. */
static void test_every_key_is_told(void **state)
{
	struct buf help, sample, env;

	(void)state;
	buf_init(&help, SIZE_MAX / 2);
	buf_init(&sample, SIZE_MAX / 2);
	buf_init(&env, SIZE_MAX / 2);
	config_print_keys(&help);
	config_print_sample(&sample);
	for (size_t i = 0; i < keys_len; i++) {
		char *line = xasprintf("#%s = ", keys[i].name);

		buf_reset(&env);
		key_env(&keys[i], keys[i].section->titled ? "NAME" : NULL, &env);
		buf_addc(&env, '\n');
		CHECK(strstr(help.data, env.data), "%s", keys[i].name);
		CHECK(strstr(sample.data, line), "%s", keys[i].name);
		CHECK(*keys[i].help && keys[i].help[strlen(keys[i].help) - 1] == '.', "%s", keys[i].name);
		CHECK(keys[i].fallback || keys[i].otherwise, "%s", keys[i].name);
		free(line);
	}
	config_free(good(sample.data));
	buf_release(&help);
	buf_release(&sample);
	buf_release(&env);
}

/* --- a folder of one's own --- */

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vedette-config-XXXXXX");
	if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("d", 0700) < 0 || mkdir("conf.d", 0700) < 0)
		return -1;
	put("conf.d/20.conf", "push_interval = 20s");
	put("conf.d/10.conf", "push_interval = 10s");
	put("conf.d/30.conf.off", "push_interval = 30s");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"t.conf", "x.conf", "outer.conf", "conf.d/10.conf", "conf.d/20.conf", "conf.d/30.conf.off"};

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++)
		unlink(names[i]);
	rmdir("d");
	rmdir("conf.d");
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_a_file_that_cannot_be),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults_and_dump),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_all_sources_together),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_data_dir),
		cmocka_unit_test(test_same_listen),
		cmocka_unit_test(test_every_key_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
