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

test("a name that was made to point here gets nothing", async () => {
  const code = (...words) => on("clerk", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", ...words);
  assert.equal(await code(`${PAGE}api/session`), "401");
  assert.equal(await code("-H", "Host: evil.example", `${PAGE}api/session`), "421");
  assert.equal(await code("-H", "Sec-Fetch-Site: cross-site", `${PAGE}api/session`), "403");
  assert.equal(await code("-d", "{}", "-H", "Content-Type: application/json", `${PAGE}api/logout`), "403");
});
