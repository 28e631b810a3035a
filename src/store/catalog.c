/* catalog.c: which series there are. */
#include "base/xmalloc.h"
#include "store/inner.h"

#include <stdlib.h>
#include <string.h>

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
		.last = s->last,
	};
}

static struct series *live_series(struct store *st, const char *id)
{
	struct series *s = map_get(&st->ids, id, strlen(id));

	return s && s->live ? s : NULL;
}

static void list_matches(struct store *st, const char *pattern, struct store_list *out)
{
	struct series *one = strchr(pattern, '*') ? NULL : live_series(st, pattern);

	out->at = xcalloc(one ? 1 : st->live, sizeof *out->at);
	if (one)
		list_entry(st, one, out);
	else if (strchr(pattern, '*'))
		for (uint32_t i = 0; i < st->used; i++)
			if (st->series[i].live && store_pattern_match(pattern, st->series[i].id))
				list_entry(st, &st->series[i], out);
}

static int by_id(const void *a, const void *b)
{
	return natural_compare(((const struct store_entry *)a)->id, ((const struct store_entry *)b)->id);
}

void store_match_take(struct store *st, const char *pattern, struct store_list *out)
{
	*out = (struct store_list){0};
	pthread_mutex_lock(&st->lock);
	list_matches(st, pattern, out);
	pthread_mutex_unlock(&st->lock);
	qsort(out->at, out->n, sizeof *out->at, by_id);
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
