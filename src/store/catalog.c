/* catalog.c: which series there are. */
#include "base/xmalloc.h"
#include "store/inner.h"

#include <stdlib.h>
#include <string.h>

static int64_t oldest_point(const struct series *s)
{
	int64_t raw = track_oldest(&s->raw), minute = track_oldest(&s->minute);

	if (minute == INT64_MAX && s->open.count)
		minute = s->open.at_ms;
	return raw < minute ? raw : minute;
}

static void list_entry(struct store *st, const struct series *s, struct store_list *out)
{
	out->at[out->n++] = (struct store_entry){
		.series = ref_of(st, s),
		.id = xstrdup(s->id),
		.unit = xstrdup(s->unit),
		.help = xstrdup(s->help),
		.collector = xstrdup(s->collector),
		.kind = s->kind,
		.interval_ms = s->interval_ms,
		.t_ms = s->t_ms,
		.oldest_ms = oldest_point(s),
		.last = s->last,
		.retired = s->live ? 0 : s->retired,
	};
}

static struct series *live_series(struct store *st, const char *id)
{
	struct series *s = map_get(&st->ids, id, strlen(id));

	return s && s->live ? s : NULL;
}

static struct series *held_series(struct store *st, const char *id)
{
	return map_get(&st->ids, id, strlen(id));
}

/* A slot that nobody has yet has no id. */
static void list_matches(struct store *st, const char *pattern, bool held, struct store_list *out)
{
	bool wild = strchr(pattern, '*');
	struct series *one = wild ? NULL : held ? held_series(st, pattern) : live_series(st, pattern);

	out->at = xcalloc(one ? 1 : held ? st->used : st->live, sizeof *out->at);
	if (one)
		list_entry(st, one, out);
	for (uint32_t i = 0; wild && i < st->used; i++) {
		const struct series *s = &st->series[i];

		if (s->id && (held || s->live) && store_pattern_match(pattern, s->id))
			list_entry(st, s, out);
	}
}

static int by_id(const void *a, const void *b)
{
	return natural_compare(((const struct store_entry *)a)->id, ((const struct store_entry *)b)->id);
}

static void list_take(struct store *st, const char *pattern, bool held, struct store_list *out)
{
	*out = (struct store_list){0};
	pthread_mutex_lock(&st->lock);
	list_matches(st, pattern, held, out);
	pthread_mutex_unlock(&st->lock);
	qsort(out->at, out->n, sizeof *out->at, by_id);
}

void store_match_take(struct store *st, const char *pattern, struct store_list *out)
{
	list_take(st, pattern, false, out);
}

void store_held_take(struct store *st, const char *pattern, struct store_list *out)
{
	list_take(st, pattern, true, out);
}

void store_list_release(struct store_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->at[i].id);
		free(list->at[i].unit);
		free(list->at[i].help);
		free(list->at[i].collector);
	}
	free(list->at);
	*list = (struct store_list){0};
}

store_ref store_find(struct store *st, const char *id)
{
	struct series *s;
	store_ref ref;

	pthread_mutex_lock(&st->lock);
	{
		s = live_series(st, id);
		ref = s ? ref_of(st, s) : STORE_NONE;
	}
	pthread_mutex_unlock(&st->lock);
	return ref;
}
