import { Suspense, useState, type ReactNode } from "react";
import { useSpeech } from "../i18n";
import { whenIdle } from "../lib/idle";
import { lazily } from "../lib/lazily";

const load = () => import("./dialog-base");
const DialogBase = lazily(load);
whenIdle(load);

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** One sentence under the title, which screen readers read with it. */
  lead?: string;
  wide?: boolean;
  children: ReactNode;
}

/** A modal dialog: it holds the focus, gives it back, and closes with Escape. Its code comes with its first use. */
export function Dialog(props: DialogProps) {
  const [wanted, setWanted] = useState(props.open);
  if (props.open && !wanted) setWanted(true);
  if (!wanted) return null;
  return (
    <Suspense fallback={null}>
      <DialogBase {...props} />
    </Suspense>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  text: string;
  action: string;
}

/** Asks before what cannot be taken back. */
export function Confirm({ open, onClose, onConfirm, title, text, action }: ConfirmProps) {
  const { t } = useSpeech();
  return (
    <Dialog open={open} onClose={onClose} title={title} lead={text}>
      <footer>
        <button type="button" className="button" onClick={onClose}>
          {t("common.cancel")}
        </button>
        <button
          type="button"
          className="button danger main"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
