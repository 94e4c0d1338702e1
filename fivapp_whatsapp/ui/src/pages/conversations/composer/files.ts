import { useEffect, useMemo } from "react";
import { problemOf } from "../../../api/problem";
import { newKey } from "../../../lib/ids";
import { kindOf, LIMITS, nameOf } from "../../../lib/media";
import { upload, type Upload, type Uploaded } from "../../../lib/upload";
import { watched, type Watched } from "../../../lib/external";

export interface Attached {
  id: string;
  file: File;
  name: string;
  progress: number;
  state: "uploading" | "ready" | "failed" | "tooBig";
  code?: string;
  uploaded?: Uploaded;
}

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
    filesOf(conversationId).set((before) => [...before, one]);
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
  filesOf(conversationId).set((files) => files.filter((one) => one.id !== id));
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
