import { TriangleAlert } from "lucide-react";
import { Link, useLocation } from "wouter";
import { useSessions } from "../api/queries";
import type { Me, Session } from "../api/types";
import { useSpeech, type Key } from "../i18n";
import { dateAndTime } from "../lib/time";

/** Returns what is wrong with a session that should run, as the key of a sentence; null when nothing is. */
export function troubleOf(session: Session): Key | null {
  if (session.desired !== "running") return null;
  if (session.problem === "unreachable") return "trouble.unreachable";
  if (session.problem === "degraded") return "trouble.degraded";
  switch (session.status) {
    case "logged_out":
      return "trouble.logged_out";
    case "failed":
      return "trouble.failed";
    case "restricted":
      return "trouble.restricted";
    default:
      return null;
  }
}

/** Names what needs a person, on every page, with the way there for those who can do something. */
export function TroubleBanner({ me }: { me: Me }) {
  const { t, language } = useSpeech();
  const [path] = useLocation();
  const { data } = useSessions();
  const troubles = (data ?? []).flatMap((session) => {
    const key = troubleOf(session);
    return key === null ? [] : [{ session, key }];
  });
  const first = troubles[0];
  if (first === undefined) return null;
  return (
    <div className="banner bad" role="alert">
      <TriangleAlert size={18} aria-hidden />
      <span>
        {t("trouble.banner", { name: first.session.name, text: t(first.key) })}
        {first.key === "trouble.restricted" &&
          first.session.restrictedUntil != null &&
          ` ${t("trouble.until", { time: dateAndTime(first.session.restrictedUntil, language) })}`}
        {troubles.length > 1 && ` ${t("trouble.more", { n: troubles.length - 1 })}`}
      </span>
      {me.role === "admin" && path !== "/whatsapp-settings" && (
        <Link to="/whatsapp-settings" className="button slim">
          {t("trouble.fix")}
        </Link>
      )}
    </div>
  );
}
