/* replay.c: the rules on the past.
 *
 * The one that runs keeps samples for a while and minutes for longer: the lowest, average and highest value of each. Where samples
 * are left, rules are judged on them; where minutes are, twice: by what is sure, and by what may have been (replay_minutes.h). Where
 * nothing is known, nothing is judged.
 *
 * History comes in pages, since one answer has ceilings: so many series of one stretch of time after the other until all have theirs, and
 * then the next stretch. Rules inhibit each other, so all that happened in a second is judged together; a stretch has at most
 * STRETCH_ROWS times of all series, and PAGE_VALUES. It ends where samples of further series begin:
 *
 *   now - minutes             seam of 10 s series         seam of 1 s series         now
 *   |        minutes          | minutes, samples          | samples                  |
 *
 * Any configuration and any range is replayed in that much memory, and what the rules' windows need. */
#include "app/replay.h"

#include "alerts/alerts.h"
#include "app/answers.h"
#include "app/config_value.h"
#include "app/replay_minutes.h"
#include "app/replay_tell.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define PAGE_VALUES (1 << 20)      /* minutes of a stretch: 24 MB */
#define PAGE_SERIES 50             /* of one question: few enough for its URL */
#define PAGE_PATH_BYTES (LIMIT_HTTP_HEAD_BYTES / 2)
#define STRETCH_ROWS 2000
#define SPARE_MS 60000
#define MINUTE_MS 60000
#define TICK_MS 10000              /* as often is judged what is known to the minute */
#define SHORT_MS 60000             /* a window that wants more than that */

static_assert(PAGE_SERIES * STRETCH_ROWS <= LIMIT_HISTORY_VALUES, "a page is one answer");
static_assert(PAGE_SERIES + 8 <= LIMIT_HTTP_QUERY_ARGS, "a page is one question");

/* A series that some rule wants. */
struct column {
	char *id, *unit;
	enum store_kind kind;
	uint32_t interval_ms;
	int64_t seam_ms;               /* from here on its samples are left */
	store_ref ref;                 /* the same in all histories */
};

/* The rules, judged by what is sure or by what may be. */
struct judge {
	struct replay *replay;
	struct alerts *alerts;
	bool sure;
};

struct replay {
	struct ask *ask;
	struct tell *tell;
	struct column *columns;        /* the quickest first, so those of which only minutes are left */
	size_t n;
	struct map places;             /* of columns by id: their index + 1 */
	struct column **by_index;      /* that a handle holds (store.h) */
	int64_t from_ms, to_ms, step_ms; /* from: where windows begin, so that they are whole at begin */
	int64_t begin_ms;
	int64_t window_ms;             /* the longest that a rule looks back */
	int64_t warm_ms;               /* so long it takes until a rule says what it would have said had it always been there */
	bool begun;
	bool minutes;                  /* of some series only minutes are left of some time */
	bool impatient;                /* a rule's window is too short for TICK_MS */
	struct store *stores[MINUTE_NONE]; /* histories, by minute_part */
	struct judge sure, maybe;      /* maybe: where there are minutes */
	struct minute *values;         /* of a stretch: n for each of its rows; NaN: unknown */
	const struct minute *now;      /* the row that is judged */
};

/* --- what an answer says --- */

static double number_of(struct slice object, const char *name)
{
	struct slice v;

	return json_get(object, name, &v) && json_type(v) == JSON_IS_NUMBER ? json_number(v) : NAN;
}

static char *text_take(struct slice object, const char *name)
{
	struct slice v;
	struct buf out;

	buf_init(&out, 4000);
	if (json_get(object, name, &v) && json_type(v) == JSON_IS_STRING)
		json_unquote(&out, v);
	return buf_take(&out, NULL);
}

static bool list_of(struct slice object, const char *name, struct slice *out)
{
	return json_get(object, name, out) && json_type(*out) == JSON_IS_ARRAY;
}

/* --- which series --- */

static bool is_wanted(const struct config *c, const char *id)
{
	for (size_t i = 0; i < c->nrules; i++)
		if (store_pattern_match(series_resolve(c->rules[i].metric), id))
			return true;
	return false;
}

static enum store_kind kind_of(struct slice series)
{
	char *text = text_take(series, "kind");
	enum store_kind kind = STORE_GAUGE;

	for (enum store_kind k = STORE_GAUGE; k <= STORE_COUNTER; k++)
		if (strcmp(store_kind_name(k), text) == 0)
			kind = k;
	free(text);
	return kind;
}

