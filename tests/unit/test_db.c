/* test_db.c: what is kept, through crashes, full disks, other processes and other versions; and what is refused. */
#include "check.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/xmalloc.h"
#include "db/db.h"
#include "db/inner.h"
#include "db/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <nettle/sha2.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY INT64_C(86400000)
#define PATIENCE_MS 30000 /* valgrind's */

/* Times of alerts count from here: of late, for what is old is forgotten. */
static int64_t t0;

/* ---- a folder, a loop, a database ---- */

struct bed {
	char dir[64], path[96];
	struct loop *loop;
	struct db *db;
	int done;              /* changes and outcomes whose answer came */
	int answers;           /* of questions */
	char *rows;            /* of the last one */
	struct db_delivery due[8];
	size_t ndue;
	bool found;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void open_db(struct bed *b)
{
	char why[512] = "";

	if (!b->loop)
		assert_int_equal(loop_new(&b->loop), 0);
	CHECK(db_open(&b->db, b->dir, b->loop, why, sizeof why) == 0, "%s", why);
}

static void close_db(struct bed *b)
{
	db_close(b->db);
	b->db = NULL;
	loop_free(b->loop);
	b->loop = NULL;
}

static int set_up_folder(void **state)
{
	struct bed *b = calloc(1, sizeof *b);

	snprintf(b->dir, sizeof b->dir, "/tmp/test_db.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	snprintf(b->path, sizeof b->path, "%s/vedette.db", b->dir);
	*state = b;
	return 0;
}

static int set_up(void **state)
{
	if (set_up_folder(state))
		return -1;
	open_db(*state);
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	if (b->db)
		db_close(b->db);
	loop_free(b->loop);
	nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(b->rows);
	free(b);
	return 0;
}

/* Turns until *count is at least n. */
static void turn_until(struct bed *b, const int *count, int n)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (*count < n && clock_mono_ms() < until)
		loop_turn(b->loop, 50);
	assert_true(*count >= n);
}

static void on_done(void *user)
{
	((struct bed *)user)->done++;
}

static void on_rows(void *user, const char *rows)
{
	struct bed *b = user;

	b->answers++;
	free(b->rows);
	b->rows = strdup(rows ? rows : "no answer");
}

static const char *answer(struct bed *b)
{
	turn_until(b, &b->answers, b->answers + 1);
	return b->rows;
}

static const char *alerts(struct bed *b, struct db_alerts_query q)
{
	db_alerts_query(b->db, &q, on_rows, b);
	return answer(b);
}

static const char *outbox(struct bed *b, const char *channel, const char *state)
{
	db_outbox_query(b->db, &(struct db_outbox_query){.channel = channel, .state = state, .limit = 100}, on_rows, b);
	return answer(b);
}

static size_t count_rows(const char *rows)
{
	struct slice text = slice_str(rows);

	CHECK(json_valid(text, 10), "%s", rows);
	return json_count(text);
}

/* Member key of row i as its JSON text. */
static const char *member(const char *rows, size_t i, const char *key)
{
	static char text[4096];
	struct slice row, value;

	CHECK(json_at(slice_str(rows), i, &row) && json_get(row, key, &value), "%s of %zu in %s", key, i, rows);
	snprintf(text, sizeof text, "%.*s", (int)value.n, value.p);
	return text;
}

/* One number from the file, beside the database's own connection. */
static long long ask_file(const struct bed *b, const char *sql)
{
	sqlite3 *file;
	sqlite3_stmt *stmt;
	long long n = -1;

	assert_int_equal(sqlite3_open(b->path, &file), SQLITE_OK);
	sqlite3_busy_timeout(file, 10000);
	CHECK(sqlite3_prepare_v2(file, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(file));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(file);
	return n;
}

static void exec_file(const struct bed *b, const char *sql)
{
	sqlite3 *file;
	char *why = NULL;

	assert_int_equal(sqlite3_open(b->path, &file), SQLITE_OK);
	sqlite3_busy_timeout(file, 10000);
	CHECK(sqlite3_exec(file, sql, NULL, NULL, &why) == SQLITE_OK, "%s: %s", sql, why);
	sqlite3_close(file);
}

/* ---- alerts ---- */

static struct db_alert an_alert(const char *id, const char *state, int64_t changed_ms)
{
	return (struct db_alert){.id = id, .rule = "HIGH_CPU", .type = "HIGH_CPU", .metric = "cpu", .series = "cpu.usage",
		.severity = "warning", .state = state, .summary = "cpu is at 91 %", .value = 91.25, .threshold = 80,
		.starts_ms = t0 + 1000, .changed_ms = t0 + changed_ms};
}

static void change(struct bed *b, const char *id, const char *state, int64_t changed_ms)
{
	struct db_alert a = an_alert(id, state, changed_ms);

	db_alert_change(b->db, &a, NULL, 0, on_done, b);
}

/* With one message for channel ops, named as the alert and the time. */
static void change_told(struct bed *b, const char *id, const char *state, int64_t changed_ms)
{
	struct db_alert a = an_alert(id, state, changed_ms);
	char name[64];
	struct db_message m = {"ops", name, "{\"a\":1}", "application/json"};

	snprintf(name, sizeof name, "%s-%lld", id, (long long)changed_ms);
	db_alert_change(b->db, &a, &m, 1, on_done, b);
}

static void test_alert_as_clients_know_it(void **state)
{
	struct bed *b = *state;
	struct db_alert a = an_alert("a1", "firing", 2000);
	char host[256] = "", expected[1024];

	db_alert_change(b->db, &a, NULL, 0, NULL, NULL);
	a.labels = "{\"team\":\"web \\\"a\\\"\"}";
	a.runbook = "https://wiki/";
	a.state = "resolved";
	a.ends_ms = a.changed_ms = t0 + 3000;
	a.flapping = true;
	a.by = "ann \"the\" admin";
	a.note = "gr\xc3\xbc\xc3\x9f";
	a.value = (double)NAN;
	db_alert_change(b->db, &a, NULL, 0, on_done, b);
	turn_until(b, &b->done, 1);
	gethostname(host, sizeof host - 1);
	snprintf(expected, sizeof expected,
		"[{\"id\":\"a1\",\"rule\":\"HIGH_CPU\",\"type\":\"HIGH_CPU\",\"metric\":\"cpu\",\"series\":\"cpu.usage\",\"value\":null,"
		"\"threshold\":80,\"severity\":\"warning\",\"state\":\"resolved\",\"startsAt\":%lld,\"timestamp\":%lld,\"host\":\"%s\","
		"\"summary\":\"cpu is at 91 %%\",\"endsAt\":%lld,\"by\":\"ann \\\"the\\\" admin\",\"note\":\"gr\xc3\xbc\xc3\x9f\",\"labels\":{\"team\":\"web \\\"a\\\"\"},\"runbook\":\"https://wiki/\","
		"\"flapping\":true,\"inhibited\":false,\"acknowledgedAt\":null,\"silencedUntil\":null}]", (long long)t0 + 1000, (long long)t0 + 3000, host,
		(long long)t0 + 3000);
	assert_string_equal(alerts(b, (struct db_alerts_query){0}), expected);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){.changes = true})), 2);
	assert_string_equal(member(b->rows, 0, "state"), "\"resolved\"");
	assert_string_equal(member(b->rows, 1, "state"), "\"firing\"");
	assert_string_equal(member(b->rows, 1, "value"), "91.25");
	assert_string_equal(member(b->rows, 1, "flapping"), "false");
	assert_string_equal(member(b->rows, 1, "endsAt"), "null");
	/* One of a time when they were not kept. */
	assert_string_equal(member(b->rows, 1, "labels"), "{}");
	assert_string_equal(member(b->rows, 1, "runbook"), "null");
}

static void fill_alerts(struct bed *b)
{
	struct db_alert a;

	for (int i = 0; i < 10; i++) { /* c0 … c9 last from 1000 × i, 500 ms each; c9 still does */
		char id[16];

		snprintf(id, sizeof id, "c%d", i);
		a = an_alert(id, "firing", 1000 * i);
		a.starts_ms = t0 + 1000 * i;
		a.rule = i % 2 ? "ODD" : "EVEN";
		db_alert_change(b->db, &a, NULL, 0, on_done, b);
		a.state = "resolved";
		a.ends_ms = a.changed_ms = t0 + 1000 * i + 500;
		if (i < 9)
			db_alert_change(b->db, &a, NULL, 0, on_done, b);
	}
	turn_until(b, &b->done, 19);
}

