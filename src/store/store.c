/* store.c: birth, memory, registration, and the way of a sample into the tiers. */
#include "base/clock.h"
#include "base/xmalloc.h"
#include "store/inner.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define UNIT_MAX 31
#define HELP_MAX 255
#define COLLECTOR_MAX 31
#define FRESH_PER_SERIES 4
#define CLOCK_SLACK_MS 1000
#define RESERVED_PART 16  /* of max_series, for series that are no instance of many */
#define RESERVED_MOST 256
/* What malloc(3) adds to a block, at most. */
#define BLOCK 16

/* ---- memory ---- */

static uint32_t raw_chunks(const struct store_config *c)
{
	uint32_t interval = c->interval_ms ? c->interval_ms : 1000;

	return track_chunks((uint64_t)c->raw_s * 1000 / interval);
}

static uint32_t minute_chunks(const struct store_config *c)
{
	return track_chunks((uint64_t)c->minute_s / 60);
}

static size_t max_pages(const struct store_config *c)
{
	return (size_t)c->max_series * (raw_chunks(c) + (size_t)MINUTE_COLS * minute_chunks(c));
}

static size_t tracks_bytes(const struct store_config *c)
{
	return track_bytes(raw_chunks(c), 1) + track_bytes(minute_chunks(c), MINUTE_COLS) + 2 * BLOCK;
}

/* The map keeps at most four entries and eight slots for each id that it holds. */
static size_t fixed_bytes(const struct store_config *c)
{
	size_t map = 4 * (sizeof(struct map_entry) + 2 * sizeof(uint32_t));

	return sizeof(struct store) + 6 * BLOCK + 4 * map +
		c->max_series * (sizeof(struct series) + FRESH_PER_SERIES * sizeof(struct store_fresh) + map);
}

static size_t text_limit(void)
{
	return 2 * (STORE_MAX_ID + 1 + BLOCK) + UNIT_MAX + HELP_MAX + COLLECTOR_MAX + 3;
}

size_t store_limit_bytes(const struct store_config *config)
{
	return fixed_bytes(config) + pool_limit_bytes(max_pages(config)) +
		config->max_series * (tracks_bytes(config) + text_limit());
}

size_t store_bytes(struct store *st)
{
	size_t n;

	pthread_mutex_lock(&st->lock);
	{
		n = fixed_bytes(&st->config) + pool_bytes(&st->pool) + st->text_bytes +
			st->used * tracks_bytes(&st->config);
	}
	pthread_mutex_unlock(&st->lock);
	return n;
}

struct store *store_new(const struct store_config *config, int wake_fd)
{
	struct store *st = xzalloc(sizeof *st);

	assert(config->max_series > 0 && config->max_series < INT32_MAX);
	pthread_mutex_init(&st->lock, NULL);
	st->config = *config;
	st->wake_fd = wake_fd;
	st->wake = true;
	st->generation = 1;
	st->series = xcalloc(config->max_series, sizeof *st->series);
	st->fresh = xcalloc(config->max_series, FRESH_PER_SERIES * sizeof *st->fresh);
	map_init(&st->ids);
	pool_init(&st->pool, max_pages(config));
	return st;
}

void store_free(struct store *st)
{
	if (!st)
		return;
	for (uint32_t i = 0; i < st->used; i++) {
		track_release(&st->series[i].raw);
		track_release(&st->series[i].minute);
		free(st->series[i].id);
	}
	map_release(&st->ids);
	pool_release(&st->pool);
	free(st->series);
	free(st->fresh);
	pthread_mutex_destroy(&st->lock);
	free(st);
}

void store_set_past(struct store *st, const struct store_past *past)
{
	st->past = past;
}

/* ---- registration ---- */

store_ref ref_of(const struct store *st, const struct series *s)
{
	return (store_ref)s->gen << 32 | (store_ref)(s - st->series);
}

struct series *series_of(struct store *st, store_ref ref)
{
	uint32_t index = (uint32_t)ref;
	struct series *s = index < st->used ? &st->series[index] : NULL;

	return s && s->gen == (uint32_t)(ref >> 32) ? s : NULL;
}

static char *put_text(char **at, const char *s, size_t n)
{
	char *start = *at;

	memcpy(start, s, n);
	start[n] = '\0';
	*at += n + 1;
	return start;
}

static size_t text_bytes(const struct series *s)
{
	/* The id is there twice: the map has a copy. */
	return 2 * (strlen(s->id) + 1 + BLOCK) + strlen(s->unit) + strlen(s->help) + strlen(s->collector) + 3;
}

static void drop_text(struct store *st, struct series *s)
{
	if (!s->id)
		return;
	st->text_bytes -= text_bytes(s);
	free(s->id);
	s->id = NULL;
}

