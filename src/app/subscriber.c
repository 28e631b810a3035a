/* subscriber.c: one client: what it asked for, and its own pushes. */
#include "app/answers.h"
#include "app/feed_inner.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

/* A push that falls due a little early is sent with the sample that made it due. */
#define EARLY_MS 50

/* --- what it asked for, and the series that there are --- */

static bool texts_match(const struct texts *patterns, const char *id)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (store_pattern_match(series_resolve(patterns->at[i]), id))
			return true;
	return false;
}

static bool is_alias(const char *pattern)
{
	return strcmp(series_resolve(pattern), pattern) != 0;
}

/* Adds what pattern matches to the subscriptions, in the store's order, each once under its own name, which taken
 * says of the catalog's, and under that of each alias. */
static void subscribe_pattern(struct subscriber *c, const char *pattern, const struct store_list *catalog, bool *taken)
{
	const char *of = series_resolve(pattern);
	bool alias = is_alias(pattern);

	for (size_t i = 0; i < catalog->n && c->subscribed.n < LIMIT_WATCHED_SERIES; i++) {
		if ((!alias && taken[i]) || !store_pattern_match(of, catalog->at[i].id))
			continue;
		if (!alias)
			taken[i] = true;
		want_add(c, &c->subscribed, &catalog->at[i], alias ? pattern : catalog->at[i].id);
	}
}

/* Adds what pattern matches to the watch list, in the store's order, each once; what is known of it goes to out. taken
 * says which of the catalog's are in it already. */
static void watch_pattern(struct subscriber *c, const char *pattern, const struct store_list *catalog, bool *taken, struct buf *out)
{
	pattern = series_resolve(pattern);
	for (size_t i = 0; i < catalog->n && c->watched.n <= LIMIT_WATCHED_SERIES; i++) {
		if (taken[i] || !store_pattern_match(pattern, catalog->at[i].id))
			continue;
		taken[i] = true;
		buf_adds(out, c->watched.n ? ",{" : "{");
		series_info_json(&catalog->at[i], out);
		buf_addc(out, '}');
		want_add(c, &c->watched, &catalog->at[i], NULL);
	}
}

/* --- custom metrics --- */

bool subscriber_is_slow(const struct sio_socket *s)
{
	return sio_socket_queued(s) > LIMIT_QUEUE_LOW_BYTES;
}

static double present(const struct live *live, int64_t now)
{
	return present_value(live->value, live->t_ms, live->interval_ms, now);
}

static double aggregate(const struct want *w, enum aggregate how, int64_t now)
{
	if (how == AGGREGATE_LAST || !w->n)
		return present(w->live, now);
	return how == AGGREGATE_AVG ? w->sum / w->n : how == AGGREGATE_MIN ? w->min : w->max;
}

/* What came of a series since the last push is kept. Both lists are in the same order but for what is new: the
 * search goes on where the last one ended. */
static void keep_samples(const struct wants *former, struct wants *now)
{
	size_t at = 0;

	for (size_t i = 0; i < now->n; i++) {
		struct want *to = now->at[i];

		for (size_t k = 0; k < former->n; k++, at = at + 1 < former->n ? at + 1 : 0) {
			const struct want *from = former->at[at];

			if (from->live != to->live || strcmp(from->name, to->name) != 0)
				continue;
			to->n = from->n;
			to->sum = from->sum;
			to->min = from->min;
			to->max = from->max;
			break;
		}
	}
}

static void rematch(struct subscriber *c)
{
	const struct store_list *catalog = feed_catalog(c->feed);
	bool *taken = xcalloc(catalog->n + 1, sizeof *taken);
	struct wants former = c->subscribed;

	c->subscribed = (struct wants){0};
	for (size_t i = 0; i < c->patterns.n; i++)
		subscribe_pattern(c, c->patterns.at[i], catalog, taken);
	keep_samples(&former, &c->subscribed);
	wants_clear(c->feed, &former);
	free(taken);
}

static void push_custom(struct subscriber *c)
{
	int64_t now = clock_wall_ms();
	struct buf b;

	if (subscriber_is_slow(c->socket)) {
		c->dropped++;
		c->feed->dropped++;
		return;
	}
	buf_init(&b, SIZE_MAX / 2);
	buf_addc(&b, '{');
	for (size_t i = 0; i < c->subscribed.n; i++) {
		struct want *w = c->subscribed.at[i];

		if (i)
			buf_addc(&b, ',');
		json_add_str(&b, w->name);
		buf_addc(&b, ':');
		json_add_short(&b, aggregate(w, c->how, now), 12);
		w->n = 0;
	}
	buf_addf(&b, "},{\"timestamp\":%lld,\"host\":", (long long)now);
	json_add_str(&b, c->feed->app->hostname);
	buf_addf(&b, ",\"dropped\":%llu}", (unsigned long long)c->dropped);
	sio_socket_emit_flags(c->socket, SIO_TRANSIENT, "custom metrics", sio_json(b.data));
	buf_release(&b);
}

