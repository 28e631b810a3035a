/* test_collectors.c: whole collectors against the hosts of tests/fixtures, with golden output.
 *
 * tests/fixtures/HOST/golden/series holds what each collector tells in each
 * step, golden/metrics what /metrics shows after the last one.
 * UPDATE_GOLDEN=1 writes them anew: read the difference before it is committed. */
#include "tests/unit/fixture.h"

#include "collectors/sockets.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

/* The filesystems of a fixture answer from its list; the real ones when no fixture is laid out. */
int statfs(const char *path, struct statfs *st)
{
	return fixture_statfs(path, st);
}

int adjtimex(struct timex *t)
{
	return fixture_adjtimex(t);
}

static const char *const hosts[] = { "rhel7", "debian11", "epyc", "container", "laptop", "pi" };

#define CHECK(cond, ...)                                  \
	do {                                              \
		if (!(cond)) {                            \
			print_error("row: " __VA_ARGS__); \
			print_error("\n");                \
			fail_msg("%s", #cond);            \
		}                                         \
	} while (0)

/* --- a set of open collectors --- */

struct set {
	void *state[32];
	struct buf text;       /* what they told, a paragraph each */
};

/* self tells of the test's own process: no fixture can hold it still. */
static bool fixed(const struct collector *c)
{
	return strcmp(c->name, "self") != 0;
}

static void set_open(struct set *s, const struct collect_roots *roots)
{
	*s = (struct set){ 0 };
	buf_init(&s->text, 16 << 20);
	for (size_t i = 0; i < collectors_len; i++) {
		const char *why = NULL;
		int err;

		s->state[i] = xzalloc(collectors[i]->state_bytes);
		err = collectors[i]->open(s->state[i], roots, &why);
		if (!err)
			continue;
		free(s->state[i]);
		s->state[i] = NULL;
		buf_addf(&s->text, "%s: cannot open: %s (%s)\n\n", collectors[i]->name, strerror(-err), why ? why : "");
	}
}

static void set_close(struct set *s)
{
	for (size_t i = 0; i < collectors_len; i++) {
		if (s->state[i] && collectors[i]->close)
			collectors[i]->close(s->state[i]);
		free(s->state[i]);
	}
	buf_release(&s->text);
}

static void read_one(struct set *s, size_t i, const struct collect_time *now)
{
	const char *why = NULL;
	struct sink sink;
	int err;

	sink_init(&sink, collectors[i]);
	err = collectors[i]->read(s->state[i], now, &sink, &why);
	buf_addf(&s->text, "%s:%s%s %s\n%s\n", collectors[i]->name, err ? " cannot read: " : "", err ? strerror(-err) : "",
	         why ? why : "", sink.text.data);
	buf_release(&sink.text);
}

static void set_read(struct set *s, const struct collect_time *now)
{
	for (size_t i = 0; i < collectors_len; i++)
		if (s->state[i] && fixed(collectors[i]))
			read_one(s, i, now);
}

static void set_expose(struct set *s, struct buf *out)
{
	for (size_t i = 0; i < collectors_len; i++)
		if (s->state[i] && collectors[i]->expose)
			collectors[i]->expose(s->state[i], out);
}

/* --- golden files --- */

static void compare_golden(const char *host, const char *name, struct buf *got)
{
	char *path = xasprintf(FIXTURES "/%s/golden/%s", host, name), *folder = xasprintf(FIXTURES "/%s/golden", host);
	struct buf want;
	size_t same = 0, line = 1;

	buf_init(&want, 16 << 20);
	if (getenv("UPDATE_GOLDEN")) {
		mkdir(folder, 0755);
		spill(path, got->data, got->len);
	}
	slurp(path, &want);
	while (same < got->len && same < want.len && got->data[same] == want.data[same])
		line += got->data[same++] == '\n';
	CHECK(want.len == got->len && same == got->len, "%s, line %zu: got \"%.60s\", want \"%.60s\"", path, line,
	      got->data + same, want.data + same);
	buf_release(&want);
	free(folder);
	free(path);
}

/* Drops what no fixture holds still: the time, this kernel's name, this process. */
static void keep_fixed(const char *text, struct buf *out)
{
	static const char *const moving[] = { "node_time_seconds", "node_uname_info", "process_", "vedette_" };
	const char *next;

	for (; *text; text = next) {
		const char *name = !strncmp(text, "# ", 2) ? text + 7 : text; /* "# HELP ", "# TYPE " */
		bool keep = true;

		next = strchr(text, '\n') + 1;
		for (size_t i = 0; i < sizeof moving / sizeof *moving; i++)
			keep = keep && strncmp(name, moving[i], strlen(moving[i])) != 0;
		if (keep)
			buf_add(out, text, (size_t)(next - text));
	}
}

static void test_golden(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct buf metrics, kept;
		struct host h;
		struct set s;

		host_open(&h, hosts[i]);
		set_open(&s, &h.roots);
		for (int step = 0; step == 0 || host_step(&h, step); step++) {
			buf_addf(&s.text, "==== second %d\n\n", step);
			set_read(&s, &h.now);
		}
		buf_init(&metrics, 16 << 20);
		buf_init(&kept, 16 << 20);
		set_expose(&s, &metrics);
		keep_fixed(metrics.data, &kept);
		compare_golden(hosts[i], "series", &s.text);
		compare_golden(hosts[i], "metrics", &kept);
		buf_release(&kept);
		buf_release(&metrics);
		set_close(&s);
		host_close(&h);
	}
}

