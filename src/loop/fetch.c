/* fetch.c: outgoing HTTP and SMTP on the loop. */
#include "loop/fetch.h"

#include "base/buf.h"
#include "base/library.h"
#include "base/list.h"
#include "base/xmalloc.h"

#include <arpa/inet.h>
#include <assert.h>
#define CURL_DISABLE_TYPECHECK /* its macros would call the functions by their names */
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BODY_KEPT 1000
#define DEFAULT_TIMEOUT_MS 15000
#define LONGEST_RETRY_S 86400

/* libcurl is on most hosts, not on all. Of Debian's two any will do. */
static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4", NULL};
#define CALLS(CALL)                                                                                             \
	CALL(curl_global_init) CALL(curl_easy_init) CALL(curl_easy_cleanup) CALL(curl_easy_getinfo)             \
	CALL(curl_easy_setopt) CALL(curl_easy_strerror) CALL(curl_multi_init) CALL(curl_multi_cleanup)          \
	CALL(curl_multi_add_handle) CALL(curl_multi_assign) CALL(curl_multi_info_read)                          \
	CALL(curl_multi_remove_handle) CALL(curl_multi_setopt) CALL(curl_multi_socket_action)                   \
	CALL(curl_slist_append) CALL(curl_slist_free_all)
static struct {
	CALLS(LIBRARY_MEMBER)
} lib;
static const struct library_call calls[] = {CALLS(LIBRARY_ROW)};
static bool loaded;

#define MISSING "libcurl is not on this host: install Debian's libcurl3-gnutls or libcurl4"

struct fetch {
	struct loop *loop;
	CURLM *multi;                  /* NULL until it is needed */
	struct loop_timer timer;
	struct link jobs;
};

/* A socket of curl's: watched as curl asks. */
struct socket_watch {
	struct loop_watch watch;
	struct fetch *fetch;
};

struct job {
	struct fetch *fetch;
	struct link link;
	CURL *curl;                    /* NULL: there is no libcurl, and timer says so */
	struct loop_timer timer;
	struct curl_slist *headers, *to;
	char *body;
	size_t len, sent;
	struct buf answer;
	char error[CURL_ERROR_SIZE];
	bool no_private, refused_address;
	CURL *probe;                   /* looks the target up that a proxy would be asked for; NULL: no need, or done */
	bool seen;                     /* an address of it */
	bool require_tls;
	struct fetch_reply *replies;   /* of a mail */
	size_t nreplies, asked;        /* asked: recipients that the server has answered to */
	bool in_rcpt;                  /* it is to answer to the next */
	fetch_done_fn *done;
	void *user;
};

/* --- curl on the loop --- */

static void check(struct fetch *f);

static void act(struct fetch *f, curl_socket_t fd, int what)
{
	int running;

	lib.curl_multi_socket_action(f->multi, fd, what, &running);
	check(f);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct socket_watch *s = list_item(w, struct socket_watch, watch);
	int what = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	act(s->fetch, w->fd, what);
}

static void on_timer(struct loop_timer *t)
{
	act(list_item(t, struct fetch, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long wait_ms, void *user)
{
	struct fetch *f = user;

	(void)multi;
	if (wait_ms < 0)
		loop_timer_clear(f->loop, &f->timer);
	else
		loop_timer_set(f->loop, &f->timer, wait_ms, on_timer);
	return 0;
}

static void free_watch(void *w)
{
	free(w);
}

static int on_curl_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *assigned)
{
	struct fetch *f = user;
	struct socket_watch *s = assigned;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (!s)
			return 0;
		loop_unwatch(f->loop, &s->watch);
		lib.curl_multi_assign(f->multi, fd, NULL);
		loop_defer(f->loop, free_watch, s);
	} else if (s) {
		loop_rewatch(f->loop, &s->watch, events);
	} else {
		s = xzalloc(sizeof *s);
		s->fetch = f;
		loop_watch(f->loop, &s->watch, fd, events, on_ready);
		lib.curl_multi_assign(f->multi, fd, s);
	}
	return 0;
}

