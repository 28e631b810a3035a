/* command.c: what the program does instead of watching. */
#include "app/command.h"

#include "alerts/alerts.h"
#include "app/answers.h"
#include "app/ask.h"
#include "app/config.h"
#include "app/config_value.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/xmalloc.h"
#include "db/db.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

struct command {
	const struct cli *cli;
	struct config *config;
	struct ask ask;
};

/* --- tokens --- */

static void print_day(int64_t ms, char out[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	snprintf(out, 32, "never");
	if (ms > 0) {
		localtime_r(&seconds, &tm);
		strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
	}
}

static void print_token(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms)
{
	char created[32], used[32];

	(void)user;
	print_day(created_ms, created);
	print_day(used_ms, used);
	printf("%-24s %-10s made %-18s used %s\n", name, role, created, used);
}

static int add_token(struct db *db, const struct cli *cli)
{
	char secret[64];
	int err = db_token_add(db, cli->name, cli->role, secret);

	if (err) {
		fprintf(stderr, "vedette: cannot add token \"%s\": %s\n", cli->name, err == -EEXIST ? "there is one already" : strerror(-err));
		return err == -EEXIST ? EX_USAGE : EX_CANTCREAT;
	}
	puts(secret);
	fprintf(stderr, "Keep it: it is not shown again. It lets %s in as %s; `vedette token revoke %s` ends it.\n", cli->name, cli->role,
	        cli->name);
	return EX_OK;
}

static int revoke_token(struct db *db, const struct cli *cli)
{
	int err = db_token_revoke(db, cli->name);

	if (err)
		fprintf(stderr, "vedette: cannot revoke token \"%s\": %s\n", cli->name, err == -ENOENT ? "there is none" : strerror(-err));
	return !err ? EX_OK : err == -ENOENT ? EX_USAGE : EX_CANTCREAT;
}

static int token(struct command *c)
{
	char why[300];
	struct db *db;
	int code, err;

	mkdir(c->config->data_dir, 0700);
	err = db_open(&db, c->config->data_dir, c->ask.loop, why, sizeof why);
	if (err) {
		fprintf(stderr, "vedette: cannot open the state in %s: %s\n", c->config->data_dir, why);
		return EX_CANTCREAT;
	}
	if (c->cli->command == CLI_TOKEN_ADD)
		code = add_token(db, c->cli);
	else if (c->cli->command == CLI_TOKEN_REVOKE)
		code = revoke_token(db, c->cli);
	else
		code = db_token_list(db, print_token, NULL) ? EX_IOERR : EX_OK;
	db_close(db);
	return code;
}

/* --- asking the one that runs --- */

/* "/api/v1/rules/NAME/explain" */
static char *path_take(const char *head, const char *name, const char *tail)
{
	struct buf path;

	buf_init(&path, SIZE_MAX / 2);
	buf_adds(&path, head);
	ask_add_encoded(&path, name);
	buf_adds(&path, tail);
	return buf_take(&path, NULL);
}

static int explain(struct command *c)
{
	char *path = path_take("/api/v1/rules/", c->cli->name, "/explain"), *body = ask_take(&c->ask, "GET", path);
	struct slice text;
	struct buf out;

	free(path);
	if (!body)
		return EX_UNAVAILABLE;
	buf_init(&out, SIZE_MAX / 2);
	if (json_get(slice_str(body), "text", &text))
		json_unquote(&out, text);
	printf("%s%s", out.data, out.len && out.data[out.len - 1] == '\n' ? "" : "\n");
	buf_release(&out);
	free(body);
	return EX_OK;
}

static int test_channel(struct command *c)
{
	char *path = path_take("/api/v1/channels/", c->cli->name, "/test"), *body = ask_take(&c->ask, "POST", path);

	free(path);
	if (!body)
		return EX_UNAVAILABLE;
	printf("%s: delivered\n", c->cli->name);
	free(body);
	return EX_OK;
}

/* --- rules on the past --- */

/* "-6h", "now", "2026-11-23T04:00[:00]" in local time. */
static bool parse_time(const char *text, int64_t *ms)
{
	struct tm tm = {.tm_isdst = -1};
	uint64_t ago;
	struct buf why;
	const char *end;
	bool good = true;

	*ms = clock_wall_ms();
	if (strcmp(text, "now") == 0)
		return true;
	if (*text == '-') {
		buf_init(&why, 200);
		good = duration_parse(text + 1, &ago, &why);
		*ms -= good ? (int64_t)ago : 0;
		buf_release(&why);
		return good;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M", &tm);
	if (end && *end == ':')
		end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || *end)
		return false;
	*ms = (int64_t)mktime(&tm) * 1000;
	return true;
}

struct replay {
	struct store *store;
	struct alerts *alerts;
	unsigned fired;
};

static void on_change(void *user, enum alert_change what, const struct alert_view *a, bool notify)
{
	struct replay *r = user;
	time_t seconds = (time_t)(a->changed_ms / 1000);
	char stamp[32];
	struct tm tm;

	(void)notify;
	localtime_r(&seconds, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
	r->fired += what == ALERT_STARTED;
	printf("%s  %-10s %-9s %-24s %s\n", stamp, alert_state_name(a->state), severity_name(a->severity), a->rule_name,
	       a->summary ? a->summary : a->series);
}

/* One series of the answer, and where its replay stands. */
struct column {
	store_ref ref;
	struct json_walk values;
};

static bool column_of(struct replay *r, struct slice series, uint32_t step_ms, struct column *out)
{
	struct store_info info = {.help = "", .collector = "", .kind = STORE_GAUGE, .interval_ms = step_ms};
	struct slice id, unit, values;
	struct column c = {.ref = STORE_NONE};
	struct buf id_text, unit_text;

	buf_init(&id_text, 1000);
	buf_init(&unit_text, 100);
	if (json_get(series, "id", &id) && json_get(series, "unit", &unit) && json_get(series, "values", &values) &&
	    json_type(values) == JSON_ARRAY) {
		json_unquote(&id_text, id);
		json_unquote(&unit_text, unit);
		info.id = id_text.data;
		info.unit = unit_text.data;
		c.ref = store_series(r->store, &info);
		c.values = json_walk(values);
	}
	buf_release(&id_text);
	buf_release(&unit_text);
	*out = c;
	return c.ref != STORE_NONE;
}

static void play_step(struct replay *r, struct column *columns, size_t n, int64_t t)
{
	time_t seconds = (time_t)(t / 1000);
	struct slice v;
	struct tm tm;

	for (size_t i = 0; i < n; i++) {
		struct store_sample s = {columns[i].ref, NAN};
		struct store_fresh fresh;

		if (!json_next(&columns[i].values, &v) || json_type(v) != JSON_NUMBER)
			continue;
		s.value = json_number(v);
		store_publish(r->store, t, &s, 1);
		fresh = (struct store_fresh){s.series, t, s.value};
		alerts_sample(r->alerts, &fresh, t);
	}
	localtime_r(&seconds, &tm);
	alerts_tick(r->alerts, t, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min);
}

static double number_of(struct slice answer, const char *name)
{
	struct slice v;

	return json_get(answer, name, &v) && json_type(v) == JSON_NUMBER ? json_number(v) : NAN;
}

static void play(struct replay *r, struct slice answer)
{
	double from = number_of(answer, "from"), to = number_of(answer, "to"), step = number_of(answer, "step");
	struct column *columns = NULL;
	struct slice list, one;
	size_t n = 0;

	if (!json_get(answer, "series", &list) || json_type(list) != JSON_ARRAY || !(step >= 1) || !(step < UINT32_MAX))
		return;
	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		columns = xreallocarray(columns, n + 1, sizeof *columns);
		n += column_of(r, one, (uint32_t)step, &columns[n]);
	}
	for (double t = from; t < to; t += step)
		play_step(r, columns, n, (int64_t)t);
	printf("%u would have fired, judged every %.0f s on %zu series.\n", r->fired, step / 1000, n);
	free(columns);
}

static char *history_path_take(const struct config *c, int64_t from, int64_t to)
{
	struct buf path;

	buf_init(&path, SIZE_MAX / 2);
	buf_addf(&path, "/api/v1/history?shape=columns&aggregate=max&points=4000&from=%lld&to=%lld", (long long)from, (long long)to);
	for (size_t i = 0; i < c->nrules; i++) {
		buf_adds(&path, "&series=");
		ask_add_encoded(&path, c->rules[i].metric);
	}
	return buf_take(&path, NULL);
}

static int test_rules(struct command *c)
{
	struct alerts_hooks hooks = {.changed = on_change, .resolve = series_resolve};
	struct store_config config = {.max_series = c->config->store.series, .raw_s = c->config->store.raw_s,
	                              .minute_s = c->config->store.minute_s, .interval_ms = 1000};
	struct replay r = {0};
	char *path, *body;
	int64_t from, to;
	size_t n;
	struct rule *rules;

	if (!parse_time(c->cli->from, &from) || !parse_time(c->cli->to, &to) || from >= to) {
		fprintf(stderr, "vedette: FROM and TO must be times like -6h, now or 2026-11-23T04:00, FROM before TO\n");
		return EX_USAGE;
	}
	path = history_path_take(c->config, from, to);
	body = ask_take(&c->ask, "GET", path);
	free(path);
	if (!body)
		return EX_UNAVAILABLE;
	rules = config_rules_take(c->config, &n);
	hooks.user = &r;
	r.store = store_new(&config, -1);
	r.alerts = alerts_new(r.store, "", rules, n, &hooks);
	play(&r, slice_str(body));
	alerts_free(r.alerts);
	store_free(r.store);
	free(body);
	return EX_OK;
}

/* --- all of them --- */

int command_run(const struct cli *cli)
{
	struct command c = {.cli = cli};
	struct buf errors;
	int code;

	buf_init(&errors, SIZE_MAX / 2);
	code = config_load(&c.config, cli, &errors);
	fputs(errors.data, stderr);
	buf_release(&errors);
	if (code)
		return code;
	if (loop_new(&c.ask.loop))
		return EX_OSERR;
	c.ask.config = c.config;
	switch (cli->command) {
	case CLI_EXPLAIN:
		code = explain(&c);
		break;
	case CLI_TEST_CHANNEL:
		code = test_channel(&c);
		break;
	case CLI_TEST_RULES:
		code = test_rules(&c);
		break;
	default:
		code = token(&c);
	}
	ask_release(&c.ask);
	loop_free(c.ask.loop);
	config_free(c.config);
	return code;
}
