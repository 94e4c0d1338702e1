import { afterEach, describe, expect, it, vi } from "vitest";
import { initials } from "../parts/avatar";
import { fold, holds } from "./fold";
import { box, kindOf, mediaUrl, nameOf } from "./media";
import { addressText, phone, typedNumber } from "./phones";
import { fillIn, firstVariable, matching, slashQuery, unfilled } from "./quick";
import { snoozes } from "./snooze";
import { clock, comingTime, dateAndTime, dayName, duration, elapsed, fileSize, length, shortTime } from "./time";
import { message } from "../testing/make";

describe("times", () => {
  const now = new Date(2026, 2, 18, 15, 30);
  const inRegion = (name: string) => vi.spyOn(navigator, "language", "get").mockReturnValue(name);
  afterEach(() => vi.restoreAllMocks());
  const short = (date: Date) => shortTime(date.toISOString(), now, "pt-BR", "ontem");
  it("are as short as they stay clear", () => {
    expect(short(new Date(2026, 2, 18, 14, 5))).toBe("14:05");
    expect(short(new Date(2026, 2, 17, 23, 59))).toBe("ontem");
    expect(short(new Date(2026, 2, 16, 9, 0))).toBe("seg.");
    expect(short(new Date(2026, 2, 10, 9, 0))).toBe("10/03");
    expect(short(new Date(2025, 2, 12, 9, 0))).toBe("12/03/25");
  });
  it.each([
    ["en-US", "11/28/2026, 9:05 PM", "11/28", "11/28/26", "November 28", "9:05 PM"],
    ["en-GB", "28/11/2026, 21:05", "28/11", "28/11/26", "28 November", "21:05"],
    // What speaks English beside another language, or says no region, has the day first as it has here.
    ["en", "28/11/2026, 21:05", "28/11", "28/11/26", "28 November", "21:05"],
    ["pt-BR", "28/11/2026, 21:05", "28/11", "28/11/26", "28 November", "21:05"],
  ])("in English are in the order of the browser's region: %s", (region, whole, day, dayAndYear, name, time) => {
    inRegion(region);
    const at = new Date(2026, 10, 28, 21, 5).toISOString();
    const later = (year: number, month: number) => new Date(year, month, 20);
    // Some have a space there that does not break.
    const plain = (text: string) => text.replace(/\u202f/g, " ");
    expect(plain(dateAndTime(at, "en"))).toBe(whole);
    expect(shortTime(at, later(2026, 11), "en", "yesterday")).toBe(day);
    expect(shortTime(at, later(2027, 1), "en", "yesterday")).toBe(dayAndYear);
    expect(dayName(at, later(2026, 11), "en", "today", "yesterday")).toBe(name);
    expect(plain(clock(at, "en"))).toBe(time);
    expect(plain(comingTime(new Date(at), later(2026, 9), "en"))).toBe(`${time} (${day})`);
    expect([dateAndTime(at, "pt-BR"), clock(at, "pt-BR")]).toEqual(["28/11/2026, 21:05", "21:05"]);
    const morning = plain(dateAndTime(new Date(2026, 2, 1, 9, 5).toISOString(), "en"));
    expect(morning).toBe(region === "en-US" ? "03/01/2026, 9:05 AM" : "01/03/2026, 09:05");
  });
  it("of days are words", () => {
    inRegion("en-GB");
    const day = (date: Date) => dayName(date.toISOString(), now, "en", "today", "yesterday");
    expect(day(new Date(2026, 2, 18, 0, 1))).toBe("today");
    expect(day(new Date(2026, 2, 17, 0, 1))).toBe("yesterday");
    expect(day(new Date(2026, 2, 14))).toBe("Saturday");
    expect(day(new Date(2026, 0, 5))).toBe("5 January");
    expect(clock(now, "en")).toBe("15:30");
  });
  it("that are to come tell their day where it is not today", () => {
    expect(comingTime(new Date(2026, 2, 18, 15, 42), now, "pt-BR")).toBe("15:42");
    expect(comingTime(new Date(2026, 2, 19, 9, 10), now, "pt-BR")).toBe("09:10 (19/03)");
  });
  it("since something was are in seconds at first", () => {
    const at = "2026-11-26T12:00:00Z";
    const after = (seconds: number) => elapsed(at, Date.parse(at) + seconds * 1000);
    expect([-5, 10, 59, 60, 7_200].map(after)).toEqual(["1 s", "10 s", "59 s", "1 min", "2 h"]);
  });
  it("that last are short too", () => {
    expect([4, 61, 3000].map(duration)).toEqual(["4 min", "1 h", "2 d"]);
    expect([7.4, 65, 3725].map(length)).toEqual(["0:07", "1:05", "1:02:05"]);
  });
  it("to which a conversation is put off lie ahead, in the morning", () => {
    for (const { until } of snoozes(now)) expect(until.getTime()).toBeGreaterThan(now.getTime());
    expect(snoozes(now)[2]?.until.getDay()).toBe(1);
    expect(snoozes(new Date(2026, 2, 16, 7))[2]?.until.getDate()).toBe(23);
  });
});

