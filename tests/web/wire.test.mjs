// What the page shows on the wire, to programs that trust nothing but the device's own authority.
import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { on, PAGE } from "./clerk.mjs";

const address = new URL(PAGE).host;
const succeeds = (...words) => on("clerk", ...words).then(
  () => true,
  () => false,
);
/** A handshake of one version and, up to TLS 1.2, these ciphers. */
const shakes = (...words) =>
  succeeds("sh", "-c", `openssl s_client -connect ${address}:443 ${words.join(" ")} </dev/null 2>/dev/null | grep -q 'Cipher is [^(]'`);

test("the device's own authority is all that a client has to trust", async () => {
  const folder = await mkdtemp(join(tmpdir(), "page-"));
  const ca = join(folder, "ca.pem");
  await writeFile(ca, await on("clerk", "curl", "-sk", `${PAGE}api/ca.pem`));
  const page = await on("clerk", "curl", "-sS", "--cacert", ca, "-D", "-", PAGE);
  assert.match(page, /^HTTP\/1\.1 200/);
  for (const header of [
    /content-security-policy: default-src 'none'; .*frame-ancestors 'none'/i,
    /x-content-type-options: nosniff/i,
    /referrer-policy: no-referrer/i,
    /cache-control: no-store/i,
  ]) {
    assert.match(page, header);
  }
  assert.doesNotMatch(page, /strict-transport-security/i, "an address is never pinned to HTTPS");
  assert.equal(await succeeds("curl", "-sS", "--cacert", ca, "--resolve", `bank.example:443:${address}`, "https://bank.example/"), false);
});

test("old versions and weak ciphers are refused", async () => {
  assert.equal(await shakes("-tls1_3"), true);
  assert.equal(await shakes("-tls1_2"), true);
  for (const weak of [["-tls1_1", "-cipher", "'ALL:@SECLEVEL=0'"], ["-tls1", "-cipher", "'ALL:@SECLEVEL=0'"]]) {
    assert.equal(await shakes(...weak), false, weak.join(" "));
  }
  // Without forward secrecy, or without an authenticated cipher.
  for (const weak of ["kRSA", "CAMELLIA", "ARIA", "SHA1:SHA256:SHA384"]) {
    assert.equal(await shakes("-tls1_2", "-cipher", `'${weak}:@SECLEVEL=0'`), false, weak);
  }
});

test("sslscan finds nothing to complain of but the authority, which is the box's own", async (t) => {
  // A source may open 20 connections a second.
  const scan = await on("clerk", "sslscan", "--xml=-", "--sleep=60", `${address}:443`);
  /** Each element of a name, as its attributes. */
  const all = (name) =>
    [...scan.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, "g"))].map(([, words]) =>
      Object.fromEntries([...words.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
    );
  const texts = (name) => [...scan.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "g"))].map(([, text]) => text);
  const protocols = all("protocol");
  assert.equal(protocols.length, 6, scan);
  const offered = protocols.filter(({ enabled }) => enabled === "1").map(({ type, version }) => `${type} ${version}`);
  assert.deepEqual(offered, ["tls 1.2", "tls 1.3"]);
  const ciphers = all("cipher");
  t.diagnostic(ciphers.map(({ sslversion, cipher }) => `${sslversion} ${cipher}`).join(", "));
  assert.deepEqual([...new Set(ciphers.map(({ sslversion }) => sslversion))].sort(), ["TLSv1.2", "TLSv1.3"]);
  for (const { cipher, ecdhebits } of ciphers) {
    assert.match(cipher, /^(TLS|ECDHE-ECDSA)[-_].*(GCM|CHACHA20)/, "without authentication of what is sent, or without forward secrecy");
    assert.ok(Number(ecdhebits) >= 253, `${cipher}: ${ecdhebits} bits`);
  }
  assert.deepEqual(all("renegotiation"), [{ supported: "0", secure: "0" }]);
  assert.deepEqual(all("heartbleed").map(({ vulnerable }) => vulnerable), ["0", "0"]);
  assert.equal(all("compression").some(({ supported }) => supported === "1"), false);
  // Debian's sslscan may be built without the question for compression.
  assert.match(await on("clerk", "sh", "-c", `openssl s_client -connect ${address}:443 -tls1_2 </dev/null 2>/dev/null`), /^Compression: NONE$/m);
  for (const { name, bits } of all("group")) assert.ok(Number(bits) >= 128, `${name}: ${bits} bits`);
  // Its bits are those of the strength: a curve of 256 bits has half of them.
  assert.deepEqual(all("pk"), [{ error: "false", type: "EC", curve_name: "prime256v1", bits: "128" }]);
  assert.deepEqual(texts("signature-algorithm"), ["ecdsa-with-SHA256"]);
  assert.deepEqual([texts("self-signed"), texts("expired")], [["false"], ["false"]]);
  const verdict = await on("clerk", "sh", "-c", `openssl s_client -connect ${address}:443 -verify_ip ${address} </dev/null 2>&1`);
  const complaints = [...verdict.matchAll(/^verify error:num=\d+:(.*)$/gm)].map(([, text]) => text);
  assert.ok(complaints.length > 0, verdict);
  for (const complaint of complaints) {
    assert.match(complaint, /local issuer|self-signed certificate in certificate chain|first certificate/, "the private authority is all that may be unknown");
  }
});

test("a name that was made to point here gets nothing", async () => {
  const code = (...words) => on("clerk", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", ...words);
  assert.equal(await code(`${PAGE}api/session`), "401");
  assert.equal(await code("-H", "Host: evil.example", `${PAGE}api/session`), "421");
  assert.equal(await code("-H", "Sec-Fetch-Site: cross-site", `${PAGE}api/session`), "403");
  assert.equal(await code("-d", "{}", "-H", "Content-Type: application/json", `${PAGE}api/logout`), "403");
});
