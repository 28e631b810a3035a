/* answers.c: the answers to requests that concern metrics. */
#include "app/answers.h"

#include "app/alerting.h"
#include "app/busiest.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DIGITS 6 /* memory holds 24 bits of mantissa: 7 digits at most */

/* --- names --- */

const char *series_resolve(const char *name)
{
	static const char *const aliases[][2] = {
		{"cpu", "cpu.usage"},
		{"memory", "memory.usage"},
		{"requests", "self.requests"},
		{"errors", "self.errors"},
	};

	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (strcmp(name, aliases[i][0]) == 0)
			return aliases[i][1];
	return name;
}

void series_info_json(const struct store_entry *e, struct buf *out)
{
	buf_adds(out, "\"id\":");
	json_add_str(out, e->id);
	buf_adds(out, ",\"unit\":");
	json_add_str(out, e->unit);
	buf_addf(out, ",\"kind\":\"%s\",\"help\":", store_kind_name(e->kind));
	json_add_str(out, e->help);
	buf_addf(out, ",\"interval\":%u,\"collector\":", e->interval_ms);
	json_add_str(out, e->collector);
}

/* Milliseconds since the epoch, or below 0: before now. */
static int64_t moment(struct params *p, const char *name, int64_t now, int64_t fallback)
{
	double d = params_time(p, name, true, NAN);

	if (isnan(d))
		return fallback;
	return (int64_t)(d < 0 ? (double)now + d : d);
}

static bool is_gone(const struct store_entry *e)
{
	return e->retired > 0;
}

/* Does it still hold a point of the range? */
static bool has_points(const struct store_entry *e, int64_t from_ms, int64_t to_ms)
{
	return e->t_ms >= from_ms && e->oldest_ms < to_ms;
}

struct lookup {
	struct texts patterns;         /* none: all */
	int64_t from_ms, to_ms;        /* of the weights, and of those that are gone */
	uint32_t top;                  /* 0: all there are */
	bool gone;
	struct store_list list;
	bool *skip;                    /* of the list */
};

static void read_lookup(struct params *p, struct lookup *l)
{
	int64_t now = clock_wall_ms();

	params_texts(p, params_has(p, "pattern") ? "pattern" : "match", LIMIT_HISTORY_SERIES, LIMIT_PATTERN_BYTES, &l->patterns);
	l->top = (uint32_t)params_number(p, "top", 1, LIMIT_WATCHED_SERIES, 0);
	l->gone = params_flag(p, "gone", false);
	l->to_ms = moment(p, "to", now, now);
	l->from_ms = moment(p, "from", now, l->top ? l->to_ms - 60000 : 0);
	if (params_ok(p) && l->from_ms >= l->to_ms)
		params_fail(p, "from must lie before to");
}

static bool is_looked_up(const struct lookup *l, const struct store_entry *e)
{
	if (is_gone(e) && !has_points(e, l->from_ms, l->to_ms))
		return false;
	for (size_t i = 0; i < l->patterns.n; i++)
		if (store_pattern_match(series_resolve(l->patterns.at[i]), e->id))
			return true;
	return !l->patterns.n;
}

static void look_up(struct app *app, struct lookup *l)
{
	const char *one = l->patterns.n == 1 ? series_resolve(l->patterns.at[0]) : "*";

	if (l->gone)
		store_held_take(app->store, one, &l->list);
	else
		store_match_take(app->store, one, &l->list);
	l->skip = xcalloc(l->list.n + 1, sizeof *l->skip);
	for (size_t i = 0; i < l->list.n; i++)
		l->skip[i] = !is_looked_up(l, &l->list.at[i]);
}

static void add_entry(const struct store_entry *e, struct buf *out)
{
	buf_adds(out, out->data[out->len - 1] == '}' ? ",{" : "{");
	series_info_json(e, out);
	buf_adds(out, ",\"last\":");
	json_add_number(out, e->last);
	buf_addf(out, ",\"timestamp\":%lld%s", (long long)e->t_ms, is_gone(e) ? ",\"gone\":true" : "");
}

static void add_busiest(struct app *app, const struct lookup *l, struct buf *out)
{
	struct busiest b;

	busiest_take(app->store, &l->list, l->skip, l->from_ms, l->to_ms, l->top, &b);
	buf_addf(out, "\"instances\":%zu,\"series\":[", b.instances);
	for (size_t i = 0; i < b.n; i++) {
		add_entry(b.at[i].entry, out);
		buf_adds(out, ",\"mean\":");
		json_add_short(out, b.at[i].mean, DIGITS);
		buf_addc(out, '}');
	}
	busiest_release(&b);
}

