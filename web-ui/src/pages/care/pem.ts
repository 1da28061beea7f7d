/** The bytes of the first certificate of a PEM text (RFC 7468). */
export function derOf(pem: string): Uint8Array<ArrayBuffer> | null {
  const [, body] = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem) ?? [];
  if (!body) return null;
  try {
    return Uint8Array.from(atob(body.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
