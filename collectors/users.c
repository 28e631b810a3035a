/* users.c: the names of users, remembered. */
#include "collectors/users.h"

#include "collectors/read.h"

#include "base/clock.h"
#include "base/xmalloc.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#define KNOWN_MAX 256          /* then they are all forgotten */
#define KNOWN_MS (10 * 60 * 1000) /* after which they are, too: names change */
#define PASSWD_MAX (1u << 20)

struct user {
	uint32_t uid;
	char name[33];
};
struct users {
	struct user known[KNOWN_MAX];
	size_t n;
	int64_t since_ms;
	char *root;
};

struct users *users_new(const char *root)
{
	struct users *u = xzalloc(sizeof *u);

	u->root = xstrdup(root);
	return u;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	free(u->root);
	free(u);
}

/* "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin" */
static bool find_line(struct text text, uint32_t uid, struct user *out)
{
	struct text line, name, password;
	uint64_t n;

	while (text_line(&text, &line)) {
		if (!text_until(&line, ':', &name) || !text_until(&line, ':', &password) || !text_u64(&line, &n) || n != uid)
			continue;
		text_clean(&name, out->name, sizeof out->name);
		return out->name[0];
	}
	return false;
}

static bool find_file(const struct users *u, struct user *out)
{
	struct source passwd = { 0 };
	bool found = false;

	if (source_open(&passwd, u->root, "etc/passwd", PASSWD_MAX))
		return false;
	if (!source_read(&passwd))
		found = find_line(source_text(&passwd), out->uid, out);
	source_close(&passwd);
	return found;
}

static bool find_elsewhere(const struct users *u, struct user *out)
{
	char room[4096];
	struct passwd entry, *found = NULL;
	struct text name;

	if (strcmp(u->root, "/") || getpwuid_r(out->uid, &entry, room, sizeof room, &found) || !found)
		return false;
	name = text_of(entry.pw_name, strlen(entry.pw_name));
	return text_clean(&name, out->name, sizeof out->name);
}

static const struct user *look_up(struct users *u, uint32_t uid)
{
	struct user *new;

	if (u->n == KNOWN_MAX || clock_mono_ms() - u->since_ms > KNOWN_MS)
		u->n = 0;
	if (!u->n)
		u->since_ms = clock_mono_ms();
	new = &u->known[u->n++];
	*new = (struct user){ .uid = uid };
	if (!find_file(u, new) && !find_elsewhere(u, new))
		snprintf(new->name, sizeof new->name, "%u", uid);
	return new;
}

void users_name(struct users *u, uint32_t uid, char *out, unsigned size)
{
	const struct user *user = NULL;

	for (size_t i = 0; i < u->n && !user; i++)
		if (u->known[i].uid == uid)
			user = &u->known[i];
	if (!user)
		user = look_up(u, uid);
	snprintf(out, size, "%s", user->name);
}