static void add_entries(const struct lookup *l, struct buf *out)
{
	buf_adds(out, "\"series\":[");
	for (size_t i = 0; i < l->list.n; i++) {
		if (l->skip[i])
			continue;
		add_entry(&l->list.at[i], out);
		buf_addc(out, '}');
	}
}

void answer_series(struct app *app, struct params *p, struct buf *out)
{
	struct lookup l = {0};

	read_lookup(p, &l);
	if (params_ok(p)) {
		look_up(app, &l);
		if (l.top)
			add_busiest(app, &l, out);
		else
			add_entries(&l, out);
		buf_addc(out, ']');
	}
	texts_release(&l.patterns);
	store_list_release(&l.list);
	free(l.skip);
}

/* --- history --- */

struct history {
	struct store_query q;
	bool columns, gone;            /* gone: patterns match what went away, too */
	struct store_list catalog;
	bool *chosen;                  /* of the catalog */
	const struct store_entry **series; /* those, in the order asked for, then what is gone */
	size_t nseries, ngone, left_out;
	int64_t from_ms, step_ms;
	size_t n;
};

static void read_range(struct params *p, struct history *h)
{
	static const char *const folds[] = {"last", "avg", "min", "max", "range", NULL};
	static const enum store_fold fold[] = {STORE_LAST, STORE_AVG, STORE_MIN, STORE_MAX, STORE_RANGE};
	static const char *const shapes[] = {"points", "columns", NULL};
	int64_t now = clock_wall_ms();

	h->q.to_ms = moment(p, "to", now, now);
	h->q.from_ms = moment(p, "from", now, h->q.to_ms - 300000);
	h->q.points = (uint32_t)params_number(p, "points", 1, STORE_MAX_POINTS, 300);
	h->q.fold = fold[params_word(p, "aggregate", folds, 1)];
	h->columns = params_word(p, "shape", shapes, 0) == 1;
	h->gone = params_flag(p, "gone", true);
	if (params_ok(p) && h->q.from_ms >= h->q.to_ms)
		params_fail(p, "from must lie before to");
}

/* What went away counts like the living where its very name is asked for, as long as it has points. */
static bool is_asked_for(const struct history *h, const struct store_entry *e, const char *pattern, bool gone)
{
	bool by_name = !strchr(pattern, '*');

	return (is_gone(e) && !by_name) == gone && store_pattern_match(pattern, e->id) &&
		(!is_gone(e) || has_points(e, h->q.from_ms, h->q.to_ms));
}

static void add_matches(struct history *h, const char *pattern, bool gone)
{
	pattern = series_resolve(pattern);
	for (size_t i = 0; i < h->catalog.n; i++) {
		if (h->chosen[i] || !is_asked_for(h, &h->catalog.at[i], pattern, gone))
			continue;
		h->chosen[i] = true;
		h->series[h->nseries++] = &h->catalog.at[i];
		h->ngone += gone;
	}
}

static bool has_pattern(const struct texts *patterns)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (strchr(patterns->at[i], '*'))
			return true;
	return false;
}

/* One copy of the catalog serves all patterns: a request may hold hundreds, and the loop waits. A pattern may match nothing; a
 * name that nobody has is a mistake. */
static void choose_series(struct app *app, struct params *p, struct history *h)
{
	struct texts patterns;

	if (!params_texts(p, "series", LIMIT_HISTORY_SERIES, LIMIT_PATTERN_BYTES, &patterns) || !patterns.n) {
		params_fail(p, "series is needed: an id, a pattern with *, or a list of them");
		return;
	}
	store_held_take(app->store, "*", &h->catalog);
	h->chosen = xcalloc(h->catalog.n + 1, sizeof *h->chosen);
	h->series = xcalloc(h->catalog.n + 1, sizeof *h->series);
	for (size_t i = 0; i < patterns.n; i++)
		add_matches(h, patterns.at[i], false);
	for (size_t i = 0; h->gone && i < patterns.n; i++)
		add_matches(h, patterns.at[i], true);
	if (h->nseries - h->ngone > LIMIT_HISTORY_SERIES)
		params_fail(p, "more than %d series match: ask for fewer", LIMIT_HISTORY_SERIES);
	else if (!h->nseries && !has_pattern(&patterns))
		params_fail(p, "no series matches %s; `get metrics` lists those there are", patterns.at[0]);
	texts_release(&patterns);
}