static void test_alert_filters(void **state)
{
	static const struct row {
		struct db_alerts_query q;
		size_t n;
		const char *first; /* the latest */
	} rows[] = {
		{{0}, 10, "\"c9\""},
		{{.limit = 3}, 3, "\"c9\""},
		{{.limit = 1000000}, 10, "\"c9\""},
		{{.state = "firing"}, 1, "\"c9\""},
		{{.state = "resolved"}, 9, "\"c8\""},
		{{.state = "silenced"}, 0, NULL},
		{{.rule = "EVEN"}, 5, "\"c8\""},
		{{.rule = "EVEN", .state = "firing"}, 0, NULL},
		{{.rule = "EV%"}, 0, NULL},
		{{.id = "c4"}, 1, "\"c4\""},
		{{.id = "' OR 1 --"}, 0, NULL},
		{{.from_ms = 4200, .to_ms = 6000}, 3, "\"c6\""}, /* c4 lasts into it */
		{{.from_ms = 4501, .to_ms = 4999}, 0, NULL},
		{{.from_ms = 20000, .to_ms = 30000}, 1, "\"c9\""}, /* it lasts */
		{{.changes = true}, 19, "\"c9\""},
		{{.changes = true, .id = "c4"}, 2, "\"c4\""},
		{{.changes = true, .state = "firing"}, 10, "\"c9\""},
		{{.changes = true, .rule = "ODD"}, 9, "\"c9\""},
		{{.changes = true, .from_ms = 4200, .to_ms = 6000}, 4, "\"c6\""},
		{{.changes = true, .limit = 2}, 2, "\"c9\""},
	};
	struct bed *b = *state;

	fill_alerts(b);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct db_alerts_query q = rows[i].q;
		size_t n;

		q.from_ms += q.from_ms ? t0 : 0;
		q.to_ms += q.to_ms ? t0 : 0;
		n = count_rows(alerts(b, q));

		CHECK(n == rows[i].n, "%zu: %zu rows", i, n);
		CHECK(!n || strcmp(member(b->rows, 0, "id"), rows[i].first) == 0, "%zu: %s", i, b->rows);
	}
}

/* One that began before the clock was set back began in the future: it is there all the same. */
static void test_alert_of_a_clock_ahead(void **state)
{
	struct bed *b = *state;
	struct db_alert a = an_alert("a1", "firing", 0);

	a.starts_ms = a.changed_ms = clock_wall_ms() + 3600000;
	db_alert_change(b->db, &a, NULL, 0, on_done, b);
	turn_until(b, &b->done, 1);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){0})), 1);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){.from_ms = clock_wall_ms() - 1000})), 1);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){.changes = true, .id = "a1"})), 1);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){.to_ms = clock_wall_ms()})), 0);
}

struct opened {
	int n;
	char text[600];
};

static void on_open_alert(void *user, const struct db_alert *a)
{
	struct opened *o = user;

	o->n++;
	snprintf(o->text, sizeof o->text, "%s %s %s %s %s %s %s %s by %s: %s %g %g %lld %lld %lld, %s: %s %lld%s told %s", a->id, a->rule, a->type, a->metric,
		a->series, a->severity, a->state, a->summary, a->by, a->note, a->value, a->threshold, (long long)(a->starts_ms - t0),
		(long long)a->ends_ms, (long long)(a->changed_ms - t0), a->ack_by, a->ack_note, (long long)(a->acked_ms - t0),
		a->untold ? " untold" : "", a->told);
}

static void test_alerts_come_back(void **state)
{
	struct bed *b = *state;
	struct db_alert a = an_alert("a1", "silenced", 2000);
	struct opened o = {0};

	change(b, "a0", "resolved", 500);
	a.by = "ann";
	a.note = "quiet";
	a.acked_ms = t0 + 1500;
	a.ack_by = "eve";
	a.ack_note = "seen";
	a.untold = true;
	a.told = "[\"ops\"]";
	a.threshold = (double)NAN;
	db_alert_change(b->db, &a, NULL, 0, on_done, b);
	close_db(b); /* finishes what was handed over */
	assert_int_equal(b->done, 2);
	open_db(b);
	db_alerts_open(b->db, on_open_alert, &o);
	assert_int_equal(o.n, 1);
	assert_string_equal(o.text, "a1 HIGH_CPU HIGH_CPU cpu cpu.usage warning silenced cpu is at 91 % by ann: quiet 91.25 nan 1000 0 2000, eve: seen 1500 untold told [\"ops\"]");
}

/* What is handed over twice is there once: as after a commit that failed and yet was on disk. */
static void test_nothing_doubles(void **state)
{
	struct bed *b = *state;

	for (int i = 0; i < 2; i++) {
		change_told(b, "a1", "firing", 2000);
		change_told(b, "a1", "resolved", 2000);
	}
	change_told(b, "a1", "firing", 2001);
	turn_until(b, &b->done, 5);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), 3);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM outbox"), 2); /* two names */
}

/* A row that the schema refuses is given up, with its message; the others go on. */
static void test_a_bad_change_blocks_nobody(void **state)
{
	struct bed *b = *state;
	struct db_alert bad = an_alert("bad", "firing", 1);
	struct db_message m = {"ops", "bad-1", "{}", NULL};

	change_told(b, "a1", "firing", 1);
	bad.rule = NULL;
	db_alert_change(b->db, &bad, &m, 1, on_done, b);
	change_told(b, "a2", "firing", 1);
	turn_until(b, &b->done, 2);
	assert_int_equal(count_rows(alerts(b, (struct db_alerts_query){0})), 2);
	assert_int_equal(count_rows(outbox(b, NULL, NULL)), 2);
	assert_int_equal(b->done, 2);
	assert_false(db_trouble(b->db, (char[8]){0}, 8));
}

static void on_silence(void *user, const struct db_silence *s)
{
	struct opened *o = user;

	o->n++;
	snprintf(o->text, sizeof o->text, "%s %s %s %s %lld %lld %s", s->id, s->matcher, s->by, s->note, (long long)s->from_ms,
		(long long)s->until_ms, s->alert ? s->alert : "-");
}

static void test_silences(void **state)
{
	struct bed *b = *state;
	struct opened o = {0};

	db_silence_save(b->db, &(struct db_silence){"s1", "rule=A", "ann", "n", 10, 20, "a1"});
	db_silence_save(b->db, &(struct db_silence){"s2", "rule=B", "bob", NULL, 10, 100, NULL});
	db_silence_save(b->db, &(struct db_silence){"s1", "rule=C", "cat", "m", 11, INT64_MAX, "a2"});
	close_db(b);
	open_db(b);
	db_silences_open(b->db, 100, on_silence, &o); /* s2 is over */
	assert_int_equal(o.n, 1);
	assert_string_equal(o.text, "s1 rule=C cat m 11 9223372036854775807 a2");
}

/* ---- the outbox ---- */

static void on_due(void *user, const struct db_delivery *d, size_t n)
{
	struct bed *b = user;

	b->answers++;
	b->ndue = n;
	for (size_t i = 0; i < n && i < 8; i++)
		b->due[i] = (struct db_delivery){.id = d[i].id, .attempts = d[i].attempts, .next_ms = d[i].next_ms, .since_ms = d[i].since_ms};
}

/* The ids that are due, as text. */
static const char *due(struct bed *b, const char *channel, int64_t now_ms, uint32_t max)
{
	static char text[256];
	int n = 0;

	db_outbox_due(b->db, channel, now_ms, max, on_due, b);
	turn_until(b, &b->answers, b->answers + 1);
	text[0] = '\0';
	for (size_t i = 0; i < b->ndue && i < 8; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? " " : "", (long long)b->due[i].id);
	return text;
}