static void on_rate(struct loop_timer *t)
{
	struct subscriber *c = list_item(t, struct subscriber, timer);

	loop_timer_set(c->feed->app->loop, t, c->rate_ms, on_rate);
	push_custom(c);
}

/* --- frames --- */

static void on_frame_due(struct loop_timer *t);

static void send_frame(struct subscriber *c)
{
	int64_t now = clock_wall_ms();
	struct buf b;

	c->frame_sent_ms = loop_now_ms(c->feed->app->loop);
	c->fresh = false;
	if (subscriber_is_slow(c->socket)) {
		c->dropped++;
		c->feed->dropped++;
		return;
	}
	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "%u,%lld,[", c->gen, (long long)c->frame_t_ms);
	for (size_t i = 0; i < c->watched.n; i++) {
		if (i)
			buf_addc(&b, ',');
		json_add_short(&b, present(c->watched.at[i]->live, now), FEED_DIGITS);
	}
	buf_addc(&b, ']');
	sio_socket_emit_flags(c->socket, SIO_TRANSIENT, "frame", sio_json(b.data));
	buf_release(&b);
}

/* Sends what is fresh if the rate allows it now, else when it does. */
void subscriber_offer_frame(struct subscriber *c)
{
	int64_t wait = c->frame_sent_ms + c->frame_ms - loop_now_ms(c->feed->app->loop);

	if (!c->fresh || loop_timer_is_set(&c->frame_timer))
		return;
	if (wait <= EARLY_MS)
		send_frame(c);
	else
		loop_timer_set(c->feed->app->loop, &c->frame_timer, wait, on_frame_due);
}

static void on_frame_due(struct loop_timer *t)
{
	subscriber_offer_frame(list_item(t, struct subscriber, frame_timer));
}

static void watch_all(struct subscriber *c, struct buf *out)
{
	const struct store_list *catalog = feed_catalog(c->feed);
	bool *taken = xcalloc(catalog->n + 1, sizeof *taken);

	for (size_t i = 0; i < c->watching.n; i++)
		watch_pattern(c, c->watching.at[i], catalog, taken, out);
	free(taken);
}

static bool build_watch(struct subscriber *c, struct buf *answer)
{
	wants_clear(c->feed, &c->watched);
	c->gen++;
	c->fresh = false;
	buf_addf(answer, "\"gen\":%u,\"rate\":%u,\"series\":[", c->gen, c->frame_ms);
	watch_all(c, answer);
	buf_addc(answer, ']');
	if (c->watched.n <= LIMIT_WATCHED_SERIES)
		return true;
	wants_clear(c->feed, &c->watched);
	texts_release(&c->watching);
	return false;
}

/* Does the watch list still hold what its patterns match? */
static bool watch_changed(struct subscriber *c)
{
	const struct store_list *catalog = feed_catalog(c->feed);
	size_t n = 0;

	for (size_t i = 0; i < catalog->n; i++) {
		if (!texts_match(&c->watching, catalog->at[i].id))
			continue;
		if (!wants_have(&c->watched, catalog->at[i].series))
			return true;
		n++;
	}
	return n < c->watched.n;
}

static void tell_watched(struct subscriber *c)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addc(&b, '{');
	build_watch(c, &b);
	buf_addc(&b, '}');
	sio_socket_emit(c->socket, "watched", sio_json(b.data));
	buf_release(&b);
}

/* Series came or went: the lists are made anew. */
void subscriber_renew(struct subscriber *c, uint64_t generation)
{
	c->generation = generation;
	if (c->patterns.n)
		rematch(c);
	if (c->watching.n && watch_changed(c))
		tell_watched(c);
}

/* --- clients --- */

static const char *const hows[] = {"last", "avg", "min", "max", NULL};

static void add_list(struct buf *out, const char *name, const struct texts *list)
{
	buf_addf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_str(out, list->at[i]);
	}
	buf_addc(out, ']');
}

/* What a client asked for lies in its socket's data: recovery gives it back with the connection. */
static void remember(struct subscriber *c)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "{\"aggregate\":\"%s\"", hows[c->how]);
	if (c->rate_ms)
		buf_addf(&b, ",\"rate\":%u", c->rate_ms);
	if (c->frame_ms)
		buf_addf(&b, ",\"frame\":%u", c->frame_ms);
	add_list(&b, "subscriptions", &c->patterns);
	add_list(&b, "watch", &c->watching);
	buf_addc(&b, '}');
	sio_socket_set_data(c->socket, slice_of(b.data, b.len));
	buf_release(&b);
}

