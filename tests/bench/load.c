/* load.c: the clients of the Socket.IO bench: one epoll loop on a core of its own, plain libc.
 *
 *   load SCENARIO --port N --pid N [options]    prints one line of JSON
 *
 * It speaks Engine.IO 4 and Socket.IO 5 itself (SOCKETIO: open, 40, events, acknowledgements; ping and pong), over WebSocket
 * or long polling, to a server that keeps the contract of README.md: peer.mjs, server.c and ceiling.c do. The first client
 * is the one that tells the server what to do; it receives like all others.
 * What it measures is what arrived here, within a window that opens after a warm-up. Beside it stands the CPU time that the
 * server, this program and everything else took in the window: who was at 1.0 was the bottleneck. */
#include "tests/bench/wire.h"

#include <fcntl.h>
#include <getopt.h>
#include <math.h>

enum {
	MAX_WINDOW = 16,          /* bursts under way */
	MAX_IN_FLIGHT = 64,       /* acknowledgements that one client waits for */
	MAX_SIZE = 60000,         /* bytes of payload: below this, head and all fit the inbox */
	CONNECTING_AT_ONCE = 64,  /* below every server's listen backlog */
	STALLED_S = 30,           /* nothing should take that long: the server hangs */
	CONNECTS_PER_ADDRESS = 20000, /* below the number of local ports */
};

static struct options {
	int port, clients, in_flight, per_turn, burst, window, core;
	int size;                         /* bytes of payload in each event */
	int rate;                         /* broadcasts per second */
	double warm_s, seconds;
	bool polling;
	pid_t pid;                        /* of the server; 0: do not look at it */
} opt = {
	.clients = 100, .in_flight = 1, .per_turn = 8, .burst = 32, .window = 2, .core = 1,
	.size = 200, .rate = 50, .warm_s = 1, .seconds = 3,
};

enum step { CLOSED, OPENING, JOINING, READY, LEAVING };

struct client {
	struct conn down;                 /* the WebSocket, or the connection that polls */
	struct conn up;                   /* polling only: the connection that posts */
	enum step step;
	bool polling;
	bool posting_down, posting_up;    /* what is awaited there is the answer to a POST */
	bool ack_due;                     /* polling: an acknowledged event waits for the running POST to end */
	int due_id;
	char sid[32];
	uint64_t got;                     /* broadcasts */
	int next_id;                      /* of the next event that asks for an acknowledgement */
	uint64_t sent_ns[MAX_IN_FLIGHT];  /* by id modulo in_flight */
};

static int epoll_fd;
static struct client *clients;            /* [0] is the control client */
static int client_count;
static bool (*on_ready)(struct client *c); /* joined the namespace; false: and closed */
static void (*on_message)(struct client *c, const char *text, size_t len); /* a Socket.IO packet; text ends nowhere */

static uint64_t delivered, ready_count, answers, failures; /* broadcasts, joins, HTTP answers, lost connections */

/* --- numbers --- */

static struct {
	uint64_t *at;
	size_t len, room;
	bool on;
} samples;

static void sample(uint64_t ns)
{
	if (!samples.on)
		return;
	if (samples.len == samples.room) {
		samples.room = samples.room ? 2 * samples.room : 65536;
		samples.at = realloc(samples.at, samples.room * sizeof *samples.at);
		if (!samples.at)
			die("out of memory");
	}
	samples.at[samples.len++] = ns;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_ms(double p)
{
	if (!samples.len)
		return NAN;
	return (double)samples.at[(size_t)(p * (double)(samples.len - 1))] / 1e6;
}

/* To the nanosecond, unlike the ticks of /proc/PID/stat. */
static uint64_t cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec t = { 0 };

	if (pid < 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double rss_bytes(pid_t pid)
{
	char path[64], line[256];
	double kib = NAN;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "VmRSS:", 6))
			kib = atof(line + 6);
	if (f)
		fclose(f);
	return kib * 1024;
}