static void result(struct bed *b, int64_t id, const char *outcome, int64_t next_ms)
{
	int before = b->done;

	db_outbox_result(b->db, id, outcome, next_ms, 503, "busy", on_done, b);
	turn_until(b, &b->done, before + 1);
}

static void on_found(void *user, const char *channel, const char *alert)
{
	struct bed *b = user;

	b->found = channel != NULL;
	CHECK(channel || !alert, "an alert of nothing: %s", alert);
	b->answers++;
}

static bool resend(struct bed *b, int64_t id)
{
	db_outbox_resend(b->db, id, on_found, b);
	turn_until(b, &b->answers, b->answers + 1);
	return b->found;
}

static void test_order_of_each_alert(void **state)
{
	struct bed *b = *state;
	int64_t now = clock_wall_ms() + 1000;
	struct db_message test[] = {{"ops", "t1", "{}", NULL}, {"ops", "t2", "{}", NULL}, {"chat", "t2", "{}", NULL}};

	change_told(b, "a1", "firing", 1);    /* 1 */
	change_told(b, "a1", "resolved", 2);  /* 2 */
	change_told(b, "a2", "firing", 3);    /* 3 */
	change_told(b, "a1", "firing", 4);    /* 4 */
	db_alert_change(b->db, NULL, test, 3, on_done, b); /* 5 6 7: of no alert, so that none waits for another */
	turn_until(b, &b->done, 5);

	assert_string_equal(due(b, "ops", now, 8), "1 3 5 6");
	assert_string_equal(due(b, "ops", now, 2), "1 3");
	assert_string_equal(due(b, "ops", now, 0), "");
	assert_string_equal(due(b, "chat", now, 8), "7");
	assert_string_equal(due(b, "none", now, 8), "");
	assert_string_equal(due(b, "ops", now - 60000, 8), ""); /* not yet */
	assert_string_equal(due(b, "ops", now - 3 * 86400000, 8), "1 3 5 6"); /* a clock that was days ahead put them off */

	result(b, 1, "retry", now + 5000);
	assert_string_equal(due(b, "ops", now, 8), "3 5 6"); /* 2 waits behind 1 */
	assert_string_equal(due(b, "ops", now + 5000, 8), "1 3 5 6");
	assert_int_equal(b->due[0].attempts, 1);
	assert_int_equal(b->due[0].next_ms, now + 5000);
	result(b, 1, "delivered", 0);
	assert_string_equal(due(b, "ops", now, 8), "2 3 5 6");
	result(b, 2, "dead", 0);
	assert_string_equal(due(b, "ops", now, 8), "3 4 5 6");

	exec_file(b, "UPDATE outbox SET created_ms = 5");
	assert_true(resend(b, 2)); /* older than 4: again before it */
	assert_string_equal(due(b, "ops", now - 60000, 8), "2");
	assert_string_equal(due(b, "ops", now, 8), "2 3 5 6");
	assert_int_equal(b->due[0].attempts, 0);
	assert_true(b->due[0].since_ms > now - 60000); /* as if it were new */
	assert_int_equal(b->due[1].since_ms, 5);
	result(b, 2, "delivered", 0);
	assert_string_equal(due(b, "ops", now, 8), "3 4 5 6");
	assert_true(resend(b, 1));
	assert_string_equal(due(b, "ops", now, 8), "1 3 5 6");
	assert_false(resend(b, 99));
}

/* A channel whose receiver asked for a pause gets nothing before that, neither old nor new, also after a restart; others do. */
static void test_held(void **state)
{
	struct bed *b = *state;
	int64_t now = clock_wall_ms() + 1000;
	struct db_message test[] = {{"ops", "t1", "{}", NULL}, {"chat", "t1", "{}", NULL}};

	change_told(b, "a1", "firing", 1);    /* 1 */
	change_told(b, "a2", "firing", 2);    /* 2 */
	turn_until(b, &b->done, 2);
	result(b, 1, "held", now + 60000);
	db_alert_change(b->db, NULL, test, 2, on_done, b); /* 3 4 */
	assert_string_equal(due(b, "ops", now + 59999, 8), "");
	assert_string_equal(due(b, "chat", now, 8), "4");
	outbox(b, "ops", "waiting");
	assert_int_equal(atoll(member(b->rows, 0, "next")), now + 60000); /* not sooner for what may go any time */
	close_db(b);
	open_db(b);
	assert_string_equal(due(b, "ops", now + 59999, 8), "");
	assert_string_equal(due(b, "ops", now + 60000, 8), "1 2 3");
	assert_string_equal(due(b, "ops", now - 3 * DAY, 8), "1 2 3"); /* a clock that was ahead said until when */
	db_outbox_hurry(b->db, "ops"); /* is no reason either */
	assert_string_equal(due(b, "ops", now + 59999, 8), "");
	result(b, 2, "held", now + 90000); /* again, and for longer */
	assert_string_equal(due(b, "ops", now + 89999, 8), "");
	assert_string_equal(due(b, "ops", now + 90000, 8), "1 2 3");
}

/* What was put off is due when the receiver is back. */
static void test_hurried(void **state)
{
	struct bed *b = *state;
	int64_t now = clock_wall_ms() + 1000;
	struct db_message test[] = {{"chat", "t1", "{}", NULL}};

	change_told(b, "a1", "firing", 1);    /* 1 */
	change_told(b, "a2", "firing", 2);    /* 2 */
	change_told(b, "a3", "firing", 3);    /* 3 */
	db_alert_change(b->db, NULL, test, 1, on_done, b); /* 4 */
	turn_until(b, &b->done, 4);
	for (int64_t id = 1; id <= 4; id++)
		result(b, id, id == 3 ? "dead" : "retry", now + 3600000);
	assert_string_equal(due(b, "ops", now, 8), "");
	db_outbox_hurry(b->db, "ops");
	db_outbox_hurry(b->db, "none");
	assert_string_equal(due(b, "ops", now, 8), "1 2");
	assert_int_equal(b->due[0].attempts, 1);
	assert_string_equal(due(b, "chat", now, 8), ""); /* another's */
}

/* The clock was set back: nobody waits for longer because of that, neither a message nor a channel that is held. */
static void test_set_back(void **state)
{
	struct bed *b = *state;
	int64_t now = clock_wall_ms() + 1000, hour = 3600000;

	change_told(b, "a1", "firing", 1);    /* 1 */
	change_told(b, "a2", "firing", 2);    /* 2 */
	turn_until(b, &b->done, 2);
	result(b, 1, "retry", now + hour + 60000);
	db_outbox_set_back(b->db, hour);
	assert_string_equal(due(b, "ops", now + 59999, 8), "2");
	assert_string_equal(due(b, "ops", now + 60000, 8), "1 2");
	result(b, 2, "held", now + hour + 90000);
	assert_string_equal(due(b, "ops", now + hour + 89999, 8), "");
	db_outbox_set_back(b->db, hour);
	assert_string_equal(due(b, "ops", now + 89999, 8), "");
	assert_string_equal(due(b, "ops", now + 90000, 8), "1 2");
}

static void test_a_delivery_is_whole(void **state)
{
	struct bed *b = *state;
	const char *rows;

	change_told(b, "a1", "firing", 1);
	turn_until(b, &b->done, 1);
	rows = outbox(b, NULL, NULL);
	assert_string_equal(member(rows, 0, "channel"), "\"ops\"");
	assert_string_equal(member(rows, 0, "message_id"), "\"a1-1\"");
	assert_string_equal(member(rows, 0, "alert"), "\"a1\"");
	assert_string_equal(member(rows, 0, "state"), "\"waiting\"");
	assert_string_equal(member(rows, 0, "attempts"), "0");
	assert_string_equal(member(rows, 0, "status"), "null");
	assert_string_equal(member(rows, 0, "last_error"), "null");
	assert_string_equal(member(rows, 0, "finished"), "null");
	assert_string_equal(member(rows, 0, "bytes"), "7");
	result(b, 1, "retry", 77);
	rows = outbox(b, "ops", "waiting");
	assert_string_equal(member(rows, 0, "status"), "503");
	assert_string_equal(member(rows, 0, "last_error"), "\"busy\"");
	assert_string_equal(member(rows, 0, "next"), "77");
	assert_string_equal(member(rows, 0, "attempts"), "1");
	result(b, 1, "dead", 0);
	rows = outbox(b, "ops", "dead");
	assert_string_equal(member(rows, 0, "state"), "\"dead\"");
	assert_string_equal(member(rows, 0, "next"), "null");
	assert_true(atoll(member(rows, 0, "finished")) > 0);
	assert_int_equal(count_rows(outbox(b, "ops", "waiting")), 0);
	assert_int_equal(count_rows(outbox(b, "chat", NULL)), 0);
}

