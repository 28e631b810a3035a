/* config_show.c: a configuration and its keys in words: --check-config, --dump-config, --help=keys, and what a reload
 * leaves to the next start. */
#include "app/config_blocks.h"

#include "app/cli.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { MAX_SHOWN = 1 << 20, WIDTH = 78 };

/* ---- effective values ---- */

static void print_setting(const struct config *c, const struct key *k, size_t instance, struct buf *out)
{
	const char *origin = config_note(c, k, instance)->origin;
	struct buf value;

	buf_init(&value, MAX_SHOWN);
	key_print(k, key_field(c, k, instance), &value);
	buf_addf(out, "%s%-19s = %-24s  # %s", *k->section->name ? "\t" : "", k->name, value.data, origin ? origin : "default");
	if (!origin && !k->fallback)
		buf_addf(out, ": %s", k->otherwise);
	buf_addc(out, '\n');
	buf_release(&value);
}

static void print_section(const struct config *c, const struct section *s, size_t instance, struct buf *out)
{
	if (s->titled)
		buf_addf(out, "\n%s \"%s\" {\n", s->name, s->title(instance));
	else if (*s->name)
		buf_addf(out, "\n%s {\n", s->name);
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].section == s)
			print_setting(c, &keys[i], instance, out);
	if (*s->name)
		buf_adds(out, "}\n");
}

void config_print(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < sections_len; i++)
		for (size_t j = 0; j < sections[i]->count(); j++)
			print_section(c, sections[i], j, out);
	blocks_print(c, out);
}

/* ---- the two flags that only look ---- */

static int look(const struct cli *cli, struct config **c)
{
	struct buf errors;
	int err;

	buf_init(&errors, MAX_SHOWN);
	err = config_load(c, cli, &errors);
	fputs(errors.data, stderr);
	buf_release(&errors);
	if (!err)
		fputs((*c)->warnings, stderr);
	return err;
}

/* What was printed may be a full disk's or a closed pipe's. */
static int printed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

int config_check(const struct cli *cli)
{
	struct config *c = NULL;
	int err = look(cli, &c);

	if (!err) {
		printf("%s: ok\n", c->path ? c->path : "defaults and shipped rules, without a file");
		err = printed();
	}
	config_free(c);
	return err;
}

int config_dump(const struct cli *cli)
{
	struct config *c = NULL;
	struct buf out;
	int err = look(cli, &c);

	buf_init(&out, MAX_SHOWN);
	if (!err) {
		config_print(c, &out);
		fputs(out.data, stdout);
		err = printed();
	}
	buf_release(&out);
	config_free(c);
	return err;
}

/* ---- reload ---- */

bool config_same_listen(const struct config *a, const struct config *b)
{
	if (a->listen.n != b->listen.n)
		return false;
	for (size_t i = 0; i < a->listen.n; i++)
		if (strcmp(a->listen.at[i].text, b->listen.at[i].text) != 0)
			return false;
	return true;
}

/* A password that changed shows in neither of the two. */
static bool differs_in_secret(const struct config *old, const struct config *new, const struct key *k, size_t i)
{
	const char *was = k->kind->secret ? *(char **)key_field(old, k, i) : NULL, *is = k->kind->secret ? *(char **)key_field(new, k, i) : NULL;

	return was && is && strcmp(was, is) != 0;
}

static void note_change(const struct config *old, const struct config *new, const struct key *k, size_t i, struct buf *out)
{
	struct buf was, is;

	buf_init(&was, MAX_SHOWN);
	buf_init(&is, MAX_SHOWN);
	key_print(k, key_field(old, k, i), &was);
	key_print(k, key_field(new, k, i), &is);
	if (strcmp(was.data, is.data) != 0) {
		key_name(k, i, out);
		buf_addf(out, ": %s, now %s, takes effect at the next start\n", was.data, is.data);
	} else if (differs_in_secret(old, new, k, i)) {
		key_name(k, i, out);
		buf_adds(out, ": the password is another now, takes effect at the next start\n");
	}
	buf_release(&was);
	buf_release(&is);
}

void config_restart_notes(const struct config *old, const struct config *new, struct buf *out)
{
	for (size_t i = 0; i < keys_len; i++)
		for (size_t j = 0; keys[i].restart && j < keys[i].section->count(); j++)
			note_change(old, new, &keys[i], j, out);
}

/* ---- the keys themselves ---- */