/* --- Prometheus' format, as promtool checks it --- */

static bool is_name(const char *p, const char *end)
{
	for (const char *c = p; c < end; c++)
		if (!(*c == '_' || *c == ':' || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (c > p && *c >= '0' && *c <= '9')))
			return false;
	return p < end;
}

/* name{label="value",…}; gives where the value of the sample begins, or NULL. */
static const char *labels_end(const char *p)
{
	if (*p != '{')
		return p;
	do {
		const char *eq = strchr(++p, '=');

		if (!eq || !is_name(p, eq) || eq[1] != '"')
			return NULL;
		for (p = eq + 2; *p != '"'; p++) {
			if (*p == '\0' || *p == '\n')
				return NULL;
			if (*p == '\\' && !strchr("\\\"n", *++p))
				return NULL;
		}
		p++;
	} while (*p == ',');
	return *p == '}' ? p + 1 : NULL;
}

static void check_sample(const char *line, const char *family, const char *kind)
{
	const char *name_end = line + strcspn(line, "{ "), *value = labels_end(name_end);
	char *end;

	CHECK(is_name(line, name_end), "%s", line);
	CHECK((size_t)(name_end - line) == strlen(family) && !strncmp(line, family, strlen(family)), "%s in %s", line,
	      family);
	CHECK(value && *value == ' ', "labels of %s", line);
	strtod(value + 1, &end);
	CHECK(end > value + 1 && !*end, "value of %s", line);
	CHECK(strcmp(kind, "counter") != 0 || value[1] != '-', "%s went below 0", line);
	CHECK(strcmp(kind, "counter") != 0 || strlen(family) < 6 || !strcmp(family + strlen(family) - 6, "_total"),
	      "counter %s does not end in _total", family);
}

static bool seen_before(const char *text, const char *line, const char *key)
{
	for (const char *at = text; (at = strstr(at, key)) && at < line; at++)
		if (at == text || at[-1] == '\n')
			return true;
	return false;
}

