/* fetch.h: outgoing HTTP and SMTP on the loop: libcurl's multi interface. Nothing blocks; names are looked up by
 * curl's own threads. libcurl is looked for when it is needed first: a host without it can do all else. Loop thread. */
#ifndef LOOP_FETCH_H
#define LOOP_FETCH_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch;
struct fetch *fetch_new(struct loop *l);
void fetch_free(struct fetch *f);        /* what is under way is given up: done is called with an error */
bool fetch_works(const char **why);      /* false: there is no libcurl, and *why says what to do, a text that stays */

/* Of smtp: STARTTLS. The certificate is checked where TLS is required; where it is tried, any will do, as the alternative is clear
 * text (RFC 7435). smtps is TLS from its first byte, required and checked, whatever this says. */
enum fetch_tls { FETCH_TLS_TRIED, FETCH_TLS_REQUIRED, FETCH_TLS_NONE };

/* Strings are copied by fetch_start(). NULL: the default. */
struct fetch_request {
	const char *url;               /* http, https, smtp or smtps; others are refused */
	const char *method;            /* "GET", or "POST" if there is a body */
	const char *const *headers;    /* "Name: value", ends with NULL */
	const char *body;
	size_t len;
	uint32_t timeout_ms;           /* all of it; 15000 */
	size_t most;                   /* bytes of the answer that are kept; 1000 */
	unsigned redirects;            /* that are followed; 0 */
	/* Refuse addresses of loopback, private and link-local networks, also behind names and redirects. With a proxy it is the target's
	 * addresses, as this host's resolver knows them, that are judged before the proxy is asked; the proxy's own may be any. Behind a
	 * proxy nobody judges redirects: none may be asked for. */
	bool no_private;
	const char *ca_file, *cert_file, *key_file, *proxy, *user, *password;
	enum fetch_tls tls;
	const char *mail_from;
	const char *const *mail_to;    /* ends with NULL; who is refused does not keep it from the others */
};

/* What the server said to one recipient of a mail. */
struct fetch_reply {
	int code;                      /* 0: nothing */
	char text[120];                /* code and text of its last line, printable */
};

struct fetch_result {
	const char *error;             /* NULL if there was an answer; else what happened, for people */
	int status;                    /* HTTP status, or SMTP's last reply; 0 without an answer */
	int64_t retry_after_ms;        /* of Retry-After, at most a day; -1 when it says nothing */
	const char *body;              /* its first bytes, NUL-terminated */
	bool refused_address;          /* no_private refused it: trying again is of no use */
	bool no_tls, untrusted;        /* TLS was required: there was none; its certificate is not good */
	const struct fetch_reply *replies; /* of a mail, one for each of mail_to */
	size_t nreplies;
};

typedef void fetch_done_fn(void *user, const struct fetch_result *r);
/* done is called once, never before fetch_start() has returned; without libcurl with an error that says so. 0 or -EINVAL: no such
 * kind of URL. */
int fetch_start(struct fetch *f, const struct fetch_request *r, fetch_done_fn *done, void *user);

#endif
