// The device's key is renewed from the page while both centres are wireguard-go, whose peers change as an operator changes them.
// LONG goes on to the end, three minutes after the last centre.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { accessibility, asAdministrator, keep, on, PAGE, sekisho, status, withPage } from "./clerk.mjs";

const CENTRES = ["east", "west"];
const TUNNEL_PORT = 51820;
/** A coming key is tried every five seconds; the rest is for a busy machine. */
const NOTICED = 30_000;
/** The old key is heard for three minutes more, and for three anew where a busy machine misses a centre meanwhile. */
const OVERLAP = 420_000;

const running = [];
const control = (centre) => `/run/wireguard/go-${centre}.sock`;
const hex = (base64) => Buffer.from(base64, "base64").toString("hex");

async function until(isSo, otherwise) {
  const end = Date.now() + NOTICED;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`never: ${otherwise}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Orders to a centre's wireguard-go, each a line. */
async function order(centre, ...lines) {
  const socket = connect(control(centre));
  socket.write(`set=1\n${lines.join("\n")}\n\n`);
  const [answer] = await once(socket, "data");
  socket.destroy();
  assert.match(String(answer), /^errno=0\n/);
}

/** Lets a device in, by its key's text, without any address. */
const register = (centre, key) => order(centre, `public_key=${hex(key)}`);

/** Gives the organisation's addresses to a device; whoever had them loses them. */
const give = (centre, key) =>
  order(centre, `public_key=${hex(key)}`, ...process.env.LAB_POOL.split(" ").map((network) => `allowed_ip=${network}`));

const remove = (centre, key) => order(centre, `public_key=${hex(key)}`, "remove=true");

/** How a process was started; it may have gone meanwhile. */
function wordsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [""];
  }
}

/** Puts wireguard-go in the place of a centre's tunnel end. */
async function replace(centre, key) {
  const listens = `${process.env[`LAB_${centre.toUpperCase()}_ENDPOINT`]}:${TUNNEL_PORT}`;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = wordsOf(pid);
    if (words[0].endsWith("/sekisho-far-end") && words.includes(listens)) process.kill(Number(pid), "SIGKILL");
  }
  const device = `go-${centre}`;
  running.push(spawn("ip", ["netns", "exec", centre, "wireguard-go", "-f", device], { stdio: "ignore" }));
  await until(() => existsSync(control(centre)), `${device} listens`);
  const own = readFileSync(`${process.env.LAB_LOGS}/${centre}.key`, "utf8");
  await order(centre, `private_key=${hex(own)}`, `listen_port=${TUNNEL_PORT}`);
  await give(centre, key);
  await on(centre, "ip", "link", "set", device, "up");
  for (const network of process.env.LAB_POOL.split(" ")) await on(centre, "ip", "route", "replace", network, "dev", device);
}

const identity = async () => JSON.parse(await sekisho("identity", "--format", "json"));

before(async () => {
  mkdirSync("/run/wireguard", { recursive: true });
  const { public_key } = await identity();
  for (const centre of CENTRES) await replace(centre, public_key);
  await until(async () => (await status()).tunnel.centres.every(({ alive }) => alive), "both centres answer");
  await withPage({}, asAdministrator);
});

after(() => {
  for (const go of running) go.kill("SIGKILL");
});

const cardOf = (page) =>
  page.locator("section.card", { has: page.getByRole("heading", { name: "装置の鍵の更新", exact: true }) });

/** The card of the renewal, of whoever has logged in. */
async function opened(page) {
  await page.goto(`${PAGE}#/care/box`);
  const card = cardOf(page);
  await card.waitFor();
  return card;
}

/** Waits until the page says that a centre is so far. */
const isSoFar = (card, centre, state) =>
  card.locator(".facts > div", { hasText: centre }).getByText(state, { exact: true }).waitFor({ timeout: NOTICED });

