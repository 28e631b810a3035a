/* websocket.c: the WebSocket transport (RFC 6455). The only file that knows wslay.
 *
 * wslay reads frames; messages are put together here, because its own message
 * layer keeps more than 4 KB for each idle client and cannot share what it sends.
 * One wslay context serves all sockets that stand between two frames; a socket in
 * the middle of one keeps a context of its own until the frame is complete.
 *
 * Writing needs no library: a server's frame is a head and the bytes (frame.c). What
 * a turn of the loop has for one client leaves in one send(2). */
#include "base/limits.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "base/base64.h"
#include "engineio/engine.h"
#include "engineio/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#define HEAD_BYTES 14           /* of a frame at most: 2, a length of 8, a mask of 4 */
#define HOLD_MS 2               /* between the 101 and the first packet: see ws_open() */
#define RELEASE_MS 100          /* how often an upgrade looks for a poll to release, as Node does */
#define LINGER_MS 2000          /* for the peer's Close and its end of the stream */
#define READ_BYTES (64 * 1024)
#define WRITE_BYTES (64 * 1024)

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct ws {
	struct loop_watch watch;
	struct eio_server *server;
	struct eio_session *session;    /* NULL: it lingers until its peer has ended the stream */
	struct link link;               /* of the server's sockets */
	wslay_frame_context_ptr context; /* NULL between frames: the shared one is used */
	struct buf message;             /* fragments so far, or control data */
	struct loop_timer timer;        /* hold, or the watch over an upgrade; then linger */
	int64_t give_up_ms;             /* monotonic: when an upgrade takes too long */
	uint64_t left;                  /* payload bytes of the present frame to come */
	uint64_t inside;                /* bytes of an unfinished head that its context holds */
	size_t sent;                    /* bytes of the first queued frame that left already */
	uint16_t fragments;
	uint8_t opcode;                 /* of the message under way; 0 when there is none */
	uint8_t frame_opcode;           /* of the present frame */
	bool in_frame, fin, compressed;
	bool is_probe;
	bool deflate;                   /* permessage-deflate was agreed */
	bool blocked;                   /* the kernel took less than it was given */
	bool held;                      /* so new that nothing is sent yet */
	bool dead;                      /* descriptor closed; freed with this turn */
	uint8_t control_len;
	unsigned char head[HEAD_BYTES]; /* those bytes that are inside */
	unsigned char control[125];
};

/* What reading needs once for the whole server. */
struct ws_reader {
	wslay_frame_context_ptr shared;
	const unsigned char *at;        /* what was read and not yet taken by wslay */
	size_t n;
	uint64_t fed, done;             /* bytes given to wslay, bytes it accounted for, by the present socket */
	unsigned char in[READ_BYTES];
	unsigned char out[WRITE_BYTES];
};

