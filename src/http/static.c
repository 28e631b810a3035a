/* static.c: the embedded files, and in development those of a folder. */
#include "base/xmalloc.h"
#include "http/assets.h"
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_path(const void *path, const void *asset)
{
	return strcmp(path, ((const struct asset *)asset)->path);
}

static const struct asset *find(const char *path)
{
	return bsearch(path, assets, assets_len, sizeof *assets, by_path);
}

/* Does the client hold this version? If-None-Match compares weakly (RFC 9110 13.1.2). */
static bool is_held(const struct http_request *r, const char *etag)
{
	const char *held = http_header(r, "if-none-match");

	if (strncmp(etag, "W/", 2) == 0)
		etag += 2;
	return held && (strcmp(held, "*") == 0 || strstr(held, etag));
}

struct body {
	const unsigned char *data;
	size_t n;
	const char *coding;
};

static struct body pick(const struct http_request *r, const struct asset *a)
{
	const char *accepted = http_header(r, "accept-encoding");

	if (a->br && encode_accepts(accepted, "br"))
		return (struct body){a->br, a->br_len, "br"};
	if (a->gz && encode_accepts(accepted, "gzip"))
		return (struct body){a->gz, a->gz_len, "gzip"};
	return (struct body){a->raw, a->raw_len, NULL};
}

static void reply(struct http_request *r, const struct asset *a, const char *etag, const char *cache)
{
	struct body b = pick(r, a);
	bool held = is_held(r, etag);
	struct MHD_Response *response = MHD_create_response_from_buffer(held ? 0 : b.n, (void *)(uintptr_t)b.data, MHD_RESPMEM_PERSISTENT);

	r->listener->server->counters.bytes_out += held ? 0 : b.n;
	MHD_add_response_header(response, "Content-Type", a->type);
	MHD_add_response_header(response, "ETag", etag);
	MHD_add_response_header(response, "Cache-Control", cache);
	MHD_add_response_header(response, "Vary", "Accept-Encoding");
	if (b.coding && !held)
		MHD_add_response_header(response, "Content-Encoding", b.coding);
	request_reply(r, held ? 304 : 200, response);
}

/* --- from a folder --- */

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{".html", "text/html; charset=utf-8"},        {".js", "text/javascript; charset=utf-8"},
		{".mjs", "text/javascript; charset=utf-8"},   {".css", "text/css; charset=utf-8"},
		{".svg", "image/svg+xml"},                    {".png", "image/png"},
		{".map", "application/json; charset=utf-8"},  {".json", "application/json; charset=utf-8"},
		{".webmanifest", "application/manifest+json"}, {".ico", "image/x-icon"},
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(dot, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

static bool reply_file(struct http_request *r, const char *path, const char *dir)
{
	char *name = xasprintf("%s%s", dir, path);
	struct stat st;
	int fd = strstr(path, "..") ? -1 : open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *data = NULL;
	bool found = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	if (found) {
		data = xmalloc((size_t)st.st_size + 1);
		found = read(fd, data, (size_t)st.st_size) == st.st_size;
	}
	if (found) {
		http_add_header(r, "Cache-Control", "no-store");
		http_reply(r, 200, type_of(path), data, (size_t)st.st_size);
	} else {
		free(data);
	}
	if (fd >= 0)
		close(fd);
	free(name);
	return found;
}

bool http_reply_asset(struct http_request *r, const char *path, const char *dir)
{
	const struct asset *a;

	if (dir)
		return reply_file(r, path, dir);
	a = find(path);
	if (a)
		reply(r, a, a->etag, a->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	return a != NULL;
}

/* --- Socket.IO's browser bundles --- */

static const char *const bundles[] = {
	"socket.io.js",         "socket.io.js.map",         "socket.io.min.js",         "socket.io.min.js.map",
	"socket.io.esm.min.js", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
};

/* The client's version, from the comment that its bundle starts with: `Socket.IO v4.8.4`. */
static void version_etag(const struct asset *a, char out[32])
{
	char head[64] = "";
	const char *v;
	int major, minor, patch;

	memcpy(head, a->raw, a->raw_len < sizeof head - 1 ? a->raw_len : sizeof head - 1);
	v = strstr(head, " v");
	if (v && sscanf(v, " v%d.%d.%d", &major, &minor, &patch) == 3)
		snprintf(out, 32, "\"%d.%d.%d\"", major, minor, patch);
	else
		snprintf(out, 32, "%.31s", a->etag);
}

bool client_bundle(struct http_request *r, const struct eio_server *engine)
{
	size_t n = strcspn(r->target, "?");
	const struct asset *a = NULL, *first = find("/socket.io/socket.io.js");
	char etag[32];

	for (size_t i = 0; i < sizeof bundles / sizeof *bundles && !a; i++) {
		size_t len = strlen(bundles[i]);

		if (n > len && r->target[n - len - 1] == '/' && memcmp(r->target + n - len, bundles[i], len) == 0) {
			char path[64];

			snprintf(path, sizeof path, "/socket.io/%s", bundles[i]);
			a = find(path);
		}
	}
	if (!a || !first || (strcmp(http_method(r), "GET") != 0 && !r->is_head))
		return false;
	version_etag(first, etag);
	if (!r->headers)
		r->headers = eio_headers_new();
	eio_cors_headers(engine, r->ex.request, r->headers);
	reply(r, a, etag, "public, max-age=0");
	return true;
}
