/* cli.c: the command line, getopt_long(3). Exit codes are those of sysexits(3). */
#include "app/cli.h"

#include "app/config.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char help[] =
	"Usage: vedette [FLAG…] [COMMAND]\n"
	"\n"
	"Watches this host and serves what it sees: start it, then open\n"
	"http://127.0.0.1:8338/ in a browser on this host (the address is also in its\n"
	"first lines). From elsewhere: ssh -L 8338:127.0.0.1:8338 HOST, same address.\n"
	"\n"
	"  --config FILE        read FILE (" CONFIG_DEFAULT_PATH ", if it is there)\n"
	"  --listen ADDR:PORT   serve there (127.0.0.1:8338); may be given several times\n"
	"  --data-dir DIR       keep state in DIR\n"
	"  --web-dir DIR        read the dashboard from DIR, to work on it\n"
	"  --check-config       say whether the configuration is right, and exit\n"
	"  --dump-config        print what is in force and where it comes from, and exit\n"
	"  --explain RULE       say what an alert rule sees now, and why it fires or not\n"
	"  --test-rules FROM TO say what would have fired; like -6h now, or\n"
	"                       2026-11-23T04:00 2026-11-23T05:00\n"
	"  --version            print the version, and exit\n"
	"  --help[=keys|=file|=rules]\n"
	"                       print this, every key of the configuration, a file to\n"
	"                       start from, or the shipped alert rules, and exit\n"
	"\n"
	"  token add NAME [viewer|operator], token list, token revoke NAME\n"
	"                       who may look or act; the token is shown once\n"
	"  test-channel NAME    send a test through a webhook, program or mail of alerts\n"
	"\n"
	"Flags beat the environment (VEDETTE_LISTEN, …), which beats the file. SIGHUP\n"
	"reads the file again, SIGTERM ends. Exit codes: 64 usage, 69 address in use,\n"
	"73 cannot keep state, 77 permission, 78 configuration. vedette(8)\n";

#define FLAGS "--config, --listen, --data-dir, --web-dir, --check-config, --dump-config, --explain, --test-rules, --version, --help"

enum { CONFIG = 256, SETTING, CHECK, DUMP, EXPLAIN, TEST_RULES, VERSION, HELP };

/* Those of SETTING are the flags of the key table (config_keys.c). */
static const struct option options[] = {
	{"config",       required_argument, NULL, CONFIG },
	{"listen",       required_argument, NULL, SETTING},
	{"data-dir",     required_argument, NULL, SETTING},
	{"web-dir",      required_argument, NULL, SETTING},
	{"check-config", no_argument,       NULL, CHECK  },
	{"dump-config",  no_argument,       NULL, DUMP   },
	{"explain",      required_argument, NULL, EXPLAIN},
	{"test-rules",   no_argument,       NULL, TEST_RULES},
	{"version",      no_argument,       NULL, VERSION},
	{"help",         optional_argument, NULL, HELP   },
	{NULL,           0,                 NULL, 0      },
};

enum { MAX_NAME = 64 }; /* of a token */

static void add_setting(struct cli *cli, const char *flag, const char *value)
{
	cli->settings = xreallocarray(cli->settings, cli->nsettings + 1, sizeof *cli->settings);
	cli->settings[cli->nsettings++] = (struct cli_setting){.flag = flag, .value = value};
}

static int printed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

static int print_version(void)
{
	puts("vedette " VEDETTE_VERSION);
	return printed();
}

static int print_text(void (*print)(struct buf *out))
{
	struct buf out;

	buf_init(&out, 1 << 20);
	print(&out);
	fputs(out.data, stdout);
	buf_release(&out);
	return printed();
}

static int print_help(const char *topic)
{
	static const struct {
		const char *topic;
		void (*print)(struct buf *out);
	} topics[] = {{"keys", config_print_keys}, {"file", config_print_sample}, {"rules", config_print_rules}};

	for (size_t i = 0; topic && i < sizeof topics / sizeof *topics; i++)
		if (strcmp(topic, topics[i].topic) == 0)
			return print_text(topics[i].print);
	if (topic) {
		fprintf(stderr, "vedette: there is no help on \"%s\"; --help=keys is on the configuration, --help=file is one to start from, --help=rules the shipped alert rules\n", topic);
		return EX_USAGE;
	}
	fputs(help, stdout);
	return printed();
}

/* What getopt_long(3) leaves in optopt: a letter, the code of a flag that we know, or 0 for one that nobody knows. */
static int wrong_flag(const char *arg, int code)
{
	const char *what = code == ':' ? "needs a value" : optopt >= CONFIG ? "takes no value" : "is not a flag";

	if (optopt > 0 && optopt < CONFIG)
		fprintf(stderr, "vedette: -%c %s; the flags are " FLAGS "\n", optopt, what);
	else
		fprintf(stderr, "vedette: %s %s; the flags are " FLAGS "\n", arg, what);
	return EX_USAGE;
}

