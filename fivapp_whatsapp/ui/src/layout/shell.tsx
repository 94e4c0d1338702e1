import { Bot, MessagesSquare, Smartphone, type LucideIcon } from "lucide-react";
import { Suspense, useEffect, type ReactNode } from "react";
import { lazily } from "../lib/lazily";
import { Link, useLocation, useRoute } from "wouter";
import type { Me } from "../api/types";
import { useSpeech, type Key } from "../i18n";
import { useWatched } from "../lib/external";
import { noticesOpen } from "../notifications/open";
import { useNotices } from "../notifications/use-notices";
import { AccountMenu } from "./account-menu";
import { followLogOut } from "./logout";
import { NewerVersion } from "./newer";
import { TroubleBanner } from "./trouble-banner";
import { ConnectionNote } from "./connection-note";
import { Logo } from "./logo";
import { useTitle } from "./title";

const NoticesDialog = lazily(() => import("../notifications/dialog"));

const LINKS: readonly { to: string; pattern: string; icon: LucideIcon; label: Key; admin?: true }[] = [
  { to: "/conversations", pattern: "/conversations/:id?", icon: MessagesSquare, label: "nav.conversations" },
  { to: "/whatsapp-settings", pattern: "/whatsapp-settings", icon: Smartphone, label: "nav.settings", admin: true },
  { to: "/automations", pattern: "/automations", icon: Bot, label: "nav.automations", admin: true },
];

/** What stands around every page: where one can go, who one is, and what is wrong. */
export function Shell({ me, children }: { me: Me; children: ReactNode }) {
  const { t } = useSpeech();
  const [path] = useLocation();
  const here = LINKS.find((link) => path.startsWith(link.to));
  useEffect(followLogOut, []);
  useTitle(me, t(here?.label ?? "nav.conversations"));
  useNotices(me);
  const choosing = useWatched(noticesOpen);
  return (
    <div className="shell">
      <a className="skip" href={`${location.pathname}#main`}>
        {t("app.skip")}
      </a>
      <nav className="rail" aria-label={t("nav.main")}>
        <Logo />
        <ul>
          {LINKS.filter((link) => link.admin !== true || me.role === "admin").map((link) => (
            <li key={link.to}>
              <RailLink {...link} label={t(link.label)} />
            </li>
          ))}
        </ul>
        <AccountMenu me={me} />
      </nav>
      <div className="content">
        <NewerVersion />
        <TroubleBanner me={me} />
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <ConnectionNote />
        <Suspense fallback={null}>{choosing && <NoticesDialog me={me} />}</Suspense>
      </div>
    </div>
  );
}

function RailLink({
  to,
  pattern,
  icon: Icon,
  label,
}: {
  to: string;
  pattern: string;
  icon: LucideIcon;
  label: string;
}) {
  const [here] = useRoute(pattern);
  return (
    <Link to={to} className="rail-link" aria-current={here ? "page" : undefined}>
      <Icon size={22} strokeWidth={here ? 2.1 : 1.7} aria-hidden />
      <span>{label}</span>
    </Link>
  );
}