static void add_column(struct replay *r, char *take_id, struct slice series)
{
	double interval = number_of(series, "interval");

	r->columns = xreallocarray(r->columns, r->n + 1, sizeof *r->columns);
	r->columns[r->n++] = (struct column){
		.id = take_id, .unit = text_take(series, "unit"), .kind = kind_of(series), .ref = STORE_NONE,
		.interval_ms = interval >= 1 && interval < UINT32_MAX ? (uint32_t)interval : 1000,
	};
}

static int by_interval(const void *a, const void *b)
{
	const struct column *x = a, *y = b;

	return (x->interval_ms > y->interval_ms) - (x->interval_ms < y->interval_ms);
}

static void choose(struct replay *r, struct slice list)
{
	struct slice one;

	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		char *id = text_take(one, "id");

		if (is_wanted(r->ask->config, id))
			add_column(r, id, one);
		else
			free(id);
	}
	if (r->n)
		qsort(r->columns, r->n, sizeof *r->columns, by_interval);
	for (size_t i = 0; i < r->n; i++)
		map_set(&r->places, r->columns[i].id, strlen(r->columns[i].id), (void *)(uintptr_t)(i + 1));
}

static void columns_free(struct replay *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->columns[i].id);
		free(r->columns[i].unit);
	}
	free(r->columns);
	map_release(&r->places);
}

/* --- when --- */

static int64_t up(int64_t t, int64_t step)
{
	return (t + step - 1) / step * step;
}

static int64_t down(int64_t t, int64_t step)
{
	return t / step * step;
}

static int64_t less(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

/* The step in which history of that interval comes, at least; but nobody waits longer than TICK_MS to be judged. */
static int64_t step_of(uint32_t interval_ms)
{
	const struct store_query q = {0, interval_ms, 1, STORE_RANGE};
	int64_t from, step;
	size_t n;

	store_plan(&q, interval_ms, &from, &step, &n);
	return less(step, TICK_MS);
}

static int64_t more(int64_t x, int64_t y)
{
	return x > y ? x : y;
}

static int64_t window_of(const struct rule *r)
{
	if (r->window_ms || r->compare != RULE_FULL_IN)
		return r->window_ms;
	return more(r->full_in_ms / 4, 600000); /* a forecast's own */
}

static int64_t warm_of(const struct rule *r)
{
	int64_t silence = 0;

	for (enum severity s = SEVERITY_INFO; r->compare == RULE_ABSENT && s <= SEVERITY_CRITICAL; s++)
		silence = r->limits[s].set ? more(silence, (int64_t)rule_threshold(r, s, false)) : silence;
	return window_of(r) + r->for_ms + silence;
}

/* How far rules look back, and how closely. */
static void know_windows(struct replay *r)
{
	const struct config *c = r->ask->config;

	for (size_t i = 0; i < c->nrules; i++) {
		const struct rule *rule = &c->rules[i];

		r->window_ms = more(r->window_ms, window_of(rule));
		r->warm_ms = more(r->warm_ms, warm_of(rule));
		r->impatient |= rule->window_ms && rule->window_ms < SHORT_MS;
	}
}

/* A series keeps so many samples, whatever its interval (store.h): the slow ones reach back further. Those of the last minute
 * may go while we ask. */
static void know_seams(struct replay *r, int64_t now_ms, double raw_s)
{
	r->step_ms = step_of(r->n ? r->columns[0].interval_ms : 1000);
	for (size_t i = r->n; i--;) {
		struct column *c = &r->columns[i];
		double kept_ms = raw_s * c->interval_ms;

		c->seam_ms = kept_ms < (double)now_ms ? up(now_ms - (int64_t)kept_ms, MINUTE_MS) + MINUTE_MS : 0;
		if (c->seam_ms <= r->from_ms)
			c->seam_ms = 0;
		r->minutes |= c->seam_ms > 0;
	}
	r->from_ms = down(r->from_ms, r->minutes ? MINUTE_MS : r->step_ms);
	r->to_ms = up(r->to_ms, r->n && r->columns[0].seam_ms >= r->to_ms ? MINUTE_MS : r->step_ms);
}

/* --- the histories that are filled again, as the time goes by --- */

static uint32_t least(uint32_t x, int64_t y)
{
	return y < x ? (uint32_t)y : x;
}

/* A store keeps a sixteenth for series that are no instance. */
static size_t room_for(const struct replay *r)
{
	return r->n + r->n / 8 + 2;
}

static void make_store(struct replay *r, enum minute_part part)
{
	const struct config *c = r->ask->config;
	int64_t window_s = (r->window_ms + SPARE_MS) / 1000;
	struct store_config config = {.max_series = (uint32_t)room_for(r), .raw_s = least(c->store.raw_s, window_s),
	                              .minute_s = least(c->store.minute_s, window_s + 3600), .interval_ms = 1000};

	r->stores[part] = store_new(&config, -1);
	for (size_t i = 0; i < r->n; i++) {
		struct column *col = &r->columns[i];
		struct store_info info = {.id = col->id, .unit = col->unit, .help = "", .collector = "", .kind = col->kind,
		                          .interval_ms = col->interval_ms > r->step_ms ? col->interval_ms : (uint32_t)r->step_ms};

		col->ref = store_series(r->stores[part], &info);
		assert((uint32_t)col->ref < room_for(r));
		if (col->ref != STORE_NONE)
			r->by_index[(uint32_t)col->ref] = col;
	}
}

/* --- what rules take from them --- */

static double on_sample(void *user, const struct rule *rule, const struct store_fresh *s)
{
	const struct judge *j = user;
	const struct replay *r = j->replay;
	const struct column *c = r->by_index[(uint32_t)s->series];

	return minute_value(rule, &r->now[c - r->columns], j->sure);
}

/* A window of samples alone is the same in all histories. */
static struct store *on_history(void *user, const struct rule *rule, store_ref series, int64_t now_ms)
{
	const struct judge *j = user;
	const struct replay *r = j->replay;
	const struct column *c = r->by_index[(uint32_t)series];
	enum minute_part part = MINUTE_MEAN;

	if (c->seam_ms > now_ms - rule->window_ms)
		part = minute_part(rule, c->kind, j->sure);
	return part == MINUTE_NONE ? NULL : r->stores[part];
}

static void on_change(void *user, enum alert_change what, const struct alert_view *a, bool notify)
{
	const struct judge *j = user;

	if (j->sure)
		tell_sure(j->replay->tell, what, a, notify);
	else
		tell_maybe(j->replay->tell, what, a);
}

/* Those that are in force now, or will be: of others nobody knows. */
static void take_silences(struct alerts *a, struct slice list, int64_t now_ms)
{
	struct slice one;

	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		char *id = text_take(one, "id");
		struct silence s = {.matcher = text_take(one, "matcher"), .by = text_take(one, "by"), .note = text_take(one, "note"),
		                    .from_ms = (int64_t)number_of(one, "from"), .until_ms = (int64_t)number_of(one, "until")};

		snprintf(s.id, sizeof s.id, "%s", id);
		if (s.from_ms < s.until_ms)
			alerts_silence(a, &s, now_ms); /* one that it does not understand is none */
		free(id);
		free(s.matcher);
		free(s.by);
		free(s.note);
	}
}

