import type { Menu as Base } from "@base-ui/react/menu";
import { Check } from "lucide-react";
import { cloneElement, createContext, Suspense, use, useState, type ReactElement, type ReactNode } from "react";
import { whenIdle } from "../lib/idle";
import { lazily } from "../lib/lazily";

const load = () => import("./menu-base");
const MenuBase = lazily(load);
whenIdle(load);

/** The library's parts, given by a menu that is open. */
export const Parts = createContext<typeof Base | null>(null);

function useParts(): typeof Base {
  const parts = use(Parts);
  if (parts === null) throw new Error("there is no Menu above");
  return parts;
}

interface TriggerProps {
  onClick?: () => void;
  "aria-haspopup"?: "menu";
  "aria-expanded"?: boolean;
}

export interface MenuProps {
  /** The button that opens it. */
  trigger: ReactElement<TriggerProps>;
  children: ReactNode;
  align?: "start" | "end";
  side?: "top" | "bottom" | "right";
}

/** A menu with arrow keys, type-ahead and focus that returns; its code comes with its first use. */
export function Menu(props: MenuProps) {
  const [wanted, setWanted] = useState(false);
  const closed = cloneElement(props.trigger, {
    onClick: () => setWanted(true),
    "aria-haspopup": "menu",
    "aria-expanded": false,
  });
  if (!wanted) return closed;
  return (
    <Suspense fallback={closed}>
      <MenuBase {...props} />
    </Suspense>
  );
}

interface ItemProps {
  onSelect: () => void;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
}

export function MenuItem({ onSelect, icon, danger = false, disabled = false, children }: ItemProps) {
  const { Item } = useParts();
  return (
    <Item className={`menu-item${danger ? " danger" : ""}`} onClick={onSelect} disabled={disabled}>
      {icon}
      <span>{children}</span>
    </Item>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  /** Whether the menu stays open, for what shows at once what it does. */
  stays?: boolean;
  onChange: (value: Value) => void;
}

/** One of a few: a heading and radio items. */
export function MenuChoice<Value extends string>({
  label,
  value,
  options,
  stays = false,
  onChange,
}: ChoiceProps<Value>) {
  const { Group, GroupLabel, RadioGroup, RadioItem, RadioItemIndicator } = useParts();
  return (
    <Group>
      <GroupLabel className="menu-heading">{label}</GroupLabel>
      <RadioGroup value={value} onValueChange={(next) => onChange(next as Value)}>
        {options.map(([option, text]) => (
          <RadioItem key={option} value={option} className="menu-item" closeOnClick={!stays}>
            <span>{text}</span>
            <RadioItemIndicator className="end">
              <Check size={16} aria-hidden />
            </RadioItemIndicator>
          </RadioItem>
        ))}
      </RadioGroup>
    </Group>
  );
}

export function MenuLine() {
  const { Separator } = useParts();
  return <Separator className="menu-line" />;
}
