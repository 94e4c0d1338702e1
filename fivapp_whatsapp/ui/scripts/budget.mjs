// Holds the scripts that each page loads before it shows anything to their budget, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 150 * 1024;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf-8"));

/** Returns the files of a chunk and of all that it imports statically. */
function files(key, seen = new Set()) {
  const chunk = manifest[key];
  if (seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const next of chunk.imports ?? []) files(next, seen);
  return seen;
}

const size = (names) =>
  [...names].reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length, 0);

const pages = Object.keys(manifest).filter(
  (key) => manifest[key].isEntry || /^src\/pages\/[^/]+\/page\.tsx$/.test(key),
);
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
let tooBig = false;
for (const page of pages) {
  const bytes = size(new Set([...files(entry), ...files(page)]));
  const over = bytes > LIMIT;
  tooBig ||= over;
  console.log(`${over ? "OVER" : "ok  "} ${(bytes / 1024).toFixed(1).padStart(6)} KB  ${page}`);
}
if (tooBig) {
  console.error(`A page loads more than ${LIMIT / 1024} KB of scripts before it shows anything.`);
  process.exit(1);
}
