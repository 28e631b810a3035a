/* test_collectors_redact.c: no secret of a command line gets further, and what is none stays readable. */
#include "collectors/redact.h"

#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CHECK(cond, ...)                                  \
	do {                                              \
		if (!(cond)) {                            \
			print_error("row: " __VA_ARGS__); \
			print_error("\n");                \
			fail_msg("%s", #cond);            \
		}                                         \
	} while (0)
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Arguments are written with | between them. */
static const struct {
	const char *in, *out;
} rows[] = {
	/* nothing to hide */
	{ "ls|-la|/tmp", "ls -la /tmp" },
	{ "nginx: worker process", "nginx: worker process" },
	{ "postgres: app shop 10.0.0.7(40112) idle", "postgres: app shop 10.0.0.7(40112) idle" },
	{ "sshd: anna [priv]", "sshd: anna [priv]" },
	{ "ssh|-p|22|git@example.org", "ssh -p 22 git@example.org" },
	{ "git|clone|ssh://git@example.org/x.git", "git clone ssh://git@example.org/x.git" },
	{ "curl|http://[::1]:8080/a@b", "curl http://[::1]:8080/a@b" },
	{ "docker|run|-u|1000:1000|debian", "docker run -u 1000:1000 debian" },
	{ "rsync|host:/a:b|/c", "rsync host:/a:b /c" },
	{ "prog|--password-file=/run/secrets/x|--token-path|/x", "prog --password-file=/run/secrets/x --token-path /x" },
	{ "docker|login|--password-stdin", "docker login --password-stdin" },
	{ "llm|--max-tokens=100|--tokenizer|bpe", "llm --max-tokens=100 --tokenizer ***" }, /* in doubt it is hidden */
	{ "mkdir|-p|/srv/x", "mkdir -p /srv/x" },
	{ "passwd", "passwd" },
	{ "--password", "--password" },
	{ "prog|--password=", "prog --password=" },
	{ "", "" },
	/* options and variables */
	{ "prog|--password=hunter2", "prog --password=***" },
	{ "prog|--password=hun ter 2", "prog --password=***" },
	{ "prog|--password=a;b&c,d|next", "prog --password=*** next" },
	{ "prog|--password|hunter2|next", "prog --password *** next" },
	{ "prog|--password|-hunter2", "prog --password ***" },
	{ "prog|--password|--verbose", "prog --password --verbose" },
	{ "prog|-password|hunter2", "prog -password ***" },
	{ "prog|--api-key|abc|--apiKey=abc|-apikey=abc", "prog --api-key *** --apiKey=*** -apikey=***" },
	{ "prog|--client-secret=x|--db.pass=y|--auth|z", "prog --client-secret=*** --db.pass=*** --auth ***" },
	{ "env|TOKEN=abc|AWS_SECRET_ACCESS_KEY=x y|PGPASSWORD=z|psql", "env TOKEN=*** AWS_SECRET_ACCESS_KEY=*** PGPASSWORD=*** psql" },
	{ "java|-Djavax.net.ssl.keyStorePassword=changeit|-jar|a.jar", "java -Djavax.net.ssl.keyStorePassword=*** -jar a.jar" },
	{ "node|app.js|--dbPass=hunter2|--userPwd|hunter2", "node app.js --dbPass=*** --userPwd ***" },
	{ "x|--bypass|on|--compass=1", "x --bypass on --compass=1" },
	{ "plink|-pw|hunter2|host", "plink -pw *** host" },
	{ "x|MYSQL_PWD=a|Passphrase=b|CREDENTIALS=c", "x MYSQL_PWD=*** Passphrase=*** CREDENTIALS=***" },
	{ "x|Server=db;Uid=sa;Password=hunter2;Database=d", "x Server=db;Uid=sa;Password=***;Database=d" },
	{ "x|DefaultEndpointsProtocol=https;AccountKey=abc==;E=1", "x DefaultEndpointsProtocol=https;AccountKey=***;E=1" },
	{ "mount|-o|username=a,password=b,uid=0", "mount -o username=a,password=***,uid=0" },
	/* one argument that holds a whole command */
	{ "sh|-c|mysql -pSECRET db; echo done", "sh -c mysql -p*** db; echo done" },
	{ "sh|-c|prog --token abc --x; y", "sh -c prog --token *** --x; y" },
	{ "sh|-c|TOKEN=abc prog x", "sh -c TOKEN=***" }, /* the value of a whole argument may hold blanks */
	{ "sh|-c|export A=1 TOKEN='a b' x", "sh -c export A=1 TOKEN=*** x" },
	{ "bash|-c|curl -H \"Authorization: Bearer abc\" http://x", "bash -c curl -H \"Authorization: ***\" http://x" },
	{ "sh|-c|prog --password 'a b' next", "sh -c prog --password '***' next" },
	{ "prog --password=x --foo", "prog --password=*** --foo" },
	/* URLs */
	{ "psql|postgres://app:s3cret@db:5432/shop", "psql postgres://app:***@db:5432/shop" },
	{ "x|redis://:s3cret@host/0", "x redis://:***@host/0" },
	{ "x|amqp://u:p@ss@host/", "x amqp://u:***@host/" },
	{ "x|--url=https://u:p@h/?token=abc&x=1", "x --url=https://u:***@h/?token=***&x=1" },
	{ "git|clone|https://0123456789abcdef0123@example.org/x", "git clone https://***@example.org/x" },
	{ "x|jdbc:postgresql://h/db?user=a&password=b&c=d", "x jdbc:postgresql://h/db?user=a&password=***&c=d" },
	/* headers and other colons */
	{ "curl|-H|Authorization: Bearer abc.def|https://x", "curl -H Authorization: *** https://x" },
	{ "curl|-H|X-Api-Key: abc|-H|Accept: text/html", "curl -H X-Api-Key: *** -H Accept: text/html" },
	{ "curl|-HCookie:a=b", "curl -HCookie:***" },
	{ "curl|--header=Authorization:Basic abc", "curl --header=Authorization:***" },
	{ "openssl|rsa|-passin|pass:abc|-in|k.pem", "openssl rsa -passin pass:*** -in k.pem" },
	{ "x|bearer|abc", "x bearer ***" },
	{ "curl|-d|{\"user\":\"anna\",\"password\":\"hunter2\",\"x\":1}", "curl -d {\"user\":\"anna\",\"password\":***,\"x\":1}" },
	{ "curl|-d|{ \"api_key\": \"hunter2 2\", \"x\": 1 }", "curl -d { \"api_key\": ***, \"x\": 1 }" },
	{ "curl|-d|{'pin':1,'token':42}", "curl -d {'pin':1,'token':***" },
	{ "curl|-d|{\"secret\":\"a\\\"hunter2\"}", "curl -d {\"secret\":***}" },
	{ "sh|-c|curl -d \"{\\\"secret\\\": \\\"hunter2\\\"}\" h", "sh -c curl -d \"{\\\"secret\\\": ***}\" h" },
	/* users with their password */
	{ "curl|-u|anna:hunter2|http://x", "curl -u anna:*** http://x" },
	{ "curl|-uanna:hunter2|http://x", "curl -uanna:*** http://x" },
	{ "curl|--user|anna:hunter2|--proxy-user=a:b", "curl --user anna:*** --proxy-user=a:***" },
	{ "smbclient|-U|anna%hunter2|//h/s", "smbclient -U anna%*** //h/s" },
	{ "curl|-u|anna|http://x", "curl -u anna http://x" },
	/* letters that mean a password to one program alone */
	{ "mysql|-uroot|-phunter2|db", "mysql -uroot -p*** db" },
	{ "/usr/bin/mysqldump|-p|db", "/usr/bin/mysqldump -p db" },
	{ "sudo|mariadb|-phunter2", "sudo mariadb -p***" },
	{ "sshpass|-p|hunter2|ssh|h", "sshpass -p *** ssh h" },
	{ "sshpass|-phunter2|ssh|h", "sshpass -p*** ssh h" },
	{ "redis-cli|-a|hunter2|ping", "redis-cli -a *** ping" },
	{ "mongodump|-u|anna|-p|hunter2", "mongodump -u anna -p ***" },
	{ "ldapsearch|-x|-w|hunter2", "ldapsearch -x -w ***" },
	{ "7z|x|-phunter2|a.7z", "7z x -p*** a.7z" },
	{ "docker|login|-u|anna|-p|hunter2|h", "docker login -u anna -p *** h" },
	{ "docker|run|-p|8080:80|img", "docker run -p 8080:80 img" },
	{ "mosquitto_pub|-h|h|-p|1883|-P|hunter2", "mosquitto_pub -h h -p 1883 -P ***" },
	{ "useradd|-m|-p|hunter2|bob", "useradd -m -p *** bob" },
	/* tokens that are known by their look */
	{ "x|ghp_16C7e42F292c6912E7710c838347Ae178B4a", "x ***" },
	{ "x|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln|y", "x *** y" },
	{ "x|glpat-abcdefghijklmnopqrst", "x ***" },
	{ "x|sk-short", "x sk-short" },
	/* strange bytes */
	{ "a\nb|\x1b[31m|\xff\xc3\xbc", "a?b ?[31m ?\xc3\xbc" },
};

static size_t to_args(const char *in, char *out, size_t size)
{
	size_t len = strlen(in) + 1;

	assert_true(len <= size);
	memcpy(out, in, len);
	for (size_t i = 0; i < len; i++)
		if (out[i] == '|')
			out[i] = '\0';
	return len;
}

static void test_rows(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char args[256], out[160];
		size_t len = to_args(rows[i].in, args, sizeof args);
		size_t got = redact_command(args, len, out, sizeof out);

		CHECK(!strcmp(out, rows[i].out) && got == strlen(out), "%s\n got: %s\nwant: %s", rows[i].in, out, rows[i].out);
		redact_command(args, len - 1, out, sizeof out); /* the last NUL may be missing */
		CHECK(!strcmp(out, rows[i].out), "%s without its end: %s", rows[i].in, out);
	}
}

