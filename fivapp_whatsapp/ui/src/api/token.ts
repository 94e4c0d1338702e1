/**
 * The token of the main application, when it opened us with `#token=…`. It stays in memory: not in the address, not in
 * storage, so that it ends with the tab.
 */
let token: string | null = null;

/** Takes the token out of the address, if there is one. */
export function takeToken(place: Location = location, past: History = history): void {
  const found = /^#token=([^&]+)/.exec(place.hash)?.[1];
  if (found === undefined) return;
  token = decodeURIComponent(found);
  past.replaceState(past.state, "", place.pathname + place.search);
}

export function currentToken(): string | null {
  return token;
}

export function forgetToken(): void {
  token = null;
}
