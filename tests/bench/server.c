/* server.c: our side of the Socket.IO bench: the library in its stock settings, keeping the contract of README.md.
 *
 * What peer.mjs does with Node, line for line. Linked from the talking half alone. Prints "port N" when it listens. */
#include "base/clock.h"
#include "http/http.h"
#include "socketio/socketio.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BURSTS = 16, MAX_SIZE = 60000 };

struct burst {
	int n, per_turn, size;
};

static struct loop *loop;
static struct sio_server *io;
static struct sio_namespace *root;

static struct burst bursts[BURSTS]; /* a ring: what is left of each, first come first served */
static unsigned first, waiting;

static struct loop_timer ticker;
static int64_t tick_due_ms;
static int tick_size, tick_ms, ticks_left;

static int option(struct sio_args args, const char *name)
{
	struct slice object, value;

	if (!sio_args_at(args, 0, &object) || json_type(object) != JSON_IS_OBJECT || !json_get(object, name, &value) ||
	    json_type(value) != JSON_IS_NUMBER)
		return 0;
	return (int)json_number(value);
}

/* size times c, as JSON text. */
static const char *payload(char c, int size)
{
	static char text[MAX_SIZE + 3];

	size = size < 0 ? 0 : size > MAX_SIZE ? MAX_SIZE : size;
	memset(text + 1, c, (size_t)size);
	text[0] = text[size + 1] = '"';
	text[size + 2] = '\0';
	return text;
}

static void pump(void *unused)
{
	struct burst *b = &bursts[first % BURSTS];
	struct sio_args args = sio_json(payload('b', b->size));

	(void)unused;
	for (int i = 0; i < b->per_turn && b->n > 0; i++, b->n--)
		sio_emit(sio_all(root), "b", args);
	if (!b->n) {
		first++;
		waiting--;
	}
	if (waiting)
		loop_next(loop, pump, NULL);
}

static void on_burst(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)s, (void)ack;
	struct burst b = { option(args, "n"), option(args, "perTurn"), option(args, "size") };
	if (waiting == BURSTS || b.n < 1 || b.per_turn < 1)
		return;
	bursts[(first + waiting) % BURSTS] = b;
	if (!waiting++)
		loop_next(loop, pump, NULL);
}

/* Like setInterval, from due time to due time and not from call to call. */
static void tick(struct loop_timer *t)
{
	static char text[MAX_SIZE + 64];

	snprintf(text, sizeof text, "\"%" PRId64 "\",%s", clock_mono_ns(), payload('t', tick_size));
	sio_emit(sio_all(root), "t", sio_json(text));
	tick_due_ms += tick_ms;
	if (--ticks_left > 0)
		loop_timer_set(loop, t, tick_due_ms - loop_now_ms(loop), tick);
}

static void on_tick(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)s, (void)ack;
	tick_size = option(args, "size");
	tick_ms = option(args, "everyMs");
	ticks_left = tick_ms > 0 ? option(args, "seconds") * 1000 / tick_ms : 0;
	tick_due_ms = loop_now_ms(loop) + tick_ms;
	if (ticks_left > 0)
		loop_timer_set(loop, &ticker, tick_ms, tick);
}

static void on_ack(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)s;
	sio_ack_send(ack, args);
}

static void on_gc(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)s, (void)args;
	malloc_trim(0);
	sio_ack_send(ack, sio_none());
}

static long long resident_bytes(void)
{
	long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%*d %lld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void on_stats(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct rusage u;
	char text[160];

	(void)user, (void)s, (void)args;
	getrusage(RUSAGE_SELF, &u);
	long long cpu_us = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000ll + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
	snprintf(text, sizeof text, "{\"rss\":%lld,\"cpu\":%lld,\"clients\":%zu}", resident_bytes(), cpu_us,
		 eio_server_clients(sio_engine(io)));
	sio_ack_send(ack, sio_json(text));
}

static const struct {
	const char *name;
	sio_event_fn *handle;
} events[] = {
	{ "ack", on_ack },
	{ "burst", on_burst },
	{ "tick", on_tick },
	{ "gc", on_gc },
	{ "stats", on_stats },
};

static void raise_open_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct http_options web;
	struct sio_options o;
	uint16_t port;

	raise_open_files();
	sio_options_init(&o);
	http_options_init(&web);
	o.events_per_second = 0; /* the reference has no such limit */
	if (loop_new(&loop))
		return 1;
	io = sio_server_new(loop, &o);
	root = sio_of(io, "/");
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		sio_on(root, events[i].name, events[i].handle, NULL);
	struct http_server *http = http_server_new(loop, &web);
	http_server_attach(http, sio_engine(io), true);
	if (http_server_listen(http, (struct sockaddr *)&at, sizeof at, &port)) {
		fprintf(stderr, "cannot listen\n");
		return 1;
	}
	printf("port %u\n", (unsigned)port);
	fflush(stdout);
	loop_run(loop);
	http_server_free(http);
	sio_server_free(io);
	loop_free(loop);
	return 0;
}
