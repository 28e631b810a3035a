/* feed.c: from fresh samples to each client's own pushes. */
#include "app/feed.h"

#include "app/alerting.h"
#include "app/answers.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "collectors/collectors.h"
#include "db/db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define DRAIN 1024
#define FRAME_DIGITS 5

#define RENEW_MS 10              /* of a turn, for lists that are made anew; the others' come in the next turns */

/* A push that falls due a little early is sent with the sample that made it due. */
#define EARLY_MS 50

/* A series that somebody wants. Freed with its last want. */
struct live {
	store_ref ref;
	uint32_t interval_ms;
	int64_t t_ms;
	double value;
	struct link wants;
};

/* One line of a client's push: a series, and what came of it since the last one. */
struct want {
	struct link link;              /* of the live series */
	struct live *live;
	struct subscriber *client;
	char *name;                    /* as the client calls it; NULL in a watch list */
	bool watched;                  /* of the watch list, not of a subscription */
	uint32_t n;                    /* samples since the last push */
	double sum, min, max;
};

struct wants {
	struct want **at;
	size_t n, cap;
};

struct subscriber {
	struct feed *feed;
	struct sio_socket *socket;
	struct link link;
	/* custom metrics */
	struct texts patterns;
	struct wants subscribed;
	uint64_t generation;           /* of the store, that both lists were made for */
	uint32_t rate_ms;              /* 0: not asked for yet */
	enum aggregate how;
	uint64_t dropped;
	struct loop_timer timer;
	/* frames */
	struct texts watching;
	struct wants watched;
	uint32_t gen, frame_ms;
	bool fresh;
	int64_t frame_t_ms, frame_sent_ms; /* newest sample; monotonic time of the last frame */
	struct loop_timer frame_timer;
};

struct feed {
	struct app *app;
	struct loop_watch wake;
	struct link subscribers;
	struct map live;               /* by store_ref */
	struct store_list catalog;     /* who it lists is true while the store is of that generation; their values are not */
	uint64_t generation;
	struct loop_timer push, count, renew;
	uint64_t dropped;
};

/* --- live series and wants --- */

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
static const struct store_list *catalog_of(struct feed *f)
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

static void want_add(struct subscriber *c, struct wants *list, const struct store_entry *e, const char *name)
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

static void wants_clear(struct feed *f, struct wants *list)
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

static bool wants_have(const struct wants *list, store_ref ref)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i]->live->ref == ref)
			return true;
	return false;
}

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

static bool is_slow(const struct sio_socket *s)
{
	return sio_socket_queued(s) > LIMIT_QUEUE_LOW_BYTES;
}

/* Silent for more than two of its intervals: unknown, as if it had said so. */
static double present(double value, int64_t t_ms, uint32_t interval_ms, int64_t now)
{
	return now - t_ms > 2 * (int64_t)interval_ms + 1500 ? NAN : value;
}

static double present_value(const struct live *live, int64_t now)
{
	return present(live->value, live->t_ms, live->interval_ms, now);
}

static double aggregate(const struct want *w, enum aggregate how, int64_t now)
{
	if (how == AGGREGATE_LAST || !w->n)
		return present_value(w->live, now);
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
	const struct store_list *catalog = catalog_of(c->feed);
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

	if (is_slow(c->socket)) {
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
	if (is_slow(c->socket)) {
		c->dropped++;
		c->feed->dropped++;
		return;
	}
	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "%u,%lld,[", c->gen, (long long)c->frame_t_ms);
	for (size_t i = 0; i < c->watched.n; i++) {
		if (i)
			buf_addc(&b, ',');
		json_add_short(&b, present_value(c->watched.at[i]->live, now), FRAME_DIGITS);
	}
	buf_addc(&b, ']');
	sio_socket_emit_flags(c->socket, SIO_TRANSIENT, "frame", sio_json(b.data));
	buf_release(&b);
}

/* Sends what is fresh if the rate allows it now, else when it does. */
static void offer_frame(struct subscriber *c)
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
	offer_frame(list_item(t, struct subscriber, frame_timer));
}

