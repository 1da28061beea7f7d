import type { ComponentChildren } from "preact";
import { useText } from "../app/language";

/** A word, a colon, and what it is about. */
export function Said({ word, children }: { word: string; children: ComponentChildren }) {
  const t = useText();
  return (
    <p>
      <strong>
        {word}
        {t.colon}
      </strong>
      {children}
    </p>
  );
}
