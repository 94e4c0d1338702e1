import { useEffect, useMemo } from "react";
import { problemOf } from "../../../api/problem";
import type { Me } from "../../../api/types";
import { newKey } from "../../../lib/ids";
import { keptFiles } from "../../../lib/kept-files";
import { kindOf, LIMITS, nameOf } from "../../../lib/media";
import { upload, type Upload, type Uploaded } from "../../../lib/upload";
import { watched, type Watched } from "../../../lib/external";

export interface Attached {
  id: string;
  file: File;
  name: string;
  progress: number;
  /** `kept`: an earlier page left it, and it goes up once its conversation is open. */
  state: "kept" | "uploading" | "ready" | "failed" | "tooBig";
  code?: string;
  uploaded?: Uploaded;
}

/** The conversations whose files would be gone after a reload. */
export const unkept = watched<ReadonlySet<string>>(new Set());

/** The files of each conversation's field: changing the conversation changes no upload's target. */
const all = new Map<string, Watched<readonly Attached[]>>();
const running = new Map<string, Upload>();

export function filesOf(conversationId: string): Watched<readonly Attached[]> {
  let found = all.get(conversationId);
  if (found === undefined) {
    found = watched<readonly Attached[]>([]);
    all.set(conversationId, found);
  }
  return found;
}

function change(conversationId: string, id: string, values: Partial<Attached>): void {
  filesOf(conversationId).set((files) => files.map((one) => (one.id === id ? { ...one, ...values } : one)));
}

/** Attaches files in their order; what is too big for its kind is refused before a byte is sent. */
export function attach(conversationId: string, files: readonly File[]): void {
  for (const file of files) {
    const tooBig = file.size > LIMITS[kindOf(file.type)];
    const one: Attached = {
      id: newKey(),
      file,
      name: nameOf(file),
      progress: 0,
      state: tooBig ? "tooBig" : "uploading",
    };
    put(conversationId, (before) => [...before, one]);
    if (!tooBig) start(conversationId, one);
  }
}

function start(conversationId: string, one: Attached): void {
  change(conversationId, one.id, { state: "uploading", progress: 0 });
  const begun = upload(one.file, one.name, (progress) => change(conversationId, one.id, { progress }));
  running.set(one.id, begun);
  begun.done
    .then((uploaded) => change(conversationId, one.id, { state: "ready", progress: 1, uploaded }))
    .catch((error: unknown) => {
      if (error instanceof DOMException) return;
      change(conversationId, one.id, { state: "failed", code: problemOf(error).code });
    })
    .finally(() => running.delete(one.id));
}

export function retryUpload(conversationId: string, one: Attached): void {
  start(conversationId, one);
}

export function detach(conversationId: string, id: string): void {
  running.get(id)?.cancel();
  put(conversationId, (files) => files.filter((one) => one.id !== id));
}

/** Takes all files out of a field: they were sent. */
export function detachAll(conversationId: string): void {
  put(conversationId, () => []);
}

/** Changes which files a field has, and lets the browser keep them. */
function put(conversationId: string, next: (before: readonly Attached[]) => readonly Attached[]): void {
  const files = filesOf(conversationId);
  files.set(next);
  const kept = files.get().filter((one) => one.state !== "tooBig");
  void keptFiles
    .keep(
      conversationId,
      kept.map(({ id, name, file }) => ({ id, name, file })),
    )
    .then((done) =>
      unkept.set((before) => {
        const after = new Set(before);
        if (done) after.delete(conversationId);
        else after.add(conversationId);
        return after;
      }),
    );
}

let opened = "";

/** Takes up the files that an earlier page of this user left in its drafts. */
export async function openFiles(me: Me): Promise<void> {
  const name = `${me.tenantId}.${me.id}`;
  if (opened === name) return;
  opened = name;
  for (const [conversationId, left] of await keptFiles.open(me)) {
    const files = left.map((one): Attached => ({ ...one, progress: 0, state: "kept" }));
    filesOf(conversationId).set((before) => [...files, ...before]);
    if (open.has(conversationId)) resume(conversationId);
  }
}

const open = new Set<string>();

/** Uploads what was kept, as long as a conversation is open. */
export function useKept(conversationId: string): void {
  useEffect(() => {
    open.add(conversationId);
    resume(conversationId);
    return () => void open.delete(conversationId);
  }, [conversationId]);
}

function resume(conversationId: string): void {
  for (const one of filesOf(conversationId).get()) if (one.state === "kept") start(conversationId, one);
}

/** Returns the address of a picture that is not uploaded yet, for its preview. */
export function usePreview(file: File): string | null {
  const url = useMemo(() => (file.type.startsWith("image/") ? URL.createObjectURL(file) : null), [file]);
  useEffect(
    () => () => {
      if (url !== null) URL.revokeObjectURL(url);
    },
    [url],
  );
  return url;
}
