import type { Language } from "../app/language";

const locales = { ja: "ja-JP", en: "en-GB" } as const;

/** Bytes with the unit that leaves at most four digits. */
export function bytes(count: number): string {
  return scaled(count, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

export function bitRate(bps: number): string {
  return scaled(bps, 1000, ["bps", "kbps", "Mbps", "Gbps"]);
}

function scaled(value: number, base: number, units: string[]): string {
  let [size, unit] = [value, 0];
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${units[unit]}`;
}

export function count(value: number, language: Language): string {
  return value.toLocaleString(locales[language]);
}

/** A length of time in its two largest units: 1分5秒, 3 h 2 min. */
export function span(seconds: number, language: Language): string {
  const left = Math.max(0, Math.round(seconds));
  const [days, hours, minutes, rest] = [
    Math.floor(left / 86_400),
    Math.floor(left / 3600) % 24,
    Math.floor(left / 60) % 60,
    left % 60,
  ];
  const units = language === "ja" ? ["日", "時間", "分", "秒"] : [" d", " h", " min", " s"];
  const parts = [days, hours, minutes, rest].map((value, at) => ({ value, unit: units[at] ?? "" }));
  const first = parts.findIndex((part) => part.value > 0);
  if (first === -1) return `0${units[3]}`;
  const shown = parts.slice(first, first + 2).filter((part) => part.value > 0);
  return shown.map((part) => `${part.value}${part.unit}`).join(language === "ja" ? "" : " ");
}

export function micros(us: number): string {
  return us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(us < 100_000 ? 1 : 0)} ms`;
}

export function dateTime(at: string, language: Language): string {
  return new Date(at).toLocaleString(locales[language], {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

export function clock(at: string, language: Language): string {
  return new Date(at).toLocaleTimeString(locales[language], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** Seconds as a countdown: 4:05. */
export function countdown(seconds: number): string {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** Protocol numbers by their names. */
export function protocol(number: number): string {
  return { 1: "ICMP", 6: "TCP", 17: "UDP" }[number] ?? `IP ${number}`;
}

/** A fingerprint in pairs, as other programs show it. */
export function fingerprint(hex: string): string {
  return (
    hex
      .replace(/[^0-9a-f]/gi, "")
      .toUpperCase()
      .match(/../g) ?? []
  ).join(":");
}

/** A secret in groups of four, to be typed. */
export function groups(secret: string): string {
  return (secret.match(/.{1,4}/g) ?? []).join(" ");
}
