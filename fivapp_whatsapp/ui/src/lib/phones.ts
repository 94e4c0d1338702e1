/** Returns the digits of a chat's address when it is a person's number, else null. */
export function digitsOf(chatId: string): string | null {
  return /^(\d{8,15})(@(c\.us|s\.whatsapp\.net))?$/.exec(chatId)?.[1] ?? null;
}

/** Returns a number as people write it: Brazilian ones in their own way, others with their plus. */
export function phone(digits: string): string {
  const brazil = /^55(\d{2})(\d{4,5})(\d{4})$/.exec(digits);
  return brazil ? `+55 ${brazil[1]} ${brazil[2]}-${brazil[3]}` : `+${digits}`;
}

/** Returns what a person reads of a chat's address: its number, or nothing for groups and hidden numbers. */
export function addressText(chatId: string): string {
  const digits = digitsOf(chatId);
  return digits === null ? "" : phone(digits);
}

/** Returns the digits of a number as it was typed, with Brazil's code where it was left out; null when it is none. */
export function typedNumber(text: string): string | null {
  if (!/^[\d\s()+./-]+$/.test(text.trim())) return null;
  const digits = text.replace(/\D/g, "");
  const full = !text.trim().startsWith("+") && /^[1-9]\d(9\d{8}|[2-5]\d{7})$/.test(digits) ? `55${digits}` : digits;
  return full.length >= 8 && full.length <= 15 ? full : null;
}
