// A file in the age format (age-encryption.org/v1) that a passphrase opens, as a box or anybody else makes one.
import { createCipheriv, createHmac, hkdfSync, randomBytes, scryptSync } from "node:crypto";

/** The work that the passphrase takes, as a power of two: less than a box asks of itself. */
const WORK = 10;
/** What a chunk of the contents holds, in bytes; a capsule of a test is one chunk. */
const CHUNK = 64 << 10;

const text = (bytes) => bytes.toString("base64").replace(/=+$/, "");
const derived = (secret, salt, info) => Buffer.from(hkdfSync("sha256", secret, salt, info, 32));

function encrypted(key, nonce, plain) {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Seals a value as JSON. */
export function seal(value, passphrase) {
  const plain = Buffer.from(JSON.stringify(value));
  if (plain.length > CHUNK) throw new Error("more than one chunk");
  const [secret, salt, nonce] = [randomBytes(16), randomBytes(16), randomBytes(16)];
  const label = Buffer.concat([Buffer.from("age-encryption.org/v1/scrypt"), salt]);
  const wrapping = scryptSync(passphrase, label, 32, { N: 2 ** WORK, r: 8, p: 1 });
  const wrapped = encrypted(wrapping, Buffer.alloc(12), secret);
  const head = `age-encryption.org/v1\n-> scrypt ${text(salt)} ${WORK}\n${text(wrapped)}\n---`;
  const mac = createHmac("sha256", derived(secret, "", "header")).update(head).digest();
  const last = Buffer.alloc(12);
  last[11] = 1;
  const body = encrypted(derived(secret, nonce, "payload"), last, plain);
  return Buffer.concat([Buffer.from(`${head} ${text(mac)}\n`), nonce, body]);
}
