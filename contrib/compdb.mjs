// compdb.mjs CC FILE…: prints a compile_commands.json for clangd and clang-tidy; the flags come on stdin, one a line.
import { readFileSync } from 'node:fs';

const [cc, ...files] = process.argv.slice(2);
const flags = readFileSync(0, 'utf8').trim().split('\n');
const directory = process.cwd();
const rows = files.map((file) => ({ directory, file, arguments: [cc, ...flags, '-c', file] }));
console.log(JSON.stringify(rows, null, '\t'));
