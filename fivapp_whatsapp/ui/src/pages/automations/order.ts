/** Returns the names with one of them moved to a place; places beyond the ends are the ends. */
export function moved(names: readonly string[], name: string, place: number): string[] {
  const rest = names.filter((one) => one !== name);
  if (rest.length === names.length) return rest;
  rest.splice(Math.max(0, Math.min(rest.length, place)), 0, name);
  return rest;
}

/** Returns the items in the order of these names; what is not named follows as it stood. */
export function inOrder<T extends { name: string }>(items: readonly T[], names: readonly string[]): T[] {
  const place = (item: T) => {
    const found = names.indexOf(item.name);
    return found < 0 ? names.length : found;
  };
  return [...items].sort((a, b) => place(a) - place(b));
}
