import { useQueryClient } from "@tanstack/react-query";
import { Eye, EyeOff } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Redirect, useLocation, useSearch } from "wouter";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import { problemOf } from "../../api/problem";
import { useMe } from "../../api/queries";
import { useSpeech, type Key } from "../../i18n";
import { Logo } from "../../layout/logo";
import { Field } from "../../parts/field";
import { nextPath } from "./next";
import { Languages } from "./languages";
import "./login.css";

const SENTENCES: Record<string, Key> = {
  not_authenticated: "login.wrong",
  tenant_suspended: "login.suspended",
  rate_limited: "login.tooMany",
  offline: "login.offline",
};

export default function Login() {
  const { t } = useSpeech();
  const search = useSearch();
  const me = useMe();
  const ended = new URLSearchParams(search).has("ended");
  if (me.data !== undefined && !ended) return <Redirect to={nextPath(search)} replace />;
  return (
    <main className="login">
      <section className="login-card card">
        <Logo size={48} />
        <div>
          <h1>{t("login.title")}</h1>
          <p className="soft">{ended ? t("login.ended") : t("login.lead")}</p>
        </div>
        <LoginForm next={nextPath(search)} />
      </section>
      <Languages />
    </main>
  );
}

function LoginForm({ next }: { next: string }) {
  const { t } = useSpeech();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [wrong, setWrong] = useState<Key | null>(null);
  const [busy, setBusy] = useState(false);
  const [asksTenant, setAsksTenant] = useState(false);
  const [seen, setSeen] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "");
    const tenantId = text("tenant").trim();
    setBusy(true);
    setWrong(null);
    try {
      const body = { login: text("login").trim(), password: text("password"), ...(tenantId ? { tenantId } : {}) };
      const me = await ask(api.POST("/api/auth/login", { body }));
      client.clear();
      client.setQueryData(keys.me, me);
      go(next, { replace: true });
    } catch (error) {
      const { code } = problemOf(error);
      if (code === "tenant_required") setAsksTenant(true);
      else setWrong(SENTENCES[code] ?? "login.failed");
      setBusy(false);
    }
  }

  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      {asksTenant && (
        <Field label={t("login.tenant")} help={t("login.tenantHelp")}>
          {(ids) => <input {...ids} className="input" name="tenant" required autoFocus autoComplete="organization" />}
        </Field>
      )}
      <Field label={t("login.login")}>
        {(ids) => (
          <input
            {...ids}
            className="input"
            name="login"
            required
            maxLength={128}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
          />
        )}
      </Field>
      <Field label={t("login.password")} wrong={wrong === null ? undefined : t(wrong)}>
        {(ids) => (
          <div className="password">
            <input
              {...ids}
              className="input"
              name="password"
              required
              maxLength={256}
              type={seen ? "text" : "password"}
              autoComplete="current-password"
            />
            <button
              type="button"
              className="icon-button slim"
              aria-label={seen ? t("login.hide") : t("login.show")}
              onClick={() => setSeen(!seen)}
            >
              {seen ? <EyeOff size={18} aria-hidden /> : <Eye size={18} aria-hidden />}
            </button>
          </div>
        )}
      </Field>
      <button type="submit" className="button main" disabled={busy}>
        {busy && <span className="spinner" aria-hidden />}
        {t("login.submit")}
      </button>
    </form>
  );
}
