/* test_collectors_process.c: the table of processes: what its rows say, how it is sorted, filtered and cut. */
#include "tests/unit/fixture.h"

#include "collect/collect.h"
#include "collectors/process.h"

#include "base/utf8.h"

#include <pthread.h>
#include <stdatomic.h>

int statfs(const char *path, struct statfs *st)
{
	return fixture_statfs(path, st);
}

#define CHECK(cond, ...)                                  \
	do {                                              \
		if (!(cond)) {                            \
			print_error("row: " __VA_ARGS__); \
			print_error("\n");                \
			fail_msg("%s", #cond);            \
		}                                         \
	} while (0)
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define ALL 1000

/* --- a host, read step by step --- */

struct watch {
	struct host host;
	const struct collector *c;
	void *state;
};

static void watch_read(struct watch *w)
{
	const char *why = NULL;
	struct sink sink;

	sink_init(&sink, w->c);
	assert_int_equal(w->c->read(w->state, &w->host.now, &sink, &why), 0);
	buf_release(&sink.text);
}

static void watch_open(struct watch *w, const char *host)
{
	const char *why = NULL;

	host_open(&w->host, host);
	w->c = collector_named("process");
	w->state = xzalloc(w->c->state_bytes);
	assert_int_equal(w->c->open(w->state, &w->host.roots, &why), 0);
	watch_read(w);
}

static void watch_step(struct watch *w, int step)
{
	assert_true(host_step(&w->host, step));
	watch_read(w);
}

static void watch_close(struct watch *w)
{
	w->c->close(w->state);
	free(w->state);
	host_close(&w->host);
}

static struct proc_page page_of(enum proc_sort sort, bool ascending, size_t offset, size_t limit, const char *filter)
{
	struct proc_page page;

	proc_page_take(&(struct proc_query){ sort, ascending, offset, limit, filter }, &page);
	return page;
}

static struct proc_row row_of(int pid)
{
	struct proc_page page = page_of(PROC_PID, true, 0, ALL, NULL);
	struct proc_row row = { 0 };

	for (size_t i = 0; i < page.n; i++)
		if (page.rows[i].pid == pid)
			row = page.rows[i];
	proc_page_release(&page);
	return row;
}

/* --- rows --- */

static bool is_hidden(void)
{
	struct proc_page page = page_of(PROC_PID, true, 0, 1, NULL);
	bool hidden = page.hidden;

	proc_page_release(&page);
	return hidden;
}

/* As hidepid=2 shows /proc to somebody: without the first process, whose it is not. */
static void test_hidden(void **unused)
{
	struct watch w;
	char *first;

	(void)unused;
	watch_open(&w, "debian11");
	assert_false(is_hidden());
	first = xasprintf("%s/1", w.host.proc);
	remove_tree(first);
	free(first);
	watch_read(&w);
	assert_true(is_hidden());
	watch_close(&w);
}

/* Those that began last are those somebody looks for. */
static void test_many(void **unused)
{
	static const char stat[] = "1 (late) S 1 400 400 0 -1 4194560 1200 0 3 0 900 100 0 0 20 0 1 0 3000 100000000 30000 0\n";
	struct proc_page page;
	struct watch w;

	(void)unused;
	watch_open(&w, "debian11");
	for (int pid = 10000; pid < 15100; pid++) {
		char *dir = xasprintf("%s/%d", w.host.proc, pid), *path = xasprintf("%s/stat", dir);

		assert_int_equal(mkdir(dir, 0755), 0);
		spill(path, stat, sizeof stat - 1);
		free(path);
		free(dir);
	}
	watch_read(&w);
	page = page_of(PROC_PID, false, 0, 1, NULL);
	assert_int_equal(page.rows[0].pid, 15099);
	proc_page_release(&page);
	watch_close(&w);
}

static void test_rows(void **unused)
{
	struct watch w;
	struct proc_row r;

	(void)unused;
	watch_open(&w, "debian11");
	r = row_of(400);
	assert_true(r.ppid == 1 && r.state == 'S' && r.threads == 1 && r.rss_bytes == 30000 * 4096u);
	assert_string_equal(r.name, "postgres");
	assert_string_equal(r.user, "postgres");
	assert_string_equal(r.command, "postgres: app shop 10.0.0.7(40112) idle");
	assert_true(isnan(r.cpu_pct) && isnan(r.read_bps) && isnan(r.write_bps));
	assert_true(fabs(r.memory_pct - 100.0 * 30000 * 4 / 2040000) < 1e-6);
	assert_true(r.started_ms == INT64_C(1650000000000) + 3000 * 10);
	assert_true(row_of(401).state == 'Z' && !row_of(401).command[0]);

	watch_step(&w, 1);
	r = row_of(400);
	assert_true(r.cpu_pct == 50 && r.read_bps == 1024000 && r.write_bps == 4096);

	watch_step(&w, 2); /* its counters step back: no time was used, nothing is known of its reads */
	r = row_of(400);
	assert_true(r.cpu_pct == 0 && isnan(r.read_bps) && r.write_bps == 4096);
	watch_close(&w);
}

/* When the clock is set, the kernel tells another time of boot: who was started when is known anew in ten seconds. */
static void test_clock_is_set(void **unused)
{
	static const char stat[] = "cpu  1 2 3 4\nbtime 1650003600\n";
	struct watch w;
	char *path;

	(void)unused;
	watch_open(&w, "debian11");
	path = xasprintf("%s/stat", w.host.proc);
	spill(path, stat, strlen(stat));
	w.host.now.mono_ns += INT64_C(10000000000);
	watch_read(&w);
	assert_true(row_of(400).started_ms == INT64_C(1650003600000) + 3000 * 10);

	/* One that cannot be read is no time of boot. */
	unlink(path);
	w.host.now.mono_ns += INT64_C(10000000000);
	watch_read(&w);
	assert_true(row_of(400).started_ms == INT64_C(1650003600000) + 3000 * 10);
	free(path);
	watch_close(&w);
}

/* Between fork and exec a child has its parent's name; and a number is used again. */
static void test_identity(void **unused)
{
	struct watch w;

	(void)unused;
	watch_open(&w, "debian11");
	assert_string_equal(row_of(300).command, "-bash");
	watch_step(&w, 1);
	assert_string_equal(row_of(300).name, "mysqldump");
	assert_string_equal(row_of(300).command, "mysqldump -uroot -p*** --all-databases");
	assert_string_equal(row_of(300).user, "www-data");
	assert_true(row_of(300).cpu_pct == 29 && isnan(row_of(300).read_bps)); /* its io could not be read before */
	watch_step(&w, 2);
	assert_string_equal(row_of(300).command, "/usr/sbin/cron -f");
	assert_string_equal(row_of(300).user, "root");
	assert_true(isnan(row_of(300).cpu_pct));
	watch_step(&w, 3);
	assert_true(row_of(300).cpu_pct == 0);
	watch_close(&w);
}

static void test_strange_names(void **unused)
{
	static const struct {
		int pid;
		const char *name, *user, *command;
	} rows[] = {
		{ 2, "kthreadd", "root", "" },
		{ 15, "kworker/0:1-events_freezable_po", "root", "" },
		{ 600, "(sd-pam)", "anna", "(sd-pam)" },
		{ 601, "tmux: server", "anna", "tmux new -s a b" },
		{ 602, "a) R 1 (b", "j\xc3\xb6rg", "/tmp/a) R 1 (b" },
		{ 603, "new?line", "4242", "/tmp/new?line x?y ?[31mred" },
		{ 605, ")", "anna", "" },
		{ 606, "", "anna", "" },
		{ 607, "psql", "anna", "psql postgres://app:***@db/shop" },
	};
	struct proc_page page;
	struct proc_row r;
	struct watch w;

	(void)unused;
	watch_open(&w, "laptop");
	for (size_t i = 0; i < COUNT(rows); i++) {
		r = row_of(rows[i].pid);
		CHECK(r.pid == rows[i].pid && !strcmp(r.name, rows[i].name) && !strcmp(r.user, rows[i].user) &&
		      !strcmp(r.command, rows[i].command), "%d: %s, %s, %s", rows[i].pid, r.name, r.user, r.command);
	}
	page = page_of(PROC_PID, true, 0, ALL, NULL);
	for (size_t i = 0; i < page.n; i++)
		CHECK(utf8_valid(page.rows[i].name, strlen(page.rows[i].name)) &&
		      utf8_valid(page.rows[i].command, strlen(page.rows[i].command)), "%d", page.rows[i].pid);
	assert_true(page.total == 11 && page.n == 11); /* those of which stat was broken are none */
	proc_page_release(&page);
	assert_true(strlen(row_of(604).command) <= sizeof r.command - 1 && strlen(row_of(604).command) > sizeof r.command - 5);
	watch_close(&w);
}

/* --- pages --- */

/* Five rows whose order by each column is known. */
static void publish_five(void)
{
	static const struct proc_row five[] = {
		{ .pid = 10, .name = "beta", .user = "root", .command = "/bin/beta", .cpu_pct = 5, .rss_bytes = 300,
		  .read_bps = 1, .write_bps = 1, .threads = 1, .started_ms = 50 },
		{ .pid = 20, .name = "Alpha", .user = "anna", .command = "/bin/alpha --x", .cpu_pct = 50, .rss_bytes = 100,
		  .read_bps = 10, .write_bps = 5, .threads = 9, .started_ms = 40 },
		{ .pid = 30, .name = "gamma", .user = "anna", .command = "", .cpu_pct = 5, .rss_bytes = 200, .read_bps = 0,
		  .write_bps = 0, .threads = 2, .started_ms = 30 },
		{ .pid = 40, .name = "delta", .user = "bob", .command = "delta", .cpu_pct = 0, .rss_bytes = 500,
		  .read_bps = 2, .write_bps = 2, .threads = 3, .started_ms = 20 },
		{ .pid = 50, .name = "eps", .user = "Bob", .command = "eps", .rss_bytes = 0, .threads = 4, .started_ms = 10 },
	};
	struct process_snapshot *s = process_snapshot_new(COUNT(five));

	memcpy(s->rows, five, sizeof five);
	s->rows[4].cpu_pct = s->rows[4].read_bps = s->rows[4].write_bps = NAN;
	s->n = COUNT(five);
	s->total = 7;
	s->t_ms = 123;
	process_publish(s);
	process_let_go(s);
}

static void test_pages(void **unused)
{
	static const struct {
		enum proc_sort sort;
		bool ascending;
		size_t offset, limit;
		const char *filter;
		size_t matched;
		int pids[6];
	} rows[] = {
		{ PROC_CPU, false, 0, ALL, NULL, 5, { 20, 10, 30, 40, 50 } },
		{ PROC_CPU, true, 0, ALL, NULL, 5, { 40, 10, 30, 20, 50 } },     /* the unknown stays last */
		{ PROC_MEMORY, false, 0, ALL, NULL, 5, { 40, 10, 30, 20, 50 } },
		{ PROC_RSS, true, 0, 2, NULL, 5, { 50, 20 } },
		{ PROC_IO, false, 0, ALL, NULL, 5, { 20, 40, 10, 30, 50 } },
		{ PROC_THREADS, false, 1, 2, NULL, 5, { 50, 40 } },
		{ PROC_PID, true, 0, 3, "", 5, { 10, 20, 30 } },
		{ PROC_PID, false, 3, ALL, NULL, 5, { 20, 10 } },
		{ PROC_NAME, true, 0, ALL, NULL, 5, { 20, 10, 40, 50, 30 } },
		{ PROC_USER, true, 0, ALL, NULL, 5, { 20, 30, 40, 50, 10 } },
		{ PROC_STARTED, false, 0, 1, NULL, 5, { 10 } },
		{ PROC_PID, true, 0, ALL, "ALPHA", 1, { 20 } },
		{ PROC_PID, true, 0, ALL, "bob", 2, { 40, 50 } },
		{ PROC_PID, true, 0, ALL, "/bin/", 2, { 10, 20 } },
		{ PROC_PID, true, 0, ALL, "30", 1, { 30 } },
		{ PROC_PID, true, 1, ALL, "anna", 2, { 30 } },
		{ PROC_PID, true, 0, ALL, "nothing", 0, { 0 } },
		{ PROC_PID, true, 99, ALL, NULL, 5, { 0 } },
		{ PROC_PID, true, 0, 0, NULL, 5, { 0 } },
		{ PROC_PID, true, (size_t)-1, (size_t)-1, NULL, 5, { 0 } },
	};

	(void)unused;
	publish_five();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct proc_page page = page_of(rows[i].sort, rows[i].ascending, rows[i].offset, rows[i].limit, rows[i].filter);
		size_t n = 0;

		while (n < page.n && rows[i].pids[n] == page.rows[n].pid)
			n++;
		CHECK(page.matched == rows[i].matched && page.total == 7 && page.t_ms == 123, "%zu: %zu", i, page.matched);
		CHECK(n == page.n && !rows[i].pids[n], "%zu: row %zu is %d", i, n, n < page.n ? page.rows[n].pid : 0);
		proc_page_release(&page);
	}
	process_publish(NULL);
}

