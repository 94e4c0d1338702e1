/** Menus with their library, loaded when the first one is opened or the page has nothing else to do. */
import { Menu as Base } from "@base-ui/react/menu";
import { Parts, type MenuProps } from "./menu";

export default function MenuBase({ trigger, children, align = "end", side = "bottom" }: MenuProps) {
  return (
    <Base.Root modal={false} defaultOpen>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className="menu-layer" align={align} side={side} sideOffset={6} collisionPadding={8}>
          <Base.Popup className="menu">
            <Parts value={Base}>{children}</Parts>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