static void check_format(const char *text)
{
	char family[128] = "", kind[16] = "", *copy = xstrdup(text), *line, *next;
	size_t samples = 1;

	for (line = copy; *line; line = next) {
		char key[512];

		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		if (!strncmp(line, "# HELP ", 7)) {
			CHECK(samples > 0, "family %s has no sample", family);
			CHECK(sscanf(line, "# HELP %127s", family) == 1 && line[7 + strlen(family)] == ' ', "%s", line);
			snprintf(key, sizeof key, "# HELP %s ", family);
			CHECK(!seen_before(text, text + (line - copy), key), "%s twice", key);
			kind[0] = '\0';
			samples = 0;
		} else if (!strncmp(line, "# TYPE ", 7)) {
			CHECK(sscanf(line, "# TYPE %127s %15s", key, kind) == 2 && !strcmp(key, family), "%s", line);
			CHECK(strstr("gauge counter untyped", kind), "%s", line);
		} else {
			CHECK(kind[0], "%s before its type", line);
			check_sample(line, family, kind);
			snprintf(key, sizeof key, "%.*s ", (int)(labels_end(line + strcspn(line, "{ ")) - line), line);
			CHECK(!seen_before(text, text + (line - copy), key), "%s twice", key);
			samples++;
		}
	}
	CHECK(samples > 0, "family %s has no sample", family);
	free(copy);
}

static void test_format(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct buf metrics;
		struct host h;
		struct set s;

		host_open(&h, hosts[i]);
		set_open(&s, &h.roots);
		set_read(&s, &h.now);
		buf_init(&metrics, 16 << 20);
		set_expose(&s, &metrics);
		assert_false(metrics.full);
		check_format(metrics.data);
		buf_release(&metrics);
		set_close(&s);
		host_close(&h);
	}
}

/* --- what the tables promise --- */

static void test_tables(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < collectors_len; i++) {
		const struct collector *c = collectors[i];

		CHECK(c->help[0] && c->interval_ms >= 100 && c->interval_ms <= 3600000, "%s", c->name);
		for (size_t m = 0; m < c->nmetrics; m++) {
			const struct metric *metric = &c->metrics[m];

			CHECK(metric->family && metric->unit && metric->help, "%s metric %zu", c->name, m);
			CHECK(!strpbrk(metric->family, "/* ") && strchr(metric->family, '.'), "%s", metric->family);
			CHECK(!strchr(metric->help, '\n') && metric->help[strlen(metric->help) - 1] != '.', "%s", metric->family);
			for (size_t j = 0; j < i; j++)
				for (size_t k = 0; k < collectors[j]->nmetrics; k++)
					CHECK(strcmp(collectors[j]->metrics[k].family, metric->family) != 0, "%s twice", metric->family);
		}
	}
}

/* --- bad input: every file of a host cut short, emptied, filled with rubbish, gone --- */

enum { CUT, EMPTY, RUBBISH, GONE, DAMAGES };

static void damage(const char *path, int how, unsigned turn)
{
	char rubbish[700];
	struct buf data;

	buf_init(&data, 16 << 20);
	slurp(path, &data);
	for (size_t i = 0; i < sizeof rubbish; i++)
		rubbish[i] = (char)((i * 2654435761u + turn * 40503u) >> 7);
	if (how == CUT)
		spill(path, data.data, data.len * (1 + turn % 5) / 6);
	else if (how == EMPTY)
		spill(path, "", 0);
	else if (how == RUBBISH)
		spill(path, rubbish, sizeof rubbish);
	else
		unlink(path);
	buf_release(&data);
}

static unsigned turn;
static int how_now;

static int damage_some(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_F && !strstr(path, "statfs") && turn++ % 3)
		damage(path, how_now, turn);
	return 0;
}

/* Nothing may crash, hang or tell a number that cannot be; failing is allowed. */
static void check_sane(const char *told)
{
	CHECK(!strstr(told, " inf\n") && !strstr(told, " -inf\n") && !strstr(told, "nan\n"), "%.2000s", told);
}

static void test_damage(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		for (how_now = 0; how_now < DAMAGES; how_now++) {
			struct buf metrics;
			struct host h;
			struct set s;

			host_open(&h, hosts[i]);
			set_open(&s, &h.roots);
			set_read(&s, &h.now);
			host_step(&h, 1);
			turn = (unsigned)i;
			nftw(h.folder, damage_some, 16, FTW_PHYS);
			set_read(&s, &h.now);
			check_sane(s.text.data);
			set_close(&s);
			set_open(&s, &h.roots); /* and a start on a host that is damaged from the first */
			set_read(&s, &h.now);
			check_sane(s.text.data);
			buf_init(&metrics, 16 << 20);
			set_expose(&s, &metrics);
			check_format(metrics.data);
			buf_release(&metrics);
			set_close(&s);
			host_close(&h);
		}
}

