import { ArrowLeft } from "lucide-react";
import { Suspense, useState } from "react";
import { lazily } from "../../../lib/lazily";
import { Link } from "wouter";
import { problemOf, type Problem } from "../../../api/problem";
import type { Plugin } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useWatched } from "../../../lib/external";
import { Confirm } from "../../../parts/dialog";
import { Loading } from "../../../parts/empty";
import { useSaveConfig } from "../data";
import { drafts, keep, sameJson } from "../drafts";
import { titleOf } from "../plugin-words";
import { hasErrors, refusalOf, serverErrors } from "./errors";
import { LeaveGuard } from "./leave-guard";

const SettingsForm = lazily(() => import("./form"));
const FORM = "plugin-settings";

/** A plugin's settings for the tenant. What is changed and not saved is kept while the tab lives. */
export function PluginSettings({ plugin }: { plugin: Plugin }) {
  const { t, language } = useSpeech();
  const save = useSaveConfig(plugin.name);
  const draft = useWatched(drafts)[plugin.name];
  const [asked, setAsked] = useState(false);
  const config = plugin.config ?? {};
  const values = draft ?? config;
  const dirty = draft !== undefined;
  const refused = save.isError ? problemOf(save.error) : null;
  const title = titleOf(plugin, language);
  const kept = plugin.configured ? "plugin.upToDate" : "plugin.defaults";

  function change(next: Readonly<Record<string, unknown>>) {
    if (!save.isIdle) save.reset();
    keep(plugin.name, sameJson(next, config) ? null : next);
  }

  function submit(next: Record<string, unknown> | null) {
    save.mutate(next, {
      onSuccess: () => keep(plugin.name, null),
      onError: () => void import("./form").then(({ focusFirstError }) => focusFirstError(FORM)),
    });
  }

  return (
    <section className="card plugin-settings" aria-labelledby="settings-title">
      <header>
        <Link to="/automations" className="button quiet slim">
          <ArrowLeft size={16} aria-hidden />
          {t("plugin.back")}
        </Link>
        <h2 id="settings-title">{title}</h2>
        {plugin.problem != null && (
          <p className="trouble" role="alert">
            {t("plugin.problem", { detail: plugin.problem })}
          </p>
        )}
      </header>
      <Suspense fallback={<Loading label={t("app.loading")} />}>
        <SettingsForm
          id={FORM}
          plugin={plugin.name}
          schema={plugin.schema ?? {}}
          values={values}
          errors={refused === null ? {} : serverErrors(refused, language)}
          disabled={save.isPending}
          onChange={change}
          onSubmit={() => submit({ ...values })}
        />
      </Suspense>
      <footer>
        {refused !== null && <Refused problem={refused} />}
        <span className="soft small" role="status">
          {t(dirty ? "plugin.unsaved" : save.isSuccess ? "plugin.saved" : kept)}
        </span>
        <button
          type="button"
          className="button quiet"
          disabled={!plugin.configured && !dirty}
          onClick={() => setAsked(true)}
        >
          {t("plugin.reset")}
        </button>
        <button type="submit" form={FORM} className="button main" disabled={!dirty || save.isPending}>
          {save.isPending && <span className="spinner" aria-hidden />}
          {t("common.save")}
        </button>
      </footer>
      <Confirm
        open={asked}
        onClose={() => setAsked(false)}
        onConfirm={() => submit(null)}
        title={t("plugin.reset.title", { name: title })}
        text={t("plugin.reset.text")}
        action={t("plugin.reset")}
      />
      <LeaveGuard dirty={dirty} onDiscard={() => keep(plugin.name, null)} />
    </section>
  );
}

/** What the server refused: beside the field where it names one, here where it does not. */
function Refused({ problem }: { problem: Problem }) {
  const { t, language } = useSpeech();
  const placed = hasErrors(serverErrors(problem, language));
  return (
    <p className="trouble" role="alert">
      {placed ? t("form.refused") : t("plugin.problem", { detail: refusalOf(problem, language) })}
    </p>
  );
}
