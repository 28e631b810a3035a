/* server.c: the servers that conformance is checked against, in one process.
 *
 *   conformance-server --port P [OPTIONS]      seven servers on P … P+6 of 127.0.0.1
 *   conformance-server --suite S --port P      the one that the official suite S expects, on P
 *
 * --ping-interval, --ping-timeout, --connect-timeout and --recovery, each in MS, are then those of all seven (--recovery of
 * those that recover): for tests that are not about these times, which a busy machine could not keep.
 *
 * With --redis each is one of a cluster with those of its name in other processes: ext under the key that everyone has
 * by default, "socket.io", the others under "socket.io-NAME"; csr answers to who asks alone.
 *
 * Prints `listening P` once all listen; SIGTERM ends it with 0 when all is freed. */
#include "server.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of their ports. */
static const struct plan all[] = {
	{.name = "base",    .options = base_options,    .setup = base_setup},
	{.name = "eio3",    .options = eio3_options,    .setup = eio3_setup},
	{.name = "csr",     .options = csr_options,     .setup = ext_setup},
	{.name = "msgpack", .options = msgpack_options, .setup = base_setup},
	{.name = "ext",     .options = ext_options,     .setup = ext_setup},
	{.name = "opts",    .options = opts_options,    .setup = opts_setup},
	{.name = "admin",   .options = ext_options,     .setup = admin_setup},
};
#define ALL (sizeof all / sizeof *all)

struct arguments {
	uint16_t port;
	struct times {
		uint32_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms, recovery_ms; /* 0: each server has its own */
	} times;
	const char *suite, *redis;
};

static bool read_time(struct times *t, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint32_t *ms;
	} rows[] = {
		{"--ping-interval", &t->ping_interval_ms},
		{"--ping-timeout", &t->ping_timeout_ms},
		{"--connect-timeout", &t->connect_timeout_ms},
		{"--recovery", &t->recovery_ms},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(name, rows[i].name) == 0)
			return (*rows[i].ms = (uint32_t)strtoul(value, NULL, 10)) > 0;
	return false;
}

static bool read_arguments(struct arguments *a, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--port") == 0)
			a->port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--suite") == 0)
			a->suite = argv[i + 1];
		else if (strcmp(argv[i], "--redis") == 0)
			a->redis = argv[i + 1];
		else if (!read_time(&a->times, argv[i], argv[i + 1]))
			return false;
	}
	return a->port && (!a->suite || suite_plan(a->suite));
}

static int join(struct fixture *f, const char *name, const char *url)
{
	struct sio_redis_options o;
	char key[64];
	const char *why;
	int err;

	snprintf(key, sizeof key, "socket.io-%s", name);
	sio_redis_options_init(&o);
	o.url = url;
	if (strcmp(name, "ext") != 0)
		o.key = key;
	o.publish_on_specific_response_channel = strcmp(name, "csr") == 0;
	err = sio_server_set_redis(f->io, &o, &why);
	if (err)
		log_error("--redis: %s", why);
	return err;
}

static void set_times(struct sio_options *o, const struct times *t)
{
	if (t->ping_interval_ms)
		o->engine.ping_interval_ms = t->ping_interval_ms;
	if (t->ping_timeout_ms)
		o->engine.ping_timeout_ms = t->ping_timeout_ms;
	if (t->connect_timeout_ms)
		o->connect_timeout_ms = t->connect_timeout_ms;
	if (o->recovery_ms && t->recovery_ms)
		o->recovery_ms = t->recovery_ms;
}

static int start(struct fixture *f, const struct plan *p, struct loop *l, uint16_t port, const struct arguments *a)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	struct http_options http;
	struct sio_options o;
	bool client = true;
	int err = 0;

	http_options_init(&http);
	sio_options_init(&o);
	*f = (struct fixture){.loop = l};
	if (p->engine) {
		f->engine = p->engine(l);
		client = false;
	} else {
		p->options(&o, &http);
		set_times(&o, &a->times);
		f->io = sio_server_new(l, &o);
		f->engine = sio_engine(f->io);
		client = strcmp(o.engine.path, "/opt") != 0; /* opts has serveClient off */
		p->setup(f);
		if (a->redis)
			err = join(f, p->name, a->redis);
	}
	f->http = http_server_new(l, &http);
	http_server_attach(f->http, f->engine, client);
	if (err)
		return err;
	err = http_server_listen(f->http, (struct sockaddr *)&at, sizeof at, NULL);
	if (err == -EADDRINUSE)
		log_error("port %u is in use (EADDRINUSE)", port);
	else if (err)
		log_error("port %u: %s", port, strerror(-err));
	return err;
}

static void stop(struct fixture *f)
{
	if (f->release)
		f->release(f->state);
	if (f->io)
		sio_server_free(f->io);
	else
		eio_server_free(f->engine);
	http_server_free(f->http);
}

static void on_signal(void *loop, int signal)
{
	(void)signal;
	loop_stop(loop);
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	struct fixture fixtures[ALL];
	const struct plan *plans = all;
	size_t n = ALL, started = 0;
	struct loop *l;
	int err = 0;

	if (!read_arguments(&a, argc, argv)) {
		fprintf(stderr, "usage: conformance-server [--suite engine|engine3|client|engine-client] [--redis URL] [--ping-interval MS] [--ping-timeout MS]"
			" [--connect-timeout MS] [--recovery MS] --port P\n");
		return 64;
	}
	if (a.suite) {
		plans = suite_plan(a.suite);
		n = 1;
	}
	if (loop_new(&l) < 0)
		return 1;
	loop_signals(l, (int[]){SIGINT, SIGTERM}, 2, on_signal, l);
	while (!err && started < n) {
		err = start(&fixtures[started], &plans[started], l, (uint16_t)(a.port + started), &a);
		started++;
	}
	if (!err) {
		printf("listening %u\n", a.port);
		fflush(stdout);
		loop_run(l);
	}
	while (started)
		stop(&fixtures[--started]);
	loop_free(l);
	return err ? 1 : 0;
}
