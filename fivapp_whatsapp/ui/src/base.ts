/** The prefix that the gateway is mounted at, without a slash at the end: "" or "/wa". The gateway writes <base>. */
export const base = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, "");

/** Returns the address of a path of the gateway, such as "/api/me". */
export function address(path: string): string {
  return `${base}${path}`;
}

/** Returns the address of a WebSocket of the gateway. */
export function socketAddress(path: string): string {
  const url = new URL(address(path), location.origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