static int wrong_word(const char *arg)
{
	fprintf(stderr, "vedette: \"%s\" is not understood; commands are token and test-channel, flags are " FLAGS "\n", arg);
	return EX_USAGE;
}

static int wrong_command(const char *usage)
{
	fprintf(stderr, "usage: vedette %s\n", usage);
	return EX_USAGE;
}

/* Names stand in lists and in the audit, where they can be told from those who have no token (auth.h). */
static bool may_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return utf8_valid(name, strlen(name)) && strcmp(name, "anonymous") != 0 && strcmp(name, "nobody") != 0;
}

/* token add NAME [ROLE] | list | revoke NAME */
static int take_token(struct cli *cli, int n, char **words)
{
	static const char usage[] = "token add NAME [viewer|operator] | token list | token revoke NAME";

	if (n == 1 && strcmp(words[0], "list") == 0) {
		cli->command = CLI_TOKEN_LIST;
	} else if (n == 2 && strcmp(words[0], "revoke") == 0) {
		cli->command = CLI_TOKEN_REVOKE;
		cli->name = words[1];
	} else if ((n == 2 || n == 3) && strcmp(words[0], "add") == 0) {
		cli->command = CLI_TOKEN_ADD;
		cli->name = words[1];
		cli->role = n == 3 ? words[2] : "viewer";
		if (strcmp(cli->role, "viewer") != 0 && strcmp(cli->role, "operator") != 0)
			return wrong_command(usage);
	} else {
		return wrong_command(usage);
	}
	if (cli->name && (*cli->name == '-' || !*cli->name || strlen(cli->name) > MAX_NAME)) {
		fprintf(stderr, "vedette token: a name has 1 to %d letters and does not start with a dash\n", MAX_NAME);
		return EX_USAGE;
	}
	if (cli->command == CLI_TOKEN_ADD && !may_name(cli->name)) {
		fputs("vedette token: a name is text on one line; \"anonymous\" and \"nobody\" are those without a token\n", stderr);
		return EX_USAGE;
	}
	return CLI_CONTINUE;
}

static int take_command(struct cli *cli, int n, char **words)
{
	if (cli->command == CLI_TEST_RULES) {
		if (n != 2)
			return wrong_command("--test-rules FROM TO, such as --test-rules -6h now");
		cli->from = words[0];
		cli->to = words[1];
		return CLI_CONTINUE;
	}
	if (strcmp(words[0], "token") == 0)
		return take_token(cli, n - 1, words + 1);
	if (strcmp(words[0], "test-channel") == 0) {
		cli->command = CLI_TEST_CHANNEL;
		cli->name = n == 2 ? words[1] : NULL;
		return n == 2 ? CLI_CONTINUE : wrong_command("test-channel NAME");
	}
	return wrong_word(words[0]);
}

/* One flag; code and row are getopt_long's. */
static int take(struct cli *cli, int code, int row, const char *arg)
{
	switch (code) {
	case CONFIG: cli->config = optarg; break;
	case SETTING: add_setting(cli, options[row].name, optarg); break;
	case CHECK: cli->check = true; break;
	case DUMP: cli->dump = true; break;
	case EXPLAIN:
		cli->command = CLI_EXPLAIN;
		cli->name = optarg;
		break;
	case TEST_RULES: cli->command = CLI_TEST_RULES; break;
	case VERSION: return print_version();
	case HELP: return print_help(optarg);
	default: return wrong_flag(arg, code);
	}
	return CLI_CONTINUE;
}

/* What is left is the file that is to be looked at, or a command. Times of --test-rules may start with a dash. */
static int take_rest(struct cli *cli, int argc, char **argv, int at)
{
	if (at < argc && (cli->check || cli->dump) && !cli->config)
		cli->config = argv[at++];
	if (at < argc || cli->command == CLI_TEST_RULES)
		return take_command(cli, argc - at, argv + at);
	return CLI_CONTINUE;
}

int cli_parse(int argc, char **argv, struct cli *out)
{
	struct cli cli = {.config = NULL};
	int code, row = 0, err = CLI_CONTINUE;

	optind = 0; /* getopt(3): start afresh, also in its hidden state */
	opterr = 0;
	while (err == CLI_CONTINUE && cli.command != CLI_TEST_RULES && (code = getopt_long(argc, argv, "+:", options, &row)) != -1)
		err = take(&cli, code, row, argv[optind > 1 ? optind - 1 : 1]);
	if (err == CLI_CONTINUE)
		err = take_rest(&cli, argc, argv, optind);
	if (err == CLI_CONTINUE)
		*out = cli;
	else
		cli_release(&cli);
	return err;
}

void cli_release(struct cli *cli)
{
	free(cli->settings);
	*cli = (struct cli){.config = NULL};
}
