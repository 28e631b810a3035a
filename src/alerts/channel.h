/* channel.h: a way to tell people. A kind is one file, channel_NAME.c, and one row in channels.h.
 *
 * A kind makes the body when an alert changes (it is kept in the outbox as it is), and sends it later, as often as it takes. Loop thread. */
#ifndef ALERTS_CHANNEL_H
#define ALERTS_CHANNEL_H

#include "alerts/alerts.h"
#include "base/buf.h"
#include "loop/fetch.h"
#include "loop/loop.h"

struct channel_kind;

/* `tls` of an email. Not said: STARTTLS where the server offers it, and required of one that gets a password or has a ca_file. */
enum channel_tls { CHANNEL_TLS_UNSAID, CHANNEL_TLS_REQUIRED, CHANNEL_TLS_NONE };

/* One channel of the configuration. Owned by it; plain data. */
struct channel {
	char *name;
	const struct channel_kind *kind;
	uint32_t timeout_ms;           /* of one attempt */
	int64_t max_age_ms;            /* then a message is a dead letter */
	uint32_t max_attempts;         /* likewise; 0: as many as it takes */
	int64_t max_wait_ms;           /* between attempts */
	enum severity least;           /* milder ones are not told */
	char **rules;                  /* patterns of rule names; none: all */
	size_t nrules;
	/* webhook */
	char *url, *format, *template, *secret; /* secret as it was read, "whsec_…" or plain; NULL: not signed */
	char **headers;                /* "Name: value" */
	size_t nheaders;
	unsigned redirects;
	bool allow_private;
	char *ca_file, *cert_file, *key_file, *proxy;
	/* exec: argv, the first an absolute path */
	char **command;
	size_t ncommand;
	/* email */
	char *smtp, *from, *user, *password;
	char **to;
	size_t nto;
	enum channel_tls tls;
};
void channel_release(struct channel *c);

/* A change that is to be told. */
struct telling {
	const struct channel *channel;
	const struct alert_view *alert;
	struct alerts *alerts;         /* for the group of the same rule */
	const char *host, *external_url; /* of the dashboard, ends in '/' */
	int64_t now_ms;
};
void telling_link(const struct telling *t, struct buf *out);   /* where the dashboard shows this alert */
void telling_object(const struct telling *t, struct buf *out); /* the alert object, and that link as its `url` */

/* One attempt. */
struct attempt {
	const struct channel *channel;
	const char *message_id, *body, *content_type;
	size_t len;
	struct loop *loop;
	struct fetch *fetch;
};
struct attempt_result {
	bool delivered, hopeless;      /* hopeless: no further attempt is of use */
	int status;
	const char *error;             /* NULL if delivered; or who of several did not get it, and never will */
	int64_t retry_after_ms;        /* -1: as we like */
};
typedef void attempt_done_fn(void *user, const struct attempt_result *r);

struct channel_kind {
	const char *name;              /* "webhook" */
	/* Appends the body; returns its content type. */
	const char *(*body)(const struct telling *t, struct buf *out);
	/* done is called once, never before it returned. */
	void (*send)(const struct attempt *a, attempt_done_fn *done, void *user);
	/* What is wrong with the configuration of one, in words; false and a text in why. */
	bool (*check)(const struct channel *c, char *why, size_t size);
	/* The program ends: attempts that are under way are given up, their done is called. NULL: nothing of its own. */
	void (*end)(void);
};

/* --- formats of a webhook, a row each --- */

struct format {
	const char *name, *content_type;
	void (*body)(const struct telling *t, struct buf *out);
};
const struct format *format_find(const char *name); /* "json", "alertmanager", "slack", "discord", "template" */
const char *format_names(void);                     /* for errors: "json, alertmanager, …" */

/* Does an alert have all that a template of one's own asks for? false and a text in why. */
bool webhook_template_check(const char *text, char *why, size_t size);

/* Standard Webhooks 1.0: `v1,<base64 of HMAC-SHA256>` over id.timestamp.body. out has room for 64. */
bool webhook_secret_check(const char *secret); /* `whsec_` and base64, or any other text that is not empty */
void webhook_sign(const char *secret, const char *id, int64_t timestamp_s, const char *body, size_t n, char out[64]);

#endif