static void test_no_table(void **unused)
{
	struct proc_page page = page_of(PROC_CPU, false, 0, ALL, NULL);

	(void)unused;
	assert_true(page.n == 0 && page.total == 0 && page.t_ms == 0);
	proc_page_release(&page);
}

static void test_sort_words(void **unused)
{
	static const char *const words[] = { "cpu", "memory", "rss", "io", "threads", "pid", "name", "user", "started" };
	enum proc_sort sort;

	(void)unused;
	for (size_t i = 0; i < COUNT(words); i++)
		CHECK(proc_sort_parse(words[i], &sort) && sort == (enum proc_sort)i, "%s", words[i]);
	assert_false(proc_sort_parse("CPU", &sort));
	assert_false(proc_sort_parse("", &sort));
}

/* Readers and the collector at once: each page is of one snapshot. */
static atomic_bool over;

static void *read_pages(void *unused)
{
	while (!over) {
		struct proc_page page = page_of(PROC_PID, true, 0, ALL, NULL);

		for (size_t i = 0; i < page.n; i++)
			assert(page.rows[i].ppid == (int)page.total);
		proc_page_release(&page);
	}
	return unused;
}

static void test_readers(void **unused)
{
	pthread_t readers[2];

	(void)unused;
	over = false;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_pages, NULL), 0);
	for (int turn = 1; turn <= 2000; turn++) {
		struct process_snapshot *s = process_snapshot_new(50);

		for (s->n = 0; s->n < 50; s->n++)
			s->rows[s->n] = (struct proc_row){ .pid = (int)s->n, .ppid = turn };
		s->total = (size_t)turn;
		process_publish(s);
		process_let_go(s);
	}
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	process_publish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_table), cmocka_unit_test(test_hidden), cmocka_unit_test(test_many), cmocka_unit_test(test_rows), cmocka_unit_test(test_clock_is_set),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_strange_names), cmocka_unit_test(test_pages), cmocka_unit_test(test_sort_words),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
