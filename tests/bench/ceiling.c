/* ceiling.c: what the kernel lets through: a loop of send(2) with no server around it.
 *
 *   ceiling [joined]    prints "port N" when it listens on a free port of 127.0.0.1
 *
 * It keeps as much of the contract of README.md as needs no thought: canned answers to the handshake and to CONNECT over
 * WebSocket, `ack`, `burst`, `tick`; no sessions, no checks, no heartbeat. Everyone gets the same frame again and again, so
 * what waits for a client is a number and not a buffer. Without `joined` each frame is a send of its own, the way most
 * servers do it; with it, the frames that a turn of the loop has for a client leave in one call. */
#include "tests/bench/wire.h"

enum { MAX_SIZE = 60000, JOINED_BYTES = 1 << 20 };

struct peer {
	struct conn conn; /* first: epoll gives us this pointer */
	struct peer *next, *before;
	size_t owed;      /* bytes of the repeated frame that are still to go */
	size_t phase;     /* where in the frame the next byte is */
	bool waiting;     /* for EPOLLOUT */
};

static bool joined;
static int epoll_fd;
static struct peer *peers;

static char *wheel;                        /* the burst's frame, over and over */
static size_t frame_len, wheel_len;        /* of one frame; of all */
static long burst_left, burst_size, per_turn;

static long tick_left, tick_size, tick_ms;
static uint64_t tick_at_ns;

/* --- sending --- */

static void watch_for(struct peer *p, bool room)
{
	struct epoll_event e = { .events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = p };

	if (p->waiting != room && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, p->conn.fd, &e))
		die("epoll_ctl: %s", strerror(errno));
	p->waiting = room;
}