describe("phones", () => {
  it("are written as people write them", () => {
    expect(phone("5511988887777")).toBe("+55 11 98888-7777");
    expect(phone("14155550100")).toBe("+14155550100");
    expect(addressText("5511988887777@c.us")).toBe("+55 11 98888-7777");
    expect(addressText("120363041112223330@g.us")).toBe("");
  });
  it("are taken in any spelling", () => {
    expect(typedNumber("11 98888-7777")).toBe("5511988887777");
    expect(typedNumber("(11) 3333-4444")).toBe("551133334444");
    expect(typedNumber("+1 415 555 0100")).toBe("14155550100");
    expect(typedNumber("Rita")).toBeNull();
    expect(typedNumber("123")).toBeNull();
  });
});

describe("quick replies", () => {
  const replies = [
    { shortcut: "horario", text: "Abrimos das 8h às 18h, {nome}." },
    { shortcut: "pix", text: "Nossa chave é {chave}." },
  ];
  it("open with a slash as the first character only", () => {
    expect(slashQuery("/ho")).toBe("ho");
    expect(slashQuery("/")).toBe("");
    expect(slashQuery("a/ho")).toBeNull();
    expect(slashQuery("/ho ra")).toBeNull();
  });
  it("are found by shortcut first, then by text, without accents", () => {
    expect(matching(replies, "horário").map((one) => one.shortcut)).toEqual(["horario"]);
    expect(matching(replies, "chave").map((one) => one.shortcut)).toEqual(["pix"]);
  });
  it("show what is still to be filled in", () => {
    expect(fillIn(replies[0]?.text ?? "", { nome: "Rita" })).toBe("Abrimos das 8h às 18h, Rita.");
    const text = fillIn(replies[1]?.text ?? "", { nome: "Rita" });
    expect(unfilled(text)).toEqual(["chave"]);
    expect(text.slice(...(firstVariable(text) ?? [0, 0]))).toBe("{chave}");
    expect(fillIn("{nome}", { nome: "" })).toBe("{nome}");
  });
});

describe("files", () => {
  it("are of the kind that their type says, and everything else is a document", () => {
    expect(["image/png", "video/mp4", "audio/ogg", "application/pdf", "image/svg+xml", ""].map(kindOf)).toEqual([
      "image",
      "video",
      "audio",
      "document",
      "document",
      "document",
    ]);
  });
  it("that were pasted get a name", () => {
    const pasted = new File(["x"], "image.png", { type: "image/png" });
    expect(nameOf(pasted, new Date("2026-11-26T12:00:00Z"))).toBe("imagem-2026-11-26-12-00-00.png");
    expect(nameOf(new File(["x"], "nota.pdf"))).toBe("nota.pdf");
  });
  it("reserve their space", () => {
    expect(box(1000, 500)).toEqual({ width: 320, height: 160 });
    expect(box(null, null)).toEqual({ width: 260, height: 195 });
  });
  it("are read from the gateway where it keeps them, and no odd address is ever opened", () => {
    const image = (media: object) => message({ id: "m", kind: "image", media: media as never });
    expect(mediaUrl(image({ state: "ready", url: "http://x" }))).toBe("/api/media/m");
    expect(mediaUrl(image({ state: "ready", preview: true }), "preview")).toBe("/api/media/m?preview=true");
    expect(mediaUrl(image({ state: "fetching", url: "http://x" }))).toBeNull();
    expect(mediaUrl(image({ url: "http://x/y.jpg" }))).toBe("http://x/y.jpg");
    expect(mediaUrl(image({ url: "javascript:alert(1)" }))).toBeNull();
  });
  it("have sizes that people read", () => {
    expect(fileSize(820, "en")).toBe("820 B");
    expect(fileSize(3_500_000, "pt-BR")).toBe("3,3 MB");
  });
});

it("words are found without case and accents", () => {
  expect(fold("ÀÉÎõü Ç")).toBe("aeiou c");
  expect(holds("João da Conceição", "conceicao joao")).toBe(true);
  expect(holds("João", "maria")).toBe(false);
});

it("initials are letters of a name", () => {
  expect(["Rita de Souza", "rita", "+55 11", "🙂 Ana Lima"].map(initials)).toEqual(["RS", "R", "#", "AL"]);
});
