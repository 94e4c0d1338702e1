import { expect, it } from "vitest";
import { created, message } from "../testing/make";
import { Recent } from "./recent";

const frame = (seq: number) => created(seq, message());

it("brings an answer up to the frames that came after it was read", () => {
  const recent = new Recent();
  recent.begin(10);
  for (const seq of [11, 12, 13]) recent.add(frame(seq));
  expect(recent.after(11)?.map((one) => one.seq)).toEqual([12, 13]);
  expect(recent.after(13)).toEqual([]);
});

it("says so when it does not know what came after", () => {
  const recent = new Recent();
  expect(recent.after(5)).toEqual([]);
  recent.begin(10);
  expect(recent.after(9)).toBeNull();
});

it("keeps only the last frames", () => {
  const recent = new Recent(10);
  recent.begin(0);
  for (let seq = 1; seq <= 100; seq += 1) recent.add(frame(seq));
  expect(recent.after(50)).toBeNull();
  expect(recent.after(95)?.map((one) => one.seq)).toEqual([96, 97, 98, 99, 100]);
});
