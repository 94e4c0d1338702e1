import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

interface Props {
  icon: LucideIcon;
  title: string;
  text?: string;
  children?: ReactNode;
}

/** What stands where there is nothing: what it means, and what to do. */
export function Empty({ icon: Icon, title, text, children }: Props) {
  return (
    <div className="empty">
      <Icon className="art" strokeWidth={1.2} aria-hidden />
      <h2>{title}</h2>
      {text !== undefined && <p>{text}</p>}
      {children}
    </div>
  );
}

export function Loading({ label }: { label: string }) {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden />
      <span className="hidden">{label}</span>
    </div>
  );
}