static void judge_begin(struct replay *r, struct judge *j, bool sure, const char *host, struct slice silences)
{
	const bool whole = !r->minutes;
	const struct alerts_hooks hooks = {.user = j, .changed = on_change, .resolve = series_resolve,
	                                   .sample = whole ? NULL : on_sample, .history = whole ? NULL : on_history};
	struct rule *rules;
	size_t n;

	rules = config_rules_take(r->ask->config, &n);
	*j = (struct judge){r, alerts_new(r->stores[MINUTE_MEAN], host, rules, n, &hooks), sure};
	take_silences(j->alerts, silences, r->from_ms);
}

/* --- pages --- */

/* What is judged together. */
struct stretch {
	int64_t from_ms, row_ms, tick_ms;
	size_t rows, nminutes;         /* columns of minutes: the first ones */
};

/* Windows that look back from samples into minutes see both, each as often as the other. */
static void stretch_plan(const struct replay *r, int64_t from, struct stretch *s)
{
	int64_t end = r->to_ms, rows = PAGE_VALUES / ((int64_t)r->n + 1);
	bool close = r->impatient;

	*s = (struct stretch){.from_ms = from};
	while (s->nminutes < r->n && r->columns[s->nminutes].seam_ms > from) {
		int64_t seam = r->columns[s->nminutes++].seam_ms, before = down(seam - r->window_ms, MINUTE_MS);

		close |= from >= before;
		end = less(end, from >= before ? seam : before);
	}
	s->row_ms = close || !s->nminutes ? r->step_ms : step_of(r->columns[s->nminutes % r->n].interval_ms);
	s->tick_ms = s->row_ms;
	if (s->nminutes && s->nminutes == r->n) {
		s->row_ms = MINUTE_MS;
		s->tick_ms = close ? r->step_ms : TICK_MS;
	}
	rows = less(rows, STRETCH_ROWS);
	if (s->nminutes) /* whole ones */
		rows = down(rows * s->row_ms, MINUTE_MS) / s->row_ms;
	rows = rows < MINUTE_MS / s->row_ms ? MINUTE_MS / s->row_ms : rows;
	s->rows = (size_t)less(rows, (end - from + s->row_ms - 1) / s->row_ms);
}