static void on_whole(void *user, const struct db_delivery *d, size_t n)
{
	struct bed *b = user;

	assert_int_equal(n, 1);
	assert_string_equal(d->channel, "ops");
	assert_string_equal(d->message_id, "a1-1");
	assert_string_equal(d->alert_id, "a1");
	assert_string_equal(d->body, "{\"a\":1}");
	assert_string_equal(d->content_type, "application/json");
	b->answers++;
}

static void test_a_due_message_is_whole(void **state)
{
	struct bed *b = *state;

	change_told(b, "a1", "firing", 1);
	db_outbox_due(b->db, "ops", INT64_MAX, 5, on_whole, b); /* asked before the change is on disk: in order all the same */
	turn_until(b, &b->answers, 1);
}

/* ---- audit, tokens ---- */

static void test_audit(void **state)
{
	struct bed *b = *state;

	db_audit(b->db, "ann", "operator", "acknowledge", "a1");
	db_audit(b->db, NULL, NULL, "sign in", NULL);
	db_audit_query(b->db, 10, on_rows, b);
	assert_int_equal(count_rows(answer(b)), 2);
	assert_string_equal(member(b->rows, 0, "action"), "\"sign in\"");
	assert_string_equal(member(b->rows, 0, "who"), "null");
	assert_string_equal(member(b->rows, 1, "who"), "\"ann\"");
	assert_string_equal(member(b->rows, 1, "role"), "\"operator\"");
	assert_string_equal(member(b->rows, 1, "detail"), "\"a1\"");
	assert_true(llabs(atoll(member(b->rows, 1, "timestamp")) - clock_wall_ms()) < 60000);
	db_audit_query(b->db, 1, on_rows, b);
	assert_int_equal(count_rows(answer(b)), 1);
}

struct tokens_seen {
	int tellings, n;
	char names[256];
	unsigned char hash[32];
};

static void on_begin(void *user)
{
	struct tokens_seen *t = user;

	t->tellings++;
	t->n = 0;
	t->names[0] = '\0';
}

static void on_token(void *user, const char *name, const char *role, const unsigned char hash[32])
{
	struct tokens_seen *t = user;
	size_t at = strlen(t->names);

	t->n++;
	snprintf(t->names + at, sizeof t->names - at, "%s:%s ", name, role);
	memcpy(t->hash, hash, sizeof t->hash);
}

static void on_list(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms)
{
	struct opened *o = user;
	size_t at = strlen(o->text);

	assert_true(llabs(created_ms - clock_wall_ms()) < 60000);
	o->n++;
	snprintf(o->text + at, sizeof o->text - at, "%s:%s:%lld ", name, role, (long long)used_ms);
}

static void test_tokens(void **state)
{
	struct bed *b = *state;
	struct tokens_seen seen = {0};
	struct opened o = {0};
	struct sha256_ctx ctx;
	unsigned char hash[32];
	char first[64] = "", second[64] = "untouched";

	db_on_tokens(b->db, on_begin, on_token, &seen);
	turn_until(b, &seen.tellings, 1);
	assert_int_equal(seen.n, 0);
	assert_int_equal(db_token_add(b->db, "ci", "viewer", first), 0);
	assert_int_equal(strlen(first), 4 + 43);
	assert_memory_equal(first, "vdt_", 4);
	assert_int_equal(db_token_add(b->db, "ci", "operator", second), -EEXIST);
	assert_string_equal(second, "untouched");
	turn_until(b, &seen.tellings, 2);
	assert_string_equal(seen.names, "ci:viewer ");
	sha256_init(&ctx);
	sha256_update(&ctx, strlen(first), (const uint8_t *)first);
	sha256_digest(&ctx, sizeof hash, hash);
	assert_memory_equal(hash, seen.hash, sizeof hash);

	db_token_used(b->db, "ci", 1000000);
	db_token_used(b->db, "ci", 1000001); /* within the minute: not worth a write */
	db_token_used(b->db, "gone", 1000001);
	assert_int_equal(db_token_add(b->db, "desk", "operator", second), 0);
	assert_string_not_equal(first, second);
	turn_until(b, &seen.tellings, 3);
	db_token_list(b->db, on_list, &o);
	assert_string_equal(o.text, "ci:viewer:1000000 desk:operator:0 ");
	assert_int_equal(db_token_revoke(b->db, "ci"), 0);
	assert_int_equal(db_token_revoke(b->db, "ci"), -ENOENT);
	turn_until(b, &seen.tellings, 4);
	assert_string_equal(seen.names, "desk:operator ");
	close_db(b);
	assert_int_equal(seen.tellings, 4); /* the last use and the like are no news */
	for (const char *p = first; *p; p++) /* nowhere in the file */
		if (p == first)
			assert_int_equal(ask_file(b, "SELECT count(*) FROM tokens WHERE typeof(hash) <> 'blob' OR length(hash) <> 32"), 0);
}

/* The command line beside a running daemon. Forked first: threads and fork do not go together. */
static void test_two_processes(void **state)
{
	struct bed *b = *state;
	struct tokens_seen seen = {0};
	int go[2], status;
	pid_t child;
	char byte = 0;

	assert_int_equal(pipe(go), 0);
	child = fork();
	if (!child) {
		struct db *db;
		char why[256], secret[64];
		int bad = close(go[1]) || read(go[0], &byte, 1) != 1 || db_open(&db, b->dir, NULL, why, sizeof why);

		for (int i = 0; !bad && i < 10; i++) {
			char name[24];

			snprintf(name, sizeof name, "t%d", i);
			bad = db_token_add(db, name, "viewer", secret) != 0;
		}
		if (!bad)
			bad = db_token_revoke(db, "t3") != 0;
		if (!bad)
			db_close(db);
		_exit(bad);
	}
	open_db(b);
	db_on_tokens(b->db, on_begin, on_token, &seen);
	turn_until(b, &seen.tellings, 1);
	assert_int_equal(write(go[1], &byte, 1), 1);
	for (int i = 0; waitpid(child, &status, WNOHANG) == 0; i++) { /* both write all the time */
		change(b, "a1", "firing", i);
		turn_until(b, &b->done, i + 1);
	}
	assert_int_equal(status, 0);
	while (seen.n != 9 || strstr(seen.names, "t3:")) /* nine are also there before the last is added */
		turn_until(b, &seen.tellings, seen.tellings + 1);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), b->done);
	close(go[0]);
	close(go[1]);
}

/* The command line beside a daemon: whom it shuts out is gone in a second or so. Each change comes right after a look, so that three
 * of them take three of its periods. */
static void test_tokens_are_looked_at_each_second(void **state)
{
	struct bed *b = *state;
	struct tokens_seen seen = {0};
	char why[256], secret[64];
	struct db *beside;
	int64_t begun;

	db_on_tokens(b->db, on_begin, on_token, &seen);
	turn_until(b, &seen.tellings, 1);
	assert_int_equal(db_open(&beside, b->dir, NULL, why, sizeof why), 0);
	assert_int_equal(db_token_add(beside, "a", "viewer", secret), 0);
	turn_until(b, &seen.tellings, 2);
	begun = clock_mono_ms();
	assert_int_equal(db_token_add(beside, "b", "viewer", secret), 0);
	turn_until(b, &seen.tellings, 3);
	assert_int_equal(db_token_revoke(beside, "a"), 0);
	turn_until(b, &seen.tellings, 4);
	assert_int_equal(db_token_revoke(beside, "b"), 0);
	turn_until(b, &seen.tellings, 5);
	assert_int_equal(seen.n, 0);
	assert_true(clock_mono_ms() - begun < PATIENCE_MS);
	db_close(beside);
}

