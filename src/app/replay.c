/* replay.c: the rules on the past.
 *
 * History comes in pages, since one answer has ceilings: so many series of one stretch of time after the other until all have theirs, and
 * then the next stretch. Rules inhibit each other, so all that happened in a second is judged together; a stretch is as long as
 * PAGE_VALUES of all series allow. Any configuration and any range is replayed in that much memory, and what the rules' windows need. */
#include "app/replay.h"

#include "alerts/alerts.h"
#include "app/answers.h"
#include "app/config_value.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define PAGE_VALUES (4 << 20)                          /* of a stretch: 32 MB */
#define PAGE_SERIES (LIMIT_HISTORY_VALUES / STORE_MAX_POINTS) /* of one question: a full answer, and few enough for its URL */
#define PAGE_PATH_BYTES (LIMIT_HTTP_HEAD_BYTES / 2)
#define SPARE_MS 60000

/* A series that some rule wants. */
struct column {
	char *id;
	store_ref ref;
};

struct replay {
	struct ask *ask;
	struct store *store;
	struct alerts *alerts;
	struct column *columns;
	size_t n;
	struct map places;             /* of columns by id: their index + 1 */
	uint32_t finest_ms;
	int64_t from_ms, step_ms;
	size_t steps;                  /* of the whole range */
	double *values;                /* of a stretch: one row of n for each of its steps; NaN: unknown */
	unsigned fired;
};

/* --- times --- */

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

/* --- what is told --- */

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

/* --- which series --- */

static bool is_wanted(const struct config *c, const char *id)
{
	for (size_t i = 0; i < c->nrules; i++)
		if (store_pattern_match(series_resolve(c->rules[i].metric), id))
			return true;
	return false;
}

static double number_of(struct slice object, const char *name)
{
	struct slice v;

	return json_get(object, name, &v) && json_type(v) == JSON_NUMBER ? json_number(v) : NAN;
}

static void text_of(struct slice object, const char *name, struct buf *out)
{
	struct slice v;

	buf_init(out, 1000);
	if (json_get(object, name, &v) && json_type(v) == JSON_STRING)
		json_unquote(out, v);
}

static void add_column(struct replay *r, const char *id, double interval)
{
	struct column *c;

	r->columns = xreallocarray(r->columns, r->n + 1, sizeof *r->columns);
	c = &r->columns[r->n++];
	*c = (struct column){xstrdup(id), STORE_NONE};
	map_set(&r->places, id, strlen(id), (void *)(uintptr_t)r->n);
	if (interval >= 1 && interval < r->finest_ms)
		r->finest_ms = (uint32_t)interval;
}

static void choose(struct replay *r, struct slice list)
{
	struct slice one;

	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		struct buf id;

		text_of(one, "id", &id);
		if (is_wanted(r->ask->config, id.data))
			add_column(r, id.data, number_of(one, "interval"));
		buf_release(&id);
	}
	if (!r->n)
		r->finest_ms = 1000;
}

static enum store_kind kind_of(struct slice series)
{
	struct buf text;
	enum store_kind kind = STORE_GAUGE;

	text_of(series, "kind", &text);
	for (enum store_kind k = STORE_GAUGE; k <= STORE_COUNTER; k++)
		if (strcmp(store_kind_name(k), text.data) == 0)
			kind = k;
	buf_release(&text);
	return kind;
}

/* The longest window of a rule: more history than that nobody looks at. */
static uint32_t longest_window_s(const struct config *c)
{
	int64_t most = 600000;         /* a forecast's own */

	for (size_t i = 0; i < c->nrules; i++) {
		const struct rule *rule = &c->rules[i];

		most = rule->window_ms > most ? rule->window_ms : most;
		most = rule->full_in_ms / 4 > most ? rule->full_in_ms / 4 : most;
	}
	return (uint32_t)((most + SPARE_MS) / 1000);
}

static uint32_t least(uint32_t x, uint32_t y)
{
	return x < y ? x : y;
}

static void make_store(struct replay *r, struct slice list)
{
	const struct config *c = r->ask->config;
	uint32_t window_s = longest_window_s(c);
	struct store_config config = {.max_series = (uint32_t)r->n + 1, .raw_s = least(c->store.raw_s, window_s),
	                              .minute_s = least(c->store.minute_s, window_s + 3600), .interval_ms = 1000};
	struct slice one;

	r->store = store_new(&config, -1);
	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		double interval = number_of(one, "interval");
		struct store_info info = {.help = "", .collector = "", .kind = kind_of(one),
		                          .interval_ms = interval > (double)r->step_ms && interval < UINT32_MAX ? (uint32_t)interval : (uint32_t)r->step_ms};
		struct buf id, unit;
		size_t place;

		text_of(one, "id", &id);
		text_of(one, "unit", &unit);
		place = (size_t)(uintptr_t)map_get(&r->places, id.data, id.len);
		info.id = id.data;
		info.unit = unit.data;
		if (place)
			r->columns[place - 1].ref = store_series(r->store, &info);
		buf_release(&id);
		buf_release(&unit);
	}
}

/* --- pages --- */

/* The series from first on that one question may hold; returns the next one's place. */
static char *page_path_take(const struct replay *r, size_t first, size_t *end, int64_t from, size_t steps)
{
	struct buf path;
	size_t i = first;

	buf_init(&path, SIZE_MAX / 2);
	buf_addf(&path, "/api/v1/history?shape=columns&aggregate=max&points=%zu&from=%lld&to=%lld", steps, (long long)from,
	         (long long)(from + (int64_t)steps * r->step_ms));
	for (; i < r->n && i < first + PAGE_SERIES && path.len < PAGE_PATH_BYTES; i++) {
		buf_adds(&path, "&series=");
		ask_add_encoded(&path, r->columns[i].id);
	}
	*end = i;
	return buf_take(&path, NULL);
}

