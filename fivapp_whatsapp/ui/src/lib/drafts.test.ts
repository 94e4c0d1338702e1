import { beforeEach, expect, it, vi } from "vitest";
import type { Me } from "../api/types";
import { closeDrafts, draftOf, drafts, flushDrafts, NO_DRAFT, openDrafts, setDraft } from "./drafts";

const user = (id: string) => ({ id, tenantId: "acme" }) as Me;

beforeEach(() => localStorage.clear());

it("drafts are kept for each user and conversation, and are there after a reload", () => {
  openDrafts(user("ana"));
  setDraft("c1", { text: "meio escri", quoted: null, note: false });
  flushDrafts();
  openDrafts(user("rui"));
  expect(draftOf("c1")).toEqual(NO_DRAFT);
  openDrafts(user("ana"));
  expect(draftOf("c1").text).toBe("meio escri");
});

it("logging out forgets them for good", () => {
  openDrafts(user("bia"));
  setDraft("c1", { text: "meio escri", quoted: null, note: false });
  closeDrafts();
  flushDrafts();
  expect(Object.keys(localStorage)).toEqual([]);
  expect(draftOf("c1")).toEqual(NO_DRAFT);
});

it("an empty draft is none", () => {
  openDrafts(user("eva"));
  setDraft("c1", { text: "x", quoted: null, note: false });
  setDraft("c1", { text: " ", quoted: null, note: false });
  flushDrafts();
  expect(drafts.get()).toEqual({});
  expect(Object.keys(localStorage)).toEqual([]);
});

/** Loads the module as another tab does, and tells it what this one writes, as browsers do. */
async function otherTab() {
  vi.resetModules();
  return import("./drafts");
}

function tellOthers(): void {
  for (const key of Object.keys(localStorage)) dispatchEvent(new StorageEvent("storage", { key }));
}

it("two tabs keep each other's drafts, and show them", async () => {
  openDrafts(user("bia"));
  const other = await otherTab();
  other.openDrafts(user("bia"));
  setDraft("c1", { text: "daqui", quoted: null, note: false });
  other.setDraft("c2", { text: "de lá", quoted: null, note: false });
  flushDrafts();
  other.flushDrafts();
  tellOthers();
  expect(draftOf("c2").text).toBe("de lá");
  expect(other.draftOf("c1").text).toBe("daqui");
  closeDrafts();
  openDrafts(user("bia"));
  expect([draftOf("c1").text, draftOf("c2").text]).toEqual(["daqui", "de lá"]);
});

it("what is being written here is not taken back by another tab's older word", async () => {
  openDrafts(user("bia"));
  const other = await otherTab();
  other.openDrafts(user("bia"));
  other.setDraft("c1", { text: "antigo", quoted: null, note: false });
  other.flushDrafts();
  setDraft("c1", { text: "novo", quoted: null, note: false });
  tellOthers();
  expect(draftOf("c1").text).toBe("novo");
});

it("a user's drafts are nobody else's, whatever the ids look like", () => {
  openDrafts(user("a/b"));
  setDraft("c1", { text: "segredo", quoted: null, note: false });
  flushDrafts();
  openDrafts(user("a"));
  expect(drafts.get()).toEqual({});
});