static int latest_gone_first(const void *a, const void *b)
{
	const struct store_entry *const *x = a, *const *y = b;

	return (*x)->retired < (*y)->retired ? 1 : -1;
}

/* What is gone gets what the living leave of the limits: those that went last. */
static void cut_gone(struct history *h)
{
	size_t most = h->n ? LIMIT_HISTORY_VALUES / h->n : LIMIT_HISTORY_SERIES, live = h->nseries - h->ngone;
	size_t room = (most < LIMIT_HISTORY_SERIES ? most : LIMIT_HISTORY_SERIES) - live;

	qsort(h->series + live, h->ngone, sizeof(struct store_entry *), latest_gone_first);
	if (h->ngone <= room)
		return;
	h->left_out = h->ngone - room;
	h->nseries -= h->left_out;
	h->ngone = room;
}

static void plan(struct params *p, struct history *h)
{
	uint32_t finest = h->nseries ? UINT32_MAX : 1000;
	size_t live = h->nseries - h->ngone;

	for (size_t i = 0; i < h->nseries; i++)
		if (h->series[i]->interval_ms < finest)
			finest = h->series[i]->interval_ms;
	store_plan(&h->q, finest, &h->from_ms, &h->step_ms, &h->n);
	if (h->n * live > LIMIT_HISTORY_VALUES)
		params_fail(p, "%zu series of %zu points are more than %d values: ask for fewer series or points", live, h->n,
		            LIMIT_HISTORY_VALUES);
	else
		cut_gone(h);
}

static void add_column(struct buf *out, const char *name, const double *v, size_t n)
{
	if (!v)
		return;
	buf_addf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_short(out, v[i], DIGITS);
	}
	buf_addc(out, ']');
}

static void add_points(struct buf *out, const struct store_range *r)
{
	buf_adds(out, ",\"points\":[");
	for (size_t i = 0; i < r->n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_addc(out, '[');
		buf_addi(out, r->from_ms + (int64_t)i * r->step_ms);
		buf_addc(out, ',');
		json_add_short(out, r->value[i], DIGITS);
		if (r->min) {
			buf_addc(out, ',');
			json_add_short(out, r->min[i], DIGITS);
			buf_addc(out, ',');
			json_add_short(out, r->max[i], DIGITS);
		}
		buf_addc(out, ']');
	}
	buf_addc(out, ']');
}

static void add_history(struct app *app, const struct history *h, const struct store_entry *e, struct buf *out)
{
	struct store_range r;

	if (!store_query_take(app->store, e->series, &h->q, h->from_ms, h->step_ms, h->n, &r))
		return; /* it went away a moment ago */
	if (out->data[out->len - 1] == '}')
		buf_addc(out, ',');
	buf_adds(out, "{\"id\":");
	json_add_str(out, e->id);
	buf_adds(out, ",\"unit\":");
	json_add_str(out, e->unit);
	if (is_gone(e))
		buf_adds(out, ",\"gone\":true");
	if (h->columns) {
		add_column(out, "values", r.value, r.n);
		add_column(out, "min", r.min, r.n);
		add_column(out, "max", r.max, r.n);
	} else {
		add_points(out, &r);
	}
	buf_addc(out, '}');
	store_range_release(&r);
}

void answer_history(struct app *app, struct params *p, struct buf *out)
{
	struct history h = {0};

	read_range(p, &h);
	if (params_ok(p))
		choose_series(app, p, &h);
	if (params_ok(p))
		plan(p, &h);
	if (params_ok(p)) {
		buf_addf(out, "\"from\":%lld,\"to\":%lld,\"step\":%lld,\"series\":[", (long long)h.from_ms,
		         (long long)(h.from_ms + (int64_t)h.n * h.step_ms), (long long)h.step_ms);
		for (size_t i = 0; i < h.nseries; i++)
			add_history(app, &h, h.series[i], out);
		buf_addc(out, ']');
		if (h.left_out)
			buf_addf(out, ",\"left_out\":%zu", h.left_out);
	}
	store_list_release(&h.catalog);
	free(h.chosen);
	free(h.series);
}

/* --- processes --- */

typedef void cell_fn(const struct proc_row *row, struct buf *out);

static void cell_pid(const struct proc_row *row, struct buf *out)
{
	buf_addi(out, row->pid);
}

