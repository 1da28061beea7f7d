// New firmware from the page: sent, refused, installed and tried. The lab's device is no box, so the test is its root: it tells what
// the slots hold, takes the daemon's wish, and says how far the installation is.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessibility, asAdministrator, file, keep, PAGE, SCREENSHOTS, withPage } from "./clerk.mjs";

const FOUND = "/run/sekisho-box";
const WISH = "/run/sekisho/update";
const LOCK = `${FOUND}/installation.lock`;
const NAME = "sekisho-sg115-0.2.0.raucb";
/** Large enough that a browser tells of its progress on a slow line. */
const BUNDLE = Buffer.concat([Buffer.from("hsqs"), Buffer.alloc(12 << 20, 0x5a)]);

/** Root tells something, in one step as it does on a box. */
function tell(name, value) {
  writeFileSync(`${FOUND}/.${name}.new`, JSON.stringify(value));
  renameSync(`${FOUND}/.${name}.new`, `${FOUND}/${name}`);
}

const slots = (more = {}) =>
  tell("firmware.json", {
    version: "0.1.0",
    kind: "development",
    floor: "0.1.0",
    slots: [
      { name: "A", runs: true, good: true, version: "0.1.0" },
      { name: "B", runs: false, good: Boolean(more.trial), ...(more.trial && { version: more.trial.version }) },
    ],
    ...more,
  });

const state = (state) => tell("installation.json", { at: new Date().toISOString(), state });

async function until(holds, what) {
  for (let at = 0; at < 300; at += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never: ${what}`);
}

/** Root's process at work: it holds the lock, and the wish is gone. */
async function begin() {
  await until(() => existsSync(WISH), "the daemon leaves its wish");
  const wish = JSON.parse(readFileSync(WISH, "utf8"));
  const root = spawn("flock", ["--exclusive", LOCK, "sh", "-c", "echo held; exec sleep 600"], { detached: true });
  await new Promise((resolve) => root.stdout.once("data", resolve));
  state({ name: "taking" });
  rmSync(WISH);
  return { wish, end: () => process.kill(-root.pid) };
}

before(() => {
  mkdirSync(FOUND, { recursive: true });
  mkdirSync(SCREENSHOTS, { recursive: true });
  rmSync(`${FOUND}/installation.json`, { force: true });
  writeFileSync(`${SCREENSHOTS}/${NAME}`, BUNDLE);
  slots();
});

after(() => {
  for (const name of ["firmware.json", "installation.json", "installation.lock"]) {
    rmSync(`${FOUND}/${name}`, { force: true });
  }
  rmSync(`${SCREENSHOTS}/${NAME}`);
});

/** The page of updates, and what was asked of the API there. */
async function opened(page) {
  const asked = [];
  page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await asAdministrator(page);
  await page.goto(`${PAGE}#/care/update`);
  await page.getByRole("heading", { name: "新しい版にする" }).waitFor();
  return asked;
}

const choose = (page, chosen) => page.getByLabel("更新ファイル（.raucb）").setInputFiles(chosen);
const send = (page) => page.getByRole("button", { name: "装置へ送る" }).click();

/** What is shown, in both themes, and nothing of it bars the way. */
async function shown(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await accessibility(page), [], `${name}, ${colorScheme}`);
    await keep(page, `${name}-${colorScheme}`);
  }
}

test("what is no update is refused, by the page or by the box, and nothing is left", () =>
  withPage({}, async (page) => {
    const asked = await opened(page);
    await choose(page, file("design.toml", "schema = 1"));
    await page.getByText("名前が .raucb で終わるファイルを選んでください。").waitFor();
    assert.ok(await page.getByRole("button", { name: "装置へ送る" }).isDisabled());
    assert.ok(!asked.includes("PUT /api/update/bundle"), "it isn't even sent");
    await choose(page, file(NAME, "PK, and no update"));
    await send(page);
    await page.getByRole("alert").getByText("装置の更新ファイルではありません").waitFor();
    await shown(page, "update-refused");
  }));

test("sending shows how far it is, and can be stopped", () =>
  withPage({}, async (page, context) => {
    await opened(page);
    const line = await context.newCDPSession(page);
    await line.send("Network.enable");
    // Three minutes for the whole file: whatever is looked at meanwhile, it isn't there yet.
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 64 << 10 };
    await line.send("Network.emulateNetworkConditions", slow);
    await choose(page, `${SCREENSHOTS}/${NAME}`);
    await send(page);
    await page.getByText(/^送っています（[1-9]\d?%）$/).waitFor();
    const bar = page.getByRole("progressbar", { name: "進み具合" });
    const percent = Number(await bar.getAttribute("value"));
    assert.ok(percent > 0 && percent < 100, `${percent} %`);
    await shown(page, "update-sending");
    await page.getByRole("button", { name: "送るのをやめる" }).click();
    await page.getByText("送るのをやめました").waitFor();
    await line.send("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });
    await until(() => !existsSync("/run/sekisho-lab/page/update/bundle.part"), "the part is removed");
    await send(page);
    await page.getByRole("heading", { name: "送った更新ファイル" }).waitFor();
    await page.getByText(createHash("sha256").update(BUNDLE).digest("hex")).waitFor();
    await page.getByText(NAME).waitFor();
    await shown(page, "update-sent");
  }));

