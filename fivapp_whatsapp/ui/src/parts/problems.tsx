import { CloudOff } from "lucide-react";
import { problemOf } from "../api/problem";
import { useSpeech, type Key, type Translate } from "../i18n";
import { Empty } from "./empty";

const SENTENCES: Record<string, Key> = {
  offline: "error.offline",
  rate_limited: "error.tooFast",
  not_on_whatsapp: "error.not_on_whatsapp",
  too_large: "error.too_large",
  session_not_connected: "error.session_not_connected",
  connector_not_connected: "error.session_not_connected",
  no_session: "error.session_not_connected",
  logged_out: "error.session_not_connected",
  message_expired: "error.expired",
  expired: "error.expired",
  rejected: "error.rejected",
  message_rejected: "error.rejected",
  window_closed: "error.window_closed",
  capability_missing: "error.capability_missing",
};

/** Returns one sentence for what went wrong: by its code, else what the gateway says of it. */
export function sentence(t: Translate, code: string | undefined, detail: string | undefined): string {
  const key = code === undefined ? undefined : SENTENCES[code];
  return key === undefined ? t("error.generic", { detail: detail ?? code ?? "" }) : t(key);
}

export function problemText(t: Translate, error: unknown): string {
  const problem = problemOf(error);
  return sentence(t, problem.reason ?? problem.code, problem.message);
}

/** What stands where something could not be read: why, and the button that tries again. */
export function Problems({ error, title, onRetry }: { error: unknown; title?: string; onRetry: () => void }) {
  const { t } = useSpeech();
  return (
    <Empty icon={CloudOff} title={title ?? t("app.crashed")} text={problemText(t, error)}>
      <button type="button" className="button" onClick={onRetry}>
        {t("common.retry")}
      </button>
    </Empty>
  );
}
