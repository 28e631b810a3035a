/* channel_health.c: do messages arrive?
 *
 * The database is asked when something changed and once a minute, as it forgets by itself. What it said last is told as samples
 * every second, so that rules judge it like any other value. */
#include "app/channel_health.h"

#include "app/own_series.h"
#include "base/json.h"
#include "base/xmalloc.h"
#include "collectors/prom.h"
#include "db/db.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS 60000
#define FAILING "self.channel_failing"

struct known {
	char *name, *error;
	int64_t since_ms, ok_ms;
	uint32_t waiting, dead;
};

struct heard {
	char *channel;
	store_ref ref;
};

struct channel_health {
	struct app *app;
	struct known *at;
	size_t n;
	bool answered;                 /* before that nothing is known */
	bool asking, again;
	int64_t look_ms;
	struct heard *told;            /* the series of each channel of the configuration */
	size_t ntold;
};

struct channel_health *channel_health_new(struct app *app)
{
	struct channel_health *h = xzalloc(sizeof *h);

	h->app = app;
	channel_health_changed(h);
	return h;
}

static void forget(struct channel_health *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->at[i].name);
		free(h->at[i].error);
	}
	free(h->at);
	h->at = NULL;
	h->n = 0;
}

void channel_health_free(struct channel_health *h)
{
	if (!h)
		return;
	forget(h);
	for (size_t i = 0; i < h->ntold; i++)
		free(h->told[i].channel);
	free(h->told);
	free(h);
}

/* --- what the database knows --- */

static void on_channels(void *user, const struct db_channel *at, size_t n)
{
	struct channel_health *h = user;
	bool again = h->again;

	h->asking = h->again = false;
	if (at) {
		forget(h);
		h->at = xcalloc(n, sizeof *h->at);
		h->n = n;
		h->answered = true;
	}
	for (size_t i = 0; at && i < n; i++)
		h->at[i] = (struct known){xstrdup(at[i].name), at[i].error ? xstrdup(at[i].error) : NULL, at[i].since_ms, at[i].ok_ms,
		                          at[i].waiting, at[i].dead};
	if (again)
		channel_health_changed(h);
}

void channel_health_changed(struct channel_health *h)
{
	h->again = h->asking;
	if (h->asking)
		return;
	h->asking = true;
	db_channels(h->app->db, on_channels, h);
}

static const struct known *find(const struct channel_health *h, const char *channel)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->at[i].name, channel) == 0)
			return &h->at[i];
	return NULL;
}

static bool fails(const struct channel_health *h, const char *channel)
{
	const struct known *k = find(h, channel);

	return k && k->since_ms;
}

struct totals {
	uint32_t waiting, dead;
};

static struct totals totals_of(const struct channel_health *h)
{
	struct totals t = {0};

	for (size_t i = 0; i < h->n; i++) {
		t.waiting += h->at[i].waiting;
		t.dead += h->at[i].dead;
	}
	return t;
}

/* --- series --- */

static bool is_configured(const struct config *c, const char *channel)
{
	for (size_t i = 0; i < c->nchannels; i++)
		if (strcmp(c->channels[i].name, channel) == 0)
			return true;
	return false;
}

static void retire_gone(struct channel_health *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->ntold; i++) {
		if (is_configured(h->app->config, h->told[i].channel)) {
			h->told[kept++] = h->told[i];
			continue;
		}
		store_retire(h->app->store, h->told[i].ref);
		free(h->told[i].channel);
	}
	h->ntold = kept;
}

static store_ref series_of(struct channel_health *h, const char *channel)
{
	for (size_t i = 0; i < h->ntold; i++)
		if (strcmp(h->told[i].channel, channel) == 0)
			return h->told[i].ref;
	h->told = xreallocarray(h->told, h->ntold + 1, sizeof *h->told);
	h->told[h->ntold] = (struct heard){xstrdup(channel), own_series(h->app->store, FAILING, channel)};
	return h->told[h->ntold++].ref;
}

static void tell(struct channel_health *h, int64_t now_ms)
{
	const struct config *c = h->app->config;
	struct store_sample *at = xcalloc(c->nchannels + 2, sizeof *at);
	struct totals t = totals_of(h);
	size_t n = 0;

	at[n++] = (struct store_sample){own_series(h->app->store, "self.outbox_waiting", NULL), t.waiting};
	at[n++] = (struct store_sample){own_series(h->app->store, "self.outbox_dead", NULL), t.dead};
	for (size_t i = 0; i < c->nchannels; i++)
		at[n++] = (struct store_sample){series_of(h, c->channels[i].name), fails(h, c->channels[i].name)};
	store_publish(h->app->store, now_ms - now_ms % 1000, at, n);
	free(at);
}

void channel_health_tick(struct channel_health *h, int64_t now_ms)
{
	if (now_ms >= h->look_ms || h->look_ms > now_ms + LOOK_MS) {
		h->look_ms = now_ms + LOOK_MS;
		channel_health_changed(h);
	}
	retire_gone(h);
	if (h->answered)
		tell(h, now_ms);
}

bool channel_health_is_of(const char *series, const char *channel)
{
	return strncmp(series, FAILING "/", strlen(FAILING "/")) == 0 && strcmp(series + strlen(FAILING "/"), channel) == 0;
}

/* --- answers --- */

static void add_time(struct buf *out, const char *name, int64_t ms)
{
	if (ms)
		buf_addf(out, ",\"%s\":%lld", name, (long long)ms);
	else
		buf_addf(out, ",\"%s\":null", name);
}

void channel_health_json(const struct channel_health *h, const char *channel, struct buf *out)
{
	static const struct known none;
	const struct known *k = find(h, channel);

	k = k ? k : &none;
	buf_addf(out, "\"state\":\"%s\"", k->since_ms ? "failing" : k->ok_ms ? "ok" : "unused");
	add_time(out, "since", k->since_ms);
	add_time(out, "last_success", k->ok_ms);
	buf_adds(out, ",\"last_error\":");
	json_add_str(out, k->error);
	buf_addf(out, ",\"waiting\":%u,\"dead\":%u", k->waiting, k->dead);
}

void channel_health_expose(const struct channel_health *h, struct buf *out)
{
	const struct config *c = h->app->config;
	struct totals t = totals_of(h);

	if (!h->answered)
		return;
	prom_single(out, "vedette_outbox_waiting", PROM_GAUGE, "Messages of alerts that wait to be delivered.", t.waiting);
	prom_single(out, "vedette_outbox_dead", PROM_GAUGE, "Messages of alerts that were given up.", t.dead);
	if (c->nchannels)
		prom_family(out, "vedette_channel_failing", PROM_GAUGE, "1 while messages do not get through this channel.");
	for (size_t i = 0; i < c->nchannels; i++)
		prom_sample(out, "vedette_channel_failing", fails(h, c->channels[i].name), "channel", c->channels[i].name, NULL);
}
