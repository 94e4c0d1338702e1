/** Storage that may be forbidden or full: then nothing is kept, and nothing fails. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Private windows of some browsers: the page works, it only forgets.
  }
}

export function readJson<T>(key: string, fallback: T): T {
  const text = read(key);
  if (text === null) return fallback;
  try {
    return JSON.parse(text) as T;
  } catch {
    return fallback;
  }
}

/** Returns every key that begins so. */
export function keysFrom(prefix: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

/** Removes every key that begins so. */
export function wipe(prefix: string): void {
  for (const key of keysFrom(prefix)) write(key, null);
}

/** Calls back with what follows the prefix when another tab writes a key that begins so; returns how to stop. */
export function followKeys(prefix: string, heard: (rest: string) => void): () => void {
  const listen = (event: StorageEvent) => {
    if (event.key?.startsWith(prefix)) heard(event.key.slice(prefix.length));
  };
  addEventListener("storage", listen);
  return () => removeEventListener("storage", listen);
}

/** Returns the beginning of a user's own keys; no user's is the beginning of another's. */
export function userPrefix(kind: string, user: { tenantId: string; id: string }): string {
  return `fivapp.${kind}.${user.tenantId}/${encodeURIComponent(user.id)}/`;
}