/* Of the first two cores, where the server and we are: a bench beside other work measures that work too. */
static uint64_t busy_ns(void)
{
	uint64_t ticks = 0, t[8];
	char line[256];
	int core;

	FILE *f = fopen("/proc/stat", "r");
	while (f && fgets(line, sizeof line, f)) /* user nice system idle iowait irq softirq steal */
		if (sscanf(line, "cpu%d %lu %lu %lu %lu %lu %lu %lu %lu", &core, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
			   &t[7]) == 9 && core < 2)
			ticks += t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
	if (f)
		fclose(f);
	return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

struct mark {
	uint64_t at_ns, server_ns, load_ns, busy_ns, delivered, ready, answers;
};

static struct mark mark_now(void)
{
	return (struct mark){
		now_ns(), opt.pid ? cpu_ns(opt.pid) : 0, cpu_ns(0), busy_ns(), delivered, ready_count, answers,
	};
}

static void print_number(const char *name, double value)
{
	if (isnan(value))
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":%.6g", name, value);
}

/* What every scenario tells of its window. */
static void print_window(const struct mark *from, const struct mark *to)
{
	double ns = (double)(to->at_ns - from->at_ns);

	double server = (double)(to->server_ns - from->server_ns) / ns, load = (double)(to->load_ns - from->load_ns) / ns;

	print_number("window_s", ns / 1e9);
	print_number("server_cpu", server);
	print_number("load_cpu", load);
	print_number("others_cpu", (double)(to->busy_ns - from->busy_ns) / ns - server - load);
	print_number("failures", (double)failures);
	if (samples.len) {
		qsort(samples.at, samples.len, sizeof *samples.at, by_size);
		print_number("p50_ms", percentile_ms(0.5));
		print_number("p99_ms", percentile_ms(0.99));
		print_number("max_ms", percentile_ms(1));
		print_number("samples", (double)samples.len);
	}
}

/* --- sending --- */

/* Many short connections would use up the ports of one address: they come from one loopback address after the other. */
static void conn_open(struct conn *conn)
{
	static uint32_t opened;
	uint32_t host = INADDR_LOOPBACK + opened++ / CONNECTS_PER_ADDRESS % 250;
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
	struct sockaddr_in to = from;
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)opt.port);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (bind(conn->fd, (struct sockaddr *)&from, sizeof from) || connect(conn->fd, (struct sockaddr *)&to, sizeof to))
		die("connect: %s", strerror(errno));
	conn_watch(epoll_fd, conn);
}

static void post(struct client *c, struct conn *on, const char *text, size_t len)
{
	static char request[MAX_SIZE + 512];
	int n = snprintf(request, sizeof request,
		"POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
		"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%.*s",
		c->sid, opt.port, len, (int)len, text);

	if (on->fd < 0)
		conn_open(on);
	if (on == &c->up)
		c->posting_up = true;
	else
		c->posting_down = true;
	conn_send(on, request, (size_t)n);
}

static void poll(struct client *c)
{
	char request[256], session[64] = "";

	if (*c->sid)
		snprintf(session, sizeof session, "&sid=%s", c->sid);
	int n = snprintf(request, sizeof request,
		"GET /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n\r\n", session, opt.port);
	conn_send(&c->down, request, (size_t)n);
}

/* Frames leave when the read that caused them is done with, so that answers to many are one send. */
static struct {
	struct conn *to;
	char bytes[2 * MAX_SIZE];
	size_t len;
} outbox;

static void outbox_flush(void)
{
	if (outbox.len && outbox.to->fd >= 0)
		conn_send(outbox.to, outbox.bytes, outbox.len);
	outbox.len = 0;
}

static void send_frame(struct client *c, const char *text, size_t len)
{
	static uint32_t mask = 0x9e3779b9u;
	unsigned char key[4];

	if (outbox.to != &c->down || outbox.len + len + 64 > sizeof outbox.bytes)
		outbox_flush();
	outbox.to = &c->down;
	mask = mask * 1664525u + 1013904223u; /* need not be secret here, but must cost the server what a real one does */
	memcpy(key, &mask, sizeof key);
	outbox.len += frame_write(outbox.bytes + outbox.len, TEXT, key, text, len);
}

/* A packet of Engine.IO. While polling, only when no POST is under way. */
static void send_packet(struct client *c, const char *text, size_t len)
{
	if (!c->polling)
		send_frame(c, text, len);
	else
		post(c, c->step == READY ? &c->up : &c->down, text, len);
}

