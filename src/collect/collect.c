/* collect.c: the runner as others see it: start, settings, health, scrapes, stop. */
#include "collect/collect.h"

#include "base/clock.h"
#include "base/xmalloc.h"
#include "collect/inner.h"

#include <stdlib.h>
#include <string.h>

#define FASTEST_MS 100
#define SLOWEST_MS 3600000
#define STOP_NS INT64_C(1000000000)

const char *collect_state_name(enum collect_state s)
{
	static const char *const names[] = {[COLLECT_STARTING] = "starting", [COLLECT_OK] = "ok",
		[COLLECT_FAILING] = "failing", [COLLECT_DISABLED] = "disabled"};

	return names[s];
}

static uint32_t clamp(uint32_t ms)
{
	return ms < FASTEST_MS ? FASTEST_MS : ms > SLOWEST_MS ? SLOWEST_MS : ms;
}

static struct collect_setting setting_of(const struct collector *c, const struct collect_setting *settings, size_t n)
{
	struct collect_setting s = {c->name, true, 0};

	for (size_t i = 0; i < n; i++)
		if (strcmp(settings[i].name, c->name) == 0)
			s = (struct collect_setting){c->name, settings[i].enabled, settings[i].interval_ms};
	s.interval_ms = clamp(s.interval_ms ? s.interval_ms : c->interval_ms);
	return s;
}

static struct unit *unit_new(const struct collector *c, const struct collect_config *config)
{
	struct unit *u = xzalloc(sizeof *u);

	u->c = c;
	u->wanted = setting_of(c, config->settings, config->nsettings);
	u->renew = true;
	u->interval_ms = u->wanted.interval_ms;
	u->health = (struct collect_health){
		.name = c->name, .help = c->help, .since_ms = clock_wall_ms(), .interval_ms = u->wanted.interval_ms};
	return u;
}

/* The sampler has all quick ones, each other worker one that blocks. */
static void assign(struct collect *c, const struct collect_config *config)
{
	c->workers = xcalloc(1 + config->ncollectors, sizeof(struct worker *));
	c->units = xcalloc(config->ncollectors, sizeof(struct unit *));
	c->workers[c->nworkers++] = worker_new(c, config);
	for (size_t i = 0; i < config->ncollectors; i++) {
		const struct collector *which = config->collectors[i];
		struct unit *u = c->units[c->nunits++] = unit_new(which, config);

		if (which->blocking)
			c->workers[c->nworkers++] = worker_new(c, config);
		worker_add(which->blocking ? c->workers[c->nworkers - 1] : c->workers[0], u);
	}
}

int collect_start(struct collect **out, const struct collect_config *config)
{
	struct collect *c = xzalloc(sizeof *c);
	int err = 0;

	c->store = config->store;
	pthread_mutex_init(&c->lock, NULL);
	assign(c, config);
	/* The sampler last: it looks after the others. */
	for (size_t i = c->nworkers; !err && i--;)
		err = worker_start(c->workers[i], i ? c->workers[i]->units[0]->c->name : "sampler");
	if (err)
		goto fail;
	*out = c;
	return 0;
fail:
	collect_stop(c);
	return err;
}

void collect_reload(struct collect *c, const struct collect_setting *settings, size_t n)
{
	for (size_t i = 0; i < c->nunits; i++) {
		struct unit *u = c->units[i];

		pthread_mutex_lock(&u->worker->lock);
		{
			u->wanted = setting_of(u->c, settings, n);
			u->renew = true;
		}
		pthread_mutex_unlock(&u->worker->lock);
	}
	for (size_t i = 0; i < c->nworkers; i++)
		worker_wake(c->workers[i]);
}

void collect_stop(struct collect *c)
{
	int64_t deadline_ns = clock_mono_ns() + STOP_NS;

	if (!c)
		return;
	for (size_t i = 0; i < c->nworkers; i++)
		worker_ask_stop(c->workers[i]);
	/* The sampler first: it looks into the others. */
	for (size_t i = 0; i < c->nworkers; i++)
		worker_end(c->workers[i], deadline_ns);
	free(c->workers);
	free(c->units);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

size_t collect_health(struct collect *c, struct collect_health *out, size_t max)
{
	for (size_t i = 0; i < c->nunits && i < max; i++) {
		pthread_mutex_lock(&c->units[i]->worker->lock);
		out[i] = c->units[i]->health;
		pthread_mutex_unlock(&c->units[i]->worker->lock);
	}
	return c->nunits;
}

void collect_on_change(struct collect *c, collect_change_fn *fn, void *user)
{
	pthread_mutex_lock(&c->lock);
	{
		c->on_change = fn;
		c->on_change_user = user;
	}
	pthread_mutex_unlock(&c->lock);
}

void collect_scrape(struct collect *c, void (*done)(void *user, struct buf *out), void *user)
{
	struct worker *sampler = c->workers[0];
	struct scrape *s = xmalloc(sizeof *s), **end = &sampler->waiting;

	*s = (struct scrape){NULL, done, user};
	pthread_mutex_lock(&sampler->lock);
	{
		while (*end)
			end = &(*end)->next;
		*end = s;
	}
	pthread_mutex_unlock(&sampler->lock);
	worker_wake(sampler);
}
