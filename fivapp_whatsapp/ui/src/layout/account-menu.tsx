import { Bell, Keyboard, LogOut } from "lucide-react";
import type { Me } from "../api/types";
import { useSpeech } from "../i18n";
import { useWatched } from "../lib/external";
import { chooseTheme, theme, type Theme } from "../lib/theme";
import type { Language } from "../lib/time";
import { Avatar } from "../parts/avatar";
import { Menu, MenuChoice, MenuItem, MenuLine } from "../parts/menu";
import { noticesOpen } from "../notifications/open";
import { shortcutsOpen } from "../lib/shortcuts";
import { canLogOut, logOut } from "./logout";

const LANGUAGES: readonly (readonly [Language, string])[] = [
  ["pt-BR", "Português"],
  ["en", "English"],
];

export function AccountMenu({ me }: { me: Me }) {
  const { t, language, setLanguage } = useSpeech();
  const chosen = useWatched(theme);
  const name = me.name || me.id;
  const themes: readonly (readonly [Theme, string])[] = [
    ["system", t("nav.theme.system")],
    ["light", t("nav.theme.light")],
    ["dark", t("nav.theme.dark")],
  ];
  return (
    <Menu
      side="right"
      align="end"
      trigger={
        <button type="button" className="account" aria-label={`${t("nav.account")}: ${name}`}>
          <Avatar name={name} id={me.id} size="slim" />
        </button>
      }
    >
      <div className="menu-person">
        <strong>{name}</strong>
        <span className="soft small">{me.tenantName}</span>
      </div>
      <MenuLine />
      <MenuChoice stays label={t("nav.language")} value={language} options={LANGUAGES} onChange={setLanguage} />
      <MenuLine />
      <MenuChoice stays label={t("nav.theme")} value={chosen} options={themes} onChange={chooseTheme} />
      <MenuLine />
      <MenuItem icon={<Bell size={18} aria-hidden />} onSelect={() => noticesOpen.set(true)}>
        {t("nav.notifications")}
      </MenuItem>
      <MenuItem icon={<Keyboard size={18} aria-hidden />} onSelect={() => shortcutsOpen.set(true)}>
        {t("nav.shortcuts")}
      </MenuItem>
      {canLogOut(me) && (
        <MenuItem icon={<LogOut size={18} aria-hidden />} onSelect={() => void logOut(me)}>
          {t("nav.logout")}
        </MenuItem>
      )}
    </Menu>
  );
}