static size_t try_send(struct peer *p, const char *data, size_t len)
{
	ssize_t n = send(p->conn.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
		die("send: %s", strerror(errno));
	return n < 0 ? 0 : (size_t)n;
}

static void push_owed(struct peer *p)
{
	while (p->owed) {
		size_t some = joined ? wheel_len - p->phase : frame_len - p->phase;

		some = some < p->owed ? some : p->owed;
		size_t sent = try_send(p, wheel + p->phase, some);
		p->owed -= sent;
		p->phase = (p->phase + sent) % frame_len;
		if (sent < some)
			break;
	}
	watch_for(p, p->owed > 0);
}

static void owe(struct peer *p, size_t frames)
{
	p->owed += frames * frame_len;
	if (!p->waiting)
		push_owed(p);
}

static void burst_turn(void)
{
	size_t frames = (size_t)(burst_left < per_turn ? burst_left : per_turn);

	burst_left -= (long)frames;
	for (size_t i = 0; i < (joined ? 1 : frames); i++)
		for (struct peer *p = peers; p; p = p->next)
			owe(p, joined ? frames : 1);
}

static void tick(void)
{
	static char text[MAX_SIZE + 64], frame[MAX_SIZE + 128], payload[MAX_SIZE];

	memset(payload, 't', (size_t)tick_size);
	int n = snprintf(text, sizeof text, "42[\"t\",\"%llu\",\"%.*s\"]", (unsigned long long)now_ns(), (int)tick_size, payload);
	size_t len = frame_write(frame, TEXT, NULL, text, (size_t)n);
	for (struct peer *p = peers; p; p = p->next)
		if (try_send(p, frame, len) < len && errno == EAGAIN)
			die("a client is too slow for the ticks");
	tick_left--;
	tick_at_ns += (uint64_t)tick_ms * 1000000u;
}

/* --- being told --- */

static long number(const char *text, size_t len, const char *name)
{
	const char *at = memmem(text, len, name, strlen(name));

	return at ? atol(at + strlen(name)) : 0;
}

static void burst_start(const char *text, size_t len)
{
	static char event[MAX_SIZE + 64], payload[MAX_SIZE];
	long size = number(text, len, "\"size\":");

	burst_left += number(text, len, "\"n\":");
	per_turn = number(text, len, "\"perTurn\":");
	if (wheel && size == burst_size)
		return;
	if (wheel || size < 0 || size >= MAX_SIZE)
		die("one size of burst for each run, below %d bytes", MAX_SIZE);
	burst_size = size;
	memset(payload, 'b', (size_t)size);
	int n = snprintf(event, sizeof event, "42[\"b\",\"%.*s\"]", (int)size, payload);
	wheel = malloc(JOINED_BYTES + MAX_SIZE);
	if (!wheel || (size_t)n >= sizeof event)
		die("out of memory");
	frame_len = frame_write(wheel, TEXT, NULL, event, (size_t)n);
	for (wheel_len = frame_len; wheel_len + frame_len <= JOINED_BYTES; wheel_len += frame_len)
		memcpy(wheel + wheel_len, wheel, frame_len);
}

static void tick_start(const char *text, size_t len)
{
	tick_size = number(text, len, "\"size\":");
	tick_ms = number(text, len, "\"everyMs\":");
	tick_left = number(text, len, "\"seconds\":") * 1000 / tick_ms;
	tick_at_ns = now_ns() + (uint64_t)tick_ms * 1000000u;
}

/* What one read of one client asks for is answered in one send: only acknowledgements come in numbers. */
static char answer[1 << 18];
static size_t answer_len;

static void say(struct peer *p, const char *text, size_t len)
{
	if (!joined || answer_len + len + 16 > sizeof answer) {
		conn_send(&p->conn, answer, answer_len);
		answer_len = 0;
	}
	answer_len += frame_write(answer + answer_len, TEXT, NULL, text, len);
}

static void acknowledge(struct peer *p, const char *text, size_t len)
{
	static char reply[MAX_SIZE + 64];
	const char *list = memchr(text, '[', len);
	size_t head = (size_t)(list - text), rest = len - head - 7; /* ["ack", */

	memcpy(reply, text, head);
	reply[1] = '3';
	reply[head] = '[';
	memcpy(reply + head + 1, list + 7, rest);
	say(p, reply, head + 1 + rest);
}

static void on_text(struct peer *p, const char *text, size_t len)
{
	if (len == 2 && !memcmp(text, "40", 2))
		say(p, "40{\"sid\":\"x\"}", 13);
	else if (memmem(text, len, "[\"ack\",", 7))
		acknowledge(p, text, len);
	else if (memmem(text, len, "[\"burst\",", 9))
		burst_start(text, len);
	else if (memmem(text, len, "[\"tick\",", 8))
		tick_start(text, len);
}

static size_t parse(struct conn *c, char *data, size_t len)
{
	static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
	static const char open[] =
		"0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
	struct frame f;

	if (!c->framed) {
		const char *end = memmem(data, len, "\r\n\r\n", 4);

		if (!end)
			return 0;
		c->framed = true;
		memcpy(answer, hello, sizeof hello - 1);
		answer_len = sizeof hello - 1 + frame_write(answer + sizeof hello - 1, TEXT, NULL, open, sizeof open - 1);
		return (size_t)(end + 4 - data);
	}
	if (!frame_read(data, len, &f))
		return 0;
	if (f.opcode == TEXT)
		on_text(c->owner, f.data, f.len);
	return f.whole;
}

/* --- coming and going --- */

static void peer_free(struct peer *p)
{
	*(p->before ? &p->before->next : &peers) = p->next;
	if (p->next)
		p->next->before = p->before;
	conn_close(&p->conn);
	free(p);
}

static void peer_read(struct peer *p)
{
	answer_len = 0;
	if (!conn_read(&p->conn)) {
		peer_free(p);
		return;
	}
	conn_send(&p->conn, answer, answer_len);
}

static void peer_accept(int listening)
{
	struct peer *p = calloc(1, sizeof *p);

	if (!p)
		die("out of memory");
	p->conn = (struct conn){ .fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC), .owner = p, .parse = parse };
	if (p->conn.fd < 0) {
		free(p);
		return;
	}
	p->next = peers;
	if (peers)
		peers->before = p;
	peers = p;
	conn_watch(epoll_fd, &p->conn);
}

static int wait_ms(void)
{
	uint64_t now = now_ns();

	if (burst_left > 0 || (tick_left > 0 && tick_at_ns <= now))
		return 0;
	return tick_left > 0 ? (int)((tick_at_ns - now + 999999) / 1000000) : -1;
}

static void turn(int listening)
{
	static struct epoll_event events[1024];
	int n = epoll_wait(epoll_fd, events, 1024, wait_ms());

	for (int i = 0; i < n; i++) {
		struct peer *p = events[i].data.ptr;

		if (!p) {
			peer_accept(listening);
			continue;
		}
		if (events[i].events & EPOLLOUT)
			push_owed(p);
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			peer_read(p);
	}
	if (burst_left > 0)
		burst_turn();
	if (tick_left > 0 && tick_at_ns <= now_ns())
		tick();
}

static int listen_anywhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&at, &len) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e))
		die("cannot listen: %s", strerror(errno));
	printf("port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	joined = argc > 1 && !strcmp(argv[1], "joined");
	raise_open_files();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int listening = listen_anywhere();
	for (;;)
		turn(listening);
}
