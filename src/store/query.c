/* query.c: a range of one series, folded to steps.
 *
 * Steps of a minute or more are folded from minutes where there are minutes,
 * finer ones from raw points; what the preferred tier no longer holds (or did
 * not hold yet) comes from the other, what neither holds from store_past. A
 * minute that stands for finer steps stands in each of them. */
#include "base/xmalloc.h"
#include "store/inner.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Points come in the order of time, so one step is open at a time. */
struct folding {
	enum store_fold fold;
	struct store_range *out;
	int64_t step_end_ms;
	size_t step;
	double sum, count, min, max, last;
};

/* What one point, or one minute of them, adds to a step. */
struct share {
	double min, max, avg, count;
};

static void close_step(struct folding *f)
{
	double avg;

	if (f->count <= 0)
		return;
	avg = fmin(fmax(f->sum / f->count, f->min), f->max); /* a sum of floats may round past its bounds */
	f->out->value[f->step] = f->fold == STORE_LAST ? f->last : f->fold == STORE_MIN ? f->min :
		f->fold == STORE_MAX ? f->max : avg;
	if (f->fold == STORE_RANGE) {
		f->out->min[f->step] = f->min;
		f->out->max[f->step] = f->max;
	}
}

static void open_step(struct folding *f, size_t step)
{
	close_step(f);
	f->step = step;
	f->step_end_ms = f->out->from_ms + (int64_t)(step + 1) * f->out->step_ms;
	f->count = f->sum = 0;
	f->min = INFINITY;
	f->max = -INFINITY;
}

/* t_ms lies within the range. After a change of a series' interval a slot may begin before the newest point: it then
 * counts to the step that is open. */
static void add_share(struct folding *f, int64_t t_ms, struct share s)
{
	if (t_ms >= f->step_end_ms)
		open_step(f, (size_t)((t_ms - f->out->from_ms) / f->out->step_ms));
	f->sum += s.avg * s.count;
	f->count += s.count;
	f->min = s.min < f->min ? s.min : f->min;
	f->max = s.max > f->max ? s.max : f->max;
	f->last = s.avg;
}

static void fold_raw(struct folding *f, const struct store *st, const struct series *s, int64_t from, int64_t to)
{
	struct span p;

	for (uint32_t c = 0; c < s->raw.n; c++) {
		if (!track_span(&s->raw, &st->pool, c, from, to, &p))
			continue;
		for (uint32_t i = 0; i < p.n; i++) {
			double v = (double)p.col[0][i * p.stride[0]];

			if (!isnan(v))
				add_share(f, p.from_ms + (int64_t)i * p.step_ms, (struct share){v, v, v, 1});
		}
	}
}

static void fold_minute(struct folding *f, int64_t at, struct share s, int64_t from, int64_t to)
{
	int64_t step = f->out->step_ms, end = at + MINUTE_MS < to ? at + MINUTE_MS : to;

	if (step >= MINUTE_MS) {
		if (at >= from && at < to)
			add_share(f, at, s);
		return;
	}
	for (int64_t t = at > from ? at : from; t < end; t += step)
		add_share(f, t, s);
}

static void fold_minutes(struct folding *f, const struct store *st, const struct series *s, int64_t from, int64_t to)
{
	const struct open_minute *m = &s->open;
	struct span p;

	for (uint32_t c = 0; c < s->minute.n; c++) {
		if (!track_span(&s->minute, &st->pool, c, from - MINUTE_MS + 1, to, &p))
			continue;
		for (uint32_t i = 0; i < p.n; i++) {
			struct share x = {(double)p.col[COL_MIN][i * p.stride[COL_MIN]],
				(double)p.col[COL_MAX][i * p.stride[COL_MAX]],
				(double)p.col[COL_AVG][i * p.stride[COL_AVG]],
				(double)p.col[COL_COUNT][i * p.stride[COL_COUNT]]};

			if (!isnan(x.avg))
				fold_minute(f, p.from_ms + (int64_t)i * MINUTE_MS, x, from, to);
		}
	}
	if (m->count)
		fold_minute(f, m->at_ms, (struct share){(double)m->min, (double)m->max, m->sum / m->count, m->count}, from, to);
}

static int64_t oldest_minute(const struct series *s)
{
	int64_t t = track_oldest(&s->minute);

	return t == INT64_MAX && s->open.count ? s->open.at_ms : t;
}

/* The boundary of a step, at or before t, or at or after it; kept within the range. */
static int64_t boundary(const struct store_range *r, int64_t t, bool after)
{
	int64_t to = r->from_ms + (int64_t)r->n * r->step_ms;

	if (t <= r->from_ms)
		return r->from_ms;
	if (t >= to)
		return to;
	return r->from_ms + (t - r->from_ms + (after ? r->step_ms - 1 : 0)) / r->step_ms * r->step_ms;
}

/* Returns where the answer begins; what is older is the past's. */
static int64_t fold_tiers(struct folding *f, const struct store *st, const struct series *s)
{
	typedef void fold_fn(struct folding *, const struct store *, const struct series *, int64_t, int64_t);
	const struct store_range *r = f->out;
	bool coarse = r->step_ms >= MINUTE_MS && f->fold != STORE_LAST;
	int64_t raw = track_oldest(&s->raw), minute = oldest_minute(s);
	int64_t best = coarse ? minute : raw, other = coarse ? raw : minute;
	/* The minute of the first raw point began before it, but has nothing that the raw points have not, while all are there. */
	bool older = coarse ? raw < minute : minute < raw && (s->raw.evicted || minute + MINUTE_MS <= raw);
	fold_fn *const by_best = coarse ? fold_minutes : fold_raw, *const by_other = coarse ? fold_raw : fold_minutes;
	int64_t seam = boundary(r, best, older), to = r->from_ms + (int64_t)r->n * r->step_ms;

	f->step_end_ms = INT64_MIN;
	if (older && other < seam)
		by_other(f, st, s, r->from_ms, seam);
	by_best(f, st, s, seam, to);
	close_step(f);
	return boundary(r, older ? other : best, false);
}

static double *unknowns(size_t n)
{
	double *at = xmalloc(n * sizeof *at);

	for (size_t i = 0; i < n; i++)
		at[i] = NAN;
	return at;
}

bool store_query_take(struct store *st, store_ref series, const struct store_query *q, int64_t from_ms,
	int64_t step_ms, size_t n, struct store_range *out)
{
	struct store_range r = {.from_ms = from_ms, .step_ms = step_ms, .n = n, .value = unknowns(n)};
	struct folding f = {.fold = q->fold, .out = &r};
	char id[STORE_MAX_ID + 1];
	const struct series *s;
	size_t past = 0;

	assert(step_ms > 0);
	if (q->fold == STORE_RANGE) {
		r.min = unknowns(n);
		r.max = unknowns(n);
	}
	pthread_mutex_lock(&st->lock);
	{
		s = series_of(st, series);
		if (s && n) {
			past = (size_t)((fold_tiers(&f, st, s) - from_ms) / step_ms);
			stpcpy(id, s->id);
		}
	}
	pthread_mutex_unlock(&st->lock);
	if (!s) {
		store_range_release(&r);
		return false;
	}
	if (past && st->past)
		st->past->fill(st->past->user, id, r.from_ms, r.step_ms, past, r.value, r.min, r.max);
	*out = r;
	return true;
}

void store_range_release(struct store_range *r)
{
	free(r->value);
	free(r->min);
	free(r->max);
	*r = (struct store_range){0};
}
