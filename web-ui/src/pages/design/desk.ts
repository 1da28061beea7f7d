import {
  Component,
  type ComponentChild,
  type ComponentType,
  createContext,
  createElement,
  type FunctionComponent,
} from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../../api/types";
import { useTexts } from "../../app/language";
import type { DesignTexts } from "../../text/design.ja";
import type { Editing, Editor } from "./model/editor";
import type { Field } from "./model/fields";
import type { Json } from "./model/tree";
import { texts } from "./text";

/** What every part of the page works on. */
export type Desk = {
  editor: Editor;
  state: Editing;
  session: Session;
  /** Somebody else writes, or the user may only look. */
  readOnly: boolean;
  /** Nor can fields be edited while the text is no design. */
  fieldsOff: boolean;
  /** Puts a value at a path like `server[0].private`; it is the same function as long as the page is open. */
  put: (path: string, value: Json | undefined) => void;
};

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("outside the design page");
  return desk;
}

export function useDesignTexts(): DesignTexts {
  return useTexts(texts);
}

export function labelOf(t: DesignTexts, field: Field): string {
  return t.labels[field.text ?? field.key] ?? field.key;
}

export function helpOf(t: DesignTexts, field: Field): string | undefined {
  return t.helps[field.text ?? field.key];
}

export function optionOf(t: DesignTexts, field: Field, option: string): string {
  return t.options[field.key]?.[option] ?? option;
}

/** Draws a part again only where something that it was given is another thing. */
export function memo<P extends object>(view: FunctionComponent<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const keys = new Set([...Object.keys(this.props), ...Object.keys(next)]) as Set<keyof P>;
      return [...keys].some((key) => this.props[key] !== next[key]);
    }

    override render(): ComponentChild {
      return createElement(view, this.props as P);
    }
  };
}
