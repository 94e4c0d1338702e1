import { useSessions } from "../../api/queries";

/** Whether a session's connection service can do something; true where it does not say. */
export function useCan(sessionId: string, what: "media" | "quote"): boolean {
  const sessions = useSessions();
  const can = sessions.data?.find((one) => one.id === sessionId)?.capabilities;
  return can == null || can.includes(what);
}