/* ---- kill -9 ---- */

/* A check that fails there ends it, instead of running on as a second set of tests. */
static pid_t fork_child(void)
{
	pid_t child = fork();

	if (!child)
		setenv("CMOCKA_TEST_ABORT", "1", 1);
	return child;
}

struct writer {
	struct bed *b;
	int n, pipe;
};

static void on_written(void *user)
{
	struct writer *w = user;
	ssize_t sent = write(w->pipe, &w->n, sizeof w->n);

	(void)sent;
	free(w);
}

/* Writes until it is killed; says over the pipe what is on disk. */
static void write_for_ever(struct bed *b, int fd)
{
	open_db(b);
	for (int n = 0;; n++) {
		struct writer *w = malloc(sizeof *w);
		char id[16], message[24];
		struct db_alert a = an_alert(id, "firing", n);
		struct db_message m[] = {{"ops", message, "{}", NULL}, {"chat", message, "{}", NULL}};

		snprintf(id, sizeof id, "k%d", n % 50);
		snprintf(message, sizeof message, "m%d", n);
		*w = (struct writer){b, n, fd};
		db_alert_change(b->db, &a, m, 2, on_written, w);
		if (n % 7 == 0)
			loop_turn(b->loop, 1);
	}
}

static void test_kill_9(void **state)
{
	struct bed *b = *state;

	for (int round = 1; round <= 4; round++) {
		int fds[2], n, most = -1, status;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork_child();
		if (!child)
			write_for_ever(b, fds[1]);
		close(fds[1]);
		while (most < 50 * round && read(fds[0], &n, sizeof n) == (ssize_t)sizeof n)
			most = n;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		while (read(fds[0], &n, sizeof n) == (ssize_t)sizeof n)
			most = n; /* said before it died */
		close(fds[0]);
		CHECK(most >= 50 * round, "round %d: %d", round, most);

		open_db(b);
		CHECK(ask_file(b, "SELECT count(*) FROM alert_changes") > most, "round %d: %d was said to be on disk", round, most);
		CHECK(ask_file(b, "SELECT max(changed_ms) - min(changed_ms) + 1 - count(*) FROM alert_changes") == 0, "round %d: no holes", round);
		CHECK(ask_file(b, "SELECT count(*) * 2 FROM alert_changes") == ask_file(b, "SELECT count(*) FROM outbox"),
			"round %d: each change has both its messages", round);
		close_db(b);
		unlink(b->path);
	}
}

/* ---- disks that are full ---- */

/* A question of our own, which sets how many pages the file may have. */
struct ceiling {
	struct job job;
	struct bed *b;
	int pages;
};

static int ceiling_run(struct db *db, struct job *j)
{
	struct ceiling *c = (struct ceiling *)j;
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", c->pages);
	return sqlite3_exec(db->sql.handle, sql, NULL, NULL, NULL);
}

static void ceiling_done(struct job *j)
{
	((struct ceiling *)j)->b->answers++;
}

static const struct job_kind ceiling_kind = {.name = "ceiling", .run = ceiling_run, .done = ceiling_done};

static void set_ceiling(struct bed *b, int pages)
{
	struct ceiling *c = job_new(b->db, sizeof *c, &ceiling_kind);

	c->b = b;
	c->pages = pages;
	job_submit(&c->job);
	turn_until(b, &b->answers, b->answers + 1);
}

static void turn_until_trouble(struct bed *b, bool wanted, char *why, size_t size)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (db_trouble(b->db, why, size) != wanted && clock_mono_ms() < until)
		loop_turn(b->loop, 20);
	assert_int_equal(db_trouble(b->db, why, size), wanted);
}

/* More than any ceiling leaves room for, and an alert whose changes come in order. */
static int write_much(struct bed *b)
{
	int n = 0;

	for (int i = 0; i < 300; i++, n++) {
		char id[16];

		snprintf(id, sizeof id, "f%d", i);
		change_told(b, id, "firing", i);
	}
	change_told(b, "last", "firing", 1000);
	change_told(b, "last", "acknowledged", 1001);
	change_told(b, "last", "resolved", 1002);
	return n + 3;
}

static void check_much(struct bed *b)
{
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), 304);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes a JOIN alert_changes b ON b.seq = a.seq + 1"
		" WHERE a.alert <> 'before' AND b.changed_ms <= a.changed_ms"), 0); /* in order */
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alerts"), 302);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM outbox"), 304);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alerts WHERE id = 'last' AND state = 'resolved'"), 1);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM outbox a JOIN outbox b ON a.id < b.id WHERE a.message_id = 'last-1001' AND"
		" b.message_id = 'last-1002'"), 1);
}

/* From a change that could be written to the last of many that could not, and back: make_room(). */
static void survive(struct bed *b, void (*make_room)(struct bed *b))
{
	char why[256] = "";
	int n;

	n = write_much(b);
	turn_until_trouble(b, true, why, sizeof why);
	assert_true(strlen(why) > 4);
	/* Questions are answered meanwhile, from what is on disk; the one for messages waits. */
	assert_string_equal(member(alerts(b, (struct db_alerts_query){.id = "before"}), 0, "id"), "\"before\"");
	b->answers = 0;
	db_outbox_due(b->db, "ops", INT64_MAX, 8, on_due, b);
	for (int i = 0; i < 5; i++)
		loop_turn(b->loop, 20);
	assert_int_equal(b->answers, 0);
	assert_true(b->done < n);
	make_room(b);
	turn_until(b, &b->done, n + 1);
	turn_until_trouble(b, false, why, sizeof why);
	loop_turn(b->loop, 0);
	check_much(b);
}

static void lift_ceiling(struct bed *b)
{
	set_ceiling(b, 1000000);
	b->answers = 0;
}

static void test_full(void **state)
{
	struct bed *b = *state;

	change_told(b, "before", "firing", 1);
	turn_until(b, &b->done, 1);
	set_ceiling(b, 1); /* becomes what the file has now */
	survive(b, lift_ceiling);
}

static struct rlimit unlimited;

static void lift_limit(struct bed *b)
{
	(void)b;
	setrlimit(RLIMIT_FSIZE, &unlimited);
}

/* The kernel's own refusal: EFBIG, which SQLite calls SQLITE_IOERR_WRITE. */
static void test_io_error(void **state)
{
	struct bed *b = *state;
	struct rlimit small;
	char wal[128];
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	small = unlimited;
	change_told(b, "before", "firing", 1);
	turn_until(b, &b->done, 1);
	snprintf(wal, sizeof wal, "%s-wal", b->path);
	assert_int_equal(stat(wal, &st), 0);
	small.rlim_cur = (rlim_t)st.st_size + 8192;
	setrlimit(RLIMIT_FSIZE, &small);
	survive(b, lift_limit);
}

static void remove_ballast(struct bed *b)
{
	char path[128];

	snprintf(path, sizeof path, "%s/ballast", b->dir);
	unlink(path);
}

static void fill_disk(struct bed *b)
{
	static const char block[4096];
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/ballast", b->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	close(fd);
}

/* 0: a small disk of our own, size= as in tmpfs(5), is mounted over the folder, in a process of our own. */
static int mount_small(const struct bed *b, const char *size)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount("tmpfs", b->dir, "tmpfs", 0, size);
}

#define SKIPPED 77

static void in_small_disk(struct bed *b)
{
	if (mount_small(b, "size=1m") < 0)
		_exit(SKIPPED);
	open_db(b);
	change_told(b, "before", "firing", 1);
	turn_until(b, &b->done, 1);
	fill_disk(b);
	survive(b, remove_ballast);
	close_db(b);
	_exit(0);
}

static size_t size_of(const struct bed *b, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	return stat(path, &st) < 0 ? 0 : (size_t)st.st_size;
}

static void turn_until_size(struct bed *b, const char *name, size_t size)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (size_of(b, name) != size && clock_mono_ms() < until)
		loop_turn(b->loop, 20);
	assert_int_equal(size_of(b, name), size);
}

