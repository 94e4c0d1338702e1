import { useState } from "react";
import type { Me } from "../api/types";
import { useSpeech, type Key } from "../i18n";
import { useWatched } from "../lib/external";
import { Dialog } from "../parts/dialog";
import { problemText } from "../parts/problems";
import { Switch } from "../parts/switch";
import { adviceOf, areShown, type Permission } from "./advice";
import { show } from "./announce";
import { notices, setNotices } from "./notices";
import { noticesOpen } from "./open";
import { tryPush } from "./push";
import { setSound, sound } from "./sound";

const ABLE: readonly Permission[] = ["default", "granted"];

/** Where somebody chooses how they hear of messages in this browser, and learns what to do where that cannot be. */
export default function NoticesDialog({ me }: { me: Me }) {
  const { t, language } = useSpeech();
  const now = useWatched(notices);
  const heard = useWatched(sound);
  const advice = adviceOf(now);
  return (
    <Dialog open onClose={() => noticesOpen.set(false)} title={t("notify.title")} lead={t("notify.lead")}>
      <div className="stack notices">
        <div className="switch-line">
          <div>
            <h3>{t("notify.switch")}</h3>
            <p id="notices-advice" className="soft" role="status">
              {t(advice)}
            </p>
          </div>
          <Switch
            checked={areShown(now)}
            disabled={!ABLE.includes(now.permission)}
            label={t("notify.switch")}
            describedBy="notices-advice"
            onChange={(on) => void setNotices(me, on, language)}
          />
        </div>
        {areShown(now) && <Trial key={now.push} pushed={now.push === "on"} />}
        <div className="switch-line">
          <div>
            <h3>{t("notify.sound")}</h3>
            <p id="notices-sound" className="soft">
              {t("notify.sound.help")}
            </p>
          </div>
          <Switch checked={heard} label={t("notify.sound")} describedBy="notices-sound" onChange={setSound} />
        </div>
      </div>
    </Dialog>
  );
}

const OUTCOMES: Readonly<Record<string, Key>> = {
  delivered: "notify.tried.delivered",
  gone: "notify.tried.gone",
};

/** Sends one the whole way: through the push service where there is one. */
function Trial({ pushed }: { pushed: boolean }) {
  const { t } = useSpeech();
  const [outcome, setOutcome] = useState("");
  const [busy, setBusy] = useState(false);

  async function attempt() {
    setBusy(true);
    try {
      if (!pushed) await show(t("notify.example"), "test");
      const key = pushed ? (OUTCOMES[await tryPush()] ?? "notify.tried.failed") : "notify.tried.delivered";
      setOutcome(t(key));
    } catch (error) {
      setOutcome(problemText(t, error));
    }
    setBusy(false);
  }

  return (
    <div className="actions">
      <button type="button" className="button slim" disabled={busy} onClick={() => void attempt()}>
        {t("notify.try")}
      </button>
      <span className="soft small" role="status">
        {outcome}
      </span>
    </div>
  );
}
