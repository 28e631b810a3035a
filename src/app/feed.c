/* feed.c: from fresh samples to each client's own pushes. */
#include "app/alerting.h"
#include "app/feed_inner.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "collectors/collectors.h"
#include "db/db.h"

#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define DRAIN 1024
#define RENEW_MS 10              /* of a turn, for lists that are made anew; the others' come in the next turns */

static void on_renew(struct loop_timer *t);

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
		subscriber_renew(c, generation);
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
		subscriber_offer_frame(list_item(l, struct subscriber, link));
}

/* --- everyone's push --- */

static double present_of(const struct feed *f, const char *id, int64_t now)
{
	struct store_list list;
	double value = NAN;

	store_match_take(f->app->store, id, &list);
	if (list.n)
		value = present_value(list.at[0].last, list.at[0].t_ms, list.at[0].interval_ms, now);
	store_list_release(&list);
	return value;
}

static void add_slow(void *user, struct sio_socket *s)
{
	struct texts *slow = user;

	if (!subscriber_is_slow(s))
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
	json_add_short(&b, present_of(f, "cpu.usage", now), FEED_DIGITS);
	buf_adds(&b, ",\"memory\":");
	json_add_short(&b, present_of(f, "memory.usage", now), FEED_DIGITS);
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
