import { useQuery } from "@tanstack/react-query";
import { EllipsisVertical, Pencil, Power, Trash2, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import type { Session, SessionDetail, SessionStatus } from "../../api/types";
import { useSpeech, type Key } from "../../i18n";
import { useMinute } from "../../lib/clock";
import { dateAndTime, duration, minutesBetween, wholeTime } from "../../lib/time";
import { phone } from "../../lib/phones";
import { Confirm } from "../../parts/dialog";
import { Menu, MenuItem, MenuLine } from "../../parts/menu";
import { useConnect, useDisconnect, useRemove } from "./actions";
import { Pairing } from "./pairing";
import { RenameSession } from "./rename-session";
import { troubleOf } from "./trouble";

const TONES: Partial<Record<SessionStatus, string>> = {
  connected: "good",
  qr_ready: "warn",
  connecting: "warn",
  reconnecting: "warn",
  logged_out: "bad",
  failed: "bad",
  restricted: "bad",
};
const CAPABILITIES = new Set([
  "media",
  "quote",
  "idempotent_send",
  "lookup",
  "typing",
  "groups",
  "pairing_code",
  "buttons",
  "list",
]);
const PAIRING_POLL = 3_000;
/** Signs of life alone are no news that the socket tells of. */
const LIFE_POLL = 60_000;

/** Reads a session with its QR code, every few seconds while somebody is about to scan it. */
function useDetail(session: Session) {
  const pairing = session.desired === "running" && ["connecting", "qr_ready"].includes(session.status ?? "unknown");
  return useQuery({
    queryKey: keys.session(session.id),
    queryFn: () => ask(api.GET("/api/sessions/{sessionId}", { params: { path: { sessionId: session.id } } })),
    refetchInterval: pairing ? PAIRING_POLL : LIFE_POLL,
    staleTime: 0,
    retry: false,
  });
}

export function SessionCard({ session }: { session: Session }) {
  const { t, language } = useSpeech();
  const { data: detail, dataUpdatedAt } = useDetail(session);
  const shown: Session = detail ?? session;
  const status = shown.status ?? "unknown";
  const problem = troubleOf(shown);
  const pairing = shown.desired === "running" && (status === "qr_ready" || status === "connecting");
  return (
    <li className="card session">
      <header className="session-head">
        <div>
          <h2>{shown.name}</h2>
          {shown.phone != null && (
            <p className="soft small">{[shown.profileName, phone(shown.phone)].filter(Boolean).join(" · ")}</p>
          )}
        </div>
        <span className={`chip ${TONES[status] ?? ""}`} role="status">
          {t(`status.${status}`)}
        </span>
        <SessionMenu session={shown} />
      </header>
      {problem !== null && !pairing && (
        <p className={`session-trouble ${shown.desired === "stopped" ? "calm" : ""}`}>
          <TriangleAlert size={18} aria-hidden />
          <span>
            {t(problem.key, { ...problem.words, name: shown.name })}
            {shown.status === "restricted" && shown.restrictedUntil != null && (
              <> {t("trouble.until", { time: dateAndTime(shown.restrictedUntil, language) })}</>
            )}
            {problem.detail !== null && (
              <span className="small heard">
                {t("trouble.heard")} <q dir="auto">{problem.detail}</q>
              </span>
            )}
          </span>
        </p>
      )}
      {pairing && (
        <Pairing
          session={shown}
          qrCode={detail?.qrCode ?? null}
          seenAt={dataUpdatedAt}
          can={detail?.capabilities ?? []}
        />
      )}
      <SessionActions session={shown} pairing={pairing} />
      <Facts session={shown} detail={detail} />
    </li>
  );
}

function SessionActions({ session, pairing }: { session: Session; pairing: boolean }) {
  const { t } = useSpeech();
  const connect = useConnect();
  if (pairing || session.status === "connected" || session.status === "reconnecting") return null;
  const first = session.phone == null;
  return (
    <div className="actions">
      <button
        type="button"
        className="button main"
        disabled={connect.isPending}
        onClick={() => connect.mutate({ tenantId: session.id })}
      >
        {connect.isPending && <span className="spinner" aria-hidden />}
        {first ? t("settings.connect") : t("settings.reconnect")}
      </button>
    </div>
  );
}

function SessionMenu({ session }: { session: Session }) {
  const { t } = useSpeech();
  const [asked, setAsked] = useState<"rename" | "disconnect" | "remove" | null>(null);
  const disconnect = useDisconnect();
  const remove = useRemove();
  const close = () => setAsked(null);
  return (
    <>
      <Menu
        trigger={
          <button type="button" className="icon-button" aria-label={`${t("common.more")}: ${session.name}`}>
            <EllipsisVertical size={20} aria-hidden />
          </button>
        }
      >
        <MenuItem icon={<Pencil size={18} aria-hidden />} onSelect={() => setAsked("rename")}>
          {t("settings.rename")}
        </MenuItem>
        {session.desired === "running" && (
          <MenuItem icon={<Power size={18} aria-hidden />} onSelect={() => setAsked("disconnect")}>
            {t("settings.disconnect")}
          </MenuItem>
        )}
        <MenuLine />
        <MenuItem danger icon={<Trash2 size={18} aria-hidden />} onSelect={() => setAsked("remove")}>
          {t("settings.remove")}
        </MenuItem>
      </Menu>
      <RenameSession key={session.name} session={session} open={asked === "rename"} onClose={close} />
      <Confirm
        open={asked === "disconnect"}
        onClose={close}
        onConfirm={() => disconnect.mutate(session.id)}
        title={t("settings.disconnect.title", { name: session.name })}
        text={t("settings.disconnect.text")}
        action={t("settings.disconnect")}
      />
      <Confirm
        open={asked === "remove"}
        onClose={close}
        onConfirm={() => remove.mutate(session.id)}
        title={t("settings.remove.title", { name: session.name })}
        text={t("settings.remove.text")}
        action={t("settings.remove")}
      />
    </>
  );
}

function Facts({ session, detail }: { session: Session; detail: SessionDetail | undefined }) {
  const { t } = useSpeech();
  const can = (detail?.capabilities ?? []).filter((one) => CAPABILITIES.has(one));
  return (
    <dl className="facts session-facts">
      <dt>{t("settings.lastSeen")}</dt>
      <dd>{session.lastSeenAt == null ? t("settings.never") : <LastSeen at={session.lastSeenAt} />}</dd>
      <dt>{t("settings.connector")}</dt>
      <dd>
        <code>{session.connector}</code>
      </dd>
      <dt>{t("settings.can")}</dt>
      <dd className="capabilities">
        {can.length === 0
          ? t("settings.canOnlyText")
          : can.map((one) => (
              <span key={one} className="chip">
                {t(`cap.${one}` as Key)}
              </span>
            ))}
      </dd>
    </dl>
  );
}

function LastSeen({ at }: { at: string }) {
  const { t, language } = useSpeech();
  const minutes = minutesBetween(at, useMinute());
  const when = minutes < 1 ? t("settings.seenNow") : t("settings.seenAgo", { time: duration(minutes) });
  return (
    <time dateTime={at} title={wholeTime(at, language)}>
      {when} · {dateAndTime(at, language)}
    </time>
  );
}
