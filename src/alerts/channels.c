/* channels.c: the table, and what channels have in common. */
#include "alerts/channels.h"

#include <stdlib.h>
#include <string.h>

#define ROW_ADDRESS(name) &channel_##name,
const struct channel_kind *const channel_kinds[] = {CHANNELS(ROW_ADDRESS)};
const size_t channel_kinds_len = sizeof channel_kinds / sizeof *channel_kinds;

const struct channel_kind *channel_kind_find(const char *name)
{
	for (size_t i = 0; i < channel_kinds_len; i++)
		if (strcmp(channel_kinds[i]->name, name) == 0)
			return channel_kinds[i];
	return NULL;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void channel_release(struct channel *c)
{
	char *texts[] = {c->name,      c->url,      c->format, c->template, c->secret, c->ca_file, c->cert_file,
	                 c->key_file,  c->proxy,    c->smtp,   c->from,     c->user,   c->password};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	free_list(c->rules, c->nrules);
	free_list(c->headers, c->nheaders);
	free_list(c->command, c->ncommand);
	free_list(c->to, c->nto);
	*c = (struct channel){0};
}
