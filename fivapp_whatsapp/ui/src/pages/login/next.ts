/** Returns where to go on: a path of ours, never an address of somebody else. */
export function nextPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "";
  return /^\/(?![/\\])/.test(next) ? next : "/conversations";
}
