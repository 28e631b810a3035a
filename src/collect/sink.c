/* sink.c: what a collector tells becomes samples; new instances become series, missing ones are retired. */
#include "base/log.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "collect/inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t batch_add(struct batch *b, store_ref series, double value)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		b->at = xreallocarray(b->at, b->cap, sizeof *b->at);
	}
	b->at[b->n] = (struct store_sample){series, value};
	return b->n++;
}

/* An instance may be any bytes (a mount point, a sensor's label); an id goes through JSON. */
static void append_clean(char *out, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		size_t n = utf8_char_len((const unsigned char *)s, left);

		if (!n || (unsigned char)*s < 0x20 || *s == 0x7f) {
			*out++ = '?';
			n = 1;
		} else {
			memcpy(out, s, n);
			out += n;
		}
		s += n;
		left -= n;
	}
	*out = '\0';
}

static store_ref register_series(const struct unit *u, size_t metric, const char *instance)
{
	const struct metric *m = &u->c->metrics[metric];
	size_t family = strlen(m->family);
	char id[STORE_MAX_ID + 1];

	if (family + (instance ? 1 + strlen(instance) : 0) > STORE_MAX_ID)
		return STORE_NONE;
	memcpy(id, m->family, family + 1);
	if (instance) {
		id[family] = '/';
		append_clean(id + family + 1, instance);
	}
	return store_series(u->worker->store,
		&(struct store_info){id, m->unit, m->help, u->c->name, m->kind, u->interval_ms});
}

/* When the store is full, asking again makes sense only after something there has changed. */
static bool store_was_full(const struct unit *u)
{
	return u->told.full_generation && u->told.full_generation == store_generation(u->worker->store);
}

static void note_full(struct unit *u, size_t metric, const char *instance)
{
	if (!u->told.full_generation)
		log_warn("collector %s: the store has no room for %s%s%s and maybe more (store.series limits it)", u->c->name,
			u->c->metrics[metric].family, instance ? "/" : "", instance ? instance : "");
	u->told.full_generation = store_generation(u->worker->store);
}

/* New ones go where the cursor is, so that the list has the collector's order. The store hears of them when the collector has
 * returned: inside it, this thread may have been given up, and the store be gone. */
static struct told *add(struct unit *u, size_t metric, const char *instance)
{
	struct told_list *l = &u->told;
	struct told *t;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->at = xreallocarray(l->at, l->cap, sizeof *l->at);
	}
	t = &l->at[l->cursor];
	memmove(t + 1, t, (l->n - l->cursor) * sizeof *t);
	l->n++;
	l->cursor++;
	*t = (struct told){metric, instance ? xstrdup(instance) : NULL, STORE_NONE, 0, 0};
	return t;
}

static bool is(const struct told *t, size_t metric, const char *instance)
{
	return t->metric == metric && !t->instance == !instance && (!instance || strcmp(t->instance, instance) == 0);
}

static struct told *find(struct told_list *l, size_t metric, const char *instance)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t at = l->cursor + i < l->n ? l->cursor + i : l->cursor + i - l->n;

		if (is(&l->at[at], metric, instance)) {
			l->cursor = at + 1;
			return &l->at[at];
		}
	}
	return NULL;
}

static void tell(struct sink *out, size_t metric, const char *instance, double value)
{
	struct unit *u = out->unit;
	struct told *t;

	if (!u)
		return;
	assert(metric < u->c->nmetrics);
	t = find(&u->told, metric, instance);
	if (!t)
		t = add(u, metric, instance);
	if (t->round == u->told.round) { /* twice in one read, as an overmounted directory: the later counts */
		out->batch->at[t->sample].value = value;
		return;
	}
	t->round = u->told.round;
	t->sample = batch_add(out->batch, t->ref, value);
}

void sink_set(struct sink *out, size_t metric, double value)
{
	tell(out, metric, NULL, value);
}

void sink_set_at(struct sink *out, size_t metric, const char *instance, double value)
{
	tell(out, metric, instance, value);
}

void told_begin(struct unit *u)
{
	u->told.round++;
	u->told.cursor = 0;
}

static void forget(struct unit *u, struct told *t)
{
	store_retire(u->worker->store, t->ref);
	free(t->instance);
}

static void register_new(struct unit *u, struct batch *b)
{
	struct told_list *l = &u->told;

	for (size_t i = 0; i < l->n; i++) {
		struct told *t = &l->at[i];

		if (t->ref != STORE_NONE || t->round != l->round || (t->instance && store_was_full(u))) /* for totals there may be room */
			continue;
		t->ref = register_series(u, t->metric, t->instance);
		if (t->ref == STORE_NONE)
			note_full(u, t->metric, t->instance);
		b->at[t->sample].series = t->ref;
	}
}

void told_end(struct unit *u, struct batch *b, bool retire)
{
	struct told_list *l = &u->told;
	size_t kept = 0;

	register_new(u, b);
	l->known = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (retire && l->at[i].instance && l->at[i].round != l->round)
			forget(u, &l->at[i]);
		else
			l->at[kept++] = l->at[i];
	}
	for (size_t i = 0; i < kept; i++)
		l->known += l->at[i].ref != STORE_NONE;
	l->n = kept;
}

void told_renew(struct unit *u)
{
	for (size_t i = 0; i < u->told.n; i++)
		u->told.at[i].ref = register_series(u, u->told.at[i].metric, u->told.at[i].instance);
}

void told_clear(struct unit *u)
{
	for (size_t i = 0; i < u->told.n; i++)
		forget(u, &u->told.at[i]);
	u->told.n = u->told.cursor = u->told.known = 0;
	u->told.full_generation = 0;
}