/** What is shown, in both themes and languages: nothing of it bars the way. */
async function shown(page, name) {
  for (const language of ["en", "ja"]) {
    await page.evaluate((language) => {
      const choice = document.querySelector("select option[value=en]").closest("select");
      choice.value = language;
      choice.dispatchEvent(new Event("change", { bubbles: true }));
    }, language);
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await accessibility(page), [], `${name}, ${colorScheme}, ${language}`);
      await keep(page, `${name}-${colorScheme}${language === "ja" ? "" : `-${language}`}`);
    }
  }
}

/** Asks for a change and says yes. */
async function change(card, word) {
  await card.getByRole("button", { name: word, exact: true }).click();
  await card.page().getByRole("dialog").getByRole("button", { name: word, exact: true }).click();
  await card.page().getByRole("dialog").waitFor({ state: "detached" });
}

/** What the trail has of the renewal, the latest last. */
async function trail(page) {
  const { records } = await page.evaluate(async () => (await fetch("/api/audit?limit=100")).json());
  const of = records.filter(({ what }) => what.startsWith("POST /api/identity/")).reverse();
  return of.map(({ what, result, after }) => [what.slice("POST /api/identity/".length), result, after?.coming]);
}

test("a renewal is begun, followed centre by centre, and given up as long as that is allowed", () =>
  withPage({}, async (page, context) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await asAdministrator(page);
    const card = await opened(page);
    const { public_key: old } = await identity();
    const begun = (await trail(page)).length;

    // By keyboard: asked about, put off, asked about again and begun.
    const begin = card.getByRole("button", { name: "鍵の更新を始める" });
    await begin.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "装置の鍵の更新を始めますか" });
    await dialog.getByText("通信は、今の鍵のまま続きます。切れる通信はありません。").waitFor();
    await dialog.getByText("両方の拠点に登録して切り替えるまで、今の鍵を使い続けます").waitFor();
    await shown(page, "renewal-asked");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal((await identity()).coming, undefined, "nothing is begun before it is confirmed");
    await begin.focus();
    await page.keyboard.press("Enter");
    const yes = dialog.getByRole("button", { name: "鍵の更新を始める" });
    const isThere = () => yes.evaluate((button) => button === document.activeElement);
    for (let at = 0; at < 5 && !(await isThere()); at += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");

    await card.getByText("更新中").waitFor();
    const { coming, public_key } = await identity();
    assert.equal(public_key, old, "the old key stays in use");
    await card.getByText(coming.public_key, { exact: true }).waitFor();
    await card.getByRole("img", { name: "新しい公開鍵、製造番号、団体、版のQRコード" }).waitFor();
    assert.equal(await page.getByRole("img", { name: /QRコード/ }).count(), 1, "the old one's picture leads nobody astray");
    await card.getByRole("button", { name: "写す" }).click();
    await card.getByText("写しました").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), coming.line);
    for (const centre of ["東拠点", "西拠点"]) await isSoFar(card, centre, "応答なし");
    await shown(page, "renewal-coming");

    // The operator's steps, each seen here without a key pressed.
    await register("east", coming.public_key);
    await isSoFar(card, "東拠点", "登録済み");
    await isSoFar(card, "西拠点", "応答なし");
    await register("west", coming.public_key);
    await isSoFar(card, "西拠点", "登録済み");
    await give("east", coming.public_key);
    await isSoFar(card, "東拠点", "切替済み");
    await isSoFar(card, "西拠点", "登録済み");
    await shown(page, "renewal-in-use");

    // It would end the tunnel now: the daemon says no, in the language of the page, with the way out.
    await change(card, "更新をやめる");
    const refused = card.getByRole("alert");
    await refused.getByText(/拠点 east は、もう新しい鍵で通信しています。やめるには、先に機構に/).waitFor();
    assert.doesNotMatch(await refused.innerText(), /[a-z]{3,} [a-z]{3,}/, "nothing in English");
    await shown(page, "renewal-refused");
    assert.equal((await identity()).coming.public_key, coming.public_key);

    // Another window looks on while the operator turns back and the first one gives up.
    const other = await context.newPage();
    const there = await opened(other);
    await isSoFar(there, "東拠点", "切替済み");
    await give("east", old);
    await isSoFar(card, "東拠点", "登録済み");
    await isSoFar(there, "東拠点", "登録済み");
    await other.bringToFront();
    await there.getByRole("button", { name: "更新をやめる" }).click();
    await page.bringToFront();
    await change(card, "更新をやめる");
    await card.getByText("新しい鍵は取りやめになりました").waitFor();
    await card.getByText(coming.public_key).waitFor();
    await card.getByText("登録を消してもらってください").waitFor();
    const now = await identity();
    assert.deepEqual([now.public_key, now.coming], [old, undefined]);
    await shown(page, "renewal-withdrawn");

    // The question that the other window still asks is about what isn't there any more, and nothing else is done.
    await other.bringToFront();
    await there.getByText("新しい鍵は取りやめになりました").waitFor();
    const late = other.getByRole("dialog", { name: "装置の鍵の更新をやめますか" });
    await late.getByRole("button", { name: "更新をやめる" }).click();
    await there.getByRole("alert").getByText("鍵の更新は、もう終わったか、取りやめられています。").waitFor();
    assert.equal((await identity()).coming, undefined);
    await there.getByRole("button", { name: "わかりました" }).click();
    await there.getByText("新しい鍵は取りやめになりました").waitFor({ state: "detached" });

    const done = (await trail(page)).slice(begun);
    assert.deepEqual(done, [
      ["renew", "begun", undefined],
      ["renew", "done", coming.public_key],
      ["cancel-renewal", "begun", undefined],
      ["cancel-renewal", "refused", undefined],
      ["cancel-renewal", "begun", undefined],
      ["cancel-renewal", "done", undefined],
      ["cancel-renewal", "begun", undefined],
      ["cancel-renewal", "refused", undefined],
    ]);
    for (const centre of CENTRES) await remove(centre, coming.public_key);
  }));