static void resume(struct subscriber *c)
{
	uint32_t least = c->feed->app->config->min_rate_ms;
	struct texts watch = {0};
	struct params p;
	double rate, frame;
	int how;

	params_init(&p, sio_socket_data(c->socket));
	how = params_word(&p, "aggregate", hows, AGGREGATE_LAST);
	rate = params_number(&p, "rate", least, LIMIT_RATE_MS, 0);
	frame = params_number(&p, "frame", least, LIMIT_RATE_MS, 1000);
	params_texts(&p, "subscriptions", LIMIT_SUBSCRIPTIONS, LIMIT_PATTERN_BYTES, &c->patterns);
	params_texts(&p, "watch", LIMIT_WATCH_PATTERNS, LIMIT_PATTERN_BYTES, &watch);
	rematch(c);
	if (rate > 0)
		subscriber_set_rate(c, (uint32_t)rate, (enum aggregate)how);
	if (watch.n) {
		struct buf ignored;

		buf_init(&ignored, SIZE_MAX / 2);
		subscriber_watch(c, watch.at, watch.n, (uint32_t)frame, &ignored);
		tell_watched(c);
		buf_release(&ignored);
	}
	texts_release(&watch);
}

struct subscriber *subscriber_new(struct feed *f, struct sio_socket *s)
{
	struct subscriber *c = xzalloc(sizeof *c);

	c->feed = f;
	c->socket = s;
	c->generation = store_generation(f->app->store);
	list_push(&f->subscribers, &c->link);
	if (sio_socket_recovered(s))
		resume(c);
	return c;
}

void subscriber_free(struct subscriber *c)
{
	struct feed *f = c->feed;

	loop_timer_clear(f->app->loop, &c->timer);
	loop_timer_clear(f->app->loop, &c->frame_timer);
	wants_clear(f, &c->subscribed);
	wants_clear(f, &c->watched);
	texts_release(&c->patterns);
	texts_release(&c->watching);
	list_remove(&c->link);
	free(c);
}

static size_t find_pattern(const struct subscriber *c, const char *pattern)
{
	size_t i = 0;

	while (i < c->patterns.n && strcmp(c->patterns.at[i], pattern) != 0)
		i++;
	return i;
}

/* Appends those of the catalog that one of the patterns matches. */
static void add_matched(struct subscriber *c, const struct texts *patterns, struct buf *out)
{
	const struct store_list *catalog = feed_catalog(c->feed);
	const char *comma = "";

	for (size_t i = 0; i < catalog->n; i++) {
		if (!texts_match(patterns, catalog->at[i].id))
			continue;
		buf_adds(out, comma);
		json_add_str(out, catalog->at[i].id);
		comma = ",";
	}
}

bool subscriber_add(struct subscriber *c, const struct texts *patterns, struct buf *matched)
{
	size_t had = c->patterns.n;

	c->patterns.at = xreallocarray(c->patterns.at, had + patterns->n, sizeof *c->patterns.at);
	for (size_t i = 0; i < patterns->n; i++)
		if (find_pattern(c, patterns->at[i]) == c->patterns.n)
			c->patterns.at[c->patterns.n++] = xstrdup(patterns->at[i]);
	if (c->patterns.n > LIMIT_SUBSCRIPTIONS) {
		while (c->patterns.n > had)
			free(c->patterns.at[--c->patterns.n]);
		return false;
	}
	rematch(c);
	remember(c);
	add_matched(c, patterns, matched);
	return true;
}

void subscriber_drop(struct subscriber *c, const struct texts *patterns)
{
	for (size_t k = 0; k < patterns->n; k++) {
		size_t i = find_pattern(c, patterns->at[k]);

		if (i == c->patterns.n)
			continue;
		free(c->patterns.at[i]);
		c->patterns.n--;
		memmove(c->patterns.at + i, c->patterns.at + i + 1, (c->patterns.n - i) * sizeof *c->patterns.at);
	}
	rematch(c);
	remember(c);
}

void subscriber_set_rate(struct subscriber *c, uint32_t rate_ms, enum aggregate how)
{
	c->rate_ms = rate_ms;
	c->how = how;
	remember(c);
	loop_timer_set(c->feed->app->loop, &c->timer, rate_ms, on_rate);
	push_custom(c);
}

bool subscriber_watch(struct subscriber *c, char *const *patterns, size_t n, uint32_t rate_ms, struct buf *answer)
{
	texts_release(&c->watching);
	for (size_t i = 0; i < n; i++) {
		c->watching.at = xreallocarray(c->watching.at, i + 1, sizeof *c->watching.at);
		c->watching.at[c->watching.n++] = xstrdup(patterns[i]);
	}
	c->frame_ms = rate_ms;
	c->frame_sent_ms = loop_now_ms(c->feed->app->loop) - rate_ms;
	loop_timer_clear(c->feed->app->loop, &c->frame_timer);
	remember(c);
	return build_watch(c, answer);
}
