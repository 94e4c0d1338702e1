import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { draw } from "../../../testing/draw";
import { conversation, message } from "../../../testing/make";
import type { Conversation } from "../../../api/types";
import { ConversationRow } from "./row";

const SINCE = "2026-11-26T12:00:40.500Z";
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(SINCE);
});

afterEach(() => vi.useRealTimers());

function show(values: Partial<Conversation>) {
  const shown = conversation({ waitingSince: SINCE, lastMessage: message({ at: SINCE }), ...values });
  let drawings = 0;
  Object.defineProperty(shown, "title", { enumerable: true, get: () => ((drawings += 1), "Rita") });
  const { place } = draw(<ConversationRow conversation={shown} selected={false} position={1} total={1} />);
  const chip = () => {
    const found = place.querySelector(".chip");
    return found && [found.classList.contains("bad") ? "late" : "soon", found.textContent];
  };
  return { place, chip, drawings: () => drawings };
}

async function pass(ms: number) {
  await act(async () => vi.advanceTimersByTime(ms));
}

it("a customer who waits turns the chip at 5 and at 30 minutes, by itself, and the row is not drawn again", async () => {
  const { place, chip, drawings } = show({});
  const [row, name, once] = [place.querySelector(".row"), place.querySelector(".row-name"), drawings()];
  await pass(5 * MINUTE - 1);
  expect(chip()).toBeNull();
  await pass(1);
  expect(chip()).toEqual(["soon", "Espera há 5 min5 min"]);
  await pass(25 * MINUTE - 1);
  expect(chip()).toEqual(["soon", "Espera há 29 min29 min"]);
  await pass(1);
  expect(chip()).toEqual(["late", "Espera há 30 min30 min"]);
  await pass(30 * MINUTE);
  expect(chip()).toEqual(["late", "Espera há 1 h1 h"]);
  expect([place.querySelector(".row"), place.querySelector(".row-name"), drawings()]).toEqual([row, name, once]);
});

it.each([
  ["whom we answered last", { waitingSince: null, status: "open" }],
  ["whose conversation is closed", { status: "closed" }],
  ["whose conversation is put off", { status: "snoozed" }],
] as const)("a customer %s waits for nobody", async (_, values) => {
  const { chip } = show(values);
  await pass(45 * MINUTE);
  // The chip of one that is put off is another.
  expect(chip()?.[1] ?? null).toBe(values.status === "snoozed" ? "Adiada" : null);
});

it("one who has waited long is seen so at once, also by a clock that goes before ours", async () => {
  vi.setSystemTime(Date.parse(SINCE) + 31 * MINUTE);
  expect(show({}).chip()).toEqual(["late", "Espera há 31 min31 min"]);
  vi.setSystemTime(Date.parse(SINCE) - 10_000);
  const { chip } = show({});
  expect(chip()).toBeNull();
  await pass(5 * MINUTE + 10_000);
  expect(chip()).toEqual(["soon", "Espera há 5 min5 min"]);
});
