import { qr, qrPath } from "./qr";

/** A text as a QR code: black on white in both themes, because phones read nothing else. */
export function QrPicture({ text, label }: { text: string; label: string }) {
  const dark = qr(text);
  if (!dark) return null;
  const size = dark.length + 8;
  return (
    <svg
      class="qr"
      viewBox={`-4 -4 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect x="-4" y="-4" width={size} height={size} fill="#fff" />
      <path d={qrPath(dark)} fill="#000" />
    </svg>
  );
}
