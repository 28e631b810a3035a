/* wants.c: the series that somebody wants, and for whom. */
#include "app/feed_inner.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>

/* What is measured more seldom from now on is not silent for that. */
static void renew_intervals(struct feed *f)
{
	for (size_t i = 0; i < f->catalog.n; i++) {
		const struct store_entry *e = &f->catalog.at[i];
		struct live *live = map_get(&f->live, (const char *)&e->series, sizeof e->series);

		if (live)
			live->interval_ms = e->interval_ms;
	}
}

/* All series. One for all clients: to list them takes as long as to match a few patterns. */
const struct store_list *feed_catalog(struct feed *f)
{
	uint64_t generation = store_generation(f->app->store);

	if (!f->catalog.at || generation != f->generation) {
		f->generation = generation;
		store_list_release(&f->catalog);
		store_match_take(f->app->store, "*", &f->catalog);
		renew_intervals(f);
	}
	return &f->catalog;
}

static struct live *live_get(struct feed *f, const struct store_entry *e)
{
	struct live *live = map_get(&f->live, (const char *)&e->series, sizeof e->series);

	if (live)
		return live;
	live = xzalloc(sizeof *live);
	live->ref = e->series;
	live->interval_ms = e->interval_ms;
	live->value = NAN;
	store_last(f->app->store, e->series, &live->t_ms, &live->value);
	list_init(&live->wants);
	map_set(&f->live, (const char *)&e->series, sizeof e->series, live);
	return live;
}

void want_add(struct subscriber *c, struct wants *list, const struct store_entry *e, const char *name)
{
	struct want *w = xzalloc(sizeof *w);

	w->live = live_get(c->feed, e);
	w->client = c;
	w->name = name ? xstrdup(name) : NULL;
	w->watched = list == &c->watched;
	list_push(&w->live->wants, &w->link);
	if (list->n == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 8;
		list->at = xreallocarray(list->at, list->cap, sizeof(struct want *));
	}
	list->at[list->n++] = w;
}

void wants_clear(struct feed *f, struct wants *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct want *w = list->at[i];

		list_remove(&w->link);
		if (list_empty(&w->live->wants)) {
			map_del(&f->live, (const char *)&w->live->ref, sizeof w->live->ref);
			free(w->live);
		}
		free(w->name);
		free(w);
	}
	free(list->at);
	*list = (struct wants){0};
}

bool wants_have(const struct wants *list, store_ref ref)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i]->live->ref == ref)
			return true;
	return false;
}

/* Silent for more than two of its intervals: unknown, as if it had said so. */
double present_value(double value, int64_t t_ms, uint32_t interval_ms, int64_t now_ms)
{
	return now_ms - t_ms > 2 * (int64_t)interval_ms + 1500 ? NAN : value;
}
