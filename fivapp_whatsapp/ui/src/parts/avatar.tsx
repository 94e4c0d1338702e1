import { Users } from "lucide-react";
import { memo } from "react";

const TINTS = 6;

/** Returns the first letters of a name's first and last word. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/\s+/)
    .filter((word) => /\p{L}/u.test(word));
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map((word) =>
    word === undefined ? "" : ([...word].find((letter) => /\p{L}/u.test(letter)) ?? ""),
  );
  return letters.join("").toUpperCase() || "#";
}

function tint(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003;
  return sum % TINTS;
}

interface Props {
  name: string;
  id: string;
  group?: boolean;
  size?: "slim" | "big";
}

/** A person's initials, or the sign of a group, on a colour of their own; names stand beside it. */
export const Avatar = memo(function Avatar({ name, id, group = false, size }: Props) {
  return (
    <span className={`avatar${size ? ` ${size}` : ""}`} data-tint={tint(id)} aria-hidden>
      {group ? <Users size={size === "big" ? 32 : 20} /> : initials(name)}
    </span>
  );
});