static void set_text(struct store *st, struct series *s, const struct store_info *info)
{
	size_t id = strlen(info->id), unit = strnlen(info->unit, UNIT_MAX), help = strnlen(info->help, HELP_MAX),
	       collector = strnlen(info->collector, COLLECTOR_MAX);
	char *at = xmalloc(id + unit + help + collector + 4);

	drop_text(st, s);
	s->id = put_text(&at, info->id, id);
	s->unit = put_text(&at, info->unit, unit);
	s->help = put_text(&at, info->help, help);
	s->collector = put_text(&at, info->collector, collector);
	st->text_bytes += text_bytes(s);
}

static uint32_t interval_of(const struct store_info *info)
{
	return info->interval_ms ? info->interval_ms : 1000;
}

static bool same_info(const struct series *s, const struct store_info *info)
{
	return s->interval_ms == interval_of(info) && s->kind == info->kind && strncmp(s->unit, info->unit, UNIT_MAX) == 0 &&
		strncmp(s->help, info->help, HELP_MAX) == 0 && strncmp(s->collector, info->collector, COLLECTOR_MAX) == 0;
}

static struct series *fresh_series(struct store *st)
{
	struct series *s = &st->series[st->used++];

	track_init(&s->raw, raw_chunks(&st->config), 1);
	track_init(&s->minute, minute_chunks(&st->config), MINUTE_COLS);
	return s;
}

static struct series *longest_retired(struct store *st)
{
	struct series *oldest = NULL;

	for (uint32_t i = 0; i < st->used; i++) {
		struct series *s = &st->series[i];

		if (!s->live && (!oldest || s->retired < oldest->retired))
			oldest = s;
	}
	return oldest;
}

/* Interfaces, disks and cores may be many: the host's own few find room whatever comes. */
static bool has_room_for(const struct store *st, const char *id)
{
	uint32_t reserve = st->config.max_series / RESERVED_PART < RESERVED_MOST ? st->config.max_series / RESERVED_PART : RESERVED_MOST;

	return !strchr(id, '/') || st->live + reserve < st->config.max_series;
}

/* A series that nobody is: a new one while there are any, else the one that was retired first. */
static struct series *vacant(struct store *st)
{
	struct series *s;

	if (st->used < st->config.max_series)
		return fresh_series(st);
	s = longest_retired(st);
	if (!s)
		return NULL;
	map_del(&st->ids, s->id, strlen(s->id));
	drop_text(st, s);
	track_clear(&s->raw, &st->pool);
	track_clear(&s->minute, &st->pool);
	return s;
}

static struct series *add(struct store *st, const struct store_info *info)
{
	struct series *s = has_room_for(st, info->id) ? vacant(st) : NULL;

	if (!s) {
		st->refused++;
		return NULL;
	}
	s->gen = s->gen == UINT32_MAX ? 1 : s->gen + 1;
	s->t_ms = 0;
	s->last = NAN;
	s->open.count = 0;
	set_text(st, s, info);
	map_set(&st->ids, s->id, strlen(s->id), s);
	return s;
}

static struct series *find_or_add(struct store *st, const struct store_info *info)
{
	size_t len = strlen(info->id);
	struct series *s;

	if (!len || len > STORE_MAX_ID) {
		st->refused++;
		return NULL;
	}
	s = map_get(&st->ids, info->id, len);
	if (s && s->live && same_info(s, info))
		return s;
	if (s)
		set_text(st, s, info);
	else
		s = add(st, info);
	if (!s)
		return NULL;
	st->live += !s->live;
	s->live = true;
	s->kind = info->kind;
	s->interval_ms = interval_of(info);
	st->generation++;
	return s;
}

store_ref store_series(struct store *st, const struct store_info *info)
{
	struct series *s;
	store_ref ref;

	pthread_mutex_lock(&st->lock);
	{
		s = find_or_add(st, info);
		ref = s ? ref_of(st, s) : STORE_NONE;
	}
	pthread_mutex_unlock(&st->lock);
	return ref;
}

void store_retire(struct store *st, store_ref ref)
{
	struct series *s;

	pthread_mutex_lock(&st->lock);
	{
		s = series_of(st, ref);
		if (s && s->live) {
			s->live = false;
			s->retired = ++st->retirements;
			st->live--;
			st->generation++;
		}
	}
	pthread_mutex_unlock(&st->lock);
}

size_t store_count(struct store *st)
{
	size_t n;

	pthread_mutex_lock(&st->lock);
	n = st->live;
	pthread_mutex_unlock(&st->lock);
	return n;
}

uint64_t store_refused(struct store *st)
{
	uint64_t n;

	pthread_mutex_lock(&st->lock);
	n = st->refused;
	pthread_mutex_unlock(&st->lock);
	return n;
}

uint64_t store_generation(struct store *st)
{
	uint64_t n;

	pthread_mutex_lock(&st->lock);
	n = st->generation;
	pthread_mutex_unlock(&st->lock);
	return n;
}

/* ---- samples ---- */

/* To the nearest that a float can hold; what is out of its range is at its edge. */
static float narrow(double v)
{
	if (!isfinite(v))
		return NAN;
	return (float)(v > (double)FLT_MAX ? (double)FLT_MAX : v < -(double)FLT_MAX ? -(double)FLT_MAX : v);
}

