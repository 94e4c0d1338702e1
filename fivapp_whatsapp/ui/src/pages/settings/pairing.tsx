import { useEffect, useState, type FormEvent } from "react";
import { keys } from "../../api/keys";
import { refresh } from "../../api/queries";
import type { Session } from "../../api/types";
import { useSpeech } from "../../i18n";
import { length } from "../../lib/time";
import { Field } from "../../parts/field";
import { problemText } from "../../parts/problems";
import { useConnect, usePairingCode } from "./actions";
import { codeSeen, codeState } from "./qr";

interface Props {
  session: Session;
  qrCode: string | null;
  /** When the code was read, in ms since 1970. */
  seenAt: number;
  can: readonly string[];
}

/** The QR code, which renews itself, with what to tap on the phone; or a code to type instead. */
export function Pairing({ session, qrCode, seenAt, can }: Props) {
  const { t } = useSpeech();
  const [typed, setTyped] = useState(false);
  return (
    <div className="pairing">
      <QrCode session={session} qrCode={qrCode} seenAt={seenAt} />
      <div className="stack">
        <h3>{t("settings.qr.title")}</h3>
        <ol className="steps">
          <li>{t("settings.qr.step1")}</li>
          <li>{t("settings.qr.step2")}</li>
          <li>{t("settings.qr.step3")}</li>
        </ol>
        {can.includes("pairing_code") &&
          (typed ? (
            <PairingCode session={session} />
          ) : (
            <button type="button" className="button slim" onClick={() => setTyped(true)}>
              {t("settings.pairing.use")}
            </button>
          ))}
      </div>
    </div>
  );
}

function QrCode({ session, qrCode, seenAt }: { session: Session; qrCode: string | null; seenAt: number }) {
  const { t } = useSpeech();
  const connect = useConnect();
  const [code, setCode] = useState(() => codeSeen(null, qrCode, seenAt, Date.parse(session.statusAt)));
  const known = codeSeen(code, qrCode, seenAt, Date.parse(session.statusAt));
  if (known !== code) setCode(known);
  const now = useSeconds(qrCode !== null);
  const state = codeState(known, now);
  const over = state.kind !== "valid";
  useEffect(() => {
    if (over) refresh(keys.session(session.id));
  }, [over, session.id]);
  if (qrCode === null) {
    return (
      <div className="qr waiting" role="status">
        <span className="spinner" aria-hidden />
        <span>{t("settings.qr.waiting")}</span>
      </div>
    );
  }
  return (
    <figure className="qr" data-expired={over}>
      <img src={qrCode} width={232} height={232} alt={t("settings.qr.alt")} />
      <figcaption className="small soft">
        {state.kind === "valid" && (
          <>
            <span className="age">{t("settings.qr.expires", { time: length(state.seconds) })}</span>
            <span>{t("settings.qr.renews")}</span>
          </>
        )}
        {state.kind === "renewing" && <span role="status">{t("settings.qr.renewing")}</span>}
        {state.kind === "expired" && (
          <>
            <span role="alert">{t("settings.qr.expired")}</span>
            <button type="button" className="button slim" onClick={() => connect.mutate({ tenantId: session.id })}>
              {t("settings.qr.again")}
            </button>
          </>
        )}
      </figcaption>
    </figure>
  );
}

function useSeconds(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

function PairingCode({ session }: { session: Session }) {
  const { t } = useSpeech();
  const ask = usePairingCode(session.id);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("phone") ?? ""));
  }

  if (ask.data !== undefined) {
    return (
      <div className="stack" role="status">
        <span>{t("settings.pairing.code")}</span>
        <output className="pairing-code">{ask.data.code}</output>
        <span className="soft small">{t("settings.pairing.where")}</span>
      </div>
    );
  }
  return (
    <form className="stack" onSubmit={submit}>
      <Field label={t("settings.pairing.phone")} wrong={ask.isError ? problemText(t, ask.error) : undefined}>
        {(ids) => <input {...ids} className="input" name="phone" type="tel" required autoFocus autoComplete="tel" />}
      </Field>
      <button type="submit" className="button" disabled={ask.isPending}>
        {t("settings.pairing.get")}
      </button>
    </form>
  );
}