/* The series from first on that one question may hold; their end goes to *end. */
static char *page_path_take(const struct replay *r, const struct stretch *s, size_t first, size_t *end)
{
	size_t i = first, most = first < s->nminutes ? s->nminutes : r->n;
	int64_t length = (int64_t)s->rows * s->row_ms, step = first < s->nminutes ? MINUTE_MS : s->row_ms;
	struct buf path;

	buf_init(&path, SIZE_MAX / 2);
	buf_addf(&path, "/api/v1/history?shape=columns&aggregate=range&points=%lld&from=%lld&to=%lld", (long long)((length + step - 1) / step),
	         (long long)s->from_ms, (long long)(s->from_ms + length));
	for (; i < most && i < first + PAGE_SERIES && path.len < PAGE_PATH_BYTES; i++) {
		buf_adds(&path, "&series=");
		ask_add_encoded(&path, r->columns[i].id);
	}
	*end = i;
	return buf_take(&path, NULL);
}

static double number(struct slice v)
{
	return json_type(v) == JSON_IS_NUMBER ? json_number(v) : NAN;
}

/* A minute lasts for all rows of it. A sample stands in its own row: where the answer's steps are coarser than ours (series that are
 * read seldom) at their beginning; one that began in the stretch before was there already. */
static void fill_column(struct replay *r, const struct stretch *s, size_t column, struct slice one, int64_t at_ms, int64_t step_ms)
{
	int64_t lasts = column < s->nminutes && s->row_ms < MINUTE_MS ? MINUTE_MS / s->row_ms : 1;
	struct slice low, mean, high, l, m, h;
	struct json_walk wl, wm, wh;

	if (!list_of(one, "min", &low) || !list_of(one, "values", &mean) || !list_of(one, "max", &high))
		return;
	wl = json_walk(low);
	wm = json_walk(mean);
	wh = json_walk(high);
	for (; json_next(&wl, &l) && json_next(&wm, &m) && json_next(&wh, &h); at_ms += step_ms) {
		int64_t row = at_ms < 0 ? -1 : at_ms / s->row_ms;

		if (row >= 0 && json_type(m) == JSON_IS_NUMBER)
			for (int64_t i = row; i < row + lasts && i < (int64_t)s->rows; i++)
				r->values[(size_t)i * r->n + column] = (struct minute){number(l), number(m), number(h)};
	}
}

static void fill(struct replay *r, const struct stretch *s, struct slice answer)
{
	double first = number_of(answer, "from"), step = number_of(answer, "step");
	struct slice list, one;

	if (!(first >= 0) || !(step >= 1) || !list_of(answer, "series", &list))
		return;
	for (struct json_walk w = json_walk(list); json_next(&w, &one);) {
		char *id = text_take(one, "id");
		size_t place = (size_t)(uintptr_t)map_get(&r->places, id, strlen(id));

		if (place)
			fill_column(r, s, place - 1, one, (int64_t)first - s->from_ms, (int64_t)step);
		free(id);
	}
}

/* A whole stretch of all series. */
static bool fetch_stretch(struct replay *r, const struct stretch *s)
{
	for (size_t i = 0; i < s->rows * r->n; i++)
		r->values[i] = (struct minute){NAN, NAN, NAN};
	for (size_t i = 0; i < r->n;) {
		char *path = page_path_take(r, s, i, &i), *body = ask_take(r->ask, "GET", path);

		free(path);
		if (!body)
			return false;
		fill(r, s, slice_str(body));
		free(body);
	}
	return true;
}

/* --- playing --- */

static void publish(struct replay *r, struct store_sample *batch, int64_t t)
{
	for (enum minute_part part = MINUTE_LOW; part < MINUTE_NONE; part++) {
		size_t n = 0;

		for (size_t i = 0; r->stores[part] && i < r->n; i++) {
			const struct minute *m = &r->now[i];

			if (!isnan(m->mean))
				batch[n++] = (struct store_sample){r->columns[i].ref, part == MINUTE_LOW ? m->low : part == MINUTE_HIGH ? m->high : m->mean};
		}
		if (n)
			store_publish(r->stores[part], t, batch, n);
	}
}

