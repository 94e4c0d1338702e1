/** Dialogs with their library, loaded when the first one is opened. */
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { useSpeech } from "../i18n";
import type { DialogProps } from "./dialog";

export default function DialogBase({ open, onClose, title, lead, wide = false, children }: DialogProps) {
  const { t } = useSpeech();
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="dialog-back" />
        <Base.Popup className={`dialog${wide ? " wide" : ""}`}>
          <header>
            <div>
              <Base.Title render={<h2 />}>{title}</Base.Title>
              {lead !== undefined && <Base.Description className="soft">{lead}</Base.Description>}
            </div>
            <Base.Close className="icon-button" aria-label={t("common.close")}>
              <X size={20} aria-hidden />
            </Base.Close>
          </header>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