/* A paragraph, each line behind an indent. */
static void wrap_behind(const char *indent, const char *text, struct buf *out)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > WIDTH) {
			buf_addc(out, '\n');
			column = 0;
		}
		buf_adds(out, column ? " " : indent);
		buf_add(out, text, len);
		column += (column ? 1 : strlen(indent)) + len;
		text += len + strspn(text + len, " ");
	}
	buf_addc(out, '\n');
}

static void wrap(const char *text, struct buf *out)
{
	wrap_behind("    ", text, out);
}

static void print_key(const struct key *k, struct buf *out)
{
	struct buf names, text;

	buf_init(&names, MAX_SHOWN);
	buf_init(&text, MAX_SHOWN);
	if (k->flag)
		buf_addf(&names, "--%s, ", k->flag);
	key_env(k, k->section->titled ? "NAME" : NULL, &names);
	buf_addf(out, "%-22s%s\n", k->name, names.data);

	buf_addf(&text, "%s Allowed: ", k->help);
	k->kind->allowed(k, &text);
	buf_adds(&text, ". Default: ");
	key_fallback(k, &text);
	buf_adds(&text, k->restart ? ". Takes effect at the next start." : ".");
	wrap(text.data, out);
	buf_release(&names);
	buf_release(&text);
}

static void print_block_key(const struct block_key *k, struct buf *out)
{
	buf_addf(out, "  %s\n", k->name);
	wrap(k->help, out);
}

void config_print_keys(struct buf *out)
{
	buf_adds(out, "Keys of the configuration file, and the variables that say the same. vedette.conf(5)\n");
	for (size_t i = 0; i < sections_len; i++) {
		if (*sections[i]->name)
			buf_addf(out, "\n%s%s { … }\n", sections[i]->name, sections[i]->titled ? " \"NAME\"" : "");
		else
			buf_addc(out, '\n');
		for (size_t j = 0; j < keys_len; j++)
			if (keys[j].section == sections[i])
				print_key(&keys[j], out);
		for (size_t j = 0; j < block_keys_len; j++)
			if (strcmp(block_keys[j].section, sections[i]->name) == 0)
				print_block_key(&block_keys[j], out);
	}
}

/* ---- a file to start from: every key, commented out, as it is by default ----
 * … stands where there is no default, so that a line that only lost its # is told, and does not swallow the next. */

static void print_sample(const struct key *k, struct buf *out)
{
	struct buf value;

	wrap_behind(*k->section->name ? "\t# " : "# ", k->help, out);
	buf_init(&value, MAX_SHOWN);
	if (k->fallback)
		key_fallback(k, &value);
	if (k->fallback)
		buf_addf(out, "%s#%s = %s\n", *k->section->name ? "\t" : "", k->name, value.data);
	else
		buf_addf(out, "%s#%s = …    # %s\n", *k->section->name ? "\t" : "", k->name, k->otherwise);
	buf_release(&value);
}

static void print_sample_section(const struct section *s, struct buf *out)
{
	buf_addc(out, '\n');
	if (*s->help)
		wrap_behind("# ", s->help, out);
	if (*s->name)
		buf_addf(out, "%s%s%s {\n", s->titled ? "#" : "", s->name, s->titled ? " \"NAME\"" : "");
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].section == s)
			print_sample(&keys[i], out);
	for (size_t i = 0; i < block_keys_len; i++) {
		if (strcmp(block_keys[i].section, s->name) != 0)
			continue;
		wrap_behind("\t# ", block_keys[i].help, out);
		buf_addf(out, "\t#%s = …\n", block_keys[i].name);
	}
	if (*s->name)
		buf_adds(out, s->titled ? "#}\n" : "}\n");
}

void config_print_sample(struct buf *out)
{
	buf_adds(out, "# vedette.conf: every key with its default. `vedette --check-config` says whether a file is right, SIGHUP reads it\n"
	              "# again, vedette.conf(5) tells more. Durations: 100ms 2s 5min 1h 1d; sizes: 1MB is 1000000 bytes, 1MiB 1048576.\n");
	for (size_t i = 0; i < sections_len; i++)
		print_sample_section(sections[i], out);
	buf_adds(out, "\n# Rules that are right for most hosts, as `vedette --help=rules` prints them. A block of the same name behind this line\n"
	              "# changes single keys of one; `enabled = false` takes it away.\n"
	              "include(\"" CONFIG_SHIPPED "\")\n");
}