static void judge(struct replay *r, struct judge *j, int64_t t)
{
	time_t seconds = (time_t)(t / 1000);
	struct tm tm;

	if (!j->alerts)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (!isnan(r->now[i].mean))
			alerts_sample(j->alerts, &(struct store_fresh){r->columns[i].ref, t, r->now[i].mean}, t);
	localtime_r(&seconds, &tm);
	alerts_tick(j->alerts, t, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min);
}

static void play_row(struct replay *r, const struct stretch *s, size_t row, struct store_sample *batch)
{
	int64_t from = s->from_ms + (int64_t)row * s->row_ms;

	r->now = r->values + row * r->n;
	for (int64_t t = from; t < from + s->row_ms; t += s->tick_ms) {
		if (t >= r->begin_ms && !r->begun)
			tell_begin(r->tell, r->sure.alerts, r->maybe.alerts);
		r->begun |= t >= r->begin_ms;
		publish(r, batch, t);
		judge(r, &r->sure, t);
		judge(r, &r->maybe, t);
	}
}

static bool play(struct replay *r)
{
	struct store_sample *batch = xcalloc(r->n + 1, sizeof *batch);
	struct stretch s;
	bool good = true;

	for (int64_t at = r->from_ms; good && at < r->to_ms; at += (int64_t)s.rows * s.row_ms) {
		stretch_plan(r, at, &s);
		r->values = xreallocarray(r->values, s.rows * r->n + 1, sizeof *r->values);
		good = fetch_stretch(r, &s);
		for (size_t i = 0; good && i < s.rows; i++)
			play_row(r, &s, i, batch);
	}
	free(batch);
	free(r->values);
	return good;
}

/* --- all of it --- */

/* What the most difficult of its series allows. */
static bool grasp_of(void *user, const struct rule *rule, enum minute_grasp *worst)
{
	const struct replay *r = user;
	bool found = false;

	for (size_t i = 0; i < r->n; i++) {
		enum minute_grasp is = minute_grasp(rule, r->columns[i].kind);

		if (!store_pattern_match(series_resolve(rule->metric), r->columns[i].id))
			continue;
		found = true;
		if (r->columns[i].seam_ms > r->from_ms && is > *worst)
			*worst = is;
	}
	return found;
}

static void sum(struct replay *r)
{
	struct tell_base base = {.begin_ms = r->begin_ms, .nseries = r->n, .step_ms = r->step_ms,
	                         .kind_of = grasp_of, .user = r};

	while (base.nminutes < r->n && r->columns[base.nminutes].seam_ms > r->from_ms)
		base.nminutes++;
	if (base.nminutes)
		base.minutes_end_ms = less(r->columns[0].seam_ms, r->to_ms);
	tell_sum(r->tell, &base);
}

static int replay(struct replay *r, const char *host, struct slice silences)
{
	bool good;

	r->by_index = xcalloc(room_for(r), sizeof *r->by_index);
	make_store(r, MINUTE_MEAN);
	if (r->minutes) {
		make_store(r, MINUTE_LOW);
		make_store(r, MINUTE_HIGH);
	}
	judge_begin(r, &r->sure, true, host, silences);
	if (r->minutes)
		judge_begin(r, &r->maybe, false, host, silences);
	r->tell = tell_new(r->ask->config, r->begin_ms);
	good = play(r);
	if (good)
		sum(r);
	alerts_free(r->sure.alerts);
	alerts_free(r->maybe.alerts);
	for (size_t i = 0; i < MINUTE_NONE; i++)
		store_free(r->stores[i]);
	tell_free(r->tell);
	free(r->by_index);
	return good ? EX_OK : EX_UNAVAILABLE;
}

/* Before the one that runs was started, or further back than it keeps minutes, nothing is known. */
static bool know_beginning(struct replay *r, struct slice status, int64_t now_ms)
{
	struct slice store;
	double started = number_of(status, "started"), kept_s = json_get(status, "store", &store) ? number_of(store, "minute_s") : NAN;
	int64_t kept_ms = kept_s > 0 ? now_ms - (int64_t)(kept_s * 1000) : 0, known_ms = started > (double)kept_ms ? (int64_t)started : kept_ms;
	const char *why = known_ms > kept_ms ? "the running Vedette was started then" : "minutes are kept no longer (store.minutes)";
	char stamp[32];

	tell_stamp(known_ms, stamp);
	if (r->to_ms <= known_ms) {
		fprintf(stderr, "vedette: before %s nothing is known: %s\n", stamp, why);
		return false;
	}
	if (r->begin_ms < known_ms) {
		printf("Before %s nothing is known, and nothing is judged: %s.\n", stamp, why);
		r->begin_ms = known_ms;
	}
	r->from_ms = more(known_ms, r->begin_ms - r->warm_ms);
	return true;
}