static void send_ack_event(struct client *c, int id)
{
	static char text[MAX_SIZE + 64], payload[MAX_SIZE];

	if (c->polling && c->posting_up) {
		c->ack_due = true;
		c->due_id = id;
		return;
	}
	if (!*payload)
		memset(payload, 'a', (size_t)opt.size);
	c->sent_ns[id % opt.in_flight] = now_ns();
	send_packet(c, text, (size_t)snprintf(text, sizeof text, "42%d[\"ack\",\"%.*s\"]", id, opt.size, payload));
}

__attribute__((format(printf, 1, 2))) static void control(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	send_packet(&clients[0], text, (size_t)n);
}

/* --- connecting --- */

static void client_lost(struct client *c)
{
	failures++;
	if (failures > 100)
		die("the server keeps closing connections");
	c->step = CLOSED;
	conn_close(&c->down);
	conn_close(&c->up);
}

static bool starts(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(text, with, strlen(with));
}

static void packet_open(struct client *c, const char *text, size_t len)
{
	const char *sid = memmem(text, len, "\"sid\":\"", 7);
	size_t n = 0;

	if (!sid || c->step != OPENING)
		die("not an open packet: %.*s", (int)len, text);
	for (sid += 7; sid + n < text + len && sid[n] != '"'; n++)
		;
	if (n >= sizeof c->sid)
		die("a session id of %zu bytes", n);
	memcpy(c->sid, sid, n);
	c->step = JOINING;
	send_packet(c, "40", 2);
}

/* One packet of Engine.IO. False: the client was closed. */
static bool on_packet(struct client *c, const char *text, size_t len)
{
	if (starts(text, len, "0")) {
		packet_open(c, text, len);
	} else if (starts(text, len, "40{")) {
		c->step = READY;
		ready_count++;
		return !on_ready || on_ready(c);
	} else if (starts(text, len, "4")) {
		on_message(c, text + 1, len - 1);
	} else if (starts(text, len, "2") && (!c->polling || !c->posting_up)) {
		send_packet(c, "3", 1);
	} else if (!starts(text, len, "6") && !starts(text, len, "2")) {
		die("an unexpected packet: %.*s", (int)len, text);
	}
	return true;
}

static size_t parse_websocket(struct conn *conn, char *data, size_t len)
{
	struct response r;
	struct frame f;

	if (!conn->framed) {
		if (!response_read(data, len, &r))
			return 0;
		if (r.status != 101)
			die("no WebSocket, but %d", r.status);
		conn->framed = true;
		return r.whole;
	}
	if (!frame_read(data, len, &f))
		return 0;
	if (f.opcode == TEXT)
		on_packet(conn->owner, f.data, f.len);
	else if (f.opcode == CLOSE)
		client_lost(conn->owner);
	return f.whole;
}

static void posted(struct client *c, struct conn *conn, const struct response *r)
{
	if (r->len != 2 || memcmp(r->body, "ok", 2))
		die("a POST was answered with %.*s", (int)r->len, r->body);
	if (conn == &c->up)
		c->posting_up = false;
	else
		c->posting_down = false;
	if (c->step == JOINING)
		poll(c);
	else if (c->step == LEAVING)
		on_ready(c);
	else if (c->ack_due) {
		c->ack_due = false;
		send_ack_event(c, c->due_id);
	}
}

static void polled(struct client *c, const struct response *r)
{
	char *at = r->body, *end = r->body + r->len;

	while (at <= end) {
		char *next = memchr(at, 0x1e, (size_t)(end - at));

		next = next ? next : end;
		if (!on_packet(c, at, (size_t)(next - at)))
			return;
		at = next + 1;
	}
	if (c->step != LEAVING && !c->posting_down)
		poll(c);
}

static size_t parse_polling(struct conn *conn, char *data, size_t len)
{
	struct client *c = conn->owner;
	struct response r;

	if (!response_read(data, len, &r))
		return 0;
	if (r.status != 200)
		die("HTTP %d: %.*s", r.status, (int)r.len, r.body);
	answers++;
	if (conn == &c->up ? c->posting_up : c->posting_down)
		posted(c, conn, &r);
	else
		polled(c, &r);
	return r.whole;
}