/* The alert that says that the disk is full is written, and can be sent. */
static void with_reserve(struct bed *b)
{
	if (mount_small(b, "size=70m") < 0)
		_exit(SKIPPED);
	open_db(b);
	turn_until_size(b, "vedette.reserve", 4 << 20);
	fill_disk(b);
	for (int i = 0; i < 20; i++) {
		change_told(b, "full", "firing", i);
		turn_until(b, &b->done, i + 1);
		assert_false(db_trouble(b->db, (char[8]){0}, 8));
	}
	assert_int_equal(size_of(b, "vedette.reserve"), 0);
	assert_string_equal(due(b, "ops", INT64_MAX, 8), "1");
	remove_ballast(b);
	turn_until_size(b, "vedette.reserve", 4 << 20);
	close_db(b);
	_exit(0);
}

static void on_a_disk_of_its_own(struct bed *b, void (*f)(struct bed *b))
{
	int status;
	pid_t child = fork_child();

	if (!child)
		f(b);
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

static void test_a_disk_that_is_full(void **state)
{
	on_a_disk_of_its_own(*state, in_small_disk);
}

static void test_reserve(void **state)
{
	on_a_disk_of_its_own(*state, with_reserve);
}

/* What cannot be written until the end is not said to be written, and the end comes. */
static void test_close_in_trouble(void **state)
{
	struct bed *b = *state;
	int64_t start;
	int n;

	set_ceiling(b, 1);
	n = write_much(b);
	db_outbox_due(b->db, "ops", INT64_MAX, 8, on_due, b);
	turn_until_trouble(b, true, (char[64]){0}, 64);
	b->answers = 0;
	start = clock_mono_ms();
	close_db(b);
	assert_true(clock_mono_ms() - start < PATIENCE_MS);
	assert_int_equal(b->answers, 1); /* with nothing */
	assert_int_equal(b->ndue, 0);
	assert_true(b->done < n);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), b->done);
}

/* ---- the ceiling of the queue ---- */

static void on_count(void *user, const char *rows)
{
	((int *)user)[!rows]++;
}

/* A job of our own at which the thread waits until the gate is open, which it stays: jobs may be done again. */
struct wait {
	struct job job;
	sem_t *gate;
};

static int wait_run(struct db *db, struct job *j)
{
	sem_t *gate = ((struct wait *)j)->gate;

	(void)db;
	while (sem_wait(gate))
		;
	return sem_post(gate);
}

static const struct job_kind wait_kind = {.name = "wait", .kept = true, .run = wait_run};

static void hold_thread(struct bed *b, sem_t *gate)
{
	struct wait *w = job_new(b->db, sizeof *w, &wait_kind);

	assert_int_equal(sem_init(gate, 0, 0), 0);
	w->gate = gate;
	job_submit(&w->job);
}

static void test_queue_is_bounded(void **state)
{
	struct bed *b = *state;
	int answers[2] = {0}; /* something, nothing */
	sem_t gate;

	change(b, "a1", "firing", 1);
	turn_until(b, &b->done, 1);
	hold_thread(b, &gate);
	for (int i = 0; i < 2000; i++)
		change(b, "a1", "firing", i + 2);
	for (int i = 0; i < LIMIT_DB_QUEUE + 100; i++)
		db_alerts_query(b->db, &(struct db_alerts_query){.id = "a1"}, on_count, answers);
	for (int i = 0; i < 50; i++)
		db_audit(b->db, "ann", "operator", "too much", NULL);
	turn_until(b, &answers[1], 100);
	assert_int_equal(answers[0], 0);
	assert_int_equal(answers[1], 100);
	sem_post(&gate);
	turn_until(b, &answers[0], LIMIT_DB_QUEUE);
	turn_until(b, &b->done, 2001);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), 2001);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM audit"), 0);
	db_audit(b->db, "ann", "operator", "not too much", NULL);
	close_db(b);
	sem_destroy(&gate);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM audit"), 1);
}

static void on_again(void *user, const char *rows)
{
	struct bed *b = user;

	(void)rows;
	b->answers++;
	db_alerts_query(b->db, &(struct db_alerts_query){0}, on_again, b);
}

/* Someone who asks again at every answer does not keep it open. */
static void test_close_drains(void **state)
{
	struct bed *b = *state;

	for (int i = 0; i < 1500; i++)
		change_told(b, "a1", "firing", i);
	db_alerts_query(b->db, &(struct db_alerts_query){0}, on_again, b);
	close_db(b);
	assert_int_equal(b->done, 1500);
	assert_true(b->answers >= 1);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM outbox"), 1500);
}

/* ---- threads ---- */

static atomic_bool stop_asking;

static void *ask(void *arg)
{
	struct db *db = arg;
	char why[64];

	while (!atomic_load(&stop_asking)) {
		db_trouble(db, why, sizeof why);
		db_bytes(db);
		sched_yield();
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct bed *b = *state;
	pthread_t thread;

	atomic_store(&stop_asking, false);
	pthread_create(&thread, NULL, ask, b->db);
	for (int i = 0; i < 200; i++) {
		change_told(b, "a1", "firing", i);
		db_outbox_due(b->db, "ops", INT64_MAX, 8, on_due, b);
		if (i % 10 == 0)
			loop_turn(b->loop, 0);
	}
	turn_until(b, &b->done, 200);
	turn_until(b, &b->answers, 200);
	assert_true(db_bytes(b->db) > 0);
	atomic_store(&stop_asking, true);
	pthread_join(thread, NULL);
}

/* ---- retention ---- */

static void test_forgets_what_is_old(void **state)
{
	struct bed *b = *state;
	char sql[2048];
	long long now = clock_wall_ms(), old = now - 91 * DAY, young = now - 89 * DAY;
	int64_t until;

	close_db(b); /* it may still be at its own first round of forgetting */
	for (int i = 0; i < 2; i++) { /* 450 rows are more than two steps */
		snprintf(sql, sizeof sql,
			"PRAGMA foreign_keys=ON;"
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)"
			" INSERT INTO alerts (id, rule, state, starts_ms, ends_ms, changed_ms)"
			" SELECT '%d-' || i, 'R', CASE WHEN i = 1 THEN 'firing' ELSE 'resolved' END, %lld, %lld, %lld FROM n;"
			"INSERT INTO alert_changes (alert, changed_ms, state, ends_ms) SELECT id, changed_ms, state, ends_ms FROM alerts WHERE id LIKE '%d-%%';"
			"INSERT INTO outbox (channel, message_id, line, state, attempts, body, created_ms, next_ms, finished_ms)"
			" SELECT 'ops', id, id, CASE WHEN state = 'firing' THEN 'waiting' ELSE 'delivered' END, 1, '', 0, 0,"
			" CASE WHEN state = 'firing' THEN NULL ELSE %lld END FROM alerts WHERE id LIKE '%d-%%';"
			"INSERT INTO audit (t_ms, action) SELECT %lld, 'x' FROM alerts WHERE id LIKE '%d-%%';"
			"INSERT INTO silences (id, matcher, from_ms, until_ms) VALUES ('%d', 'rule=R', 0, %lld);",
			i, i ? young : old, i ? young : old, i ? young : old, i, i ? young : old, i, i ? young : old, i, i, i ? young : old);
		exec_file(b, sql);
	}
	open_db(b); /* it begins with forgetting */
	until = clock_mono_ms() + PATIENCE_MS;
	while (ask_file(b, "SELECT count(*) FROM silences") == 2 && clock_mono_ms() < until)
		loop_turn(b->loop, 20);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM silences"), 1); /* the last step */
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alerts"), 451); /* the old one that still fires stays, */
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alert_changes"), 451);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM outbox"), 451); /* and what still waits */
	assert_int_equal(ask_file(b, "SELECT count(*) FROM audit"), 450);
	change(b, "a1", "firing", now);
	turn_until(b, &b->done, 1);
}

/* ---- channels that went ---- */

static void on_gone(void *user, const struct db_gone *at, size_t n)
{
	struct bed *b = user;
	struct buf text;

	buf_init(&text, 1000);
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s %u since %lld until %lld%s;", at[i].channel, at[i].waiting, (long long)(at[i].since_ms - t0) / DAY,
			(long long)(at[i].until_ms - t0) / DAY, at[i].given_up ? " given up" : "");
	free(b->rows);
	b->rows = buf_take(&text, NULL);
	b->answers++;
}