static int with_answers(struct replay *r, struct slice status, struct slice catalog, struct slice silences)
{
	struct slice series, told, store, host;
	char *name;
	int64_t now_ms = clock_wall_ms();
	int code;

	if (!list_of(catalog, "series", &series) || !list_of(silences, "silences", &told) || !json_get(status, "store", &store) ||
	    !json_get(status, "host", &host)) {
		fprintf(stderr, "vedette: what answers there is no Vedette, or one of another version\n");
		return EX_UNAVAILABLE;
	}
	know_windows(r);
	if (!know_beginning(r, status, now_ms))
		return EX_UNAVAILABLE;
	map_init(&r->places);
	choose(r, series);
	know_seams(r, now_ms, number_of(store, "raw_s"));
	r->ask->fine = "no series matches"; /* all of a page went away since the catalog was read */
	name = text_take(host, "hostname");
	code = replay(r, name, told);
	free(name);
	columns_free(r);
	return code;
}

static int ask_and_replay(struct replay *r)
{
	static const char *const paths[] = {"/api/v1/status", "/api/v1/series", "/api/v1/silences"};
	char *bodies[3] = {NULL};
	int code = EX_UNAVAILABLE;
	size_t n = 0;

	while (n < 3 && (bodies[n] = ask_take(r->ask, "GET", paths[n])))
		n++;
	if (n == 3)
		code = with_answers(r, slice_str(bodies[0]), slice_str(bodies[1]), slice_str(bodies[2]));
	for (size_t i = 0; i < 3; i++)
		free(bodies[i]);
	return code;
}

/* --- times --- */

/* A day of 30 February is none, though mktime(3) makes it one of March. */
static bool parse_date(const char *text, int64_t *ms)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {.tm_isdst = -1}, is;
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		is = tm;
		*ms = (int64_t)mktime(&is) * 1000;
		return is.tm_mday == tm.tm_mday && is.tm_mon == tm.tm_mon;
	}
	return false;
}

/* "-6h", "now", "2026-11-23T04:00[:00]" in local time. */
static bool parse_time(const char *name, const char *text, int64_t now_ms, int64_t *ms)
{
	struct buf why;
	uint64_t ago = 0;
	bool good;

	buf_init(&why, 300);
	if (*text == '-')
		good = duration_parse(text + 1, &ago, &why) && ago <= (uint64_t)now_ms;
	else
		good = strcmp(text, "now") == 0 || parse_date(text, ms);
	if (good && (*text == '-' || strcmp(text, "now") == 0))
		*ms = now_ms - (int64_t)ago;
	if (!good)
		fprintf(stderr, "vedette: %s: \"%s\" is no time%s%s; it is like -6h, now, 2026-11-23T04:00 or 2026-11-23T04:00:30 (local time)\n", name,
		        text, why.len ? ": " : "", why.data);
	buf_release(&why);
	return good;
}

static bool check_range(struct replay *r, int64_t now_ms)
{
	const char *wrong = r->begin_ms >= now_ms ? "FROM lies in the future, of which nothing is known" :
		r->begin_ms >= r->to_ms ? "FROM must lie before TO" : NULL;
	char from[32], to[32];

	if (wrong) {
		tell_stamp(r->begin_ms, from);
		tell_stamp(r->to_ms, to);
		fprintf(stderr, "vedette: %s: they are %s and %s\n", wrong, from, to);
		return false;
	}
	if (r->to_ms > now_ms) {
		tell_stamp(now_ms, to);
		printf("TO lies in the future: judged until now, %s.\n", to);
		r->to_ms = now_ms;
	}
	return true;
}

int replay_run(struct ask *ask, const char *from, const char *to)
{
	struct replay r = {.ask = ask};
	int64_t now_ms = clock_wall_ms();

	if (!parse_time("FROM", from, now_ms, &r.begin_ms) || !parse_time("TO", to, now_ms, &r.to_ms) || !check_range(&r, now_ms))
		return EX_USAGE;
	return ask_and_replay(&r);
}
