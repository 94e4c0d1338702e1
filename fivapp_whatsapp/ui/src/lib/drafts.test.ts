import { beforeEach, expect, it } from "vitest";
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