static void watch_all(struct subscriber *c, struct buf *out)
{
	const struct store_list *catalog = catalog_of(c->feed);
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
	const struct store_list *catalog = catalog_of(c->feed);
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

static void on_renew(struct loop_timer *t);

/* Series came or went: the lists are made anew. */
static void renew(struct subscriber *c, uint64_t generation)
{
	c->generation = generation;
	if (c->patterns.n)
		rematch(c);
	if (c->watching.n && watch_changed(c))
		tell_watched(c);
}

/* A thousand clients of many patterns each may need seconds together. Who waits is sent what it had. */
static void renew_some(struct feed *f)
{
	uint64_t generation = store_generation(f->app->store);
	int64_t end = clock_mono_ms() + RENEW_MS;

	list_each(&f->subscribers, l, after) {
		struct subscriber *c = list_item(l, struct subscriber, link);

		if (c->generation == generation)
			continue;
		if (clock_mono_ms() > end) {
			loop_timer_set(f->app->loop, &f->renew, 1, on_renew);
			return;
		}
		renew(c, generation);
		list_remove(&c->link); /* or those in front would be served again and again where series come all the time */
		list_push(&f->subscribers, &c->link);
	}
}

static void on_renew(struct loop_timer *t)
{
	renew_some(list_item(t, struct feed, renew));
}

/* --- what comes --- */

static void take_in(struct feed *f, const struct store_fresh *s)
{
	struct live *live = map_get(&f->live, (const char *)&s->series, sizeof s->series);

	if (!live)
		return;
	live->t_ms = s->t_ms;
	live->value = s->value;
	list_each(&live->wants, l, after) {
		struct want *w = list_item(l, struct want, link);

		if (w->watched) {
			w->client->fresh = true;
			w->client->frame_t_ms = s->t_ms;
		} else if (!isnan(s->value)) {
			w->sum = w->n ? w->sum + s->value : s->value;
			w->min = w->n && w->min < s->value ? w->min : s->value;
			w->max = w->n && w->max > s->value ? w->max : s->value;
			w->n++;
		}
	}
}

static void on_wake(struct loop_watch *watch, uint32_t events)
{
	struct feed *f = list_item(watch, struct feed, wake);
	struct store_fresh fresh[DRAIN];
	eventfd_t ignored;
	size_t n;

	(void)events;
	eventfd_read(watch->fd, &ignored);
	do {
		n = store_drain(f->app->store, fresh, DRAIN, NULL);
		for (size_t i = 0; i < n; i++) {
			take_in(f, &fresh[i]);
			alerting_sample(f->app->alerting, &fresh[i]);
		}
	} while (n == DRAIN);
	renew_some(f);
	list_each(&f->subscribers, l, after)
		offer_frame(list_item(l, struct subscriber, link));
}

/* --- everyone's push --- */

static double present_of(const struct feed *f, const char *id, int64_t now)
{
	struct store_list list;
	double value = NAN;

	store_match_take(f->app->store, id, &list);
	if (list.n)
		value = present(list.at[0].last, list.at[0].t_ms, list.at[0].interval_ms, now);
	store_list_release(&list);
	return value;
}

static void add_slow(void *user, struct sio_socket *s)
{
	struct texts *slow = user;

	if (!is_slow(s))
		return;
	slow->at = xreallocarray(slow->at, slow->n + 1, sizeof *slow->at);
	slow->at[slow->n++] = xstrdup(sio_socket_id(s));
}

static void on_push(struct loop_timer *t)
{
	struct feed *f = list_item(t, struct feed, push);
	struct app *app = f->app;
	struct sio_namespace *nsp = sio_of(app->io, "/");
	int64_t now = clock_wall_ms();
	struct texts slow = {0};
	struct buf b;

	loop_timer_set(app->loop, t, app->config->push_interval_ms, on_push);
	if (!sio_namespace_count(nsp))
		return;
	sio_each_socket(nsp, add_slow, &slow);
	f->dropped += slow.n;
	buf_init(&b, 4096);
	buf_adds(&b, "{\"cpu\":");
	json_add_short(&b, present_of(f, "cpu.usage", now), FRAME_DIGITS);
	buf_adds(&b, ",\"memory\":");
	json_add_short(&b, present_of(f, "memory.usage", now), FRAME_DIGITS);
	buf_addf(&b, ",\"requests\":%llu,\"errors\":%llu,\"timestamp\":%lld,\"uptime\":%lld,\"host\":",
	         (unsigned long long)app_requests(app), (unsigned long long)app_errors(app), (long long)now,
	         (long long)(clock_up_ms() - app->started_up_ms) / 1000);
	json_add_str(&b, app->hostname);
	buf_addc(&b, '}');
	sio_emit(sio_transient(sio_except_list(sio_all(nsp), (const char *const *)slow.at, slow.n)), "metrics update", sio_json(b.data));
	buf_release(&b);
	texts_release(&slow);
}

/* Once a second what the talking half counted goes where collectors/self.c reads it. */
static void on_count(struct loop_timer *t)
{
	struct feed *f = list_item(t, struct feed, count);
	struct app *app = f->app;
	const struct eio_counters *e = eio_server_counters(sio_engine(app->io));
	const struct http_counters *h = http_server_counters(app->http);

	loop_timer_set(app->loop, t, 1000, on_count);
#define TELL(name, value) atomic_store_explicit(&self_counters.name, value, memory_order_relaxed)
	TELL(clients, sio_namespace_count(sio_of(app->io, "/")));
	TELL(sessions, eio_server_clients(sio_engine(app->io)));
	TELL(bytes_out, e->bytes_out + h->bytes_out);
	TELL(bytes_in, e->bytes_in + h->bytes_in);
	TELL(messages_out, e->messages_out);
	TELL(messages_in, e->messages_in);
	TELL(dropped, f->dropped + e->dropped);
	TELL(queue_bytes, eio_server_queued(sio_engine(app->io)));
	TELL(requests, app_requests(app));
	TELL(errors, app_errors(app));
	TELL(db_bytes, db_bytes(app->db));
#undef TELL
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

struct subscriber *feed_add(struct feed *f, struct sio_socket *s)
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

void feed_remove(struct subscriber *c)
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
	const struct store_list *catalog = catalog_of(c->feed);
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

/* --- life --- */

struct feed *feed_new(struct app *app, int wake_fd)
{
	struct feed *f = xzalloc(sizeof *f);

	f->app = app;
	list_init(&f->subscribers);
	map_init(&f->live);
	loop_watch(app->loop, &f->wake, wake_fd, EPOLLIN, on_wake);
	loop_timer_set(app->loop, &f->push, app->config->push_interval_ms, on_push);
	loop_timer_set(app->loop, &f->count, 1000, on_count);
	return f;
}

void feed_reload(struct feed *f)
{
	loop_timer_set(f->app->loop, &f->push, f->app->config->push_interval_ms, on_push);
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	loop_unwatch(f->app->loop, &f->wake);
	loop_timer_clear(f->app->loop, &f->push);
	loop_timer_clear(f->app->loop, &f->count);
	loop_timer_clear(f->app->loop, &f->renew);
	map_release(&f->live);
	store_list_release(&f->catalog);
	free(f);
}