void ws_accept_key(const char *key, char out[29])
{
	unsigned char digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx sha;

	sha1_init(&sha);
	sha1_update(&sha, strlen(key), (const uint8_t *)key);
	sha1_update(&sha, 36, (const uint8_t *)"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	sha1_digest(&sha, sizeof digest, digest);
	out[base64_encode(out, digest, sizeof digest, BASE64_STANDARD)] = '\0';
}

/* --- the end of a socket --- */

static void ws_free(void *arg)
{
	struct ws *w = arg;

	buf_release(&w->message);
	if (w->context)
		wslay_frame_context_free(w->context);
	eio_server_unref(w->server);
	free(w);
}

static int fd_of(const struct ws *w)
{
	return w->watch.fd;
}

static void close_fd(struct ws *w)
{
	int fd = fd_of(w);

	if (w->dead)
		return;
	w->dead = true;
	loop_timer_clear(w->server->loop, &w->timer);
	loop_unwatch(w->server->loop, &w->watch);
	close(fd);
	list_remove(&w->link);
	loop_defer(w->server->loop, ws_free, w);
}

static void on_linger_over(struct loop_timer *t)
{
	close_fd(list_item(t, struct ws, timer));
}

/* The socket without its session: what remains is to end politely. */
static void linger(struct ws *w)
{
	shutdown(fd_of(w), SHUT_WR);
	w->blocked = false;
	loop_rewatch(w->server->loop, &w->watch, EPOLLIN | EPOLLRDHUP);
	loop_timer_set(w->server->loop, &w->timer, LINGER_MS, on_linger_over);
}

static void send_close(struct ws *w, int code)
{
	unsigned char frame[4] = {0x80 | OP_CLOSE, code ? 2 : 0, (unsigned char)(code >> 8), (unsigned char)code};

	if (!w->sent) /* else it would land inside a frame */
		(void)!send(fd_of(w), frame, code ? 4 : 2, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void ws_end(struct ws *w, int code)
{
	if (w->dead || !w->session)
		return;
	w->session = NULL;
	send_close(w, code);
	linger(w);
}

/* The peer broke the protocol, or is gone: its session, or its attempt to upgrade, ends. */
static void fail(struct ws *w, int code, enum eio_reason why, const char *description)
{
	struct eio_session *s = w->session;

	if (!s) {
		close_fd(w);
		return;
	}
	w->session = NULL;
	if (s->probe == w)
		s->probe = NULL;
	if (code >= 0) {
		send_close(w, code);
		linger(w);
	} else {
		close_fd(w);
	}
	if (s->ws == w) {
		s->ws = NULL;
		session_end(s, why, description);
	}
}

static void fail_protocol(struct ws *w, int code, const char *description)
{
	fail(w, code, EIO_TRANSPORT_ERROR, description);
}

void ws_close_all(struct eio_server *srv)
{
	list_each(&srv->sockets, l, after)
		close_fd(list_item(l, struct ws, link));
}

/* --- writing --- */

bool ws_blocked(const struct ws *w)
{
	return w->blocked;
}

bool ws_begun(const struct ws *w)
{
	return w->sent > 0;
}

/* The form in which the first queued frame goes over this socket. */
static struct eio_frame *wire_form(struct ws *w, struct eio_frame *f)
{
	struct eio_session *s = w->session;
	struct eio_frame *made = NULL;
	struct buf b;

	if (f->wire_ready)
		return f;
	if (f->binary && s->base64) {
		buf_init(&b, SIZE_MAX / 2);
		buf_adds(&b, s->protocol == 4 ? "b" : "b4");
		buf_room(&b, BASE64_ENCODED_LEN((size_t)f->len));
		buf_grew(&b, base64_encode(b.data + b.len, frame_payload(f), f->len, BASE64_STANDARD));
		made = frame_make(b.data, b.len, OP_TEXT, false);
		buf_release(&b);
	} else if (f->binary && s->protocol == 3) {
		buf_init(&b, SIZE_MAX / 2);
		buf_addc(&b, 4);
		buf_add(&b, frame_payload(f), f->len);
		made = frame_make(b.data, b.len, OP_BINARY, false);
		buf_release(&b);
	} else if (w->deflate && !f->plain && f->len >= s->server->o.deflate_bytes) {
		struct eio_frame *small = deflate_frame(f);

		if (small == f)
			return f;
		made = eio_frame_ref(small);
	} else {
		return f;
	}
	made->wire_ready = true;
	made->key = f->key;
	session_swap_front(s, made);
	return made;
}

/* Copies frames from the front of the queue until out is full; a big one goes as it is. */
static size_t gather(struct ws *w, const unsigned char **data)
{
	struct eio_session *s = w->session;
	unsigned char *out = w->server->reader->out;
	struct eio_frame *f = wire_form(w, *session_slot(s, 0));
	size_t n = 0, skip = w->sent;

	if (frame_wire_len(f) - skip > WRITE_BYTES / 2) {
		*data = frame_wire(f) + skip;
		return frame_wire_len(f) - skip;
	}
	for (uint32_t i = 0; i < s->q_len; i++) {
		f = *session_slot(s, i);
		/* Only the first is changed into its wire form: one that needs it waits for its turn. */
		if (i && !f->wire_ready && ((f->binary && (s->base64 || s->protocol == 3)) || w->deflate))
			break;
		if (frame_wire_len(f) - skip > WRITE_BYTES - n)
			break;
		memcpy(out + n, frame_wire(f) + skip, frame_wire_len(f) - skip);
		n += frame_wire_len(f) - skip;
		skip = 0;
	}
	*data = out;
	return n;
}

static void left(struct ws *w, size_t n)
{
	struct eio_session *s = w->session;

	s->server->counters.bytes_out += n;
	w->sent += n;
	while (s->q_len) {
		size_t len = frame_wire_len(*session_slot(s, 0));

		if (w->sent < len)
			break;
		w->sent -= len;
		session_pop(s);
	}
}

static void set_blocked(struct ws *w, bool blocked)
{
	w->blocked = blocked;
	loop_rewatch(w->server->loop, &w->watch, EPOLLIN | EPOLLRDHUP | (blocked ? EPOLLOUT : 0));
}

/* Gives the kernel what it takes. False: the peer is gone. */
static bool write_queue(struct ws *w)
{
	struct eio_session *s = w->session;

	while (s->q_len && !w->blocked && !w->held) {
		const unsigned char *data;
		size_t n = gather(w, &data);
		ssize_t sent = send(fd_of(w), data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (sent > 0)
			left(w, (size_t)sent);
		if (sent < (ssize_t)n)
			set_blocked(w, true);
	}
	return true;
}

void ws_flush(struct ws *w)
{
	struct eio_session *s = w->session;

	if (!s->q_len || w->blocked || w->held)
		return;
	if (!write_queue(w))
		fail(w, -1, EIO_TRANSPORT_CLOSE, "the peer is gone");
	else if (!s->q_len)
		session_drained(s);
}

void ws_relieve(struct ws *w)
{
	(void)write_queue(w);
}

static void on_writable(struct ws *w)
{
	set_blocked(w, false);
	if (w->session && w->session->ws == w)
		ws_flush(w);
}

/* A small frame of our own, in its place in the queue; at once on a probe, on which nothing else goes out. */
static void send_control(struct ws *w, int opcode, const unsigned char *data, size_t n)
{
	struct eio_session *s = w->session;

	if (s->ws == w) {
		struct eio_frame *f = frame_make(data, n, opcode, false);

		f->plain = f->wire_ready = true;
		session_push_answer(s, f);
	} else {
		unsigned char frame[2 + 125] = {(unsigned char)(0x80 | opcode), (unsigned char)n};

		if (n)
			memcpy(frame + 2, data, n);
		(void)!send(fd_of(w), frame, 2 + n, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* --- messages --- */

/* The client changes over once its poll has come back, whichever it is that waits now. */
static void watch_upgrade(struct loop_timer *t)
{
	struct ws *w = list_item(t, struct ws, timer);
	struct loop *l = w->server->loop;
	int64_t left_ms = w->give_up_ms - loop_now_ms(l);

	if (left_ms <= 0) {
		fail_protocol(w, 0, "upgrade timeout");
		return;
	}
	loop_timer_set(l, &w->timer, left_ms < RELEASE_MS ? left_ms : RELEASE_MS, watch_upgrade);
	polling_release(w->session); /* last: who is asked for the answer's headers may end it all */
}

static void probe_packet(struct ws *w, const char *data, size_t n)
{
	struct eio_session *s = w->session;

	if (n == 6 && memcmp(data, "2probe", 6) == 0) {
		send_control(w, OP_TEXT, (const unsigned char *)"3probe", 6);
		loop_timer_set(w->server->loop, &w->timer, RELEASE_MS, watch_upgrade);
	} else if (n == 1 && *data == '5') {
		w->is_probe = false;
		loop_timer_clear(w->server->loop, &w->timer);
		session_switch(s);
	} else {
		fail_protocol(w, 0, "not a probe");
	}
}

static void text_message(struct ws *w, char *data, size_t n)
{
	struct eio_session *s = w->session;

	if (w->is_probe) {
		probe_packet(w, data, n);
	} else if (n && *data == 'b') {
		size_t skip = s->protocol == 3 ? 2 : 1, len;

		if (n < skip) {
			session_end(s, EIO_PARSE_ERROR, "a packet that is none");
			return;
		}
		len = packet_decode_base64(data, data + skip, n - skip);
		data[len] = '\0';
		session_binary(s, data, len);
	} else if (n && *data >= '0' && *data <= '6') {
		session_packet(s, *data, data + 1, n - 1);
	} else {
		session_end(s, EIO_PARSE_ERROR, "a packet that is none");
	}
}

static void binary_message(struct ws *w, const char *data, size_t n)
{
	struct eio_session *s = w->session;

	if (w->is_probe) {
		fail_protocol(w, 0, "not a probe");
	} else if (s->protocol == 3) {
		if (n && *data == 4)
			session_binary(s, data + 1, n - 1);
		else
			session_end(s, EIO_PARSE_ERROR, "a packet that is none");
	} else {
		session_binary(s, data, n);
	}
}

static void deliver(struct ws *w, struct buf *take_message)
{
	uint8_t opcode = w->opcode;
	struct buf m = *take_message;

	buf_init(take_message, m.max);
	w->opcode = 0;
	w->fragments = 0;
	if (w->compressed) {
		struct buf plain;
		int err;

		buf_init(&plain, m.max);
		err = deflate_inflate(&plain, m.data, m.len);
		buf_release(&m);
		m = plain;
		if (err) {
			fail_protocol(w, err == -EMSGSIZE ? 1009 : 1007, err == -EMSGSIZE ? "message too big" : "bad compressed data");
			goto out;
		}
	}
	if (opcode == OP_TEXT && !utf8_valid(m.data, m.len)) {
		fail_protocol(w, 1007, "invalid UTF-8");
		goto out;
	}
	w->server->counters.bytes_in += m.len;
	if (opcode == OP_TEXT)
		text_message(w, m.data, m.len);
	else
		binary_message(w, m.data, m.len);
out:
	buf_release(&m);
}

static bool close_code_is_good(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void close_came(struct ws *w)
{
	unsigned code = w->control_len >= 2 ? (unsigned)w->control[0] << 8 | w->control[1] : 0;

	if (w->control_len == 1 || (code && !close_code_is_good(code)) || (w->control_len >= 2 && !code))
		fail_protocol(w, 1002, "bad close frame");
	else if (w->control_len > 2 && !utf8_valid(w->control + 2, w->control_len - 2u))
		fail_protocol(w, 1007, "invalid UTF-8");
	else
		fail(w, (int)code, EIO_TRANSPORT_CLOSE, "the peer closed");
}

static void control_came(struct ws *w)
{
	if (w->frame_opcode == OP_CLOSE)
		close_came(w);
	else if (w->frame_opcode == OP_PING)
		send_control(w, OP_PONG, w->control, w->control_len);
}

/* --- frames --- */

static uint64_t head_bytes(const struct wslay_frame_iocb *f)
{
	return 2u + (f->payload_length < 126 ? 0u : f->payload_length < 65536 ? 2u : 8u) + (f->mask ? 4u : 0u);
}

/* May a frame with this head come? */
static bool head_is_good(struct ws *w, const struct wslay_frame_iocb *f)
{
	bool control = f->opcode >= 8;
	const char *wrong = NULL;

	if (!f->mask)
		wrong = "unmasked frame";
	else if (f->rsv & 3 || (f->rsv && (!w->deflate || control || f->opcode == OP_CONTINUATION)))
		wrong = "reserved bits";
	else if ((f->opcode > 2 && f->opcode < 8) || f->opcode > 10)
		wrong = "reserved opcode";
	else if (control && (!f->fin || f->payload_length > 125))
		wrong = "bad control frame";
	else if (!control && (f->opcode == OP_CONTINUATION) != (w->opcode != 0))
		wrong = "fragments out of order";
	if (wrong) {
		fail_protocol(w, 1002, wrong);
		return false;
	}
	if (!control && (f->payload_length > w->message.max - w->message.len || w->fragments >= LIMIT_WS_FRAGMENTS)) {
		fail_protocol(w, 1009, "message too big");
		return false;
	}
	return true;
}

/* The first bytes of a frame are there. */
static bool frame_begins(struct ws *w, const struct wslay_frame_iocb *f)
{
	bool control = f->opcode >= 8;

	if (!head_is_good(w, f))
		return false;
	w->fragments = (uint16_t)(w->fragments + !control);
	w->frame_opcode = f->opcode;
	w->fin = f->fin;
	w->left = f->payload_length;
	w->in_frame = true;
	if (control)
		w->control_len = 0;
	else if (f->opcode != OP_CONTINUATION) {
		w->opcode = f->opcode;
		w->compressed = f->rsv != 0;
	}
	return true;
}

static void frame_bytes(struct ws *w, const struct wslay_frame_iocb *f)
{
	w->left -= f->data_length;
	if (w->frame_opcode >= 8) {
		memcpy(w->control + w->control_len, f->data, f->data_length);
		w->control_len = (uint8_t)(w->control_len + f->data_length);
	} else {
		if (!w->message.len && w->left) /* all at once: a message is seldom in pieces */
			buf_room(&w->message, (size_t)w->left + f->data_length);
		buf_add(&w->message, f->data, f->data_length);
	}
}

static void frame_ended(struct ws *w)
{
	w->in_frame = false;
	if (w->frame_opcode >= 8)
		control_came(w);
	else if (w->fin)
		deliver(w, &w->message);
}

static ssize_t feed(uint8_t *to, size_t len, int flags, void *user)
{
	struct ws_reader *r = user;

	(void)flags;
	if (!r->n)
		return -1;
	if (len > r->n)
		len = r->n;
	memcpy(to, r->at, len);
	r->at += len;
	r->n -= len;
	r->fed += len;
	return (ssize_t)len;
}

/* Hands what wslay has to the socket. True while the socket lives. */
static bool read_frames(struct ws *w, wslay_frame_context_ptr context, struct ws_reader *r)
{
	for (;;) {
		struct wslay_frame_iocb f = {0};
		ssize_t got = wslay_frame_recv(context, &f);

		if (got == WSLAY_ERR_WANT_READ)
			return true;
		if (got < 0) {
			fail_protocol(w, 1002, "bad frame");
			return false;
		}
		if (!w->in_frame) {
			if (!frame_begins(w, &f))
				return false;
			r->done += head_bytes(&f);
		}
		r->done += f.data_length;
		frame_bytes(w, &f);
		if (!w->left)
			frame_ended(w);
		if (w->dead || !w->session)
			return false;
	}
}

/* Reads the head that waits for its payload; false if it is not yet long enough to tell. */
static bool parse_head(const unsigned char *p, size_t n, struct wslay_frame_iocb *f)
{
	size_t extra = n < 2 ? 0 : (p[1] & 127) == 126 ? 2 : (p[1] & 127) == 127 ? 8 : 0;

	if (n < 2 + extra)
		return false;
	*f = (struct wslay_frame_iocb){
		.fin = p[0] >> 7,
		.rsv = p[0] >> 4 & 7,
		.opcode = p[0] & 15,
		.mask = p[1] >> 7,
		.payload_length = extra ? 0 : p[1] & 127,
	};
	for (size_t i = 0; i < extra; i++)
		f->payload_length = f->payload_length << 8 | p[2 + i];
	return true;
}

/* wslay tells of a frame with its first byte of payload. One that may not come is refused before that: its sender
 * may wait for us. */
static bool unfinished_head_is_good(struct ws *w, const unsigned char *data, size_t n)
{
	size_t inside = (size_t)w->inside, fresh = inside < n ? inside : n;
	struct wslay_frame_iocb f;

	if (w->in_frame || !inside || inside > HEAD_BYTES)
		return true;
	memcpy(w->head + inside - fresh, data + n - fresh, fresh);
	return !parse_head(w->head, inside, &f) || head_is_good(w, &f);
}

static const struct wslay_frame_callbacks callbacks = {.recv_callback = feed};

static wslay_frame_context_ptr new_context(struct ws_reader *r)
{
	wslay_frame_context_ptr context;

	if (wslay_frame_context_init(&context, &callbacks, r))
		abort(); /* out of memory, as in xmalloc.h */
	return context;
}

/* Takes n bytes that came in. */
static void take_in(struct ws *w, const void *data, size_t n)
{
	struct ws_reader *r = w->server->reader;
	wslay_frame_context_ptr context = w->context ? w->context : r->shared ? r->shared : new_context(r);
	bool lives;

	if (context == r->shared)
		r->shared = NULL;
	w->context = NULL;
	r->at = data;
	r->n = n;
	r->fed = w->inside;
	r->done = 0;
	lives = read_frames(w, context, r);
	w->inside = r->fed - r->done;
	lives = lives && unfinished_head_is_good(w, data, n);
	if (lives && (w->in_frame || w->inside))
		w->context = context; /* the rest of the frame comes later */
	else if (lives && !r->shared)
		r->shared = context;
	else
		wslay_frame_context_free(context);
}

static void read_socket(struct ws *w)
{
	struct ws_reader *r = w->server->reader;
	ssize_t n = recv(fd_of(w), r->in, sizeof r->in, MSG_DONTWAIT);

	if (n > 0 && w->session)
		take_in(w, r->in, (size_t)n);
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fail(w, -1, EIO_TRANSPORT_CLOSE, "the peer is gone");
}

static void on_ready(struct loop_watch *watch, uint32_t events)
{
	struct ws *w = list_item(watch, struct ws, watch);

	if (events & EPOLLOUT)
		on_writable(w);
	if (!w->dead && (events & ~(uint32_t)EPOLLOUT))
		read_socket(w);
}

/* --- birth --- */

static struct ws *ws_new(struct eio_server *srv, struct eio_session *s, int take_fd, bool deflate)
{
	struct ws *w = xzalloc(sizeof *w);
	int on = 1;

	if (!srv->reader)
		srv->reader = xzalloc(sizeof *srv->reader);
	w->server = srv;
	w->session = s;
	w->deflate = deflate;
	buf_init(&w->message, srv->o.max_payload);
	srv->refs++;
	list_push(&srv->sockets, &w->link);
	setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (loop_watch(srv->loop, &w->watch, take_fd, EPOLLIN | EPOLLRDHUP, on_ready) < 0)
		w->watch.fd = take_fd; /* not watched: the first write or the timer finds out */
	return w;
}

static void on_held_long_enough(struct loop_timer *t)
{
	struct ws *w = list_item(t, struct ws, timer);

	w->held = false;
	if (w->session)
		ws_flush(w);
}

/* The first packet follows the 101 after a moment. A client that listens for messages only when it was told that the
 * connection is open, as code with promises does, would miss one that came in the same segment. */
void ws_open(struct eio_server *srv, struct eio_session *s, int take_fd, bool deflate, const void *early, size_t n)
{
	struct ws *w = ws_new(srv, s, take_fd, deflate);

	s->ws = w;
	w->held = true;
	loop_timer_set(srv->loop, &w->timer, HOLD_MS, on_held_long_enough);
	session_open(s);
	if (n && w->session)
		take_in(w, early, n);
}

void ws_probe(struct eio_server *srv, struct eio_session *s, int take_fd, bool deflate, const void *early, size_t n)
{
	struct ws *w = ws_new(srv, s, take_fd, deflate);

	if (!s || s->state != SESSION_OPEN || s->ws || s->probe) {
		w->session = NULL; /* there can be one only: the first is not disturbed */
		send_close(w, 0);
		linger(w);
		return;
	}
	w->is_probe = true;
	s->probe = w;
	w->give_up_ms = loop_now_ms(srv->loop) + srv->o.upgrade_timeout_ms;
	loop_timer_set(srv->loop, &w->timer, srv->o.upgrade_timeout_ms, watch_upgrade);
	if (n)
		take_in(w, early, n);
}

void ws_reader_free(struct eio_server *srv)
{
	if (!srv->reader)
		return;
	if (srv->reader->shared)
		wslay_frame_context_free(srv->reader->shared);
	free(srv->reader);
}