static void cell_ppid(const struct proc_row *row, struct buf *out)
{
	buf_addi(out, row->ppid);
}

static void cell_user(const struct proc_row *row, struct buf *out)
{
	json_add_str(out, row->user);
}

static void cell_name(const struct proc_row *row, struct buf *out)
{
	json_add_str(out, row->name);
}

static void cell_command(const struct proc_row *row, struct buf *out)
{
	json_add_str(out, row->command);
}

static void cell_state(const struct proc_row *row, struct buf *out)
{
	json_add_string(out, &row->state, 1);
}

static void cell_cpu(const struct proc_row *row, struct buf *out)
{
	json_add_short(out, row->cpu_pct, 4);
}

static void cell_memory(const struct proc_row *row, struct buf *out)
{
	json_add_short(out, row->memory_pct, 3);
}

static void cell_rss(const struct proc_row *row, struct buf *out)
{
	buf_addu(out, row->rss_bytes);
}

static void cell_read(const struct proc_row *row, struct buf *out)
{
	json_add_short(out, row->read_bps, 4);
}

static void cell_write(const struct proc_row *row, struct buf *out)
{
	json_add_short(out, row->write_bps, 4);
}

static void cell_threads(const struct proc_row *row, struct buf *out)
{
	buf_addu(out, row->threads);
}

static void cell_started(const struct proc_row *row, struct buf *out)
{
	buf_addi(out, row->started_ms);
}

static const struct column {
	const char *name;
	cell_fn *put;
} columns[] = {
	{"pid", cell_pid},     {"ppid", cell_ppid},       {"user", cell_user},       {"name", cell_name}, {"command", cell_command},
	{"state", cell_state}, {"cpu", cell_cpu},         {"memory", cell_memory},   {"rss", cell_rss},   {"read", cell_read},
	{"write", cell_write}, {"threads", cell_threads}, {"started", cell_started},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static const struct column *find_column(struct params *p, const char *name)
{
	struct buf list;

	for (size_t i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].name, name) == 0)
			return &columns[i];
	buf_init(&list, 200);
	for (size_t i = 0; i < COLUMNS; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", columns[i].name);
	params_fail(p, "columns are: %s", list.data);
	buf_release(&list);
	return NULL;
}

/* With chosen columns a row is a list of cells, which is a third of the bytes; else an object. */
static void add_rows(const struct proc_page *page, const struct column *const *chosen, size_t nchosen, struct buf *out)
{
	size_t n = nchosen ? nchosen : COLUMNS;

	for (size_t i = 0; i < page->n; i++) {
		buf_adds(out, i ? "," : "");
		buf_addc(out, nchosen ? '[' : '{');
		for (size_t k = 0; k < n; k++) {
			const struct column *c = nchosen ? chosen[k] : &columns[k];

			buf_adds(out, k ? "," : "");
			if (!nchosen)
				buf_addf(out, "\"%s\":", c->name);
			c->put(&page->rows[i], out);
		}
		buf_addc(out, nchosen ? ']' : '}');
	}
}

static void add_page(const struct proc_page *page, const struct column *const *chosen, size_t nchosen, struct buf *out)
{
	buf_addf(out, "\"timestamp\":%lld,\"total\":%zu,\"matched\":%zu,", (long long)page->t_ms, page->total, page->matched);
	if (page->hidden)
		buf_adds(out, "\"hidden\":true,");
	if (nchosen) {
		buf_adds(out, "\"columns\":[");
		for (size_t i = 0; i < nchosen; i++)
			buf_addf(out, "%s\"%s\"", i ? "," : "", chosen[i]->name);
		buf_adds(out, "],");
	}
	buf_addf(out, "\"%s\":[", nchosen ? "rows" : "processes");
	add_rows(page, chosen, nchosen, out);
	buf_addc(out, ']');
}

void answer_processes(struct app *app, struct params *p, struct buf *out)
{
	static const char *const sorts[] = {"cpu", "memory", "rss", "io", "threads", "pid", "name", "user", "started", NULL};
	static const char *const orders[] = {"desc", "asc", NULL};
	const struct column *chosen[COLUMNS];
	struct texts names = {0};
	struct proc_query q = {0};
	struct proc_page page;
	char *filter = params_text_take(p, "filter", 200);

	(void)app;
	q.sort = (enum proc_sort)params_word(p, "sort", sorts, PROC_CPU);
	q.ascending = params_word(p, "order", orders, 0) == 1;
	q.limit = (size_t)params_number(p, "limit", 1, LIMIT_PROCESS_ROWS, 20);
	q.offset = (size_t)params_number(p, "offset", 0, 1e9, 0);
	q.filter = filter;
	params_texts(p, "columns", COLUMNS, 16, &names);
	for (size_t i = 0; i < names.n; i++)
		chosen[i] = find_column(p, names.at[i]);
	if (params_ok(p)) {
		proc_page_take(&q, &page);
		add_page(&page, chosen, names.n, out);
		proc_page_release(&page);
	}
	texts_release(&names);
	free(filter);
}