static void client_open(struct client *c, bool polling)
{
	static const char hello[] =
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
	conn_parse_fn *parse = polling ? parse_polling : parse_websocket;
	char request[512];

	*c = (struct client){ .step = OPENING, .polling = polling };
	c->down = (struct conn){ .fd = -1, .owner = c, .parse = parse };
	c->up = (struct conn){ .fd = -1, .owner = c, .parse = parse };
	conn_open(&c->down);
	if (polling)
		poll(c);
	else
		conn_send(&c->down, request, (size_t)snprintf(request, sizeof request, hello, opt.port));
}

static void client_close(struct client *c)
{
	conn_close(&c->down);
	conn_close(&c->up);
	c->step = CLOSED;
}

/* --- the loop --- */

static struct client **reopen;            /* not before the turn ends: its parser is up the stack */
static int reopen_count;

static void turn(int wait_ms)
{
	static struct epoll_event events[1024];

	outbox_flush();
	int n = epoll_wait(epoll_fd, events, 1024, wait_ms);

	for (int i = 0; i < n; i++) {
		struct conn *conn = events[i].data.ptr;

		if (conn->fd >= 0 && !conn_read(conn))
			client_lost(conn->owner);
		outbox_flush();
	}
	while (reopen_count)
		client_open(reopen[--reopen_count], opt.polling);
}

static bool never(void)
{
	return false;
}

static bool run_until(bool (*done)(void), double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	while (!done()) {
		uint64_t now = now_ns();

		if (now >= end)
			return false;
		turn((int)((end - now + 999999) / 1000000));
	}
	return true;
}

static void expect(bool (*done)(void), const char *what)
{
	if (!run_until(done, STALLED_S))
		die("waited %d s for %s", STALLED_S, what);
}

static uint64_t ready_wanted;
static bool enough_ready(void)
{
	return ready_count >= ready_wanted;
}

/* count more clients, all joined when it returns. */
static void connect_more(int count, bool polling)
{
	uint64_t before = ready_count;

	for (int i = 0; i < count; i++) {
		ready_wanted = before + (uint64_t)(i < CONNECTING_AT_ONCE ? 0 : i + 1 - CONNECTING_AT_ONCE);
		expect(enough_ready, "clients to join");
		client_open(&clients[client_count++], polling);
	}
	ready_wanted = before + (uint64_t)count;
	expect(enough_ready, "clients to join");
}

static void clients_new(int room)
{
	clients = calloc((size_t)room, sizeof *clients);
	reopen = calloc((size_t)room, sizeof *reopen);
	if (!clients || !reopen)
		die("out of memory");
}

static struct mark measure(struct mark *from)
{
	run_until(never, opt.warm_s);
	samples.on = true;
	*from = mark_now();
	run_until(never, opt.seconds);
	samples.on = false;
	return mark_now();
}

/* --- asking the server: one acknowledged request of the control client at a time --- */

static char reply[512];
static size_t reply_len;

static void on_reply(struct client *c, const char *text, size_t len)
{
	if (c == &clients[0] && starts(text, len, "3") && len < sizeof reply) {
		memcpy(reply, text, len);
		reply[len] = '\0';
		reply_len = len;
	}
}

static bool replied(void)
{
	return reply_len > 0;
}

static void ask(const char *event)
{
	reply_len = 0;
	control("421[\"%s\"]", event);
	expect(replied, event);
}

static int server_clients(void)
{
	ask("stats");
	const char *at = strstr(reply, "\"clients\":");
	return at ? atoi(at + 10) : -1;
}

/* --- broadcast: as many events as the server can deliver; a burst is granted when everyone has an earlier one --- */

static int burst_missing[MAX_WINDOW]; /* clients that have not all of that burst yet */
static int receivers;

static void burst_grant(size_t slot)
{
	burst_missing[slot] = receivers;
	control("42[\"burst\",{\"n\":%d,\"size\":%d,\"perTurn\":%d}]", opt.burst, opt.size, opt.per_turn);
}

static void on_burst(struct client *c, const char *text, size_t len)
{
	if (!starts(text, len, "2[\"b\","))
		return;
	delivered++;
	c->got++;
	if (c->got % (uint64_t)opt.burst || (client_count > receivers && c == &clients[0]))
		return;
	size_t slot = (c->got / (uint64_t)opt.burst - 1) % (uint64_t)opt.window;
	if (!--burst_missing[slot])
		burst_grant(slot);
}

