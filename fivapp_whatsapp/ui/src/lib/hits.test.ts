import { describe, expect, it } from "vitest";
import { highlight, wordsOf } from "./hits";

function shown(text: string, query: string): string {
  return highlight(text, query)
    .map((part) => (part.hit ? `[${part.text}]` : part.text))
    .join("");
}

describe("what was found in a text", () => {
  it("is marked without regard to case and accents, in the letters of the text", () => {
    expect(shown("Meu orçamento NÃO chegou", "nao orcamento")).toBe("Meu [orçamento] [NÃO] chegou");
    expect(shown("açu\u0301car", "acucar")).toBe("[açu\u0301car]");
  });

  it("is a whole word, and the last one a beginning", () => {
    expect(shown("pedido e pedidos", "pedido pe")).toBe("[pedido] e [pe]didos");
    expect(shown("comida e mida", "mi")).toBe("comida e [mi]da");
    expect(shown("vi o vidro", "vi o")).toBe("[vi] [o] vidro");
  });

  it("is seen though it stands far back", () => {
    const text = `${"palavra ".repeat(30)}agulha no fim`;
    expect(shown(text, "agulha")).toMatch(/^… (palavra ){3,5}\[agulha\] no fim$/);
    expect(shown(`${"x".repeat(200)} agulha`, "agulha")).toBe("… [agulha]");
  });

  it("takes nothing that is typed for a pattern", () => {
    expect(shown("a+b (c) [d] .*", "a+b .*")).toBe("[a]+[b] (c) [d] .*");
    expect(highlight("<b>oi</b>", "???")).toEqual([{ text: "<b>oi</b>", hit: false }]);
    expect(wordsOf(" R$ 12,50! ")).toEqual(["r", "12", "50"]);
  });

  it("keeps emoji whole", () => {
    expect(shown("🎉🎉 parabéns🎂pra você", "pra voce")).toBe("🎉🎉 parabéns🎂[pra] [você]");
  });
});
