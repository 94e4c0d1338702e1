import type { Message } from "./types";

/** What a request ended in when it did not succeed; `code` is stable, `detail` is for people. */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly reason: string | undefined;
  /** Where in the body it is wrong, as JSON pointers. */
  readonly errors: readonly { pointer?: unknown; code?: unknown; i18n?: unknown }[];
  /** The stored message that will not be sent as it is, where there is one. */
  readonly messageObject: Message | undefined;

  constructor(status: number, body: Record<string, unknown> = {}) {
    const code = typeof body.code === "string" ? body.code : "gateway_error";
    super(typeof body.detail === "string" ? body.detail : code);
    this.name = "Problem";
    this.code = code;
    this.status = status;
    this.reason = typeof body.reason === "string" ? body.reason : undefined;
    this.errors = Array.isArray(body.errors) ? (body.errors as { pointer?: unknown }[]) : [];
    this.messageObject = body.messageObject as Message | undefined;
  }

  /** Whether asking again later may help: nothing of the request itself is wrong. */
  get passing(): boolean {
    if (this.code === "request_in_progress") return true;
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503;
  }
}

/** The network did not carry the request. */
export function offline(): Problem {
  return new Problem(0, { code: "offline", detail: "offline" });
}

export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(500, { detail: String(error) });
}
