/** Where a text holds what was looked for, by the gateway's own rule: whole words, the last one as a beginning. */
import { fold } from "./fold";

export interface Part {
  text: string;
  hit: boolean;
}

const BEFORE = 24;
const SEPARATORS = /[^\p{L}\p{N}]+/u;

/** Returns the words of a query, without case and accents. */
export function wordsOf(query: string): string[] {
  return fold(query)
    .split(SEPARATORS)
    .filter((word) => word !== "");
}

/** Returns a text folded, and for each letter of it where it stands in the text. */
function foldedWithPlaces(text: string): { folded: string; places: number[] } {
  let folded = "";
  const places: number[] = [];
  let at = 0;
  for (const letter of text) {
    const plain = fold(letter);
    folded += plain;
    for (let n = 0; n < plain.length; n += 1) places.push(at);
    at += letter.length;
  }
  places.push(at);
  return { folded, places };
}

/** Returns from and up to where each hit stands, in order, none inside another. */
function hits(text: string, query: string): [number, number][] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  const { folded, places } = foldedWithPlaces(text);
  const last = words.length - 1;
  const patterns = words.map((word, index) => (index === last ? word : `${word}(?![\\p{L}\\p{N}])`));
  // The longest first: of two words that begin alike, the whole one is marked.
  patterns.sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${patterns.join("|")})`, "gu");
  return [...folded.matchAll(pattern)].map((match) => [
    places[match.index] as number,
    places[match.index + match[0].length] as number,
  ]);
}

/** Returns a text in parts, cut in front of its first hit where that would not be seen in one line. */
export function highlight(text: string, query: string): Part[] {
  const line = text.replace(/\s+/g, " ").trim();
  const found = hits(line, query);
  const first = found[0]?.[0] ?? 0;
  const space = line.lastIndexOf(" ", first - BEFORE);
  const begin = first <= BEFORE * 2 ? 0 : space < 0 ? first : space + 1;
  const parts: Part[] = [];
  let at = begin;
  for (const [from, to] of found) {
    if (from > at) parts.push({ text: line.slice(at, from), hit: false });
    parts.push({ text: line.slice(from, to), hit: true });
    at = to;
  }
  if (at < line.length) parts.push({ text: line.slice(at), hit: false });
  if (begin > 0) parts.unshift({ text: "… ", hit: false });
  return parts;
}
