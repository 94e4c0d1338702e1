/** WhatsApp's own marks, as nodes: *bold*, _italic_, ~strike~, ```mono```, `mono` and links. Never HTML. */
export type Node =
  | { type: "text"; text: string }
  | { type: "link"; text: string; href: string }
  | { type: "bold" | "italic" | "strike"; children: Node[] }
  | { type: "mono"; text: string };

const MARKS = { "*": "bold", _: "italic", "~": "strike" } as const;
const LINK = /\bhttps?:\/\/[^\s<>"]+|\bwww\.[^\s<>"]+\.[^\s<>"]+/iu;
const TRAILING = /[.,;:!?)\]}'"»]+$/u;
// A mark opens before a letter and after none, and closes the other way round, as on the phone.
const MARKED = /(?<![\p{L}\p{N}*_~])([*_~])(?=\S)([^\n]*?\S)\1(?![\p{L}\p{N}*_~])/u;
const MONO = /```([\s\S]+?)```|`([^`\n]+)`/u;

export function parse(text: string): Node[] {
  return split(text, MONO, (match) => [{ type: "mono", text: match[1] ?? match[2] ?? "" }], links);
}

function links(text: string): Node[] {
  return split(text, LINK, link, marks);
}

function link(match: RegExpExecArray): Node[] {
  const whole = match[0];
  const shown = whole.replace(TRAILING, "");
  const rest = whole.slice(shown.length);
  const href = /^www\./i.test(shown) ? `https://${shown}` : shown;
  const node: Node = { type: "link", text: shown, href };
  return rest === "" ? [node] : [node, { type: "text", text: rest }];
}

function marks(text: string): Node[] {
  return split(
    text,
    MARKED,
    (match) => [{ type: MARKS[match[1] as keyof typeof MARKS], children: marks(match[2] ?? "") }],
    (plain) => [{ type: "text", text: plain }],
  );
}

function split(
  text: string,
  pattern: RegExp,
  found: (match: RegExpExecArray) => Node[],
  between: (text: string) => Node[],
): Node[] {
  const nodes: Node[] = [];
  let rest = text;
  while (rest !== "") {
    const match = pattern.exec(rest);
    if (match === null) return [...nodes, ...between(rest)];
    if (match.index > 0) nodes.push(...between(rest.slice(0, match.index)));
    nodes.push(...found(match));
    rest = rest.slice(match.index + match[0].length);
  }
  return nodes;
}

const EMOJI = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\p{Regional_Indicator}|\u200d|\ufe0f|\s)+$/u;

/** Tells whether a text is one to three emoji and nothing else: shown larger. */
export function isEmojiOnly(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > 40 || /[\d#*]/.test(trimmed) || !EMOJI.test(trimmed)) return false;
  const parts = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(trimmed.replace(/\s/g, ""))];
  return parts.length <= 3;
}
