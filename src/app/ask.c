/* ask.c: questions of the command line to the Vedette that runs. */
#include "app/ask.h"

#include "base/json.h"
#include "base/xmalloc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reply {
	char *error, *body;
	int status;
	bool done;
};

static void on_reply(void *user, const struct fetch_result *r)
{
	struct reply *reply = user;

	reply->error = r->error ? xstrdup(r->error) : NULL;
	reply->body = xstrdup(r->body);
	reply->status = r->status;
	reply->done = true;
}

/* Any address of ours will do: one that stands for all is asked on loopback. */
static char *url_take(const struct config *c, const char *path)
{
	const struct config_addr *a = &c->listen.at[0];
	bool any = strcmp(a->host, "0.0.0.0") == 0 || strcmp(a->host, "::") == 0;

	if (any)
		return xasprintf("http://%s:%u%s", strcmp(a->host, "::") == 0 ? "[::1]" : "127.0.0.1", a->port, path);
	return xasprintf("http://%s%s", a->text, path);
}

static void fetch(struct ask *a, const struct fetch_request *request, struct reply *r)
{
	if (!a->fetch)
		a->fetch = fetch_new(a->loop);
	fetch_start(a->fetch, request, on_reply, r);
	while (!r->done)
		loop_turn(a->loop, -1);
}

static bool is_object(const char *body)
{
	return json_valid(slice_str(body), 50) && json_type(slice_str(body)) == JSON_IS_OBJECT;
}

/* What Vedette says in a refusal; nothing in an answer of somebody else. */
static void add_refusal(const struct reply *r, struct buf *text)
{
	struct slice error;

	if (is_object(r->body) && json_get(slice_str(r->body), "error", &error) && json_type(error) == JSON_IS_STRING)
		json_unquote(text, error);
}

static bool is_fine(const struct ask *a, const struct reply *r)
{
	struct buf text;
	bool fine;

	buf_init(&text, 4000);
	add_refusal(r, &text);
	fine = a->fine && strncmp(text.data, a->fine, strlen(a->fine)) == 0;
	buf_release(&text);
	return fine;
}

/* Somebody else may listen there: what is no answer of ours is not shown. */
static void print_refusal(const char *url, const struct reply *r)
{
	struct buf text;

	buf_init(&text, 4000);
	add_refusal(r, &text);
	if (!text.len)
		buf_addf(&text, "%s answers with %d, and not as Vedette does", url, r->status);
	fprintf(stderr, "vedette: %s\n", text.data);
	if (r->status == 401 || r->status == 403)
		fprintf(stderr, "vedette: put a token into VEDETTE_TOKEN; `vedette token add` makes one\n");
	buf_release(&text);
}

char *ask_take(struct ask *a, const char *method, const char *path)
{
	const char *secret = getenv("VEDETTE_TOKEN");
	char *url = url_take(a->config, path), *auth = secret ? xasprintf("Authorization: Bearer %s", secret) : NULL;
	const char *headers[] = {auth, NULL};
	struct fetch_request request = {.url = url, .method = method, .headers = headers, .timeout_ms = 60000, .most = 64 << 20};
	struct reply r = {.error = NULL};
	bool good;

	if (strcmp(method, "POST") == 0)
		request.body = "";
	fetch(a, &request, &r);
	good = !r.error && r.status == 200 && is_object(r.body);
	if (!good && !r.error && is_fine(a, &r)) {
		free(r.body);
		r.body = xstrdup("{}");
		good = true;
	}
	if (r.error)
		fprintf(stderr, "vedette: cannot ask the running Vedette at %s: %s\n", url, r.error);
	else if (!good)
		print_refusal(url, &r);
	if (!good) {
		free(r.body);
		r.body = NULL;
	}
	free(r.error);
	free(auth);
	free(url);
	return r.body;
}

void ask_add_encoded(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._~/", *p))
			buf_addc(out, *p);
		else
			buf_addf(out, "%%%02X", (unsigned char)*p);
	}
}

void ask_release(struct ask *a)
{
	fetch_free(a->fetch);
	a->fetch = NULL;
}