/* --- addresses --- */

static bool is_private4(uint32_t a) /* host order; RFC 6890 */
{
	return a >> 24 == 0 || a >> 24 == 10 || a >> 24 == 127 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe ||
	       a >> 22 == 0x191 || a >> 28 >= 14;
}

/* IPv6 that leads to an IPv4 address: mapped (RFC 4291 2.5.5), and 64:ff9b::/96 of a translator (RFC 6052). */
static bool holds_ipv4(const struct in6_addr *a)
{
	static const unsigned char translated[12] = {0, 0x64, 0xff, 0x9b};

	return IN6_IS_ADDR_V4MAPPED(a) || memcmp(a->s6_addr, translated, sizeof translated) == 0;
}

static bool is_private6(const struct in6_addr *a)
{
	uint32_t v4;

	memcpy(&v4, a->s6_addr + 12, 4);
	if (holds_ipv4(a))
		return is_private4(ntohl(v4));
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MULTICAST(a) ||
	       (a->s6_addr[0] & 0xfe) == 0xfc;
}

static bool is_private(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return is_private4(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
	if (sa->sa_family == AF_INET6)
		return is_private6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return true;
}

/* The address is judged when the socket is made: no name and no redirect gets around it. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct job *j = user;

	(void)purpose;
	if (j->no_private && is_private(&address->addr)) {
		j->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* An address of the target of which a proxy will be asked: it is judged, and never spoken to. A proxy may take any of them, so
 * one that is private is one too many. */
static curl_socket_t on_probe(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct job *j = user;

	(void)purpose;
	j->seen = true;
	j->refused_address |= is_private(&address->addr);
	return CURL_SOCKET_BAD;
}

/* --- mail: who was refused --- */

/* `550 5.1.1 no such user` */
static void keep_reply(struct fetch_reply *r, const char *line, size_t n)
{
	size_t len = 0;

	for (; len < n && len + 1 < sizeof r->text && line[len] != '\r' && line[len] != '\n'; len++)
		r->text[len] = (unsigned char)line[len] < ' ' || (unsigned char)line[len] >= 0x7f ? '?' : line[len];
	r->text[len] = '\0';
	r->code = atoi(r->text);
}

/* Nothing else of libcurl's tells which of several recipients was refused: its commands and the server's replies pass here, one
 * after another. A reply's last line has no dash behind its code (RFC 5321 4.2). */
static int on_talk(CURL *curl, curl_infotype what, char *data, size_t n, void *user)
{
	struct job *j = user;
	bool reply = what == CURLINFO_HEADER_IN && n > 3 && data[3] != '-';

	(void)curl;
	if (what == CURLINFO_HEADER_OUT)
		j->in_rcpt = n > 8 && strncasecmp(data, "RCPT TO:", 8) == 0 && j->asked < j->nreplies;
	else if (reply && j->in_rcpt)
		keep_reply(&j->replies[j->asked++], data, n);
	if (reply)
		j->in_rcpt = false;
	return 0;
}

/* --- bodies --- */

static size_t on_answer(char *data, size_t size, size_t n, void *user)
{
	struct job *j = user;
	size_t room = j->answer.max - j->answer.len;

	buf_add(&j->answer, data, size * n < room ? size * n : room);
	return size * n;
}

/* Only of mail: HTTP bodies are given whole. */
static size_t on_mail(char *to, size_t size, size_t n, void *user)
{
	struct job *j = user;
	size_t len = j->len - j->sent < size * n ? j->len - j->sent : size * n;

	memcpy(to, j->body + j->sent, len);
	j->sent += len;
	return len;
}

/* --- one job --- */

static void end_probe(struct job *j)
{
	if (!j->probe)
		return;
	lib.curl_multi_remove_handle(j->fetch->multi, j->probe);
	lib.curl_easy_cleanup(j->probe);
	j->probe = NULL;
}

static void job_free(struct job *j)
{
	if (j->curl) {
		lib.curl_multi_remove_handle(j->fetch->multi, j->curl);
		lib.curl_easy_cleanup(j->curl);
		lib.curl_slist_free_all(j->headers);
		lib.curl_slist_free_all(j->to);
	}
	end_probe(j);
	loop_timer_clear(j->fetch->loop, &j->timer);
	list_remove(&j->link);
	buf_release(&j->answer);
	free(j->replies);
	free(j->body);
	free(j);
}

static void ask_curl(struct job *j, struct fetch_result *r)
{
	curl_off_t wait_s = 0;
	long status = 0;

	lib.curl_easy_getinfo(j->curl, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	if (lib.curl_easy_getinfo(j->curl, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0)
		r->retry_after_ms = (wait_s < LONGEST_RETRY_S ? wait_s : LONGEST_RETRY_S) * 1000;
}

static void job_done(struct job *j, CURLcode code)
{
	struct fetch_result r = {.retry_after_ms = -1, .body = j->answer.data, .replies = j->replies, .nreplies = j->nreplies};

	if (j->curl)
		ask_curl(j, &r);
	/* A name may have several addresses: one that was refused is nothing to a job that another one served. */
	r.refused_address = j->refused_address && code != CURLE_OK;
	r.no_tls = j->require_tls && code == CURLE_USE_SSL_FAILED;
	r.untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
	if (r.refused_address)
		r.error = "the address is private, and private = false";
	else if (code != CURLE_OK)
		r.error = *j->error ? j->error : lib.curl_easy_strerror(code);
	j->done(j->user, &r);
	job_free(j);
}

/* The target was looked up. That no connection came of it is our own doing. */
static void probe_done(struct job *j, CURLcode code)
{
	size_t n = strlen(j->error);

	end_probe(j);
	if (!j->seen && n)
		snprintf(j->error + n, sizeof j->error - n, ": with private = false it is looked up here before a proxy is asked");
	if (j->seen && !j->refused_address)
		lib.curl_multi_add_handle(j->fetch->multi, j->curl);
	else
		job_done(j, code);
}

static void check(struct fetch *f)
{
	CURLMsg *m;
	int left;

	while ((m = lib.curl_multi_info_read(f->multi, &left))) {
		struct job *j;

		if (m->msg != CURLMSG_DONE)
			continue;
		lib.curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&j);
		if (m->easy_handle == j->probe)
			probe_done(j, m->data.result);
		else
			job_done(j, m->data.result);
	}
}

static struct curl_slist *list_of(const char *const *items)
{
	struct curl_slist *list = NULL;

	for (; items && *items; items++)
		list = lib.curl_slist_append(list, *items);
	return list;
}

static void set_http(struct job *j, const struct fetch_request *r)
{
	j->headers = list_of(r->headers);
	lib.curl_easy_setopt(j->curl, CURLOPT_HTTPHEADER, j->headers);
	lib.curl_easy_setopt(j->curl, CURLOPT_FOLLOWLOCATION, r->redirects ? 1L : 0L);
	lib.curl_easy_setopt(j->curl, CURLOPT_MAXREDIRS, (long)r->redirects);
	lib.curl_easy_setopt(j->curl, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
	if (j->body) {
		lib.curl_easy_setopt(j->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)j->len);
		lib.curl_easy_setopt(j->curl, CURLOPT_POSTFIELDS, j->body);
	}
	if (r->method)
		lib.curl_easy_setopt(j->curl, CURLOPT_CUSTOMREQUEST, r->method);
}

static bool starts_with(const char *s, const char *word)
{
	return strncasecmp(s, word, strlen(word)) == 0;
}

static void set_tls(struct job *j, const struct fetch_request *r)
{
	static const long levels[] = {
		[FETCH_TLS_TRIED] = CURLUSESSL_TRY, [FETCH_TLS_REQUIRED] = CURLUSESSL_ALL, [FETCH_TLS_NONE] = CURLUSESSL_NONE,
	};

	j->require_tls = r->tls == FETCH_TLS_REQUIRED;
	/* libcurl takes a connection that it kept without asking whether that one has TLS. */
	lib.curl_easy_setopt(j->curl, CURLOPT_FRESH_CONNECT, 1L);
	lib.curl_easy_setopt(j->curl, CURLOPT_FORBID_REUSE, 1L);
	lib.curl_easy_setopt(j->curl, CURLOPT_USE_SSL, levels[r->tls]);
	if (r->tls != FETCH_TLS_TRIED || !starts_with(r->url, "smtp://"))
		return;
	lib.curl_easy_setopt(j->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	lib.curl_easy_setopt(j->curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_recipients(struct job *j, const struct fetch_request *r)
{
	j->to = list_of(r->mail_to);
	while (r->mail_to && r->mail_to[j->nreplies])
		j->nreplies++;
	j->replies = xcalloc(j->nreplies, sizeof *j->replies);
	lib.curl_easy_setopt(j->curl, CURLOPT_MAIL_RCPT, j->to);
	/* By the name it has in every version; 8.2 calls it ALLOWFAILS. A libcurl before 7.69 does not know it, and one refusal
	 * keeps the mail from all. */
	lib.curl_easy_setopt(j->curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	lib.curl_easy_setopt(j->curl, CURLOPT_DEBUGFUNCTION, on_talk);
	lib.curl_easy_setopt(j->curl, CURLOPT_DEBUGDATA, j);
	lib.curl_easy_setopt(j->curl, CURLOPT_VERBOSE, 1L); /* to on_talk() alone */
}

static void set_mail(struct job *j, const struct fetch_request *r)
{
	lib.curl_easy_setopt(j->curl, CURLOPT_MAIL_FROM, r->mail_from);
	lib.curl_easy_setopt(j->curl, CURLOPT_UPLOAD, 1L);
	lib.curl_easy_setopt(j->curl, CURLOPT_READFUNCTION, on_mail);
	lib.curl_easy_setopt(j->curl, CURLOPT_READDATA, j);
	set_recipients(j, r);
	set_tls(j, r);
}

static void set_text(struct job *j, CURLoption option, const char *text)
{
	if (text)
		lib.curl_easy_setopt(j->curl, option, text);
}

static void set_common(struct job *j, const struct fetch_request *r)
{
	lib.curl_easy_setopt(j->curl, CURLOPT_PRIVATE, j);
	lib.curl_easy_setopt(j->curl, CURLOPT_URL, r->url);
	lib.curl_easy_setopt(j->curl, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(j->curl, CURLOPT_ERRORBUFFER, j->error);
	lib.curl_easy_setopt(j->curl, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : DEFAULT_TIMEOUT_MS));
	lib.curl_easy_setopt(j->curl, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
	lib.curl_easy_setopt(j->curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	lib.curl_easy_setopt(j->curl, CURLOPT_WRITEFUNCTION, on_answer);
	lib.curl_easy_setopt(j->curl, CURLOPT_WRITEDATA, j);
	lib.curl_easy_setopt(j->curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	lib.curl_easy_setopt(j->curl, CURLOPT_OPENSOCKETDATA, j);
	lib.curl_easy_setopt(j->curl, CURLOPT_USERAGENT, "vedette/" VEDETTE_VERSION);
	/* Only the proxy that the configuration names: what an environment happens to hold decides nothing. */
	lib.curl_easy_setopt(j->curl, CURLOPT_PROXY, r->proxy ? r->proxy : "");
	lib.curl_easy_setopt(j->curl, CURLOPT_NOPROXY, "");
	set_text(j, CURLOPT_CAINFO, r->ca_file);
	set_text(j, CURLOPT_SSLCERT, r->cert_file);
	set_text(j, CURLOPT_SSLKEY, r->key_file);
	set_text(j, CURLOPT_USERNAME, r->user);
	set_text(j, CURLOPT_PASSWORD, r->password);
}

static void on_missing(struct loop_timer *t)
{
	struct job *j = list_item(t, struct job, timer);

	snprintf(j->error, sizeof j->error, "%s", MISSING);
	job_done(j, CURLE_FAILED_INIT);
}

/* The file is there or comes to be: a host that gets the package needs no new start of ours. */
bool fetch_works(const char **why)
{
	if (!loaded && library_load(names, calls, sizeof calls / sizeof *calls, &lib))
		loaded = !lib.curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!loaded)
		*why = MISSING;
	return loaded;
}

static void open_multi(struct fetch *f)
{
	if (f->multi)
		return;
	f->multi = lib.curl_multi_init();
	lib.curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	lib.curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	lib.curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	lib.curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
}

/* The target by itself, without the proxy; of the proxy then no address is judged. */
static void set_probe(struct job *j, const struct fetch_request *r)
{
	assert(!r->redirects);
	j->probe = lib.curl_easy_init();
	assert(j->probe);
	j->no_private = false;
	lib.curl_easy_setopt(j->probe, CURLOPT_PRIVATE, j);
	lib.curl_easy_setopt(j->probe, CURLOPT_URL, r->url);
	lib.curl_easy_setopt(j->probe, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(j->probe, CURLOPT_PROXY, "");
	lib.curl_easy_setopt(j->probe, CURLOPT_ERRORBUFFER, j->error);
	lib.curl_easy_setopt(j->probe, CURLOPT_PROTOCOLS_STR, "http,https");
	lib.curl_easy_setopt(j->probe, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : DEFAULT_TIMEOUT_MS));
	lib.curl_easy_setopt(j->probe, CURLOPT_OPENSOCKETFUNCTION, on_probe);
	lib.curl_easy_setopt(j->probe, CURLOPT_OPENSOCKETDATA, j);
}

static void job_begin(struct job *j, const struct fetch_request *r, bool mail)
{
	open_multi(j->fetch);
	j->curl = lib.curl_easy_init();
	assert(j->curl); /* NULL is out of memory alone */
	set_common(j, r);
	if (mail)
		set_mail(j, r);
	else
		set_http(j, r);
	if (j->no_private && r->proxy)
		set_probe(j, r);
	/* Begins with curl's timer, in a later turn. */
	lib.curl_multi_add_handle(j->fetch->multi, j->probe ? j->probe : j->curl);
}

int fetch_start(struct fetch *f, const struct fetch_request *r, fetch_done_fn *done, void *user)
{
	bool mail = starts_with(r->url, "smtp://") || starts_with(r->url, "smtps://");
	const char *why;
	struct job *j;

	if (!mail && !starts_with(r->url, "http://") && !starts_with(r->url, "https://"))
		return -EINVAL;
	j = xzalloc(sizeof *j);
	j->fetch = f;
	j->no_private = r->no_private;
	j->done = done;
	j->user = user;
	buf_init(&j->answer, r->most ? r->most : BODY_KEPT);
	if (r->body) {
		j->body = xmemdup(r->body, r->len);
		j->len = r->len;
	}
	list_push(&f->jobs, &j->link);
	if (fetch_works(&why))
		job_begin(j, r, mail);
	else
		loop_timer_set(f->loop, &j->timer, 0, on_missing);
	return 0;
}

/* --- life --- */

struct fetch *fetch_new(struct loop *l)
{
	struct fetch *f = xzalloc(sizeof *f);

	f->loop = l;
	list_init(&f->jobs);
	return f;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	while (!list_empty(&f->jobs)) {
		struct job *j = list_item(f->jobs.next, struct job, link);

		snprintf(j->error, sizeof j->error, "given up: the program ends");
		job_done(j, CURLE_ABORTED_BY_CALLBACK);
	}
	if (f->multi)
		lib.curl_multi_cleanup(f->multi);
	loop_timer_clear(f->loop, &f->timer);
	free(f);
}
