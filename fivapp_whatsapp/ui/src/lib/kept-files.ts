/**
 * The files of drafts, kept by the browser across reloads: in its IndexedDB, by user and conversation, until they are
 * sent or removed, or somebody logs out.
 */
import { clear, createStore, del, entries, set, type UseStore } from "idb-keyval";
import type { Me } from "../api/types";

export interface KeptFile {
  id: string;
  name: string;
  file: File;
}

/** How many bytes of one draft are kept: browsers take more, but each file is written again with each change. */
export const MOST_KEPT = 64 * 1024 * 1024;

/** What keeps values by key. */
export interface Shelf {
  set(key: string, files: readonly KeptFile[]): Promise<void>;
  remove(key: string): Promise<void>;
  all(): Promise<readonly (readonly [string, readonly KeptFile[]])[]>;
  clear(): Promise<void>;
}

let database: UseStore | null = null;
const store = () => (database ??= createStore("fivapp-drafts", "files"));

const inBrowser: Shelf = {
  set: (key, files) => set(key, files, store()),
  remove: (key) => del(key, store()),
  all: () => entries<string, readonly KeptFile[]>(store()),
  clear: () => clear(store()),
};

/** Keeps the files of one user's drafts. */
export class KeptFiles {
  private prefix = "";
  private last: Promise<unknown> = Promise.resolve();
  private readonly shelf: Shelf;

  constructor(shelf: Shelf = inBrowser) {
    this.shelf = shelf;
  }

  /** Returns what an earlier page of this user left, by conversation; nothing where the browser keeps nothing. */
  async open(me: Me): Promise<ReadonlyMap<string, readonly KeptFile[]>> {
    this.prefix = `${me.tenantId}.${me.id}.`;
    try {
      const all = await this.shelf.all();
      const own = all.filter(([key]) => key.startsWith(this.prefix));
      return new Map(own.map(([key, files]) => [key.slice(this.prefix.length), files]));
    } catch {
      return new Map();
    }
  }

  /** Keeps the files of a conversation's draft as they are now; false where they are too many, or have no room. */
  keep(conversationId: string, files: readonly KeptFile[]): Promise<boolean> {
    if (this.prefix === "") return Promise.resolve(false);
    const key = this.prefix + conversationId;
    const fits = files.reduce((sum, { file }) => sum + file.size, 0) <= MOST_KEPT;
    const act = () => (files.length === 0 || !fits ? this.shelf.remove(key) : this.shelf.set(key, files));
    // One after the other: the newest list is the one that stays.
    const done = this.last.then(act).then(
      () => fits,
      () => false,
    );
    this.last = done;
    return done;
  }

  /** Forgets all files of everybody: at log-out. */
  async forget(): Promise<void> {
    this.prefix = "";
    await this.last;
    await this.shelf.clear().catch(() => undefined);
  }
}

export const keptFiles = new KeptFiles();
