import { useWatched, watched } from "../lib/external";
import { newKey } from "../lib/ids";

interface Toast {
  id: string;
  text: string;
  action?: { label: string; act: () => void };
}

const toasts = watched<readonly Toast[]>([]);
const SHOWN = 6_000;

/** Shows a sentence for some seconds, with at most one thing to do about it. */
export function toast(text: string, action?: Toast["action"]): void {
  const id = newKey();
  toasts.set((all) => [...all.slice(-2), { id, text, ...(action ? { action } : {}) }]);
  setTimeout(() => drop(id), SHOWN);
}

function drop(id: string): void {
  toasts.set((all) => all.filter((one) => one.id !== id));
}

export function Toasts() {
  return (
    <div className="toasts" role="status" aria-live="polite">
      {useWatched(toasts).map(({ id, text, action }) => (
        <div key={id} className="toast">
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                action.act();
                drop(id);
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
