/* query.c: the target of a request, its headers, and what is read from them: lines of `name: value` behind the
 * first one, which is the target. */
#include "fuzz.h"

#include "engineio/engine.h"

#define MAX_LINES 16

static void look(const struct eio_request *r)
{
	struct eio_cors cors = {.on = true, .reflect = true, .max_age_s = 1};
	struct eio_headers h = {0};

	for (size_t i = 0; i < r->nquery; i++)
		assert(eio_request_query(r, r->query[i].name));
	for (size_t i = 0; i < r->nheaders; i++)
		assert(eio_request_header(r, r->headers[i].name));
	eio_request_query(r, "sid");
	cors_apply(&cors, r, &h);
	cors_preflight(&cors, r, &h);
	for (size_t i = 0; i < h.list.n; i++)
		assert(!strpbrk(h.list.at[i].value, "\r\n"));
	headers_release(&h);
	deflate_answer(eio_request_header(r, "sec-websocket-extensions"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eio_pair headers[MAX_LINES];
	char *text = malloc(n + 1), *line, *rest = text;
	struct eio_request *r;
	size_t count = 0;

	memcpy(text, data, n);
	text[n] = '\0';
	line = strsep(&rest, "\n");
	for (char *at; rest && count < MAX_LINES && (at = strsep(&rest, "\n"));) {
		char *colon = strchr(at, ':');

		if (colon) {
			*colon = '\0';
			headers[count++] = (struct eio_pair){at, colon + 1};
		}
	}
	r = eio_request_new("GET", line, "127.0.0.1", false, headers, count);
	look(r);
	eio_request_unref(r);
	free(text);
	return 0;
}
