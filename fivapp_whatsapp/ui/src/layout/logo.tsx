import icon from "../icon.svg";

export function Logo({ size = 36 }: { size?: number }) {
  return <img className="logo" src={icon} width={size} height={size} alt="Fi.VApp" />;
}
