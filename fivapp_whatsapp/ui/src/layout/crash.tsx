import { Component, type ReactNode } from "react";
import { useSpeech } from "../i18n";

/** Shows a way out when a page fails: drafts are kept, so that reloading loses nothing. */
export class Crash extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const { t } = useSpeech();
  return (
    <div className="empty" role="alert">
      <h1>{t("app.crashed")}</h1>
      <button type="button" className="button main" onClick={() => location.reload()}>
        {t("app.reload")}
      </button>
    </div>
  );
}
