import { beforeEach, expect, it } from "vitest";
import type { Me } from "../api/types";
import { KeptFiles, MOST_KEPT, type KeptFile, type Shelf } from "./kept-files";

const ana = { tenantId: "acme", id: "ana" } as Me;
let kept: Map<string, readonly KeptFile[]>;
let full = false;

const shelf: Shelf = {
  async set(key, files) {
    if (full) throw new DOMException("no room", "QuotaExceededError");
    kept.set(key, files);
  },
  async remove(key) {
    kept.delete(key);
  },
  all: async () => [...kept],
  clear: async () => kept.clear(),
};

function file(id: string, size = 3): KeptFile {
  const made = new File(["abc"], id);
  Object.defineProperty(made, "size", { value: size });
  return { id, name: id, file: made };
}

beforeEach(() => {
  kept = new Map();
  full = false;
});

it("the next page of a user finds the files of each draft, and nobody else does", async () => {
  const first = new KeptFiles(shelf);
  await first.open(ana);
  expect(await first.keep("c1", [file("a"), file("b")])).toBe(true);
  await first.keep("c2", [file("c")]);
  await first.keep("c2", []);
  const again = await new KeptFiles(shelf).open(ana);
  expect([...again].map(([id, files]) => [id, files.map((one) => one.name)])).toEqual([["c1", ["a", "b"]]]);
  expect((await new KeptFiles(shelf).open({ ...ana, id: "ana.b" } as Me)).size).toBe(0);
  expect((await new KeptFiles(shelf).open({ ...ana, tenantId: "other" } as Me)).size).toBe(0);
});

it("what is too large or has no room is said, and nothing older stays in its place", async () => {
  const files = new KeptFiles(shelf);
  await files.open(ana);
  await files.keep("c1", [file("a")]);
  expect(await files.keep("c1", [file("a"), file("b", MOST_KEPT)])).toBe(false);
  expect(kept.size).toBe(0);
  full = true;
  expect(await files.keep("c1", [file("a")])).toBe(false);
});

it("log-out forgets everything, and nothing is kept afterwards", async () => {
  const files = new KeptFiles(shelf);
  await files.open(ana);
  void files.keep("c1", [file("a")]);
  await files.forget();
  expect(kept.size).toBe(0);
  expect(await files.keep("c1", [file("a")])).toBe(false);
  expect(kept.size).toBe(0);
});

it("a browser that keeps nothing is no error", async () => {
  const broken = new KeptFiles({ ...shelf, all: () => Promise.reject(new Error("private window")) });
  expect((await broken.open(ana)).size).toBe(0);
});