/* Cut anywhere, into room of any size: always valid, always ended, and no secret shows. */
static void test_cuts(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char args[256], out[160];
		size_t len = to_args(rows[i].in, args, sizeof args);

		for (size_t cut = 0; cut <= len; cut++)
			for (size_t size = 1; size < sizeof out; size += 7) {
				size_t got = redact_command(args, cut, out, size);

				CHECK(got < size && strlen(out) == got && utf8_valid(out, got), "%s cut at %zu", rows[i].in, cut);
				CHECK((cut < len && args[cut]) || (!strstr(out, "hunter2") && !strstr(out, "s3cret")), "%s cut at %zu: %s", rows[i].in, cut, out);
			}
	}
}

/* Any bytes at all: no crash, no endless walk, valid output. */
static void test_rubbish(void **unused)
{
	static const char parts[] = "-=:\"' \0|;&@/?pPuU%\xff\xc3";
	uint32_t seed = 1;

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		char args[64], out[40];
		size_t len = 0;

		for (; len < sizeof args && len < (size_t)(i % 64) + 1; len++) {
			seed = seed * 1664525u + 1013904223u;
			args[len] = parts[(seed >> 16) % (sizeof parts - 1)];
		}
		CHECK(utf8_valid(out, redact_command(args, len, out, sizeof out)), "%d", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_cuts), cmocka_unit_test(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
