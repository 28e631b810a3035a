/* channel_webhook.c: one POST for each change, signed as Standard Webhooks 1.0 asks where a secret is set. */
#include "alerts/channel.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/xmalloc.h"

#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY 512

/* `whsec_` says that base64 follows; anything else is the key itself. */
static bool key_of(const char *secret, unsigned char key[MAX_KEY], size_t *n)
{
	size_t len = strlen(secret);

	if (strncmp(secret, "whsec_", 6) == 0)
		return len > 6 && len < MAX_KEY && base64_decode(key, n, secret + 6, len - 6);
	if (!len || len > MAX_KEY)
		return false;
	memcpy(key, secret, len);
	*n = len;
	return true;
}

bool webhook_secret_check(const char *secret)
{
	unsigned char key[MAX_KEY];
	size_t n;

	return key_of(secret, key, &n);
}

void webhook_sign(const char *secret, const char *id, int64_t timestamp_s, const char *body, size_t n, char out[64])
{
	unsigned char key[MAX_KEY], digest[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx hmac;
	size_t len = 0;
	char head[128];

	if (!key_of(secret, key, &len))
		len = 0; /* webhook_secret_check() refused it before */
	hmac_sha256_set_key(&hmac, len, key);
	hmac_sha256_update(&hmac, (size_t)snprintf(head, sizeof head, "%s.%lld.", id, (long long)timestamp_s), (const uint8_t *)head);
	hmac_sha256_update(&hmac, n, (const uint8_t *)body);
	hmac_sha256_digest(&hmac, sizeof digest, digest);
	memcpy(out, "v1,", 3);
	out[3 + base64_encode(out + 3, digest, sizeof digest, BASE64_STANDARD)] = '\0';
}

static const char *body(const struct telling *t, struct buf *out)
{
	const struct format *f = format_find(t->channel->format);

	f->body(t, out);
	return f->content_type;
}

struct sending {
	attempt_done_fn *done;
	void *user;
};

static void on_done(void *user, const struct fetch_result *r)
{
	struct sending *s = user;
	struct attempt_result result = {.status = r->status, .retry_after_ms = r->retry_after_ms, .error = r->error};
	char text[160];

	result.delivered = !r->error && r->status >= 200 && r->status < 300;
	result.hopeless = r->refused_address || r->status == 410; /* Gone: the receiver wants no more (Standard Webhooks) */
	if (!result.delivered && !result.error) {
		snprintf(text, sizeof text, "answered %d%s%.100s", r->status, *r->body ? ": " : "", r->body);
		result.error = text;
	}
	s->done(s->user, &result);
	free(s);
}

static bool is_content_type(const char *header)
{
	return strncasecmp(header, "Content-Type:", 13) == 0;
}

/* Our own, then the operator's; a Content-Type of his takes the place of ours. */
static const char **headers_of(const struct attempt *a, char lines[4][256])
{
	const struct channel *c = a->channel;
	const char **list = xcalloc(c->nheaders + 5, sizeof *list);
	int64_t now_s = clock_wall_ms() / 1000;
	size_t n = 0;

	snprintf(lines[0], 256, "Content-Type: %s", a->content_type);
	snprintf(lines[1], 256, "webhook-id: %s", a->message_id);
	snprintf(lines[2], 256, "webhook-timestamp: %lld", (long long)now_s);
	list[n++] = lines[0];
	for (size_t i = 0; i < c->nheaders; i++)
		list[is_content_type(c->headers[i]) ? 0 : n++] = c->headers[i];
	list[n++] = lines[1];
	list[n++] = lines[2];
	if (c->secret) {
		char signature[64];

		webhook_sign(c->secret, a->message_id, now_s, a->body, a->len, signature);
		snprintf(lines[3], 256, "webhook-signature: %s", signature);
		list[n++] = lines[3];
	}
	return list;
}

static void send_webhook(const struct attempt *a, attempt_done_fn *done, void *user)
{
	const struct channel *c = a->channel;
	struct sending *s = xzalloc(sizeof *s);
	char lines[4][256];
	const char **headers = headers_of(a, lines);
	struct fetch_request r = {
		.url = c->url,
		.headers = headers,
		.body = a->body,
		.len = a->len,
		.timeout_ms = c->timeout_ms,
		.redirects = c->redirects,
		.no_private = !c->allow_private,
		.ca_file = c->ca_file,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.proxy = c->proxy,
		.user = c->user,
		.password = c->password,
	};

	*s = (struct sending){done, user};
	fetch_start(a->fetch, &r, on_done, s);
	free(headers);
}

/* "Name: value" (RFC 9110 5.1): the name a token, and no line break that would begin another header. */
static bool header_ok(const char *header)
{
	size_t n = strspn(header, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n && header[n] == ':' && !strpbrk(header, "\r\n");
}

static const char *bad_header(const struct channel *c)
{
	for (size_t i = 0; i < c->nheaders; i++)
		if (!header_ok(c->headers[i]))
			return c->headers[i];
	return NULL;
}

static bool has_host(const char *url)
{
	const char *host = strstr(url, "//") + 2;

	return *host && !strchr("/?#:", *host);
}

static bool check(const struct channel *c, char *why, size_t size)
{
	if (!c->url || (strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0))
		snprintf(why, size, "url must start with http:// or https://");
	else if (!has_host(c->url))
		snprintf(why, size, "url names no host behind http:// or https://");
	else if (!c->format || !format_find(c->format))
		snprintf(why, size, "format must be one of: %s", format_names());
	else if (strcmp(c->format, "template") == 0 && !c->template)
		snprintf(why, size, "format = template needs template or template_file");
	else if (c->proxy && !c->allow_private && c->redirects)
		snprintf(why, size, "private = false with a proxy allows no redirects: the proxy would follow them unseen");
	else if (bad_header(c))
		snprintf(why, size, "a header is written \"Name: value\" on one line, and one of `headers` is not"); /* it may hold a secret */
	else if (c->secret && !webhook_secret_check(c->secret))
		snprintf(why, size, "the secret must be whsec_ and base64, or a text of 1 to %d bytes", MAX_KEY);
	else
		return !c->template || webhook_template_check(c->template, why, size);
	return false;
}

const struct channel_kind channel_webhook = {"webhook", body, send_webhook, check, NULL};
