/* wire.h: as much of TCP, HTTP/1.1 and WebSocket as a benchmark needs, and no more.
 *
 * Both ends of the bench that are not a real server (load.c and ceiling.c) stand on it. It is plain libc, so that what is
 * measured is never our own library on both sides, and it is a header, because each program here is one file.
 * Frames: RFC 6455 5.2. Anything that a benchmark should not meet ends the program with a message. One thread. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 1, CLOSE = 8, PING = 9 };

_Noreturn static inline void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* On a host with one core everything shares it, and the numbers say less. */
static inline void pin_to_core(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (core >= 0 && sched_setaffinity(0, sizeof set, &set))
		fprintf(stderr, "cannot stay on core %d: %s\n", core, strerror(errno));
}

static inline void raise_open_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- frames --- */

struct frame {
	unsigned opcode;
	char *data;   /* inside the bytes that were read; unmasked */
	size_t len;
	size_t whole; /* header and data */
};

static inline void frame_mask(char *data, size_t len, const unsigned char *mask)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(data[i] ^ (char)mask[i & 3]);
}

/* False: not all of it is here yet. */
static inline bool frame_read(char *at, size_t have, struct frame *f)
{
	const unsigned char *h = (const unsigned char *)at;
	size_t head = 2;

	if (have < 2)
		return false;
	f->len = h[1] & 127u;
	if (f->len == 126)
		head = 4;
	else if (f->len == 127)
		head = 10;
	size_t mask_at = head;
	head += h[1] & 128u ? 4 : 0;
	if (have < head)
		return false;
	if (f->len >= 126) {
		f->len = 0;
		for (size_t i = 2; i < mask_at; i++)
			f->len = f->len << 8 | h[i];
	}
	f->whole = head + f->len;
	if (have < f->whole)
		return false;
	if (!(h[0] & 128u))
		die("a fragmented frame: no server under test sends one");
	f->opcode = h[0] & 15u;
	f->data = at + head;
	if (h[1] & 128u)
		frame_mask(f->data, f->len, h + mask_at);
	return true;
}

/* Needs 14 bytes more than len at to. mask is NULL for a server. Returns how many it wrote. */
static inline size_t frame_write(char *to, unsigned opcode, const unsigned char *mask, const char *data, size_t len)
{
	size_t head = 2;

	to[0] = (char)(128u | opcode);
	if (len < 126) {
		to[1] = (char)len;
	} else if (len < 65536) {
		to[1] = 126;
		to[2] = (char)(len >> 8);
		to[3] = (char)(len & 255);
		head = 4;
	} else {
		to[1] = 127;
		for (size_t i = 0; i < 8; i++)
			to[2 + i] = (char)(len >> (56 - 8 * i) & 255);
		head = 10;
	}
	if (mask) {
		to[1] = (char)(to[1] | (char)128);
		memcpy(to + head, mask, 4);
		head += 4;
	}
	memcpy(to + head, data, len);
	if (mask)
		frame_mask(to + head, len, mask);
	return head + len;
}

/* --- connections: one shared inbox; what is left of it after parsing waits with its connection --- */

struct conn;
typedef size_t conn_parse_fn(struct conn *c, char *data, size_t len); /* returns how much of it is done with */
struct conn {
	int fd;      /* -1 when closed */
	bool framed; /* WebSocket frames from here on, HTTP before */
	void *owner;
	conn_parse_fn *parse;
	char *rest;
	size_t rest_len, rest_room;
};

static inline void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd); /* leaves the epoll set by itself */
	free(c->rest);
	*c = (struct conn){ .fd = -1, .owner = c->owner, .parse = c->parse };
}

/* The descriptor stays blocking and is only read with MSG_DONTWAIT: what is sent here is small and always fits. */
static inline void conn_send(struct conn *c, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("send: %s", strerror(errno));
		data += n;
		len -= (size_t)n;
	}
}

static inline void conn_keep(struct conn *c, const char *data, size_t len)
{
	if (len > c->rest_room) {
		c->rest_room = len + 256;
		c->rest = realloc(c->rest, c->rest_room);
		if (!c->rest)
			die("out of memory");
	}
	if (len)
		memcpy(c->rest, data, len);
	c->rest_len = len;
}

/* False when the other end closed. parse may close c. */
static inline bool conn_read(struct conn *c)
{
	static char inbox[1 << 17];
	size_t have = c->rest_len, done = 0;

	if (have == sizeof inbox)
		die("a message of more than %zu bytes", sizeof inbox);
	if (have)
		memcpy(inbox, c->rest, have);
	ssize_t n = recv(c->fd, inbox + have, sizeof inbox - have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	have += (size_t)n;
	while (c->fd >= 0 && done < have) {
		size_t used = c->parse(c, inbox + done, have - done);

		if (!used)
			break;
		done += used;
	}
	if (c->fd >= 0)
		conn_keep(c, inbox + done, have - done);
	return true;
}

static inline void conn_watch(int epoll_fd, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e))
		die("epoll_ctl: %s", strerror(errno));
}

/* --- HTTP --- */

struct response {
	int status;
	char *body;
	size_t len;   /* of the body */
	size_t whole; /* head and body */
};

/* False: not all of it is here yet. Only Content-Length: no server under test answers in chunks. */
static inline bool response_read(char *at, size_t have, struct response *r)
{
	static const char length[] = "\r\ncontent-length:";
	char *end = memmem(at, have, "\r\n\r\n", 4);

	if (!end)
		return false;
	r->status = have > 12 ? atoi(at + 9) : 0;
	r->len = 0;
	r->body = end + 4;
	for (char *line = at; line < end; line = memmem(line + 2, (size_t)(end - line), "\r\n", 2))
		if (!strncasecmp(line, length, sizeof length - 1))
			r->len = strtoul(line + sizeof length - 1, NULL, 10);
	r->whole = (size_t)(r->body - at) + r->len;
	return have >= r->whole;
}

#endif