/* Messages for ops, pager and chat; the configuration holds what is named, day by day. */
static void test_channels_that_went(void **state)
{
	static const struct row {
		int day;
		const char *names[3];
		const char *want;
		size_t waiting, dead;
	} days[] = {
		{1, {"ops", "pager", "chat"}, "", 4, 0},
		{2, {"chat"}, "ops 2 since 2 until 9;pager 1 since 2 until 9;", 4, 0},
		{5, {"chat", "ops"}, "pager 1 since 2 until 9;", 4, 0},              /* back in time, */
		{6, {"chat"}, "ops 2 since 6 until 13;pager 1 since 2 until 9;", 4, 0}, /* and gone anew */
		{9, {"chat"}, "ops 2 since 6 until 13;pager 1 since 2 until 9 given up;", 3, 1},
		{10, {"chat"}, "ops 2 since 6 until 13;", 3, 1},
		{4, {"chat"}, "ops 2 since 4 until 11;", 3, 1},                      /* the clock was set back */
		{11, {"chat"}, "ops 2 since 4 until 11 given up;", 1, 3},
		{12, {NULL}, "chat 1 since 12 until 19;", 1, 3},
	};
	struct bed *b = *state;
	struct db_message m[] = {{"ops", "1", "{}", NULL}, {"ops", "2", "{}", NULL}, {"pager", "3", "{}", NULL}, {"chat", "4", "{}", NULL}};

	db_alert_change(b->db, NULL, m, 4, on_done, b);
	turn_until(b, &b->done, 1);
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		size_t n = 0, waiting, dead;

		while (n < 3 && days[i].names[n])
			n++;
		db_outbox_gone(b->db, days[i].names, n, t0 + days[i].day * DAY, on_gone, b);
		CHECK(strcmp(answer(b), days[i].want) == 0, "day %d: %s", days[i].day, b->rows);
		waiting = count_rows(outbox(b, NULL, "waiting"));
		dead = count_rows(outbox(b, NULL, "dead"));
		CHECK(waiting == days[i].waiting && dead == days[i].dead, "day %d: %zu wait, %zu are dead", days[i].day, waiting, dead);
	}
	assert_string_equal(member(outbox(b, "pager", "dead"), 0, "last_error"), "\"the channel is not in the configuration\"");
	assert_string_equal(member(b->rows, 0, "gone"), "null");
	outbox(b, "chat", "waiting");
	assert_int_equal(atoll(member(b->rows, 0, "gone")), t0 + 12 * DAY);
	assert_int_equal(atoll(member(b->rows, 0, "until")), t0 + 19 * DAY);
	assert_string_equal(member(b->rows, 0, "next"), "null");
}

/* ---- how channels do ---- */

static void on_channels(void *user, const struct db_channel *at, size_t n)
{
	struct bed *b = user;
	struct buf text;

	buf_init(&text, 4096);
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s %s%s%s %u %u;", at[i].name, at[i].ok_ms ? "ok " : "", at[i].since_ms ? "fails " : "", at[i].error ? at[i].error : "-",
			at[i].waiting, at[i].dead);
	free(b->rows);
	b->rows = buf_take(&text, NULL);
	b->answers++;
}

static const char *channels(struct bed *b)
{
	db_channels(b->db, on_channels, b);
	return answer(b);
}

static void on_resent(void *user, uint32_t sent, uint32_t left)
{
	struct bed *b = user;

	free(b->rows);
	b->rows = xasprintf("%u %u", sent, left);
	b->answers++;
}

static const char *resend_dead(struct bed *b, const char *channel, uint32_t most)
{
	db_outbox_resend_dead(b->db, channel, most, on_resent, b);
	return answer(b);
}

static void test_channels(void **state)
{
	/* What came of which message, and what is known then: name, ok, fails, error, how many wait, how many are dead. */
	static const struct {
		int id;
		const char *outcome, *want;
	} steps[] = {
		{1, "cut short", "chat - 1 0;ops - 3 0;"},
		{1, "retry", "chat - 1 0;ops fails busy 3 0;"},
		{1, "dead", "chat - 1 0;ops fails busy 2 1;"},
		{4, "delivered", "chat ok - 0 0;ops fails busy 2 1;"},
		{2, "dead", "chat ok - 0 0;ops fails busy 1 2;"},
		{3, "delivered", "chat ok - 0 0;ops ok - 0 2;"},
		{2, "cut short", "chat ok - 0 0;ops ok - 1 1;"},
		{2, "dead", "chat ok - 0 0;ops ok fails busy 0 2;"},
		{99, "dead", "chat ok - 0 0;ops ok fails busy 0 2;"},
	};
	struct bed *b = *state;
	struct db_message m[] = {{"ops", "1", "{}", NULL}, {"ops", "2", "{}", NULL}, {"ops", "3", "{}", NULL}, {"chat", "4", "{}", NULL}};

	assert_string_equal(channels(b), "");
	db_alert_change(b->db, NULL, m, 4, on_done, b);
	turn_until(b, &b->done, 1);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		result(b, steps[i].id, steps[i].outcome, 0);
		CHECK(strcmp(channels(b), steps[i].want) == 0, "step %zu: %s", i, b->rows);
	}
	db_channel_tested(b->db, "ops", NULL);
	assert_string_equal(channels(b), "chat ok - 0 0;ops ok - 0 2;");
	db_channel_tested(b->db, "new", "no route");
	assert_string_equal(channels(b), "chat ok - 0 0;new fails no route 0 0;ops ok - 0 2;");
	assert_string_equal(resend_dead(b, "ops", 1), "1 1");
	assert_string_equal(due(b, "ops", clock_wall_ms() + 1000, 8), "1");
	assert_string_equal(resend_dead(b, "ops", 10), "1 0");
	assert_string_equal(resend_dead(b, "ops", 10), "0 0");
	assert_string_equal(resend_dead(b, "nowhere", 10), "0 0");
}

static void test_outbox_asked(void **state)
{
	/* The ids of the rows, newest first. */
	static const struct {
		struct db_outbox_query q;
		const char *want;
	} rows[] = {
		{{0}, "4 3 2 1 "},
		{{.alert = "a1"}, "2 1 "},
		{{.alert = "a1", .state = "dead"}, "1 "},
		{{.alert = "a1", .channel = "chat"}, ""},
		{{.alert = "xyz"}, ""},
		{{.channel = "ops", .before = 3}, "2 1 "},
		{{.before = 4, .limit = 2}, "3 2 "},
		{{.before = 1}, ""},
		{{.state = "waiting", .before = 4}, "3 2 "},
	};
	struct bed *b = *state;

	change_told(b, "a1", "firing", 1);
	change_told(b, "a1", "resolved", 2);
	change_told(b, "a2", "firing", 3);
	change_told(b, "a3", "firing", 4);
	turn_until(b, &b->done, 4);
	result(b, 1, "dead", 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char ids[64] = "";

		db_outbox_query(b->db, &rows[i].q, on_rows, b);
		for (size_t k = 0, n = count_rows(answer(b)); k < n; k++) {
			strcat(ids, member(b->rows, k, "id"));
			strcat(ids, " ");
		}
		CHECK(strcmp(ids, rows[i].want) == 0, "%zu: %s", i, ids);
	}
}

/* ---- versions and damage ---- */

static void test_from_every_version(void **state)
{
	struct bed *b = *state;
	int last = schema_steps[schema_len - 1].version;

	for (size_t from = 0; from <= schema_len; from++) {
		char sql[64];

		exec_file(b, "PRAGMA user_version=0");
		for (size_t i = 0; i < from; i++) {
			exec_file(b, schema_steps[i].text);
			snprintf(sql, sizeof sql, "PRAGMA user_version=%d", schema_steps[i].version);
			exec_file(b, sql);
		}
		if (from)
			exec_file(b, "INSERT INTO alerts (id, rule, state, starts_ms, ends_ms, changed_ms) VALUES ('old', 'R', 'firing', 1, 0, 1)");
		open_db(b);
		CHECK(ask_file(b, "PRAGMA user_version") == last, "from step %zu", from);
		b->done = 0;
		change_told(b, "new", "firing", 2);
		turn_until(b, &b->done, 1);
		CHECK(count_rows(alerts(b, (struct db_alerts_query){0})) == (from ? 2 : 1), "from step %zu: %s", from, b->rows);
		CHECK(strcmp(member(b->rows, from ? 1 : 0, "labels"), "{}") == 0, "from step %zu: %s", from, b->rows);
		close_db(b);
		unlink(b->path);
	}
	for (size_t i = 1; i < schema_len; i++)
		assert_true(schema_steps[i - 1].version < schema_steps[i].version && strcmp(schema_steps[i - 1].name, schema_steps[i].name) < 0);
}