static void burst_all(void)
{
	for (int i = 0; i < opt.window; i++)
		burst_grant((size_t)i);
}

static void broadcast(void)
{
	struct mark from, to;

	clients_new(opt.clients);
	connect_more(opt.clients, false);
	on_message = on_burst;
	receivers = client_count;
	burst_all();
	to = measure(&from);
	print_number("rate", (double)(to.delivered - from.delivered) * 1e9 / (double)(to.at_ns - from.at_ns));
	print_window(&from, &to);
}

/* --- latency: from the server's timestamp in the event to its parsing here --- */

static void on_tick(struct client *c, const char *text, size_t len)
{
	(void)c;
	if (!starts(text, len, "2[\"t\",\""))
		return;
	delivered++;
	sample(now_ns() - strtoull(text + 7, NULL, 10));
}

static void latency(void)
{
	struct mark from, to;

	clients_new(opt.clients);
	connect_more(opt.clients, false);
	on_message = on_tick;
	control("42[\"tick\",{\"size\":%d,\"everyMs\":%d,\"seconds\":%d}]", opt.size, 1000 / opt.rate,
		(int)(opt.warm_s + opt.seconds) + 2);
	to = measure(&from);
	print_number("rate", (double)(to.delivered - from.delivered) * 1e9 / (double)(to.at_ns - from.at_ns));
	print_window(&from, &to);
}

/* --- push: what a message each second to everyone costs the server; the window opens half way between two --- */

static bool ticked(void)
{
	return delivered > 0;
}

static void push(void)
{
	struct mark from, to;

	clients_new(opt.clients);
	connect_more(opt.clients, false);
	on_message = on_tick;
	run_until(never, opt.warm_s);
	control("42[\"tick\",{\"size\":%d,\"everyMs\":1000,\"seconds\":%d}]", opt.size, (int)opt.seconds + 3);
	expect(ticked, "the first push");
	opt.warm_s = 1.5;
	to = measure(&from);
	print_number("cpu_percent", 100 * (double)(to.server_ns - from.server_ns) / (double)(to.at_ns - from.at_ns));
	print_number("rate", (double)(to.delivered - from.delivered) * 1e9 / (double)(to.at_ns - from.at_ns));
	print_window(&from, &to);
}

/* --- acks: every client keeps in_flight events unanswered --- */

static void on_ack(struct client *c, const char *text, size_t len)
{
	if (!starts(text, len, "3"))
		return;
	int id = atoi(text + 1);
	delivered++;
	sample(now_ns() - c->sent_ns[id % opt.in_flight]);
	send_ack_event(c, id + opt.in_flight);
}

static void acks(void)
{
	struct mark from, to;

	clients_new(opt.clients);
	connect_more(opt.clients, opt.polling);
	on_message = on_ack;
	if (opt.polling)
		opt.in_flight = 1;
	for (int i = 0; i < client_count; i++)
		for (int k = 0; k < opt.in_flight; k++)
			send_ack_event(&clients[i], k);
	to = measure(&from);
	double per_s = 1e9 / (double)(to.at_ns - from.at_ns);
	print_number("rate", (double)(to.delivered - from.delivered) * per_s);
	print_number("requests", (double)(to.answers - from.answers) * per_s);
	print_window(&from, &to);
}

/* --- polls: long-polling requests that broadcasts answer; the control client is an extra one, over WebSocket --- */

static void polls(void)
{
	struct mark from, to;

	clients_new(opt.clients + 1);
	connect_more(1, false);
	connect_more(opt.clients, true);
	on_message = on_burst;
	receivers = opt.clients;
	burst_all();
	to = measure(&from);
	double per_s = 1e9 / (double)(to.at_ns - from.at_ns);
	print_number("rate", (double)(to.delivered - from.delivered) * per_s);
	print_number("requests", (double)(to.answers - from.answers) * per_s);
	print_window(&from, &to);
}

/* --- storm: everyone comes at once, to a server that has just started, and stays; churn: they come and go --- */

static void storm(void)
{
	clients_new(opt.clients);
	struct mark from = mark_now();
	connect_more(opt.clients, opt.polling);
	struct mark to = mark_now();
	print_number("rate", (double)(to.ready - from.ready) * 1e9 / (double)(to.at_ns - from.at_ns));
	print_window(&from, &to);
}