test("what was begun elsewhere is there, and can't be begun twice", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const card = await opened(page);
    await card.getByRole("button", { name: "鍵の更新を始める" }).click();
    await sekisho("identity", "renew");
    try {
      const { coming } = await identity();
      const dialog = page.getByRole("dialog", { name: "装置の鍵の更新を始めますか" });
      await dialog.getByRole("button", { name: "鍵の更新を始める" }).click();
      await card.getByRole("alert").getByText("鍵の更新は、もう始まっています").waitFor();
      await card.getByText(coming.public_key, { exact: true }).waitFor();
      assert.equal((await identity()).coming.public_key, coming.public_key);
    } finally {
      await sekisho("identity", "renew", "--cancel");
    }
  }));

test("at its end the page says what is left to do", { skip: !process.env.LONG }, () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const card = await opened(page);
    const { public_key: old } = await identity();
    await change(card, "鍵の更新を始める");
    await card.getByText("更新中").waitFor();
    const { coming } = await identity();
    for (const centre of CENTRES) await give(centre, coming.public_key);
    for (const centre of ["東拠点", "西拠点"]) await isSoFar(card, centre, "切替済み");
    // The page stops asking where nobody is at it.
    const hand = setInterval(() => page.keyboard.press("Shift").catch(() => {}), 30_000);
    try {
      await card.getByText("装置の鍵が新しくなりました").waitFor({ timeout: OVERLAP });
    } finally {
      clearInterval(hand);
    }
    const now = await identity();
    assert.deepEqual([now.public_key, now.coming], [coming.public_key, undefined]);
    await page.getByText(coming.public_key, { exact: true }).waitFor();
    await card.getByText("古い鍵の登録が拠点に残っていれば消してもらってください").waitFor();
    await shown(page, "renewal-ended");
    // It is there until somebody has read it, also for a page that is opened anew.
    await page.reload();
    await card.getByText("装置の鍵が新しくなりました").waitFor();
    await card.getByRole("link", { name: "控えを作る" }).click();
    await page.getByRole("button", { name: "控えを作って保存" }).waitFor();
    await page.goBack();
    await card.getByRole("button", { name: "わかりました" }).click();
    await page.reload();
    await card.getByRole("button", { name: "鍵の更新を始める" }).waitFor();
    assert.equal(await card.getByText("装置の鍵が新しくなりました").count(), 0);
    for (const centre of CENTRES) await remove(centre, old);
  }));
