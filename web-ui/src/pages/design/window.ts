import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { shown } from "./model/cells";

/** Of a long list in a frame that scrolls, the part that is drawn. */
export function useWindow<E extends HTMLElement>(count: number, rowHeight: number) {
  const frame = useRef<E>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const look = () => {
      // Only every few rows, so that scrolling draws seldom.
      const top = Math.floor(element.scrollTop / (rowHeight * 3)) * rowHeight * 3;
      const height = element.clientHeight + rowHeight * 3;
      setView((old) => (old.top === top && old.height === height ? old : { top, height }));
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const watcher = new ResizeObserver(look);
    watcher.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      watcher.disconnect();
    };
  }, [rowHeight]);
  const { from, to } = shown(count, rowHeight, view.top, view.height);
  /** Brings a row into sight. */
  const reveal = (row: number) => {
    const element = frame.current;
    if (!element) return;
    const [top, bottom] = [row * rowHeight, (row + 1) * rowHeight];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop + element.clientHeight - rowHeight) {
      element.scrollTop = bottom - element.clientHeight + rowHeight;
    }
  };
  return { frame, from, to, before: from * rowHeight, after: (count - to) * rowHeight, reveal };
}
