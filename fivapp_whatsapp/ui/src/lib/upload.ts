import { address } from "../base";
import { currentToken } from "../api/token";
import { offline, Problem } from "../api/problem";
import type { SendMessage } from "../api/types";

export interface Uploaded {
  kind: string;
  media: NonNullable<SendMessage["media"]>;
}

export interface Upload {
  done: Promise<Uploaded>;
  cancel: () => void;
}

/** Uploads a file to be sent. XMLHttpRequest, since fetch does not tell how far an upload has come. */
export function upload(file: File, name: string, onProgress: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.open("POST", address(`/api/media?filename=${encodeURIComponent(name)}`));
    request.responseType = "json";
    const token = currentToken();
    if (token !== null) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0);
    request.onerror = () => reject(offline());
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response as Uploaded);
      else reject(new Problem(request.status, (request.response ?? {}) as Record<string, unknown>));
    };
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}