/* Of a time when an acknowledgement stood in who and note alone. */
static void test_old_acknowledgements(void **state)
{
	struct bed *b = *state;
	struct opened o = {0};
	int64_t kept = t0;

	for (size_t i = 0; schema_steps[i].version < 5; i++)
		exec_file(b, schema_steps[i].text);
	exec_file(b, "PRAGMA user_version=4;"
		"INSERT INTO alerts (id, rule, state, who, note, starts_ms, ends_ms, changed_ms) VALUES ('a', 'R', 'acknowledged', 'eve', 'seen', 1, 0, 9);"
		"INSERT INTO alert_changes (alert, changed_ms, state, ends_ms) VALUES ('a', 1, 'firing', 0), ('a', 5, 'acknowledged', 0)");
	open_db(b);
	t0 = 0;
	db_alerts_open(b->db, on_open_alert, &o);
	t0 = kept;
	CHECK(o.n == 1 && strstr(o.text, "by eve: seen") && strstr(o.text, ", eve: seen 5"), "%s", o.text);
}

/* Of a time when nobody wrote down who heard of an alert: whom a message was made for did. */
static void test_who_had_heard(void **state)
{
	struct bed *b = *state;
	struct opened o = {0};

	for (size_t i = 0; schema_steps[i].version < 8; i++)
		exec_file(b, schema_steps[i].text);
	exec_file(b, "PRAGMA user_version=7;"
		"INSERT INTO alerts (id, rule, state, starts_ms, ends_ms, changed_ms) VALUES ('a', 'R', 'firing', 1, 0, 9), ('b', 'R', 'firing', 2, 0, 9);"
		"INSERT INTO outbox (channel, message_id, alert, line, state, attempts, body, created_ms, next_ms) VALUES"
		" ('ops', 'm', 'a', 'a', 'delivered', 1, '{}', 1, 1), ('ops', 'n', 'a', 'a', 'waiting', 0, '{}', 1, 1),"
		" ('chat', 'm', 'a', 'a', 'dead', 1, '{}', 1, 1), ('ops', 't', NULL, 't', 'delivered', 1, '{}', 1, 1)");
	open_db(b);
	assert_int_equal(ask_file(b, "SELECT count(*) FROM alerts WHERE id = 'a' AND (SELECT group_concat(value, ' ') FROM"
		" (SELECT value FROM json_each(told) ORDER BY value)) = 'chat ops'"), 1);
	db_alerts_open(b->db, on_open_alert, &o);
	CHECK(o.n == 2 && strstr(o.text, "told (null)"), "%s", o.text);
}

static void read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, buf_room(out, 65536), 65536)) > 0)
		buf_grew(out, (size_t)n);
	close(fd);
}

/* It is refused with that error and those words, with and without a thread, and not a byte is changed. */
static void check_refused(struct bed *b, int err, const char *words)
{
	struct buf before, after;
	char why[512];
	struct db *db;

	buf_init(&before, 1 << 24);
	buf_init(&after, 1 << 24);
	read_file(b->path, &before);
	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(db_open(&db, b->dir, b->loop, why, sizeof why), err);
	CHECK(strstr(why, words) && strstr(why, b->path) && strstr(why, "left as it is"), "%s", why);
	loop_free(b->loop);
	b->loop = NULL;
	read_file(b->path, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	buf_release(&before);
	buf_release(&after);
}

static void test_refuses_a_later_version(void **state)
{
	struct bed *b = *state;

	close_db(b);
	exec_file(b, "PRAGMA journal_mode=DELETE; PRAGMA user_version=999");
	check_refused(b, -ENOTSUP, "later version of Vedette (schema 999");
}

static void overwrite(const struct bed *b, off_t at, const char *text, size_t n)
{
	int fd = open(b->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, n, at), (ssize_t)n);
	close(fd);
}

static void test_refuses_what_is_no_database(void **state)
{
	struct bed *b = *state;
	static char text[8192];

	memset(text, 'x', sizeof text);
	overwrite(b, 0, text, sizeof text);
	check_refused(b, -EBADMSG, "not a database");
}

static void test_refuses_a_damaged_database(void **state)
{
	struct bed *b = *state;
	static char text[4096];

	for (int i = 0; i < 200; i++)
		change_told(b, "a1", "firing", i);
	close_db(b);
	memset(text, 'x', sizeof text);
	for (off_t page = 2; page < 8; page++)
		overwrite(b, page * 4096, text, sizeof text);
	check_refused(b, -EBADMSG, "damaged");
}

static void test_other_failures_of_opening(void **state)
{
	struct bed *b = *state;
	struct db *db;
	char why[256] = "";

	assert_int_equal(db_open(&db, "/nonexistent/folder", NULL, why, sizeof why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/folder/vedette.db"));
	assert_int_equal(mkdir(b->path, 0700), 0);
	assert_true(db_open(&db, b->dir, NULL, why, sizeof why) < 0);
	rmdir(b->path);
	db_close(NULL);
}

static void test_files_are_private(void **state)
{
	struct bed *b = *state;
	const char *const ends[] = {"", "-wal", "-shm"};
	mode_t mask = umask(0);

	unlink(b->path);
	open_db(b);
	change(b, "a1", "firing", 1);
	turn_until(b, &b->done, 1);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char path[128];
		struct stat st;

		snprintf(path, sizeof path, "%s%s", b->path, ends[i]);
		CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "%s: %o", path, st.st_mode);
	}
	close_db(b);
	chmod(b->path, 0644);
	open_db(b);
	{
		struct stat st;

		assert_int_equal(stat(b->path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	umask(mask);
}

#define WITH_DB(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, set_up_folder, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DB(test_alert_as_clients_know_it),
		WITH_DB(test_alert_filters),
		WITH_DB(test_alert_of_a_clock_ahead),
		WITH_DB(test_alerts_come_back),
		WITH_DB(test_nothing_doubles),
		WITH_DB(test_a_bad_change_blocks_nobody),
		WITH_DB(test_silences),
		WITH_DB(test_channels),
		WITH_DB(test_outbox_asked),
		WITH_DB(test_order_of_each_alert),
		WITH_DB(test_held),
		WITH_DB(test_hurried),
		WITH_DB(test_set_back),
		WITH_DB(test_a_delivery_is_whole),
		WITH_DB(test_a_due_message_is_whole),
		WITH_DB(test_audit),
		WITH_DB(test_tokens),
		WITH_FOLDER(test_two_processes),
		WITH_DB(test_tokens_are_looked_at_each_second),
		WITH_FOLDER(test_kill_9),
		WITH_DB(test_full),
		WITH_DB(test_io_error),
		WITH_FOLDER(test_a_disk_that_is_full),
		WITH_FOLDER(test_reserve),
		WITH_DB(test_close_in_trouble),
		WITH_DB(test_queue_is_bounded),
		WITH_DB(test_close_drains),
		WITH_DB(test_threads),
		WITH_DB(test_forgets_what_is_old),
		WITH_DB(test_channels_that_went),
		WITH_FOLDER(test_from_every_version),
		WITH_FOLDER(test_old_acknowledgements),
		WITH_FOLDER(test_who_had_heard),
		WITH_DB(test_refuses_a_later_version),
		WITH_FOLDER(test_refuses_what_is_no_database),
		WITH_DB(test_refuses_a_damaged_database),
		WITH_FOLDER(test_other_failures_of_opening),
		WITH_FOLDER(test_files_are_private),
	};

	t0 = clock_wall_ms() - DAY;
	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
