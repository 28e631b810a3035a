// make deb: a package that dpkg takes, of a program that starts where it was unpacked.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ROOT } from "./harness.mjs";

const has_dpkg = ["dpkg-deb", "dpkg-shlibdeps"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
const { MAKEFLAGS, MFLAGS, MAKELEVEL, ...env } = process.env; // the release build is packaged, whatever is tested here
const run = (program, ...args) => execFileSync(program, args, { cwd: ROOT, env, encoding: "utf8" });

test("make deb", { skip: !has_dpkg && "no dpkg on this host" }, (t) => {
	const deb = run("make", "-s", "deb").trim().split("\n").at(-1), dir = mkdtempSync(path.join(tmpdir(), "vedette-e2e-"));
	t.after(() => rmSync(dir, { recursive: true }));
	const field = (name) => run("dpkg-deb", "-f", deb, name).trim(), version = readFileSync(path.join(ROOT, "VERSION"), "utf8").trim();

	assert.deepEqual([field("Package"), field("Version")], ["vedette", version]);
	assert.match(field("Depends"), /\blibc6 \(>= .*\blibgnutls30\b/);
	assert.ok(run("dpkg-deb", "-c", deb).split("\n").every((line) => !line || line.includes(" root/root ")), "all of it is root's");
	run("dpkg-deb", "-R", deb, dir);
	run("sh", "-c", 'cd "$0" && md5sum --quiet -c DEBIAN/md5sums', dir);
	assert.equal(readFileSync(path.join(dir, "DEBIAN/conffiles"), "utf8"), "/etc/vedette/vedette.conf\n");
	assert.match(run(path.join(dir, "usr/bin/vedette"), "--version"), new RegExp(version.replaceAll(".", "\\.")));
	run(path.join(dir, "usr/bin/vedette"), "--check-config", "--config", path.join(dir, "etc/vedette/vedette.conf"));
	assert.match(readFileSync(path.join(dir, "usr/lib/systemd/system/vedette.service"), "utf8"), /^ExecStart=\/usr\/bin\/vedette /m);
	for (const name of ["postinst", "prerm", "postrm"])
		run("sh", "-n", path.join(dir, "DEBIAN", name));
	assert.ok(existsSync(path.join(dir, "usr/share/man/man8/vedette.8.gz")));
});