/* A polling client says goodbye, or its session would stay on the server until it misses a ping. */
static bool come_again(struct client *c)
{
	if (c->polling && c->step == READY) {
		c->step = LEAVING;
		post(c, &c->down, "1", 1);
		return false;
	}
	client_close(c);
	reopen[reopen_count++] = c;
	return false;
}

static void churn(void)
{
	struct mark from, to;

	clients_new(opt.clients);
	on_ready = come_again;
	for (int i = 0; i < opt.clients; i++)
		client_open(&clients[i], opt.polling);
	to = measure(&from);
	print_number("rate", (double)(to.ready - from.ready) * 1e9 / (double)(to.at_ns - from.at_ns));
	print_window(&from, &to);
}

/* --- idle: what a connected client that says nothing costs in resident memory --- */

static void idle(void)
{
	enum { WARM = 200 }; /* clients that come and go first, so that code and pools that all share are there */

	clients_new(opt.clients + WARM + 1);
	on_message = on_reply;
	connect_more(1, false);
	connect_more(WARM, false);
	while (client_count > 1)
		client_close(&clients[--client_count]);
	uint64_t give_up = now_ns() + STALLED_S * 1000000000ull;
	while (server_clients() > 1) /* each question is a turn of the server's loop */
		if (now_ns() > give_up)
			die("the server did not notice who left");
	ask("gc");
	double before = rss_bytes(opt.pid);
	connect_more(opt.clients, false);
	ask("gc");
	double after = rss_bytes(opt.pid);
	print_number("clients", (double)server_clients() - 1);
	print_number("before", before);
	print_number("after", after);
	print_number("bytes_each", (after - before) / opt.clients);
	print_number("failures", (double)failures);
}

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "broadcast", broadcast },
	{ "latency", latency },
	{ "push", push },
	{ "acks", acks },
	{ "polls", polls },
	{ "storm", storm },
	{ "churn", churn },
	{ "idle", idle },
};

/* --- the command line --- */

static const struct option_row {
	const char *name;
	int *value;
} numbers[] = {
	{ "port", &opt.port },
	{ "clients", &opt.clients },
	{ "size", &opt.size },
	{ "rate", &opt.rate },
	{ "in-flight", &opt.in_flight },
	{ "per-turn", &opt.per_turn },
	{ "burst", &opt.burst },
	{ "window", &opt.window },
	{ "core", &opt.core },      /* to stay on; -1: any */
	{ "pid", &opt.pid },
};

static bool set_number(const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (!strcmp(numbers[i].name, name)) {
			*numbers[i].value = atoi(value);
			return true;
		}
	if (!strcmp(name, "seconds"))
		opt.seconds = atof(value);
	else if (!strcmp(name, "warm"))
		opt.warm_s = atof(value);
	else if (!strcmp(name, "transport"))
		opt.polling = !strcmp(value, "polling");
	else
		return false;
	return true;
}

static void parse_options(int argc, char **argv)
{
	for (int i = 2; i + 1 < argc; i += 2)
		if (strncmp(argv[i], "--", 2) || !set_number(argv[i] + 2, argv[i + 1]))
			die("unknown option %s", argv[i]);
	if (argc % 2)
		die("an option without a value");
	if (opt.port <= 0 || opt.clients < 1 || opt.size < 0 || opt.size >= MAX_SIZE || opt.in_flight < 1 ||
	    opt.in_flight > MAX_IN_FLIGHT || opt.window < 1 || opt.window > MAX_WINDOW || opt.burst < 1 || opt.rate < 1)
		die("an option is out of range, or --port is missing");
}

int main(int argc, char **argv)
{
	const struct scenario *chosen = NULL;

	for (size_t i = 0; argc > 1 && i < sizeof scenarios / sizeof *scenarios; i++)
		if (!strcmp(scenarios[i].name, argv[1]))
			chosen = &scenarios[i];
	if (!chosen)
		die("usage: load SCENARIO --port N [--OPTION VALUE]...");
	parse_options(argc, argv);
	raise_open_files();
	pin_to_core(opt.core);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	printf("{\"scenario\":\"%s\"", chosen->name);
	chosen->run();
	printf("}\n");
	return 0;
}