/* --- status --- */

/* The clock may have been set since. A little is the two clocks' difference, and no other time. */
static void follow_clock(struct app *app)
{
	int64_t boot_ms = clock_wall_ms() - clock_up_ms();

	if (llabs(boot_ms - app->boot_ms) < 1000)
		return;
	app->boot_ms = boot_ms;
	app->started_ms = boot_ms + app->started_up_ms;
}

static void add_host(struct app *app, struct buf *out)
{
	struct utsname u;

	uname(&u);
	buf_adds(out, ",\"host\":{\"hostname\":");
	json_add_str(out, app->hostname);
	buf_adds(out, ",\"os\":");
	json_add_str(out, app->os);
	buf_adds(out, ",\"timezone\":");
	json_add_str(out, app->time_zone);
	buf_adds(out, ",\"kernel\":");
	json_add_str(out, u.release);
	buf_adds(out, ",\"arch\":");
	json_add_str(out, u.machine);
	buf_addf(out, ",\"cpus\":%ld,\"memory\":%lld,\"boot\":%lld}", sysconf(_SC_NPROCESSORS_ONLN),
	         (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), (long long)app->boot_ms);
}

static void add_collector(const struct collect_health *h, struct buf *out)
{
	buf_addf(out, "{\"name\":\"%s\",\"help\":", h->name);
	json_add_str(out, h->help);
	buf_addf(out, ",\"state\":\"%s\",\"error\":", collect_state_name(h->state));
	json_add_str(out, *h->why ? h->why : NULL);
	buf_addf(out, ",\"since\":%lld,\"interval\":%u,\"duration\":", (long long)h->since_ms, h->interval_ms);
	json_add_short(out, h->duration_ms, 4);
	buf_adds(out, ",\"lag\":");
	json_add_short(out, h->lag_ms, 4);
	buf_addf(out, ",\"series\":%zu,\"last\":%lld}", h->series, (long long)h->last_ms);
}

#define MAX_COLLECTORS 64

static void add_collectors(struct app *app, struct buf *out)
{
	struct collect_health health[MAX_COLLECTORS];
	size_t n = collect_health(app->collect, health, MAX_COLLECTORS);

	buf_adds(out, ",\"collectors\":[");
	for (size_t i = 0; i < n && i < MAX_COLLECTORS; i++) {
		if (i)
			buf_addc(out, ',');
		add_collector(&health[i], out);
	}
	buf_addc(out, ']');
}

void answer_status(struct app *app, struct params *p, struct buf *out)
{
	struct store_config store = app->store_config;

	(void)p;
	follow_clock(app);
	buf_addf(out, "\"version\":\"%s\",\"started\":%lld,\"now\":%lld,\"pid\":%d,\"config\":", VEDETTE_VERSION,
	         (long long)app->started_ms, (long long)clock_wall_ms(), (int)getpid());
	json_add_str(out, app->config->path);
	add_host(app, out);
	buf_addf(out, ",\"clients\":%zu,\"series\":%zu,\"store\":{\"bytes\":%zu,\"limit\":%zu,\"max_series\":%u,"
	         "\"refused\":%llu,\"raw_s\":%u,\"minute_s\":%u}",
	         sio_namespace_count(sio_of(app->io, "/")), store_count(app->store), store_bytes(app->store), store_limit_bytes(&store),
	         store.max_series, (unsigned long long)store_refused(app->store), store.raw_s, store.minute_s);
	buf_addf(out, ",\"push_interval\":%u,\"min_rate\":%u", app->config->push_interval_ms, app->config->min_rate_ms);
	add_collectors(app, out);
	buf_adds(out, ",\"gone_channels\":");
	alerting_gone_json(app->alerting, out);
}

void answer_events(struct app *app, struct params *p, struct buf *out)
{
	(void)p;
	buf_adds(out, "\"events\":");
	journal_json(&app->journal, out);
}
