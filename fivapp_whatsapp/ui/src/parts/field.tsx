import { useId, type ReactNode } from "react";

interface Ids {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

interface Props {
  label: string;
  help?: string | undefined;
  wrong?: string | undefined;
  children: (ids: Ids) => ReactNode;
}

/** A field with its label, its help and what is wrong with it, bound together for screen readers. */
export function Field({ label, help, wrong, children }: Props) {
  const id = useId();
  const described = [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  const ids: Ids = {
    id,
    ...(described === "" ? {} : { "aria-describedby": described }),
    ...(wrong === undefined ? {} : { "aria-invalid": true }),
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(ids)}
      {help !== undefined && (
        <span id={`${id}-help`} className="help">
          {help}
        </span>
      )}
      {wrong !== undefined && (
        <span id={`${id}-wrong`} className="wrong" role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}
