/** Strokes on a field of 24 by 24. */
const paths = {
  status: "M3 12h4l3-8 4 16 3-8h4",
  design: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  apply: "M5 12l5 5L20 7",
  check: "M9 4h6v3H9zM7 5H5v16h14V5h-2M8 14l3 3 5-6",
  explain: "M4 6h6a3 3 0 013 3v6a3 3 0 003 3h4M17 15l3 3-3 3",
  names: "M4 5h16v14H4zM8 10h4M8 14h8",
  traffic: "M5 20V10M12 20V4M19 20v-7",
  logs: "M6 3h9l4 4v14H6zM9 11h7M9 15h7",
  care: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2 2M16.4 16.4l2 2M18.4 5.6l-2 2M7.6 16.4l-2 2",
  help: "M4 5c3-1 6-1 8 1v14c-2-2-5-2-8-1zM20 5c-3-1-6-1-8 1v14c2-2 5-2 8-1z",
  menu: "M4 7h16M4 12h16M4 17h16",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 018 0v3",
  unlock: "M6 11h12v9H6zM8 11V7a4 4 0 017.5-2",
  close: "M6 6l12 12M18 6L6 18",
  ok: "M5 12l5 5L20 7",
  warn: "M12 4l9 16H3zM12 10v5M12 17.5v.5",
  bad: "M12 3a9 9 0 100 18 9 9 0 000-18zM9 9l6 6M15 9l-6 6",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v6M12 7.5v.5",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3 3",
  user: "M12 4a4 4 0 100 8 4 4 0 000-8zM4 21c1-5 4-6 8-6s7 1 8 6",
  arrow: "M5 12h14M13 6l6 6-6 6",
  dash: "M6 12h12",
} as const;

export type IconName = keyof typeof paths;

/** A picture beside words that say the same, so screen readers pass it over. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}