static void close_minute(struct store *st, struct series *s)
{
	const struct open_minute *m = &s->open;
	float values[MINUTE_COLS] = {
		[COL_MIN] = m->min, [COL_MAX] = m->max, [COL_AVG] = (float)(m->sum / m->count), [COL_COUNT] = (float)m->count};

	if (m->count)
		track_push(&s->minute, &st->pool, m->at_ms, MINUTE_MS, values);
	s->open.count = 0;
}

static void add_to_minute(struct store *st, struct series *s, int64_t t_ms, float v)
{
	int64_t at = t_ms - t_ms % MINUTE_MS;
	struct open_minute *m = &s->open;

	if (m->count && m->at_ms != at)
		close_minute(st, s);
	if (isnan(v))
		return;
	if (!m->count)
		*m = (struct open_minute){.at_ms = at, .min = v, .max = v};
	m->min = fminf(m->min, v);
	m->max = fmaxf(m->max, v);
	m->sum += (double)v;
	m->count++;
}

/* The clock was set back to t_ms: points from there on lie in what is the future now, and go. The minute that t_ms
 * lies in is opened again. */
static void set_back(struct store *st, struct series *s, int64_t t_ms)
{
	int64_t at = t_ms - t_ms % MINUTE_MS;
	struct span p;

	track_cut(&s->raw, &st->pool, t_ms);
	if (s->open.count && s->open.at_ms > at)
		s->open.count = 0;
	for (uint32_t i = 0; i < s->minute.n; i++)
		if (track_span(&s->minute, &st->pool, i, at, at + MINUTE_MS, &p) && !isnan(p.col[COL_AVG][0]))
			s->open = (struct open_minute){at, (uint32_t)p.col[COL_COUNT][0], p.col[COL_MIN][0], p.col[COL_MAX][0],
				(double)p.col[COL_AVG][0] * (double)p.col[COL_COUNT][0]};
	track_cut(&s->minute, &st->pool, at);
	s->t_ms = t_ms;
}

static void announce(struct store *st, store_ref ref, int64_t t_ms, double value)
{
	size_t cap = (size_t)st->config.max_series * FRESH_PER_SERIES;

	if (st->fresh_n == cap) {
		st->fresh_head = (st->fresh_head + 1) % cap;
		st->fresh_n--;
		st->fresh_lost++;
	}
	st->fresh[(st->fresh_head + st->fresh_n++) % cap] = (struct store_fresh){ref, t_ms, value};
}

/* now_ms is asked for only where it matters: to tell a late sample from a clock that was set back. */
static void put(struct store *st, const struct store_sample *x, int64_t t_ms, int64_t *now_ms)
{
	struct series *s = series_of(st, x->series);
	float v = narrow(x->value);

	if (!s || !s->live)
		return;
	if (t_ms < s->t_ms) {
		if (!*now_ms)
			*now_ms = clock_wall_ms();
		if (s->t_ms <= *now_ms + CLOCK_SLACK_MS)
			return;
		set_back(st, s, t_ms);
	}
	s->t_ms = t_ms;
	s->last = isfinite(x->value) ? x->value : NAN;
	track_push(&s->raw, &st->pool, t_ms, s->interval_ms, &v);
	add_to_minute(st, s, t_ms, v);
	announce(st, x->series, t_ms, s->last);
}

void store_publish(struct store *st, int64_t t_ms, const struct store_sample *samples, size_t n)
{
	int64_t now_ms = 0;
	bool wake;

	if (t_ms <= 0)
		return;
	pthread_mutex_lock(&st->lock);
	{
		for (size_t i = 0; i < n; i++)
			put(st, &samples[i], t_ms, &now_ms);
		wake = st->wake && st->fresh_n;
		st->wake = st->wake && !wake;
	}
	pthread_mutex_unlock(&st->lock);
	if (wake && st->wake_fd >= 0)
		eventfd_write(st->wake_fd, 1);
}

size_t store_drain(struct store *st, struct store_fresh *out, size_t max, uint64_t *lost)
{
	size_t cap = (size_t)st->config.max_series * FRESH_PER_SERIES, n;

	pthread_mutex_lock(&st->lock);
	{
		n = st->fresh_n < max ? st->fresh_n : max;
		for (size_t i = 0; i < n; i++)
			out[i] = st->fresh[(st->fresh_head + i) % cap];
		st->fresh_head = (st->fresh_head + n) % cap;
		st->fresh_n -= n;
		st->wake = true;
		if (lost)
			*lost += st->fresh_lost;
		st->fresh_lost = 0;
	}
	pthread_mutex_unlock(&st->lock);
	return n;
}

bool store_last(struct store *st, store_ref ref, int64_t *t_ms, double *value)
{
	struct series *s;
	bool known;

	pthread_mutex_lock(&st->lock);
	{
		s = series_of(st, ref);
		known = s && s->t_ms;
		if (known) {
			*t_ms = s->t_ms;
			*value = s->last;
		}
	}
	pthread_mutex_unlock(&st->lock);
	return known;
}