/** Goes on to writing, and says what is next. */
async function write(page, when) {
  await page.getByRole("button", { name: "書き込みに進む" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: when }).check();
  return dialog;
}

test("an installation is followed to its end, whichever it is", () =>
  withPage({}, async (page) => {
    await opened(page);
    await page.getByLabel("許可証").setInputFiles(file("token.toml", 'allow = "older-firmware"'));
    let dialog = await write(page, "再起動しない");
    await shown(page, "update-confirm");
    await dialog.getByRole("button", { name: "やめる", exact: true }).click();
    assert.ok(!existsSync(WISH), "nothing is wished before it is confirmed");
    dialog = await write(page, "再起動しない");
    await dialog.getByRole("button", { name: "書き込む", exact: true }).click();
    let root = await begin();
    assert.deepEqual(root.wish, { restart: false, token: 'allow = "older-firmware"' });
    await page.getByText("更新ファイルを受け取っています。").waitFor();
    state({ name: "checking" });
    await page.getByText("署名、機種、版を確かめています。").waitFor();
    const why = { ja: "別の機種（sekisho-x）の更新ファイルです。", en: "The update is for 'sekisho-x'." };
    const wayOut = { ja: "この機種の更新ファイルを選んでください。", en: "Take the update for this box." };
    state({ name: "failed", why, way_out: wayOut });
    root.end();
    await page.getByRole("alert").getByText(why.ja).waitFor();
    await page.getByText(wayOut.ja).waitFor();
    await shown(page, "update-failed");
    await page.getByRole("combobox", { name: /Language/ }).selectOption("en");
    await page.getByRole("alert").getByText(why.en).waitFor();
    await page.getByRole("combobox", { name: /Language/ }).selectOption("ja");

    // What was sent is still there: once more.
    dialog = await write(page, "すぐに再起動する");
    await dialog.getByText("すべての通信が止まります").waitFor();
    await dialog.getByRole("button", { name: "書き込む", exact: true }).click();
    root = await begin();
    assert.deepEqual(root.wish.restart, true);
    for (const percent of [20, 60]) {
      state({ name: "writing", percent });
      await page.getByText(`スロットに書き込んでいます（${percent}%）`).waitFor();
    }
    await shown(page, "update-writing");
    slots({ trial: { version: "0.2.0", from: "0.1.0", slot: "B" } });
    state({ name: "installed", version: "0.2.0", restarts: true });
    root.end();
    await page.getByText("0.2.0 を書き込みました。装置を再起動しています").waitFor();
    await page.getByRole("cell", { name: "次の起動で試します" }).waitFor();
    assert.equal(await page.getByText("業務時間の外に").count(), 0, "it restarts already");
    await shown(page, "update-restarts");
  }));

test("root's process that dies is an installation that broke off", () =>
  withPage({}, async (page) => {
    slots();
    state({ name: "writing", percent: 40 });
    await opened(page);
    await page.getByRole("alert").getByText("書き込みが途中で終わりました。").waitFor();
  }));

test("after the restart the page tells of the trial, and why it went back", () =>
  withPage({}, async (page) => {
    rmSync(`${FOUND}/installation.json`, { force: true });
    const [a, b] = [
      { name: "A", runs: false, good: true, version: "0.1.0" },
      { name: "B", runs: true, good: true, version: "0.2.0" },
    ];
    slots({ version: "0.2.0", slots: [a, b], trial: { version: "0.2.0", from: "0.1.0", slot: "B" } });
    await opened(page);
    await page.getByText("0.2.0 を試行中です").waitFor();
    await page.getByRole("cell", { name: "試行中" }).waitFor();
    await shown(page, "update-trial");
    slots({ last: { version: "0.2.0", from: "0.1.0" } });
    await page.reload();
    await page.getByText("前回の更新：0.1.0 から 0.2.0 に更新しました。").waitFor();
    const why = { ja: "東拠点のトンネル：応答がありません", en: "Tunnel to the east centre: no answer" };
    slots({ last: { version: "0.2.0", from: "0.1.0", went_back: why } });
    await page.reload();
    await page.getByText("0.2.0 を取りやめ、0.1.0 に戻りました").waitFor();
    await page.getByText(why.ja).waitFor();
    await shown(page, "update-went-back");
  }));
