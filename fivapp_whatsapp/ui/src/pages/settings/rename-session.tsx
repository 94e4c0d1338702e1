import { type FormEvent } from "react";
import type { Session } from "../../api/types";
import { useSpeech } from "../../i18n";
import { Dialog } from "../../parts/dialog";
import { Field } from "../../parts/field";
import { useRename } from "./actions";

export function RenameSession({ session, open, onClose }: { session: Session; open: boolean; onClose: () => void }) {
  const { t } = useSpeech();
  const rename = useRename();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
    if (name !== "") rename.mutate({ id: session.id, name }, { onSuccess: onClose });
  }

  return (
    <Dialog open={open} onClose={onClose} title={t("settings.rename")}>
      <form className="stack" onSubmit={submit}>
        <Field label={t("settings.name")} help={t("settings.nameHelp")}>
          {(ids) => (
            <input {...ids} className="input" name="name" defaultValue={session.name} required maxLength={100} />
          )}
        </Field>
        <footer>
          <button type="submit" className="button main" disabled={rename.isPending}>
            {t("common.save")}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
