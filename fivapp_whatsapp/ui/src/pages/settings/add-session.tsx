import { type FormEvent } from "react";
import { problemOf } from "../../api/problem";
import { useSpeech } from "../../i18n";
import { Dialog } from "../../parts/dialog";
import { Field } from "../../parts/field";
import { problemText } from "../../parts/problems";
import { useAdd } from "./actions";

/** Adds a further number and begins to connect it. */
export function AddSession({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useSpeech();
  const add = useAdd();
  const code = add.isError ? problemOf(add.error).code : null;

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    add.mutate({ label: text("label"), name: text("name") }, { onSuccess: onClose });
  }

  return (
    <Dialog open={open} onClose={onClose} title={t("settings.add")}>
      <form className="stack" onSubmit={submit}>
        <Field label={t("settings.name")} help={t("settings.nameHelp")}>
          {(ids) => <input {...ids} className="input" name="name" maxLength={100} autoFocus />}
        </Field>
        <Field
          label={t("settings.label")}
          help={t("settings.labelHelp")}
          wrong={
            code === null ? undefined : code === "already_exists" ? t("settings.exists") : problemText(t, add.error)
          }
        >
          {(ids) => (
            <input
              {...ids}
              className="input"
              name="label"
              required
              pattern="[a-z0-9\-]{1,32}"
              maxLength={32}
              autoCapitalize="none"
              spellCheck={false}
            />
          )}
        </Field>
        <footer>
          <button type="submit" className="button main" disabled={add.isPending}>
            {t("settings.connect")}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
