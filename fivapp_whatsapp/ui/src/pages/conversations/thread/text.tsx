import { Fragment, memo } from "react";
import { isEmojiOnly, parse, type Node } from "../../../lib/markup";

/** A message's text with WhatsApp's marks, as nodes: what a customer writes is never HTML. */
export const Text = memo(function Text({ text }: { text: string }) {
  return (
    <p className={`bubble-text${isEmojiOnly(text) ? " emoji-only" : ""}`} dir="auto">
      <Nodes nodes={parse(text)} />
    </p>
  );
});

function Nodes({ nodes }: { nodes: readonly Node[] }) {
  return nodes.map((node, index) => <One key={index} node={node} />);
}

function One({ node }: { node: Node }) {
  switch (node.type) {
    case "bold":
      return (
        <strong>
          <Nodes nodes={node.children} />
        </strong>
      );
    case "italic":
      return (
        <em>
          <Nodes nodes={node.children} />
        </em>
      );
    case "strike":
      return (
        <s>
          <Nodes nodes={node.children} />
        </s>
      );
    case "mono":
      return <code>{node.text}</code>;
    case "link":
      return (
        <a href={node.href} target="_blank" rel="noopener noreferrer nofollow">
          {node.text}
        </a>
      );
    default:
      return <Fragment>{node.text}</Fragment>;
  }
}