/* --- the host that the tests run on --- */

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_here(void **unused)
{
	static const struct collect_roots here = { "/proc", "/sys", "/" };
	size_t before = open_files();
	struct buf metrics;
	struct set s;

	(void)unused;
	buf_init(&metrics, 16 << 20);
	set_open(&s, &here);
	for (int i = 0; i < 4; i++) {
		struct collect_time now = { 1700000000000, (1 + i) * INT64_C(1000000000), false };

		buf_reset(&s.text);
		for (size_t c = 0; c < collectors_len; c++)
			if (s.state[c])
				read_one(&s, c, &now);
		check_sane(s.text.data);
		CHECK(!strstr(s.text.data, "cannot read"), "%s", s.text.data);
		buf_reset(&metrics);
		set_expose(&s, &metrics);
		check_format(metrics.data);
	}
	set_close(&s);
	assert_int_equal(open_files(), before);
	buf_release(&metrics);
}

static void test_uname(void **unused)
{
	static const struct collect_roots here = { "/proc", "/sys", "/" };
	const struct collector *c = collector_named("host");
	void *state = xzalloc(c->state_bytes);
	const char *why = NULL;
	struct utsname u;
	struct buf out;
	char *want;

	(void)unused;
	buf_init(&out, 1 << 20);
	assert_int_equal(c->open(state, &here, &why), 0);
	c->expose(state, &out);
	uname(&u);
	want = xasprintf("machine=\"%s\",nodename=\"%s\",release=\"%s\",sysname=\"%s\",version=\"%s\"} 1\n", u.machine,
	                 u.nodename, u.release, u.sysname, u.version);
	CHECK(strstr(out.data, want), "%s in %s", want, out.data);
	free(want);
	buf_release(&out);
	c->close(state);
	free(state);
}

/* On a host the states come through sock_diag; /proc/net/tcp must tell the same, as close as a busy host allows. */
static double count_in_files(int state)
{
	static const char *const paths[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	uint64_t n[TCP_STATES] = { 0 };
	struct buf text;

	buf_init(&text, 64 << 20);
	for (int i = 0; i < 2; i++) {
		slurp(paths[i], &text);
		sockets_count_states(text_of(text.data, text.len), n);
	}
	buf_release(&text);
	return (double)n[state];
}

static void test_sock_diag(void **unused)
{
	static const struct collect_roots here = { "/proc", "/sys", "/" };
	const struct collector *c = collector_named("sockets");
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	void *state = xzalloc(c->state_bytes);
	double told = NAN, counted;
	const char *why = NULL;
	int listeners[50];

	(void)unused;
	for (int i = 0; i < 50; i++) {
		listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(listeners[i], (struct sockaddr *)&at, sizeof at), 0);
		assert_int_equal(listen(listeners[i], 1), 0);
	}
	assert_int_equal(c->open(state, &here, &why), 0);
	for (int i = 0; i < 5000 && isnan(told); i++) { /* a count may take several reads */
		struct collect_time now = { 0, (1 + i) * INT64_C(1000000000), false };
		struct sink sink;

		sink_init(&sink, c);
		assert_int_equal(c->read(state, &now, &sink, &why), 0);
		assert_true(sink_value(&sink, "tcp.listen", &told));
		buf_release(&sink.text);
	}
	counted = count_in_files(10);
	CHECK(told >= 50 && fabs(told - counted) <= 20, "%g by sock_diag, %g in the files", told, counted);
	c->close(state);
	free(state);
	for (int i = 0; i < 50; i++)
		close(listeners[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables), cmocka_unit_test(test_golden), cmocka_unit_test(test_format),
		cmocka_unit_test(test_damage), cmocka_unit_test(test_here),   cmocka_unit_test(test_uname),
		cmocka_unit_test(test_sock_diag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