/* Where the answer's steps are coarser than ours (series that are read seldom), a value stands at the beginning of its own; one
 * that began in the stretch before was there already. */
static void fill_column(struct replay *r, size_t column, struct slice list, int64_t offset_ms, int64_t step_ms, size_t steps)
{
	struct slice v;
	int64_t at = offset_ms;

	for (struct json_walk w = json_walk(list); json_next(&w, &v); at += step_ms)
		if (at >= 0 && at / r->step_ms < (int64_t)steps && json_type(v) == JSON_NUMBER)
			r->values[(size_t)(at / r->step_ms) * r->n + column] = json_number(v);
}

static void fill(struct replay *r, struct slice answer, int64_t from, size_t steps)
{
	double first = number_of(answer, "from"), step = number_of(answer, "step");
	struct slice list, one, values;

	if (!(first >= 0) || !(step >= 1) || !json_get(answer, "series", &list) || json_type(list) != JSON_ARRAY)
		return;
	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		struct buf id;
		size_t place;

		text_of(one, "id", &id);
		place = (size_t)(uintptr_t)map_get(&r->places, id.data, id.len);
		if (place && json_get(one, "values", &values) && json_type(values) == JSON_ARRAY)
			fill_column(r, place - 1, values, (int64_t)first - from, (int64_t)step, steps);
		buf_release(&id);
	}
}

/* A whole stretch of all series. */
static bool fetch_stretch(struct replay *r, int64_t from, size_t steps)
{
	for (size_t i = 0; i < steps * r->n; i++)
		r->values[i] = NAN;
	for (size_t i = 0; i < r->n;) {
		char *path = page_path_take(r, i, &i, from, steps), *body = ask_take(r->ask, "GET", path);

		free(path);
		if (!body)
			return false;
		fill(r, slice_str(body), from, steps);
		free(body);
	}
	return true;
}

/* --- playing --- */

static void play_step(struct replay *r, const double *row, struct store_sample *batch, int64_t t)
{
	time_t seconds = (time_t)(t / 1000);
	size_t n = 0;
	struct tm tm;

	for (size_t i = 0; i < r->n; i++)
		if (!isnan(row[i]) && r->columns[i].ref != STORE_NONE)
			batch[n++] = (struct store_sample){r->columns[i].ref, row[i]};
	if (n)
		store_publish(r->store, t, batch, n);
	for (size_t i = 0; i < n; i++)
		alerts_sample(r->alerts, &(struct store_fresh){batch[i].series, t, batch[i].value}, t);
	localtime_r(&seconds, &tm);
	alerts_tick(r->alerts, t, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min);
}

static bool play(struct replay *r)
{
	size_t most = r->n ? PAGE_VALUES / r->n : r->steps, steps;
	struct store_sample *batch = xcalloc(r->n + 1, sizeof *batch);
	bool good = true;

	most = !most ? 1 : most > r->steps ? r->steps : most;
	r->values = xcalloc(most * r->n + 1, sizeof *r->values);
	for (size_t at = 0; good && at < r->steps; at += steps) {
		int64_t from = r->from_ms + (int64_t)at * r->step_ms;

		steps = r->steps - at < most ? r->steps - at : most;
		good = fetch_stretch(r, from, steps);
		for (size_t i = 0; good && i < steps; i++)
			play_step(r, r->values + i * r->n, batch, from + (int64_t)i * r->step_ms);
	}
	free(batch);
	free(r->values);
	return good;
}

/* --- all of it --- */

static int judge(struct replay *r, struct slice catalog, int64_t from, int64_t to)
{
	const struct store_query q = {from, to, STORE_MAX_POINTS, STORE_MAX};
	const struct alerts_hooks hooks = {.user = r, .changed = on_change, .resolve = series_resolve};
	struct slice list;
	struct rule *rules;
	size_t n;
	bool good;

	if (!json_get(catalog, "series", &list) || json_type(list) != JSON_ARRAY)
		return EX_UNAVAILABLE;
	choose(r, list);
	store_plan(&q, r->finest_ms, &r->from_ms, &r->step_ms, &r->steps);
	make_store(r, list);
	rules = config_rules_take(r->ask->config, &n);
	r->alerts = alerts_new(r->store, "", rules, n, &hooks);
	good = play(r);
	if (good)
		printf("%u would have fired, judged every %g s on %zu series.\n", r->fired, (double)r->step_ms / 1000, r->n);
	alerts_free(r->alerts);
	store_free(r->store);
	return good ? EX_OK : EX_UNAVAILABLE;
}

int replay_run(struct ask *ask, const char *from, const char *to)
{
	struct replay r = {.ask = ask, .finest_ms = UINT32_MAX};
	int64_t from_ms, to_ms;
	char *catalog;
	int code;

	if (!parse_time(from, &from_ms) || !parse_time(to, &to_ms) || from_ms >= to_ms) {
		fprintf(stderr, "vedette: FROM and TO must be times like -6h, now or 2026-11-23T04:00, FROM before TO\n");
		return EX_USAGE;
	}
	catalog = ask_take(ask, "GET", "/api/v1/series");
	if (!catalog)
		return EX_UNAVAILABLE;
	map_init(&r.places);
	ask->fine = "no series matches"; /* all of a page went away since the catalog was read */
	code = judge(&r, slice_str(catalog), from_ms, to_ms);
	for (size_t i = 0; i < r.n; i++)
		free(r.columns[i].id);
	free(r.columns);
	map_release(&r.places);
	free(catalog);
	return code;
}
